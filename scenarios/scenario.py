"""The scenario: settings and tables, read-only, known by the hash of its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scenarios.errors import NotFound
from scenarios.findings import Findings
from scenarios.settings import Settings
from scenarios.tables import NUMERIC, TABLES, TEMPORAL, Column, Kind

TEMPORAL_DTYPE = "datetime64[ms]"
KEPT_ROWS = 10_000  # of tables that are kept with their blank columns; of larger these cost memory


def column_dtype(column: Column) -> Any:
    """Return the pandas dtype in which a column is held."""
    if column.kind in NUMERIC:
        return np.dtype(np.float64)
    if column.kind in TEMPORAL:
        return np.dtype(TEMPORAL_DTYPE)
    if column.kind == Kind.FLAG:
        return pd.BooleanDtype()
    return pd.StringDtype(storage="pyarrow", na_value=np.nan)


def blank(column: Column, rows: int) -> pd.Series:
    """Return a column of blanks."""
    if column.kind in NUMERIC:
        return pd.Series(np.full(rows, np.nan))
    if column.kind in TEMPORAL:
        return pd.Series(np.full(rows, np.datetime64("NaT"), TEMPORAL_DTYPE))
    return pd.Series(None, index=pd.RangeIndex(rows), dtype=column_dtype(column))


@cache
def _none(name: str) -> pd.DataFrame:
    """Return a table of the contracts without rows."""
    return pd.DataFrame({column.name: blank(column, 0) for column in TABLES[name].columns})


class Scenario:
    """Facts handed in by a planner; nothing on it changes after it is built.

    Parameters
    ----------
    settings : what holds for all tables
    tables : frames by table name; columns as the contracts say, any may be left out
    findings : what was noticed while reading (not part of the content)
    rows : by table, (n_rows,) int64, line of the file or row of the sheet as the planner counts
        it; left out: position + 2, under one line of headings (not part of the content)

    Notes
    -----
    A table without rows is the same as no table; an optional column without values is the same
    as no column. Frames are held with the dtypes of :func:`column_dtype`; use
    :func:`scenarios.normalise` (or a reader) to build them from raw cells. Row order is content.
    """

    def __init__(
        self,
        settings: Settings,
        tables: Mapping[str, pd.DataFrame],
        findings: Findings | None = None,
        rows: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        self.settings = settings
        self.findings = findings if findings is not None else Findings()
        self.rows: Mapping[str, NDArray[np.int64]] = MappingProxyType(dict(rows or {}))
        held: dict[str, pd.DataFrame] = {}
        for name, contract in TABLES.items():
            frame = tables.get(name)
            if frame is None or len(frame) == 0:
                continue
            columns = {
                column.name: frame[column.name].astype(column_dtype(column)).reset_index(drop=True)
                for column in contract.columns
                if column.name in frame.columns
                and (column.required or frame[column.name].notna().any())
            }
            held[name] = pd.DataFrame(columns)
        unknown = sorted(set(tables) - set(TABLES))
        if unknown:
            raise NotFound(f"no such table: {', '.join(unknown)}; known are {', '.join(TABLES)}")
        self.tables: Mapping[str, pd.DataFrame] = MappingProxyType(held)
        self._whole: dict[str, pd.DataFrame] = {}

    def __repr__(self) -> str:
        """Name the scenario, its size and the head of its hash."""
        rows = sum(len(frame) for frame in self.tables.values())
        return (
            f"Scenario({self.settings.name!r}, {len(self.tables)} tables, {rows} rows,"
            f" {self.content_hash[:12]})"
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from scenarios.showing import scenario_html

        return scenario_html(self)

    def has(self, name: str) -> bool:
        """Say whether a table has rows."""
        return name in self.tables

    def table(self, name: str) -> pd.DataFrame:
        """Return a table with every column of its contract, blanks as they were given.

        Returns
        -------
        frame : text as str with NaN for blank, numbers float64, flags "boolean", dates and
            moments datetime64[ms]; no rows if the scenario does not have the table
        """
        if name not in TABLES:
            raise NotFound(f"no such table: {name}; known are {', '.join(TABLES)}")
        held = self.tables.get(name)
        if held is None:
            return _none(name).copy(deep=False)
        if name in self._whole:
            return self._whole[name].copy(deep=False)
        whole = pd.DataFrame(
            {
                column.name: held[column.name]
                if column.name in held.columns
                else blank(column, len(held))
                for column in TABLES[name].columns
            }
        )
        if len(held) <= KEPT_ROWS:
            self._whole[name] = whole.copy(deep=False)
        return whole

    def row_numbers(self, name: str) -> NDArray[np.int64]:
        """Return where each row of a table stood, as the planner counts it.

        Returns
        -------
        rows : (n_rows,) int64, line of the CSV file, row of the sheet, or place in the JSON or
            Parquet table; 2, 3, ... (below a heading) for a table that was not read
        """
        held = len(self.tables[name]) if name in self.tables else 0
        rows = self.rows.get(name)
        return rows if rows is not None else np.arange(2, held + 2, dtype=np.int64)

    def filled(self, name: str) -> pd.DataFrame:
        """Return a table with the constant defaults of its contract in place of blanks.

        Blanks whose default is a rule over other tables stay blank; see
        :mod:`scenarios.defaults`.
        """
        frame = self.table(name)
        for column in TABLES[name].columns:
            if column.default is not None:
                frame[column.name] = frame[column.name].fillna(column.default)
        return frame

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of settings and tables, the same for every form the scenario is stored in."""
        digest = hashlib.sha256(b"holdfast-scenario-1\n")
        settings = self.settings.model_dump(mode="json")
        digest.update(json.dumps(settings, sort_keys=True, ensure_ascii=False).encode())
        for name in sorted(self.tables):
            frame = self.tables[name]
            digest.update(f"\n{name} {len(frame)}".encode())
            for column in TABLES[name].columns:
                if column.name in frame.columns:
                    digest.update(f"\n{column.name} {column.kind}\n".encode())
                    _hash_column(digest, frame[column.name], column)
        return digest.hexdigest()

    # ---- doors to the readers and writers ---------------------------------------------------

    @classmethod
    def load(cls, path: str | Path) -> Scenario:
        """Read a scenario: a folder of CSV or Parquet, a zip of it, an Excel workbook or JSON.

        Raises
        ------
        InputError
            Something in it is wrong; the error carries every finding.
        """
        from scenarios.files import read_scenario

        return read_scenario(Path(path))

    def save(self, path: str | Path, form: str = "") -> Path:
        """Write the scenario as csv, parquet, zip, xlsx or json, else by the path's ending."""
        from scenarios.files import write_scenario

        return write_scenario(self, Path(path), form)


