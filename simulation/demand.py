"""Demand of every tick: drawn once for a chunk of replications, the same in every case."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Places, Sums, Units
from simulation.conditions import Conditions
from simulation.kernels import Kernels
from simulation.kernels.rows import ALL
from simulation.streams import RowKeys, name_key, row_keys
from simulation.watching import Limit
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
        self._limited: dict[tuple[int, int], Units] = {}  # where a limited quantity is promoted
        self._n_ahead = max(1, TOGETHER // max(len(replications), 1))

    def base(self, site: int, tick: int) -> Units:
        """Return (R, K) units asked for at a site, not to be written to."""
        limit = self.world.limit
        if limit is not None and limit.first <= tick <= limit.last:
            if not self._limited:
                self._draw_limited(limit)
            return self._limited[site, tick]
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
        self._fill(site, tick, world.bucket_of_tick[tick : tick + n_ticks], buffer)
        return buffer

    def _fill(self, site: int, tick: int, buckets: Places, buffer: Units) -> None:
        """Add to (T, R, K) zeros what is asked for from a tick on, by the rows of demand."""
        n_ticks, n, n_skus = buffer.shape
        tables, rows = self.world.demand
        if len(tables.base) and (rows[site] >= 0).any():
            self.kernels.draw_demand(
                self._keys[site].at(tick, n_ticks).ravel(),
                np.repeat(buckets, n),
                self.world.sites[site].sku_keys,
                rows[site],
                tables.base,
                tables.step,
                tables.offset,
                tables.thresholds,
                tables.guide,
                np.ones(n_ticks * n, np.bool_),
                buffer.reshape(n_ticks * n, n_skus),
            )

    def _draw_limited(self, limit: Limit) -> None:
        """Draw the demand of a promotion until its quantity is asked for; then it is as without.

        On the day on which the quantity ends, each SKU gets the part of what the promotion moves
        there that is left for all of them together, whole units, rounded towards none.
        """
        world, n = self.world, len(self.replications)
        left = np.full(n, limit.units, np.int64)
        for tick in range(limit.first, limit.last + 1):
            with_it: list[Sums] = []
            without: list[Sums] = []
            for site, facts in enumerate(world.sites):
                for row, into in (
                    (world.bucket_of_tick[tick], with_it),
                    (limit.without[tick], without),
                ):
                    drawn = np.zeros((1, n, facts.n_skus), np.int32)
                    self._fill(site, tick, np.array([row], np.int64), drawn)
                    into.append(drawn[0].astype(np.int64))
            asked, usual = (
                sum(
                    (units[:, cells].sum(axis=1) for units, cells in zip(side, limit.goods)),
                    np.zeros(n, np.int64),
                )
                for side in (with_it, without)
            )
            more = np.maximum(asked - usual, 1)[:, None]
            let = np.clip(left - usual, 0, np.maximum(asked - usual, 0))[:, None]
            let = np.where((asked <= left)[:, None], more, let)
            for site, (promoted, plain) in enumerate(zip(with_it, without, strict=True)):
                moved = promoted - plain
                moved = np.sign(moved) * (np.abs(moved) * let // more)
                self._limited[site, tick] = (plain + moved).astype(np.int32)
            left = np.maximum(
                left
                - sum(
                    (
                        self._limited[site, tick][:, cells].sum(axis=1, dtype=np.int64)
                        for site, cells in enumerate(limit.goods)
                    ),
                    np.zeros(n, np.int64),
                ),
                0,
            )

    def forget(self) -> None:
        """Let go of what was kept."""
        self._kept.clear()
        self._ahead.clear()
        self._limited.clear()

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
