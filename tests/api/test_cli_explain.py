"""`holdfast explain`: sentences, JSON, the check and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from api.cli.app import invoke
from optimizer.plan import Plan
from scenarios import Scenario

DECISION = "purchase_orders:PO-20261012-FARM-W1/1"


@pytest.fixture(scope="module")
def folder(
    corner_shop: Scenario, corner_plan: Plan, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the corner shop's plan beside its scenario."""
    home = tmp_path_factory.mktemp("explain")
    corner_shop.save(home / "shop")
    corner_plan.from_place("../shop").save(home / "plan")
    return home / "plan"


@pytest.mark.parametrize(("language", "word"), [("en", "price break"), ("zh", "价格阶梯")])
@pytest.mark.slow
def test_a_decision_is_told_in_both_languages(
    folder: Path, capsys: pytest.CaptureFixture[str], language: str, word: str
) -> None:
    """The rule that binds is named in the language asked for."""
    assert invoke(["explain", str(folder), DECISION, "--language", language]) == 0
    assert word in capsys.readouterr().out


def test_json_has_sums_and_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the factors with their cells."""
    assert invoke(["explain", str(folder), DECISION, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    factor = document["sums"][1]["terms"][0]["factors"][1]
    assert (factor["table"], factor["column"], factor["value"]) == (
        "price_breaks",
        "unit_cost",
        3.8,
    )
    assert document["sentences"]


@pytest.mark.slow
def test_the_check_of_a_sound_plan_ends_with_0(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every decision, no difference."""
    assert invoke(["explain", str(folder), "--all", "--check"]) == 0
    assert "30 decisions explained; differences: 0" in capsys.readouterr().out


@pytest.mark.slow
def test_the_check_of_an_edited_plan_ends_with_1(
    folder: Path, corner_plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    """One order line's cost was changed by a tenth of a unit."""
    tables = dict(corner_plan.tables)
    orders = tables["purchase_orders"].copy()
    orders.loc[0, "cost"] = orders.loc[0, "cost"] + 0.1
    tables["purchase_orders"] = orders
    Plan(corner_plan.provenance, tables).from_place("../shop").save(folder.parent / "edited")
    assert invoke(["explain", str(folder.parent / "edited"), "--all", "--check"]) == 1
    assert "the plan states" in capsys.readouterr().out


def test_a_day_that_no_sum_reads_is_held_by_the_referee(
    folder: Path, corner_plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    """A van that arrives a day later pays as much for less waiting: sums agree, roads do not."""
    kept = ("shipments", "shipment_lines", "routes", "stops", "handed_over")
    tables = {name: corner_plan.tables[name] for name in kept if name in corner_plan.tables}
    proofs = corner_plan.table("certificates")
    tables["certificates"] = proofs[proofs["stage"] == "routing"]
    stops = tables["stops"].copy()
    stops.loc[0, "arrive"] += pd.Timedelta(days=1)
    told = ""
    for name, table in (("sound", tables["stops"]), ("later", stops)):
        place = folder.parent / name
        made = Plan(corner_plan.provenance, {**tables, "stops": table})
        made.from_place("../shop").save(place)
        code = invoke(["explain", str(place), "--all", "--check"])
        told = capsys.readouterr().out
        assert code == (0 if name == "sound" else 1), told
    assert "the referee: routing/stops" in told


def test_another_scenario_is_refused(folder: Path, corner_shop: Scenario, tmp_path: Path) -> None:
    """A plan is explained by the scenario that it was made from, not by another."""
    tables = {name: corner_shop.table(name) for name in corner_shop.tables}
    tables["products"] = tables["products"].assign(unit_cost=1.0)
    Scenario(corner_shop.settings, tables).save(tmp_path / "other")
    arguments = ["explain", str(folder), DECISION, "--scenario", str(tmp_path / "other")]
    assert invoke(arguments) == 2


def test_a_ledger_is_written_and_replayed(folder: Path, tmp_path: Path) -> None:
    """What --ledger wrote, --replay finds again."""
    ledger = tmp_path / "ledger.jsonl"
    assert invoke(["explain", str(folder), "--all", "--ledger", str(ledger)]) == 0
    assert invoke(["explain", str(folder), "--replay", str(ledger)]) == 0
