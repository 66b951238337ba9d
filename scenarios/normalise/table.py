"""One raw table into the typed frame that a scenario holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from scenarios.errors import NotFound
from scenarios.findings import Findings, Severity
from scenarios.normalise.arrow import cells_of_series
from scenarios.normalise.cells import CellReader, Cells, read_cells
from scenarios.normalise.headings import column_names, match_headings
from scenarios.normalise.moments import ClockReader, MomentReader
from scenarios.normalise.numbers import NumberReader, comma_style
from scenarios.normalise.texts import ChoiceReader, FlagReader, TextReader
from scenarios.normalise.verdict import Notes
from scenarios.normalise.width import trim
from scenarios.scenario import column_dtype
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind, Table


@dataclass(frozen=True, slots=True)
class RawTable:
    """A table as a file holds it.

    Attributes
    ----------
    name : of its contract
    headings : as the file has them, one for each column
    columns : raw cells, all of the same number of rows
    rows : (n_rows,) int64, where each row stands as the planner counts it
    heading_row : where the headings stand; None where rows carry them (JSON, Parquet)
    semicolons : the file separates cells by semicolons, so that a comma may be a decimal one
    """

    name: str
    headings: tuple[str, ...]
    columns: tuple[Cells, ...]
    rows: NDArray[np.int64]
    heading_row: int | None = None
    semicolons: bool = False


@dataclass(frozen=True, slots=True)
class TypedTable:
    """A table as a scenario holds it, and where its rows stood.

    Attributes
    ----------
    frame : columns of the contract that the file has, in the dtypes of a scenario
    rows : (n_rows,) int64, as the planner counts them
    """

    frame: pd.DataFrame
    rows: NDArray[np.int64]


def normalise(raw: RawTable, zone: ZoneInfo, findings: Findings) -> TypedTable:
    """Read the raw cells of a table; what cannot be read stays blank and is an error finding.

    Parameters
    ----------
    zone : time zone to which moments with an offset are converted
    findings : takes up every change and every trouble
    """
    contract = TABLES[raw.name]
    blanks = [cells.is_blank() for cells in raw.columns]
    filled = [not blank.all() for blank in blanks]
    places = match_headings(raw.headings, filled, contract, findings, raw.heading_row)
    keep = _rows_to_keep(blanks, raw, findings)
    columns = raw.columns
    rows = raw.rows
    if not keep.all():
        columns = tuple(cells.keep(keep) for cells in columns)
        rows = rows[keep]
    if len(rows) or not places:
        _report_missing(raw, places, contract, findings)
    frame = {
        name: _read_column(columns[place], contract.by_name[name], raw, rows, zone, findings)
        for name, place in places.items()
    }
    return TypedTable(pd.DataFrame(frame, index=pd.RangeIndex(len(rows))), rows)


def normalise_frame(
    name: str, frame: pd.DataFrame, zone: ZoneInfo, findings: Findings, first_row: int = 2
) -> TypedTable:
    """Read a data frame as if it were a file whose first data row is `first_row`.

    Raises
    ------
    NotFound
        There is no such table.
    """
    if name not in TABLES:
        raise NotFound(f"no such table: {name}; known are {', '.join(TABLES)}")
    rows = np.arange(first_row, first_row + len(frame), dtype=np.int64)
    cells = tuple(cells_of_series(frame.iloc[:, place]) for place in range(frame.shape[1]))
    headings = tuple(str(heading) for heading in frame.columns)
    return normalise(RawTable(name, headings, cells, rows), zone, findings)


def _rows_to_keep(
    blanks: list[NDArray[np.bool_]], raw: RawTable, findings: Findings
) -> NDArray[np.bool_]:
    """Return (n_rows,) False where a row holds nothing at all."""
    empty = np.ones(len(raw.rows), dtype=np.bool_)
    for blank in blanks:
        empty &= blank
        if not empty.any():
            break
    last = np.flatnonzero(~empty)[-1] if not empty.all() else 0
    inside = np.flatnonzero(empty[:last])  # blank rows at the end are no rows
    if len(inside):
        findings.add(
            "blank_rows",
            Severity.INFO,
            "blank rows between others were passed over",
            table=raw.name,
            row=int(raw.rows[inside[0]]),
            count=len(inside),
        )
    return ~empty


def _report_missing(
    raw: RawTable, places: Mapping[str, int], contract: Table, findings: Findings
) -> None:
    """Name required columns that the file does not have."""
    if not places:
        if not any(trim(heading) for heading in raw.headings):
            return
        expected = ", ".join(column.name for column in contract.columns if column.required)
        findings.add(
            "no_known_heading",
            Severity.ERROR if len(raw.rows) else Severity.WARNING,
            f"no heading is known; the first row must hold headings such as {expected}",
            table=raw.name,
            row=raw.heading_row,
            value=", ".join(trim(heading) for heading in raw.headings if trim(heading)),
        )
        return
    unknown = [h for h in raw.headings if trim(h) and column_names(raw.name).find(h) is None]
    for column in contract.columns:
        if column.required and column.name not in places:
            proposals = [h for h in unknown if f"{column.name!r}" in column_names(raw.name).near(h)]
            meant = f"rename {trim(proposals[0])!r} if it is meant" if proposals else "add it"
            findings.add(
                "missing_column",
                Severity.ERROR,
                f"the required column {column.name} ({column.zh}) is missing; {meant}",
                table=raw.name,
                column=column.name,
                row=raw.heading_row,
            )


def reader_of(
    column: Column, zone: ZoneInfo, comma: tuple[bool, bool] = (False, False)
) -> CellReader:
    """Return the reader for a column contract.

    Parameters
    ----------
    zone : time zone to which moments with an offset are converted
    comma : whether the column writes decimal commas, and whether that is in doubt
    """
    if column.kind in NUMERIC:
        return NumberReader(column, *comma)
    if column.kind in TEMPORAL:
        return MomentReader(column, zone)
    if column.kind == Kind.CLOCK:
        return ClockReader(column)
    if column.kind == Kind.CHOICE:
        return ChoiceReader(column)
    if column.kind == Kind.FLAG:
        return FlagReader(column)
    return TextReader(column)


def _read_column(
    cells: Cells,
    column: Column,
    raw: RawTable,
    rows: NDArray[np.int64],
    zone: ZoneInfo,
    findings: Findings,
) -> pd.Series:
    """Read one column into the dtype that a scenario holds."""
    notes = Notes(findings, raw.name, column.name, rows)
    numeric = raw.semicolons and column.kind in NUMERIC
    comma = comma_style(cells.parts) if numeric else (False, False)
    values = read_cells(cells, reader_of(column, zone, comma), notes)
    dtype = column_dtype(column)
    if column.kind in NUMERIC:
        return pd.Series(values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False))
    if column.kind in TEMPORAL:
        return pd.Series(values.to_numpy(zero_copy_only=False).astype("datetime64[ms]", copy=False))
    return pd.Series(dtype.__from_arrow__(pa.chunked_array([values])), dtype=dtype)
