"""Blocks of orders of one size, with the money of every parcel that they could be sent in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints, Quotes

MOST_EXACT = 6  # pieces up to which an order is solved over all its subsets
MOST_CELLS = 150_000_000  # parcels priced ahead; above, fewer pieces are solved exactly
BLOCK_ORDERS = 4096


@dataclass(frozen=True, slots=True)
class Block:
    """Orders of one size.

    Attributes
    ----------
    size : pieces of each order
    first_order, first_piece : where the block begins in the problem
    money : (n_groups, 2**size - 1, n_sites, n_orders) float64, all money but the penalties of
        sending the pieces whose bits are set in (subset + 1) together; inf where it cannot be
    drop : (size, n_orders) float64, penalty of leaving a piece
    day : (n_orders,) int64
    """

    size: int
    first_order: int
    first_piece: int
    money: Floats
    drop: Floats
    day: Ints

    @property
    def orders(self) -> int:
        """Orders in the block."""
        return len(self.day)

    @property
    def cells(self) -> int:
        """Parcels priced ahead."""
        return int(self.money.size)

    def pieces(self, rows: Ints | None = None) -> Ints:
        """Return pieces of some orders of the block, (n_rows, size) int64."""
        rows = np.arange(self.orders) if rows is None else rows
        result: Ints = self.first_piece + rows[:, None] * self.size + np.arange(self.size)
        return result

    def some(self, rows: Ints) -> Block:
        """Return a block of some of its orders; its first_order and first_piece mean nothing."""
        return Block(
            self.size,
            -1,
            -1,
            self.money.transpose(3, 0, 1, 2)[rows].transpose(1, 2, 3, 0),
            self.drop[:, rows],
            self.day[rows],
        )


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All parcels that small orders could be sent in, and which orders are too large for that.

    Attributes
    ----------
    blocks : orders of up to `exact` pieces, in the problem's order
    exact : most pieces of an order in a block
    large : orders with more, (n,) int64
    able : (n_sites, n_pieces) bool, the site has the stock and the room for the piece
        if all others leave it alone
    money : flat float64, the blocks' money order by order: [group, subset - 1, site]
    money_at : (n_orders,) int64, where the money of an order begins; -1: it is large
    """

    blocks: tuple[Block, ...]
    exact: int
    large: Ints
    able: NDArray[np.bool_]
    money: Floats
    money_at: Ints

    @property
    def cells(self) -> int:
        """Parcels priced ahead."""
        return sum(block.cells for block in self.blocks)


def build_catalogue(problem: SourcingProblem, most_exact: int = MOST_EXACT) -> Catalogue:
    """Price every parcel of every order that is small enough for it."""
    size = np.diff(problem.orders.first_piece)
    exact = _exact_size(problem, size, most_exact)
    able = able_sites(problem)
    each = problem.n_groups * problem.n_sites * ((1 << size) - 1)
    small = size <= exact
    ends = np.cumsum(each[small])
    money = np.empty(int(ends[-1]) if len(ends) else 0)
    money_at = np.full(len(size), -1, np.int64)
    money_at[small] = ends - each[small]
    blocks: list[Block] = []
    for pieces in range(1, exact + 1):
        members = np.flatnonzero(size == pieces)
        blocks += [
            _block(problem, able, members[begin : begin + BLOCK_ORDERS], pieces, money[at:])
            for begin in range(0, len(members), BLOCK_ORDERS)
            for at in money_at[members[begin : begin + 1]].tolist()
        ]
    return Catalogue(tuple(blocks), exact, np.flatnonzero(~small), able, money, money_at)


def _exact_size(problem: SourcingProblem, size: Ints, most: int) -> int:
    """Return the pieces up to which all subsets of an order's pieces fit into memory."""
    cells, exact = 0.0, 1
    for pieces in range(1, most + 1):
        each = problem.n_groups * problem.n_sites * ((1 << pieces) - 1)
        cells += float((size == pieces).sum()) * each
        if cells <= MOST_CELLS:
            exact = pieces
    return exact


