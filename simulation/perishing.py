"""Shelf life: stock by the day on which it ends; the oldest leaves first, the last is destroyed.

Only SKUs with a shelf life are kept by age. What has left since the last look, whatever for, is
taken from the lots that end first; on the morning of its last tick a lot is destroyed. Goods that
come back (returns, released from quarantine) count as half-way through their life.
"""

from __future__ import annotations

import numpy as np

from scenarios import EngineError
from simulation.arrays import Places, Units
from simulation.run import Run
from simulation.shelves import Shelves


class Perishing:
    """Ages of the goods of all sites during one run.

    Attributes
    ----------
    ages : per site (H, R, M) units by the tick on whose morning they end, modulo H; the last tick
        of the run and all after it are one
    """

    def __init__(self, run: Run, shelves: Shelves) -> None:
        self.run = run
        self.shelves = shelves
        self.columns: dict[int, Places] = {}
        self.life: dict[int, Places] = {}
        self.ages: dict[int, Units] = {}
        self.known: dict[int, Units] = {}
        for i, site in enumerate(run.world.sites):
            if site.life is not None and site.life.ticks.any():
                self._open(i)

    def _open(self, site: int) -> None:
        world, n = self.run.world, self.run.n_replications
        facts = world.sites[site]
        assert facts.life is not None
        columns = np.flatnonzero(facts.life.ticks > 0)
        longest = max([int(facts.life.ticks.max()), *(lot[0] for lot in facts.life.lots)])
        slots = min(longest, world.n_ticks) + 1
        self.columns[site] = columns
        self.life[site] = facts.life.ticks[columns]
        ages = np.zeros((slots, n, len(columns)), np.int32)
        place = {int(k): m for m, k in enumerate(columns)}
        fresh = facts.opening[columns].astype(np.int32).copy()
        for ends, skus, units in facts.life.lots:
            for k, each in zip(skus.tolist(), units.tolist(), strict=True):
                if k in place:
                    ages[min(ends, world.n_ticks) % slots, :, place[k]] += each
                    fresh[place[k]] -= each
        self.ages[site] = ages
        self.known[site] = np.tile(facts.opening[columns], (n, 1)).astype(np.int32)
        self._add(site, 0, np.tile(fresh, (n, 1)), self.life[site])

    def _add(self, site: int, tick: int, units: Units, life: Places) -> None:
        ages = self.ages[site]
        ends = np.minimum(tick + life, self.run.world.n_ticks) % len(ages)
        ages[ends, :, np.arange(len(ends))] += units.T

    def settle(self, site: int, tick: int) -> None:
        """Take what has left since the last look from the lots that end first."""
        if site not in self.ages:
            return
        now = self.run.state.sites[site].on_hand[:, self.columns[site]]
        gone = self.known[site] - now
        if gone.any():
            self.run.coupled.issue_oldest(self.ages[site], gone, tick)
            self.known[site] = np.ascontiguousarray(now)

    def prove(self) -> None:
        """Prove that the lots of every SKU add up to its shelf at the end.

        Raises
        ------
        EngineError
            They do not.
        """
        for site, columns in self.columns.items():
            self.settle(site, self.run.world.n_ticks)
            shelf = self.run.state.sites[site].on_hand[:, columns]
            if (self.ages[site].sum(axis=0) != shelf).any() or (self.ages[site] < 0).any():
                name = self.run.world.sites[site].site_id
                raise EngineError(f"the simulator broke conservation at site {name}: goods by age")

    def outdate(self, site: int, tick: int) -> None:
        """Destroy what ends this morning."""
        if site not in self.ages:
            return
        self.settle(site, tick)
        slot = self.ages[site][tick % len(self.ages[site])]
        if not slot.any():
            return
        held, columns = self.run.state.sites[site], self.columns[site]
        held.on_hand[:, columns] -= slot
        self.known[site] -= slot
        every = np.zeros_like(held.on_hand)
        every[:, columns] = slot
        self.shelves.destroy(site, tick, every)
        self.run.state.count("outdated", site, tick, every)
        slot[...] = 0

    def receive(self, site: int, tick: int, arrivals: Units) -> None:
        """Note fresh goods that come in with this tick's receipts."""
        if site in self.ages:
            units = arrivals[:, self.columns[site]]
            self._add(site, tick, units, self.life[site])
            self.known[site] += units

    def take_back(self, site: int, tick: int, units: Units) -> None:
        """Note (R, K) goods that come back on the shelf half-way through their life."""
        if site in self.ages:
            self.settle(site, tick)
            back = units[:, self.columns[site]]
            self._add(site, tick, back, (self.life[site] + 1) // 2)
            self.known[site] += back
