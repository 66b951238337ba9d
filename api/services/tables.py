"""Tables over HTTP: pages of JSON, or the whole as CSV, Parquet, Excel or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from fastapi.responses import FileResponse, Response, StreamingResponse

from api.schemas.wire import TablePage
from api.services.filters import Filter, Sort
from api.services.paging import make_token, read_row_token
from api.services.table_rows import TableRows, records
from api.store.blobs import GROUP_ROWS
from optimizer.plan import records as plain_records
from optimizer.purchase_forms import OrderForm, arrange, columns_of
from scenarios import Finding, InputError, Severity
from scenarios.files.cell_texts import texts_of
from scenarios.files.streamed_sheet import PIECE_BYTES, Pieces, sheet_pieces
from scenarios.files.workbook_writer import MOST_ROWS
from scenarios.scenario import blank, column_dtype
from scenarios.tables import TEXTUAL, Column, Table

Form = Literal["json", "csv", "parquet", "xlsx", "ndjson"]
MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "ndjson": "application/x-ndjson",
}
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
FILES: dict[str, Any] = {
    media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()
}


def page(
    rows: TableRows,
    size: int,
    token: str | None,
    where: Filter | None = None,
    sorts: Sequence[Sort] = (),
) -> TablePage:
    """Return one page of a table."""
    first = read_row_token(token)
    total = rows.total
    matching = total if where is None else rows.count(where)
    part = rows.page(first, size, where, sorts)
    more = first + size < matching
    return TablePage(
        table=rows.contract.name,
        columns=list(rows.contract.names),
        rows=records(part, rows.contract),
        total_rows=total,
        matching_rows=matching,
        next_page_token=make_token(str(first + size)) if more else None,
    )


def download(
    rows: TableRows,
    form: str,
    where: Filter | None = None,
    sorts: Sequence[Sort] = (),
    *,
    exact: bool,
) -> Response:
    """Return a whole table as a file that is made while it is sent.

    Parameters
    ----------
    exact : True for tables of a scenario, which stay as they are; False for tables of a plan, in
        which texts that a spreadsheet would take for a formula get an apostrophe

    Raises
    ------
    InputError
        The table has more rows than a sheet holds.
    """
    contract = rows.contract
    headers = {"Content-Disposition": f'attachment; filename="{contract.name}.{form}"'}
    whole = rows.whole_file if where is None and not sorts else None
    if form == "parquet" and whole is not None:
        return FileResponse(whole, media_type=MEDIA[form], headers=headers)
    if form == "xlsx" and (count := rows.count(where)) > MOST_ROWS:
        raise InputError(
            f"{contract.name} has {count:,} rows, a sheet holds {MOST_ROWS:,}: take parquet or csv,"
            " or filter"
        )
    pieces = _pieces(form, rows, where, sorts, exact=exact)
    return StreamingResponse(pieces, media_type=MEDIA[form], headers=headers)


def _pieces(
    form: str, rows: TableRows, where: Filter | None, sorts: Sequence[Sort], *, exact: bool
) -> Iterator[bytes]:
    contract = rows.contract
    if form == "ndjson":
        return _json_lines(rows, where, sorts)
    frames = rows.frames(where, sorts)
    if form == "parquet":
        return _parquet_pieces(contract, frames)
    shown = frames if exact else (neutral(frame, contract.columns) for frame in frames)
    if form == "csv":
        return csv_pieces(contract.columns, shown)
    return sheet_pieces(contract.name, contract.columns, shown)


def frame_page(contract: Table, frame: pd.DataFrame, size: int, token: str | None) -> TablePage:
    """Return one page of a table that was made just now."""
    first = read_row_token(token)
    more = first + size < len(frame)
    return TablePage(
        table=contract.name,
        columns=list(contract.names),
        rows=plain_records(frame.iloc[first : first + size]),
        total_rows=len(frame),
        matching_rows=len(frame),
        next_page_token=make_token(str(first + size)) if more else None,
    )


def frame_download(contract: Table, frame: pd.DataFrame, form: str) -> Response:
    """Return a table that was made just now as a file, formulas in texts neutralised."""
    shown = frame if form == "parquet" else neutral(frame, contract.columns)
    pieces: Iterable[bytes]
    if form == "csv":
        pieces = csv_pieces(contract.columns, [shown])
    elif form == "xlsx":
        pieces = sheet_pieces(contract.name, contract.columns, [shown])
    elif form == "ndjson":
        encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
        pieces = (f"{encode(row)}\n".encode() for row in plain_records(shown))
    else:
        pieces = _parquet_pieces(contract, [shown])
    headers = {"Content-Disposition": f'attachment; filename="{contract.name}.{form}"'}
    return StreamingResponse(iter(pieces), media_type=MEDIA[form], headers=headers)


def orders_for(form: OrderForm, lines: pd.DataFrame) -> bytes:
    """Return purchase orders as the CSV that Odoo or ERPNext imports: exact texts, no mark.

    Raises
    ------
    InputError
        A text would be run by a spreadsheet that opens the file; an xlsx can hold it.
    """
    columns, told = columns_of(form), arrange(lines, form)
    findings = []
    for column in columns:
        if column.kind in TEXTUAL:
            texts = told[column.name].dropna()
            for text in texts[texts.str.startswith(FORMULA_STARTS)].unique()[:20]:
                hint = "a spreadsheet would take it for a formula; write an xlsx, or rename it"
                findings.append(
                    Finding("formula", Severity.ERROR, "purchase_orders", None, column.name,
                            str(text), hint)
                )  # fmt: skip
    if findings:
        raise InputError(f"{len(findings)} ids look like formulas; no CSV was made", findings)
    return b"".join(csv_pieces(columns, [told], mark=False))


def csv_pieces(
    columns: Sequence[Column], frames: Iterable[pd.DataFrame], *, mark: bool = True
) -> Iterator[bytes]:
    """Yield a table as CSV in UTF-8; whole numbers have no point.

    Parameters
    ----------
    mark : with a byte-order mark, which Excel needs
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    stream.write("\ufeff" if mark else "")
    writer.writerow(column.name for column in columns)
    for frame in frames:
        texts = [texts_of(frame[column.name], column) for column in columns]
        writer.writerows(zip(*texts, strict=True))
        yield stream.getvalue().encode()
        stream.seek(0)
        stream.truncate()
    yield stream.getvalue().encode()


