"""Broken workbooks and archives: each gives findings or a clear refusal, never a traceback."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from scenarios import InputError, Scenario
from scenarios.files import Reading, examine_bytes, read_bytes, scenario_bytes
from scenarios.findings import Severity

USED = (
    *("products", "sites", "inventory", "demand_history", "orders", "order_lines"),
    *("calendars", "carriers", "vehicles"),
)
Mutation = Callable[[openpyxl.Workbook], None]


@pytest.fixture(scope="module")
def workbook(corner_shop: Scenario) -> bytes:
    """A sound workbook that every mutation starts from; 20 rows of a table are enough."""
    tables = {name: corner_shop.tables[name].head(20) for name in USED}
    part = Scenario(corner_shop.settings, tables)
    data = scenario_bytes(part, "xlsx")
    reading = examine_bytes("sound.xlsx", data)
    assert reading.findings.total(Severity.ERROR) == 0
    assert reading.findings.total(Severity.WARNING) == 0
    return data


def told(reading: Reading, wanted: set[str]) -> set[str]:
    """Return the codes of all findings; those of validation too if reading told not enough."""
    codes = {finding.code for finding in reading.findings}
    if reading.scenario is not None and not wanted <= codes:
        from scenarios.validation import validate

        codes |= {
            finding.code
            for finding in validate(reading.scenario)
            if finding.severity != Severity.INFO
        }
    return codes


def mutated(data: bytes, change: Mutation) -> bytes:
    """Return a workbook after one change."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    change(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def cell(sheet: Any, column: str, row: int = 2) -> Any:
    """Return a cell by the heading of its column."""
    headings = [each.value for each in sheet[1]]
    return sheet.cell(row, headings.index(column) + 1)


def put(table: str, column: str, value: Any, row: int = 2) -> Mutation:
    def change(book: openpyxl.Workbook) -> None:
        target = cell(book[table], column, row)
        target.value = value
        if not isinstance(value, dt.date):
            target.number_format = "General"

    return change


def rename(table: str, old: str, new: str) -> Mutation:
    return lambda book: setattr(cell(book[table], old, 1), "value", new)


def drop_column(table: str, column: str) -> Mutation:
    return lambda book: book[table].delete_cols(cell(book[table], column, 1).column)


def drop_sheet(name: str) -> Mutation:
    return lambda book: book.remove(book[name])


def retitle(name: str, new: str) -> Mutation:
    return lambda book: setattr(book[name], "title", new)


def swap_coordinates(book: openpyxl.Workbook) -> None:
    lat, lon = cell(book["sites"], "lat"), cell(book["sites"], "lon")
    lat.value, lon.value = lon.value, lat.value


def at_zero(book: openpyxl.Workbook) -> None:
    cell(book["sites"], "lat").value = 0
    cell(book["sites"], "lon").value = 0


def repeat_row(table: str) -> Mutation:
    return lambda book: book[table].append([each.value for each in book[table][2]])


def merge(table: str, cells: str) -> Mutation:
    return lambda book: book[table].merge_cells(cells)


def unmarked(table: str) -> Mutation:
    def change(book: openpyxl.Workbook) -> None:
        book[table].delete_rows(1)

    return change


def only_headings(table: str) -> Mutation:
    return lambda book: book[table].delete_rows(2, book[table].max_row)


def far_cell(book: openpyxl.Workbook) -> None:
    book["products"]["XFD1048576"] = "far away"


def empty_sheet(book: openpyxl.Workbook) -> None:
    sheet = book["products"]
    sheet.delete_rows(1, sheet.max_row)


def set_setting(key: str, value: Any) -> Mutation:
    def change(book: openpyxl.Workbook) -> None:
        for row in book["settings"].iter_rows():
            if row[0].value == key:
                row[1].value = value
                row[1].number_format = "General"
                return
        book["settings"].append([key, value])

    return change


def drop_setting(key: str) -> Mutation:
    def change(book: openpyxl.Workbook) -> None:
        rows = [row[0].row for row in book["settings"].iter_rows() if row[0].value == key]
        book["settings"].delete_rows(rows[0])

    return change


