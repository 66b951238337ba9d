"""The world as arrays: sites with SKUs, suppliers, lanes between them, demand and time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from scenarios import InputError
from simulation.arrays import Flags, Floats, Keys, Places, Sums, Units
from simulation.facts import Channels, Dock, Life, Load, OrderBook, Quota, Return, Split, Store
from simulation.kernels.rows import ALL
from simulation.policies import Policy
from simulation.variates import LEAD_STEPS, DemandTables, demand_tables
from simulation.watching import Limit, Watch

FLOW_ONE = 256  # one unit of normal flow per tick


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole units of some SKUs that a date brings: an order to place, or a delivery due.

    Attributes
    ----------
    tick : when
    columns : (n,) SKUs of the lane (order) or of the site (delivery), each at most once
    units : (n,) int32
    late : (1024,) int64, days that a delivery of its source comes after its date, equally likely;
        None: it comes on its date
    source : who delivers
    """

    tick: int
    columns: Places
    units: Units
    late: Places | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A place that holds stock.

    Attributes
    ----------
    product : (K,) which product of the world each SKU is
    sku_keys : (K,) uint64, keys of the random numbers, by product id
    opening : (K,) int32, units on the shelf at the start
    demand_mean, demand_variance : (B, K) units per tick, by bucket
    value, holding, shortage : (K,) money per unit; holding per tick
    depth : 0 for a site that feeds no other, else 1 + the deepest site that it feeds
    coming : deliveries already under way at the start
    handling : money per unit that leaves
    grams_co2 : per unit that leaves; grams_co2_per_tick : whatever leaves
    dock, store : limits of the site; None: none
    life, returns : how long its goods keep, and what comes back; None, (): for ever, nothing
    channels : whose stock is kept apart; None: nobody's
    price : (K,) money per unit sold; None: what is earned is not followed
    settlement : ticks until a part of the sales is paid, and that part; the parts add up to 1
    first : (K,) SKUs in the order in which a narrow dock takes them; None: in proportion
    first_come : short stock goes to the oldest orders of the sites fed from here; else it is
        shared out in proportion to what they wait for
    """

    site_id: str
    product: Places
    sku_keys: Keys
    opening: Units
    demand_mean: Floats
    demand_variance: Floats
    policy: Policy
    value: Floats
    holding: Floats
    shortage: Floats
    depth: int = 0
    coming: tuple[Batch, ...] = ()
    handling: float = 0.0
    grams_co2: float = 0.0
    grams_co2_per_tick: float = 0.0
    region: str = ""
    dock: Dock | None = None
    store: Store | None = None
    first: Places | None = None
    life: Life | None = None
    returns: tuple[Return, ...] = ()
    channels: Channels | None = None
    price: Floats | None = None
    settlement: tuple[tuple[int, float], ...] = ((0, 1.0),)
    first_come: bool = False

    @property
    def n_skus(self) -> int:
        """Number of SKUs at the site."""
        return len(self.product)


@dataclass(frozen=True, slots=True)
class Freight:
    """What a lane charges.

    Attributes
    ----------
    shipment_kg, shipment_m3 : most in one shipment; infinity for no limit
    order_cost : money per order that a supplier fills for the destination, one a tick
    """

    per_shipment: float = 0.0
    per_kg: float = 0.0
    per_m3: float = 0.0
    per_unit: float = 0.0
    shipment_kg: float = np.inf
    shipment_m3: float = np.inf
    order_cost: float = 0.0

    @property
    def free(self) -> bool:
        """Whether a departure costs nothing beside the order."""
        return not (self.per_shipment or self.per_kg or self.per_m3 or self.per_unit)


@dataclass(frozen=True, slots=True)
class Mode:
    """Another way to travel a lane, for responses that choose it.

    Attributes
    ----------
    lead_rows, lead_table, transit : as those of the lane
    grams_co2 : per kg carried
    """

    name: str
    lead_rows: Units
    lead_table: Units
    transit: Units
    freight: Freight
    grams_co2: float = 0.0

    @property
    def longest(self) -> int:
        """Longest lead time and transit without any disruption, ticks."""
        return int(self.lead_table.max(initial=0)) + int(self.transit.max())


@dataclass(frozen=True, slots=True)
class Lane:
    """The way of goods from a supplier or a site to a site.

    Attributes
    ----------
    origin_id : supplier or site
    supplier, origin : position in the world; one of them is -1
    destination : position of the site
    into, out_of : (C,) SKUs at the destination and at the origin (empty for a supplier)
    fed : (C,) whether the policy of the destination orders the SKU here
    lead_rows, lead_table : (C,), (n, 1024) int32, ticks; row of each SKU
    transit : (1024,) int32, ticks that come on top of the lead time
    working : (days,) whether the supplier works; days of the lead time count only then
    takes : (7, C) whether the SKU is handled, by weekday of the tick
    accepted : (C,) int32, share of the units that arrives sound, in 1/65,536
    flow : (C,) int64, normal units per tick in 1/256, for a loss of capacity
    price : (C,) money per unit bought; 0 from a site
    kg, m3 : (C,) per unit
    orders : dated orders of the plan
    split : the lane as one of several sources; None: the only one
    load : what it carries a day; None: no limit
    quota_of : (C,) row of the supplier's quota that each SKU counts in, -1 for none
    modes : other modes that a response may choose (`conditions.mode`, from 1)
    minimum : money that an order by policy must reach; below it waits for the next review
    priority : lower ones are served before others where the origin's stock is short
    lateral : goes between sites of one echelon, and carries only what one has to spare for another
    grams_co2 : per kg carried
    payment_ticks : from departure until the goods are paid
    """

    origin_id: str
    supplier: int
    origin: int
    destination: int
    into: Places
    out_of: Places
    fed: Flags
    lead_rows: Units
    lead_table: Units
    sku_keys: Keys
    transit: Units = field(default_factory=lambda: np.zeros(LEAD_STEPS, np.int32))
    working: Flags | None = None
    takes: Flags | None = None
    accepted: Units | None = None
    flow: Sums | None = None
    price: Floats | None = None
    kg: Floats | None = None
    m3: Floats | None = None
    mode: str = ""
    freight: Freight = field(default_factory=Freight)
    orders: tuple[Batch, ...] = ()
    split: Split | None = None
    load: Load | None = None
    quota_of: Places | None = None
    modes: tuple[Mode, ...] = ()
    minimum: float = 0.0
    priority: int = 0
    lateral: bool = False
    grams_co2: float = 0.0
    payment_ticks: int = 0

    @property
    def n_skus(self) -> int:
        """Number of SKUs that travel on the lane."""
        return len(self.into)

    @property
    def own_mode(self) -> Mode:
        """The way that goods travel unless a response chooses another."""
        return Mode(
            self.mode, self.lead_rows, self.lead_table, self.transit, self.freight, self.grams_co2
        )

    @property
    def longest(self) -> int:
        """Longest lead time and transit of any mode, without any disruption, ticks."""
        return max(each.longest for each in (self.own_mode, *self.modes))

    @property
    def first(self) -> Flags:
        """(C,) whether the lane is the SKU's only source, or the one that is asked first."""
        return self.fed if self.split is None else self.fed & (self.split.rank == 0)

    @property
    def accepted_share(self) -> Units:
        """(C,) share that arrives sound, in 1/65,536; all of it where nothing is stated."""
        if self.accepted is not None:
            return self.accepted
        return np.full(self.n_skus, ALL, np.int32)

    @property
    def normal_flow(self) -> Sums:
        """(C,) normal units per tick in 1/256; 0 where nothing is stated."""
        return self.flow if self.flow is not None else np.zeros(self.n_skus, np.int64)


