"""Reads the file in any of its forms - CSV, Excel, Parquet - into the same typed lines."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios.errors import InputError
from scenarios.findings import Findings, Severity

HEADINGS = {
    "invoice": ("invoiceno", "invoice"),
    "code": ("stockcode",),
    "name": ("description",),
    "units": ("quantity",),
    "at": ("invoicedate",),
    "price": ("unitprice", "price"),
    "customer": ("customerid",),
    "country": ("country",),
}
PUBLISHED_HEADINGS = (
    "InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID, Country"
)
TEXTS = ("invoice", "code", "name", "customer", "country")
FIRST_ROW = 2  # as people count: the heading is row 1


def read_lines(path: Path, findings: Findings) -> pd.DataFrame:
    """Read the lines of the file.

    Parameters
    ----------
    path : .csv (UTF-8 or Windows-1252), .xlsx or .parquet
    findings : what was noticed is added

    Returns
    -------
    lines : row (int64, as people count), invoice, code, name, customer, country (str, NaN where
        blank), units (int64), price (float64, pounds), at (datetime64[ms], local)

    Raises
    ------
    InputError
        No such file, another form, headings missing, cells that are not numbers or dates.
    """
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    ending = path.suffix.lower()
    if ending == ".parquet":
        raw = _parquet(path)
    elif ending == ".csv":
        raw = _csv(path, findings)
    elif ending in (".xlsx", ".xls"):
        raw = _excel(path)
    else:
        raise InputError(f"{path.name} must end in .csv, .xlsx or .parquet")
    if not len(raw):
        raise InputError(f"{path.name} has headings and no rows")
    return _typed(raw, findings)


def _heading(cell: object) -> str:
    return "".join(letter for letter in str(cell).lower() if letter.isalnum())


def _columns(given: Iterable[object], name: str) -> dict[str, int]:
    """Return where each column stands.

    Raises
    ------
    InputError
        A heading is missing.
    """
    place = {_heading(cell): position for position, cell in reversed(list(enumerate(given)))}
    found = {
        column: place[heading]
        for column, headings in HEADINGS.items()
        for heading in headings
        if heading in place
    }
    missing = [headings[0] for column, headings in HEADINGS.items() if column not in found]
    if missing:
        raise InputError(
            f"{name} is not the Online Retail file: no column {', '.join(missing)};"
            f" its headings are {PUBLISHED_HEADINGS}"
        )
    return found


def _named(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    found = _columns(frame.columns, name)
    frame = frame.reset_index(drop=True)
    named = pd.DataFrame({column: frame.iloc[:, position] for column, position in found.items()})
    return named.assign(row=np.arange(len(named), dtype=np.int64) + FIRST_ROW)


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path.name} cannot be read as Parquet: {error}") from error
    return _named(frame, path.name)


def _csv(path: Path, findings: Findings) -> pd.DataFrame:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
        findings.add(
            "encoding", Severity.INFO, "the file is not UTF-8; it was read as Windows-1252"
        )
    if not text.strip():
        raise InputError(f"{path.name} is empty")
    first = text.split("\n", 1)[0]
    mark = max((",", ";", "\t"), key=first.count)
    try:
        frame = pd.read_csv(
            io.StringIO(text), dtype="str", sep=mark, keep_default_na=False, na_values=[""]
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise InputError(f"{path.name} cannot be read as CSV: {error}") from error
    return _named(frame, path.name)


def _excel(path: Path) -> pd.DataFrame:
    """Read every sheet that has the headings, one below the other."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [book.get_sheet_by_index(place) for place in range(len(book.sheet_names))]
    except (CalamineError, OSError) as error:
        raise InputError(f"{path.name} cannot be read as an Excel workbook: {error}") from error
    parts, wrong = [], None
    for sheet in sheets:
        rows = sheet.to_python(skip_empty_area=False)
        if not rows:
            continue
        try:
            found = _columns(rows[0], f"{path.name}, sheet {sheet.name}")
        except InputError as error:
            wrong = wrong or error
            continue
        body = rows[1:]
        part = {column: _cells(body, position) for column, position in found.items()}
        part["row"] = pd.Series(np.arange(len(body), dtype=np.int64) + FIRST_ROW)
        parts.append(pd.DataFrame(part))
    if not parts:
        raise wrong or InputError(f"{path.name} has no sheet with anything in it")
    frame = pd.concat(parts, ignore_index=True)
    return frame[~frame[list(HEADINGS)].isna().all(axis=1)].reset_index(drop=True)


