"""What items share, as rows `use <= room` over item plans, orders y and shipments n.

Every row is written as `a x <= b` with a price p >= 0, so that for any prices

    sum_i (cheapest plan of i at the prices) + sum of min(0, reduced cost) x upper over y and n
        - p b  <=  cost of every feasible plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replenishment.buyer.item_plans import FREE, Prices
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem

MOST_LINK_ROWS = 3000  # beyond, items share link rows: weaker, but still valid
LARGE = 1e7  # bound of shipments where nothing else limits them


@dataclass(frozen=True, slots=True)
class Columns:
    """Item plans as columns.

    Attributes
    ----------
    item : (n_columns,) int64
    cost : (n_columns,) money, the item's own
    column, row, value : (n_entries,) entries of the coupling rows
    """

    item: Ints
    cost: Floats
    column: Ints
    row: Ints
    value: Floats


class Coupling:
    """The coupling rows of a problem.

    Attributes
    ----------
    room : (n_rows,) right sides
    extra_cost, extra_upper : (n_extras,) of the columns y and n; `extra_row`, `extra_column`,
        `extra_value`: their entries
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        groups, periods = problem.groups, problem.n_periods
        n_groups, n_items = len(groups.order_cost), len(problem.items.opening)
        cells = n_groups * periods
        blocks = max(1, min(n_items, MOST_LINK_ROWS // max(cells, 1)))
        self.block = (np.arange(n_items) * blocks) // n_items
        self.n_blocks = blocks
        size = np.bincount(self.block, minlength=blocks).astype(np.float64)
        ships = (groups.per_shipment > 0.0) | (groups.min_fill > 0.0)
        self.by_kg = ships & np.isfinite(groups.shipment_kg)
        self.by_m3 = ships & np.isfinite(groups.shipment_m3)
        self.fill_m3 = np.isfinite(groups.shipment_m3)
        rules, stores = len(problem.rules.room), len(problem.storage.room)
        sizes = [blocks * cells, cells, cells, cells, cells, cells, rules * periods]
        self.first = np.cumsum([0, *sizes, stores * periods])
        self.room = np.zeros(int(self.first[-1]))
        self.room[self.first[6] : self.first[7]] = problem.rules.room.ravel()
        self.room[self.first[7] :] = problem.storage.room.ravel()
        cell = np.arange(cells)
        group = cell // periods
        self.extra_cost = np.concatenate([groups.order_cost[group], groups.per_shipment[group]])
        self.extra_upper = np.concatenate([np.ones(cells), self._most_shipments()])
        entries = [
            ((np.arange(blocks)[:, None] * cells + cell).ravel(), np.tile(cell, blocks),
             -np.repeat(size, cells)),
            (self.first[1] + cell, cell, groups.minimum[group]),
            (self.first[2] + cell, cells + cell, self._size(groups.shipment_kg, self.by_kg, -1.0)),
            (self.first[3] + cell, cells + cell, self._size(groups.shipment_m3, self.by_m3, -1.0)),
            (self.first[4] + cell, cells + cell, self._fill_size()),
            (self.first[5] + cell, cell, np.where(ships[group], 1.0, 0.0)),
            (self.first[5] + cell, cells + cell, np.where(ships[group], -1.0, 0.0)),
        ]  # fmt: skip
        self.extra_row = np.concatenate([entry[0] for entry in entries]).astype(np.int64)
        self.extra_column = np.concatenate([entry[1] for entry in entries]).astype(np.int64)
        self.extra_value = np.concatenate([entry[2] for entry in entries]).astype(np.float64)

    def _size(self, size: Floats, counts: np.ndarray, sign: float) -> Floats:
        each: Floats = np.repeat(np.where(counts, sign * size, 0.0), self.problem.n_periods)
        return np.nan_to_num(each, posinf=0.0, neginf=0.0)

    def _fill_size(self) -> Floats:
        groups = self.problem.groups
        size = np.where(self.fill_m3, groups.shipment_m3, groups.shipment_kg)
        need = groups.min_fill * np.where(np.isfinite(size), size, 0.0)
        result: Floats = np.repeat(need, self.problem.n_periods)
        return result

    def _most_shipments(self) -> Floats:
        """Return more shipments than any order can need."""
        problem, options = self.problem, self.problem.options
        last = options.segment_start[1:] - 1
        most = options.high[last] if len(last) else np.empty(0)
        most = np.minimum(most, problem.items.most_stock[options.item] / options.brings + 1.0)
        count = np.ones(len(problem.groups.order_cost))
        for load, size in (
            (options.kg, problem.groups.shipment_kg),
            (options.m3, problem.groups.shipment_m3),
        ):
            total = np.bincount(options.group, load * most, minlength=len(count))
            count = np.maximum(count, np.ceil(total / size))
        return np.repeat(np.minimum(count, LARGE), problem.n_periods)

    def columns(self, qty: Ints, which: Ints) -> Columns:
        """Return the plans of some items as columns, in the order of `which`."""
        problem, options, slots = self.problem, self.problem.options, self.problem.slots
        periods = problem.n_periods
        cells = len(problem.groups.order_cost) * periods
        place = np.full(len(problem.items.opening), -1, np.int64)
        place[which] = np.arange(len(which))
        used = np.flatnonzero((qty > 0) & (place[slots.item] >= 0))
        option, units = slots.option[used], qty[used]
        group = options.group[option]
        cell = group * periods + slots.period[used]
        money = problem.money(qty)[used]
        column = place[slots.item[used]]
        block = self.block[slots.item[used]]
        kg, m3 = units * options.kg[option], units * options.m3[option]
        fill = np.where(problem.groups.min_fill > 0.0, 1.0, 0.0)[group]
        load = np.where(self.fill_m3[group], m3, kg) * fill
        parts = [
            (column, block * cells + cell, np.ones(len(used))),
            (column, self.first[1] + cell, -money * (problem.groups.minimum[group] > 0.0)),
            (column, self.first[2] + cell, kg * self.by_kg[group]),
            (column, self.first[3] + cell, m3 * self.by_m3[group]),
            (column, self.first[4] + cell, -load),
        ]
        for rule in range(len(problem.rules.room)):
            use = problem.rules.money[rule, option] * money
            use = use + problem.rules.units[rule, option] * units
            parts.append((column, self.first[6] + rule * periods + slots.period[used], use))
        closing, _ = problem.stock(qty)
        for store in range(len(problem.storage.room)):
            held = problem.storage.m3[store, which][:, None] * closing[which]
            row = self.first[7] + store * periods + np.arange(periods)
            each = np.repeat(np.arange(len(which)), periods)
            parts.append((each, np.tile(row, len(which)), held.ravel()))
        col = np.concatenate([part[0] for part in parts])
        row = np.concatenate([part[1] for part in parts])
        value = np.concatenate([part[2] for part in parts])
        key, inverse = np.unique(col * len(self.room) + row, return_inverse=True)
        value = np.bincount(inverse, value, minlength=len(key))
        col, row = key // len(self.room), key % len(self.room)
        keep = (value != 0.0) & np.isfinite(self.room[row])
        return Columns(
            which.astype(np.int64),
            problem.item_cost(qty)[which],
            col[keep].astype(np.int64),
            row[keep].astype(np.int64),
            value[keep],
        )

    def prices(self, price: Floats) -> Prices:
        """Return what an item sees at the prices of the rows, (n_rows,) >= 0."""
        problem, options, slots = self.problem, self.problem.options, self.problem.slots
        periods, option = problem.n_periods, slots.option
        cells = len(problem.groups.order_cost) * periods
        part = [price[self.first[k] : self.first[k + 1]] for k in range(8)]
        group = options.group[option]
        cell = group * periods + slots.period
        rule = part[6].reshape(-1, periods)[:, slots.period]
        money = 1.0 + (problem.rules.money[:, option] * rule).sum(axis=0)
        money = money - part[1][cell] * (problem.groups.minimum[group] > 0.0)
        unit = options.unit_cost[option] + (problem.rules.units[:, option] * rule).sum(axis=0)
        kg, m3 = options.kg[option], options.m3[option]
        unit = (
            unit + kg * self.by_kg[group] * part[2][cell] + m3 * self.by_m3[group] * part[3][cell]
        )
        load = np.where(self.fill_m3[group], m3, kg) * (problem.groups.min_fill[group] > 0.0)
        unit = unit - load * part[4][cell]
        fixed = options.line_cost[option] + part[0][self.block[slots.item] * cells + cell]
        held = problem.storage.m3.T @ part[7].reshape(-1, periods)
        shape = problem.items.demand.shape
        return Prices(
            money,
            unit,
            fixed,
            np.full(len(option), FREE),
            problem.items.holding[:, None] + held,
            np.full(shape, FREE),
        )

    def lagrangian(self, price: Floats, value: Floats, lower: Floats, upper: Floats) -> float:
        """Return the bound that row prices prove, given the cheapest item plans at them.

        Parameters
        ----------
        price : (n_rows,) >= 0
        value : (n_items,) money of the cheapest plans
        lower, upper : (n_extras,) what y and n lie between
        """
        reduced = self.extra_cost + np.bincount(
            self.extra_column,
            self.extra_value * price[self.extra_row],
            minlength=len(self.extra_cost),
        )
        box = np.minimum(reduced * lower, reduced * upper)
        room = np.where(price > 0.0, price * np.where(price > 0.0, self.room, 0.0), 0.0)
        total = float(value.sum() + box.sum() - room.sum())
        rounding = 1e-11 * float(np.abs(value).sum() + np.abs(box).sum() + np.abs(room).sum())
        return total - rounding
