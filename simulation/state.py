"""What changes during a run: arrays of replications x SKUs per site, goods per lane."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scenarios import EngineError
from simulation.arrays import Flags, Floats, Places, Sums, Units
from simulation.kernels import rows as at
from simulation.kernels.rows import SITE_ROWS, SKU_TOTALS
from simulation.policies import Levels
from simulation.world import World

UnitsByTick = Units  # (H, R, K)


@dataclass(slots=True)
class SiteState:
    """A site in every replication of a chunk; all (R, K) int32 units.

    Attributes
    ----------
    ring : (H, R, K) units to come by tick modulo H
    owed : (R, K) units that other sites wait for; (0, 0) for a site that feeds none
    to_place : (K,) units of dated orders not yet placed
    to_come : (R, K) units under way since before the start, not yet come
    exposed : (R, K) whether demand went short in the running cycle
    totals : (5, R, K) units so far: asked for, short, received, shipped, destroyed
    ledger : (T, 16, R) int64, a row a tick
    """

    on_hand: Units
    backlog: Units
    on_order: Units
    owed: Units
    orders: Units
    ring: UnitsByTick
    exposed: Flags
    totals: Units
    ledger: Sums
    levels: Levels
    to_place: Units
    to_come: Units
    claimed: Units
    before: Units


@dataclass(slots=True)
class LaneState:
    """A lane in every replication: (R, C) int32 units waiting at its start, and just loaded.

    Attributes
    ----------
    departures : (T, R) int64, units that left
    pending : (R, C) units ordered that do not reach the supplier's minimum yet; None without one
    """

    waiting: Units
    loaded: Units
    departures: Sums
    some_waiting: bool = False
    pending: Units | None = None


@dataclass(slots=True)
class State:
    """All sites and lanes of a chunk of replications.

    Attributes
    ----------
    replications : (R,) their numbers
    purchase, transport, ordering : (T, R) float64, money
    counts : (T, R) int64 by what is counted and site, such as units waiting at the gate
    lane_rings : per lane that may stand still, its destination and (H, R, K) units under way
    recovered : (T, R) float64, money got for what customers sent back
    grams_co2 : (T, R) float64, of transport
    orders : (T, 6, R) int64, tallies of :mod:`simulation.kernels.fulfilment`, with an order book
    destroyed : (T, R) float64, goods destroyed at cost
    paid, earned : (T + 1, R) float64, money for goods as it falls due; the last row comes later
    aside : per site with a recall (R, K), units in quarantine
    caught : per site with a recall (R, K), units that went there from the way, so far
    """

    replications: Places
    sites: list[SiteState]
    lanes: list[LaneState]
    purchase: Floats
    transport: Floats
    ordering: Floats
    counts: dict[tuple[str, int], Sums] = field(default_factory=dict)
    lane_rings: dict[int, tuple[int, UnitsByTick]] = field(default_factory=dict)
    recovered: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    grams_co2: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    orders: Sums = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    destroyed: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    paid: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    earned: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    aside: dict[int, Units] = field(default_factory=dict)
    caught: dict[int, Units] = field(default_factory=dict)

    def count(self, what: str, site: int, tick: int, units: Units) -> None:
        """Add (R, K) units to a site's daily count of something that not every world has."""
        self.count_of(what, site)[tick] += units.sum(axis=1, dtype=np.int64)

    def rings_into(self, site: int) -> list[UnitsByTick]:
        """Return the rings of lanes of their own that end at a site."""
        return [ring for destination, ring in self.lane_rings.values() if destination == site]

    def count_of(self, what: str, site: int) -> Sums:
        """(T, R) daily count of a site."""
        if (what, site) not in self.counts:
            self.counts[what, site] = np.zeros_like(self.sites[site].ledger[:, 0])
        return self.counts[what, site]


def ring_lengths(world: World, longest: list[int]) -> list[int]:
    """Return the ticks that each site's ring must hold: the slowest lane into it, and one more.

    Parameters
    ----------
    longest : per lane, ticks
    """
    return [
        max((longest[j] for j in world.in_lanes[i]), default=0) + 2 for i in range(len(world.sites))
    ]


def replication_bytes(world: World, longest: list[int]) -> int:
    """Estimate the memory that one replication takes, its cached demand included."""
    rings = ring_lengths(world, longest)
    total = 0
    for i, (site, ring) in enumerate(zip(world.sites, rings, strict=True)):
        cells = site.n_skus
        lots = min(int(site.life.ticks.max(initial=0)), world.n_ticks) if site.life else 0
        kept = len(site.channels.names) if site.channels else 0
        queues = len(world.out_lanes[i]) if site.first_come else 0
        each = ring + (1 + queues) * world.n_ticks + 16 + lots + kept
        total += 4 * cells * each + 8 * SITE_ROWS * world.n_ticks
    for lane in world.lanes:
        total += 8 * lane.n_skus + 8 * world.n_ticks
        if lane.origin >= 0 and world.sites[lane.origin].first_come:
            total += 4 * world.sites[lane.origin].n_skus * world.n_ticks
    return total


