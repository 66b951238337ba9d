"""What planners write in cells, and what is made of it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from scenarios.findings import Findings, Severity
from scenarios.normalise import normalise_frame

SHANGHAI = ZoneInfo("Asia/Shanghai")


def read_cell(table: str, column: str, cell: Any) -> tuple[Any, list[tuple[str, str]]]:
    """Return what one cell is read as, None for a blank, and the findings on its column."""
    findings = Findings()
    frame = pd.DataFrame({column: [cell], "filler": [1]}, dtype=object)
    typed = normalise_frame(table, frame, SHANGHAI, findings)
    told = [(f.code, str(f.severity)) for f in findings if f.column == column and f.row == 2]
    value = typed.frame[column].iloc[0]
    return (None if pd.isna(value) else value), told


NUMBERS = [
    ("5", 5.0, None),
    (5, 5.0, None),
    ("1e3", 1000.0, None),
    (".5", 0.5, None),
    ("1,234.50", 1234.5, "thousands_separator"),
    ("1 234.5", 1234.5, "thousands_separator"),
    ("1,234,567", 1234567.0, "thousands_separator"),
    ("１，２３４．５０", 1234.5, "full_width"),
    ("１２", 12.0, "full_width"),
    (" 7 ", 7.0, "blanks_trimmed"),
    ("7\u00a0", 7.0, "blanks_trimmed"),
    ("(3)", -3.0, "negative_in_brackets"),
    ("−3", -3.0, "full_width"),
    ("¥1,234.5", 1234.5, "currency_sign"),
    ("12.5元", 12.5, "currency_sign"),
    ("-", None, "read_as_blank"),
    ("N/A", None, "read_as_blank"),
    ("无", None, "read_as_blank"),
    ("   ", None, "blanks_trimmed"),
    (None, None, None),
    (float("nan"), None, None),
]


@pytest.mark.parametrize(("cell", "value", "code"), NUMBERS)
def test_numbers_are_read_as_they_are_meant(
    cell: Any, value: float | None, code: str | None
) -> None:
    """A number is read however it is dressed, and what was changed is told."""
    got, told = read_cell("inventory", "on_hand", cell)
    assert got == value
    assert [each for each, _ in told] == ([code] if code else [])


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("abc", "not_a_number"),
        ("5 kg", "not_a_number"),
        ("1,5", "not_a_number"),
        ("12,34,5", "not_a_number"),
        ("1_0", "not_a_number"),
        ("0x10", "not_a_number"),
        ("5²", "not_a_number"),
        ("NaN", "not_finite"),
        ("inf", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e999", "not_finite"),
        (float("inf"), "not_finite"),
        ("#REF!", "excel_error"),
        (True, "not_a_number"),
        (dt.datetime(2026, 11, 1), "date_for_number"),  # noqa: DTZ001
        ([1], "not_a_cell"),
        ("\ud800", "unreadable_text"),
    ],
)
def test_what_is_no_number_is_an_error(cell: Any, code: str) -> None:
    """A cell that is no number stays blank, and is an error with its row."""
    assert read_cell("inventory", "on_hand", cell) == (None, [(code, "error")])


@pytest.mark.parametrize(
    ("table", "column", "cell", "value"),
    [
        ("channels", "stock_share_pct", "12.5%", 12.5),
        ("channels", "stock_share_pct", "12.5", 12.5),
        ("supplier_products", "fill_rate", "95%", 0.95),
        ("supplier_products", "fill_rate", "９５％", 0.95),
    ],
)
def test_percent_signs_follow_the_column(table: str, column: str, cell: str, value: float) -> None:
    """12 % is 12 in a column of percentages and 0.12 in a column of shares."""
    assert read_cell(table, column, cell)[0] == value


@pytest.mark.parametrize(("cell", "value"), [("3", 3.0), (3.0, 3.0), ("3.0", 3.0)])
def test_whole_numbers_may_carry_a_fraction_of_zero(cell: Any, value: float) -> None:
    """3.0 is a whole number."""
    assert read_cell("orders", "priority", cell) == (value, [])


@pytest.mark.parametrize("cell", ["2.5", 2.5])
def test_fractions_of_whole_numbers_are_errors(cell: Any) -> None:
    """2.5 vans are not read as 2."""
    assert read_cell("orders", "priority", cell) == (None, [("not_whole", "error")])


DATES = [
    "2026-11-01",
    "2026/11/1",
    "2026.11.01",
    "20261101",
    20261101,
    "2026年11月1日",
    "２０２６－１１－０１",
    " 2026-11-01 ",
    "2026-11-01 00:00:00",
    "2026/11/1 0:00",
    "1 Nov 2026",
    "01-Nov-2026",
    "November 1, 2026",
    46327,
    46327.0,
    "46327",
    dt.date(2026, 11, 1),
    dt.datetime(2026, 11, 1),  # noqa: DTZ001
    pd.Timestamp(2026, 11, 1),
    "2026-10-31T16:00:00Z",
]


@pytest.mark.parametrize("cell", DATES)
def test_dates_are_read_however_they_are_written(cell: Any) -> None:
    """The first of November 2026 is known in twenty forms, an Excel serial number among them."""
    value, told = read_cell("events", "start", cell)
    assert value == pd.Timestamp(2026, 11, 1)
    assert "error" not in [severity for _, severity in told]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("11/1/2026", "ambiguous_date"),
        ("01.11.2026", "ambiguous_date"),
        ("2026-02-30", "impossible_date"),
        ("2026-13-01", "impossible_date"),
        ("0000-01-01", "impossible_date"),
        ("2026-11", "not_a_date"),
        ("soon", "not_a_date"),
        (2026, "not_a_date"),
        (True, "not_a_date"),
        (1e300, "not_a_date"),
    ],
)
def test_what_is_no_date_is_an_error(cell: Any, code: str) -> None:
    """Day and month are never guessed, and days that do not exist are refused."""
    assert read_cell("events", "start", cell) == (None, [(code, "error")])


def test_the_time_of_a_date_is_dropped_with_a_finding() -> None:
    """A date column holds midnight; a time of day is cut off and told."""
    value, told = read_cell("events", "start", "2026-11-01 08:30")
    assert (value, told) == (pd.Timestamp(2026, 11, 1), [("time_dropped", "info")])


MOMENTS = [
    ("2026-11-01 08:30", "2026-11-01 08:30:00", None),
    ("2026-11-01T08:30:05.250", "2026-11-01 08:30:05.250", None),
    ("2026/11/1 8:30", "2026-11-01 08:30:00", "date_rewritten"),
    ("2026年11月1日 8时30分", "2026-11-01 08:30:00", "date_rewritten"),
    ("20261101083000", "2026-11-01 08:30:00", "date_rewritten"),
    ("2026-11-01 8:30 PM", "2026-11-01 20:30:00", "date_rewritten"),
    ("2026-11-01 24:00", "2026-11-02 00:00:00", "date_rewritten"),
    ("2026-11-01T08:30:00+08:00", "2026-11-01 08:30:00", "time_zone_converted"),
    ("2026-11-01T08:30:00Z", "2026-11-01 16:30:00", "time_zone_converted"),
    ("2026-11-01T00:30:00+0900", "2026-10-31 23:30:00", "time_zone_converted"),
    (46327.354166666664, "2026-11-01 08:30:00", "excel_serial"),
    (
        dt.datetime(2026, 11, 1, 0, 30, tzinfo=dt.UTC),
        "2026-11-01 08:30:00",
        "time_zone_converted",
    ),
]


@pytest.mark.parametrize(("cell", "value", "code"), MOMENTS)
def test_moments_become_local_time(cell: Any, value: str, code: str | None) -> None:
    """A moment with an offset is converted to the scenario's time zone, one without is local."""
    got, told = read_cell("orders", "placed_at", cell)
    assert got == pd.Timestamp(value)
    assert [each for each, _ in told] == ([code] if code else [])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("08:30", "08:30"),
        ("08:30:15", "08:30:15"),
        ("8:30", "08:30"),
        ("8：30", "08:30"),
        ("8:30 pm", "20:30"),
        ("8点30分", "08:30"),
        ("24:00", "24:00"),
        (0.3541666666666667, "08:30"),
        (dt.time(8, 30), "08:30"),
        (dt.timedelta(hours=8, minutes=30), "08:30"),
        (dt.datetime(1899, 12, 31, 8, 30), "08:30"),  # noqa: DTZ001
    ],
)
def test_times_of_day_are_kept_as_hours_and_minutes(cell: Any, value: str) -> None:
    """Half past eight is 08:30 whether Excel holds a fraction, a time or a text."""
    assert read_cell("calendars", "open_time", cell)[0] == value


