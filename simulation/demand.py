"""Demand of every tick: drawn once for a chunk of replications, the same in every case."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places, Units
from simulation.conditions import Conditions
from simulation.kernels import Kernels
from simulation.kernels.rows import ALL
from simulation.streams import RowKeys, name_key, row_keys
from simulation.world import World

TOGETHER = 16  # rows drawn at once, replications by ticks: they share tables that are in the cache
NONE = np.zeros((0, 0, 0), np.int32)


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
        self._keys = [RowKeys(stream, replications) for stream in self.streams]
        self._kept: dict[tuple[int, int], Units] = {}
        self._ahead: dict[int, tuple[int, Units]] = {}  # site: first tick, (T, R, K) units
        self._n_ahead = max(1, TOGETHER // max(len(replications), 1))

    def base(self, site: int, tick: int) -> Units:
        """Return (R, K) units asked for at a site, not to be written to."""
        held = self._kept.get((site, tick))
        if held is not None:
            return held
        begin, drawn = self._ahead.get(site, (0, NONE))
        if not begin <= tick < begin + len(drawn):
            begin, drawn = tick, self._draw(site, tick, drawn)
            self._ahead[site] = (begin, drawn)
        demand: Units = drawn[tick - begin]
        if self.keep:
            self._kept[site, tick] = demand
        return demand

    def _draw(self, site: int, tick: int, buffer: Units) -> Units:
        """(T, R, K) units asked for at a tick and a few after it, in the buffer if it fits."""
        world = self.world
        n_ticks = min(self._n_ahead, world.n_ticks - tick)
        shape = (n_ticks, len(self.replications), world.sites[site].n_skus)
        if self.keep or buffer.shape != shape:
            buffer = np.zeros(shape, np.int32)
        else:
            buffer[...] = 0
        tables, rows = world.demand
        if len(tables.base) and (rows[site] >= 0).any():
            self.kernels.draw_demand(
                self._keys[site].at(tick, n_ticks).ravel(),
                np.repeat(world.bucket_of_tick[tick : tick + n_ticks], shape[1]),
                world.sites[site].sku_keys,
                rows[site],
                tables.base,
                tables.step,
                tables.offset,
                tables.thresholds,
                tables.guide,
                np.ones(n_ticks * shape[1], np.bool_),
                buffer.reshape(n_ticks * shape[1], shape[2]),
            )
        return buffer

    def forget(self) -> None:
        """Let go of what was kept."""
        self._kept.clear()
        self._ahead.clear()

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
                    bucket = self.world.bucket_of_tick[tick]
                    self.kernels.draw_demand(
                        keys,
                        np.full(len(keys), bucket, np.int64),
                        sku_keys,
                        blow.rows[site],
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
