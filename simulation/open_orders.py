"""Deliveries under way since before the start: on their day, or as late as their supplier is."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places, Units
from simulation.run import Run
from simulation.streams import mix_all, name_key, row_keys
from simulation.world import Batch

TOP_TEN = np.uint64(54)


class OpenOrders:
    """What comes in from before the start during one run.

    Each SKU of a delivery that may be late draws its own days from the supplier's table, once.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.certain: list[list[Batch]] = []
        self.spread: list[list[tuple[Batch, Places]]] = []
        for i, site in enumerate(run.world.sites):
            self.certain.append([batch for batch in site.coming if batch.late is None])
            self.spread.append(
                [(batch, self._days(i, batch)) for batch in site.coming if batch.late is not None]
            )

    def _days(self, site: int, batch: Batch) -> Places:
        """(R, n) tick on which each SKU of a delivery comes."""
        run = self.run
        assert batch.late is not None
        facts = run.world.sites[site]
        stream = name_key(run.seed, "open orders", facts.site_id, batch.source)
        keys = row_keys(stream, batch.tick, run.state.replications)
        bits = mix_all(keys[:, None] + facts.sku_keys[batch.columns][None, :])
        days: Places = np.maximum(batch.tick + batch.late[(bits >> TOP_TEN).astype(np.int64)], 0)
        return days.astype(np.int64)

    def come(self, site: int, tick: int, slot: Units) -> None:
        """Add to the arrivals of a site what comes at a tick."""
        held = self.run.state.sites[site]
        for batch in self.certain[site]:
            if batch.tick == tick:
                slot[:, batch.columns] += batch.units
                held.to_come[:, batch.columns] -= batch.units
        for batch, days in self.spread[site]:
            here = days == tick
            if here.any():
                units = np.where(here, batch.units, 0).astype(np.int32)
                slot[:, batch.columns] += units
                held.to_come[:, batch.columns] -= units
