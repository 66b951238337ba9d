"""Review: who orders what, and at which lanes the orders are put down."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulation.arrays import Places, Units
from simulation.charges import lane_weights
from simulation.kernels import rows as at
from simulation.responses import Responses
from simulation.rounds import Rounds
from simulation.run import Run
from simulation.sourcing import Sourcing
from simulation.transshipment import Transshipment

NOTHING = np.zeros((0, 0), np.int32)


class Reviewing:
    """Reviews of all sites during one run, and the plan's own dated orders."""

    def __init__(
        self,
        run: Run,
        rounds: Rounds,
        sourcing: Sourcing,
        transshipment: Transshipment,
        responses: Responses | None,
    ) -> None:
        self.world, self.state = run.world, run.state
        self.kernels = run.kernels
        self.rounds, self.sourcing = rounds, sourcing
        self.transshipment, self.responses = transshipment, responses
        self.lane_weights = [lane_weights(lane) for lane in run.world.lanes]

    def direct(self, site: int) -> tuple[Units, Places, Units]:
        """Return the queue that a site's orders join, at the lane that brings all of its SKUs."""
        j = self.rounds.direct[site]
        if j < 0:
            return NOTHING, self.rounds.all[site], NOTHING
        lane = self.world.lanes[j]
        owed = self.state.sites[lane.origin].owed if lane.origin >= 0 else NOTHING
        return self.state.lanes[j].waiting, lane.out_of, owed

    def place_dated(self, site: int, tick: int) -> None:
        """Put down the plan's own orders of a tick."""
        held = self.state.sites[site]
        for j in self.world.in_lanes[site]:
            lane = self.world.lanes[j]
            for batch in lane.orders:
                if batch.tick == tick:
                    held.to_place[lane.into[batch.columns]] -= batch.units
                    self._ask(j, batch.columns, batch.units)

    def review(self, site: int, tick: int, demand: Any) -> None:
        """Order what is due, and put it down at the lanes.

        Parameters
        ----------
        demand : (R, K) units asked for today, for levels that follow it
        """
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
                self.ask_all(j, held.orders)
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

    def ask_all(self, j: int, orders: Units) -> None:
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
