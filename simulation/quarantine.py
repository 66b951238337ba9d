"""Quality recalls: what came from a supplier is put aside, and judged when the recall ends.

Stock carries no mark of its supplier. The recalled part of a stock, and of what is under way to it,
is the supplier's usual share in the supply of that product-location, through all sites in between:
all of it where it is the only source. While the recall lasts the supplier hands nothing over;
when it ends the bad share (the severity) is destroyed and the rest goes back on the shelf.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulation.arrays import Places, Sums, Units
from simulation.kernels import rows as at
from simulation.kernels.rows import ALL
from simulation.perishing import Perishing
from simulation.run import Run
from simulation.world import World

HALF = ALL // 2


def supply_shares(world: World, suppliers: Sequence[int]) -> list[Sums]:
    """Return per site (K,) int64, the share of suppliers in the supply of each SKU, in 1/65,536."""
    shares = [np.zeros(site.n_skus, np.int64) for site in world.sites]
    deepest_first = sorted(range(len(world.sites)), key=lambda i: -world.sites[i].depth)
    for i in deepest_first:
        for j in world.in_lanes[i]:
            lane = world.lanes[j]
            fed = np.flatnonzero(lane.fed)
            mine = np.full(len(fed), ALL if lane.supplier in suppliers else 0, np.int64)
            if lane.origin >= 0:
                mine = shares[lane.origin][lane.out_of[fed]]
            if lane.split is not None:
                mine = (mine * lane.split.share[fed]) >> 16
            np.add.at(shares[i], lane.into[fed], mine)
    return shares


class Quarantine:
    """Goods put aside during one run: pots by recall, site and tick at which they are judged.

    Each time that a recall begins has a pot of its own, though two may end on one day.
    """

    def __init__(self, run: Run, perishing: Perishing) -> None:
        self.run = run
        self.perishing = perishing
        self.shares: dict[int, list[Sums]] = {}
        self.pots: dict[tuple[int, int, int], list[Units]] = {}
        for b, blow in enumerate(run.conditions.blows):
            if blow.disruption.kind == "quality_recall":
                self.shares[b] = supply_shares(run.world, blow.reach.suppliers)

    def put_aside(self, blow: int, tick: int, ends: Places) -> None:
        """Take the recalled share off the shelves and out of what is under way.

        Parameters
        ----------
        ends : (R,) when the recall that begins now ends; -1 where none begins
        """
        state = self.run.state
        for i, share in enumerate(self.shares[blow]):
            if not share.any():
                continue
            held = state.sites[i]
            chosen = np.where((ends >= 0)[:, None], share, 0)
            off_shelf = ((held.on_hand * chosen + HALF) >> 16).astype(np.int32)
            on_the_way = np.zeros_like(held.on_hand)
            for ring in (held.ring, *state.rings_into(i)):
                caught = ((ring * chosen + HALF) >> 16).astype(np.int32)
                np.subtract(ring, caught, out=ring)
                on_the_way += caught.sum(axis=0, dtype=np.int32)
            held.on_hand -= off_shelf
            held.on_order -= on_the_way
            held.ledger[tick, at.ASIDE] += off_shelf.sum(axis=1, dtype=np.int64)
            if i not in state.aside:
                state.aside[i] = np.zeros_like(held.on_hand)
                state.caught[i] = np.zeros_like(held.on_hand)
            pot = off_shelf + on_the_way
            state.aside[i] += pot
            state.caught[i] += on_the_way
            for end in sorted(set(ends[ends >= 0].tolist())):
                part = np.where((ends == end)[:, None], pot, 0).astype(np.int32)
                self.pots.setdefault((blow, i, end), []).append(part)

    def judge(self, blow: int, tick: int) -> None:
        """Destroy the bad share of what a recall that ends now put aside, and put the rest back."""
        state = self.run.state
        bad_share = round(ALL * self.run.conditions.blows[blow].disruption.severity)
        for i in range(len(self.run.world.sites)):
            for pot in self.pots.pop((blow, i, tick), []):
                bad = ((pot.astype(np.int64) * bad_share + HALF) >> 16).astype(np.int32)
                held = state.sites[i]
                state.aside[i] -= pot
                self.perishing.take_back(i, tick, pot - bad)
                held.on_hand += pot - bad
                held.ledger[tick, at.ASIDE] -= pot.sum(axis=1, dtype=np.int64)
                self.perishing.shelves.destroy(i, tick, bad)
