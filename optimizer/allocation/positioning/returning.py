"""What customers send back while a site waits for its supplier: stock that needs no move."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.allocation.positioning.demand import RegionDemand
from optimizer.allocation.positioning.problem import Floats
from scenarios import Scenario
from scenarios.semantics.returns import recent_sales, resold_shares
from scenarios.semantics.waiting import Waits


class RegionReturns:
    """Units that come back to each site and are sold again; rows and columns as the demand's.

    Each unit sold comes back with its rate, after its days, independently of all others.

    Parameters
    ----------
    scenario : with `return_rates` and `demand_history`
    demand : what will be sold
    products, sites : ids of its rows and columns
    """

    def __init__(
        self, scenario: Scenario, demand: RegionDemand, products: list[str], sites: list[str]
    ) -> None:
        self.demand = demand
        shares = resold_shares(scenario)
        row = pd.Index(products).get_indexer(shares["product_id"])
        shares, row = shares[row >= 0], row[row >= 0]
        number = shares.groupby("product_id", sort=False).cumcount().to_numpy(np.int64)
        shape = (int(number.max(initial=-1)) + 1, len(products))
        self.rate, self.delay = np.zeros(shape), np.ones(shape)  # of one reason per product each
        self.rate[number, row] = shares["rate"].to_numpy(np.float64)
        self.delay[number, row] = shares["delay_days"].to_numpy(np.float64)
        sales = recent_sales(scenario)
        at = (
            pd.Index(products).get_indexer(sales["product_id"]),
            pd.Index(sites).get_indexer(sales["site_id"]),
        )
        known = (at[0] >= 0) & (at[1] >= 0)
        self.at = at[0][known], at[1][known]
        sales = sales[known]
        self.first = sales["day"].to_numpy(np.float64)
        self.length = sales["days"].to_numpy(np.float64)
        self.qty = sales["qty"].to_numpy(np.float64)

    def over(self, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back in the first days, (n_products, n_sites).

        Parameters
        ----------
        days : (n_products, n_sites)
        """
        total, spread = np.zeros(days.shape), np.zeros(days.shape)
        for rate, delay in zip(self.rate[:, :, None], self.delay[:, :, None], strict=True):
            until = days - delay  # sales of later days come back too late
            ahead, ahead_variance = self.demand.over(np.maximum(until, 0.0))
            sold = ahead + self._sold(-delay, np.minimum(until, 0.0))
            total += rate * sold
            spread += rate * (1.0 - rate) * sold + rate**2 * ahead_variance
        return total, spread

    def _sold(self, begin: Floats, end: Floats) -> Floats:
        """Return units sold between two days before the start, (n_products, n_sites)."""
        units = np.zeros(end.shape)
        last = np.minimum(self.first + self.length, end[self.at])
        overlap = last - np.maximum(self.first, begin[self.at[0], 0])
        np.add.at(units, self.at, self.qty * np.maximum(overlap, 0.0) / self.length)
        return units


def returned_while_waiting(returns: RegionReturns, waits: Waits) -> tuple[Floats, Floats]:
    """Return mean and variance of what comes back where it is waited for.

    To a site that feeds others comes, besides, what comes back to them between the end of their
    waiting time and of its own: as with what they ask for.
    """
    mean, variance = returns.over(waits.days)
    products, sites = mean.shape
    own = np.broadcast_to(np.arange(sites), mean.shape)
    fed = waits.root != own
    if fed.any():
        each = np.broadcast_to(np.arange(products)[:, None], mean.shape)
        later = np.where(fed, np.maximum(waits.days[each, waits.root], waits.days), waits.days)
        then, then_variance = returns.over(later)
        now, now_variance = returns.over(waits.days)
        at = (each[fed], waits.root[fed])
        np.add.at(mean, at, (then - now)[fed])
        np.add.at(variance, at, (then_variance - now_variance)[fed])
    return mean, np.maximum(variance, 0.0)