@pytest.mark.parametrize("cell", ["25:00", "08:61", "24:30", "noon", 8.5, dt.timedelta(hours=30)])
def test_what_is_no_time_of_day_is_an_error(cell: Any) -> None:
    """Times beyond the day are refused."""
    value, told = read_cell("calendars", "open_time", cell)
    assert value is None
    assert [severity for _, severity in told] == ["error"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [(w, True) for w in ("true", "TRUE", "Yes", "y", "1", 1, 1.0, True, "是", " 是 ", "√", "１")]
    + [(w, False) for w in ("false", "No", "n", "0", 0, False, "否", "×")],
)
def test_flags_are_read_in_two_languages(cell: Any, value: bool) -> None:
    """Yes and no, 是 and 否, one and zero are flags."""
    assert read_cell("orders", "allow_split", cell)[0] == value


@pytest.mark.parametrize("cell", ["maybe", 2, "可能", dt.date(2026, 1, 1)])
def test_what_is_no_flag_is_an_error(cell: Any) -> None:
    """Nothing but yes and no is a flag."""
    assert read_cell("orders", "allow_split", cell) == (None, [("not_a_flag", "error")])


@pytest.mark.parametrize(
    ("table", "column", "cell", "value"),
    [
        ("sites", "kind", "Warehouse", "warehouse"),
        ("sites", "kind", "CROSS DOCK", "cross_dock"),
        ("sites", "kind", "cross-dock", "cross_dock"),
        ("sites", "kind", " store ", "store"),
        ("inventory_policies", "policy", "(s, S)", "s_S"),
        ("limits", "sense", "≤", "<="),
        ("limits", "sense", "＞＝", ">="),
        ("products", "abc_class", "a", "A"),
    ],
)
def test_choices_are_known_whatever_their_case(
    table: str, column: str, cell: str, value: str
) -> None:
    """Codes are matched without case, blanks and joints."""
    assert read_cell(table, column, cell)[0] == value