def _hash_column(digest: hashlib._Hash, cells: pd.Series, column: Column) -> None:
    """Feed one column to the digest, blanks apart from every value."""
    if column.kind in NUMERIC:
        values = cells.to_numpy(np.float64, copy=True)
        values[values == 0.0] = 0.0  # minus zero is zero
        values[np.isnan(values)] = np.nan
        digest.update(values.astype("<f8").tobytes())
    elif column.kind in TEMPORAL:
        digest.update(cells.to_numpy(TEMPORAL_DTYPE).astype("<i8").tobytes())
    elif column.kind == Kind.FLAG:
        digest.update(cells.astype("Int8").fillna(-1).to_numpy(np.int8).tobytes())
    else:
        array = pa.array(cells, type=pa.large_string(), from_pandas=True)
        if isinstance(array, pa.ChunkedArray):
            array = (
                pa.concat_arrays(array.chunks)
                if array.num_chunks
                else pa.array([], pa.large_string())
            )
        sizes = pc.fill_null(pc.binary_length(array), -1).to_numpy(zero_copy_only=False)
        digest.update(sizes.astype("<i8").tobytes())
        digest.update(_text_bytes(array))


def _text_bytes(array: pa.Array) -> bytes:
    """Return the UTF-8 bytes of all values, one after the other."""
    filled = pa.concat_arrays([pc.fill_null(array, "")])
    offsets = np.frombuffer(filled.buffers()[1], np.int64)[
        filled.offset : filled.offset + len(filled) + 1
    ]
    data = filled.buffers()[2]
    return b"" if data is None else data.to_pybytes()[offsets[0] : offsets[-1]]