def neutral(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return the table with an apostrophe before texts that look like formulas."""
    shown = frame.copy(deep=False)
    for name in (column.name for column in columns if column.kind in TEXTUAL):
        risky = frame[name].str.startswith(FORMULA_STARTS).fillna(False).astype(bool)
        if risky.any():
            shown[name] = frame[name].mask(risky, "'" + frame[name])
    return shown


def _json_lines(rows: TableRows, where: Filter | None, sorts: Sequence[Sort]) -> Iterator[bytes]:
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    for part in rows.parts(where, sorts):
        lines = [encode(row) + "\n" for row in records(part, rows.contract)]
        yield "".join(lines).encode()


def _parquet_pieces(contract: Table, frames: Iterable[pd.DataFrame]) -> Iterator[bytes]:
    """Yield a table as Parquet, a row group at a time."""
    pieces = Pieces()
    empty = {
        column.name: blank(column, 0).astype(column_dtype(column)) for column in contract.columns
    }
    schema = pa.Schema.from_pandas(pd.DataFrame(empty), preserve_index=False)
    with pq.ParquetWriter(pieces, schema, compression="zstd") as writer:
        for frame in frames:
            part = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
            writer.write_table(part, row_group_size=GROUP_ROWS)
            yield from pieces.take(PIECE_BYTES)
    yield from pieces.take()
