"""First come, first served: a site fills the oldest orders of the sites that it feeds first.

A lane's queue is one amount per SKU, and always the last units that were ordered there. What was
ordered at each tick is kept, and tells how old each unit of the queue is. Priorities of lanes come
before age.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from simulation.arrays import Flags, Units
from simulation.kernels import rows as at
from simulation.run import Run
from simulation.streams import RowKeys, name_key


class Queues:
    """Queues at the sites that serve first come, first served, during one run.

    Attributes
    ----------
    lanes : per such site, the lanes that it feeds, by place in the queues
    asked : per site (T, J, R, K), units ordered at each tick
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.lanes: dict[int, tuple[int, ...]] = {}
        self.asked: dict[int, Units] = {}
        self.keys: dict[int, RowKeys] = {}
        self.waited: dict[int, Units] = {}
        for i, site in enumerate(run.world.sites):
            lanes = tuple(j for j in run.world.out_lanes[i] if not run.world.lanes[j].lateral)
            if not site.first_come or not lanes:
                continue
            self.lanes[i] = lanes
            shape = (run.world.n_ticks, len(lanes), run.n_replications, site.n_skus)
            self.asked[i] = np.zeros(shape, np.int32)
            stream = name_key(run.seed, "first come", site.site_id)
            self.keys[i] = RowKeys(stream, run.state.replications)
            for j in lanes:
                self.waited[j] = np.zeros_like(run.state.lanes[j].waiting)

    def join(self, site: int, tick: int) -> None:
        """Put what was ordered since the last shipping at the end of the queues."""
        for place, j in enumerate(self.lanes.get(site, ())):
            waiting = self.run.state.lanes[j].waiting
            columns = self.run.world.lanes[j].out_of
            self.asked[site][tick, place][:, columns] = waiting - self.waited[j]

    def settle(self, site: int) -> None:
        """Note what still waits after a tick's shipping."""
        for j in self.lanes.get(site, ()):
            self.waited[j][...] = self.run.state.lanes[j].waiting

    def load(
        self,
        site: int,
        tick: int,
        lanes: Mapping[int, Flags],
        held_back: Mapping[int, Units],
    ) -> None:
        """Load lanes with the oldest orders, as far as the stock goes.

        Parameters
        ----------
        lanes : of one priority, with (R,) where each is open
        held_back : (R, C) units of some lanes that may not go now; their `waiting` is the rest
        """
        run = self.run
        held = run.state.sites[site]
        wants, stays = np.zeros((2, *self.asked[site].shape[1:]), np.int32)
        for place, j in enumerate(self.lanes[site]):
            if j in lanes:
                columns, waiting = run.world.lanes[j].out_of, run.state.lanes[j].waiting
                wants[place][:, columns] = np.where(lanes[j][:, None], waiting, 0)
                if j in held_back:
                    stays[place][:, columns] = held_back[j]
        granted = np.empty_like(wants)
        run.coupled.fill_oldest(
            self.asked[site], tick, stays, wants, held.on_hand, self.keys[site].at(tick)[0],
            run.world.sites[site].sku_keys, granted,
        )  # fmt: skip
        for place, j in enumerate(self.lanes[site]):
            if j in lanes:
                columns, line = run.world.lanes[j].out_of, run.state.lanes[j]
                line.loaded[...] = granted[place][:, columns]
                line.waiting -= line.loaded
                held.owed[:, columns] -= line.loaded
                held.totals[at.T_SHIPPED][:, columns] += line.loaded
