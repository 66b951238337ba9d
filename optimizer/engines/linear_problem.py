"""A mixed-integer linear problem as arrays, and what a solution of it must satisfy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TOLERANCE = 1e-6  # by how much a row may be missed, relative to its largest term


@dataclass(frozen=True, slots=True)
class LinearProblem:
    """Minimise offset + cost x subject to row_lower <= A x <= row_upper, lower <= x <= upper.

    Attributes
    ----------
    cost, lower, upper : (n_columns,) float64; bounds may be infinite
    integer : (n_columns,) bool
    row_start : (n_rows + 1,) int64; row r holds entries row_start[r] .. row_start[r + 1]
    column, value : (n_entries,) of A, row by row
    row_lower, row_upper : (n_rows,) float64; may be infinite
    offset : added to every objective
    """

    cost: Floats
    lower: Floats
    upper: Floats
    integer: Flags
    row_start: Ints
    column: Ints
    value: Floats
    row_lower: Floats
    row_upper: Floats
    offset: float = 0.0

    @property
    def row_of_entry(self) -> Ints:
        """Row of each entry of A, (n_entries,)."""
        return np.repeat(np.arange(len(self.row_lower)), np.diff(self.row_start))

    def objective(self, x: Floats) -> float:
        """Return offset + cost x."""
        return float(self.offset + self.cost @ x)

    def activity(self, x: Floats) -> Floats:
        """Return A x, (n_rows,)."""
        total: Floats = np.bincount(
            self.row_of_entry, self.value * x[self.column], minlength=len(self.row_lower)
        ).astype(np.float64)
        return total

    def violation(self, x: Floats) -> float:
        """Return by how much x breaks its worst rule, relative to the size of what it adds up."""
        size = np.bincount(
            self.row_of_entry,
            np.abs(self.value * x[self.column]),
            minlength=len(self.row_lower),
        )
        row = self.activity(x)
        worst = 0.0
        if len(row):
            miss = np.maximum(self.row_lower - row, row - self.row_upper)
            worst = float(np.max(miss / np.maximum(size, 1.0)))
        if len(x):
            worst = max(worst, float(np.max(np.maximum(self.lower - x, x - self.upper))))
            worst = max(worst, float(np.max(np.where(self.integer, np.abs(x - np.rint(x)), 0.0))))
        return max(worst, 0.0)

    def relaxed(self) -> LinearProblem:
        """Return the problem without its integrality."""
        return LinearProblem(
            self.cost,
            self.lower,
            self.upper,
            np.zeros(len(self.cost), bool),
            self.row_start,
            self.column,
            self.value,
            self.row_lower,
            self.row_upper,
            self.offset,
        )

    def weak_duality_bound(self, price: Floats) -> float:
        """Return the bound that any row prices prove, whoever found them.

        min cost x >= sum_r (price_r x the side it leans on) + sum_j min over the box of
        (cost_j - price A_j) x_j. Prices that lean on an infinite side are taken as 0.

        Parameters
        ----------
        price : (n_rows,) float64; positive leans on row_lower, negative on row_upper
        """
        side = np.where(price > 0.0, self.row_lower, self.row_upper)
        price = np.where(np.isfinite(side), price, 0.0)
        reduced = self.cost - np.bincount(
            self.column, self.value * price[self.row_of_entry], minlength=len(self.cost)
        )
        # a reduced cost that is zero but for rounding must not lean on an infinite side
        scale = 1e-9 * np.maximum(1.0, np.abs(self.cost))
        reduced = np.where(np.abs(reduced) <= scale, 0.0, reduced)
        at = np.where(reduced > 0.0, self.lower, self.upper)
        box = np.where(reduced == 0.0, 0.0, reduced * np.where(reduced == 0.0, 0.0, at))
        rows = np.where(price == 0.0, 0.0, price * np.where(price == 0.0, 0.0, side))
        return float(self.offset + rows.sum() + box.sum())


class Rows:
    """Gathers rows of a problem, a block at a time."""

    def __init__(self) -> None:
        self._row: list[Ints] = []
        self._column: list[Ints] = []
        self._value: list[Floats] = []
        self._lower: list[Floats] = []
        self._upper: list[Floats] = []
        self.count = 0

    def add(self, row: Ints, column: Ints, value: Floats, lower: Floats, upper: Floats) -> None:
        """Add a block of rows.

        Parameters
        ----------
        row : (n_entries,) from 0 within the block
        column, value : (n_entries,)
        lower, upper : (n_block_rows,)
        """
        self._row.append(np.asarray(row, np.int64) + self.count)
        self._column.append(np.asarray(column, np.int64))
        self._value.append(np.asarray(value, np.float64))
        self._lower.append(np.asarray(lower, np.float64))
        self._upper.append(np.asarray(upper, np.float64))
        self.count += len(lower)

    def problem(
        self, cost: Floats, lower: Floats, upper: Floats, integer: Flags, offset: float = 0.0
    ) -> LinearProblem:
        """Return the problem with these columns and the gathered rows.

        Entries that name the same row and column are added up.
        """
        row = np.concatenate([*self._row, np.empty(0, np.int64)])
        column = np.concatenate([*self._column, np.empty(0, np.int64)])
        value = np.concatenate([*self._value, np.empty(0)])
        key = row * max(len(cost), 1) + column
        order = np.argsort(key, kind="stable")
        first = np.flatnonzero(np.diff(key[order], prepend=-1))
        row, column = row[order][first], column[order][first]
        value = np.add.reduceat(value[order], first) if len(first) else value
        start = np.zeros(self.count + 1, np.int64)
        np.cumsum(np.bincount(row, minlength=self.count), out=start[1:])
        return LinearProblem(
            np.asarray(cost, np.float64),
            np.asarray(lower, np.float64),
            np.asarray(upper, np.float64),
            np.asarray(integer, bool),
            start,
            column,
            value,
            np.concatenate([*self._lower, np.empty(0)]),
            np.concatenate([*self._upper, np.empty(0)]),
            offset,
        )
