"""Stock kept for channels: what a channel may take of a site's stock, and what others may not.

At the start of each bucket a channel's share of the shelf is kept for it, later its share of what
comes in. A channel takes from its own first, then from what nobody keeps; where that is short it is
shared out in proportion to what channels still want. In the last `release` ticks of a bucket a
reserve is open to all. Old debts carry no channel: they may take open stock, and what leaves pays
them first. Goods for other sites, fires and recalls do not spare reserves.

A response may keep more for a channel (`conditions.reserve`): from the morning on which its share
rises that share of the shelf, later of what comes in, and nothing is open to all while it lasts;
when it falls no more than the lower share of the shelf stays kept.

A day's demand of d units is dealt out as floor((d c_i + u) / 65,536) - floor((d c_{i-1} + u) /
65,536), where c adds up the channels' shares and u is uniform below 65,536.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Sums, Units
from simulation.run import Run
from simulation.streams import name_key, row_keys


class Reserves:
    """What is kept for channels at all sites during one run.

    Attributes
    ----------
    kept : per site (C, R, K) units
    share : per site (C, R) of the shelf, in 1/65,536, on the tick before
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.kept: dict[int, Units] = {}
        self.share: dict[int, Sums] = {}
        self.streams: dict[int, int] = {}
        for i, site in enumerate(run.world.sites):
            if site.channels is not None:
                shape = (len(site.channels.names), run.n_replications, site.n_skus)
                self.kept[i] = np.zeros(shape, np.int32)
                self.share[i] = np.zeros(shape[:2], np.int64)
                self.streams[i] = name_key(run.seed, "channels", site.site_id)
        period = run.world.period_of_tick
        bucket = run.world.bucket_of_tick if period is None else period
        ends = np.append(np.flatnonzero(np.diff(bucket)), len(bucket) - 1)
        self.left = ends[np.searchsorted(ends, np.arange(len(bucket)))] - np.arange(len(bucket)) + 1
        self.begins = np.concatenate([[True], np.diff(bucket) != 0])

    def allowed(self, site: int, tick: int, slot: Units, demand: Units) -> Units | None:
        """Return (R, K) units that may leave to customers today; None where nothing is kept."""
        if site not in self.kept:
            return None
        run = self.run
        facts, held = run.world.sites[site].channels, run.state.sites[site]
        assert facts is not None
        ordered = run.conditions.reserve[site].astype(np.int64)
        share = np.maximum(facts.reserve[:, None], ordered)
        free = (self.left[tick] <= facts.release)[:, None] & (ordered == 0)
        allowed = np.empty_like(demand)
        tally = np.empty((2, len(facts.names), run.n_replications), np.int64)
        run.coupled.grant_channels(
            held.on_hand, slot, held.backlog, demand, run.conditions.stopped[site],
            bool(self.begins[tick]), share, self.share[site], free, facts.demand,
            row_keys(self.streams[site], tick, run.state.replications),
            run.world.sites[site].sku_keys, self.kept[site], allowed, tally,
        )  # fmt: skip
        self.share[site] = share
        for c, name in enumerate(facts.names):
            for row, what in enumerate(("asked", "granted")):
                run.state.count_of(f"{what}:{name}", site)[tick] = tally[row, c]
        return allowed
