"""`holdfast demo-scenario` writes built-in scenarios and says what it wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli.app import invoke
from scenarios.library import demo_scenario
from scenarios.scenario import Scenario


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx", "json", "zip"])
@pytest.mark.slow
def test_every_form_reads_back_the_same(tmp_path: Path, form: str) -> None:
    """What is written in any form has the content hash of the built-in scenario."""
    place = tmp_path / ("shop" if form in ("csv", "parquet") else f"shop.{form}")
    assert invoke(["demo-scenario", "corner-shop", "--out", str(place), "--format", form]) == 0
    assert Scenario.load(place).content_hash == demo_scenario("corner-shop").content_hash


def test_json_names_path_hash_and_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, one document says what was written where."""
    place = tmp_path / "shop"
    assert invoke(["demo-scenario", "corner-shop", "--out", str(place), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["content_hash"] == demo_scenario("corner-shop").content_hash
    assert document["path"] == str(place)
    assert document["tables"]["products"] == 4
    assert document["seed"] == 0


def test_seed_is_taken(tmp_path: Path) -> None:
    """--seed draws another scenario."""
    place = tmp_path / "shop"
    assert invoke(["demo-scenario", "corner-shop", "--out", str(place), "--seed", "3"]) == 0
    assert Scenario.load(place).settings.seed == 3


def test_list_names_both(capsys: pytest.CaptureFixture[str]) -> None:
    """--list names every built-in scenario, with --json as a document."""
    assert invoke(["demo-scenario", "--list"]) == 0
    assert "double-eleven" in capsys.readouterr().out
    assert invoke(["demo-scenario", "--list", "--json"]) == 0
    assert [row["name"] for row in json.loads(capsys.readouterr().out)] == [
        "corner-shop",
        "double-eleven",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo-scenario"], "corner-shop"),
        (["demo-scenario", "corner-shop"], "--out"),
        (["demo-scenario", "shop", "--out", "x"], "double-eleven"),
        (["demo-scenario", "corner-shop", "--out", "x", "--format", "pdf"], "parquet"),
    ],
)
def test_wrong_calls_say_what_is_allowed(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong call ends with code 2 and names what is allowed."""
    assert invoke(arguments) == 2
    assert said in capsys.readouterr().err
