"""A scenario written as an Excel workbook: ids and texts as text, numbers as numbers."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scenarios.errors import InputError
from scenarios.files.cell_texts import texts_of
from scenarios.files.settings_form import SETTING_COLUMNS, TARGET_COLUMN, settings_rows
from scenarios.findings import Finding, Severity
from scenarios.scenario import Scenario
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind

MOST_ROWS = 1_048_575  # below the heading
MOST_CHARACTERS = 32_767
FIRST_EXCEL_DAY = np.datetime64("1900-03-01", "ms")
TEXT_FORMAT = "@"
DATE_FORMAT = "yyyy-mm-dd"
MOMENT_FORMAT = "yyyy-mm-dd hh:mm:ss"
EXACT_INTEGER = 2**53
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def escaped(text: str) -> str:
    """Return a text in which nothing looks like an escape of the file format, as _x000A_ does."""
    return _ESCAPE.sub("_x005F_", text)


def workbook_bytes(scenario: Scenario) -> bytes:
    """Return a scenario as a workbook.

    Raises
    ------
    InputError
        `too_many_rows` or `text_too_long` for a sheet; Parquet holds them.
    """
    import openpyxl

    _check(scenario)
    book = openpyxl.Workbook(write_only=True)
    _write_settings(book, scenario)
    for name, frame in scenario.tables.items():
        _write_table(book, name, frame)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def _check(scenario: Scenario) -> None:
    """Refuse what no sheet can hold."""
    troubles = []
    for name, frame in scenario.tables.items():
        if len(frame) > MOST_ROWS:
            hint = f"a sheet holds at most {MOST_ROWS:,} rows; write the scenario as Parquet"
            troubles.append(
                Finding("too_many_rows", Severity.ERROR, name, None, "", str(len(frame)), hint)
            )
        for place in frame.columns:
            if TABLES[name].by_name[place].kind in NUMERIC | TEMPORAL | {Kind.FLAG}:
                continue
            long = frame[place].str.len().to_numpy(np.float64, na_value=0.0) > MOST_CHARACTERS
            for row in scenario.row_numbers(name)[long][:10].tolist():
                hint = f"a cell holds at most {MOST_CHARACTERS:,} characters; use CSV or Parquet"
                troubles.append(
                    Finding("text_too_long", Severity.ERROR, name, row, place, "", hint)
                )
    if troubles:
        first = troubles[0]
        raise InputError(f"{first.table} does not fit into a sheet: {first.hint}", troubles)


def _cells(sheet: Any) -> tuple[Any, Any, Any]:
    """Return one cell each for headings, texts and numbers; they are written, then used again."""
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    heading = WriteOnlyCell(sheet)
    heading.font = Font(bold=True)
    text = WriteOnlyCell(sheet)
    text.number_format = TEXT_FORMAT
    return heading, text, WriteOnlyCell(sheet)


def _as_text(cell: Any, value: str) -> Any:
    """Return the cell with a text in it, whatever the text looks like."""
    cell.value = escaped(value)
    cell.data_type = "s"
    return cell


def _as_number(cell: Any, value: float) -> Any:
    """Return a number as it is written with all its digits."""
    if float(f"{value:.16g}") == value:  # how openpyxl writes it
        return value
    cell.value = repr(value)
    cell.data_type = "n"
    return cell


def _write_settings(book: Any, scenario: Scenario) -> None:
    """Write the first sheet: key, value, help."""
    sheet = book.create_sheet("settings")
    sheet.freeze_panes = "A2"
    for letter, width in (("A", 30), ("B", 30), ("C", 70)):
        sheet.column_dimensions[letter].width = width
    heading, text, number = _cells(sheet)
    sheet.append(_each(("key", "value", "help"), lambda word: _as_text(heading, word)))
    helps = {column.name: column.help for column in SETTING_COLUMNS}
    for key, value in settings_rows(scenario.settings).items():
        note = helps.get(key, TARGET_COLUMN.help)
        sheet.append(_setting_row(key, value, note, text, number))


def _setting_row(key: str, value: Any, note: str, text: Any, number: Any) -> Iterator[Any]:
    """Yield the cells of one setting."""
    yield _as_text(text, key)
    if isinstance(value, dt.date):
        yield _as_text(text, value.isoformat())
    elif isinstance(value, str) or abs(value) > EXACT_INTEGER:
        yield _as_text(text, str(value))
    else:
        yield _as_number(number, float(value))
    yield _as_text(text, note)


def _each(values: Iterable[Any], make: Callable[[Any], Any]) -> Iterator[Any]:
    """Yield one written cell after the other; a list would hold the same cell many times."""
    for value in values:
        yield make(value)


def _write_table(book: Any, name: str, frame: pd.DataFrame) -> None:
    """Write one sheet, column by column prepared, row by row written."""
    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    contract = TABLES[name]
    for place, heading in enumerate(frame.columns):
        letter = _letter(place)
        sheet.column_dimensions[letter].width = max(12, min(40, len(heading) + 4))
    heading_cell, _, _ = _cells(sheet)
    sheet.append(_each(frame.columns, lambda word: _as_text(heading_cell, word)))
    columns = [_column(sheet, frame[place], contract.by_name[place]) for place in frame.columns]
    for row in zip(*(values for values, _ in columns), strict=True):
        sheet.append(_row(row, [make for _, make in columns]))


def _row(row: tuple[Any, ...], makers: list[Callable[[Any], Any]]) -> Iterator[Any]:
    """Yield the cells of one row."""
    for value, make in zip(row, makers, strict=True):
        yield None if value is None else make(value)


def _column(
    sheet: Any, series: pd.Series, column: Column
) -> tuple[list[Any], Callable[[Any], Any]]:
    """Return the values of a column, None for blanks, and how each becomes a cell."""
    from openpyxl.cell import WriteOnlyCell

    _, text, number = _cells(sheet)
    if column.kind in NUMERIC:
        values = pa.array(series.to_numpy(np.float64), from_pandas=True).to_pylist()
        return values, lambda value: _as_number(number, value)
    if column.kind == Kind.FLAG:
        flags = pa.array(series, type=pa.bool_(), from_pandas=True).to_pylist()
        return flags, lambda value: value
    if column.kind in TEMPORAL and not (series < pd.Timestamp(FIRST_EXCEL_DAY)).any():
        cell = WriteOnlyCell(sheet)
        moments = pa.array(series.to_numpy("datetime64[ms]"), type=pa.timestamp("ms")).to_pylist()
        whole = column.kind == Kind.DATE
        return moments, lambda value: _as_moment(cell, value, whole=whole)
    return texts_of(series, column), lambda value: _as_text(text, value)


def _as_moment(cell: Any, value: dt.datetime, *, whole: bool) -> Any:
    """Return the cell with a date that Excel knows as one."""
    cell.value = value
    fraction = ".000" if value.microsecond else ""
    cell.number_format = DATE_FORMAT if whole else MOMENT_FORMAT + fraction
    return cell


def _letter(place: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(place + 1)
