"""A feasible plan that changes item by item, with what is left of every limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.replenishment.buyer.item_plans import FREE, Prices, own_prices, plan_items
from optimizer.replenishment.buyer.problem import (
    TINY,
    Flags,
    Floats,
    Ints,
    Problem,
    line_money,
    shipments_of,
)


class Ledger:
    """A plan, what it uses of the limits, and what each order holds.

    Attributes
    ----------
    qty : (n_slots,) int64
    value, kg, m3, lines : (n_groups, n_periods) of each order
    rule_use : (n_rules, n_periods); held : (n_stores, n_periods) m3
    item_cost : (n_items,) money
    """

    def __init__(self, problem: Problem, qty: Ints | None = None) -> None:
        self.problem = problem
        slots, options = problem.slots, problem.options
        self.cell = options.group[slots.option] * problem.n_periods + slots.period
        self._dearest = _dearest(problem)
        self._own = own_prices(problem)
        self.qty = np.zeros(len(slots.item), np.int64) if qty is None else qty.copy()
        self.reset()

    def reset(self) -> None:
        """Compute everything from the quantities."""
        problem, option = self.problem, self.problem.slots.option
        self.value = problem.by_order(problem.money(self.qty))
        self.kg = problem.by_order(self.qty * problem.options.kg[option])
        self.m3 = problem.by_order(self.qty * problem.options.m3[option])
        self.lines = problem.by_order((self.qty > 0).astype(np.float64))
        self.rule_use = problem.rule_use(self.qty)
        closing, _ = problem.stock(self.qty)
        self.held = problem.storage.m3 @ closing
        self.item_cost = problem.item_cost(self.qty)

    def copy(self) -> Ledger:
        """Return an independent copy."""
        other = object.__new__(Ledger)
        other.problem, other.cell = self.problem, self.cell
        other._dearest, other._own = self._dearest, self._own
        for name in ("qty", "value", "kg", "m3", "lines", "rule_use", "held", "item_cost"):
            setattr(other, name, getattr(self, name).copy())
        return other

    @property
    def order_cost(self) -> float:
        """Money of orders and shipments; inf where a least fill is not kept."""
        groups, placed = self.problem.groups, self.lines > 0.5
        ships = shipments_of(groups, self.kg, self.m3, placed)
        paid = np.where(ships > 0.0, groups.per_shipment[:, None] * np.minimum(ships, 1e300), 0.0)
        if np.isinf(ships).any():
            return float("inf")
        return float((groups.order_cost[:, None] * placed).sum() + paid.sum())

    @property
    def objective(self) -> float:
        """Money of the plan."""
        return float(self.item_cost.sum()) + self.order_cost

    @property
    def short(self) -> Flags:
        """Orders under their least value or fill, (n_groups, n_periods)."""
        groups, placed = self.problem.groups, self.lines > 0.5
        low = placed & (self.value < groups.minimum[:, None] * (1.0 - TINY))
        ships = shipments_of(groups, self.kg, self.m3, placed)
        result: Flags = low | np.isinf(ships)
        return result

    @property
    def broken(self) -> bool:
        """Whether an order is short or a rule is not kept.

        Planning an item keeps its own use within what is left; but where a rule compares spends,
        one item's order may have been what gave another its room.
        """
        room = self.problem.rules.room
        over = self.rule_use > room + TINY * (1.0 + np.abs(room))
        return bool(over.any() or self.short.any())

    def set(self, item: int, plan: Ints) -> None:
        """Replace the plan of one item."""
        self._count(item, -1.0)
        slots = self.problem.slots
        self.qty[slots.start[item] : slots.start[item + 1]] = plan
        self._count(item, 1.0)

    def _count(self, item: int, sign: float) -> None:
        """Add or take away what an item's plan uses; adding also sets its cost."""
        problem, slots = self.problem, self.problem.slots
        items, options = problem.items, problem.options
        part = slice(int(slots.start[item]), int(slots.start[item + 1]))
        qty = self.qty[part]
        used = np.flatnonzero(qty)
        units = qty[used]
        option = slots.option[part][used]
        cell, period = self.cell[part][used], slots.period[part][used]
        money = line_money(options, option, units)
        for total, amount in (
            (self.value, money),
            (self.kg, units * options.kg[option]),
            (self.m3, units * options.m3[option]),
            (self.lines, np.ones(len(used))),
        ):
            np.add.at(total.ravel(), cell, sign * amount)
        for rule in range(len(self.rule_use)):
            use = problem.rules.money[rule, option] * money
            use = use + problem.rules.units[rule, option] * units
            np.add.at(self.rule_use[rule], period, sign * use)
        coming = items.receipts[item].copy()
        bring = np.floor(units * options.brings[option] + TINY).astype(np.int64)
        np.add.at(coming, slots.arrival[part][used], bring)
        closing, lost = _follow(int(items.opening[item]), coming, items.demand[item])
        self.held += sign * problem.storage.m3[:, item][:, None] * closing
        if sign > 0.0:
            under = np.maximum(items.floor[item] - closing, 0).sum()
            own = money + units * options.unit_cost[option] + options.line_cost[option]
            self.item_cost[item] = (
                own.sum()
                + items.holding[item] * closing.sum()
                + items.lost[item] * lost
                + items.floor_price[item] * under
                + items.end_value[item] * (items.supply[item] - closing[-1])
            )

    def replan(self, item: int, prices: Prices, open_orders: Flags) -> bool:
        """Give an item its cheapest plan at the prices within what the others leave.

        Parameters
        ----------
        prices : of lines and stock; their `most` and `room` are not used
        open_orders : (n_groups, n_periods) in which it may be ordered

        Returns
        -------
        changed : whether its plan is another one
        """
        problem, slots = self.problem, self.problem.slots
        part = slice(int(slots.start[item]), int(slots.start[item + 1]))
        before = self.qty[part].copy()
        self._count(item, -1.0)
        self.qty[part] = 0
        prices.most[part] = self._most(item, part, open_orders)
        prices.room[item] = self._room(item)
        qty, _ = plan_items(problem, prices, np.array([item]))
        self.qty[part] = qty[part]
        self._count(item, 1.0)
        return not np.array_equal(before, self.qty[part])

    def _most(self, item: int, part: slice, open_orders: Flags) -> Ints:
        """Return the units of each slot that fit into what the others leave of the rules."""
        problem, slots = self.problem, self.problem.slots
        option, period = slots.option[part], slots.period[part]
        most = np.full(len(option), float(FREE))
        for rule in range(len(self.rule_use)):
            room = problem.rules.room[rule]
            weight = np.maximum(problem.rules.money[rule, option], 0.0) * self._dearest[option]
            weight = weight + np.maximum(problem.rules.units[rule, option], 0.0)
            left = np.maximum(room - self.rule_use[rule], 0.0)[period]
            share = np.bincount(period, weight > 0.0, minlength=problem.n_periods)[period]
            bites = (weight > 0.0) & np.isfinite(left)
            fit = np.floor(left[bites] / weight[bites] / np.maximum(share[bites], 1.0) + TINY)
            most[bites] = np.minimum(most[bites], fit)
        most = np.where(open_orders.ravel()[self.cell[part]], most, 0.0)
        return most.astype(np.int64)

    def _room(self, item: int) -> Ints:
        """Return the closing stock that fits into what the others leave of the storage."""
        problem = self.problem
        most = np.full(problem.n_periods, float(FREE))
        for store in range(len(self.held)):
            each = problem.storage.m3[store, item]
            if each > 0.0:
                left = problem.storage.room[store] - self.held[store]
                left = left * (1.0 + TINY) + TINY / 2.0
                most = np.minimum(most, np.floor(np.minimum(left / each, float(FREE))))
        items = problem.items
        bare, _ = _follow(int(items.opening[item]), items.receipts[item], items.demand[item])
        result: Ints = np.maximum(most.astype(np.int64), bare)
        return result

    def own(self) -> Prices:
        """Return prices at which an item sees its own costs only."""
        own = self._own
        return replace(own, fixed=own.fixed.copy(), money=own.money.copy())


def _follow(opening: int, coming: Ints, demand: Ints) -> tuple[Ints, int]:
    """Return closing stock by period and units lost of one item."""
    closing, lost, stock = [], 0, opening
    for come, wanted in zip(coming.tolist(), demand.tolist(), strict=True):
        stock += come - wanted
        if stock < 0:
            lost, stock = lost - stock, 0
        closing.append(stock)
    return np.array(closing, np.int64), lost


def _dearest(problem: Problem) -> Floats:
    """Return the most that a unit of each option can cost, (n_options,) money."""
    options = problem.options
    dearest = np.zeros(len(options.item))
    option = np.repeat(np.arange(len(options.item)), np.diff(options.segment_start))
    each = options.price + np.maximum(options.offset, 0.0) / np.maximum(options.low, 1)
    np.maximum.at(dearest, option, each)
    return dearest