def able_sites(problem: SourcingProblem) -> NDArray[np.bool_]:
    """Say which site could take which piece alone, (n_sites, n_pieces) bool."""
    resources, pieces = problem.resources, problem.pieces
    stock = whole_stock(problem, resources.stock)
    able = np.ones((problem.n_sites, problem.n_pieces), bool)
    for parts in pieces.parts:
        enough = stock[:, parts.column] >= parts.qty - 1e-9
        if len(parts.piece) == problem.n_pieces:
            able &= enough
        else:
            able[:, parts.piece] &= enough
    day = problem.orders.day[pieces.order]
    able &= resources.room[:, day] >= pieces.units - 1e-9
    return able


def whole_stock(problem: SourcingProblem, stock: Floats) -> Floats:
    """Return what an order may use of each column: its own and what is shared."""
    shared = problem.resources.shared
    if np.array_equal(shared, np.arange(len(shared))):
        return stock
    result = stock.copy()
    fenced = np.flatnonzero(shared != np.arange(len(shared)))
    result[:, fenced] += stock[:, shared[fenced]]
    return result


def quotes_for(problem: SourcingProblem, orders: Ints) -> Quotes:
    """Return the rates for some orders, each with its toll."""
    toll = None if problem.toll is None else problem.toll[:, orders]
    of_orders = problem.orders
    return Quotes(problem.tariff, of_orders.zone[orders], of_orders.promise.of(orders), toll)


def subsets(size: int) -> Iterator[tuple[int, int, int]]:
    """Yield every non-empty subset as (subset, without its lowest piece, its lowest piece)."""
    for subset in range(1, 1 << size):
        lowest = subset & -subset
        yield subset, subset ^ lowest, lowest.bit_length() - 1


def _block(
    problem: SourcingProblem, able: NDArray[np.bool_], orders: Ints, size: int, room: Floats
) -> Block:
    """Price all parcels of neighbouring orders of one size, into the front of `room`."""
    first = int(problem.orders.first_piece[orders[0]])
    span = slice(first, first + size * len(orders))
    pieces = problem.pieces
    kg, m3, units, loss_of = (
        column[span].reshape(-1, size).T
        for column in (pieces.kg, pieces.m3, pieces.units, pieces.loss)
    )
    barred = ~able[:, span].reshape(problem.n_sites, len(orders), size)
    quotes = quotes_for(problem, orders)
    shape = ((1 << size) - 1, problem.n_sites, len(orders))
    cells = len(orders) * problem.n_groups * shape[0] * shape[1]
    money = room[:cells].reshape(len(orders), problem.n_groups, *shape[:2]).transpose(1, 2, 3, 0)
    zero = np.zeros(len(orders))
    loads: dict[int, tuple[Floats, ...]] = {0: (zero, zero, zero, zero)}
    not_there = {0: np.zeros(shape[1:], bool)}
    worth = None
    if problem.goods is not None:
        worth = problem.goods[:, span].reshape(problem.n_sites, len(orders), size)
    goods = {0: np.zeros(shape[1:] if worth is not None else ())}
    for subset, rest, lowest in subsets(size):
        before = loads[rest]
        own = (kg[lowest], m3[lowest], units[lowest], loss_of[lowest])
        loads[subset] = tuple(had + more for had, more in zip(before, own, strict=True))
        not_there[subset] = not_there[rest] | barred[:, :, lowest]
        weight, volume, count, loss = loads[subset]
        goods[subset] = goods[rest] if worth is None else goods[rest] + worth[:, :, lowest]
        parcel = quotes.by_group(weight, volume, loss - goods[subset], problem.n_groups)
        parcel += problem.handling[:, None] * count + goods[subset]
        parcel[:, not_there[subset]] = np.inf
        money[:, subset - 1] = parcel
    drop = np.ascontiguousarray(pieces.penalty[span].reshape(-1, size).T)
    return Block(size, int(orders[0]), first, money, drop, problem.orders.day[orders])
