"""Stock positioning as arrays: products, sites, lanes, what they share, what is bought together."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lanes:
    """Ways between stocking sites, one per origin, destination and mode.

    Attributes
    ----------
    origin, destination : (n_lanes,) int64, rows of the sites
    per_unit, per_kg, per_m3 : (n_lanes,) money of the lane
    handling : (n_lanes,) money per unit that leaves the origin
    co2 : (n_lanes,) money per kg, for what moving it emits
    trip_cost : (n_lanes,) money of one shipment
    trip_kg, trip_m3 : (n_lanes,) what one shipment holds; infinite: any
    trip_fill : (n_lanes,) share to which shipments must be filled
    transit_days : (n_lanes,) whole days
    aboard : (3, n_lanes), or (3, 1) of zeros: units, kg and m3 that a decision has put on each lane
    """

    origin: Ints
    destination: Ints
    per_unit: Floats
    per_kg: Floats
    per_m3: Floats
    handling: Floats
    co2: Floats
    trip_cost: Floats
    trip_kg: Floats
    trip_m3: Floats
    trip_fill: Floats
    transit_days: Ints
    aboard: Floats = field(default_factory=lambda: np.zeros((3, 1)))

    def __len__(self) -> int:
        return len(self.origin)

    @property
    def carried(self) -> Floats:
        """Return what is aboard of each lane, (3, n_lanes)."""
        every: Floats = np.broadcast_to(self.aboard, (3, len(self)))
        return every

    def trips(self, kg: Floats, m3: Floats, units: Floats) -> Floats:
        """Return whole shipments for the load of each lane and what is aboard, (n_lanes,)."""
        units, kg, m3 = (
            load + aboard for load, aboard in zip((units, kg, m3), self.aboard, strict=True)
        )
        filled = np.maximum(kg / self.trip_kg, m3 / self.trip_m3)
        whole: Floats = np.where(units > 0.0, np.maximum(np.ceil(filled - 1e-9), 1.0), 0.0)
        return whole


@dataclass(frozen=True, slots=True)
class Rows:
    """What products share: weights on the units, kg and m3 of each lane, and the room.

    Attributes
    ----------
    units, kg, m3 : (n_rows, n_lanes) float64
    room : (n_rows,) float64, >= 0
    kind : lane, dock, storage or co2 (room in grams); entity names what is limited; day on which
        (blank: any)
    """

    units: Floats
    kg: Floats
    m3: Floats
    room: Floats
    kind: tuple[str, ...]
    entity: tuple[str, ...]
    day: tuple[str, ...]

    def loads(self, load: Floats) -> Floats:
        """Return the load of each row, (n_rows,), from (3, n_lanes) units, kg and m3."""
        total: Floats = self.units @ load[0] + self.kg @ load[1] + self.m3 @ load[2]
        return total


@dataclass(frozen=True, slots=True)
class Together:
    """Products often bought together.

    Attributes
    ----------
    first, second : (n_pairs,) int64, rows of the products
    cost : (n_pairs, n_sites) money if no order of both in that site's region left in one parcel
    """

    first: Ints
    second: Ints
    cost: Floats


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that the decision needs.

    Attributes
    ----------
    free : (n_products, n_sites) int64, units that may leave tonight or stay
    fixed : (n_products, n_sites) float64, units that count where they are: open orders, stock kept
        for a channel, what comes back from customers
    mean, sd : (n_products, n_sites) demand of the site's region until its supplier can deliver
    holding, shortage : (n_products, n_sites) money per unit left, per unit short
    premium : (n_products, n_sites, n_sites) money per unit by which delivery from [i] into the
        region of [j] costs more than from [j]; infinite: impossible
    wait_days : (n_products, n_sites) until the supplier can deliver
    kg, m3 : (n_products,) per unit
    lanes, rows, together : as above
    barred : (n_products, n_lanes) bool, what a decision keeps off a lane; (0, 0): nothing
    """

    free: Ints
    fixed: Floats
    mean: Floats
    sd: Floats
    holding: Floats
    shortage: Floats
    premium: Floats
    wait_days: Floats
    kg: Floats
    m3: Floats
    lanes: Lanes
    rows: Rows
    together: Together
    barred: Flags = field(default_factory=lambda: np.zeros((0, 0), np.bool_))

    @property
    def shape(self) -> tuple[int, int]:
        """Products, sites."""
        return self.free.shape[0], self.free.shape[1]

    def in_time(self, lane: int) -> Flags:
        """Say which products a lane may bring before the destination's supplier could, (n,)."""
        before: Flags = (
            self.lanes.transit_days[lane] < self.wait_days[:, self.lanes.destination[lane]]
        )
        return before & ~self.barred[:, lane] if self.barred.size else before

    def across(self) -> tuple[Floats, Floats]:
        """Return how serving a region from other sites is priced.

        Returns
        -------
        least : (n_products, n_sites) money per unit that a region short of its own stock pays at
            least, at most its shortage cost
        beyond : (n_products, n_sites, n_sites) money per unit on top from [i]; infinite where it
            costs as much as being short
        """
        least = np.minimum(self.premium.min(axis=1), self.shortage)
        dear = self.premium >= self.shortage[:, None, :]
        with np.errstate(invalid="ignore"):
            beyond = np.where(dear, np.inf, self.premium - least[:, None, :])
        return least, beyond


@dataclass(frozen=True, slots=True)
class Moves:
    """An answer.

    Attributes
    ----------
    product, lane, qty : (n_moves,) int64, units that leave tonight
    held_product, held_at, held_for, held_qty : (n_held,) int64, units that stay at one site and
        are meant for the region of another
    """

    product: Ints
    lane: Ints
    qty: Ints
    held_product: Ints
    held_at: Ints
    held_for: Ints
    held_qty: Ints

    def load(self, problem: Problem) -> Floats:
        """Return units, kg and m3 on each lane, (3, n_lanes)."""
        count = len(problem.lanes)
        qty = self.qty.astype(np.float64)
        weights = (qty, qty * problem.kg[self.product], qty * problem.m3[self.product])
        return np.array([np.bincount(self.lane, weight, count) for weight in weights])

    def levels(self, problem: Problem) -> tuple[Floats, Floats]:
        """Return what each site has for its region, and what the region has in all.

        Returns
        -------
        local, total : (n_products, n_sites) units
        """
        local = problem.fixed + problem.free
        lanes = problem.lanes
        np.add.at(local, (self.product, lanes.origin[self.lane]), -self.qty.astype(np.float64))
        np.add.at(local, (self.product, lanes.destination[self.lane]), self.qty.astype(np.float64))
        held = self.held_qty.astype(np.float64)
        np.add.at(local, (self.held_product, self.held_at), -held)
        total = local.copy()
        np.add.at(total, (self.held_product, self.held_for), held)
        return local, total
