"""`holdfast import online-retail` on the extract."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from api.cli.app import invoke
from scenarios import Scenario
from scenarios.importers.online_retail import read


@pytest.mark.parametrize(
    ("form", "written"), [("parquet", "shop"), ("csv", "shop"), ("xlsx", "shop/scenario.xlsx")]
)
@pytest.mark.slow
def test_written_scenario_reads_back_the_same(
    extract_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, written: str
):
    """Each form is written where the answer says, and holds the scenario bit for bit."""
    target = tmp_path / "shop"
    call = ["import", "online-retail", str(extract_file), "--out", str(target), "--format", form]
    assert invoke([*call, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["path"] == str(tmp_path / written)
    assert told["scenario_hash"] == read(extract_file).content_hash
    assert Scenario.load(told["path"]).content_hash == told["scenario_hash"]
    assert told["tables"]["order_lines"] == 18
    defects = {defect["code"]: defect["seen"] for defect in told["report"]["defects"]}
    assert defects["extreme_pairs"] == 2


def test_people_are_told_what_was_done(
    extract_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """The answer names the defects, what is left, the tables, and what to do next."""
    target = tmp_path / "shop"
    assert invoke(["import", "online-retail", str(extract_file), "--out", str(target)]) == 0
    shown = capsys.readouterr().out
    for word in ("exact_duplicates", "orders to ship", "demand_history", "plan starts 2011-02-07"):
        assert word in shown
    assert "holdfast plan" in shown


def test_seed_and_history_are_passed_on(
    extract_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    """--seed and --history give the scenario that they name."""
    call = ["import", "online-retail", str(extract_file), "--out", str(tmp_path / "shop")]
    assert invoke([*call, "--seed", "7", "--history", "day", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seed"] == 7
    assert told["scenario_hash"] == read(extract_file, seed=7, history="day").content_hash


def test_other_files_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A file that is not the Online Retail file ends with exit code 2 and one clear line."""
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    assert invoke(["import", "online-retail", str(path), "--out", str(tmp_path / "shop")]) == 2
    shown = capsys.readouterr().err
    assert "not the Online Retail file" in shown
    assert "Traceback" not in shown
    assert not (tmp_path / "shop").exists()
