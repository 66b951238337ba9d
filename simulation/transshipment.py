"""Lateral transshipment: a site that fell short today gets what another of its echelon can spare.

After the demand of the day, lane by lane in the order of the world: the origin spares what it holds
beyond its debts and its own order-up-to level of the day; the destination needs the units that went
short there today, less what it has been promised already. The goods count as on order at once and
travel the lane like any others, within its weight and the origin's outbound dock.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Units
from simulation.docks import Docks
from simulation.kernels import rows as at
from simulation.loads import Loads
from simulation.run import Run
from simulation.shelves import Shelves


class Transshipment:
    """Lateral lanes during one run.

    Attributes
    ----------
    levels : per site, order-up-to levels of the tick, noted by the review
    """

    def __init__(self, run: Run, loads: Loads, docks: Docks, shelves: Shelves) -> None:
        self.run = run
        self.loads, self.docks, self.shelves = loads, docks, shelves
        self.lanes = [j for j, lane in enumerate(run.world.lanes) if lane.lateral]
        self.receivers = {run.world.lanes[j].destination for j in self.lanes}
        self.short_before: dict[int, Units] = {}
        self.levels: dict[int, Units] = {}

    def note(self, site: int) -> None:
        """Note what was short before the demand of the day."""
        if site in self.receivers:
            self.short_before[site] = self.run.state.sites[site].totals[at.T_SHORT].copy()

    def share(self, tick: int) -> list[int]:
        """Load the lateral lanes; return those that carry something."""
        state, conditions = self.run.state, self.run.conditions
        needs = {
            site: state.sites[site].totals[at.T_SHORT] - before
            for site, before in self.short_before.items()
        }
        loaded = []
        for j in self.lanes:
            lane, line = self.run.world.lanes[j], state.lanes[j]
            need = needs[lane.destination]
            held = state.sites[lane.origin]
            at_work = ~conditions.stopped[lane.origin] & ~conditions.lane_closed[j]
            if not need.any() or not at_work.any():
                continue
            spare = held.on_hand - held.backlog - held.owed - self.levels[lane.origin]
            moved = np.minimum(need[:, lane.into], np.maximum(spare[:, lane.out_of], 0))
            line.loaded[...] = np.where(at_work[:, None], moved, 0)
            if not line.loaded.any():
                continue
            held.totals[at.T_SHIPPED][:, lane.out_of] += line.loaded
            self.loads.cut(j, tick)
            self.docks.limit_shipping(lane.origin, tick, [j])
            held.owed[:, lane.out_of] -= line.waiting  # what does not go is asked for no longer
            line.waiting[...] = 0
            line.some_waiting = False
            if line.loaded.any():
                need[:, lane.into] -= line.loaded
                receiver = state.sites[lane.destination]
                receiver.on_order[:, lane.into] += line.loaded
                every = np.zeros_like(receiver.on_hand)
                every[:, lane.into] = line.loaded
                state.count("transshipped", lane.destination, tick, every)
                self.shelves.ship(lane.origin, tick, j)
                loaded.append(j)
        return loaded
