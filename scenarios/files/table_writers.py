"""One table written: CSV, Parquet, JSON records."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from scenarios.files.cell_texts import texts_of
from scenarios.normalise.cells import STRING
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
EXACT_WHOLE = 1e15


def csv_bytes(frame: pd.DataFrame, name: str) -> bytes:
    """Return a table as CSV in UTF-8; with a byte-order mark where Excel needs one.

    Parameters
    ----------
    frame : columns of the table's contract, in the dtypes of a scenario
    name : of the table
    """
    contract = TABLES[name]
    columns = [texts_of(frame[place], contract.by_name[place]) for place in frame.columns]
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(frame.columns)
    writer.writerows(zip(*columns, strict=True))
    data = stream.getvalue().encode("utf-8")
    return data if data.isascii() else BYTE_ORDER_MARK + data


def parquet_bytes(frame: pd.DataFrame, name: str) -> bytes:
    """Return a table as Parquet: text, double, bool, date32, timestamp[ms]."""
    import pyarrow.parquet as pq

    contract = TABLES[name]
    arrays = {place: _arrow(frame[place], contract.by_name[place]) for place in frame.columns}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _arrow(series: pd.Series, column: Column) -> pa.Array:
    """Return a column in its Arrow type."""
    if column.kind in NUMERIC:
        return pa.array(series.to_numpy(np.float64), from_pandas=True)
    if column.kind in TEMPORAL:
        stamps = pa.array(series.to_numpy("datetime64[ms]"), type=pa.timestamp("ms"))
        return stamps.cast(pa.date32()) if column.kind == Kind.DATE else stamps
    if column.kind == Kind.FLAG:
        return pa.array(series, type=pa.bool_(), from_pandas=True)
    return pa.array(series, type=STRING, from_pandas=True)


def records(frame: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    """Return a table as JSON objects; blanks are left out, or null in a required column."""
    contract = TABLES[name]
    lists = {place: _json_list(frame[place], contract.by_name[place]) for place in frame.columns}
    kept = {place for place in lists if contract.by_name[place].required}
    return [
        {
            place: value
            for place, value in zip(lists, row, strict=True)
            if value is not None or place in kept
        }
        for row in zip(*lists.values(), strict=True)
    ]


def _json_list(series: pd.Series, column: Column) -> list[Any]:
    """Return the cells of a column as JSON holds them."""
    if column.kind in NUMERIC:
        return [
            None if value != value else int(value) if _is_whole(value) else value  # noqa: PLR0124
            for value in series.to_numpy(np.float64).tolist()
        ]
    if column.kind == Kind.FLAG:
        return pa.array(series, type=pa.bool_(), from_pandas=True).to_pylist()  # type: ignore[no-any-return]
    return texts_of(series, column)


def _is_whole(value: float) -> bool:
    return value.is_integer() and abs(value) < EXACT_WHOLE


def json_text(document: Any) -> bytes:
    """Return a document as JSON in UTF-8, one table row a line."""
    if not isinstance(document, dict) or "tables" not in document:
        return json.dumps(document, ensure_ascii=False).encode()
    parts = [
        '{"settings": ',
        json.dumps(document["settings"], ensure_ascii=False),
        ',\n"tables": {',
    ]
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for place, (name, rows) in enumerate(document["tables"].items()):
        parts.append(f"{',' if place else ''}\n{encode(name)}: [\n")
        parts.append(",\n".join(encode(row) for row in rows))
        parts.append("\n]")
    parts.append("}}\n")
    return "".join(parts).encode()
