"""Stored tables that are filtered or sorted again and again, kept in memory up to a limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

MOST_SELECTIONS: Final = 16  # filters of a table whose rows are remembered
MOST_WINDOWS: Final = 16  # stretches of sorted rows that are remembered


_NONE: Final[NDArray[np.int64]] = np.empty(0, dtype=np.int64)


class HeldTable:
    """One table in memory, read from its Parquet file when it is first asked for.

    Parameters
    ----------
    path : of the file, whose content never changes
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._table: pa.Table | None = None
        self._keys: dict[str, NDArray[np.float64]] = {}
        self._selections: OrderedDict[str, NDArray[np.int64]] = OrderedDict()
        self._windows: OrderedDict[str, tuple[int, NDArray[np.int64]]] = OrderedDict()

    @property
    def table(self) -> pa.Table:
        """All columns, each in one piece."""
        with self._lock:
            if self._table is None:
                self._table = pq.read_table(self.path, use_threads=False).combine_chunks()
            return self._table

    @property
    def nbytes(self) -> int:
        """Bytes that it takes."""
        if self._table is None:
            return 0
        others = (*list(self._keys.values()), *list(self._selections.values()))
        return int(self._table.nbytes) + sum(array.nbytes for array in others)

    def sort_key(self, column: str) -> NDArray[np.float64]:
        """Return (n_rows,) float64 in the order of a column's values; +inf where it is blank."""
        known = self._keys.get(column)
        if known is None:
            known = self._keys[column] = _sort_key(self.table.column(column))
        return known

    def selection(
        self, text: str, mask: Callable[[pa.Table], NDArray[np.bool_]]
    ) -> NDArray[np.int64]:
        """Return the rows that a filter takes, in order, remembered by the filter's text.

        Parameters
        ----------
        text : of the filter
        mask : gives (n_rows,) bool of the table
        """
        with self._lock:
            known = self._selections.get(text)
            if known is not None:
                self._selections.move_to_end(text)
                return known
        taken: NDArray[np.int64] = np.flatnonzero(mask(self.table))
        with self._lock:
            self._selections[text] = taken
            while len(self._selections) > MOST_SELECTIONS:
                self._selections.popitem(last=False)
        return taken

    def window(self, question: str, first: int, last: int) -> NDArray[np.int64] | None:
        """Return the rows at places of an order that was looked at lately; None if not known.

        Parameters
        ----------
        question : filter and sort
        """
        with self._lock:
            start, rows = self._windows.get(question, (0, _NONE))
        inside = start <= first and last <= start + len(rows)
        return rows[first - start : last - start] if inside else None

    def remember(self, question: str, start: int, rows: NDArray[np.int64]) -> None:
        """Keep the rows at places of an order from `start` on."""
        with self._lock:
            self._windows[question] = (start, rows)
            self._windows.move_to_end(question)
            while len(self._windows) > MOST_WINDOWS:
                self._windows.popitem(last=False)


class HeldTables:
    """The tables that were used last, as far as they fit.

    Parameters
    ----------
    most_bytes : of all together; the newest one is kept even where it is larger
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._lock = threading.Lock()
        self._held: OrderedDict[Path, HeldTable] = OrderedDict()

    def get(self, path: Path) -> HeldTable:
        """Return a table by its file; those that were not used for longest make room."""
        with self._lock:
            held = self._held.setdefault(path, HeldTable(path))
            self._held.move_to_end(path)
            total = sum(table.nbytes for table in self._held.values())
            while total > self.most_bytes and len(self._held) > 1:
                _, gone = self._held.popitem(last=False)
                total -= gone.nbytes
            return held


def _sort_key(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Return numbers in the order of the values: texts by code points, blanks last."""
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        coded = pc.dictionary_encode(column).combine_chunks()
        coded = coded if isinstance(coded, pa.DictionaryArray) else coded.chunk(0)
        ranks = np.empty(len(coded.dictionary), np.float64)
        ranks[pc.sort_indices(coded.dictionary).to_numpy()] = np.arange(len(ranks))
        codes = pc.fill_null(coded.indices, len(ranks)).to_numpy(zero_copy_only=False)
        coded_key: NDArray[np.float64] = np.append(ranks, np.inf)[codes]
        return coded_key
    values: Any = column.cast(pa.int64()) if pa.types.is_timestamp(kind) else column
    key: NDArray[np.float64] = values.cast(pa.float64(), safe=False).to_numpy().copy()
    key[np.isnan(key)] = np.inf
    return key
