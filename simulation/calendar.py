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

from simulation.arrays import Units
from simulation.channels import Reserves
from simulation.conditions import Conditions
from simulation.demand import Demand
from simulation.departures import Departures
from simulation.docks import Docks
from simulation.kernels import Kernels
from simulation.kernels import rows as at
from simulation.kernels.coupled import coupled
from simulation.loads import Loads
from simulation.open_orders import OpenOrders
from simulation.ordering import Ordering
from simulation.perishing import Perishing
from simulation.quarantine import Quarantine
from simulation.responses import Responses
from simulation.returning import Returning
from simulation.reviewing import Reviewing
from simulation.rounds import Rounds, is_plain
from simulation.run import Run
from simulation.shelves import Shelves
from simulation.shipping import Shipping
from simulation.sourcing import Sourcing
from simulation.state import State
from simulation.transshipment import Transshipment
from simulation.world import World

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
        run = Run(world, state, conditions, kernels, coupled(kernels.name), seed)
        self.rounds = Rounds(world)
        self.docks = Docks(run)
        self.loads = Loads(run)
        self.open_orders = OpenOrders(run)
        self.reserves = Reserves(run)
        self.shelves = Shelves(run)
        self.perishing = Perishing(run, self.shelves)
        self.returning = Returning(run, self.perishing)
        self.quarantine = Quarantine(run, self.perishing)
        self.departures = Departures(run, responses)
        self.ordering = Ordering(run, self.docks, self.shelves, self.returning)
        self.transshipment = Transshipment(run, self.loads, self.docks, self.shelves)
        self.signals: list[simpy.Event] = [self.env.event() for _ in world.lanes]
        self.reviewing = Reviewing(run, self.rounds, Sourcing(run), self.transshipment, responses)
        self.shipping = Shipping(
            run, self.rounds, self.docks, self.loads, self.shelves, self.departures, responses,
            self.signals,
        )  # fmt: skip
        self.plain = [is_plain(world, i) for i in range(len(world.sites))]
        for i in range(len(world.sites)):
            self.plain[i] &= not self.docks.narrow_out[i] and not self.docks.few_parcels[i]

    def run(self) -> None:
        """Simulate all ticks."""
        world = self.world
        turns = sorted(range(len(world.sites)), key=lambda i: (world.sites[i].depth, i))
        after = len(world.sites)
        running = [
            self._disruptions(),
            *(self._site(site, turn * TURN) for turn, site in enumerate(turns)),
            *(self._supplier(i, (after + i) * TURN) for i in range(len(world.suppliers))),
            *(self._lane(lane, lane * TURN) for lane in range(len(world.lanes))),
            self._clock(),
        ]
        if self.world.orders is not None:
            running.append(self._orders())
        if self.transshipment.lanes:
            running.append(self._sharing())
        if self.responses is not None or self.on_night is not None:
            running.append(self._nights())
        for process in running:
            self.env.process(process)
        self.env.run(until=world.n_ticks)
        for process in running:  # or they would keep all arrays until garbage is collected
            process.close()
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
            self.shipping.quotas.new_day(tick)
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
                self.reviewing.review(i, tick, demand)

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
                self.shipping.ship(site, tick)

    def _supplier(self, supplier: int, turn: float) -> Process:
        for tick in range(self.world.n_ticks):
            yield self._until(tick + SHIP + turn)
            self.shipping.release(supplier, tick)

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
        self.reviewing.place_dated(site, tick)
        if self.world.orders is None:
            self.reviewing.review(site, tick, demand)

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
            *self.reviewing.direct(site),
        ):
            if self.rounds.direct[site] >= 0:
                self.state.lanes[self.rounds.direct[site]].some_waiting = True
                return True
            for j in self.world.in_lanes[site]:
                self.reviewing.ask_all(j, held.orders)
        return True

    def _depart(self, j: int, tick: int) -> None:
        """Loaded goods leave."""
        self.loads.settle(j)
        self.departures.depart(j, tick)