def test_unknown_choices_name_the_nearest() -> None:
    """A mistyped code is an error that proposes the right one."""
    findings = Findings()
    frame = pd.DataFrame({"site_id": ["W"], "kind": ["warehose"]})
    normalise_frame("sites", frame, SHANGHAI, findings)
    told = next(f for f in findings if f.column == "kind")
    assert (told.code, told.severity, told.row) == ("unknown_choice", Severity.ERROR, 2)
    assert "'warehouse' meant" in told.hint


IDS = [
    ("00123", "00123", None),
    ("1.0", "1.0", None),
    (1.0, "1", "number_to_text"),
    (1234567890123, "1234567890123", "number_to_text"),
    (6901234567890123456789, "6901234567890123456789", None),
    (" A 1\u3000", "A 1", "blanks_trimmed"),
    ("茶 1", "茶 1", None),
    ("1.23E+12", "1.23E+12", "digits_lost"),
    (1e15, "1000000000000000", "digits_lost"),
    (True, "TRUE", "flag_to_text"),
    (dt.datetime(2026, 3, 1), "2026-03-01", "date_to_text"),  # noqa: DTZ001
    ("A\u00a01", "A\u00a01", "invisible_character"),
    ("A\u200b1", "A\u200b1", "invisible_character"),
    ("A\x001", "A1", "control_characters"),
    ("A\ufffd", "A\ufffd", "replacement_character"),
    ("NaN", "NaN", None),
    ("N/A", "N/A", None),
    ("=1+1", "=1+1", None),
]


