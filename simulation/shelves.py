"""Figures of the shelves that change beside receipts and demand: what leaves, burns, is kept."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Floats, Places, Sums, Units
from simulation.kernels import rows as at
from simulation.kernels.rows import ALL
from simulation.run import Run
from simulation.world import World

PRICE_SCALE = 1e4  # fixed-point units per unit of money


def site_weights(world: World, site: int) -> Sums:
    """(3, K) money per unit of value, holding and shortage, in fixed point."""
    facts = world.sites[site]
    columns: tuple[Floats, ...] = (facts.value, facts.holding, facts.shortage)
    scales = world.money_scales[site]
    return np.array(
        [np.rint(each * scale) for each, scale in zip(columns, scales, strict=True)], np.int64
    ).reshape(3, facts.n_skus)


class Shelves:
    """Bookings of stock figures during one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.weights = [site_weights(run.world, i) for i in range(len(run.world.sites))]

    def book(
        self, site: int, tick: int, units: Units, sign: int, columns: Places | None = None
    ) -> None:
        """Add units to the stock figures of a tick after its demand, or take them out."""
        ledger = self.run.state.sites[site].ledger[tick]
        weights = self.weights[site] if columns is None else self.weights[site][:, columns]
        sums = np.empty((len(weights), units.shape[0]), np.int64)
        self.run.kernels.weigh(units, np.ascontiguousarray(weights), sums)
        ledger[at.ON_HAND] += sign * units.sum(axis=1, dtype=np.int64)
        ledger[at.VALUE] += sign * sums[at.BY_VALUE]
        ledger[at.HOLDING] += sign * sums[at.BY_HOLDING]

    def ship(self, site: int, tick: int, lane: int) -> None:
        """Take what a lane has loaded off the shelf, and out of the figures of the tick."""
        held = self.run.state.sites[site]
        self.run.kernels.take_off(
            held.on_hand, self.run.state.lanes[lane].loaded, self.run.world.lanes[lane].out_of,
            self.weights[site], held.ledger[tick],
        )  # fmt: skip

    def destroy(self, site: int, tick: int, units: Units) -> None:
        """Book (R, K) units as destroyed, with what they cost; the caller has taken them away."""
        held = self.run.state.sites[site]
        held.totals[at.T_DESTROYED] += units
        held.ledger[tick, at.DESTROYED] += units.sum(axis=1, dtype=np.int64)
        scale = self.run.world.money_scales[site][at.BY_VALUE]
        self.run.state.destroyed[tick] += self._worth(units, self.weights[site][:1]) / scale

    def sell(self, site: int, tick: int, units: Units, sign: float = 1.0) -> None:
        """Book what (R, K) units issued earn, on the days on which it is settled.

        Parameters
        ----------
        sign : -1 for a refund, which is paid at once
        """
        facts, earned = self.run.world.sites[site], self.run.state.earned
        if facts.price is None:
            return
        weights = np.rint(facts.price * PRICE_SCALE).astype(np.int64)[None, :]
        money = sign * self._worth(units, weights) / PRICE_SCALE
        for ticks, part in facts.settlement if sign > 0 else ((0, 1.0),):
            earned[min(tick + ticks, len(earned) - 1)] += money * part

    def _worth(self, units: Units, weights: Sums) -> Sums:
        sums = np.empty((1, len(units)), np.int64)
        self.run.kernels.weigh(units, np.ascontiguousarray(weights), sums)
        worth: Sums = sums[0]
        return worth

    def burn(self, blow: int, tick: int, begins: Flags) -> None:
        """Destroy a share of the stock of the struck sites where a fire breaks out."""
        struck = self.run.conditions.blows[blow]
        share = round(ALL * struck.disruption.severity)
        for i in struck.reach.sites:
            held = self.run.state.sites[i]
            burnt = (held.on_hand.astype(np.int64) * share + ALL // 2) >> 16
            burnt = np.where(begins[:, None], burnt, 0).astype(np.int32)
            held.on_hand -= burnt
            self.destroy(i, tick, burnt)
