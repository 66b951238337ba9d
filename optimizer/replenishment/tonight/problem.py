"""Tonight's decision as typed arrays: product-locations, options, orders, limits.

Words used in all files of this folder:

pair     a product at a site (a product-location)
option   what one supplier offers for a pair
segment  a range of quantities of an option with one price (without price breaks: one)
group    all options of one supplier at one site: tonight's order from it to that site
arm      a group on one mode of its lane; a group without a lane has one arm that costs nothing
row      a limit on money, volume or units, as a linear rule over the options
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from optimizer.replenishment.stock_cost import stock_cost, units_short

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

TOLERANCE = 1e-9  # relative, on sums of money, volume and units


@dataclass(frozen=True, slots=True)
class Pairs:
    """Product-locations.

    Attributes
    ----------
    position, mean, sd : (n_pairs,) units: stock free and on order; demand of the protection
        interval
    holding, shortage : (n_pairs,) money per unit left over, per unit short
    """

    position: Floats
    mean: Floats
    sd: Floats
    holding: Floats
    shortage: Floats

    def __len__(self) -> int:
        """Count the pairs."""
        return len(self.position)

    def cost(self, level: Floats) -> Floats:
        """Return expected holding and shortage cost at a level, (n_pairs,) money."""
        return stock_cost(level, self.mean, self.sd, self.holding, self.shortage)


@dataclass(frozen=True, slots=True)
class Options:
    """Options that can be ordered tonight, sorted by group, then pair.

    Attributes
    ----------
    pair, group : (n_options,) int64
    usable : (n_options,) usable units that one ordered unit brings
    kg, m3 : (n_options,) of one unit
    cheapest : (n_options,) money per unit, least of the pair's options: a premium is beyond it
    low, high, multiple : (n_options,) units; an order is 0 or a multiple within low..high
    segment_start : (n_options + 1,) first segment of each option
    """

    pair: Ints
    group: Ints
    usable: Floats
    kg: Floats
    m3: Floats
    cheapest: Floats
    low: Floats
    high: Floats
    multiple: Floats
    segment_start: Ints

    def __len__(self) -> int:
        """Count the options."""
        return len(self.pair)


@dataclass(frozen=True, slots=True)
class Segments:
    """Ranges of quantities with one price, sorted by option, then quantity.

    Attributes
    ----------
    option : (n_segments,) int64
    low, high : (n_segments,) units, multiples of the option's multiple
    price, offset : (n_segments,) q units cost offset + price x q, money, duty included
    """

    option: Ints
    low: Floats
    high: Floats
    price: Floats
    offset: Floats


@dataclass(frozen=True, slots=True)
class Groups:
    """Orders. `cost`: money of placing one; `minimum`: its least value; (n_groups,)."""

    cost: Floats
    minimum: Floats

    def __len__(self) -> int:
        """Count the groups."""
        return len(self.cost)


@dataclass(frozen=True, slots=True)
class Arms:
    """Modes by which an order can come, sorted by group; every group has at least one.

    Attributes
    ----------
    group : (n_arms,) int64
    per_shipment, per_kg, per_m3, per_unit : (n_arms,) money
    shipment_kg, shipment_m3 : (n_arms,) most in one shipment; inf for no limit
    g_per_kg : (n_arms,) grams of CO2e; NaN where not known
    co2_per_kg : (n_arms,) money, what they cost; part of `per_kg`
    mode : of each arm; "" for no lane
    """

    group: Ints
    per_shipment: Floats
    per_kg: Floats
    per_m3: Floats
    per_unit: Floats
    shipment_kg: Floats
    shipment_m3: Floats
    g_per_kg: Floats
    co2_per_kg: Floats
    mode: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the arms."""
        return len(self.group)


@dataclass(frozen=True, slots=True)
class Rows:
    """Limits: money @ (money of each option) + units @ (units of each option) <= room.

    Attributes
    ----------
    money, units : (n_rows, n_options) sparse
    room : (n_rows,)
    kind, entity : (n_rows,) text for `marginal_prices`
    """

    money: csr_array
    units: csr_array
    room: Floats
    kind: tuple[str, ...]
    entity: tuple[str, ...]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.room)


