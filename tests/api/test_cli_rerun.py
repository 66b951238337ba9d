"""`holdfast rerun`: exit codes and what it prints."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from api.cli.app import invoke
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario


@pytest.fixture(scope="module")
def folder(corner_shop: Scenario, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan of parcels beside its scenario."""
    home = tmp_path_factory.mktemp("rerun")
    corner_shop.save(home / "shop")
    plan(corner_shop, ["sourcing"], work=1.0).from_place("../shop").save(home / "plan")
    return home / "plan"


def test_a_plan_on_disk_comes_out_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written and read, it is the same bit for bit: exit 0."""
    assert invoke(["rerun", str(folder)]) == 0
    assert "bit for bit" in capsys.readouterr().out


@pytest.mark.slow
def test_a_difference_ends_with_1_and_names_its_cause(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan of other code whose parcels cost otherwise: the code and the column."""
    made = Plan.load(folder)
    tables = dict(made.tables)
    tables["shipments"] = tables["shipments"].assign(cost=1.0)
    other = Plan(dataclasses.replace(made.provenance, code_digest="f" * 64), tables)
    other.save(folder.parent / "other")
    assert invoke(["rerun", str(folder.parent / "other"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [cause["what"] for cause in document["causes"]] == ["code"]
    assert document["differences"][0].startswith("shipments.cost")


def test_a_plan_without_provenance_is_refused(folder: Path, tmp_path: Path) -> None:
    """Nobody knows how it was made: exit 2."""
    made = Plan.load(folder)
    Plan(dataclasses.replace(made.provenance, options={}), made.tables).save(tmp_path / "plan")
    arguments = ["rerun", str(tmp_path / "plan"), "--scenario", str(folder.parent / "shop")]
    assert invoke(arguments) == 2
