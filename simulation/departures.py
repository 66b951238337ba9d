"""Goods on the road: each order line with a lead time of its own, by the mode that is chosen.

On a lane that a disruption may freeze, what is under way has a ring of its own; every day that
it is frozen all of it arrives a day later.
"""

from __future__ import annotations

import numpy as np

from scenarios import EngineError
from simulation.arrays import Units
from simulation.charges import charge, lane_weights
from simulation.kernels.rows import UNCHANGED
from simulation.responses import Responses
from simulation.run import Run
from simulation.streams import name_key, row_keys
from simulation.world import Mode, identity_days, working_days


class Departures:
    """What leaves, and what is under way on lanes that may stand still, during one run."""

    def __init__(self, run: Run, responses: Responses | None) -> None:
        self.run = run
        self.responses = responses
        world = run.world
        self.weights = [lane_weights(lane) for lane in world.lanes]
        self.streams = [
            name_key(run.seed, "lane", world.lane_id(lane), lane.mode) for lane in world.lanes
        ]
        self.modes = [(lane.own_mode, *lane.modes) for lane in world.lanes]
        for j, lane in enumerate(world.lanes):
            if run.strikes("lane_freeze", "lanes", j):
                ring = run.state.sites[lane.destination].ring
                run.state.lane_rings[j] = (lane.destination, np.zeros_like(ring))

    def stand_still(self, tick: int) -> None:
        """Put off by a tick all that is under way on frozen lanes."""
        for j, (_, ring) in self.run.state.lane_rings.items():
            rows = np.flatnonzero(self.run.conditions.frozen[j])
            if len(rows):
                slots = (tick + np.arange(len(ring))) % len(ring)
                under_way = ring[slots][:, rows]
                if under_way[-1].any():
                    raise EngineError("goods that stand still do not fit into the ring")
                ring[slots[0], rows] = 0
                for earlier, slot in enumerate(slots[1:]):
                    ring[slot, rows] = under_way[earlier]

    def land(self, site: int, tick: int, slot: Units) -> None:
        """Bring what arrives on lanes with a ring of their own to the gate of a site."""
        for ring in self.run.state.rings_into(site):
            slot += ring[tick % len(ring)]
            ring[tick % len(ring)] = 0

    def depart(self, lane: int, tick: int) -> None:
        """Send what is loaded on its way, each replication by the mode that is chosen there."""
        loaded = self.run.state.lanes[lane].loaded
        chosen = self.run.conditions.mode[lane]
        for number, mode in enumerate(self.modes[lane]):
            here = chosen == number
            if here.all():
                self._send(lane, tick, mode, loaded)
            elif here.any():
                part = np.where(here[:, None], loaded, 0).astype(np.int32)
                self._send(lane, tick, mode, part)

    def _send(self, j: int, tick: int, mode: Mode, loaded: Units) -> None:
        run, conditions = self.run, self.run.conditions
        lane = run.world.lanes[j]
        held = run.state.sites[lane.destination]
        factor, freight = conditions.lane_factor[j], conditions.freight[j]
        if self.responses is not None:
            factor = self.responses.lead_factor(j, factor)
            freight = self.responses.freight_factor(j, freight)
        n_days = (int(mode.lead_table.max(initial=0)) * int(factor.max(initial=UNCHANGED)) >> 8) + 2
        if lane.working is None:
            days_until = identity_days(n_days)
        else:
            days_until = working_days(lane.working, tick, n_days)
        _, ring = run.state.lane_rings.get(j, (0, held.ring))
        longest = run.kernels.dispatch(
            row_keys(self.streams[j], tick, run.state.replications), lane.sku_keys, loaded,
            lane.into, mode.lead_rows, mode.lead_table, mode.transit, factor,
            conditions.lane_delay[j], days_until, lane.accepted_share, tick, ring, held.on_order,
        )  # fmt: skip
        if longest >= len(ring):
            raise EngineError(
                f"lane {run.world.lane_id(lane)}: a lead time of {longest} ticks does not fit into"
                f" a ring of {len(ring)}"
            )
        charge(
            run.state, j, tick, loaded, mode, self.weights[j], run.kernels, conditions.price[j],
            freight, lane.payment_ticks,
        )  # fmt: skip