@dataclass(frozen=True, slots=True)
class Problem:
    """Tonight's decision: which quantity of each option."""

    pairs: Pairs
    options: Options
    segments: Segments
    groups: Groups
    arms: Arms
    rows: Rows

    def money(self, qty: Floats) -> Floats:
        """Return the purchase cost of each option's quantity, (n_options,) money."""
        return self.money_of(np.arange(len(self.options)), qty)

    def money_of(self, option: Ints, qty: Floats) -> Floats:
        """Return the purchase cost of quantities of options, money; 0 costs nothing."""
        segments, start = self.segments, self.options.segment_start
        at, count = start[option], start[option + 1] - start[option]
        for step in range(1, int(count.max(initial=1))):
            next_one = np.minimum(start[option] + step, len(segments.low) - 1)
            reached = (step < count) & (qty >= segments.low[next_one] - 1e-9)
            at = np.where(reached, next_one, at)
        cost = segments.offset[at] + segments.price[at] * qty
        return np.where(qty > 0.0, cost, 0.0)

    @property
    def unit_price(self) -> Floats:
        """Price of a unit of each option at its least quantity, (n_options,) money."""
        price: Floats = self.segments.price[self.options.segment_start[:-1]]
        return price

    def level(self, qty: Floats) -> Floats:
        """Return each pair's position after the order, (n_pairs,) units."""
        added = np.bincount(self.options.pair, self.options.usable * qty, minlength=len(self.pairs))
        level: Floats = self.pairs.position + added
        return level

    def usage(self, qty: Floats) -> Floats:
        """Return what each row's left-hand side comes to, (n_rows,)."""
        used: Floats = self.rows.money @ self.money(qty) + self.rows.units @ qty
        return used

    def load(self, qty: Floats) -> tuple[Floats, Floats, Floats]:
        """Return kg, m3 and units of each group, (n_groups,) each."""
        options, count = self.options, len(self.groups)
        return (
            np.bincount(options.group, qty * options.kg, minlength=count).astype(np.float64),
            np.bincount(options.group, qty * options.m3, minlength=count).astype(np.float64),
            np.bincount(options.group, qty, minlength=count).astype(np.float64),
        )

    def cost_by_arm(self, qty: Floats) -> Floats:
        """Return transport and CO2e money of each group's order on each mode, (n_arms,)."""
        arms = self.arms
        kg, m3, units = (load[arms.group] for load in self.load(qty))
        shipments = np.maximum(
            np.ceil(kg / arms.shipment_kg - TOLERANCE), np.ceil(m3 / arms.shipment_m3 - TOLERANCE)
        )
        cost = np.maximum(shipments, 1.0) * arms.per_shipment
        cost = cost + kg * arms.per_kg + m3 * arms.per_m3 + units * arms.per_unit
        result: Floats = np.where(units > 0.0, cost, 0.0)
        return result

    def transport(self, qty: Floats) -> Floats:
        """Return transport and CO2e money of each group on its cheapest mode, (n_groups,)."""
        cost = self.cost_by_arm(qty)
        least: Floats = np.minimum.reduceat(cost, self.arm_start) if len(cost) else cost
        return least

    def chosen_arm(self, qty: Floats) -> Ints:
        """Return the cheapest mode of each group's order, (n_groups,); of several the first."""
        cost = self.cost_by_arm(qty)
        least = np.flatnonzero(cost == self.transport(qty)[self.arms.group])
        first: Ints = np.unique(self.arms.group[least], return_index=True)[1]
        return least[first]

    def co2_cost(self, qty: Floats) -> float:
        """Return money for what all orders emit."""
        if not self.arms.co2_per_kg.any():
            return 0.0
        kg = self.load(qty)[0]
        return float((self.arms.co2_per_kg[self.chosen_arm(qty)] * kg).sum())

    def way(self, qty: Floats, option: Ints) -> tuple[list[str], Floats]:
        """Return the mode by which each of some options comes, and what it emits [grams]."""
        arm = self.chosen_arm(qty)[self.options.group[option]]
        grams: Floats = self.arms.g_per_kg[arm] * self.options.kg[option] * qty[option]
        return [self.arms.mode[at] for at in arm.tolist()], grams

    @property
    def arm_start(self) -> Ints:
        """First arm of each group, (n_groups,)."""
        return np.flatnonzero(np.diff(self.arms.group, prepend=-1))

    def terms(self, qty: Floats) -> dict[str, float]:
        """Return money by term of the objective."""
        co2 = self.co2_cost(qty)
        pairs, options = self.pairs, self.options
        level = self.level(qty)
        short = units_short(level, pairs.mean, pairs.sd)
        used = np.bincount(options.group, qty, minlength=len(self.groups)) > 0.0
        return {
            "holding": float((pairs.holding * (level - pairs.mean + short)).sum()),
            "shortage": float((pairs.shortage * short).sum()),
            "order": float(self.groups.cost[used].sum()),
            "transport": float(self.transport(qty).sum()) - co2,
            "premium": float((self.money(qty) - options.cheapest * qty).sum()),
            "co2": co2,
        }

    def objective(self, qty: Floats) -> float:
        """Return expected cost of ordering these quantities, money."""
        return sum(self.terms(qty).values())

    def group_value(self, qty: Floats) -> Floats:
        """Return purchase cost of each group, (n_groups,) money."""
        value: Floats = np.bincount(
            self.options.group, self.money(qty), minlength=len(self.groups)
        ).astype(np.float64)
        return value

    def broken(self, qty: Floats) -> list[str]:
        """Name the rules that these quantities break; empty if none."""
        options = self.options
        some = qty > 0.0
        found = []
        if np.any(some & ((qty < options.low - 1e-9) | (qty > options.high + 1e-9))):
            found.append("quantity out of its range")
        if np.any(np.abs(qty / options.multiple - np.rint(qty / options.multiple)) > 1e-9):
            found.append("not a multiple")
        value = self.group_value(qty)
        if np.any((value > 0.0) & (value < self.groups.minimum * (1.0 - TOLERANCE))):
            found.append("under the least order value")
        if np.any(self.usage(qty) > self.rows.room + self.slack):
            found.append("over a limit")
        return found

    def row_scale(self, qty: Floats) -> Floats:
        """Return what use of each row is measured against, (n_rows,): its room.

        A row without room weighs parts of a whole against each other, as a supplier's share does:
        the heavier of its two sides.
        """
        room, rows = np.abs(self.rows.room), self.rows
        if (room == 0.0).any():
            weighed = abs(rows.money) @ self.money(qty) + abs(rows.units) @ qty
            heavier = (weighed + np.abs(self.usage(qty))) / 2.0
            room = np.where(room > 0.0, room, heavier)
        scale: Floats = np.maximum(room, 1e-9)
        return scale

    @property
    def slack(self) -> Floats:
        """Rounding that a row allows, (n_rows,)."""
        slack: Floats = TOLERANCE * np.abs(self.rows.room)
        return slack
