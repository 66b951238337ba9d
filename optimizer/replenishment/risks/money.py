"""What more goes short where supply comes later or smaller, or demand is larger: the plan's terms.

The plan prices a shortage as E[(D - level)+] x the cost of a unit short, D normal over the
protection interval, level the position after tonight's orders (optimizer/README.md). A risk moves
one of the three; what is lost is the difference, product-location by product-location.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.alerting.rows import pair_entity
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.risks.row import Items
from optimizer.replenishment.stock_cost import units_short

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Stakes:
    """Product-locations at which the plan counts demand, after tonight's orders.

    Attributes
    ----------
    level : (n_pairs,) units, position after tonight's orders, fed pairs counted at their root
    primary : (n_pairs,) the supplier that is asked first; "" where there is none
    """

    facts: Facts
    level: Floats
    primary: NDArray[np.object_]

    @classmethod
    def of(cls, facts: Facts, level: Floats) -> Stakes:
        """Gather them."""
        primary = np.full(len(facts.pairs), "", object)
        first = facts.offers[facts.offers["primary"]]
        primary[first["pair"].to_numpy(np.int64)] = first["supplier_id"].to_numpy(object)
        return cls(facts, level, primary)

    def of_supplier(self, supplier: str, site: str = "") -> Ints:
        """Return the counted pairs that a supplier replenishes, at one site or all."""
        mine = self.facts.counted & (self.primary == supplier)
        if site:
            mine &= (self.facts.pairs["site_id"] == site).to_numpy(bool)
        return np.flatnonzero(mine)

    def demand(self, rows: Ints, more_days: float = 0.0) -> tuple[Floats, Floats]:
        """Return mean and sd of demand over the protection interval and some days more."""
        pairs = self.facts.pairs
        root = pairs["root"].to_numpy(np.int64)
        place = np.full(len(pairs), -1)
        place[rows] = np.arange(len(rows))
        members = np.flatnonzero(place[root] >= 0)
        owner = place[root[members]]
        days = pairs["protection_days"].to_numpy(np.float64)[rows] + more_days
        own, spread = self.facts.forecast.over(
            pairs["forecast_row"].to_numpy(np.int64)[members], days[owner]
        )
        mean = np.bincount(owner, own, minlength=len(rows)).astype(np.float64)
        variance = np.bincount(owner, spread, minlength=len(rows))
        rate = np.divide(mean, days, out=np.zeros(len(rows)), where=days > 0.0)
        lead = pairs["lead_variance"].to_numpy(np.float64)[rows]
        return mean, np.sqrt(variance + rate**2 * lead)

    def lost(
        self,
        rows: Ints,
        *,
        more_days: float = 0.0,
        fewer: Floats | None = None,
        factor: float = 1.0,
    ) -> Items:
        """Return what more goes short of some pairs, at the cost of a unit short.

        Parameters
        ----------
        rows : (n,) counted pairs
        more_days : by which replenishment takes longer
        fewer : (n,) units that do not come; None: all come
        factor : on demand
        """
        level = self.level[rows]
        mean, sd = self.demand(rows)
        before = units_short(level, mean, sd)
        if more_days:
            mean, sd = self.demand(rows, more_days)
        left = level if fewer is None else level - fewer
        after = units_short(left, factor * mean, factor * sd)
        units = np.where(mean > 0.0, np.maximum(after - before, 0.0), 0.0)
        pairs = self.facts.pairs.iloc[rows]
        return Items.of(pair_entity(pairs), units, pairs["shortage_cost"].to_numpy(np.float64))
