"""What is left of every limit while orders are placed one by one."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any, cast

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import Block, whole_stock
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints

Chosen = tuple[list[int], list[int], list[int]]  # site, label and group of an order's pieces

UNITS = 1e-9  # units that are rounding, not demand


class Ledger:
    """Free stock, room and carriers; every change of a placement goes through it.

    A piece of a channel takes its own stock first, then shared stock; what it lent from the
    shared stock goes back first.

    Parameters
    ----------
    problem : its limits are copied
    placement : must respect the limits; it is booked, and changed with the books
    """

    def __init__(self, problem: SourcingProblem, placement: Placement) -> None:
        limits, pieces = problem.resources, problem.pieces
        self.problem = problem
        self.placement = placement
        self.stock = limits.stock.copy()
        self.room = limits.room.copy()
        self.parcels = limits.parcels.copy()
        self.lent = np.zeros(limits.stock.size)  # to ring-fenced columns, by site and column
        self._stock_at = _scalars(self.stock)
        self._room_at = _scalars(self.room)
        self._parcels_at = _scalars(self.parcels)
        self._lent_at = _scalars(self.lent)
        self._columns = limits.stock.shape[1]
        self._days = len(problem.days)
        self._shared: list[int] = limits.shared.tolist()
        self._first: list[int] = problem.orders.first_piece.tolist()
        self._day: list[int] = problem.orders.day.tolist()
        self._units: list[float] = pieces.units.tolist()
        self._column: list[int] = pieces.parts[0].column.tolist()
        self._qty: list[float] = pieces.parts[0].qty.tolist()
        self._more: dict[int, list[tuple[int, float]]] = {}
        for parts in pieces.parts[1:]:
            for piece, column, qty in zip(
                parts.piece.tolist(), parts.column.tolist(), parts.qty.tolist(), strict=True
            ):
                self._more.setdefault(piece, []).append((column, qty))
        placed = np.flatnonzero(placement.site != LEFT)
        for order in np.unique(pieces.order[placed]).tolist():
            span = slice(self._first[order], self._first[order + 1])
            booked = self.take(
                order,
                placement.site[span].tolist(),
                placement.label[span].tolist(),
                placement.group[span].tolist(),
            )
            if not booked:
                raise ValueError("the placement to book is above a limit")

    def take(
        self, order: int, site: Sequence[int], label: Sequence[int], group: Sequence[int]
    ) -> bool:
        """Book an order's pieces, all or none; say whether they fitted."""
        day, first = self._day[order], self._first[order]
        for rank, place in enumerate(site):
            if place == LEFT:
                continue
            if not self._take_piece(first + rank, place, day):
                self._undo(order, site, label, group, rank)
                return False
            if label[rank] == rank:
                at = group[rank] * self._days + day
                self._parcels_at[at] -= 1.0
                if self._parcels_at[at] < 0.0:
                    self._undo(order, site, label, group, rank + 1)
                    return False
        return True

    def overflow(self, order: int, site: Sequence[int], sequence: Sequence[int]) -> list[int]:
        """Return the ranks whose stock or room is not there if pieces are taken in sequence.

        Nothing stays booked; the order must hold nothing.
        """
        day, first = self._day[order], self._first[order]
        booked: list[int] = []
        over: list[int] = []
        for rank in sequence:
            if site[rank] != LEFT:
                fits = self._take_piece(first + rank, site[rank], day)
                (booked if fits else over).append(rank)
        for rank in booked:
            self._give_piece(first + rank, site[rank], day)
        return over

    def release(
        self, order: int, site: Sequence[int], label: Sequence[int], group: Sequence[int]
    ) -> None:
        """Give back what :meth:`take` booked."""
        self._undo(order, site, label, group, len(site))

    def _undo(
        self,
        order: int,
        site: Sequence[int],
        label: Sequence[int],
        group: Sequence[int],
        ranks: int,
    ) -> None:
        day, first = self._day[order], self._first[order]
        for rank in range(ranks):
            if site[rank] == LEFT:
                continue
            self._give_piece(first + rank, site[rank], day)
            if label[rank] == rank:
                self._parcels_at[group[rank] * self._days + day] += 1.0

    def _take_piece(self, piece: int, site: int, day: int) -> bool:
        room = site * self._days + day
        units = self._units[piece]
        if self._room_at[room] < units - UNITS:
            return False
        if not self._draw(site, self._column[piece], self._qty[piece]):
            return False
        more = self._more.get(piece, ())
        for at, (column, qty) in enumerate(more):
            if not self._draw(site, column, qty):
                self._put(site, self._column[piece], self._qty[piece])
                for back, back_qty in more[:at]:
                    self._put(site, back, back_qty)
                return False
        self._room_at[room] -= units
        return True

    def _give_piece(self, piece: int, site: int, day: int) -> None:
        self._put(site, self._column[piece], self._qty[piece])
        for column, qty in self._more.get(piece, ()):
            self._put(site, column, qty)
        self._room_at[site * self._days + day] += self._units[piece]

    def _draw(self, site: int, column: int, qty: float) -> bool:
        at = site * self._columns + column
        left = self._stock_at[at]
        if left >= qty - UNITS:
            self._stock_at[at] = left - qty
            return True
        shared = self._shared[column]
        if shared == column:
            return False
        lend, lender = qty - left, site * self._columns + shared
        if self._stock_at[lender] < lend - UNITS:
            return False
        self._stock_at[at] = 0.0
        self._stock_at[lender] -= lend
        self._lent_at[at] += lend
        return True

    def _put(self, site: int, column: int, qty: float) -> None:
        at = site * self._columns + column
        back = min(qty, self._lent_at[at])
        if back > 0.0:
            self._lent_at[at] -= back
            self._stock_at[site * self._columns + self._shared[column]] += back
        self._stock_at[at] += qty - back

    def move(self, order: int, site: list[int], label: list[int], group: list[int]) -> bool:
        """Replace what an order does, if that fits; say whether it did."""
        old = self.held(order)
        self.release(order, *old)
        if self.take(order, site, label, group):
            self.note(order, site, label, group)
            return True
        if not self.take(order, *old):
            raise AssertionError("what was released must fit again")
        return False

    def held(self, order: int) -> Chosen:
        """Return site, label and group of an order's pieces as they are placed."""
        now, span = self.placement, slice(self._first[order], self._first[order + 1])
        return now.site[span].tolist(), now.label[span].tolist(), now.group[span].tolist()

    def note(self, order: int, site: list[int], label: list[int], group: list[int]) -> None:
        """Write down where an order's pieces are now."""
        now, span = self.placement, slice(self._first[order], self._first[order + 1])
        now.site[span], now.label[span], now.group[span] = site, label, group

    def enter(self, order: int, site: list[int], label: list[int], group: list[int]) -> bool:
        """Place an order that holds nothing, if it fits; say whether it did."""
        if not self.take(order, site, label, group):
            return False
        self.note(order, site, label, group)
        return True

    def barred(self, pieces: Ints, own: bool) -> Floats:
        """Return inf where a site cannot take a piece now, else 0: (n_sites, n_pieces) float64.

        Parameters
        ----------
        own : count what each piece itself holds now as free
        """
        problem, of_all = self.problem, self.problem.pieces
        free = whole_stock(problem, self.stock)
        day = problem.orders.day[of_all.order[pieces]]
        able = self.room[:, day] >= of_all.units[pieces] - UNITS
        for parts in of_all.parts:
            if len(parts.piece) == problem.n_pieces:  # the first: every piece is there
                able &= free[:, parts.column[pieces]] >= parts.qty[pieces] - UNITS
                continue
            found = np.searchsorted(parts.piece, pieces)
            found[found == len(parts.piece)] = 0
            at = np.flatnonzero(parts.piece[found] == pieces)
            found = found[at]
            able[:, at] &= free[:, parts.column[found]] >= parts.qty[found] - UNITS
        if own:
            site = self.placement.site[pieces]
            holds = np.flatnonzero(site != LEFT)
            able[site[holds], holds] = True
        return np.where(able, 0.0, np.inf)


def _scalars(values: Floats) -> MutableSequence[float]:
    """Look at an array one Python number at a time; four times as fast as indexing the array."""
    flat: Any = values.reshape(-1)
    return cast(MutableSequence[float], memoryview(flat))


def tolls(ledger: Ledger, block: Block, rows: Ints, price: Floats, own: bool) -> Floats | None:
    """Return what parcels pay by carrier limit now, (n_groups, n_rows); inf where none is left.

    Parameters
    ----------
    price : (n_groups, n_days) float64
    own : a carrier that an order uses already is open to it
    """
    if len(ledger.parcels) == 1:
        return None
    day = block.day[rows]
    toll = np.where(ledger.parcels[:, day] >= 1.0, price[:, day], np.inf)
    if own:
        pieces = block.pieces(rows)
        site, group = ledger.placement.site[pieces], ledger.placement.group[pieces]
        row = np.broadcast_to(np.arange(len(rows))[:, None], site.shape)
        used = site != LEFT
        toll[group[used], row[used]] = price[group[used], day[row[used]]]
    return toll
