"""What a unit at a site is worth to orders that may still come: drawn futures, played out.

Source: Bertsekas, Tsitsiklis and Wu (1997), Rollout algorithms for combinatorial optimization.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.arrivals import Arrivals
from optimizer.allocation.sourcing.tariff import Floats, Ints, Tariff

FUTURES = 32


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Drawn arrivals of lines of a product, a unit each, future by future, by time.

    Attributes
    ----------
    first : (FUTURES + 1,) int64, where each begins
    at : (n,) float64, part of the span that has passed
    zone : (n,) int64
    cost : (n_zones, n_sites) float64, money of sending a unit; inf where none can
    rank : (n_zones, n_sites) int64, sites by cost
    penalty : money of not sending it
    """

    first: Ints
    at: Floats
    zone: Ints
    cost: Floats
    rank: Ints
    penalty: float


class FuturePrices:
    """Prices of stock by what is left and who may still come.

    Of each product futures are drawn once. Played from now on, every customer gets a unit from the
    cheapest site that has one left, or nothing where that is cheaper; a unit at a site is worth
    what the futures cost more on average without it.

    Parameters
    ----------
    rates : rates from all sites to all zones, sites in the order of the desk
    zones : ids, in the order of the tariff
    handling : (n_sites,) money per unit
    """

    def __init__(
        self, arrivals: Arrivals, tariff: Tariff, zones: pd.Index, handling: Floats, seed: int = 0
    ) -> None:
        self.arrivals, self._tariff, self._handling = arrivals, tariff, handling
        self._seed = seed
        lines = arrivals.lines
        lines = lines[(lines["lines"] > 0.0) & lines["zone_id"].isin(zones)]
        lines = lines.sort_values(["product_id", "zone_id"], ignore_index=True)
        zone = zones.get_indexer(lines["zone_id"])
        amount = lines["lines"].to_numpy(np.float64)
        self._of = {
            str(product): (number, zone[rows], amount[rows])
            for number, (product, rows) in enumerate(lines.groupby("product_id").indices.items())
        }
        self._drawn: dict[str, _Drawn] = {}

    def of(
        self,
        product: str,
        facts: tuple[float, float, float, float, float],
        left: Floats,
        now: dt.datetime,
    ) -> Floats:
        """Return what a unit of a product is worth at each site, (n_sites,) float64.

        Parameters
        ----------
        facts : kg, m3, 1, the money of not shipping a unit, and what it is worth if it stays
        left : (n_sites,) units there
        """
        from optimizer.allocation.sourcing.futures_compiled import worth  # compiles, once

        value = np.zeros(len(left))
        if product not in self._of:
            return value
        if product not in self._drawn:
            self._drawn[product] = self._draw(product, facts)
        play = self._drawn[product]
        worth(
            left, self.arrivals.part_of(now), play.first, play.at, play.zone, play.cost, play.rank,
            play.penalty, value,
        )  # fmt: skip
        return value

    def _draw(self, product: str, facts: tuple[float, float, float, float, float]) -> _Drawn:
        number, zone, lines = self._of[product]
        rng = np.random.default_rng([self._seed, number])
        count = rng.poisson(lines.sum(), FUTURES)
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        whose = np.repeat(np.arange(FUTURES), count)
        at = rng.random(first[-1])
        at = at[np.lexsort((at, whose))]
        kg, m3, _, penalty, goods = facts
        cost = self._costs(kg, m3) + goods
        return _Drawn(
            first,
            at,
            rng.choice(zone, first[-1], p=lines / lines.sum()),
            cost,
            np.argsort(cost, axis=1, kind="stable"),
            penalty,
        )

    def _costs(self, kg: float, m3: float) -> Floats:
        """Return the money of a unit from each site to each zone, with its part of the base."""
        tariff = self._tariff
        rows = tariff.rows_at.transpose(1, 0, 2)
        if not len(tariff.base):
            return np.full(rows.shape[:2], np.inf)
        money = tariff.cost(rows, np.array(kg), np.array(m3)) + tariff.co2[rows]
        money = money - (1.0 - self.arrivals.share_of_base) * tariff.base[rows]
        money[(rows < 0) | (tariff.upto_kg[rows] < kg)] = np.inf
        cost: Floats = money.min(axis=2, initial=np.inf) + self._handling
        return np.ascontiguousarray(cost)