def _cells(rows: list[list[Any]], position: int) -> pd.Series:
    """Return one column; calamine shows a blank as ""."""
    values = [row[position] if position < len(row) else None for row in rows]
    return pd.Series([None if value == "" else value for value in values], dtype=object)


def _typed(raw: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """Give every column its type.

    Raises
    ------
    InputError
        Cells that are not numbers or dates; the error names them.
    """
    columns: dict[str, Any] = {"row": raw["row"].to_numpy()}
    for name in TEXTS:
        columns[name] = _text(raw[name], whole=name in ("invoice", "code", "customer"))
    columns["at"], unread_at = _moments(raw["at"], findings)
    columns["price"], unread_price = _numbers(raw["price"])
    units, unread_units = _numbers(raw["units"])
    unread = {
        "Quantity": (unread_units | (units != np.rint(units)), raw["units"]),
        "InvoiceDate": (unread_at, raw["at"]),
        "UnitPrice": (unread_price, raw["price"]),
        "InvoiceNo": (columns["invoice"].isna().to_numpy(), raw["invoice"]),
        "StockCode": (columns["code"].isna().to_numpy(), raw["code"]),
    }
    hints = {"InvoiceDate": "a date and time is needed", "Quantity": "a whole number is needed"}
    for heading, (bad, cells) in unread.items():
        if bad.any():
            findings.add_rows(
                "unreadable",
                Severity.ERROR,
                hints.get(heading, "a value is needed"),
                table="online-retail",
                column=heading,
                rows=raw["row"][bad].tolist(),
                values=cells[bad].tolist(),
            )
    total = findings.total(Severity.ERROR)
    if total:
        raise InputError(f"{total:,} cells cannot be read", tuple(findings))
    columns["units"] = units.astype(np.int64)
    return pd.DataFrame(columns)


def _text(cells: pd.Series, *, whole: bool) -> pd.Series:
    """Return cells as text, trimmed, blanks as NaN; 536365 and 536365.0 become "536365"."""
    if cells.dtype == object:
        cells = cells.map(
            lambda cell: (
                str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
            ),
            na_action="ignore",
        )
    text = cells.astype("str").str.strip()
    text = text.where(text != "")
    if whole:
        text = text.str.replace(r"^(\d+)\.0$", r"\1", regex=True)
    return text


def _numbers(cells: pd.Series) -> tuple[np.ndarray[Any, np.dtype[np.float64]], Any]:
    """Return numbers, and which cells are none."""
    values = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    return values, ~np.isfinite(values)


def _moments(cells: pd.Series, findings: Findings) -> tuple[pd.Series, Any]:
    """Return dates and times, and which cells are none; text in ISO, US or British order."""
    if cells.dtype.kind == "M":
        moments = cells
    else:
        text = cells.astype("str").str.strip()
        moments = pd.to_datetime(text, format="ISO8601", errors="coerce")
        if moments.isna().any():
            parts = text.str.extract(r"^(\d{1,2})/(\d{1,2})/\d{4}\b").astype("float64")
            first, second = parts[0].max(), parts[1].max()
            day_first = bool(first > 12 and not second > 12)
            if max(first, second) <= 12:
                findings.add(
                    "date_order",
                    Severity.WARNING,
                    "InvoiceDate could be day/month or month/day; read as month/day as published",
                )
            order = "%d/%m/%Y" if day_first else "%m/%d/%Y"
            for clock in ("%H:%M", "%H:%M:%S"):
                slashed = pd.to_datetime(text, format=f"{order} {clock}", errors="coerce")
                moments = moments.fillna(slashed)
    held = moments.astype("datetime64[ms]").reset_index(drop=True)
    return held, held.isna().to_numpy()
