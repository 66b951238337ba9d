"""Reading and rules together: nothing is said twice, and the copy shows where."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest

from api.cli.app import invoke
from scenarios import Findings, NotFound, Scenario, Severity
from scenarios.validation import marked
from scenarios.validation.examine import examine
from scenarios.validation.marked import marked_workbook

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def folder(rows: Rows, made: Callable[..., Scenario], tmp_path: Path) -> Path:
    """Write the sound scenario as a folder of CSV."""
    return made(rows).save(tmp_path / "sound", "csv")


def spoil(folder: Path, table: str, *lines: str) -> None:
    path = folder / f"{table}.csv"
    path.write_text(path.read_text(encoding="utf-8") + "\n".join(lines) + "\n", encoding="utf-8")


def test_what_cannot_be_read_and_what_is_wrong_come_together(folder: Path) -> None:
    """An unreadable cell and a duplicate key in one file are both found, each once."""
    spoil(folder, "demand_cases", "low,0.25", "mid,many")
    examined = examine(folder)
    found = {(f.code, f.table, f.row) for f in examined.findings.errors}
    assert ("not_a_number", "demand_cases", 5) in found
    assert ("duplicate_key", "demand_cases", 4) in found
    assert not [f for f in examined.findings if f.code == "blank_required"]
    assert not examined.is_fit
    assert examined.scenario is not None


def test_unreadable_cells_beyond_the_cap_are_no_blanks(folder: Path) -> None:
    """Hundreds of unreadable cells do not come back as blank ones."""
    spoil(folder, "demand_cases", *[f"case{n},many" for n in range(250)])
    findings = examine(folder).findings
    counts = {key[0]: count for key, count in findings.counts.items()}
    assert counts["not_a_number"] == 250
    assert "blank_required" not in counts


def test_a_sound_folder_is_fit(folder: Path) -> None:
    """A scenario written and examined has no errors and no warnings."""
    examined = examine(folder)
    assert examined.is_fit
    assert examined.findings.total(Severity.WARNING) == 0


def test_nothing_there_is_not_found(tmp_path: Path) -> None:
    """A path that does not exist is refused as such."""
    with pytest.raises(NotFound, match="nowhere"):
        examine(tmp_path / "nowhere")


@pytest.mark.slow
def test_the_copy_marks_cells_and_keeps_what_was_given(folder: Path) -> None:
    """The marked workbook shows an unreadable cell as given, coloured, with the hint."""
    spoil(folder, "demand_cases", "low,0.25", "mid,=1+1")
    examined = examine(folder)
    book = openpyxl.load_workbook(io.BytesIO(marked_workbook(*_parts(examined))))
    sheet = book["demand_cases"]
    assert sheet["B5"].value == "=1+1"
    assert sheet["B5"].data_type == "s"
    assert "not_a_number" in sheet["B5"].comment.text
    assert sheet["B5"].fill.fgColor.rgb.endswith(marked.COLOURS[Severity.ERROR])
    assert "duplicate_key" in sheet["A4"].comment.text
    assert sheet["A2"].comment is None
    cells = [row[7].value for row in book[marked.LIST].iter_rows(min_row=3)]
    assert "demand_cases!B5" in cells


def _parts(examined: Any) -> tuple[Scenario, Findings]:
    return examined.scenario, examined.findings


def test_the_copy_of_a_long_table_shows_the_bad_rows(
    rows: Rows, made: Callable[..., Scenario], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a table that is too long only rows with findings are shown, with their row numbers."""
    monkeypatch.setattr(marked, "MOST_ROWS", 10)
    findings = Findings()
    findings.add("x", Severity.ERROR, "hint", table="demand_history", column="qty", row=9)
    book = openpyxl.load_workbook(io.BytesIO(marked_workbook(made(rows), findings)))
    shown = list(book["demand_history"].iter_rows(values_only=True))
    assert len(shown) == 2
    assert shown[0][-1] == marked.ROW_HEADING
    assert shown[1][-1] == 9


def test_the_copy_of_what_could_not_be_read_lists_the_findings() -> None:
    """Without a scenario the workbook still lists what is wrong."""
    findings = Findings()
    findings.add("bad_setting", Severity.ERROR, "bucket is day or week", table="settings")
    book = openpyxl.load_workbook(io.BytesIO(marked_workbook(None, findings)))
    assert book.sheetnames == [marked.LIST]
    assert book[marked.LIST]["B3"].value == "bad_setting"


def test_a_missing_column_is_marked_at_its_heading(
    rows: Rows, made: Callable[..., Scenario]
) -> None:
    """A required column that is not there appears in the copy with a comment."""
    scenario = made(rows)
    frame = scenario.tables["zones"].drop(columns="name")
    bare = Scenario(scenario.settings, {**scenario.tables, "zones": frame})
    findings = Findings()
    findings.add("missing_column", Severity.ERROR, "add it", table="zones", column="name")
    book = openpyxl.load_workbook(io.BytesIO(marked_workbook(bare, findings)))
    assert book["zones"]["B1"].value == "name"
    assert book["zones"]["B1"].comment is not None


@pytest.mark.slow
def test_the_command_exits_0_without_errors_and_2_with(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`holdfast validate` says in its exit code whether there are errors, and writes the copy."""
    assert invoke(["validate", str(folder)]) == 0
    assert "can be planned" in capsys.readouterr().out
    spoil(folder, "demand_cases", "low,0.25")
    copy = tmp_path / "copy.xlsx"
    assert invoke(["validate", str(folder), "--mark", str(copy), "--json"]) == 2
    document = json.loads(capsys.readouterr().out)
    assert document["fit"] is False
    assert document["counts"]["error"] == 2  # the key, and probabilities that add up to 1.25
    assert document["findings"][0]["row"] == 4
    assert copy.exists()
    assert invoke(["validate", str(folder), "--mark", str(copy)]) == 2  # written again
    assert "Marked copy" in capsys.readouterr().out


def test_a_broken_setting_is_shown_the_same_way(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario that cannot be read at all is reported as findings, not as a traceback."""
    (folder / "settings.toml").write_text('name = "x"\n', encoding="utf-8")
    assert invoke(["validate", str(folder)]) == 2
    assert "missing_setting" in capsys.readouterr().out


@pytest.mark.slow
def test_a_million_rows_take_seconds(made: Callable[..., Scenario], rows: Rows) -> None:
    """A million rows of sales, with references to products and zones, validate in 5 CPU seconds."""
    import time

    import numpy as np

    from scenarios.validation import validate

    scenario = made(rows)
    n = np.arange(1_000_000)
    products = [f"SKU{k:04d}" for k in range(2000)]
    zones = [f"Z{k:02d}" for k in range(50)]
    base = scenario.tables["products"].iloc[[0]]
    many = {
        "products": pd.concat([base] * 2000).assign(product_id=products),
        "zones": pd.DataFrame({"zone_id": zones, "name": zones, "lat": 51.4, "lon": -0.1}),
        "sites": scenario.tables["sites"],
        "inventory": pd.DataFrame({"site_id": "W1", "product_id": products, "on_hand": 9.0}),
        "demand_history": pd.DataFrame(
            {
                "date": pd.Timestamp("2025-05-01") + pd.to_timedelta(n // 100_000, unit="D"),
                "product_id": np.array(products)[n % 2000],
                "location_id": np.array(zones)[(n // 2000) % 50],
                "qty": 1.0 + n % 7,
            }
        ),
    }
    big = Scenario(scenario.settings, many)
    begin = time.process_time()
    findings = validate(big)
    assert time.process_time() - begin < 5.0
    assert findings.total(Severity.ERROR) == 0
