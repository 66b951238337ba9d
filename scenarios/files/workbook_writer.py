"""A scenario written as an Excel workbook: ids and texts as text, numbers as numbers."""

from __future__ import annotations

import datetime as dt
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from xml.sax.saxutils import escape

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
FINE_FORMAT = "yyyy-mm-dd hh:mm:ss.000"
_STYLED = (TEXT_FORMAT, DATE_FORMAT, MOMENT_FORMAT, FINE_FORMAT)
EXCEL_EPOCH = np.datetime64("1899-12-30", "ms")
DAY_MS = 86_400_000
ROWS_AT_ONCE = 10_000
PACKED_AT = (1980, 1, 1, 0, 0, 0)
EXACT_INTEGER = 2**53
_CLOCK = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_ESCAPE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def escaped(text: str) -> str:
    """Return a text in which nothing looks like an escape of the file format, as _x000A_ does."""
    return _ESCAPE.sub("_x005F_", text)


def workbook_bytes(scenario: Scenario) -> bytes:
    """Return a scenario as a workbook; the same scenario gives the same bytes.

    Raises
    ------
    InputError
        `too_many_rows` or `text_too_long` for a sheet; Parquet holds them.

    Notes
    -----
    The frame of the workbook (styles, settings, headings) is made by openpyxl, the rows below the
    headings are put into it as text: ten times as fast, and floats keep all their digits.
    """
    import openpyxl

    _check(scenario)
    book = openpyxl.Workbook(write_only=True)
    _write_settings(book, scenario)
    rows: dict[str, Iterator[bytes]] = {}
    for number, (name, frame) in enumerate(scenario.tables.items(), start=2):
        rows[f"xl/worksheets/sheet{number}.xml"] = _write_table(book, name, frame)
    outline = io.BytesIO()
    book.save(outline)
    return _with_rows(outline, rows)


def _with_rows(outline: io.BytesIO, rows: dict[str, Iterator[bytes]]) -> bytes:
    """Return the workbook with rows put below the headings of its sheets, free of clocks."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(outline) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for info in old.infolist():
            content = old.read(info)
            if info.filename == "docProps/core.xml":
                content = _CLOCK.sub(b"1980-01-01T00:00:00Z", content)
            packed = zipfile.ZipInfo(info.filename, PACKED_AT)
            packed.compress_type = zipfile.ZIP_DEFLATED
            before, mark, after = content.partition(b"</sheetData>")
            with new.open(packed, "w") as target:
                target.write(before)
                for piece in rows.get(info.filename, ()):
                    target.write(piece)
                target.write(mark + after)
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


def _write_table(book: Any, name: str, frame: pd.DataFrame) -> Iterator[bytes]:
    """Write the headings of one sheet; return the rows that belong below them."""
    from openpyxl.utils import get_column_letter

    sheet = book.create_sheet(name)
    sheet.freeze_panes = "A2"
    letters = [get_column_letter(place + 1) for place in range(len(frame.columns))]
    for letter, heading in zip(letters, frame.columns, strict=True):
        sheet.column_dimensions[letter].width = max(12, min(40, len(heading) + 4))
    heading_cell, _, _ = _cells(sheet)
    sheet.append(_each(frame.columns, lambda word: _as_text(heading_cell, word)))
    contract = TABLES[name]
    styles = {form: _style(sheet, form) for form in _STYLED}
    return rows_xml(frame, [contract.by_name[place] for place in frame.columns], styles)


def _style(sheet: Any, form: str) -> int:
    """Return the number under which the workbook keeps a number format."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet)
    cell.number_format = form
    return int(cell.style_id)


def rows_xml(
    frame: pd.DataFrame, columns: list[Column], styles: dict[str, int], first_row: int = 2
) -> Iterator[bytes]:
    """Yield the XML of the rows below the headings, some thousand at a time.

    Parameters
    ----------
    styles : by number format, as the workbook counts them
    first_row : of the sheet, for the first row of the frame
    """
    from openpyxl.utils import get_column_letter

    letters = [get_column_letter(place + 1) for place in range(len(columns))]
    for start in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[start : start + ROWS_AT_ONCE]
        cells = [_cell_xml(part[column.name], column, styles) for column in columns]
        pieces = []
        for number, row in enumerate(zip(*cells, strict=True), start=start + first_row):
            inside = "".join(
                f'<c r="{letter}{number}"{cell}'
                for letter, cell in zip(letters, row, strict=True)
                if cell is not None
            )
            pieces.append(f'<row r="{number}">{inside}</row>')
        yield "".join(pieces).encode()


def _cell_xml(series: pd.Series, column: Column, styles: dict[str, int]) -> list[str | None]:
    """Return the XML of a column's cells, from behind the reference on; None for blanks."""
    if column.kind in NUMERIC:
        return [
            None if text is None else f"><v>{text}</v></c>" for text in texts_of(series, column)
        ]
    if column.kind == Kind.FLAG:
        flags = pa.array(series, type=pa.bool_(), from_pandas=True).to_pylist()
        return [None if flag is None else f' t="b"><v>{int(flag)}</v></c>' for flag in flags]
    if column.kind in TEMPORAL and not (series < pd.Timestamp(FIRST_EXCEL_DAY)).any():
        return _moment_xml(series, column, styles)
    head = f' s="{styles[TEXT_FORMAT]}" t="inlineStr"><is><t xml:space="preserve">'
    return [
        None if text is None else f"{head}{escape(escaped(text))}</t></is></c>"
        for text in texts_of(series, column)
    ]


def _moment_xml(series: pd.Series, column: Column, styles: dict[str, int]) -> list[str | None]:
    """Return dates as the serial numbers by which Excel knows them."""
    stamps = series.to_numpy("datetime64[ms]")
    since = (stamps - EXCEL_EPOCH).astype(np.int64)
    form = DATE_FORMAT if column.kind == Kind.DATE else MOMENT_FORMAT
    fine = styles[form if column.kind == Kind.DATE else FINE_FORMAT]
    serials = (since / DAY_MS).tolist()
    return [
        None
        if blank
        else f' s="{styles[form] if rest == 0 else fine}"><v>'
        f"{int(serial) if serial.is_integer() else repr(serial)}</v></c>"
        for serial, rest, blank in zip(
            serials, (since % 1000).tolist(), np.isnat(stamps).tolist(), strict=True
        )
    ]
