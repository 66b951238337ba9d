"""Rows of a stored table: a page of them, or all one after the other in constant memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from api.services.filters import Filter, Sort
from api.store.held_tables import HeldTable, HeldTables
from scenarios.scenario import blank, column_dtype
from scenarios.tables import NUMERIC, TEMPORAL, Kind, Table

ROWS_AT_ONCE: Final = 8192
WINDOW_ROWS: Final = 10_000  # rows of an order that are found at once, for the pages to come
LARGEST_GROUP: Final = 65_536  # rows that are read for the sake of one page


@dataclass(frozen=True, slots=True)
class TableRows:
    """A table of a scenario or plan as it is stored.

    Parameters
    ----------
    contract : its columns, in order; those that the file does not have are blank
    path : of its Parquet file; None for a table without rows
    held : where tables are kept that are filtered or sorted
    """

    contract: Table
    path: Path | None
    held: HeldTables

    @property
    def total(self) -> int:
        """How many rows it has."""
        return 0 if self.path is None else int(pq.read_metadata(self.path).num_rows)

    def count(self, where: Filter | None) -> int:
        """Return how many rows a filter takes."""
        if where is None or self.path is None:
            return self.total
        return len(self._held().selection(where.text, where.mask))

    def page(
        self, first: int, size: int, where: Filter | None = None, sorts: Sequence[Sort] = ()
    ) -> pa.Table:
        """Return up to `size` rows from the one numbered `first`, counted after filter and sort.

        Rows that a sort does not tell apart stay in the order of the table, so that pages
        join without a gap.
        """
        if self.path is None:
            return pa.table({})
        if where is None and not sorts:
            return self._plain_page(first, size)
        held = self._held()
        rows = None if where is None else held.selection(where.text, where.mask)
        total = self.total if rows is None else len(rows)
        last = min(first + size, total)
        if first >= last:
            return held.table.slice(0, 0)
        if not sorts:
            assert rows is not None
            return held.table.take(rows[first:last])
        question = f"{'' if where is None else where.text}\n{sorts}"
        known = held.window(question, first, last)
        if known is None:
            ahead = min(first + max(size, WINDOW_ROWS), total)
            window = _sorted_slice(held, rows, sorts, first, ahead)
            held.remember(question, first, window)
            known = window[: last - first]
        return held.table.take(known)

    def frames(
        self, where: Filter | None = None, sorts: Sequence[Sort] = ()
    ) -> Iterator[pd.DataFrame]:
        """Yield all rows, some thousand at a time, in the dtypes of the contract."""
        for part in self.parts(where, sorts):
            yield self.frame(part)

    def parts(self, where: Filter | None, sorts: Sequence[Sort]) -> Iterator[pa.Table]:
        """Yield all rows as they are stored, some thousand at a time."""
        if self.path is None:
            return
        if where is None and not sorts:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                    yield pa.Table.from_batches([batch])
            return
        held = self._held()
        table = held.table
        rows = None if where is None else held.selection(where.text, where.mask)
        total = len(table) if rows is None else len(rows)
        if sorts and total:
            rows = _sorted_slice(held, rows, sorts, 0, total)
        assert rows is not None
        for first in range(0, total, ROWS_AT_ONCE):
            yield table.take(rows[first : first + ROWS_AT_ONCE])

    def frame(self, part: pa.Table) -> pd.DataFrame:
        """Return rows with every column of the contract, in its dtype."""
        columns = {}
        for column in self.contract.columns:
            if column.name not in part.column_names:
                columns[column.name] = blank(column, len(part))
                continue
            cells = part.column(column.name)
            if column.kind in NUMERIC:
                series = pd.Series(cells.to_numpy().astype(np.float64, copy=False))
            elif column.kind in TEMPORAL:
                series = pd.Series(cells.to_numpy().astype("datetime64[ms]", copy=False))
            else:
                dtype: Any = column_dtype(column)
                series = pd.Series(dtype.__from_arrow__(cells), dtype=dtype)
            columns[column.name] = series
        return pd.DataFrame(columns)

    @property
    def whole_file(self) -> Path | None:
        """The Parquet file, where it has the columns of the contract and no others."""
        if self.path is None:
            return None
        names = pq.read_schema(self.path).names
        return self.path if names == list(self.contract.names) else None

    def _held(self) -> HeldTable:
        assert self.path is not None
        return self.held.get(self.path)

    def _plain_page(self, first: int, size: int) -> pa.Table:
        """Read only the row groups that a page lies in."""
        with pq.ParquetFile(self.path) as file:
            sizes = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
            if max(sizes, default=0) <= LARGEST_GROUP:
                ends = np.cumsum([0, *sizes])
                groups = np.flatnonzero((ends[:-1] < first + size) & (ends[1:] > first))
                part = file.read_row_groups(groups.tolist(), use_threads=False)
                return part.slice(first - int(ends[groups[0]]) if len(groups) else 0, size)
        return self._held().table.slice(first, size)


def records(part: pa.Table, contract: Table) -> list[dict[str, Any]]:
    """Return rows as JSON holds them: whole numbers whole, dates as 2026-11-01, blanks null."""
    columns: list[list[Any]] = []
    for column in contract.columns:
        if column.name not in part.column_names:
            columns.append([None] * len(part))
            continue
        values = part.column(column.name).to_pylist()
        if column.kind in NUMERIC:
            whole = column.kind == Kind.INTEGER
            columns.append([_number(value, whole=whole) for value in values])
        elif column.kind in TEMPORAL:
            day = column.kind == Kind.DATE
            columns.append(
                [None if v is None else (v.date() if day else v).isoformat() for v in values]
            )
        else:
            columns.append(values)
    return [dict(zip(contract.names, row, strict=True)) for row in zip(*columns, strict=True)]


def _number(value: float | None, *, whole: bool) -> float | int | None:
    if value is None or not np.isfinite(value):
        return None
    return int(value) if whole and value == int(value) else value


def _sorted_slice(
    held: HeldTable,
    rows: NDArray[np.int64] | None,
    sorts: Sequence[Sort],
    first: int,
    last: int,
) -> NDArray[np.int64]:
    """Return the rows at places `first` to `last` of the order, without ordering the others.

    Parameters
    ----------
    rows : those that are sorted, rising; None for all
    """
    names = held.table.column_names
    sorts = [sort for sort in sorts if sort.column in names]  # the others are blank in every row
    size = len(held.table) if rows is None else len(rows)
    if not sorts:
        return np.arange(first, last) if rows is None else rows[first:last]
    key = _key(held, sorts[0], rows)
    if last - first < size:
        parted = np.partition(key, (first, last - 1))
        low, high = parted[first], parted[last - 1]
        near = np.flatnonzero((key >= low) & (key <= high))
        before = int(np.count_nonzero(key < low))
    else:
        near, before = np.arange(size), 0
    among = near if rows is None else rows[near]
    keys = [key[near], *(_key(held, sort, among) for sort in sorts[1:])]
    order = np.lexsort(keys[::-1])
    taken: NDArray[np.int64] = among[order[first - before : last - before]]
    return taken


def _key(held: HeldTable, sort: Sort, rows: NDArray[np.int64] | None) -> NDArray[np.float64]:
    """Return what to sort by, rising, blanks last whichever way."""
    key = held.sort_key(sort.column)
    key = key if rows is None else key[rows]
    return np.where(np.isinf(key), np.inf, -key) if sort.falling else key
