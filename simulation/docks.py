"""Docks and room of a site: what comes in, what waits at the gate, what leaves in a day.

The inbound dock takes goods up to its units a day, and as its doors are done with them, then only
what fits into the room that is left; the rest queues at the gate for the next day. The outbound
dock serves customers first, then the sites fed from here; parcels that the dock can load limit
what goes to customers, as units of an average parcel unless orders say what is in each. What is
short is shared out in proportion to what each SKU wants, or by priority where the site states one
(:func:`simulation.kernels.coupled_reference.ration`).
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places, Sums, Units
from simulation.kernels import rows as at
from simulation.kernels.rows import ALL, UNCHANGED
from simulation.run import Run
from simulation.streams import RowKeys, item_keys, mix_all, name_key

NO_LIMIT = 1 << 60


class Docks:
    """The docks and rooms of all sites during one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        world = run.world
        struck = [run.strikes("labour_shortage", "sites", i) for i in range(len(world.sites))]
        self.doors = {
            i: (
                site.dock.doors,
                RowKeys(name_key(run.seed, "doors", site.site_id), run.state.replications),
                item_keys([f"door {number}" for number in range(site.dock.doors.count)]),
            )
            for i, site in enumerate(world.sites)
            if site.dock is not None and site.dock.doors is not None
        }
        self.narrow_in = [
            struck[i]
            or i in self.doors
            or (site.dock is not None and site.dock.inbound is not None)
            for i, site in enumerate(world.sites)
        ]
        self.narrow_out = [
            struck[i] or (site.dock is not None and site.dock.outbound is not None)
            for i, site in enumerate(world.sites)
        ]
        self.few_parcels = [
            site.dock is not None and site.dock.parcels is not None for site in world.sites
        ]
        self.ones = [np.ones(site.n_skus, np.int64) for site in world.sites]
        self.plain = [np.arange(site.n_skus) for site in world.sites]

    def _limit(self, site: int, tick: int, *, outbound: bool) -> Sums:
        """(R,) units that pass at a tick."""
        run = self.run
        dock = run.world.sites[site].dock
        stated = None if dock is None else (dock.outbound if outbound else dock.inbound)
        share = run.conditions.labour[site].astype(np.int64)
        if stated is not None:
            most = self._more(site, tick, self._manned(site, int(stated[run.weekday(tick)])))
        else:
            usual = run.world.normal_flow[site][int(outbound)]
            most = np.where(share < ALL, (usual * share + ALL // 2) >> 16, NO_LIMIT)
        return self._lifted(site, most) if outbound else most

    def _manned(self, site: int, units: int) -> Sums:
        """(R,) what the hands that are there can do of a day's work."""
        share = self.run.conditions.labour[site].astype(np.int64)
        most: Sums = (units * share + ALL // 2) >> 16
        return most

    def _more(self, site: int, tick: int, most: Sums) -> Sums:
        """(R,) a limit with the hands that are added on some days."""
        dock = self.run.world.sites[site].dock
        lift = None if dock is None else dock.lift
        if lift is None or not lift.first <= tick <= lift.last:
            return most
        raised: Sums = (most * lift.factor + UNCHANGED // 2) >> 8
        return raised

    def _lifted(self, site: int, most: Sums) -> Sums:
        """(R,) an outbound limit as far as a response has lifted it."""
        lift = self.run.conditions.lift[site].astype(np.int64)
        lifted: Sums = np.where(most < NO_LIMIT, (most * lift + UNCHANGED // 2) >> 8, most)
        return lifted

    def _parcels(self, site: int, tick: int) -> Sums:
        """(R,) parcels that customers get at a tick at most."""
        dock = self.run.world.sites[site].dock
        if dock is None or dock.parcels is None:
            return np.full(self.run.n_replications, NO_LIMIT, np.int64)
        daily = int(dock.parcels[self.run.weekday(tick)])
        return self._lifted(site, self._more(site, tick, self._manned(site, daily)))

    def _to_customers(self, site: int, tick: int) -> Sums:
        """(R,) units that customers get at a tick at most."""
        limit = self._limit(site, tick, outbound=True)
        dock = self.run.world.sites[site].dock
        if dock is None or dock.parcels is None:
            return limit
        parcels = self._parcels(site, tick) * dock.parcel_units >> 16
        return np.asarray(np.minimum(limit, parcels))

    def order(self, site: int) -> tuple[Places, bool]:
        """Return the SKUs in the order in which they pass, and whether in proportion."""
        first = self.run.world.sites[site].first
        return (self.plain[site], True) if first is None else (first, False)

    def _ration(self, site: int, tick: int, wants: Units, weight: Sums, budget: Sums) -> Units:
        order, in_proportion = self.order(site)
        total = np.maximum(wants, 0) @ weight
        granted = np.empty_like(wants)
        nothing = np.zeros((2, len(wants)), np.int64)
        start = tick % wants.shape[1] if in_proportion else 0
        self.run.coupled.ration(
            wants, weight, budget, total, nothing[0], nothing[1], order, start, in_proportion,
            False, granted,
        )  # fmt: skip
        return granted

    def receive(self, site: int, tick: int, slot: Units) -> None:
        """Leave in the tick's arrivals what comes in; the rest waits for the next tick."""
        store = self.run.world.sites[site].store
        if not (self.narrow_in[site] or store) or not slot.any():
            return
        held = self.run.state.sites[site]
        came = slot.copy()
        if self.narrow_in[site]:
            limit = self._limit(site, tick, outbound=False)
            if site in self.doors:
                limit = np.minimum(limit, self._through_doors(site, tick, slot))
            slot[...] = self._ration(site, tick, slot, self.ones[site], limit)
        at_dock = slot.copy()
        if store is not None:
            room = store.room - held.on_hand @ store.volume
            slot[...] = self._ration(site, tick, slot, store.volume, room)
        if store is not None and store.refuses:
            back = at_dock - slot
            held.on_order -= back
            self.run.state.count("refused", site, tick, back)
            came -= back
        waits = came - slot
        held.ring[(tick + 1) % len(held.ring)] += waits
        self.run.state.count("at_gate", site, tick, waits)

    def _through_doors(self, site: int, tick: int, slot: Units) -> Sums:
        """(R,) units that the doors are done with at a tick, of those at the gate."""
        doors, rows, keys = self.doors[site]
        at_gate = slot.sum(axis=1, dtype=np.int64)
        taken = (at_gate + doors.units - 1) // doors.units  # doors at which something stands
        drawn = mix_all(rows.at(tick)[0][:, None] + keys) >> np.uint64(48)
        done = drawn.astype(np.int64) < self._manned(site, doors.done)[:, None]
        done &= np.arange(doors.count) < taken[:, None]
        through: Sums = done.sum(axis=1) * doors.units
        return through

    def kept_back(
        self, site: int, tick: int, slot: Units, demand: Units, allowed: Units | None
    ) -> Units | None:
        """(R, K) units on the shelf that may not leave to customers today; None for none.

        Parameters
        ----------
        allowed : (R, K) units that channels may take; None for all
        """
        narrow = self.narrow_out[site] or self.few_parcels[site]
        if not narrow and allowed is None:
            return None
        held = self.run.state.sites[site]
        there = held.on_hand + slot
        asked = np.minimum(there, held.backlog + demand)
        wants = asked if allowed is None else np.minimum(asked, allowed)
        wants[self.run.conditions.stopped[site]] = 0
        granted = wants
        if narrow:
            limit = self._to_customers(site, tick)
            if (wants.sum(axis=1) > limit).any():
                granted = self._ration(site, tick, wants, self.ones[site], limit)
        if (granted == asked).all():
            return None
        kept: Units = np.where(granted < asked, there - granted, 0).astype(np.int32)
        return kept

    def outbound_left(self, site: int, tick: int) -> Sums:
        """(R,) units that may still leave today."""
        limit = self._limit(site, tick, outbound=True)
        book = self.run.state.sites[site].ledger[tick]
        left: Sums = np.maximum(limit - book[at.ISSUED] - book[at.SHIPPED], 0)
        return left

    def parcels_left(self, site: int, tick: int) -> Sums:
        """(R,) parcels that customers may still get today, after what has left to them."""
        dock = self.run.world.sites[site].dock
        limit = self._parcels(site, tick)
        if dock is None or dock.parcels is None:
            return limit
        issued = self.run.state.sites[site].ledger[tick, at.ISSUED] << 16
        gone = -(-issued // max(dock.parcel_units, 1))
        left: Sums = np.maximum(limit - gone, 0)
        return left

    def limit_shipping(self, site: int, tick: int, lanes: list[int]) -> None:
        """Cut what lanes have loaded to what the outbound dock has left after the customers."""
        if not self.narrow_out[site]:
            return
        run = self.run
        book = run.state.sites[site].ledger[tick]
        left = self._limit(site, tick, outbound=True) - book[at.ISSUED] - book[at.SHIPPED]
        loads = [run.state.lanes[j].loaded for j in lanes]
        total = np.zeros(run.n_replications, np.int64)
        for loaded in loads:
            total += loaded.sum(axis=1, dtype=np.int64)
        if (total <= left).all():
            return
        before, used = np.zeros((2, run.n_replications), np.int64)
        for j in lanes:
            loaded = run.state.lanes[j].loaded
            n = loaded.shape[1]
            granted = np.empty_like(loaded)
            run.coupled.ration(
                loaded, np.ones(n, np.int64), left, total, before, used, np.arange(n), tick % n,
                True, False, granted,
            )  # fmt: skip
            give_back(run, j, granted)


def give_back(run: Run, lane: int, granted: Units) -> None:
    """Unload what a lane may not take: it waits again, and its site keeps it."""
    line, facts = run.state.lanes[lane], run.world.lanes[lane]
    back = line.loaded - granted
    line.waiting += back
    line.some_waiting = line.some_waiting or bool(back.any())
    line.loaded[...] = granted
    if facts.origin >= 0:
        origin = run.state.sites[facts.origin]
        origin.owed[:, facts.out_of] += back
        origin.totals[at.T_SHIPPED][:, facts.out_of] -= back
