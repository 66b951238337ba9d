"""Multi-period lot sizing with joint orders as typed arrays, and what a plan of it costs.

A *slot* is an option in a period in which it can be ordered; a plan is a quantity per slot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TINY = 1e-9  # rounding in sums of money and volume, relative


@dataclass(frozen=True, slots=True)
class Items:
    """What is sold and kept. Stock is in whole units.

    Attributes
    ----------
    demand, receipts : (n_items, n_periods) int64, units; receipts of orders placed before
    opening : (n_items,) int64, units
    holding : (n_items,) money per unit of closing stock and period
    lost : (n_items,) money per unit of demand that is not served
    floor : (n_items,) int64, units of safety stock; floor_price: money per unit under it and period
    end_value : (n_items,) money per unit by which stock has shrunk at the end, open orders counted
    most_stock : (n_items,) int64, units that stock after receipts never exceeds
    """

    demand: Ints
    receipts: Ints
    opening: Ints
    holding: Floats
    lost: Floats
    floor: Ints
    floor_price: Floats
    end_value: Floats
    most_stock: Ints

    @property
    def supply(self) -> Ints:
        """Units that are there or on order, (n_items,)."""
        total: Ints = self.opening + self.receipts.sum(axis=1)
        return total


@dataclass(frozen=True, slots=True)
class Options:
    """What one supplier offers for one item.

    Attributes
    ----------
    item, group : (n_options,) int64; group: the supplier and site whose orders it shares
    multiple : (n_options,) int64, units
    brings : (n_options,) usable units per unit ordered; an order brings whole units, rounded down
    arrival : (n_options, n_periods) int64, period in which an order of a period comes; -1: it
        cannot be ordered then, or comes too late
    line_cost : (n_options,) money per order line; unit_cost: money per unit besides its price
    kg, m3 : (n_options,) per unit
    segment_start : (n_options + 1,) int64
    low, high : (n_segments,) int64, units; a line is 0 or lies in a segment, on the multiple
    price, offset : (n_segments,) money: q units cost offset + price x q
    """

    item: Ints
    group: Ints
    multiple: Ints
    brings: Floats
    arrival: Ints
    line_cost: Floats
    unit_cost: Floats
    kg: Floats
    m3: Floats
    segment_start: Ints
    low: Ints
    high: Ints
    price: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class Groups:
    """Orders that lines share: one per supplier, site and period.

    Attributes
    ----------
    order_cost, minimum : (n_groups,) money; an order is worth nothing or at least `minimum`
    per_shipment : (n_groups,) money; at least one shipment an order
    shipment_kg, shipment_m3 : (n_groups,) of one shipment; inf for no limit
    min_fill : (n_groups,) share 0..1 of the shipments' m3 (of their kg where m3 has no limit) that
        must be filled
    """

    order_cost: Floats
    minimum: Floats
    per_shipment: Floats
    shipment_kg: Floats
    shipment_m3: Floats
    min_fill: Floats


@dataclass(frozen=True, slots=True)
class Rules:
    """Linear limits on what is ordered in a period: money x spend + units x quantity <= room.

    Attributes
    ----------
    money, units : (n_rules, n_options) float64
    room : (n_rules, n_periods) float64; inf: no limit
    """

    money: Floats
    units: Floats
    room: Floats


@dataclass(frozen=True, slots=True)
class Storage:
    """Limits on the volume of closing stock.

    Attributes
    ----------
    m3 : (n_stores, n_items) per unit; 0 for items that are kept elsewhere
    room : (n_stores, n_periods) m3; at least what is there without any order
    """

    m3: Floats
    room: Floats


@dataclass(frozen=True, slots=True)
class Slots:
    """Every option in every period in which it can be ordered.

    Sorted by item, arrival, option and order period.

    Attributes
    ----------
    item, option, period, arrival : (n_slots,) int64; `period` is when it is ordered
    start : (n_items + 1,) int64
    """

    item: Ints
    option: Ints
    period: Ints
    arrival: Ints
    start: Ints


@dataclass(frozen=True, slots=True)
class Problem:
    """Items, options, orders and limits."""

    items: Items
    options: Options
    groups: Groups
    rules: Rules
    storage: Storage
    slots: Slots = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "slots", _slots(self.items, self.options))

    @property
    def n_periods(self) -> int:
        """Periods of the horizon."""
        return int(self.items.demand.shape[1])

    def money(self, qty: Ints) -> Floats:
        """Return what each slot's units cost to buy, (n_slots,) money."""
        return line_money(self.options, self.slots.option, qty)

    def brought(self, qty: Ints) -> Ints:
        """Return usable units that each slot's order brings, (n_slots,)."""
        exact = qty * self.options.brings[self.slots.option]
        whole: Ints = np.floor(exact + TINY).astype(np.int64)
        return whole

    def stock(self, qty: Ints) -> tuple[Ints, Ints]:
        """Return closing stock and units lost, both (n_items, n_periods) int64."""
        items, slots = self.items, self.slots
        count, periods = items.demand.shape
        flat = slots.item * periods + slots.arrival
        coming = np.bincount(flat, self.brought(qty), minlength=count * periods)
        arrivals = items.receipts + coming.astype(np.int64).reshape(count, periods)
        closing, lost = np.empty_like(items.demand), np.empty_like(items.demand)
        stock = items.opening.copy()
        for period in range(periods):
            left = stock + arrivals[:, period] - items.demand[:, period]
            lost[:, period] = np.maximum(-left, 0)
            stock = np.maximum(left, 0)
            closing[:, period] = stock
        return closing, lost

    def by_order(self, weight: Floats) -> Floats:
        """Add up a weight per slot by order, (n_groups, n_periods)."""
        count, periods = len(self.groups.order_cost), self.n_periods
        flat = self.options.group[self.slots.option] * periods + self.slots.period
        total: Floats = np.bincount(flat, weight, minlength=count * periods).astype(np.float64)
        return total.reshape(count, periods)

    def shipments(self, qty: Ints) -> Floats:
        """Return shipments of each order, (n_groups, n_periods)."""
        option = self.slots.option
        kg = self.by_order(qty * self.options.kg[option])
        m3 = self.by_order(qty * self.options.m3[option])
        placed = self.by_order((qty > 0).astype(np.float64)) > 0.0
        return shipments_of(self.groups, kg, m3, placed)

    def item_cost(self, qty: Ints) -> Floats:
        """Return what each item costs by itself: all but orders and shipments, (n_items,)."""
        closing, lost = self.stock(qty)
        items, option = self.items, self.slots.option
        own = self.money(qty) + qty * self.options.unit_cost[option]
        own = own + (qty > 0) * self.options.line_cost[option]
        under = np.maximum(items.floor[:, None] - closing, 0)
        total: Floats = (
            np.bincount(self.slots.item, own, minlength=len(items.opening))
            + items.holding * closing.sum(axis=1)
            + items.lost * lost.sum(axis=1)
            + items.floor_price * under.sum(axis=1)
            + items.end_value * (items.supply - closing[:, -1])
        )
        return total

    def terms(self, qty: Ints) -> dict[str, float]:
        """Return money by term of the objective; they add up to it."""
        closing, lost = self.stock(qty)
        items, option = self.items, self.slots.option
        placed = self.by_order((qty > 0).astype(np.float64)) > 0.0
        under = np.maximum(items.floor[:, None] - closing, 0)
        shipped = float((self.groups.per_shipment[:, None] * self.shipments(qty)).sum())
        return {
            "purchase": float(self.money(qty).sum()),
            "order": float((self.groups.order_cost[:, None] * placed).sum()),
            "line": float(((qty > 0) * self.options.line_cost[option]).sum()),
            "transport": shipped + float((qty * self.options.unit_cost[option]).sum()),
            "holding": float((items.holding[:, None] * closing).sum()),
            "shortage": float((items.lost[:, None] * lost).sum()),
            "safety": float((items.floor_price[:, None] * under).sum()),
            "stock_change": float((items.end_value * (items.supply - closing[:, -1])).sum()),
        }

    def objective(self, qty: Ints) -> float:
        """Return the money that the plan costs."""
        return sum(self.terms(qty).values())

    def rule_use(self, qty: Ints) -> Floats:
        """Return how much of each rule is used, (n_rules, n_periods)."""
        periods, n_options = self.n_periods, len(self.options.item)
        cell = self.slots.option * periods + self.slots.period
        shape = (n_options, periods)
        spend = np.bincount(cell, self.money(qty), minlength=n_options * periods).reshape(shape)
        units = np.bincount(cell, qty, minlength=n_options * periods).reshape(shape)
        used: Floats = self.rules.money @ spend + self.rules.units @ units
        return used

    def faults(self, qty: Ints) -> dict[str, float]:
        """Return by how much a plan breaks each kind of rule; 0 everywhere: it is feasible."""
        options, slots, groups = self.options, self.slots, self.groups
        closing, lost = self.stock(qty)
        taken = qty > 0
        inside = np.zeros(len(qty), bool)
        for step in range(int(np.diff(options.segment_start).max(initial=0))):
            at = options.segment_start[slots.option] + step
            real = at < options.segment_start[slots.option + 1]
            at = np.minimum(at, len(options.low) - 1)
            inside |= real & (qty >= options.low[at]) & (qty <= options.high[at])
        wrong = taken & (~inside | (qty % options.multiple[slots.option] != 0))
        value = self.by_order(self.money(qty))
        placed = self.by_order(taken.astype(np.float64)) > 0.0
        least = groups.minimum[:, None] * (1.0 - TINY)
        after = closing + self.items.demand - lost
        limit = self.items.most_stock[:, None]
        room = self.rules.room
        over_rule = np.maximum(self.rule_use(qty) - room - TINY * (1.0 + np.abs(room)), 0.0)
        held = self.storage.m3 @ closing
        over_store = held - self.storage.room * (1.0 + TINY) - TINY
        return {
            "quantity": float(wrong.sum() + (qty < 0).sum()),
            "minimum": float(np.where(placed, np.maximum(least - value, 0.0), 0.0).sum()),
            "fill": float(np.isinf(self.shipments(qty)).sum()),
            "rules": float(over_rule[np.isfinite(room)].sum()),
            "storage": float(np.maximum(over_store, 0.0).sum()),
            "stock": float((after > limit).sum()),
        }

    def feasible(self, qty: Ints) -> bool:
        """Say whether a plan keeps every rule."""
        return not any(self.faults(qty).values())


