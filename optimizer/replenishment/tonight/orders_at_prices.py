"""Turns prices into whole orders: which orders are placed, and what each pair takes from whom."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.lines import Lines, make_lines
from optimizer.replenishment.tonight.order_book import OrderBook
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.relocate import relocate
from optimizer.replenishment.tonight.trim import lift, trim

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DROP_ROUNDS = 8
FIRST_TRIMS = 3
TRIMS = 8
SETTLINGS = 6
NARROWINGS = 16
MOST_SPLITS = 3  # options that one pair is bought from on one night


@dataclass(frozen=True, slots=True)
class _Costs:
    """Cost of a unit on each line: in_money x price (and offset) + rest, money."""

    in_money: Floats
    rest: Floats


@dataclass(frozen=True, slots=True)
class _Task:
    """What orders are built from: one line per option and price segment, on its group's mode.

    Attributes
    ----------
    group : (n_lines,) int64
    freight : (n_options,) money per unit
    row_price : (n_rows,)
    fixed, theta : (n_groups,) money of placing an order; subsidy of its value
    is_open, tight : (n_groups,) may be placed; has a least value
    """

    lines: Lines
    group: Ints
    costs: _Costs
    freight: Floats
    row_price: Floats
    fixed: Floats
    theta: Floats
    is_open: Flags
    tight: Flags


class OrderBuilder:
    """Builds orders at prices; what does not depend on them is made once."""

    def __init__(self, evaluator: BoundEvaluator) -> None:
        self.problem: Problem = evaluator.problem
        self.evaluator = evaluator
        plain = not evaluator.leaning.any()
        self.lines: Lines = evaluator.lines if plain else make_lines(self.problem)
        self.pricing = evaluator.pricing
        self.alone = not evaluator.shared_pair.any()
        self.one_line_each = len(self.problem.segments.option) == len(self.problem.options)
        self.empty = OrderBook(self.problem, np.zeros(len(self.problem.options)))

    def build(self, bound: Bound, is_open: Flags | None = None) -> Floats:
        """Return the quantity of each option, (n_options,) units; limits may still be broken.

        Each pair takes what is best at the prices; orders under their least value are lifted to
        it and trimmed; orders that then do not pay for themselves at the prices are dropped,
        and their pairs look elsewhere.

        Parameters
        ----------
        is_open : (n_groups,) orders that may be placed; None: all
        """
        task = self._task(bound, is_open)
        if self.alone:
            return self._each_order_alone(task)
        book = self.empty
        for number in range(DROP_ROUNDS):
            theta = task.theta[task.group]
            taken = self._take(task.lines, task.costs, theta, task.is_open[task.group])
            book = self._book(task, taken)
            lift(book, task.row_price, self._short(task, book))
            trim(book, task.row_price, task.theta, task.tight, FIRST_TRIMS)
            net = self._net(task, book)
            bad = self._bad(task, book, net)
            if not bad.any():
                break
            if number == DROP_ROUNDS - 1:
                self._cancel(book, bad)
                break
            elsewhere = self._elsewhere(task.lines, task.costs, book.qty, task.is_open, bad)
            task.is_open[self._drop(bad, net - elsewhere)] = False
        self._settle(task, book)
        return book.qty

    def _task(self, bound: Bound, is_open: Flags | None) -> _Task:
        """Put together what the orders are built from."""
        problem = self.problem
        arms, groups = problem.arms, problem.groups
        arm_of = self._best_arms(bound)
        lines = self.lines
        if len(arms) > len(groups):
            lines = lines.take(arm_of[arms.group[lines.arm]] == lines.arm)
        prices = bound.prices
        freight = lines.transport + prices.shipment[lines.arm] * lines.truck
        by_option = np.zeros(len(problem.options))
        by_option[lines.option] = freight
        return _Task(
            lines=lines,
            group=arms.group[lines.arm],
            costs=_Costs(
                in_money=1.0 + (self.pricing.money_rows @ prices.row)[lines.option],
                rest=(self.pricing.unit_rows @ prices.row)[lines.option] + freight - lines.cheapest,
            ),
            freight=by_option,
            row_price=prices.row,
            fixed=groups.cost + ((1.0 - prices.shipment) * arms.per_shipment)[arm_of],
            theta=bound.theta[arm_of],
            is_open=np.ones(len(groups), bool) if is_open is None else is_open.copy(),
            tight=groups.minimum > 0.0,
        )

    def _each_order_alone(self, task: _Task) -> Floats:
        """Return the best of two ways to reach each order's least value, from above and below."""
        below, above = self._two_sides(task)
        books = [self._book(task, above), self._book(task, below)]
        nets = []
        for book in books:
            lift(book, task.row_price, self._short(task, book))
            trim(book, task.row_price, task.theta, task.tight, TRIMS)
            net = self._net(task, book)
            nets.append(np.where(self._bad(task, book, net), -1.0, net))
        from_below = nets[1] > nets[0] + 1e-9
        group = self.problem.options.group
        qty = np.where(from_below[group], books[1].qty, books[0].qty)
        result: Floats = np.where((np.maximum(*nets) < 0.0)[group], 0.0, qty)
        return result

    def _two_sides(self, task: _Task) -> tuple[Floats, Floats]:
        """Return what is best at subsidies just under and just over each order's least value.

        Orders grow without end as the subsidy nears its top; so what is left below the top is
        bisected, not the subsidy.
        """
        lines, costs, group = task.lines, task.costs, task.group
        minimum = self.problem.groups.minimum
        nothing_off = np.zeros(len(lines))
        below = self._take(lines, costs, nothing_off, task.is_open[group])
        short = task.is_open & (self._value(lines, below) < minimum)
        at = np.flatnonzero(short[group])
        if not len(at):
            return below, below
        part, which = lines.take(at), group[at]
        part_costs = _Costs(costs.in_money[at], costs.rest[at])
        slope = part_costs.in_money * part.price + part_costs.rest + part.holding * part.usable
        top = np.full(len(minimum), np.inf)
        np.minimum.at(top, which, slope / np.maximum(part.price, 1e-12))
        short &= np.isfinite(top)
        top = np.where(short, np.maximum(top, 0.0) * (1.0 + 1e-9) + 1e-9, 0.0)
        end = top * (1.0 + 1e-7)
        low, high = np.zeros(len(top)), top
        every = np.ones(len(at), bool)
        under = below[at]
        over = self._take(part, part_costs, high[which], every)
        for _ in range(NARROWINGS):
            middle = np.clip(end - np.sqrt((end - low) * np.maximum(end - high, 0.0)), low, high)
            now = self._take(part, part_costs, middle[which], every)
            reached = self._value(part, now) >= minimum
            under = np.where(reached[which], under, now)
            over = np.where(reached[which], now, over)
            low, high = np.where(reached, low, middle), np.where(reached, middle, high)
        above = below.copy()
        below[at], above[at] = under, over
        task.theta[short] = high[short]
        return below, above

    def _book(self, task: _Task, taken: Floats) -> OrderBook:
        """Return the orders that lines were given."""
        qty = np.bincount(task.lines.option, taken, len(self.problem.options))
        return OrderBook(self.problem, qty.astype(np.float64), task.freight, self.empty)

    def _short(self, task: _Task, book: OrderBook) -> Flags:
        """Say of which open orders the least value is above nothing, not reached, in reach."""
        groups = self.problem.groups
        most = self._value(task.lines, task.lines.high)
        could = task.is_open & (groups.minimum > 0.0) & (most >= groups.minimum)
        result: Flags = could & (book.value < groups.minimum)
        return result

    def _bad(self, task: _Task, book: OrderBook, net: Floats) -> Flags:
        """Say which orders do not pay for themselves, or stay under their least value."""
        minimum = self.problem.groups.minimum
        short = (book.value > 0.0) & (book.value < minimum * (1.0 - 1e-9))
        result: Flags = task.is_open & (book.value > 0.0) & ((net < 0.0) | short)
        return result

    def _cancel(self, book: OrderBook, bad: Flags) -> None:
        """Take orders off the book."""
        gone = np.flatnonzero(bad[self.problem.options.group] & (book.qty > 0.0))
        book.apply(book.priced(gone, np.zeros(len(gone))))

    def _settle(self, task: _Task, book: OrderBook) -> None:
        """Move pairs to better orders and trim what is left, until neither helps."""
        costs, lines = task.costs, task.lines
        unit, offset = costs.in_money * lines.price + costs.rest, costs.in_money * lines.offset
        for _ in range(SETTLINGS):
            placed = (book.value > 0.0)[task.group]
            moved = relocate(book, lines, unit, offset, placed, self.evaluator.nothing)
            trim(book, task.row_price, task.theta, task.tight, FIRST_TRIMS if moved else TRIMS)
            if not moved:
                break

    def _value(self, lines: Lines, taken: Floats) -> Floats:
        """Return the value of each group's order, (n_groups,) money."""
        money = taken * lines.price + np.where(taken > 0.0, lines.offset, 0.0)
        group = self.problem.arms.group[lines.arm]
        value: Floats = np.bincount(group, money, len(self.problem.groups)).astype(np.float64)
        return value

    def _net(self, task: _Task, book: OrderBook) -> Floats:
        """Return what each group's order saves at the prices, its fixed costs taken off.

        Where several orders serve a pair, each has its share of what is saved there.
        """
        problem = self.problem
        pairs, options = problem.pairs, problem.options
        some = np.flatnonzero(book.qty > 0.0)
        pair, qty = options.pair[some], book.qty[some]
        stock = self.evaluator.nothing - pairs.cost(book.level)
        share = options.usable[some] * qty / np.maximum(book.level - pairs.position, 1e-12)[pair]
        money = 1.0 + (self.pricing.money_rows @ task.row_price)[some]
        units = (self.pricing.unit_rows @ task.row_price)[some] - book.beside[some]
        saved = stock[pair] * share - money * book.money[some] - units * qty
        total = np.bincount(options.group[some], saved, len(problem.groups))
        result: Floats = total - task.fixed
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
        rest comes from the next best one. Pairs of which an option can be too small also try
        the cheapest option first, and keep the better of the two.
        """
        money = costs.in_money - theta
        price, offset = money * lines.price + costs.rest, money * lines.offset
        taken, gain = self._in_turn(lines, price, offset, allowed, cheapest_first=False)
        leaning = self.evaluator.leaning[lines.pair]
        if leaning.any():
            other, other_gain = self._in_turn(
                lines, price, offset, allowed & leaning, cheapest_first=True
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
        if self.alone and self.one_line_each:
            part = lines if len(at) == len(lines) else lines.take(at)
            qty, cost = part.best(price[at])
            worth = self.evaluator.nothing[part.pair] - cost - offset[at]
            taken[at] = np.where(worth > 0.0, qty, 0.0)
            return taken, gain
        level, before = pairs.position, self.evaluator.nothing
        for turn in range(MOST_SPLITS):
            part = lines if len(at) == len(lines) else lines.take(at)
            if turn:
                part = replace(part, position=level[part.pair])
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

    def _elsewhere(
        self, lines: Lines, costs: _Costs, qty: Floats, is_open: Flags, bad: Flags
    ) -> Floats:
        """Return what each bad group's pairs would save if they ordered at their second choice."""
        problem = self.problem
        options = problem.options
        shared = self.evaluator.shared_pair[options.pair] & bad[options.group]
        if not shared.any():
            return np.zeros(len(problem.groups))
        group = problem.arms.group[lines.arm]
        _, cost = lines.best(costs.in_money * lines.price + costs.rest)
        worth = self.evaluator.nothing[lines.pair] - cost - costs.in_money * lines.offset
        by_option = np.zeros(len(options))
        np.maximum.at(by_option, lines.option, np.where(is_open[group], worth, 0.0))
        in_use = qty > 0.0
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
