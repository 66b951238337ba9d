"""Makes orders keep every limit, then spends what is left where it saves most.

Both work on steps: one multiple more or less on one option. Steps are ranked by what they save
for what they use of scarce rows, and taken from the top as long as running totals fit; a round
is vectorised, and rounds repeat until no step helps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.stock_cost import stock_cost
from optimizer.replenishment.tonight.order_book import OrderBook, Steps, running_by
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_ROUNDS = 200
ROUNDS_OF_A_SIZE = 50  # then steps are twice as large: what is far over comes down in time


class Repairer:
    """Repairs and fills orders of one problem."""

    def __init__(self, problem: Problem, row_price: Floats) -> None:
        self.problem = problem
        self.row_price = row_price
        self.empty = OrderBook(problem, np.zeros(len(problem.options)))

    def repair(self, qty: Floats, may_go_on: Callable[[], bool]) -> Floats:
        """Return orders that keep every row, as far as smaller orders can; else the best try."""
        problem = self.problem
        book = OrderBook(problem, qty, like=self.empty)
        for number in range(MOST_ROUNDS):
            over = book.used - problem.rows.room - problem.slack
            if not (over > 0.0).any() or not may_go_on():
                break
            size = 2.0 ** (number // ROUNDS_OF_A_SIZE)
            ordered, every = np.flatnonzero(book.qty > 0.0), np.arange(len(book.qty))
            down = book.steps(-1, ordered, np.full(len(ordered), size))
            if self._relieve(book, down, over):
                continue
            up = book.steps(1, every, np.full(len(every), size))
            if self._relieve(book, up, over):
                continue
            if not self._drop_an_order(book, over):
                break
        return book.qty

    def _relieve(self, book: OrderBook, steps: Steps, over: Floats) -> bool:
        """Relieve the broken rows one after the other at the least loss; False if none can be."""
        changed = False
        usage = book.usage(steps)
        net = -steps.saving + usage @ self.row_price
        free = np.ones(len(steps.option), bool)
        room = np.where(over > 0.0, np.inf, -over)
        rows = np.flatnonzero(over > 0.0)
        relative = over[rows] / self.problem.row_scale(book.qty)[rows]
        for row in rows[np.argsort(-relative, kind="stable")]:
            excess = book.used[row] - self.problem.rows.room[row] - self.problem.slack[row]
            if excess <= 0.0:
                continue
            relief = -usage[:, [int(row)]].toarray().ravel()
            index = np.flatnonzero(free & (relief > 1e-15))
            ranked = index[np.argsort(net[index] / relief[index], kind="stable")]
            part = steps.take(ranked)
            ok = book.keeps_orders(part)
            ok &= fits(usage[ranked], room, self.problem.slack, ok)
            ranked = ranked[ok]
            before = np.cumsum(relief[ranked]) - relief[ranked]
            ranked = ranked[before < excess]
            if len(ranked):
                book.apply(steps.take(ranked))
                free[ranked] = False
                changed = True
        return changed

    def _drop_an_order(self, book: OrderBook, over: Floats) -> bool:
        """Drop the order whose loss per relief of the broken rows is least; False if none helps."""
        problem, group, qty = self.problem, self.problem.options.group, book.qty
        count = len(problem.groups)
        weight = np.where(over > 0.0, 1.0 / problem.row_scale(qty), 0.0)
        money, pairs = book.money, problem.pairs
        used = (book.money_rows @ weight) * money + (book.unit_rows @ weight) * qty
        relief = np.bincount(group, used, count)
        if not (relief > 1e-15).any():
            return False
        pair = problem.options.pair
        level = book.level[pair]
        without = level - problem.options.usable * qty
        part = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
        loss = stock_cost(without, *part) - stock_cost(level, *part)
        loss = loss - money + problem.options.cheapest * qty
        saved = problem.groups.cost + problem.transport(qty)
        total = np.bincount(group, loss, count) - saved
        ratio = np.where(relief > 1e-15, total / np.maximum(relief, 1e-15), np.inf)
        gone = np.flatnonzero((group == int(np.argmin(ratio))) & (qty > 0.0))
        book.apply(book.priced(gone, np.zeros(len(gone))))
        return True

    def fill(self, qty: Floats, may_go_on: Callable[[], bool]) -> Floats:
        """Return orders with every step taken that saves money and fits."""
        book = OrderBook(self.problem, qty, like=self.empty)
        problem, options = self.problem, self.problem.options
        placed = np.bincount(options.group, qty, len(problem.groups))[options.group] > 0.0
        growing = book.growing(np.flatnonzero(placed))
        shrinking = np.flatnonzero(book.qty > 0.0)
        for _ in range(MOST_ROUNDS):
            if not may_go_on():
                break
            growing, changed = self._improve(book, 1, growing)
            if not changed:
                shrinking, changed = self._improve(book, -1, shrinking)
                growing = book.growing(np.flatnonzero(placed)) if changed else growing
            if not changed:
                break
        return book.qty

    def _improve(self, book: OrderBook, direction: int, among: Ints) -> tuple[Ints, bool]:
        """Take the steps that save most per scarce room.

        Returns
        -------
        left : options whose next step may be worth another look
        changed : whether any step was taken
        """
        steps = book.steps(direction, among)
        scale = max(1e-9, float(np.abs(steps.saving).max(initial=0.0)))
        steps = steps.take(steps.saving > 1e-9 * scale)
        room = self.problem.rows.room - book.used
        usage = book.usage(steps)
        alone = _fit_alone(usage, room, self.problem.slack)
        index = np.flatnonzero(alone)
        if not len(index):
            return index, False
        shadow = np.maximum(self.row_price, 1e-12 * scale)
        used = np.maximum(usage[index] @ shadow, 1e-12 * scale)
        index = index[np.argsort(-steps.saving[index] / used, kind="stable")]
        part = steps.take(index)
        ok = book.keeps_orders(part)
        ok &= fits(usage[index], room, self.problem.slack, ok)
        book.apply(part.take(ok))
        return np.sort(part.option), bool(ok.any())


def _fit_alone(usage: object, room: Floats, slack: Floats) -> Flags:
    """Say which steps fit on their own."""
    table = usage.tocoo()  # type: ignore[attr-defined]
    step, row = table.coords
    over = table.data > np.maximum(room, 0.0)[row] + slack[row]
    result: Flags = np.bincount(step[over], minlength=table.shape[0]) == 0
    return result


def fits(usage: object, room: Floats, slack: Floats, among: Flags) -> Flags:
    """Say which steps fit when all steps before them are taken too.

    Parameters
    ----------
    usage : (n_steps, n_rows) sparse change of the rows' left-hand sides
    room, slack : (n_rows,) what is left, and the rounding that is allowed
    among : (n_steps,) steps that may be taken
    """
    table = usage.tocoo()  # type: ignore[attr-defined]
    step, row = table.coords
    keep = (table.data > 0.0) & among[step] & np.isfinite(room[row])
    step, row, data = step[keep], row[keep], table.data[keep]
    order = np.lexsort((step, row))
    step, row, data = step[order], row[order], data[order]
    over = running_by(row.astype(np.int64), data) > room[row] + slack[row]
    result: Flags = np.bincount(step[over], minlength=table.shape[0]) == 0
    return result
