"""Tables over HTTP: pages of JSON, or the whole as CSV, Parquet or Excel."""

from __future__ import annotations

import io
from typing import Any, Literal

import pandas as pd
from fastapi.responses import Response

from api.schemas.wire import TablePage
from api.services.paging import make_token, read_row_token
from optimizer.plan import records
from scenarios import InputError

Form = Literal["json", "csv", "parquet", "xlsx"]
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
SHEET_ROWS = 1_048_575
FILES: dict[str, Any] = {
    media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()
}


def page(name: str, frame: pd.DataFrame, size: int, token: str | None) -> TablePage:
    """Return one page of a table."""
    first = read_row_token(token)
    rows = frame.iloc[first : first + size]
    more = first + size < len(frame)
    return TablePage(
        table=name,
        columns=[str(column) for column in frame.columns],
        rows=records(rows),
        total_rows=len(frame),
        next_page_token=make_token(str(first + size)) if more else None,
    )


def download(name: str, frame: pd.DataFrame, form: str, *, exact: bool) -> Response:
    """Return a whole table as a file.

    Parameters
    ----------
    exact : True for tables of a scenario, which stay as they are; False for tables of a plan, in
        which texts that a spreadsheet would take for a formula get an apostrophe
    """
    buffer = io.BytesIO()
    if form == "parquet":
        frame.to_parquet(buffer, index=False, compression="zstd")
    else:
        shown = frame if exact else _neutral(frame)
        if form == "csv":
            buffer.write(shown.to_csv(index=False).encode("utf-8-sig"))
        else:
            if len(frame) > SHEET_ROWS:
                raise InputError(f"{name}: a sheet holds {SHEET_ROWS} rows; take parquet")
            _write_sheet(name, shown, buffer)
    return Response(
        buffer.getvalue(),
        media_type=MEDIA[form],
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}"'},
    )


def _write_sheet(name: str, frame: pd.DataFrame, buffer: io.BytesIO) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet(name[:31])
    sheet.append([str(column) for column in frame.columns])
    for row in records(frame):
        cells = []
        for value in row.values():
            cell = WriteOnlyCell(sheet, value=value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    book.save(buffer)


def _neutral(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before texts that look like formulas."""
    shown = frame.copy(deep=False)
    for column in frame.columns:
        if pd.api.types.is_string_dtype(frame[column]):
            risky = frame[column].str.startswith(FORMULA_STARTS).fillna(False).astype(bool)
            if risky.any():
                shown[column] = frame[column].mask(risky, "'" + frame[column])
    return shown
