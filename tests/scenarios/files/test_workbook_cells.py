"""What Excel shows and what it holds: formats, formulas, headings further down, dates."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import openpyxl
import pytest
from openpyxl.worksheet.worksheet import Worksheet

from scenarios import Scenario, Settings, Severity
from scenarios.errors import InputError
from scenarios.files import Reading, examine_bytes, read_bytes, scenario_bytes
from scenarios.files.workbook_writer import MOST_CHARACTERS
from scenarios.findings import Findings
from scenarios.normalise import normalise_frame

ROWS = [
    ("name", "shop"),
    ("currency", "CNY"),
    ("timezone", "Asia/Shanghai"),
    ("start_date", dt.date(2026, 11, 1)),
    ("bucket", "day"),
    ("horizon_buckets", 7),
]


def book_of(title: str, *rows: list[Any]) -> tuple[openpyxl.Workbook, Worksheet]:
    """Return a workbook with settings and one table."""
    book = openpyxl.Workbook()
    settings = book.worksheets[0]
    settings.title = "settings"
    for row in ROWS:
        settings.append(row)
    sheet = book.create_sheet(title)
    for row in rows:
        sheet.append(row)
    return book, sheet


def read(book: openpyxl.Workbook) -> Reading:
    stream = io.BytesIO()
    book.save(stream)
    return examine_bytes("book.xlsx", stream.getvalue())


def codes(reading: Reading) -> set[str]:
    return {f.code for f in reading.findings if f.severity != Severity.INFO}


def column(reading: Reading, table: str, name: str) -> list[Any]:
    assert reading.scenario is not None, [str(f) for f in reading.findings]
    return reading.scenario.table(table)[name].tolist()  # type: ignore[no-any-return]


def test_percent_formats_are_read_as_they_show() -> None:
    """A cell that holds 0.12 and shows 12 % is 12 in a column of percentages, 0.12 of shares."""
    book, sheet = book_of("channels", ["channel_id", "name", "stock_share_pct"], ["c", "n", 0.12])
    sheet["C2"].number_format = "0.00%"
    other = book.create_sheet("demand_cases")
    other.append(["demand_case", "probability"])
    other.append(["base", 0.07])
    other["B2"].number_format = "0%"
    reading = read(book)
    assert column(reading, "channels", "stock_share_pct") == [12.0]
    assert column(reading, "demand_cases", "probability") == [0.07]
    assert ("percent_sign", 2) in [(f.code, f.row) for f in reading.findings]


def test_leading_zeros_that_only_the_format_shows_are_kept() -> None:
    """A number shown as 00123 is the id 00123."""
    book, sheet = book_of("channels", ["channel_id", "name"], [123, "n"])
    sheet["A2"].number_format = "00000"
    assert column(read(book), "channels", "channel_id") == ["00123"]


def test_number_ids_lose_their_fraction() -> None:
    """An id typed as a number is 1, not 1.0."""
    book, _ = book_of("channels", ["channel_id", "name"], [1, "n"], [2.0, "m"])
    reading = read(book)
    assert column(reading, "channels", "channel_id") == ["1", "2"]
    told = [f for f in reading.findings if f.code == "number_to_text"]
    assert len(told) == 1
    assert "2 cells" in told[0].hint


def test_headings_below_a_title_are_found() -> None:
    """A title above the headings is passed over with a warning, rows stay those of the sheet."""
    book, _ = book_of(
        "channels", ["Our channels"], [], ["channel_id", "name", "settlement_days"], ["c", "n", "x"]
    )
    reading = read(book)
    assert codes(reading) == {"rows_above_headings", "not_a_number"}
    assert [f.row for f in reading.findings if f.code == "not_a_number"] == [4]


def test_sheets_may_have_chinese_names() -> None:
    """The sheet 渠道 is the table channels."""
    book, _ = book_of("渠道", ["渠道编码", "渠道名称"], ["c", "直播"])
    reading = read(book)
    assert column(reading, "channels", "name") == ["直播"]
    assert codes(reading) == set()


def test_the_first_sheet_is_the_settings_whatever_its_name() -> None:
    """Settings are known by their keys where the first sheet is named otherwise."""
    book, _ = book_of("channels", ["channel_id", "name"], ["c", "n"])
    book["settings"].title = "Sheet1"
    assert read(book).scenario is not None


def test_dates_of_excel_are_dates() -> None:
    """Date cells, serial numbers and texts give the same day."""
    day = dt.date(2026, 11, 1)
    book, sheet = book_of(
        "events", ["event_id", "start", "end"], ["a", day, 46327], ["b", "2026/11/1", day]
    )
    sheet["C2"].number_format = "General"
    reading = read(book)
    assert {str(each)[:10] for each in column(reading, "events", "start")} == {"2026-11-01"}
    assert {str(each)[:10] for each in column(reading, "events", "end")} == {"2026-11-01"}
    assert "excel_serial" in {f.code for f in reading.findings}


def test_dates_counted_from_1904_are_warned_about() -> None:
    """A workbook of an old Mac is read right, and its dates should be looked at."""
    book, _ = book_of("events", ["event_id", "start", "end"], ["a", dt.date(2026, 11, 1), None])
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    reading = read(book)
    assert "dates_since_1904" in codes(reading)
    assert str(column(reading, "events", "start")[0])[:10] == "2026-11-01"


def test_a_formula_with_a_value_is_told_and_read() -> None:
    """Stored values of formulas are read; that there are formulas is an info."""
    book, _ = book_of("channels", ["channel_id", "name", "settlement_days"], ["c", "n", "=1+1"])
    stream = io.BytesIO()
    book.save(stream)
    import zipfile

    again = io.BytesIO()
    with zipfile.ZipFile(stream) as old, zipfile.ZipFile(again, "w") as new:
        for info in old.infolist():
            content = old.read(info).replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>")
            new.writestr(info, content.replace(b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"))
    reading = examine_bytes("book.xlsx", again.getvalue())
    assert column(reading, "channels", "settlement_days") == [2.0]
    assert "formula" in {f.code for f in reading.findings}


def test_texts_that_look_like_formulas_stay_texts(corner_shop: Scenario) -> None:
    """=1+1 as a name is written as a text cell in text format, and reads back."""
    from zoneinfo import ZoneInfo

    import pandas as pd

    names = ["=1+1", "+1", "-1", "@x", "#N/A", "_x0041_", "TRUE", "00123", "2026-11-01"]
    raw = pd.DataFrame({"channel_id": names, "name": names})
    frame = normalise_frame("channels", raw, ZoneInfo("UTC"), Findings()).frame
    data = scenario_bytes(Scenario(corner_shop.settings, {"channels": frame}), "xlsx")
    sheet = openpyxl.load_workbook(io.BytesIO(data))["channels"]
    assert {cell.data_type for cell in sheet["A"]} == {"s"}
    assert {cell.number_format for cell in sheet["A"][1:]} == {"@"}
    assert sheet["A1"].font.bold
    assert sheet.freeze_panes == "A2"
    assert read_bytes("b.xlsx", data).table("channels")["name"].tolist() == names


def test_what_no_sheet_can_hold_is_refused(corner_shop: Scenario) -> None:
    """Too many rows and too long texts are refused with the way out, before anything is written."""
    import pandas as pd

    rows = 1_048_576
    frame = pd.DataFrame(
        {"index_id": "i", "date": pd.Timestamp("2026-11-01"), "value": 1.0}, index=range(rows)
    )
    with pytest.raises(InputError, match="Parquet") as caught:
        scenario_bytes(Scenario(corner_shop.settings, {"indices": frame}), "xlsx")
    assert [f.code for f in caught.value.findings] == ["too_many_rows"]
    long = pd.DataFrame({"channel_id": ["c"], "name": ["x" * (MOST_CHARACTERS + 1)]})
    with pytest.raises(InputError, match="characters"):
        scenario_bytes(Scenario(corner_shop.settings, {"channels": long}), "xlsx")


def test_extreme_settings_survive_excel() -> None:
    """A seed with more digits than Excel keeps is written as text."""
    held = Settings(
        name="n",
        currency="CNY",
        timezone="UTC",
        start_date=dt.date(1850, 1, 1),
        bucket="day",
        horizon_buckets=1,
        seed=2**63 - 1,
    )
    assert read_bytes("b.xlsx", scenario_bytes(Scenario(held, {}), "xlsx")).settings == held
