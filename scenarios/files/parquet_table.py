"""One table as Parquet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.files.guards import MEGABYTE, Guards, refuse
from scenarios.findings import Findings, Severity
from scenarios.normalise import Cells, RawTable, cells_of_arrow, column_names


def read_parquet(
    data: bytes, name: str, place: str, guards: Guards, findings: Findings
) -> RawTable | None:
    """Read a Parquet file into raw cells; rows are counted from 1.

    Parameters
    ----------
    name : of the table's contract
    place : what to call the file in findings

    Returns
    -------
    raw : None when the file cannot be read (the findings say)

    Raises
    ------
    InputError
        `too_many_rows`, `too_many_cells`, `too_large_unpacked` or `too_much_text`.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        _check(file.metadata, name, place, guards, findings)
        texts = [
            field.name
            for field in file.schema_arrow
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts)
        headings = tuple(file.schema_arrow.names)
        known = column_names(name)
        wanted = [heading for heading in headings if known.find(heading) is not None]
        table = file.read(columns=sorted(set(wanted)), use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        findings.add(
            "unreadable_file",
            Severity.ERROR,
            f"{place} is not a Parquet file, or it is damaged: {str(error)[:120]}",
            table=name,
        )
        return None
    _check_texts(table, name, place, guards, findings)
    rows = table.num_rows
    columns = [
        cells_of_arrow(table.column(table.column_names.index(heading)))
        if heading in table.column_names
        else Cells(rows, ())
        for heading in headings
    ]
    return RawTable(name, headings, tuple(columns), np.arange(1, rows + 1, dtype=np.int64))


def _check(metadata: Any, name: str, place: str, guards: Guards, findings: Findings) -> None:
    """Refuse a file that says it is too large."""
    rows = metadata.num_rows
    if rows > guards.max_rows:
        refuse(findings, "too_many_rows", f"{place} has {rows:,} rows", table=name, value=rows)
    cells = rows * metadata.num_columns
    if cells > guards.max_cells:
        hint = f"{place} has {metadata.num_columns:,} columns and {rows:,} rows: too many cells"
        refuse(findings, "too_many_cells", hint, table=name, value=cells)
    groups = range(metadata.num_row_groups)
    unpacked = sum(metadata.row_group(group).total_byte_size for group in groups)
    if unpacked > guards.max_total_bytes:
        hint = f"{place} unpacks to {unpacked / MEGABYTE:,.0f} MB"
        refuse(findings, "too_large_unpacked", hint, table=name, value=unpacked)


def _check_texts(
    table: pa.Table, name: str, place: str, guards: Guards, findings: Findings
) -> None:
    """Refuse texts that are short as a dictionary and endless when written out."""
    total = 0
    for column in table.columns:
        if not pa.types.is_dictionary(column.type):
            continue
        for chunk in column.chunks:
            sizes = pc.binary_length(chunk.dictionary)
            total += pc.sum(sizes.take(chunk.indices)).as_py() or 0
    if total > guards.max_text_bytes:
        hint = f"the texts of {place} come to {total / MEGABYTE:,.0f} MB"
        refuse(findings, "too_much_text", hint, table=name, value=total)