def line_money(options: Options, option: Ints, qty: Ints) -> Floats:
    """Return what lines of given options and quantities cost to buy, (n_lines,) money."""
    cost = np.zeros(len(qty))
    for step in range(int(np.diff(options.segment_start).max(initial=0))):
        at = options.segment_start[option] + step
        real = at < options.segment_start[option + 1]
        at = np.minimum(at, len(options.low) - 1)
        here = real & (qty >= options.low[at]) & (qty > 0)
        cost = np.where(here, options.offset[at] + options.price[at] * qty, cost)
    return cost


def shipments_of(groups: Groups, kg: Floats, m3: Floats, placed: Flags) -> Floats:
    """Return shipments of each order; inf where the least fill cannot be kept.

    Parameters
    ----------
    kg, m3, placed : (n_groups, n_periods)
    """
    by_kg = np.ceil(kg / groups.shipment_kg[:, None] - TINY)
    by_m3 = np.ceil(m3 / groups.shipment_m3[:, None] - TINY)
    count = np.where(placed, np.maximum(1.0, np.maximum(by_kg, by_m3)), 0.0)
    with_m3 = np.isfinite(groups.shipment_m3)[:, None]
    load = np.where(with_m3, m3, kg)
    size = np.where(with_m3, groups.shipment_m3[:, None], groups.shipment_kg[:, None])
    need = groups.min_fill[:, None] * np.where(np.isfinite(size), size, 0.0) * count
    kept = ~placed | (load >= need * (1.0 - TINY))  # what an emptied order leaves is rounding
    result: Floats = np.where(kept, count, np.inf)
    return result


def _slots(items: Items, options: Options) -> Slots:
    option, period = np.nonzero(options.arrival >= 0)
    arrival = options.arrival[option, period]
    item = options.item[option]
    order = np.lexsort((period, option, arrival, item))
    item = item[order].astype(np.int64)
    start = np.searchsorted(item, np.arange(len(items.opening) + 1)).astype(np.int64)
    return Slots(
        item,
        option[order].astype(np.int64),
        period[order].astype(np.int64),
        arrival[order].astype(np.int64),
        start,
    )