def fresh_state(world: World, replications: Places, longest: list[int]) -> State:
    """Return the state before the first tick."""
    n = len(replications)
    rings = ring_lengths(world, longest)
    sites = []
    for i, site in enumerate(world.sites):
        k = site.n_skus
        to_place = np.zeros(k, np.int32)
        for j in world.in_lanes[i]:
            for batch in world.lanes[j].orders:
                to_place[world.lanes[j].into[batch.columns]] += batch.units
        to_come = np.zeros(k, np.int32)
        for batch in site.coming:
            to_come[batch.columns] += batch.units
        feeds = bool(world.out_lanes[i])
        shape = (n, k) if feeds else (0, 0)
        sites.append(
            SiteState(
                on_hand=np.tile(site.opening, (n, 1)),
                backlog=np.zeros((n, k), np.int32),
                on_order=np.tile(to_place + to_come, (n, 1)),
                owed=np.zeros(shape, np.int32),
                orders=np.zeros((n, k), np.int32),
                ring=np.zeros((rings[i], n, k), np.int32),
                exposed=np.zeros((n, k), np.bool_),
                totals=np.zeros((SKU_TOTALS, n, k), np.int32),
                ledger=np.zeros((world.n_ticks, SITE_ROWS, n), np.int64),
                levels=site.policy.levels.fresh(),
                to_place=to_place,
                to_come=np.tile(to_come, (n, 1)),
                claimed=np.zeros(shape, np.int32),
                before=np.zeros(shape, np.int32),
            )
        )
    lanes = [
        LaneState(
            waiting=np.zeros((n, lane.n_skus), np.int32),
            loaded=np.zeros((n, lane.n_skus), np.int32),
            departures=np.zeros((world.n_ticks, n), np.int64),
            pending=np.zeros((n, lane.n_skus), np.int32) if lane.minimum > 0 else None,
        )
        for lane in world.lanes
    ]
    purchase, transport, ordering = (np.zeros((world.n_ticks, n)) for _ in range(3))
    recovered, grams_co2, destroyed = (np.zeros((world.n_ticks, n)) for _ in range(3))
    paid, earned = (np.zeros((world.n_ticks + 1, n)) for _ in range(2))
    return State(
        replications, sites, lanes, purchase, transport, ordering,
        recovered=recovered, grams_co2=grams_co2, destroyed=destroyed, paid=paid, earned=earned,
    )  # fmt: skip


def check_conservation(world: World, state: State, *, signed: bool = False) -> None:
    """Prove that no unit appeared or vanished, per SKU and per day, in every replication.

    Per SKU of a site: opening + received = issued + shipped + destroyed + on the shelf (and with a
    recall, + in quarantine - what went there from the way); on order
    = under way + waiting at suppliers and sources + still to be placed; nothing is negative. Per
    tick of a site: the shelf changes by what came in less what left.

    Raises
    ------
    EngineError
        It does not hold; the message names the first site and SKU.
    """
    for i, (site, held) in enumerate(zip(world.sites, state.sites, strict=True)):
        asked, short, received, shipped, destroyed = (held.totals[row] for row in range(SKU_TOTALS))
        owing = held.backlog
        lost = short if world.lost else 0
        issued = asked - lost - owing
        balance = site.opening + received - issued - shipped - destroyed - held.on_hand
        if i in state.aside:
            balance += state.caught[i] - state.aside[i]
            _require(world, i, state.aside[i] >= 0, "units in quarantine are negative")
        _require(world, i, balance == 0, "units appeared or vanished on the shelf")
        outstanding = held.to_place[None, :] + held.to_come
        outstanding += held.ring.sum(axis=0, dtype=np.int32)
        for ring in state.rings_into(i):
            outstanding += ring.sum(axis=0, dtype=np.int32)
        for j in world.in_lanes[i]:
            outstanding[:, world.lanes[j].into] += state.lanes[j].waiting
            below_minimum = state.lanes[j].pending
            if below_minimum is not None:
                outstanding[:, world.lanes[j].into] += below_minimum
        _require(world, i, outstanding == held.on_order, "units on order do not add up")
        if world.out_lanes[i]:
            owed = np.zeros_like(held.owed)
            for j in world.out_lanes[i]:
                owed[:, world.lanes[j].out_of] += state.lanes[j].waiting
            _require(world, i, owed == held.owed, "units owed to other sites do not add up")
        if not signed:
            _require(world, i, held.on_hand >= 0, "stock is negative")
            _require(world, i, held.ring.min(axis=0) >= 0, "goods under way are negative")
        _require(world, i, held.backlog >= 0, "the backlog is negative")
        _check_days(world, i, held)


def _check_days(world: World, i: int, held: SiteState) -> None:
    book = held.ledger
    opening = np.full((1, book.shape[2]), int(world.sites[i].opening.sum()), np.int64)
    before = np.concatenate([opening, book[:-1, at.ON_HAND]])
    change = book[:, at.RECEIVED] - book[:, at.ISSUED] - book[:, at.SHIPPED] - book[:, at.DESTROYED]
    change -= book[:, at.ASIDE]
    if not np.array_equal(before + change, book[:, at.ON_HAND]):
        tick = int(np.argwhere(before + change != book[:, at.ON_HAND])[0][0])
        raise EngineError(
            f"the simulator broke conservation at site {world.sites[i].site_id}, tick {tick}:"
            " the shelf did not change by what came in less what left"
        )


def _require(world: World, i: int, holds: Flags, what: str) -> None:
    if not np.all(holds):
        replication, column = np.argwhere(~np.asarray(holds))[0]
        site = world.sites[i]
        product = world.product_ids[int(site.product[column])]
        raise EngineError(
            f"the simulator broke conservation at site {site.site_id}, product {product},"
            f" replication {int(replication)}: {what}"
        )
