"""How things stand in each replication: who is down, what is closed, late, dearer, surging."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Flags, Floats, Places, Sums, Units
from simulation.days import working_days
from simulation.disruptions import Disruption, Strike
from simulation.kernels.rows import ALL, UNCHANGED
from simulation.streams import name_key
from simulation.targets import Reach
from simulation.variates import DemandTables, demand_tables
from simulation.world import World

SUPPLIER_KINDS = frozenset(
    {"supplier_outage", "supplier_capacity_loss", "regional_event", "quality_recall"}
)
CLOSING_KINDS = frozenset({"lane_closure", "lane_freeze", "port_closure", "regional_event"})
GATE_KINDS = frozenset({"warehouse_closure", "warehouse_fire", "regional_event"})


@dataclass(frozen=True, slots=True)
class Blow:
    """A disruption with what it strikes and when, ready to run.

    Attributes
    ----------
    strikes : per replication of the chunk
    tables, rows : of a surge, the extra demand: tables and per struck site (B, K) rows
    stream : of its own random numbers
    """

    disruption: Disruption
    reach: Reach
    strikes: tuple[tuple[Strike, ...], ...]
    stream: int
    tables: DemandTables | None = None
    rows: Mapping[int, Units] | None = None

    @property
    def flips(self) -> list[int]:
        """Ticks at which it begins or ends in some replication, in order."""
        marks = {strike.begin for row in self.strikes for strike in row}
        marks |= {strike.end for row in self.strikes for strike in row}
        return sorted(marks)

    def active(self, tick: int) -> Flags:
        """(R,) where it is on at a tick."""
        return np.array(
            [any(s.begin <= tick < s.end for s in row) for row in self.strikes], np.bool_
        )

    def ends(self, tick: int) -> Places:
        """(R,) tick at which the strike that begins at a tick ends; -1 where none begins."""
        ends = [max((s.end for s in row if s.begin == tick), default=-1) for row in self.strikes]
        return np.array(ends, np.int64)

    def begins(self, tick: int) -> Flags:
        """(R,) where it begins at a tick."""
        return np.array([any(s.begin == tick for s in row) for row in self.strikes], np.bool_)


def make_blow(
    world: World,
    disruption: Disruption,
    reach: Reach,
    strikes: tuple[tuple[Strike, ...], ...],
    seed: int,
) -> Blow:
    """Return a disruption ready to run; a surge gets the tables of its extra demand.

    A surge by a factor f adds an independent stream with (f - 1) times the mean and the variance of
    the base demand, so that the base demand stays what it was.
    """
    stream = name_key(seed, "blow", disruption.disruption_id)
    if disruption.kind != "demand_surge":
        return Blow(disruption, reach, strikes, stream)
    extra = disruption.severity - 1.0
    buckets = np.zeros(len(world.sites[0].demand_mean), np.bool_)
    for row in strikes:
        for strike in row:
            buckets[world.bucket_of_tick[strike.begin : strike.end]] = True
    sites = list(reach.demand)
    shown = [np.outer(buckets, reach.demand[i]) for i in sites]
    means = [np.where(at, extra * world.sites[i].demand_mean, 0.0) for i, at in zip(sites, shown)]
    variances = [extra * world.sites[i].demand_variance for i in sites]
    if not sites:
        return Blow(disruption, reach, strikes, stream)
    tables, flat = demand_tables(
        np.concatenate([mean.ravel() for mean in means]),
        np.concatenate([variance.ravel() for variance in variances]),
    )
    rows = {}
    begin = 0
    for i, mean in zip(sites, means):
        rows[i] = np.ascontiguousarray(flat[begin : begin + mean.size].reshape(mean.shape))
        begin += mean.size
    return Blow(disruption, reach, strikes, stream, tables, rows)


class Conditions:
    """The state of every node in every replication of a chunk, kept by the disruption processes.

    Attributes
    ----------
    supplier_share : per supplier (R,) int32, 65,536 without limit, 0 down
    lane_closed : per lane (R,) bool; lane_delay : (R,) int32 ticks; lane_factor : (R,) int32, 1/256
    price, freight : per lane (R,) float64 factors on money
    shut : per site (R,) bool, nothing comes in; stopped : (R,) bool, nothing leaves
    labour : per site (R,) int32, share of the docks that is manned, in 1/65,536
    carriage : per lane (R,) int32, share of the carrying capacity, in 1/65,536
    frozen : per lane (R,) bool, what is under way stands still
    mode : per lane (R,) int8, 0 for its own, from 1 one of its other modes (set by responses)
    switching : per site (R,) bool, sources that are out are passed over (set by responses)
    lift : per site (R,) int32, factor on the outbound dock in 1/256 (set by responses)
    reserve : per site that tells channels apart, (C, R) int32, least share of its stock that is
        kept for each, in 1/65,536 (set by responses)
    """

    def __init__(self, world: World, blows: Sequence[Blow], n_replications: int) -> None:
        self.world = world
        self.blows = tuple(blows)
        self.n_replications = n_replications
        self.active = [np.zeros(n_replications, np.bool_) for _ in blows]
        lines = range(len(world.lanes))
        self.supplier_share: list[Units] = [self._ints(ALL) for _ in world.suppliers]
        self.lane_closed: list[Flags] = [self._flags() for _ in lines]
        self.lane_delay: list[Units] = [self._ints(0) for _ in lines]
        self.lane_factor: list[Units] = [self._ints(UNCHANGED) for _ in lines]
        self.price: list[Floats] = [np.ones(n_replications) for _ in lines]
        self.freight: list[Floats] = [np.ones(n_replications) for _ in lines]
        self.shut: list[Flags] = [self._flags() for _ in world.sites]
        self.stopped: list[Flags] = [self._flags() for _ in world.sites]
        self.labour: list[Units] = [self._ints(ALL) for _ in world.sites]
        self.carriage: list[Units] = [self._ints(ALL) for _ in lines]
        self.frozen: list[Flags] = [self._flags() for _ in lines]
        self.mode = [np.zeros(n_replications, np.int8) for _ in lines]
        self.switching: list[Flags] = [self._flags() for _ in world.sites]
        self.lift: list[Units] = [self._ints(UNCHANGED) for _ in world.sites]
        self.reserve = {
            i: np.zeros((len(site.channels.names), n_replications), np.int32)
            for i, site in enumerate(world.sites)
            if site.channels is not None
        }

    def _ints(self, value: int) -> Units:
        return np.full(self.n_replications, value, np.int32)

    def _flags(self) -> Flags:
        return np.zeros(self.n_replications, np.bool_)

    def flip(self, blow: int, tick: int) -> None:
        """Bring the nodes that a disruption strikes up to date for a tick."""
        self.active[blow] = self.blows[blow].active(tick)
        reach = self.blows[blow].reach
        for i in reach.suppliers:
            self.supplier_share[i] = self._left(i, "suppliers", SUPPLIER_KINDS)
        for j in reach.lanes:
            self._refresh_lane(j)
        for i in reach.sites:
            gates = [self.active[b] for b in self._on(i, "sites", GATE_KINDS)]
            outages = [self.active[b] for b in self._on(i, "sites", {"order_processing_outage"})]
            self.shut[i] = _any(gates, self.n_replications)
            self.stopped[i] = _any(gates + outages, self.n_replications)
            self.labour[i] = self._left(i, "sites", {"labour_shortage"})

    def _on(self, node: int, where: str, kinds: frozenset[str] | set[str]) -> list[int]:
        return [
            b
            for b, blow in enumerate(self.blows)
            if blow.disruption.kind in kinds and node in getattr(blow.reach, where)
        ]

    def _left(self, node: int, where: str, kinds: frozenset[str] | set[str]) -> Units:
        """(R,) share that disruptions of some kinds leave of a node, in 1/65,536."""
        left = np.full(self.n_replications, ALL, np.int64)
        for b in self._on(node, where, kinds):
            blow = self.blows[b].disruption
            kept = round(ALL * (1.0 - blow.severity))
            if blow.kind == "quality_recall":  # severity is what is found bad; nothing leaves
                kept = 0
            left = np.where(self.active[b], (left * kept) >> 16, left)
        return left.astype(np.int32)

    def _refresh_lane(self, lane: int) -> None:
        closed = [self.active[b] for b in self._on(lane, "lanes", CLOSING_KINDS)]
        self.lane_closed[lane] = _any(closed, self.n_replications)
        frozen = [self.active[b] for b in self._on(lane, "lanes", {"lane_freeze"})]
        self.frozen[lane] = _any(frozen, self.n_replications)
        delay = np.zeros(self.n_replications, np.int64)
        for b in self._on(lane, "lanes", {"lane_delay"}):
            days = round(self.blows[b].disruption.severity * self.world.ticks_per_day)
            delay += np.where(self.active[b], days, 0)
        self.lane_delay[lane] = delay.astype(np.int32)
        factor: Sums = np.full(self.n_replications, UNCHANGED, np.int64)
        for b in self._on(lane, "lanes", {"lead_time_blowup"}):
            scale = round(UNCHANGED * self.blows[b].disruption.severity)
            factor = np.where(self.active[b], (factor * scale) >> 8, factor)
        self.lane_factor[lane] = factor.astype(np.int32)
        self.carriage[lane] = self._left(lane, "lanes", {"carrier_capacity_loss"})
        self.price[lane] = self._money(lane, "price_shock")
        self.freight[lane] = self._money(lane, "freight_price_jump")

    def _money(self, lane: int, kind: str) -> Floats:
        factor = np.ones(self.n_replications)
        for b in self._on(lane, "lanes", {kind}):
            factor = np.where(self.active[b], factor * self.blows[b].disruption.severity, factor)
        return factor

    def longest(self, lane: int, detour: float = 1.0) -> int:
        """Return the most ticks that goods can be under way on a lane, whatever strikes.

        Parameters
        ----------
        detour : the largest factor on lead times that a response can bring
        """
        factor = UNCHANGED * detour
        delay = 0
        for blow in self.blows:
            if lane in blow.reach.lanes and blow.disruption.kind == "lead_time_blowup":
                factor *= blow.disruption.severity
            if lane in blow.reach.lanes and blow.disruption.kind == "lane_delay":
                delay += round(blow.disruption.severity * self.world.ticks_per_day)
        facts = self.world.lanes[lane]
        most = 0
        for mode in (facts.own_mode, *facts.modes):
            lead = int(mode.lead_table.max(initial=0) * factor / UNCHANGED) + 1
            if facts.working is not None:  # the worst day to start counting working days
                lead = max(
                    int(working_days(facts.working, tick, lead + 1)[-1])
                    for tick in range(self.world.n_ticks)
                )
            most = max(most, lead + int(mode.transit.max() * factor / UNCHANGED) + 2 + delay)
        return most


def _any(flags: list[Flags], n_replications: int) -> Flags:
    result = np.zeros(n_replications, np.bool_)
    for each in flags:
        result = result | each
    return result
