"""What suppliers hand over, and how a site shares its stock out among the sites that it feeds."""

from __future__ import annotations

import numpy as np
import simpy

from simulation.arrays import Flags, Units
from simulation.departures import Departures
from simulation.docks import Docks
from simulation.loads import Loads, Quotas
from simulation.queues import Queues
from simulation.responses import Responses
from simulation.rounds import Rounds
from simulation.run import Run
from simulation.shelves import Shelves
from simulation.world import Lane


class Shipping:
    """Goods handed to the lanes during one run.

    Parameters
    ----------
    signals : per lane, the event that lets it take along what it has loaded
    """

    def __init__(
        self,
        run: Run,
        rounds: Rounds,
        docks: Docks,
        loads: Loads,
        shelves: Shelves,
        departures: Departures,
        responses: Responses | None,
        signals: list[simpy.Event],
    ) -> None:
        self.run = run
        self.world, self.state = run.world, run.state
        self.conditions, self.kernels = run.conditions, run.kernels
        self.rounds, self.docks, self.loads = rounds, docks, loads
        self.shelves, self.departures, self.responses = shelves, departures, responses
        self.signals = signals
        self.quotas = Quotas(run)
        self.queues = Queues(run)
        self.takes = [_takes(lane) for lane in run.world.lanes]

    def release(self, supplier: int, tick: int) -> None:
        """A supplier hands over what waits for it, as far as it can."""
        share = self.conditions.supplier_share[supplier]
        if self.responses is not None:
            share = self.responses.supplier_share(supplier, share)
        weekday = self.run.weekday(tick)
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

    def ship(self, site: int, tick: int) -> None:
        """A site shares its stock out among the sites that it feeds."""
        self.queues.join(site, tick)
        waiting = [j for j in self.world.out_lanes[site] if self.state.lanes[j].some_waiting]
        priorities = sorted({self.world.lanes[j].priority for j in waiting})
        for priority in priorities:
            lanes = [j for j in waiting if self.world.lanes[j].priority == priority]
            self._ship_to(site, tick, lanes, everything=len(priorities) == 1)
        self.queues.settle(site)

    def _ship_to(self, site: int, tick: int, lanes: list[int], *, everything: bool) -> None:
        """Share a site's stock out among lanes of one priority."""
        at_work = ~self.conditions.stopped[site]
        calm = not self.conditions.blows and self.responses is None
        open_lanes = {j: at_work if calm else at_work & ~self._lane_closed(j) for j in lanes}
        held_back = self._hold_back(lanes)
        if site in self.queues.lanes:
            self.queues.load(site, tick, open_lanes, held_back)
            loaded = [j for j in lanes if self.state.lanes[j].loaded.any()]
            for j in lanes:
                self.state.lanes[j].some_waiting = bool(self.state.lanes[j].waiting.any())
            for j in loaded:
                self.loads.cut(j, tick)
        else:
            everything = everything and not held_back
            loaded = self._in_proportion(site, tick, open_lanes, everything=everything)
        for j, units in held_back.items():
            self.state.lanes[j].waiting += units
            self.state.lanes[j].some_waiting = True
        self.docks.limit_shipping(site, tick, loaded)
        for j in loaded:
            self.shelves.ship(site, tick, j)
            self._send_off(j)

    def _in_proportion(
        self, site: int, tick: int, open_lanes: dict[int, Flags], *, everything: bool
    ) -> list[int]:
        """Share the stock out in proportion to what waits; return lanes that are loaded."""
        held = self.state.sites[site]
        calm = not self.conditions.blows and self.responses is None
        held.before[...] = 0
        lanes = list(open_lanes)
        if everything and (calm or all(o.all() for o in open_lanes.values())):
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
        return loaded

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


def _takes(lane: Lane) -> Flags:
    """(7, C) whether each SKU is handled, by weekday from Monday."""
    return lane.takes if lane.takes is not None else np.ones((7, lane.n_skus), np.bool_)


def _works(lane: Lane, tick: int) -> bool:
    """Whether the supplier of a lane works at a tick."""
    return lane.working is None or tick >= len(lane.working) or bool(lane.working[tick])
