"""Turns prices into whole orders: which orders are placed, and what each pair takes from whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.bounds import Bound, BoundEvaluator
from optimizer.replenishment.lines import Lines, make_lines
from optimizer.replenishment.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DROP_ROUNDS = 25
FILL_STEPS = 14
CHASES = 5
MOST_SPLITS = 3  # options that one pair is bought from on one night


@dataclass(frozen=True, slots=True)
class _Costs:
    """Cost of a unit on each line: in_money x price (and offset) + rest, money."""

    in_money: Floats
    rest: Floats


class OrderBuilder:
    """Builds orders at prices; what does not depend on them is made once."""

    def __init__(self, evaluator: BoundEvaluator) -> None:
        self.problem: Problem = evaluator.problem
        self.evaluator = evaluator
        self.lines: Lines = make_lines(self.problem, relaxed=False)
        self.money_rows = evaluator.money_rows
        self.unit_rows = evaluator.unit_rows

    def build(self, bound: Bound, is_open: Flags | None = None) -> Floats:
        """Return the quantity of each option, (n_options,) units; limits may still be broken.

        Each pair takes what is best at the prices; orders under their least value are filled
        up; orders that then do not pay for themselves at the prices are dropped, and their
        pairs look elsewhere.

        Parameters
        ----------
        is_open : (n_groups,) orders that may be placed; None: all
        """
        problem = self.problem
        arms, groups = problem.arms, problem.groups
        arm_of = self._best_arms(bound)
        lines = self.lines.take(arm_of[arms.group[self.lines.arm]] == self.lines.arm)
        group = arms.group[lines.arm]
        costs = _Costs(
            in_money=1.0 + (self.money_rows @ bound.prices.row)[lines.option],
            rest=(self.unit_rows @ bound.prices.row)[lines.option]
            + lines.transport
            - lines.cheapest
            + bound.prices.shipment[lines.arm] * lines.truck,
        )
        fixed = groups.cost + ((1.0 - bound.prices.shipment) * arms.per_shipment)[arm_of]
        open_now = np.ones(len(groups), bool) if is_open is None else is_open.copy()
        theta = bound.theta[arm_of]
        taken = np.zeros(len(lines))
        for _ in range(DROP_ROUNDS):
            taken = self._fill_orders(lines, costs, theta, open_now)
            value = self._value(lines, taken)
            net = self._saved(lines, costs, taken) - fixed
            short = (value > 0.0) & (value < groups.minimum * (1.0 - 1e-9))
            bad = open_now & (value > 0.0) & ((net < 0.0) | short)
            if not bad.any():
                break
            elsewhere = self._elsewhere(lines, costs, taken, open_now)
            open_now &= ~self._drop(bad, net - elsewhere)
        else:
            taken = np.where(bad[group], 0.0, taken)
        qty: Floats = np.bincount(lines.option, taken, len(problem.options)).astype(np.float64)
        return qty

    def _fill_orders(self, lines: Lines, costs: _Costs, theta: Floats, is_open: Flags) -> Floats:
        """Return what is best at the prices, with short orders filled up.

        Filling one order can draw pairs from another until that one is short as well; so the
        set of orders that are filled grows until it holds.
        """
        groups = self.problem.groups
        group = self.problem.arms.group[lines.arm]
        taken = self._take(lines, costs, np.zeros(len(lines)), is_open[group])
        filled = np.zeros(len(groups), bool)
        could = self._could_reach(lines, is_open)
        for _ in range(CHASES):
            short = could & (self._value(lines, taken) < groups.minimum) & ~filled
            if not short.any():
                break
            filled |= short
            taken = self._top_up(lines, costs, theta, is_open, filled)
        return taken

    def _could_reach(self, lines: Lines, is_open: Flags) -> Flags:
        """Say of which open orders the least value is above nothing and within reach."""
        groups = self.problem.groups
        most = self._value(lines, lines.high)
        result: Flags = is_open & (groups.minimum > 0.0) & (most >= groups.minimum)
        return result

    def _value(self, lines: Lines, taken: Floats) -> Floats:
        """Return the value of each group's order, (n_groups,) money."""
        money = taken * lines.price + np.where(taken > 0.0, lines.offset, 0.0)
        group = self.problem.arms.group[lines.arm]
        value: Floats = np.bincount(group, money, len(self.problem.groups)).astype(np.float64)
        return value

    def _saved(self, lines: Lines, costs: _Costs, taken: Floats) -> Floats:
        """Return what each group's order saves at the prices, before its fixed costs.

        Where several orders serve a pair, each has its share of what is saved there.
        """
        pairs = self.problem.pairs
        some = np.flatnonzero(taken > 0.0)
        part, qty = lines.take(some), taken[some]
        added = np.bincount(part.pair, part.usable * qty, len(pairs))
        stock = self.evaluator.nothing - pairs.cost(pairs.position + added)
        share = part.usable * qty / added[part.pair]
        money = costs.in_money[some]
        cost = (money * part.price + costs.rest[some]) * qty + money * part.offset
        saved = stock[part.pair] * share - cost
        group = self.problem.arms.group[part.arm]
        total: Floats = np.bincount(group, saved, len(self.problem.groups)).astype(np.float64)
        return total

    def _top_up(
        self, lines: Lines, costs: _Costs, theta: Floats, is_open: Flags, short: Flags
    ) -> Floats:
        """Fill short orders up to their least value, with what costs least beyond its best.

        A subsidy on the order's value is bisected; what lies between its two last values is
        added line by line, the last line only as far as needed.
        """
        problem = self.problem
        group = problem.arms.group[lines.arm]
        minimum = problem.groups.minimum
        slope = costs.in_money * lines.price + costs.rest + lines.holding * lines.usable
        top = np.full(len(minimum), np.inf)
        np.minimum.at(top, group, slope / np.maximum(lines.price, 1e-12))
        top = np.maximum(top, 0.0) * (1.0 + 1e-9) + 1e-9
        low, high = np.zeros(len(minimum)), np.where(short & np.isfinite(top), top, 0.0)
        for step in range(FILL_STEPS):
            first = np.where((theta > 0.0) & (theta < top), theta, 0.5 * (low + high))
            trial = first if step == 0 else 0.5 * (low + high)
            trial = np.where(short, trial, 0.0)
            taken = self._take(lines, costs, trial[group], is_open[group])
            reached = self._value(lines, taken) >= minimum
            high = np.where(short & reached, trial, high)
            low = np.where(short & ~reached, trial, low)
        below = self._take(lines, costs, low[group], is_open[group])
        above = self._take(lines, costs, high[group], is_open[group])
        return self._between(lines, below, above, short)

    def _between(self, lines: Lines, below: Floats, above: Floats, short: Flags) -> Floats:
        """Add what `above` has beyond `below` until each short order reaches its least value."""
        problem = self.problem
        group = problem.arms.group[lines.arm]
        missing = np.where(short, problem.groups.minimum - self._value(lines, below), 0.0)
        served = np.bincount(lines.pair, below > 0.0, len(problem.pairs))
        free = (below > 0.0) | (served[lines.pair] == 0)
        grows = np.flatnonzero((above > below) & free & short[group])
        # fewest units first: the last line is the one that can be cut
        size = (above[grows] - below[grows]) * lines.price[grows]
        order = grows[np.lexsort((size, group[grows]))]
        gain = (above[order] - below[order]) * lines.price[order]
        running = np.cumsum(gain)
        first = np.searchsorted(group[order], group[order])
        before = running - gain - np.where(first > 0, running[first - 1], 0.0)
        left = missing[group[order]] - before
        step = lines.multiple[order]
        wanted = np.ceil(left / np.maximum(lines.price[order] * step, 1e-12) - 1e-9) * step
        added = np.clip(wanted, 0.0, above[order] - below[order])
        result = below.copy()
        result[order] = below[order] + added
        result[order] = np.where(
            added > 0.0, np.maximum(result[order], lines.low[order]), below[order]
        )
        return result

    def _best_arms(self, bound: Bound) -> Ints:
        """Return the arm of each group that saves most."""
        arms = self.problem.arms
        order = np.lexsort((np.arange(len(arms)), -bound.gain, arms.group))
        first = np.unique(arms.group[order], return_index=True)[1]
        best: Ints = order[first]
        return best

    def _take(self, lines: Lines, costs: _Costs, theta: Floats, allowed: Flags) -> Floats:
        """Return what each line is ordered, (n_lines,) units.

        Each pair takes what is best from one option; where that option can bring no more, the
        rest comes from the next best one. Pairs with several options also try the cheapest
        option first, and keep the better of the two.
        """
        money = costs.in_money - theta
        price, offset = money * lines.price + costs.rest, money * lines.offset
        taken, gain = self._in_turn(lines, price, offset, allowed, cheapest_first=False)
        shared = self.evaluator.shared_pair[lines.pair]
        if shared.any():
            other, other_gain = self._in_turn(
                lines, price, offset, allowed & shared, cheapest_first=True
            )
            taken = np.where((other_gain > gain + 1e-9)[lines.pair], other, taken)
        return taken

    def _in_turn(
        self, lines: Lines, price: Floats, offset: Floats, allowed: Flags, *, cheapest_first: bool
    ) -> tuple[Floats, Floats]:
        """Let each pair order from one option after the other, as long as each is full.

        Returns
        -------
        taken : (n_lines,) units; gain : (n_pairs,) money saved at the prices
        """
        options, pairs = self.problem.options, self.problem.pairs
        taken, gain = np.zeros(len(lines)), np.zeros(len(pairs))
        at = np.flatnonzero(allowed)
        level, before = pairs.position, self.evaluator.nothing
        for _ in range(MOST_SPLITS):
            part = replace(lines.take(at), position=level[lines.pair[at]])
            qty, cost = part.best(price[at])
            worth = before[part.pair] - cost - offset[at]
            rank = worth
            if cheapest_first:
                average = (price[at] + offset[at] / np.maximum(qty, 1e-9)) / part.usable
                rank = np.where(worth > 0.0, -average, -np.inf)
            best = np.full(len(pairs), -np.inf)
            np.maximum.at(best, part.pair, rank)
            hit = np.flatnonzero((rank == best[part.pair]) & (worth > 0.0))
            winner = hit[np.unique(part.pair[hit], return_index=True)[1]]
            taken[at[winner]] = qty[winner]
            gain[part.pair[winner]] += worth[winner]
            full = winner[qty[winner] >= options.high[part.option[winner]] - 1e-9]
            again = np.zeros(len(pairs), bool)
            again[part.pair[full]] = True
            again &= self.evaluator.shared_pair
            if not again.any():
                break
            used = np.zeros(len(options), bool)
            used[part.option[winner]] = True
            level = level + np.bincount(
                part.pair[winner], part.usable[winner] * qty[winner], len(pairs)
            )
            before = pairs.cost(level)
            at = at[again[part.pair] & ~used[part.option]]
        return taken, gain

    def _elsewhere(self, lines: Lines, costs: _Costs, taken: Floats, is_open: Flags) -> Floats:
        """Return what each group's pairs would save if they ordered at their second choice."""
        problem = self.problem
        options = problem.options
        group = problem.arms.group[lines.arm]
        _, cost = lines.best(costs.in_money * lines.price + costs.rest)
        worth = self.evaluator.nothing[lines.pair] - cost - costs.in_money * lines.offset
        by_option = np.zeros(len(options))
        np.maximum.at(by_option, lines.option, np.where(is_open[group], worth, 0.0))
        in_use = np.bincount(lines.option, taken, len(options)) > 0.0
        second = np.zeros(len(problem.pairs))
        np.maximum.at(second, options.pair, np.where(in_use, 0.0, by_option))
        share = (
            in_use / np.maximum(np.bincount(options.pair, in_use, len(second)), 1.0)[options.pair]
        )
        total: Floats = np.bincount(
            options.group, second[options.pair] * share, len(problem.groups)
        ).astype(np.float64)
        return total

    def _drop(self, bad: Flags, gain: Floats) -> Flags:
        """Choose which bad orders to drop in this round: all where nothing is shared, else few."""
        options = self.problem.options
        shared = self.evaluator.shared_pair[options.pair]
        competes = np.bincount(options.group, shared, len(bad)) > 0
        alone = bad & ~competes
        rivals = np.flatnonzero(bad & competes)
        if len(rivals):
            worst = rivals[np.argsort(gain[rivals], kind="stable")]
            alone[worst[: max(1, len(worst) // 8)]] = True
        return alone
