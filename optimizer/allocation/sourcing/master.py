"""The parcels of some orders as one mixed-integer problem over what is left of the limits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.sourcing.columns import Columns
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints
from optimizer.engines.linear_problem import LinearProblem, Rows

UNITS = 1e-9


@dataclass(frozen=True, slots=True)
class Free:
    """What some orders may use of each limit, shaped as the limits are."""

    stock: Floats
    room: Floats
    parcels: Floats


@dataclass(frozen=True, slots=True)
class Master:
    """Which columns to send, and what ring-fenced cells borrow from shared stock.

    Rows: every piece at most once, then the limits that the columns could exceed.

    Attributes
    ----------
    linear : columns of parcels first, then what each cell of `borrower` borrows
    cover : rows that cover pieces
    stock, room, parcels : (n,) int64, flat positions in the limits of the rows after those
    borrower : (n,) int64, row of the ring-fenced cell that borrows
    """

    columns: Columns
    linear: LinearProblem
    cover: int
    stock: Ints
    room: Ints
    parcels: Ints
    borrower: Ints

    def start(self) -> Floats:
        """Return the placement as a point; what is borrowed follows from it."""
        point = np.zeros(len(self.linear.cost))
        sent = len(self.columns.now)
        point[:sent] = self.columns.now
        over = self.linear.activity(point) - self.linear.row_upper
        point[sent:] = np.maximum(0.0, over[self.borrower])
        return point

    def prices(self, problem: SourcingProblem, row_price: Floats) -> Prices:
        """Read the prices of limits out of the prices of rows."""
        prices = Prices.zero(problem)
        at = self.cover
        rows: Ints
        price: Floats
        for rows, price in (
            (self.stock, prices.stock),
            (self.room, prices.room),
            (self.parcels, prices.parcels),
        ):
            price.reshape(-1)[rows] = np.maximum(0.0, -row_price[at : at + len(rows)])
            at += len(rows)
        np.minimum(prices.stock, prices.stock[:, problem.resources.shared], out=prices.stock)
        return prices


@dataclass(frozen=True, slots=True)
class _Entries:
    """Use of limits by columns: entry k takes `qty` of flat position `cell` for a piece."""

    column: Ints
    piece: Ints
    cell: Ints
    qty: Floats

    def most(self, size: int) -> Floats:
        """Return the most that could be taken of every cell: each piece counts once."""
        _, once = np.unique(self.piece * size + self.cell, return_index=True)
        most = np.bincount(self.cell[once], weights=self.qty[once], minlength=size)
        return most.astype(np.float64)


def build_master(problem: SourcingProblem, columns: Columns, free: Free) -> Master:
    """State which columns to send at least cost within what is free."""
    rows = Rows()
    column, piece = columns.entries()
    covered, row = np.unique(piece, return_inverse=True)
    ones = np.ones(len(covered))
    rows.add(row, column, np.ones(len(column)), -np.inf * ones, ones)

    every = np.arange(len(columns.now))
    stock, borrower = _stock_rows(problem, rows, columns, (column, piece), free.stock)
    days = len(problem.days)
    day = problem.orders.day[columns.order]
    units = _Entries(
        column, piece, (columns.site * days + day)[column], problem.pieces.units[piece]
    )
    room = _limit_rows(rows, units, free.room.ravel())
    lowest = columns.subset & -columns.subset
    head = columns.first + np.log2(lowest).astype(np.int64)
    sent = _Entries(every, head, columns.group * days + day, np.ones(len(every)))
    parcels = _limit_rows(rows, sent, free.parcels.ravel())
    lent = np.zeros(len(borrower))
    linear = rows.problem(
        np.concatenate([columns.saving, lent]),
        np.zeros(len(every) + len(lent)),
        np.concatenate([np.ones(len(every)), lent + np.inf]),
        np.concatenate([np.ones(len(every), bool), lent > 0.0]),
    )
    return Master(columns, linear, len(covered), stock, room, parcels, borrower)


def _limit_rows(rows: Rows, entries: _Entries, limit: Floats) -> Ints:
    """Add a row for every limit that could be exceeded; return their flat positions."""
    cells, local = np.unique(entries.cell, return_inverse=True)
    entries = replace(entries, cell=local)
    tight = np.flatnonzero(entries.most(len(cells)) > limit[cells] + UNITS)
    _add(rows, entries, tight, limit[cells])
    return cells[tight]


def _add(
    rows: Rows,
    entries: _Entries,
    tight: Ints,
    limit: Floats,
    extra: tuple[Ints, Ints, Floats] | None = None,
) -> None:
    """Add a row per tight cell; entries of one column in one row add up."""
    row_of = np.full(len(limit), -1, np.int64)
    row_of[tight] = np.arange(len(tight))
    keep = row_of[entries.cell] >= 0
    row, column, qty = row_of[entries.cell[keep]], entries.column[keep], entries.qty[keep]
    if len(row):
        width = int(column.max()) + 1
        key, inverse = np.unique(row * width + column, return_inverse=True)
        row, column = np.divmod(key, width)
        qty = np.bincount(inverse, weights=qty).astype(np.float64)
    if extra is not None:
        row = np.concatenate([row, extra[0]])
        column = np.concatenate([column, extra[1]])
        qty = np.concatenate([qty, extra[2]])
    rows.add(row, column, qty, np.full(len(tight), -np.inf), limit[tight])


def _stock_rows(
    problem: SourcingProblem, rows: Rows, columns: Columns, inside: tuple[Ints, Ints], free: Floats
) -> tuple[Ints, Ints]:
    """Add the rows of stock; ring-fenced cells may borrow from the shared cell of their site.

    Returns
    -------
    cells : (n,) int64, flat positions of the rows
    borrower : (n_borrowers,) int64, row of each cell that borrows
    """
    entries = _takes(problem, columns, *inside)
    width, shared = free.shape[1], problem.resources.shared
    lends = entries.cell - entries.cell % width + shared[entries.cell % width]
    cells = np.unique(np.concatenate([entries.cell, lends]))
    entries = replace(entries, cell=np.searchsorted(cells, entries.cell))
    lender = np.searchsorted(cells, cells - cells % width + shared[cells % width])
    fenced = lender != np.arange(len(cells))
    limit = free.ravel()[cells]
    most = entries.most(len(cells))
    over = np.where(fenced, np.maximum(0.0, most - limit), 0.0)
    most = most + np.bincount(lender, weights=over, minlength=len(cells))
    tight = most > limit + UNITS
    tight[fenced] &= tight[lender[fenced]]  # what may borrow without end has no limit
    where = np.flatnonzero(tight)
    row_of = np.full(len(cells), -1, np.int64)
    row_of[where] = np.arange(len(where))
    borrows = where[fenced[where]]
    own = len(columns.now) + np.arange(len(borrows))
    ones = np.ones(len(borrows))
    extra = (
        np.concatenate([row_of[borrows], row_of[lender[borrows]]]),
        np.concatenate([own, own]),
        np.concatenate([-ones, ones]),
    )
    before = rows.count
    _add(rows, entries, where, limit, extra if len(borrows) else None)
    return cells[where], before + row_of[borrows]


def _takes(problem: SourcingProblem, columns: Columns, column: Ints, piece: Ints) -> _Entries:
    """Return what columns take from stock."""
    width = problem.resources.stock.shape[1]
    found: list[tuple[Ints, Ints, Ints, Floats]] = []
    for parts in problem.pieces.parts:
        at = np.minimum(np.searchsorted(parts.piece, piece), len(parts.piece) - 1)
        has = np.flatnonzero(parts.piece[at] == piece)
        at = at[has]
        cell = columns.site[column[has]] * width + parts.column[at]
        found.append((column[has], piece[has], cell, parts.qty[at]))
    joined = [np.concatenate(part) for part in zip(*found, strict=True)]
    return _Entries(joined[0], joined[1], joined[2], joined[3])
