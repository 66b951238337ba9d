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
from simulation.streams import mix_all, name_key, row_keys

LOW = np.uint64(0xFFFF)


class Reserves:
    """What is kept for channels at all sites during one run.

    Attributes
    ----------
    kept : per site (C, R, K) units
    share : per site (C, R) of the shelf, in 1/65,536, on the tick before
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.kept: dict[int, Sums] = {}
        self.share: dict[int, Sums] = {}
        self.streams: dict[int, int] = {}
        for i, site in enumerate(run.world.sites):
            if site.channels is not None:
                shape = (len(site.channels.names), run.n_replications, site.n_skus)
                self.kept[i] = np.zeros(shape, np.int64)
                self.share[i] = np.zeros(shape[:2], np.int64)
                self.streams[i] = name_key(run.seed, "channels", site.site_id)
        bucket = run.world.bucket_of_tick
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
        kept, there = self.kept[site], (held.on_hand + slot).astype(np.int64)
        self._set_aside(site, tick, slot, there)
        open_stock = there.copy()
        for each in kept:  # goods may have left otherwise
            np.minimum(each, open_stock, out=each)
            open_stock -= each
        asked = self._dealt_out(site, tick, demand)
        asked[:, run.conditions.stopped[site]] = 0
        own = np.minimum(asked, kept)
        kept -= own
        debts = np.minimum(open_stock, held.backlog)
        open_stock -= debts
        wants = asked - own
        total = wants.sum(axis=0)
        before = np.cumsum(wants, axis=0) - wants
        of_all = np.maximum(total, 1)
        part = open_stock * (before + wants) // of_all - open_stock * before // of_all
        part = np.where(total <= open_stock, wants, part)
        for c, name in enumerate(facts.names):
            run.state.count(f"asked:{name}", site, tick, asked[c])
            run.state.count(f"granted:{name}", site, tick, own[c] + part[c])
        allowed: Units = (debts + (own + part).sum(axis=0)).astype(np.int32)
        return allowed

    def _set_aside(self, site: int, tick: int, slot: Units, there: Sums) -> None:
        """Keep a share of the shelf when a bucket begins or the share rises, else of arrivals."""
        facts = self.run.world.sites[site].channels
        assert facts is not None
        kept, before = self.kept[site], self.share[site]
        ordered = self.run.conditions.reserve[site].astype(np.int64)
        share = np.maximum(facts.reserve[:, None], ordered)
        if self.begins[tick]:
            kept[...] = (there[None] * share[:, :, None]) >> 16
        else:
            kept += (slot.astype(np.int64)[None] * share[:, :, None]) >> 16
            for c, r in np.argwhere(share != before):
                fresh = (there[r] * share[c, r]) >> 16
                kept[c, r] = fresh if share[c, r] > before[c, r] else np.minimum(kept[c, r], fresh)
        kept[(self.left[tick] <= facts.release)[:, None] & (ordered == 0)] = 0
        before[...] = share

    def _dealt_out(self, site: int, tick: int, demand: Units) -> Sums:
        """(C, R, K) units of the demand that each channel asks for."""
        facts = self.run.world.sites[site].channels
        assert facts is not None
        keys = row_keys(self.streams[site], tick, self.run.state.replications)
        bits = mix_all(keys[:, None] + self.run.world.sites[site].sku_keys[None, :])
        phase = (bits & LOW).astype(np.int64)
        up_to = (demand.astype(np.int64)[None] * facts.demand[:, None, :] + phase) >> 16
        dealt: Sums = np.diff(up_to, axis=0, prepend=np.zeros_like(up_to[:1]))
        return dealt