@pytest.mark.parametrize(("cell", "value", "code"), IDS)
def test_ids_are_kept_exactly(cell: Any, value: str, code: str | None) -> None:
    """Ids are trimmed at the ends only; what Excel did to them is told."""
    got, told = read_cell("products", "gtin", cell)
    assert got == value
    assert [each for each, _ in told] == ([code] if code else [])


def test_headings_match_exactly_before_they_match_loosely() -> None:
    """`s` and `S` are two columns of inventory_policies."""
    frame = pd.DataFrame(
        [["W", "P", "s_S", 1, 2]], columns=["site_id", "product_id", "policy", "S", "s"]
    )
    typed = normalise_frame("inventory_policies", frame, SHANGHAI, Findings())
    assert typed.frame["S"].iloc[0] == 1
    assert typed.frame["s"].iloc[0] == 2


@pytest.mark.parametrize(
    "heading",
    ["product_id", "商品编码", "SKU", "Product ID", "PRODUCT-ID", "货号", "product_id*", " sku "],
)
def test_headings_are_known_in_two_languages(heading: str) -> None:
    """A product's id may be headed by its English, Chinese or usual name."""
    typed = normalise_frame("products", pd.DataFrame({heading: ["A"]}), SHANGHAI, Findings())
    assert typed.frame["product_id"].tolist() == ["A"]


def test_unknown_headings_are_warnings_with_a_proposal() -> None:
    """A heading that is nearly right is named with the column it may mean."""
    findings = Findings()
    frame = pd.DataFrame({"product_id": ["A"], "weigth_kg": [1], "colour": ["red"]})
    normalise_frame("products", frame, SHANGHAI, findings)
    hints = {f.value: f.hint for f in findings if f.code == "unknown_column"}
    assert set(hints) == {"weigth_kg", "colour"}
    assert "'weight_kg' meant" in hints["weigth_kg"]
    missing = {f.column: f.hint for f in findings if f.code == "missing_column"}
    assert "'weigth_kg'" in missing["weight_kg"]


def test_changes_are_counted_once_per_column() -> None:
    """A million trimmed cells are one finding that says how many they are."""
    findings = Findings()
    frame = pd.DataFrame({"site_id": ["W "] * 500, "product_id": ["P"] * 500})
    normalise_frame("inventory", frame.assign(on_hand="1"), SHANGHAI, findings)
    trimmed = [f for f in findings if f.code == "blanks_trimmed"]
    assert len(trimmed) == 1
    assert "500 cells" in trimmed[0].hint
    assert findings.counts[("blanks_trimmed", "inventory", "site_id", Severity.INFO)] == 500


def test_errors_are_listed_up_to_the_cap_and_counted_beyond() -> None:
    """Errors name cell by cell where they are; beyond the cap they are counted."""
    findings = Findings(cap=10)
    frame = pd.DataFrame({"site_id": ["W"] * 50, "product_id": ["P"] * 50})
    normalise_frame("inventory", frame.assign(on_hand="x"), SHANGHAI, findings)
    told = [f for f in findings if f.code == "not_a_number"]
    assert [f.row for f in told] == list(range(2, 12))
    assert findings.total(Severity.ERROR) == 50


def test_typed_frames_pass_through() -> None:
    """Columns that are typed already are taken as they are."""
    findings = Findings()
    frame = pd.DataFrame(
        {
            "date": pd.to_datetime(["2026-11-01"]),
            "product_id": ["A"],
            "location_id": ["Z"],
            "qty": np.array([3], dtype=np.int32),
            "stockout": [False],
        }
    )
    typed = normalise_frame("demand_history", frame, SHANGHAI, findings)
    assert list(findings) == []
    assert typed.frame.iloc[0].tolist() == [pd.Timestamp(2026, 11, 1), "A", "Z", 3.0, False]
