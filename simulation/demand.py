"""Demand of every tick: drawn once for a chunk of replications, the same in every case."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places, Units
from simulation.conditions import Conditions
from simulation.kernels import Kernels
from simulation.kernels.rows import ALL
from simulation.streams import name_key, row_keys
from simulation.world import World


class Demand:
    """Base demand of a chunk, drawn when first asked for and kept for the next case.

    Parameters
    ----------
    keep : hold what was drawn; costs 4 bytes per product-location, tick and replication
    """

    def __init__(
        self, world: World, replications: Places, kernels: Kernels, seed: int, *, keep: bool = True
    ) -> None:
        self.world = world
        self.replications = replications
        self.kernels = kernels
        self.keep = keep
        self.streams = [name_key(seed, "demand", site.site_id) for site in world.sites]
        self._kept: dict[tuple[int, int], Units] = {}
        self._everywhere = np.ones(len(replications), np.bool_)

    def base(self, site: int, tick: int) -> Units:
        """Return (R, K) units asked for at a site, not to be written to."""
        held = self._kept.get((site, tick))
        if held is not None:
            return held
        world = self.world
        tables, rows = world.demand
        demand = np.zeros((len(self.replications), world.sites[site].n_skus), np.int32)
        if len(tables.base):
            self.kernels.draw_demand(
                row_keys(self.streams[site], tick, self.replications),
                world.sites[site].sku_keys,
                rows[site][world.bucket_of_tick[tick]],
                tables.base,
                tables.step,
                tables.offset,
                tables.thresholds,
                tables.guide,
                self._everywhere,
                demand,
            )
        if self.keep:
            self._kept[site, tick] = demand
        return demand

    def forget(self) -> None:
        """Let go of what was kept."""
        self._kept.clear()

    def under(self, conditions: Conditions, site: int, tick: int) -> Units:
        """Return (R, K) units asked for as things stand: surges added, then collapses thinned."""
        demand = self.base(site, tick)
        own = False
        for wanted in ("demand_surge", "demand_collapse"):
            for b, blow in enumerate(conditions.blows):
                active = conditions.active[b]
                struck = blow.reach.demand.get(site)
                if blow.disruption.kind != wanted or struck is None or not active.any():
                    continue
                if not own:
                    demand, own = demand.copy(), True
                keys = row_keys(blow.stream ^ self.streams[site], tick, self.replications)
                sku_keys = self.world.sites[site].sku_keys
                if blow.tables is not None and blow.rows is not None:
                    tables = blow.tables
                    self.kernels.draw_demand(
                        keys,
                        sku_keys,
                        blow.rows[site][self.world.bucket_of_tick[tick]],
                        tables.base,
                        tables.step,
                        tables.offset,
                        tables.thresholds,
                        tables.guide,
                        active,
                        demand,
                    )
                else:
                    kept = round(ALL * (1.0 - blow.disruption.severity))
                    keep = np.where(active, kept, ALL).astype(np.int32)
                    self.kernels.thin_demand(keys, sku_keys, keep, struck, demand)
        return demand
