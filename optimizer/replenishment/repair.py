"""Makes orders keep every limit, then spends what is left where it saves most.

Both work on steps: one multiple more or less on one option. Steps are ranked by what they save
for what they use of scarce rows, and taken from the top as long as running totals fit; a round
is vectorised, and rounds repeat until no step helps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.replenishment.problem import Problem
from optimizer.replenishment.stock_cost import stock_cost

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MOST_ROUNDS = 200


@dataclass(frozen=True, slots=True)
class Steps:
    """Candidate changes of single options.

    Attributes
    ----------
    option : (n_steps,) int64; each pair at most once
    new_qty : (n_steps,) units after the step
    saving : (n_steps,) money of the objective, without fixed costs of orders
    usage : (n_steps, n_rows) sparse change of the rows' left-hand sides
    value : (n_steps,) change of the order's value, money
    """

    option: Ints
    new_qty: Floats
    saving: Floats
    usage: csr_array
    value: Floats


class Repairer:
    """Repairs and fills orders of one problem."""

    def __init__(self, problem: Problem, row_price: Floats) -> None:
        self.problem = problem
        self.money_rows = problem.rows.money.T.tocsr()
        self.unit_rows = problem.rows.units.T.tocsr()
        self.row_price = row_price
        arms = problem.arms
        first = problem.arm_start
        options = problem.options
        arm = first[options.group]  # the first mode stands for the step's transport
        self.transport = (
            arms.per_kg[arm] * options.kg + arms.per_m3[arm] * options.m3 + arms.per_unit[arm]
        )

    def steps(self, qty: Floats, direction: int, among: Flags) -> Steps:
        """Return one step up or down of every option in `among` that can take it."""
        problem, options, pairs = self.problem, self.problem.options, self.problem.pairs
        if direction > 0:
            new = np.where(qty > 0.0, qty + options.multiple, options.low)
            able = among & (new <= options.high + 1e-9)
        else:
            new = np.where(qty - options.multiple >= options.low - 1e-9, qty - options.multiple, 0)
            able = among & (qty > 0.0)
        index = np.flatnonzero(able)
        full = qty.copy()
        full[index] = new[index]
        money = (problem.money(full) - problem.money(qty))[index]
        change = (full - qty)[index]
        pair = options.pair[index]
        level = problem.level(qty)[pair]
        after = level + options.usable[index] * change
        part = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
        saving = stock_cost(level, *part) - stock_cost(after, *part)
        saving = saving - money + (options.cheapest[index] - self.transport[index]) * change
        usage = self.money_rows[index].multiply(money[:, None]) + self.unit_rows[index].multiply(
            change[:, None]
        )
        found = Steps(index, full[index], saving, csr_array(usage), money)
        return self._one_per_pair(found)

    def _one_per_pair(self, steps: Steps) -> Steps:
        """Keep the best step of each pair: two would not add up."""
        pair = self.problem.options.pair[steps.option]
        if len(np.unique(pair)) == len(pair):
            return steps
        order = np.lexsort((-steps.saving, pair))
        keep = np.sort(order[np.unique(pair[order], return_index=True)[1]])
        return _take(steps, keep)

    def repair(self, qty: Floats, may_go_on: Callable[[], bool]) -> Floats:
        """Return orders that keep every row, as far as smaller orders can; else the best try."""
        problem = self.problem
        for _ in range(MOST_ROUNDS):
            over = problem.usage(qty) - problem.rows.room - problem.slack
            if not (over > 0.0).any() or not may_go_on():
                return qty
            direction = -1
            down = self.steps(qty, -1, qty > 0.0)
            changed = self._relieve(qty, down, over)
            if changed is None:
                up = self.steps(qty, 1, np.ones(len(qty), bool))
                changed = self._relieve(qty, up, over)
                direction = 1
            if changed is None:
                changed = self._drop_an_order(qty, over)
            if changed is None:
                return qty
            qty = self._drop_small_orders(changed) if direction < 0 else changed
        return qty

    def _relieve(self, qty: Floats, steps: Steps, over: Floats) -> Floats | None:
        """Take the steps that relieve broken rows at the least loss; None if none does."""
        weight = np.where(over > 0.0, 1.0 / np.maximum(np.abs(self.problem.rows.room), 1e-9), 0.0)
        relief = -(steps.usage @ weight)
        useful = relief > 1e-15
        if not useful.any():
            return None
        steps = _take(steps, np.flatnonzero(useful))
        relief = relief[useful]
        order = np.argsort(-steps.saving / relief, kind="stable")
        order = order[np.argsort(-(steps.saving / relief)[order], kind="stable")]
        steps = _take(steps, order)
        ok = self._keeps_orders(qty, steps)
        ok &= self._fits(steps, np.where(over > 0.0, np.inf, -over), ok)
        index = np.flatnonzero(ok)
        if not len(index):
            return None
        part = _take(steps, index)
        # stop as soon as every broken row is relieved
        eased = np.cumsum(-part.usage[:, over > 0.0].toarray(), axis=0)
        before = np.vstack([np.zeros((1, eased.shape[1])), eased[:-1]])
        needed = (before < over[over > 0.0]).any(axis=1)
        helps = (part.usage[:, over > 0.0].toarray() * (before < over[over > 0.0])).min(axis=1) < 0
        part = _take(part, np.flatnonzero(needed & helps))
        result = qty.copy()
        result[part.option] = part.new_qty
        return result if len(part.option) else None

    def _drop_an_order(self, qty: Floats, over: Floats) -> Floats | None:
        """Drop the order whose loss per relief of the broken rows is least."""
        problem, group = self.problem, self.problem.options.group
        count = len(problem.groups)
        weight = np.where(over > 0.0, 1.0 / np.maximum(np.abs(problem.rows.room), 1e-9), 0.0)
        money, pairs = problem.money(qty), problem.pairs
        used = (self.money_rows @ weight) * money + (self.unit_rows @ weight) * qty
        relief = np.bincount(group, used, count)
        if not (relief > 1e-15).any():
            return None
        level = problem.level(qty)
        pair = problem.options.pair
        without = level[pair] - problem.options.usable * qty
        part = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
        loss = stock_cost(without, *part) - stock_cost(level[pair], *part)
        loss = loss - money + problem.options.cheapest * qty
        saved = problem.groups.cost + problem.transport(qty)
        total = np.bincount(group, loss, count) - saved
        ratio = np.where(relief > 1e-15, total / np.maximum(relief, 1e-15), np.inf)
        worst = int(np.argmin(ratio))
        return np.where(group == worst, 0.0, qty)

    def _drop_small_orders(self, qty: Floats) -> Floats:
        """Drop orders that have fallen under their least value."""
        value = self.problem.group_value(qty)
        small = value < self.problem.groups.minimum * (1.0 - 1e-9)
        return np.where(small[self.problem.options.group], 0.0, qty)

    def fill(self, qty: Floats, may_go_on: Callable[[], bool]) -> Floats:
        """Return orders with every step taken that saves money and fits."""
        problem, group = self.problem, self.problem.options.group
        for _ in range(MOST_ROUNDS):
            if not may_go_on():
                return qty
            room = problem.rows.room - problem.usage(qty)
            placed = np.bincount(group, qty, len(problem.groups))[group] > 0.0
            growing = (qty > 0.0) & (qty < problem.options.high - 1e-9)
            single = np.bincount(problem.options.pair, growing, len(problem.pairs))
            free = (single[problem.options.pair] == 0) | (qty > 0.0)
            up = self.steps(qty, 1, placed & free)
            down = self.steps(qty, -1, qty > 0.0)
            changed = self._improve(qty, up, room)
            if changed is None:
                changed = self._improve(qty, down, room)
            if changed is None:
                return qty
            qty = changed
        return qty

    def _improve(self, qty: Floats, steps: Steps, room: Floats) -> Floats | None:
        """Take the steps that save most per scarce room; None if none does."""
        scale = max(1e-9, float(np.abs(steps.saving).max(initial=0.0)))
        useful = steps.saving > 1e-9 * scale
        fits = self._fits_alone(steps, room)
        index = np.flatnonzero(useful & fits)
        if not len(index):
            return None
        steps = _take(steps, index)
        shadow = np.maximum(self.row_price, 1e-12 * scale)
        used = np.maximum(steps.usage @ shadow, 1e-12 * scale)
        order = np.argsort(-steps.saving / used, kind="stable")
        steps = _take(steps, order)
        ok = self._keeps_orders(qty, steps)
        ok &= self._fits(steps, room, ok)
        if not ok.any():
            return None
        part = _take(steps, np.flatnonzero(ok))
        result = qty.copy()
        result[part.option] = part.new_qty
        return result

    def _fits_alone(self, steps: Steps, room: Floats) -> Flags:
        """Say which steps fit on their own."""
        usage = steps.usage.tocoo()
        over = (
            usage.data
            > np.maximum(room, 0.0)[usage.coords[1]] + self.problem.slack[usage.coords[1]]
        )
        bad = np.bincount(usage.coords[0][over], minlength=len(steps.option))
        fits: Flags = bad == 0
        return fits

    def _fits(self, steps: Steps, room: Floats, among: Flags) -> Flags:
        """Say which steps fit when all steps before them are taken too."""
        usage = steps.usage.tocoo()
        step, row = usage.coords
        keep = (usage.data > 0.0) & among[step] & np.isfinite(room[row])
        step, row, data = step[keep], row[keep], usage.data[keep]
        order = np.lexsort((step, row))
        step, row, data = step[order], row[order], data[order]
        running = np.cumsum(data)
        first = np.searchsorted(row, row)
        running = running - np.where(first > 0, running[first - 1], 0.0)
        over = running > room[row] + self.problem.slack[row]
        bad = np.bincount(step[over], minlength=len(steps.option))
        fits: Flags = bad == 0
        return fits

    def _keeps_orders(self, qty: Floats, steps: Steps) -> Flags:
        """Say which steps leave every order at or above its least value, in this sequence."""
        problem = self.problem
        group = problem.options.group[steps.option]
        spare = (problem.group_value(qty) - problem.groups.minimum)[group]
        falls = steps.value < 0.0
        order = np.lexsort((np.arange(len(group)), group))
        loss = np.where(falls, -steps.value, 0.0)[order]
        running = np.cumsum(loss)
        ranked = group[order]
        first = np.searchsorted(ranked, ranked)
        running = running - np.where(first > 0, running[first - 1], 0.0)
        total = np.zeros(len(group))
        total[order] = running
        ends = self._empties(qty, steps)
        return ~falls | (total <= spare + 1e-9) | ends

    def _empties(self, qty: Floats, steps: Steps) -> Flags:
        """Say which steps take away the only line of their order."""
        group = self.problem.options.group
        lines = np.bincount(group[qty > 0.0], minlength=len(self.problem.groups))
        result: Flags = (steps.new_qty <= 0.0) & (lines[group[steps.option]] == 1)
        return result


def _take(steps: Steps, index: Ints) -> Steps:
    """Return the steps at these places."""
    return Steps(
        steps.option[index],
        steps.new_qty[index],
        steps.saving[index],
        steps.usage[index],
        steps.value[index],
    )
