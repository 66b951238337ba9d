"""Finds plans: item by item at prices within the limits, then by closing and opening orders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.item_plans import Prices, planning_work
from optimizer.replenishment.buyer.ledger import Ledger
from optimizer.replenishment.buyer.problem import Flags, Floats, Ints, Problem

OVERHEAD = 2e-4  # work of changing one item, besides planning it
STEPS = (-2, -1, 1, 2)  # periods by which an order moves
BETTER = 1e-9  # relative; smaller gains are rounding


class Search:
    """Local search over feasible plans of one problem."""

    def __init__(self, problem: Problem, budget: Budget, seed: int) -> None:
        self.problem = problem
        self.budget = budget
        self.draw = np.random.default_rng(seed)
        self.work = planning_work(problem) + OVERHEAD
        slots, options = problem.slots, problem.options
        cells = len(problem.groups.order_cost) * problem.n_periods
        self.offers = np.zeros((cells, len(problem.items.opening)), bool)
        cell = options.group[slots.option] * problem.n_periods + slots.period
        self.offers[cell, slots.item] = True
        self.cell = cell

    def build(self, prices: Prices, open_orders: Flags, order: Ints) -> Ledger:
        """Plan the items one by one from nothing, then close orders that stay too small."""
        ledger = Ledger(self.problem)
        self.replan(ledger, prices, open_orders, order)
        self.close_short(ledger, prices, open_orders)
        return ledger

    def replan(self, ledger: Ledger, prices: Prices, open_orders: Flags, order: Ints) -> int:
        """Plan some items again, one by one; return how many changed."""
        self.budget.spend(float(self.work[order].sum()))
        return sum(ledger.replan(item, prices, open_orders) for item in order.tolist())

    def close_short(self, ledger: Ledger, prices: Prices, open_orders: Flags) -> None:
        """Close orders under their least value or fill, smallest first, and plan their items again.

        Each order is closed once, so this ends; without orders every plan is feasible.
        """
        allowed = open_orders.copy()
        minimum = np.maximum(self.problem.groups.minimum[:, None], TINY_VALUE)
        for _ in range(allowed.size):
            short = ledger.short
            if not short.any():
                return
            size = np.where(short, ledger.value / minimum, np.inf)
            cell = int(np.argmin(size))
            allowed.ravel()[cell] = False
            self.replan(ledger, prices, allowed, self.users(ledger, cell))

    def users(self, ledger: Ledger, cell: int) -> Ints:
        """Return the items that have a line in an order."""
        used = (self.cell == cell) & (ledger.qty > 0)
        return np.unique(self.problem.slots.item[used])

    def settle(self, ledger: Ledger, passes: int = 2) -> Ledger:
        """Give each item in turn its cheapest plan within the orders that are placed."""
        for _ in range(passes):
            before = ledger.copy()
            self._settle_once(ledger)
            if ledger.broken or ledger.objective > before.objective - BETTER * abs(
                before.objective
            ):
                return before if ledger.broken or worse(ledger, before) else ledger
            if self.budget.over():
                break
        return ledger

    def _settle_once(self, ledger: Ledger) -> None:
        prices = ledger.own()
        start = self.problem.slots.start
        total = ledger.objective
        for item in self.draw.permutation(len(start) - 1).tolist():
            plan = ledger.qty[start[item] : start[item + 1]].copy()
            open_orders = ledger.lines > 0.5
            self.budget.spend(float(self.work[item]))
            if not ledger.replan(item, prices, open_orders):
                continue
            if ledger.broken or ledger.objective > total:
                ledger.set(item, plan)
            total = ledger.objective
            if self.budget.over():
                break

    def improve(self, ledger: Ledger, priced: Prices, share: float) -> Ledger:
        """Close, open and move orders and plan groups of items again while limits last.

        Parameters
        ----------
        priced : prices with those of the coupling rows, which steer who gets what is scarce
        """
        best = self.settle(ledger)
        moves = (self._close, self._move, self._open, self._some_items, self._some_items)
        failures = 0
        while not self.budget.over(share) and failures < MOST_FAILURES:
            move = moves[int(self.draw.integers(len(moves)))]
            tried = move(best.copy(), priced)
            if tried is None or tried.broken:
                failures += 1
                continue
            if worse(best, tried):
                best, failures = tried, 0
            else:
                failures += 1
        best.reset()
        return best

    def _cells(self, ledger: Ledger, placed: bool) -> Ints:
        return np.flatnonzero((ledger.lines > 0.5).ravel() == placed)

    def _close(self, ledger: Ledger, priced: Prices) -> Ledger | None:
        cells = self._cells(ledger, placed=True)
        if not len(cells):
            return None
        return self._change(ledger, priced, int(self.draw.choice(cells)), None)

    def _open(self, ledger: Ledger, priced: Prices) -> Ledger | None:
        cells = self._cells(ledger, placed=False)
        if not len(cells):
            return None
        return self._change(ledger, priced, None, int(self.draw.choice(cells)))

    def _move(self, ledger: Ledger, priced: Prices) -> Ledger | None:
        cells = self._cells(ledger, placed=True)
        if not len(cells):
            return None
        cell, periods = int(self.draw.choice(cells)), self.problem.n_periods
        step = STEPS[int(self.draw.integers(len(STEPS)))]
        if not 0 <= cell % periods + step < periods:
            return None
        return self._change(ledger, priced, cell, cell + step)

    def _change(
        self, ledger: Ledger, priced: Prices, closed: int | None, opened: int | None
    ) -> Ledger | None:
        """Close one order and open another, and plan the items they concern again."""
        allowed = ledger.lines > 0.5
        concerned = np.empty(0, np.int64)
        if closed is not None:
            allowed.ravel()[closed] = False
            concerned = self.users(ledger, closed)
        if opened is not None:
            allowed.ravel()[opened] = True
            offered = np.flatnonzero(self.offers[opened])
            concerned = np.union1d(concerned, offered)
        if not len(concerned):
            return None
        order = self.draw.permutation(concerned)
        for item in order.tolist():
            ledger.set(item, np.zeros_like(self._plan(ledger, item)))
        lines = replace(priced, fixed=ledger.own().fixed)
        self.replan(ledger, lines, allowed, order)
        self.replan(ledger, ledger.own(), allowed, order)
        return self._mended(ledger, lines)

    def _some_items(self, ledger: Ledger, priced: Prices) -> Ledger | None:
        """Plan a random group of items again, at steering prices, then at their own costs."""
        count = len(self.problem.items.opening)
        size = min(count, 3 + int(self.draw.integers(12)))
        order = self.draw.choice(count, size, replace=False)
        allowed = ledger.lines > 0.5
        for item in order.tolist():
            ledger.set(item, np.zeros_like(self._plan(ledger, item)))
        lines = replace(priced, fixed=ledger.own().fixed)
        self.replan(ledger, lines, allowed, order)
        self.replan(ledger, ledger.own(), allowed, order)
        return self._mended(ledger, lines)

    def _mended(self, ledger: Ledger, prices: Prices) -> Ledger | None:
        if ledger.short.any():
            self.close_short(ledger, prices, ledger.lines > 0.5)
        return ledger

    def _plan(self, ledger: Ledger, item: int) -> Ints:
        start = self.problem.slots.start
        return ledger.qty[start[item] : start[item + 1]]


TINY_VALUE = 1e-9
MOST_FAILURES = 400  # moves without a gain after which the search has converged


def worse(one: Ledger, other: Ledger) -> bool:
    """Say whether one plan costs more than another, beyond rounding."""
    return one.objective > other.objective + BETTER * abs(other.objective)


def first_plan(search: Search, coupling: Coupling, price: Floats) -> Ledger:
    """Return a feasible plan at given row prices, the items most in need first."""
    problem = search.problem
    prices = coupling.prices(price)
    worth = problem.items.lost * problem.items.demand.sum(axis=1)
    everything = np.ones((len(problem.groups.order_cost), problem.n_periods), bool)
    return search.build(prices, everything, np.argsort(-worth, kind="stable"))