def error_cell(book: openpyxl.Workbook) -> None:
    target = cell(book["products"], "unit_cost")
    target.value = "#DIV/0!"
    target.data_type = "e"


WORKBOOKS: dict[str, tuple[Mutation, set[str]]] = {
    "text for a number": (put("products", "unit_cost", "cheap"), {"not_a_number"}),
    "number with a unit": (put("products", "weight_kg", "3 kg"), {"not_a_number"}),
    "NaN as text": (put("inventory", "on_hand", "NaN"), {"not_finite"}),
    "infinity as text": (put("inventory", "on_hand", "inf"), {"not_finite"}),
    "number beyond all bounds": (put("inventory", "on_hand", "1e999"), {"not_finite"}),
    "date for a number": (put("products", "unit_cost", dt.date(2026, 1, 2)), {"date_for_number"}),
    "flag for a number": (put("products", "unit_cost", True), {"not_a_number"}),
    "text for a date": (put("demand_history", "date", "yesterday"), {"not_a_date"}),
    "ambiguous date": (put("demand_history", "date", "11/12/2026"), {"ambiguous_date"}),
    "impossible date": (put("demand_history", "date", "2026-02-31"), {"impossible_date"}),
    "number for a date": (put("demand_history", "date", 7), {"not_a_date"}),
    "text for a flag": (put("calendars", "is_working", "perhaps"), {"not_a_flag"}),
    "text for a time": (put("vehicles", "shift_start", "morning"), {"not_a_time"}),
    "time beyond the day": (put("vehicles", "shift_end", "27:00"), {"not_a_time"}),
    "fraction of a van": (put("vehicles", "count", 1.5), {"not_whole"}),
    "unknown kind": (put("sites", "kind", "wearhouse"), {"unknown_choice"}),
    "Excel error": (error_cell, {"excel_error"}),
    "formula without a value": (put("products", "unit_cost", "=B2*2"), {"formula_without_value"}),
    "missing required column": (drop_column("products", "unit_cost"), {"missing_column"}),
    "missing key column": (drop_column("inventory", "site_id"), {"missing_column"}),
    "mistyped heading": (
        rename("products", "unit_cost", "unit_cots"),
        {"missing_column", "unknown_column"},
    ),
    "two headings alike": (rename("products", "category", "name"), {"duplicate_heading"}),
    "two names of one column": (rename("products", "category", "SKU"), {"duplicate_heading"}),
    "heading left out": (rename("products", "category", None), {"column_without_heading"}),
    "headings left out": (unmarked("sites"), {"no_known_heading"}),
    "unknown column": (rename("products", "category", "colour of box"), {"unknown_column"}),
    "unknown sheet": (retitle("carriers", "couriers"), {"unknown_sheet"}),
    "nearly a sheet": (retitle("products", "product"), {"unknown_sheet"}),
    "sheet given twice": (retitle("carriers", "商品"), {"two_files"}),
    "merged cells": (merge("products", "A2:A3"), {"merged_cells"}),
    "merged block": (merge("inventory", "A2:B4"), {"merged_cells"}),
    "cell far away": (far_cell, {"scattered_cells"}),
    "no settings": (drop_sheet("settings"), {"missing_settings"}),
    "no name": (drop_setting("name"), {"missing_setting"}),
    "no start": (drop_setting("start_date"), {"missing_setting"}),
    "bad start": (set_setting("start_date", "soon"), {"not_a_date"}),
    "bad bucket": (set_setting("bucket", "month"), {"unknown_choice"}),
    "bad horizon": (set_setting("horizon_buckets", -3), {"bad_setting"}),
    "horizon in words": (set_setting("horizon_buckets", "eight"), {"not_a_number"}),
    "bad currency": (set_setting("currency", "yuan"), {"bad_setting"}),
    "bad time zone": (set_setting("timezone", "Mars/Olympus"), {"bad_setting"}),
    "unknown setting": (set_setting("horizont", 5), {"unknown_setting"}),
    "target out of range": (set_setting("service_targets.A", 1.5), {"bad_setting"}),
    "no products": (drop_sheet("products"), {"missing_table", "reference_without_table"}),
    "products without rows": (
        only_headings("products"),
        {"missing_table", "reference_without_table"},
    ),
    "products without anything": (empty_sheet, {"missing_table", "reference_without_table"}),
    "duplicate key": (repeat_row("products"), {"duplicate_key"}),
    "duplicate order": (repeat_row("orders"), {"duplicate_key"}),
    "unknown product": (put("inventory", "product_id", "no such"), {"unknown_reference"}),
    "unknown site": (put("inventory", "site_id", "no such"), {"unknown_reference"}),
    "swapped coordinates": (
        swap_coordinates,
        {"lat_lon_look_swapped"},
    ),
    "null island": (at_zero, {"at_zero_zero"}),
    "latitude beyond the pole": (put("sites", "lat", 95), {"lat_lon_swapped"}),
    "negative stock": (put("inventory", "on_hand", -5), {"out_of_range"}),
    "negative price": (put("products", "unit_price", -1), {"out_of_range"}),
    "blank key": (
        put("products", "product_id", None),
        {"blank_required"},
    ),
    "heavy T-shirt": (
        put("products", "weight_kg", 300_000),
        {"units_out_of_scale"},
    ),
}