@dataclass(frozen=True, slots=True)
class Supplier:
    """Who sells to us."""

    supplier_id: str
    region: str = ""
    recovery_days: float = float("nan")
    quota: Quota | None = None


@dataclass(frozen=True)
class World:
    """Everything that a run needs and never changes.

    Attributes
    ----------
    n_ticks : ticks to simulate
    bucket_of_tick : (n_ticks,) row of the demand arrays
    first_weekday : ISO weekday of the first tick, 1 to 7
    lost : unmet demand is lost, else owed
    orders : customers order as in this book; None: demand is units at sites
    period_of_tick : (n_ticks,) bucket of the plan that each tick is in, where demand has rows of
        its own for some of the ticks of a bucket; None: `bucket_of_tick`
    limit : a promotion ends when its quantity is asked for; None: there is none
    watch : what is added up of each run beside its figures; None: nothing
    """

    sites: tuple[Site, ...]
    suppliers: tuple[Supplier, ...]
    lanes: tuple[Lane, ...]
    n_ticks: int
    bucket_of_tick: Places
    lost: bool
    product_ids: tuple[str, ...]
    ticks_per_day: int = 1
    first_weekday: int = 1
    categories: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    orders: OrderBook | None = None
    period_of_tick: Places | None = None
    limit: Limit | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        for site in self.sites:
            if site.n_skus and int(site.policy.every.min()) < 1:
                raise InputError(f"site {site.site_id}: a review must be at least a tick apart")
        for lane in self.lanes:
            if lane.origin >= 0 and lane.fed.any():
                feeder, fed = self.sites[lane.origin], self.sites[lane.destination]
                if feeder.depth <= fed.depth:
                    raise InputError(
                        f"lane {self.lane_id(lane)}: {feeder.site_id} must lie deeper than"
                        f" {fed.site_id}; sources may not form a circle"
                    )

    def lane_id(self, lane: Lane) -> str:
        """Name a lane as planners do, origin>destination."""
        return f"{lane.origin_id}>{self.sites[lane.destination].site_id}"

    @cached_property
    def demand(self) -> tuple[DemandTables, tuple[Units, ...]]:
        """Tables of all demand, and per site the (B, K) rows in them."""
        shapes = [site.demand_mean.shape for site in self.sites]
        mean = np.concatenate([site.demand_mean.ravel() for site in self.sites])
        variance = np.concatenate([site.demand_variance.ravel() for site in self.sites])
        tables, rows = demand_tables(mean, variance)
        ends = np.cumsum([0, *(rows_ * columns for rows_, columns in shapes)])
        split = [
            np.ascontiguousarray(rows[ends[i] : ends[i + 1]].reshape(shapes[i]))
            for i in range(len(shapes))
        ]
        return tables, tuple(split)

    @cached_property
    def out_lanes(self) -> tuple[tuple[int, ...], ...]:
        """Lanes that start at each site."""
        return tuple(
            tuple(j for j, lane in enumerate(self.lanes) if lane.origin == i)
            for i in range(len(self.sites))
        )

    @cached_property
    def in_lanes(self) -> tuple[tuple[int, ...], ...]:
        """Lanes that end at each site."""
        return tuple(
            tuple(j for j, lane in enumerate(self.lanes) if lane.destination == i)
            for i in range(len(self.sites))
        )

    @cached_property
    def channel_names(self) -> tuple[str, ...]:
        """Channels that sites tell apart, in their order; none where customers place orders."""
        if self.orders is not None:
            return ()
        names = [name for site in self.sites if site.channels for name in site.channels.names]
        return tuple(dict.fromkeys(names))

    @cached_property
    def normal_flow(self) -> tuple[tuple[int, int], ...]:
        """Units per tick that usually come into and leave each site, at least 1.

        Own demand on average, and what the lanes normally carry.
        """
        flows = []
        for i, site in enumerate(self.sites):
            own = float(site.demand_mean.mean(axis=0).sum())
            coming, leaving = (
                sum(int(self.lanes[j].normal_flow.sum()) for j in lanes) / FLOW_ONE
                for lanes in (self.in_lanes[i], self.out_lanes[i])
            )
            flows.append((max(1, round(coming)), max(1, round(own + leaving))))
        return tuple(flows)

    @cached_property
    def supplier_lanes(self) -> tuple[tuple[int, ...], ...]:
        """Lanes that start at each supplier."""
        return tuple(
            tuple(j for j, lane in enumerate(self.lanes) if lane.supplier == i)
            for i in range(len(self.suppliers))
        )

    @property
    def n_skus(self) -> int:
        """Number of product-locations."""
        return sum(site.n_skus for site in self.sites)

    @cached_property
    def money_scales(self) -> tuple[tuple[float, float, float], ...]:
        """Fixed-point units per unit of money, per site, for value, holding and shortage.

        A power of ten, as fine as 10^9, at which the sum over a site cannot reach 2^61.
        """
        return tuple(
            (
                _scale(site.value, bound),
                _scale(site.holding, bound),
                _scale(site.shortage, bound),
            )
            for site, bound in zip(self.sites, self._unit_bounds, strict=True)
        )

    @cached_property
    def _unit_bounds(self) -> tuple[float, ...]:
        """More units than each site can ever hold or owe."""
        tables, rows = self.demand
        bounds = []
        for i, site in enumerate(self.sites):
            largest = tables.largest[rows[i][rows[i] >= 0]]
            asked = float(largest.sum()) / max(len(rows[i]), 1) * self.n_ticks * 20.0
            coming = sum(float(batch.units.sum()) for batch in site.coming)
            bounds.append(float(site.opening.sum()) + coming + asked + 2.0**31)
        return tuple(bounds)


def _scale(weights: Floats, bound: float) -> float:
    scale = 1e9
    largest = float(np.max(np.abs(weights), initial=0.0))
    while scale > 1.0 and largest * bound * scale > 2.0**61:
        scale /= 10.0
    return scale
