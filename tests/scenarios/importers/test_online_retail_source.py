"""The file is read alike in every form, and refused with a clear word when it is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from scenarios import InputError
from scenarios.findings import Findings, Severity
from scenarios.importers.online_retail import read
from scenarios.importers.online_retail.source import read_lines


def as_workbook(frame: pd.DataFrame, path: Path, sheets: int = 1) -> Path:
    """Write lines as the published workbook does: numbers where a code has digits only."""
    shown = frame.astype({"InvoiceNo": object, "StockCode": object, "CustomerID": object})
    for column in ("InvoiceNo", "StockCode", "CustomerID"):
        shown[column] = [
            int(cell) if isinstance(cell, str) and cell.isdigit() else cell
            for cell in shown[column]
        ]
    size = -(-len(shown) // sheets)
    with pd.ExcelWriter(path, engine="openpyxl") as book:
        for number in range(sheets):
            part = shown.iloc[number * size : (number + 1) * size]
            part.to_excel(book, sheet_name=f"Sheet{number + 1}", index=False)
    return path


@pytest.mark.slow
def test_all_forms_give_the_same_scenario(
    extract: pd.DataFrame, extract_file: Path, tmp_path: Path
):
    """Parquet, UTF-8 and Windows-1252 CSV, and Excel give the same content hash."""
    expected = read(extract_file).content_hash
    iso = tmp_path / "iso.csv"
    extract.to_csv(iso, index=False)
    slashed = extract.assign(
        InvoiceDate=[f"{t.month}/{t.day}/{t.year} {t.hour}:{t:%M}" for t in extract["InvoiceDate"]]
    )
    western = tmp_path / "western.csv"
    slashed.to_csv(western, index=False, encoding="cp1252")
    book = as_workbook(extract, tmp_path / "book.xlsx")
    assert [read(path).content_hash for path in (iso, western, book)] == [expected] * 3


def test_workbook_of_several_sheets_is_read_whole(extract: pd.DataFrame, tmp_path: Path):
    """Sheets with the headings are read one below the other."""
    lines = read_lines(as_workbook(extract, tmp_path / "two.xlsx", sheets=2), Findings())
    assert len(lines) == len(extract)


def test_customers_read_as_decimals_are_the_same(
    extract: pd.DataFrame, extract_file: Path, write_csv: Callable[[pd.DataFrame], Path]
):
    """17850.0, as a table program writes a column with blanks, is customer 17850."""
    shown = extract.assign(CustomerID=extract["CustomerID"].astype("float64"))
    assert read(write_csv(shown)).content_hash == read(extract_file).content_hash


@pytest.mark.parametrize(("order", "warned"), [("%d/%m/%Y %H:%M", 0), ("%m/%d/%Y %H:%M", 0)])
def test_date_order_is_told_by_the_dates(
    extract: pd.DataFrame,
    extract_file: Path,
    write_csv: Callable[[pd.DataFrame], Path],
    order: str,
    warned: int,
):
    """Day first or month first is read off days above 12."""
    path = write_csv(extract.assign(InvoiceDate=extract["InvoiceDate"].dt.strftime(order)))
    scenario = read(path)
    assert scenario.content_hash == read(extract_file).content_hash
    assert scenario.findings.total(Severity.WARNING) == warned


def test_doubtful_date_order_is_a_warning(
    extract: pd.DataFrame, write_csv: Callable[[pd.DataFrame], Path]
):
    """Where no day is above 12 the reading as month/day is told."""
    findings = Findings()
    doubtful = extract.assign(InvoiceDate="2/3/2011 10:00")
    lines = read_lines(write_csv(doubtful), findings)
    assert set(lines["at"]) == {pd.Timestamp("2011-02-03 10:00")}
    assert [finding.code for finding in findings] == ["date_order"]


@pytest.mark.parametrize(
    ("column", "cell", "row"),
    [("Quantity", "six", 5), ("UnitPrice", "", 3), ("InvoiceDate", "?", 2)],
)
def test_unreadable_cells_are_named(
    extract: pd.DataFrame,
    write_csv: Callable[[pd.DataFrame], Path],
    column: str,
    cell: str,
    row: int,
):
    """A cell that is no number or date is an error with its row, as the planner counts it."""
    broken = extract.astype({column: object})
    broken.loc[row - 2, column] = cell
    with pytest.raises(InputError, match="1 cells cannot be read") as caught:
        read(write_csv(broken))
    (finding,) = caught.value.findings
    assert (finding.column, finding.row, finding.code) == (column, row, "unreadable")


def test_missing_headings_are_named(
    extract: pd.DataFrame, write_csv: Callable[[pd.DataFrame], Path]
):
    """A file without the columns is refused, naming those that are missing."""
    with pytest.raises(InputError, match="no column stockcode, country"):
        read(write_csv(extract.drop(columns=["StockCode", "Country"])))


def test_other_files_are_refused(tmp_path: Path, extract: pd.DataFrame):
    """No such file, another ending, an empty file and garbage are each told as what they are."""
    garbage = {name: tmp_path / name for name in ("a.txt", "b.csv", "c.xlsx", "d.parquet", "e.csv")}
    for path in garbage.values():
        path.write_bytes(b"\x00\x01 no table")
    garbage["b.csv"].write_text("")
    told = {
        "a.txt": "must end in",
        "b.csv": "is empty",
        "c.xlsx": "cannot be read as an Excel workbook",
        "d.parquet": "cannot be read as Parquet",
        "e.csv": "not the Online Retail file",
    }
    for name, path in garbage.items():
        with pytest.raises(InputError, match=told[name]):
            read(path)
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nowhere.csv")
    extract.head(0).to_csv(garbage["b.csv"], index=False)
    with pytest.raises(InputError, match="no rows"):
        read(garbage["b.csv"])


def test_less_than_a_week_is_refused(
    extract: pd.DataFrame, write_csv: Callable[[pd.DataFrame], Path]
):
    """Without one whole week before the last there is nothing to plan on."""
    few = extract[extract["InvoiceDate"] < "2011-01-05"]
    with pytest.raises(InputError, match="at least one whole week"):
        read(write_csv(few))


def test_history_is_week_or_day(extract_file: Path):
    """Any other length of history is refused."""
    with pytest.raises(InputError, match="history must be week or day"):
        read(extract_file, history="month")  # type: ignore[arg-type]
