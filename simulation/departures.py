"""Goods on the road: each order line with a lead time of its own, by the mode that is chosen.

On a lane that a disruption may freeze, what is under way has a ring of its own; every day that
it is frozen all of it arrives a day later.
"""

from __future__ import annotations

import numpy as np

from scenarios import EngineError
from simulation.arrays import Flags, Sums, Units
from simulation.charges import charge, lane_weights
from simulation.days import identity_days, working_days
from simulation.kernels.rows import UNCHANGED
from simulation.responses import Responses
from simulation.run import Run
from simulation.streams import RowKeys, name_key


class Departures:
    """What leaves, and what is under way on lanes that may stand still, during one run."""

    def __init__(self, run: Run, responses: Responses | None) -> None:
        self.run = run
        self.responses = responses
        world = run.world
        self.weights = [lane_weights(lane) for lane in world.lanes]
        self.accepted = [lane.accepted_share for lane in world.lanes]
        self.longest = [
            [int(mode.lead_table.max(initial=0)) for mode in (lane.own_mode, *lane.modes)]
            for lane in world.lanes
        ]
        self.streams = [
            name_key(run.seed, "lane", world.lane_id(lane), lane.mode) for lane in world.lanes
        ]
        self.modes = [(lane.own_mode, *lane.modes) for lane in world.lanes]
        self.keys = [RowKeys(stream, run.state.replications) for stream in self.streams]
        self.days = identity_days(256)
        self.gone: list[Sums | None] = [None] * len(world.lanes)
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

    def ship(
        self, site: int, j: int, tick: int, stock: Units, eligible: Flags, shelf_weights: Sums
    ) -> bool:
        """Let a lane take its part of a site's stock along at once; whether anything waits on.

        Parameters
        ----------
        stock : (R, K) units at the site before any lane took some
        eligible : (R,) lane open and origin at work
        shelf_weights : (3, K) money per unit, fixed point
        """
        run = self.run
        lane, line = run.world.lanes[j], run.state.lanes[j]
        origin, held = run.state.sites[site], run.state.sites[lane.destination]
        mode = self.modes[j][0]
        factor, days_until = run.conditions.lane_factor[j], self._days_until(j, 0, tick)
        sums = np.empty((len(self.weights[j].each), len(stock)), np.int64)
        found = run.kernels.ship(
            stock, origin.claimed, origin.before, line.waiting, eligible, lane.out_of, origin.owed,
            origin.totals, origin.on_hand, shelf_weights, origin.ledger[tick],
            self.keys[j].at(tick)[0], lane.sku_keys, lane.into, mode.lead_rows, mode.lead_table,
            mode.transit, factor, run.conditions.lane_delay[j], days_until, self.accepted[j], tick,
            held.ring, held.on_order, self.weights[j].each, sums,
        )  # fmt: skip
        self._check_ring(j, found // 2, held.ring)
        self.gone[j] = sums if found > 1 else None
        return bool(found % 2)

    def depart(self, lane: int, tick: int) -> None:
        """Send what is loaded on its way, each replication by the mode that is chosen there."""
        sums = self.gone[lane]
        if sums is not None:  # under way already: only the charges are left
            self.gone[lane] = None
            conditions = self.run.conditions
            charge(
                self.run.state, lane, tick, sums, self.modes[lane][0], self.weights[lane].scale,
                conditions.price[lane], conditions.freight[lane],
                self.run.world.lanes[lane].payment_ticks,
            )  # fmt: skip
            return
        loaded = self.run.state.lanes[lane].loaded
        if len(self.modes[lane]) == 1:
            self._send(lane, tick, 0, loaded)
            return
        chosen = self.run.conditions.mode[lane]
        for number in range(len(self.modes[lane])):
            here = chosen == number
            if here.all():
                self._send(lane, tick, number, loaded)
            elif here.any():
                part = np.where(here[:, None], loaded, 0).astype(np.int32)
                self._send(lane, tick, number, part)

    def _send(self, j: int, tick: int, number: int, loaded: Units) -> None:
        run, conditions = self.run, self.run.conditions
        mode = self.modes[j][number]
        lane = run.world.lanes[j]
        held = run.state.sites[lane.destination]
        factor, freight = conditions.lane_factor[j], conditions.freight[j]
        if self.responses is not None:
            factor = self.responses.lead_factor(j, factor)
            freight = self.responses.freight_factor(j, freight)
        _, ring = run.state.lane_rings.get(j, (0, held.ring))
        weights = self.weights[j]
        sums = np.empty((len(weights.each), len(loaded)), np.int64)
        longest = run.kernels.dispatch(
            self.keys[j].at(tick)[0], lane.sku_keys, loaded,
            lane.into, mode.lead_rows, mode.lead_table, mode.transit, factor,
            conditions.lane_delay[j], self._days_until(j, number, tick), self.accepted[j],
            tick, ring, held.on_order,
            weights.each, sums,
        )  # fmt: skip
        self._check_ring(j, longest, ring)
        charge(
            run.state, j, tick, sums, mode, weights.scale, conditions.price[j], freight,
            lane.payment_ticks,
        )  # fmt: skip

    def _days_until(self, j: int, number: int, tick: int) -> Units:
        """Return the ticks until 0, 1, 2 .. days of a lead time have passed."""
        factor = self.run.conditions.lane_factor[j]
        if self.responses is not None:
            factor = self.responses.lead_factor(j, factor)
        n_days = (self.longest[j][number] * int(factor.max(initial=UNCHANGED)) >> 8) + 2
        working = self.run.world.lanes[j].working
        if working is not None:
            return working_days(working, tick, n_days)
        if n_days > len(self.days):
            self.days = identity_days(n_days)
        return self.days

    def _check_ring(self, j: int, longest: int, ring: Units) -> None:
        """Refuse a lead time that would wrap around."""
        if longest >= len(ring):
            raise EngineError(
                f"lane {self.run.world.lane_id(self.run.world.lanes[j])}: a lead time of"
                f" {longest} ticks does not fit into a ring of {len(ring)}"
            )
