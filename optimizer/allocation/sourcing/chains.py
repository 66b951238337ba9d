"""Ejection chains over a ledger: the arrays for the compiled loops, and passes over all orders."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.blocks import Catalogue
from optimizer.allocation.sourcing.books_compiled import Books
from optimizer.allocation.sourcing.chains_compiled import (
    MOST_STEPS,
    Chains,
    Docks,
    Journal,
    Room,
    improve_orders,
    price_leaving,
)
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Ints

SCARCE_ROOM = 10.0  # units of room below which others may have to leave
MOST_TOUCHED = 40  # orders that one step may change
MOST_CLASSES = 6  # quantities of a column that chains tell apart; larger ones stay where they are


class Ejection:
    """Improves the placement of a ledger by ejection chains.

    Parameters
    ----------
    ledger : changed with its placement
    catalogue : orders outside of its blocks stay as they are
    """

    def __init__(self, ledger: Ledger, catalogue: Catalogue) -> None:
        problem = ledger.problem
        self.small = problem.n_orders - len(catalogue.large)
        self.books = books_of(ledger, catalogue)
        self.chains = _chains(problem, self.small)
        widest = int(np.diff(self.chains.class_start).max(initial=0))
        size = max(catalogue.exact, 1)
        self.journal = Journal(
            np.zeros(1, np.int64),
            np.zeros(MOST_TOUCHED, np.int64),
            np.zeros(MOST_TOUCHED),
            *(np.zeros((MOST_TOUCHED, size), np.int64) for _ in range(3)),
            *(np.zeros(MOST_STEPS, np.int64) for _ in range(2)),
        )
        shape = (widest, problem.n_sites, problem.n_sites + 1)
        self.room = Room(np.empty(shape), np.zeros(shape, np.int64), np.zeros(shape[:2], np.int64))
        self.open_docks()
        self.stale = np.ones(len(problem.resources.shared), np.int64)

    def improve(self, orders: Ints) -> tuple[float, int]:
        """Let orders choose anew; return money gained, and pieces looked at."""
        gained, _, seen = improve_orders(
            self.books, self.chains, self.docks, self.journal, self.room, self.stale, orders
        )
        return float(gained), int(seen)

    def open_docks(self) -> None:
        """List the pieces that could leave docks with hardly any room, the cheapest first."""
        books = self.books
        full = (books.room < SCARCE_ROOM).astype(np.int64)
        money = np.full(len(books.site), np.inf)
        to = np.full(len(books.site), -1, np.int64)
        price_leaving(books, full, money, to)
        piece = np.flatnonzero(np.isfinite(money))
        dock = books.site[piece] * books.days + books.day[books.order[piece]]
        piece = piece[np.lexsort((piece, money[piece], dock))]
        count = np.bincount(dock, minlength=len(books.room))
        end = np.cumsum(count).astype(np.int64)
        self.docks = Docks(end - count, end, piece, to[piece], money[piece])


def books_of(ledger: Ledger, catalogue: Catalogue) -> Books:
    """Look at a ledger and its placement as flat arrays, which stay the same memory."""
    problem, placement = ledger.problem, ledger.placement
    pieces, orders = problem.pieces, problem.orders
    further = pieces.parts[1:]
    piece = np.concatenate([parts.piece for parts in further] or [np.empty(0, np.int64)])
    by_piece = np.argsort(piece, kind="stable")
    column = np.concatenate([parts.column for parts in further] or [np.empty(0, np.int64)])
    qty = np.concatenate([parts.qty for parts in further] or [np.empty(0)])
    more = np.concatenate([[0], np.cumsum(np.bincount(piece, minlength=problem.n_pieces))])
    return Books(
        stock=ledger.stock.reshape(-1),
        lent=ledger.lent,
        room=ledger.room.reshape(-1),
        parcels=ledger.parcels.reshape(-1),
        site=placement.site,
        label=placement.label,
        group=placement.group,
        shared=problem.resources.shared,
        first=orders.first_piece,
        order=pieces.order,
        day=orders.day,
        units=pieces.units,
        penalty=pieces.penalty,
        column=pieces.parts[0].column,
        qty=pieces.parts[0].qty,
        more=more.astype(np.int64),
        more_column=column[by_piece],
        more_qty=qty[by_piece],
        money=catalogue.money,
        money_at=catalogue.money_at,
        sites=problem.n_sites,
        columns=len(problem.resources.shared),
        days=len(problem.days),
        groups=problem.n_groups,
    )


def _chains(problem: SourcingProblem, small: int) -> Chains:
    """Sort pieces by column, and their quantities into classes; nothing is priced yet."""
    pieces = problem.pieces
    columns = len(problem.resources.shared)
    first = pieces.parts[0]
    single = np.ones(problem.n_pieces, bool)
    for parts in pieces.parts[1:]:
        single[parts.piece] = False
    single &= pieces.order < small
    kinds = np.unique(np.stack([first.column[single], first.qty[single]]), axis=1)
    rank = np.arange(kinds.shape[1]) - np.searchsorted(kinds[0], kinds[0])
    kinds = kinds[:, rank < MOST_CLASSES]
    class_start = np.searchsorted(kinds[0], np.arange(columns + 1)).astype(np.int64)
    class_of = np.full(problem.n_pieces, -1, np.int64)
    order = np.lexsort((first.qty, first.column))
    known = {pair: number for number, pair in enumerate(zip(*kinds.tolist(), strict=True))}
    pairs = zip(first.column.tolist(), first.qty.tolist(), strict=True)
    number = np.array([known.get((float(k), q), -1) for k, q in pairs], np.int64)
    movable = single & (number >= 0)
    class_of[movable] = number[movable] - class_start[first.column[movable]]
    order = order[movable[order]]
    count = np.bincount(first.column[order], minlength=columns)
    cells = kinds.shape[1] * problem.n_sites
    return Chains(
        start=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        user=order.astype(np.int64),
        class_start=class_start,
        class_qty=kinds[1].copy(),
        class_of=class_of,
        cost=np.full(cells, np.inf),
        mover=np.full(cells, -1, np.int64),
        goes_to=np.full(cells, -1, np.int64),
    )
