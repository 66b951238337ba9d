"""Time and events: SimPy processes of sites, suppliers, lanes and disruptions.

One event moves all SKUs and all replications. A tick is one unit of SimPy time; within it come
disruptions, then site by site receipts, demand and review (sites that feed others after those
that they feed), then what suppliers and sites ship, then the departures of the lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import simpy

from simulation.arrays import Flags, Places, Units
from simulation.channels import Reserves
from simulation.charges import lane_weights
from simulation.conditions import Conditions
from simulation.demand import Demand
from simulation.departures import Departures
from simulation.docks import Docks
from simulation.kernels import Kernels
from simulation.kernels import rows as at
from simulation.kernels.coupled import coupled
from simulation.loads import Loads, Quotas
from simulation.open_orders import OpenOrders
from simulation.ordering import Ordering
from simulation.perishing import Perishing
from simulation.quarantine import Quarantine
from simulation.responses import Responses
from simulation.returning import Returning
from simulation.rounds import Rounds, is_plain
from simulation.run import Run
from simulation.shelves import Shelves
from simulation.sourcing import Sourcing
from simulation.state import State
from simulation.transshipment import Transshipment
from simulation.world import Lane, World

# exact binary fractions of a tick, so that no event slips past another
STRIKE = 0.0
MORNING = 1 / 16
RECEIVE = 1 / 8
ORDER = 6 / 16
SHARE = 7 / 16
SHIP = 4 / 8
DEPART = 6 / 8
NIGHT = 7 / 8
TURN = 2.0**-18  # between nodes of one phase

NOTHING = np.zeros((0, 0), np.int32)

Process = Generator[simpy.Event, Any, None]


class Calendar:
    """One run of a world under its conditions, over one chunk of replications."""

    def __init__(
        self,
        world: World,
        state: State,
        conditions: Conditions,
        demand: Demand,
        kernels: Kernels,
        seed: int,
        on_tick: Callable[[int], None] | None = None,
        responses: Responses | None = None,
        on_night: Callable[[int], None] | None = None,
    ) -> None:
        self.world = world
        self.state = state
        self.conditions = conditions
        self.demand = demand
        self.kernels = kernels
        self.env = simpy.Environment()
        self.on_tick = on_tick
        self.responses = responses
        self.on_night = on_night
        self.lane_weights = [lane_weights(lane) for lane in world.lanes]
        self.takes = [_takes(lane) for lane in world.lanes]
        run = Run(world, state, conditions, kernels, coupled(kernels.name), seed)
        self.run_of = run
        self.docks = Docks(run)
        self.loads = Loads(run)
        self.quotas = Quotas(run)
        self.sourcing = Sourcing(run)
        self.open_orders = OpenOrders(run)
        self.reserves = Reserves(run)
        self.shelves = Shelves(run)
        self.perishing = Perishing(run, self.shelves)
        self.returning = Returning(run, self.perishing)
        self.quarantine = Quarantine(run, self.perishing)
        self.departures = Departures(run, responses)
        self.ordering = Ordering(run, self.docks, self.shelves, self.returning)
        self.transshipment = Transshipment(run, self.loads, self.docks, self.shelves)
        self.rounds = Rounds(world)
        self.plain = [is_plain(world, i) for i in range(len(world.sites))]
        for i in range(len(world.sites)):
            self.plain[i] &= not self.docks.narrow_out[i]
        self.signals: list[simpy.Event] = [self.env.event() for _ in world.lanes]

    def run(self) -> None:
        """Simulate all ticks."""
        world = self.world
        self.env.process(self._disruptions())
        turns = sorted(range(len(world.sites)), key=lambda i: (world.sites[i].depth, i))
        for turn, site in enumerate(turns):
            self.env.process(self._site(site, turn * TURN))
        for supplier in range(len(world.suppliers)):
            self.env.process(self._supplier(supplier, (len(world.sites) + supplier) * TURN))
        for lane in range(len(world.lanes)):
            self.env.process(self._lane(lane, lane * TURN))
        self.env.process(self._clock())
        if self.world.orders is not None:
            self.env.process(self._orders())
        if self.transshipment.lanes:
            self.env.process(self._sharing())
        if self.responses is not None or self.on_night is not None:
            self.env.process(self._nights())
        self.env.run(until=world.n_ticks)
        self.perishing.prove()
        self.returning.prove()

    # ---- processes --------------------------------------------------------------------------

    def _until(self, moment: float) -> simpy.Event:
        return self.env.timeout(moment - self.env.now)

    def _clock(self) -> Process:
        """Begin every tick, after disruptions have struck: responses, then daily allowances."""
        for tick in range(self.world.n_ticks):
            yield self._until(tick + MORNING)
            if self.on_tick is not None:
                self.on_tick(tick)
            self.loads.new_day()
            self.quotas.new_day(tick)
            self.departures.stand_still(tick)

    def _orders(self) -> Process:
        """Serve customers' orders after all sites have received, then review."""
        turns = sorted(range(len(self.world.sites)), key=lambda i: (self.world.sites[i].depth, i))
        for tick in range(self.world.n_ticks):
            yield self._until(tick + ORDER)
            before = [held.totals[at.T_DEMAND].copy() for held in self.state.sites]
            self.ordering.serve(tick)
            for i in turns:
                demand = self.state.sites[i].totals[at.T_DEMAND] - before[i]
                self._review(i, tick, demand)

    def _sharing(self) -> Process:
        """Let sites of one echelon help each other out, every tick after the demand."""
        for tick in range(self.world.n_ticks):
            yield self._until(tick + SHARE)
            for j in self.transshipment.share(tick):
                self.signals[j].succeed()

    def _nights(self) -> Process:
        for tick in range(self.world.n_ticks):
            yield self._until(tick + NIGHT)
            if self.responses is not None:
                self.responses.watch(tick, self.state, self.conditions)
            if self.on_night is not None:
                self.on_night(tick)

    def _disruptions(self) -> Process:
        """Strike, tick by tick, in the order of the case: ends before beginnings."""
        blows = self.conditions.blows
        for tick in sorted({tick for blow in blows for tick in blow.flips}):
            if tick >= self.world.n_ticks:
                return
            yield self._until(tick + STRIKE)
            flipped = [b for b, blow in enumerate(blows) if tick in blow.flips]
            for b in flipped:
                self.conditions.flip(b, tick)
            for b in flipped:
                if blows[b].disruption.kind == "quality_recall":
                    self.quarantine.judge(b, tick)
            for b in flipped:
                if blows[b].disruption.kind == "warehouse_fire":
                    self.shelves.burn(b, tick, blows[b].begins(tick))
                elif blows[b].disruption.kind == "quality_recall":
                    self.quarantine.put_aside(b, tick, blows[b].ends(tick))

    def _site(self, site: int, turn: float) -> Process:
        feeds = bool(self.world.out_lanes[site])
        for tick in range(self.world.n_ticks):
            yield self._until(tick + RECEIVE + turn)
            self._open_shop(site, tick)
            if feeds:
                yield self._until(tick + SHIP + turn)
                self._ship(site, tick)

    def _supplier(self, supplier: int, turn: float) -> Process:
        for tick in range(self.world.n_ticks):
            yield self._until(tick + SHIP + turn)
            self._release(supplier, tick)

    def _lane(self, lane: int, turn: float) -> Process:
        while True:
            yield self.signals[lane]
            self.signals[lane] = self.env.event()
            tick = int(self.env.now)
            yield self._until(tick + DEPART + turn)
            self._depart(lane, tick)

    # ---- what happens -----------------------------------------------------------------------

    def _open_shop(self, site: int, tick: int) -> None:
        """Receipts, demand and review of one site."""
        held = self.state.sites[site]
        facts = self.world.sites[site]
        slot = held.ring[tick % len(held.ring)]
        self.open_orders.come(site, tick, slot)
        self.departures.land(site, tick, slot)
        shut = self.conditions.shut[site]
        if shut.any():  # the queue at the gate moves to the next tick
            held.ring[(tick + 1) % len(held.ring)][shut] += slot[shut]
            slot[shut] = 0
        self.perishing.outdate(site, tick)
        resold, anew = self.returning.come_back(site, tick)
        self.docks.receive(site, tick, slot)
        self.perishing.receive(site, tick, slot)
        demand = self.demand.under(self.conditions, site, tick)
        if self.responses is not None:
            demand = self.responses.demand(site, tick, demand, self.kernels)
        if anew is not None and anew.any():
            demand = demand + anew
        demand = self.ordering.collect(demand)
        if self.plain[site] and self._trade(site, tick, slot, demand):
            return
        self.transshipment.note(site)
        followed = resold is not None or facts.price is not None
        there = held.on_hand + slot if followed else None
        allowed = self.reserves.allowed(site, tick, slot, demand)
        kept = self.docks.kept_back(site, tick, slot, demand, allowed)
        if kept is not None:
            held.on_hand -= kept
        self.kernels.serve(
            held.on_hand,
            held.backlog,
            held.on_order,
            slot,
            demand,
            self.conditions.stopped[site],
            self.world.lost,
            self.shelves.weights[site],
            held.exposed,
            held.totals,
            held.ledger[tick],
        )
        if kept is not None:
            held.on_hand += kept
            self.shelves.book(site, tick, kept, 1)
        if resold is not None:
            held.ledger[tick, at.RECEIVED] += resold.sum(axis=1, dtype=np.int64)
        if there is not None:
            self.shelves.sell(site, tick, there - held.on_hand)
            self.returning.send_back(site, tick, there - held.on_hand)
        self._place_dated(site, tick)
        if self.world.orders is None:
            self._review(site, tick, demand)

    def _trade(self, site: int, tick: int, slot: Units, demand: Units) -> bool:
        """Take the short way where all SKUs are due and nothing comes between demand and review."""
        if self.responses is not None or not self.rounds.all_due(site, tick):
            return False
        held = self.state.sites[site]
        policy = self.world.sites[site].policy
        points, levels = held.levels.at(tick, demand)
        self.transshipment.levels[site] = levels
        if self.kernels.serve_and_review(
            held.on_hand,
            held.backlog,
            held.on_order,
            slot,
            demand,
            self.conditions.stopped[site],
            self.world.lost,
            self.shelves.weights[site],
            held.exposed,
            held.totals,
            held.ledger[tick],
            points,
            levels,
            policy.fixed_quantity,
            policy.least,
            policy.multiple,
            held.orders,
            *self._direct(site),
        ):
            if self.rounds.direct[site] >= 0:
                self.state.lanes[self.rounds.direct[site]].some_waiting = True
                return True
            for j in self.world.in_lanes[site]:
                self._ask_all(j, held.orders)
        return True

    def _direct(self, site: int) -> tuple[Units, Places, Units]:
        """Return the queue that a site's orders join, at the lane that brings all of its SKUs."""
        j = self.rounds.direct[site]
        if j < 0:
            return NOTHING, self.rounds.all[site], NOTHING
        lane = self.world.lanes[j]
        owed = self.state.sites[lane.origin].owed if lane.origin >= 0 else NOTHING
        return self.state.lanes[j].waiting, lane.out_of, owed

    def _place_dated(self, site: int, tick: int) -> None:
        held = self.state.sites[site]
        for j in self.world.in_lanes[site]:
            lane = self.world.lanes[j]
            for batch in lane.orders:
                if batch.tick == tick:
                    held.to_place[lane.into[batch.columns]] -= batch.units
                    self._ask(j, batch.columns, batch.units)

    def _review(self, site: int, tick: int, demand: Any) -> None:
        held = self.state.sites[site]
        policy = self.world.sites[site].policy
        points, levels = held.levels.at(tick, demand)
        if self.responses is not None:
            points, levels = self.responses.levels(site, points, levels)
        self.transshipment.levels[site] = levels
        due = self.rounds.due(site, tick)
        if not len(due):
            return
        held.orders[...] = 0
        self.kernels.review(
            held.on_hand,
            held.backlog,
            held.on_order,
            self._beside(site),
            due,
            points,
            levels,
            policy.fixed_quantity,
            policy.least,
            policy.multiple,
            policy.signed,
            held.orders,
        )
        sourced = np.zeros(held.orders.shape[1], np.bool_)
        ordered = np.zeros(len(held.orders), np.int64)
        for j, columns, units in self.sourcing.split(site):
            sourced[self.world.lanes[j].into[columns]] = True
            ordered += units.sum(axis=1, dtype=np.int64)
            if units.any():
                self._ask_for_enough(j, columns, units)
        for j in self.world.in_lanes[site]:
            lane = self.world.lanes[j]
            if lane.split is not None:
                continue
            columns = lane.into[self.rounds.fed[j]]
            sourced[columns] = True
            if self.state.lanes[j].pending is None:
                self._ask_all(j, held.orders)
            elif (asked := held.orders[:, columns]).any():
                self._ask_for_enough(j, self.rounds.fed[j], asked)
        if not sourced.all():  # nobody can be asked: no order
            held.on_order[:, ~sourced] -= held.orders[:, ~sourced]
            held.orders[:, ~sourced] = 0
        held.ledger[tick, at.ORDERED] = held.orders.sum(axis=1, dtype=np.int64) + ordered

    def _ask_for_enough(self, j: int, columns: Places, units: Units) -> None:
        """Order by policy; where the supplier wants a minimum, less than that waits for more."""
        pending = self.state.lanes[j].pending
        if pending is None:
            self._ask(j, columns, units)
            return
        pending[:, columns] += units
        weights = self.lane_weights[j]
        sums = np.empty((1, len(pending)), np.int64)
        self.kernels.weigh(pending, weights.each[3:4], sums)
        enough = sums[0] >= round(self.world.lanes[j].minimum * weights.scale)
        placed = np.where(enough[:, None], pending, 0).astype(np.int32)
        if placed.any():
            pending -= placed
            self._ask(j, np.arange(pending.shape[1]), placed)

    def _ask(self, j: int, columns: Places, units: Units) -> None:
        """Put an order down at the start of a lane."""
        line, lane = self.state.lanes[j], self.world.lanes[j]
        line.waiting[:, columns] += units
        line.some_waiting = True
        if lane.origin >= 0:
            self.state.sites[lane.origin].owed[:, lane.out_of[columns]] += units

    def _ask_all(self, j: int, orders: Units) -> None:
        """Put all that a site orders from its only source of each SKU down at that lane."""
        line, lane = self.state.lanes[j], self.world.lanes[j]
        owed = self.state.sites[lane.origin].owed if lane.origin >= 0 else NOTHING
        if self.kernels.ask(orders, self.rounds.fed[j], lane.into, lane.out_of, line.waiting, owed):
            line.some_waiting = True

    def _beside(self, site: int) -> Units:
        """(R, K) units that a site's position counts beyond its own stock and orders."""
        held = self.state.sites[site]
        if not self.world.out_lanes[site]:
            return held.owed
        beside = -held.owed
        echelon = self.world.sites[site].policy.echelon
        if echelon.any():
            below = self._positions_below(site)
            beside[:, echelon] += below[:, echelon]
        return beside

    def _positions_below(self, site: int) -> Units:
        """(R, K) positions of the sites that a site feeds by policy, and of those below them."""
        held = self.state.sites[site]
        total = np.zeros_like(held.on_hand)
        for j in self.world.out_lanes[site]:
            lane = self.world.lanes[j]
            fed = np.flatnonzero(lane.first)
            if not len(fed):
                continue
            child = self.state.sites[lane.destination]
            position = child.on_hand + child.on_order - child.backlog
            if self.world.out_lanes[lane.destination]:
                position += self._positions_below(lane.destination) - child.owed
            total[:, lane.out_of[fed]] += position[:, lane.into[fed]]
        return total

    def _release(self, supplier: int, tick: int) -> None:
        """A supplier hands over what waits for it, as far as it can."""
        share = self.conditions.supplier_share[supplier]
        if self.responses is not None:
            share = self.responses.supplier_share(supplier, share)
        weekday = self.run_of.weekday(tick)
        loaded = []
        for j in self.world.supplier_lanes[supplier]:
            line = self.state.lanes[j]
            lane = self.world.lanes[j]
            if not line.some_waiting or not _works(lane, tick):
                continue
            eligible = (share > 0) & ~self._lane_closed(j)
            if not eligible.any():
                continue
            some = self.kernels.release(
                line.waiting,
                eligible,
                self.takes[j][weekday],
                share,
                self.rounds.flow[j],
                tick,
                line.loaded,
            )
            line.some_waiting = some > 1
            if some % 2:
                self.loads.cut(j, tick)
                loaded.append(j)
        self.quotas.cut(supplier, loaded)
        for j in loaded:
            self._send_off(j)

    def _send_off(self, j: int) -> None:
        """Let the lane depart with what it has loaded."""
        if self.state.lanes[j].loaded.any():
            self.signals[j].succeed()

    def _ship(self, site: int, tick: int) -> None:
        """A site shares its stock out among the sites that it feeds."""
        waiting = [j for j in self.world.out_lanes[site] if self.state.lanes[j].some_waiting]
        priorities = sorted({self.world.lanes[j].priority for j in waiting})
        for priority in priorities:
            lanes = [j for j in waiting if self.world.lanes[j].priority == priority]
            self._ship_to(site, tick, lanes, everything=len(priorities) == 1)

    def _ship_to(self, site: int, tick: int, lanes: list[int], *, everything: bool) -> None:
        """Share a site's stock out among lanes of one priority, in proportion to what waits."""
        held = self.state.sites[site]
        at_work = ~self.conditions.stopped[site]
        calm = not self.conditions.blows and self.responses is None
        held.before[...] = 0
        open_lanes = {j: at_work if calm else at_work & ~self._lane_closed(j) for j in lanes}
        held_back = self._hold_back(lanes)
        if everything and not held_back and (calm or all(o.all() for o in open_lanes.values())):
            held.claimed[...] = held.owed
            claiming = []
        else:
            held.claimed[...] = 0
            claiming = lanes
        for j in claiming:
            waiting = self.state.lanes[j].waiting
            self.kernels.claim(waiting, open_lanes[j], self.world.lanes[j].out_of, held.claimed)
        loaded = []
        stock = held.on_hand.copy()  # what there is to share out, while lanes take their part
        for j in lanes:
            line = self.state.lanes[j]
            if self._carries_all(site, j):
                left = self.departures.ship(
                    site, j, tick, stock, open_lanes[j], self.shelves.weights[site]
                )
                line.some_waiting = left
                if self.departures.gone[j] is not None:
                    self.signals[j].succeed()
                continue
            some = self.kernels.allot(
                stock,
                held.claimed,
                held.before,
                line.waiting,
                open_lanes[j],
                self.world.lanes[j].out_of,
                held.owed,
                held.totals,
                line.loaded,
            )
            line.some_waiting = some > 1
            if some % 2:
                self.loads.cut(j, tick)
                loaded.append(j)
        for j, units in held_back.items():
            self.state.lanes[j].waiting += units
            self.state.lanes[j].some_waiting = True
        self.docks.limit_shipping(site, tick, loaded)
        for j in loaded:
            self.shelves.ship(site, tick, j)
            self._send_off(j)

    def _carries_all(self, site: int, j: int) -> bool:
        """Whether nothing limits what a lane takes along, and nothing but its own way is open."""
        return (
            self.responses is None
            and not self.docks.narrow_out[site]
            and j not in self.loads.facts
            and j not in self.state.lane_rings
            and not self.world.lanes[j].modes
        )

    def _lane_closed(self, j: int) -> Flags:
        closed = self.conditions.lane_closed[j]
        return closed if self.responses is None else self.responses.lane_closed(j, closed)

    def _hold_back(self, lanes: list[int]) -> dict[int, Units]:
        """Take what is rationed out of what waits, for tonight; return it by lane."""
        if self.responses is None:
            return {}
        kept = {j: self.responses.held_back(j, self.state.lanes[j].waiting) for j in lanes}
        held_back = {j: units for j, units in kept.items() if units is not None}
        for j, units in held_back.items():
            self.state.lanes[j].waiting -= units
        return held_back

    def _depart(self, j: int, tick: int) -> None:
        """Loaded goods leave."""
        self.loads.settle(j)
        self.departures.depart(j, tick)


def _takes(lane: Lane) -> Flags:
    """(7, C) whether each SKU is handled, by weekday from Monday."""
    return lane.takes if lane.takes is not None else np.ones((7, lane.n_skus), np.bool_)


def _works(lane: Lane, tick: int) -> bool:
    """Whether the supplier of a lane works at a tick."""
    return lane.working is None or tick >= len(lane.working) or bool(lane.working[tick])