@pytest.mark.parametrize("name", WORKBOOKS)
def test_a_broken_workbook_gives_findings(workbook: bytes, name: str) -> None:
    """Each mutation is noticed under its own rule, with the place, and raises nothing else."""
    change, expected = WORKBOOKS[name]
    data = mutated(workbook, change)
    reading = examine_bytes("broken.xlsx", data)
    seen = told(reading, expected)
    assert expected <= seen, sorted(seen)
    for finding in reading.findings:
        assert finding.hint
    if reading.findings.total(Severity.ERROR):
        with pytest.raises(InputError) as caught:
            read_bytes("broken.xlsx", data)
        assert len(caught.value.findings) == len(reading.findings)


def test_the_row_of_a_bad_cell_is_the_row_of_the_sheet(workbook: bytes) -> None:
    """A bad cell below a blank row is named by its row in the sheet."""

    def change(book: openpyxl.Workbook) -> None:
        book["products"].insert_rows(2, 3)
        cell(book["products"], "unit_cost", 6).value = "cheap"

    reading = examine_bytes("broken.xlsx", mutated(workbook, change))
    bad = next(f for f in reading.findings if f.code == "not_a_number")
    assert (bad.table, bad.column, bad.row, bad.value) == ("products", "unit_cost", 6, "cheap")


def test_all_findings_come_at_once(workbook: bytes) -> None:
    """Ten troubles in ten places are told together."""

    def change(book: openpyxl.Workbook) -> None:
        for table, column in (
            ("products", "unit_cost"),
            ("products", "weight_kg"),
            ("inventory", "on_hand"),
        ):
            put(table, column, "x")(book)
        set_setting("currency", "yuan")(book)
        set_setting("bucket", "month")(book)
        drop_column("sites", "status")(book)

    reading = examine_bytes("broken.xlsx", mutated(workbook, change))
    places = {(f.table, f.column) for f in reading.findings if f.severity == Severity.ERROR}
    assert places >= {
        ("products", "unit_cost"),
        ("products", "weight_kg"),
        ("inventory", "on_hand"),
        ("settings", "currency"),
        ("settings", "bucket"),
        ("sites", "status"),
    }


def test_there_are_at_least_fifty() -> None:
    """The collection stays as large as it was promised to be."""
    assert len(WORKBOOKS) >= 50


def test_nothing_is_read_with_unknown_settings(workbook: bytes) -> None:
    """Settings with a typo are no scenario, so that no default slips in unseen."""
    reading = examine_bytes("s.xlsx", mutated(workbook, set_setting("horizont", 5)))
    assert reading.scenario is None
    assert isinstance(examine_bytes("s.xlsx", workbook).scenario, Scenario)
