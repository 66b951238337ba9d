"""Returns: a share of what is issued comes back later, and is resold, exchanged or scrapped.

All reasons of a SKU share one random number a day, so that no more comes back than was issued:
of q units reason i gets floor((q c_i + u) / 65,536) - floor((q c_{i-1} + u) / 65,536), where c
adds up the shares and u is uniform below 65,536. Goods that come back to a shut site wait.
"""

from __future__ import annotations

import numpy as np

from scenarios import EngineError
from simulation.arrays import Sums, Units
from simulation.kernels import rows as at
from simulation.perishing import Perishing
from simulation.run import Run
from simulation.streams import mix_all, name_key, row_keys

LOW = np.uint64(0xFFFF)


class Returning:
    """Goods on their way back to all sites during one run."""

    def __init__(self, run: Run, perishing: Perishing) -> None:
        self.run = run
        self.perishing = perishing
        self.rings: dict[int, list[Units]] = {}
        self.streams: dict[int, int] = {}
        self.weights: dict[int, list[Sums]] = {}
        self.scale: dict[int, float] = {}
        self.sent: dict[int, Sums] = {}
        self.came: dict[int, Sums] = {}
        for i, site in enumerate(run.world.sites):
            if site.returns:
                shape = (run.n_replications, site.n_skus)
                self.rings[i] = [
                    np.zeros((int(each.delay.max()) + 1, *shape), np.int32) for each in site.returns
                ]
                self.streams[i] = name_key(run.seed, "returns", site.site_id)
                self.scale[i] = 1e6
                self.sent[i], self.came[i] = np.zeros((2, run.n_replications), np.int64)
                self.weights[i] = [
                    np.rint(each.value * self.scale[i]).astype(np.int64)[None, :]
                    for each in site.returns
                ]

    def prove(self) -> None:
        """Prove that what customers sent back has come or is under way, and that nothing else has.

        Raises
        ------
        EngineError
            It does not hold.
        """
        for site, rings in self.rings.items():
            under_way = sum(ring.sum(axis=(0, 2), dtype=np.int64) for ring in rings)
            if (self.sent[site] != self.came[site] + under_way).any():
                name = self.run.world.sites[site].site_id
                raise EngineError(f"the simulator broke conservation at site {name}: returns")

    def come_back(self, site: int, tick: int) -> tuple[Units | None, Units | None]:
        """Take in what comes back; return (R, K) units put on the shelf and asked for anew."""
        if site not in self.rings:
            return None, None
        run = self.run
        held = run.state.sites[site]
        shut = run.conditions.shut[site]
        resold, anew = np.zeros_like(held.on_hand), np.zeros_like(held.on_hand)
        for ring, facts, weights in zip(
            self.rings[site], run.world.sites[site].returns, self.weights[site], strict=True
        ):
            slot = ring[tick % len(ring)]
            came = slot.copy()
            slot[...] = 0
            if shut.any():
                ring[(tick + 1) % len(ring)][shut] += came[shut]
                came[shut] = 0
            if not came.any():
                continue
            self.came[site] += came.sum(axis=1, dtype=np.int64)
            if facts.disposition == "shelf":
                resold += came
            elif facts.disposition == "exchange":
                anew += came
            sums = np.empty((1, len(came)), np.int64)
            run.kernels.weigh(came, weights, sums)
            run.state.recovered[tick] += sums[0] / self.scale[site]
            run.state.count(f"returned_{facts.disposition}", site, tick, came)
            if facts.disposition != "exchange":
                self.perishing.shelves.sell(site, tick, came, -1.0)
        self.perishing.take_back(site, tick, resold)
        held.on_hand += resold
        held.totals[at.T_RECEIVED] += resold
        return resold, anew

    def send_back(self, site: int, tick: int, issued: Units) -> None:
        """Let customers send back their share of what was issued today.

        Parameters
        ----------
        issued : (R, K) units
        """
        if site not in self.rings:
            return
        run = self.run
        keys = row_keys(self.streams[site], tick, run.state.replications)
        bits = mix_all(keys[:, None] + run.world.sites[site].sku_keys[None, :])
        phase = (bits & LOW).astype(np.int64)
        wide = issued.astype(np.int64)
        so_far = np.zeros(issued.shape[1], np.int64)
        below = np.zeros_like(wide)
        skus = np.arange(issued.shape[1])
        for ring, facts in zip(self.rings[site], run.world.sites[site].returns, strict=True):
            so_far = so_far + facts.share
            up_to = (wide * so_far + phase) >> 16
            back = (up_to - below).astype(np.int32)
            below = up_to
            ring[(tick + facts.delay) % len(ring), :, skus] += back.T
            self.sent[site] += back.sum(axis=1, dtype=np.int64)
