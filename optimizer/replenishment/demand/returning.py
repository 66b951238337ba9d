"""What customers send back and what is sold again: units expected within an interval.

Each unit sold comes back with the chance that its product's rate states, after the days that the
table states, independently of all others. What was sold in the past is known, what will be sold is
as uncertain as the forecast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.from_forecast import SiteForecast
from scenarios import Scenario
from scenarios.semantics.returns import PAIR, recent_sales, resold_shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason per product for which goods come back.

    Attributes
    ----------
    rows : (n,) pairs that it is about
    rate : (n,) share of the units sold
    delay : (n,) days from sale to return
    """

    rows: Ints
    rate: Floats
    delay: Floats


@dataclass(frozen=True, slots=True)
class Returning:
    """Goods that will be stock again, by pair.

    Attributes
    ----------
    forecast : demand to come
    forecast_row : (n_pairs,) row of its grids; -1: none
    reasons : each with at most one row per pair
    place : (n_pairs,) row of `sold`; -1: nothing of it was sold lately
    sold : (n_rows, n_days + 1) units sold in the last 0, 1, .. days
    """

    forecast: SiteForecast
    forecast_row: Ints
    reasons: tuple[Reason, ...]
    place: Ints
    sold: Floats

    def over(self, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back in the first `days` days of each pair.

        Of n units sold for sure, n x rate come back, with variance n x rate x (1 - rate); of
        demand with mean m and variance v, m x rate, with variance m x rate x (1 - rate) +
        v x rate^2. Reasons count as independent of each other.

        Parameters
        ----------
        days : (n_pairs,)

        Returns
        -------
        mean, variance : (n_pairs,) units, units^2
        """
        return self.of(np.arange(len(days)), days)

    def of(self, at: Ints, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back to some pairs in their first days.

        Parameters
        ----------
        at : (n,) pairs, also more than once
        days : (n,)
        """
        mean, variance = np.zeros(len(days)), np.zeros(len(days))
        for reason in self.reasons:
            place = np.full(len(self.place), -1, np.int64)
            place[reason.rows] = np.arange(len(reason.rows))
            asked = np.flatnonzero(place[at] >= 0)
            number = place[at[asked]]
            rows, rate, delay = at[asked], reason.rate[number], reason.delay[number]
            until = days[asked]
            early = np.maximum(until - delay, 0.0)
            ahead, spread = self.forecast.over(self.forecast_row[rows], early)
            past = self._sold(rows, delay)
            past = past - self._sold(rows, np.maximum(delay - until, 0.0))
            mean[asked] += rate * (past + ahead)
            variance[asked] += rate * (1.0 - rate) * (past + ahead) + rate**2 * spread
        return mean, variance

    def between(self, day: float, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back in the `days` days from a day on.

        Parameters
        ----------
        day : days from start; days : (n_pairs,)
        """
        mean, variance = self.over(day + days)
        before, before_variance = self.over(np.full(len(days), day))
        return mean - before, np.maximum(variance - before_variance, 0.0)

    def by_bucket(self, buckets: int, length: int) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back in each bucket, (n_pairs, n_buckets)."""
        ends = [np.full(len(self.place), float(end * length)) for end in range(1, buckets + 1)]
        totals = [self.over(end) for end in ends]
        mean = np.column_stack([total[0] for total in totals])
        variance = np.maximum.accumulate(np.column_stack([total[1] for total in totals]), axis=1)
        return np.diff(mean, axis=1, prepend=0.0), np.diff(variance, axis=1, prepend=0.0)

    def _sold(self, rows: Ints, days: Floats) -> Floats:
        """Return units sold in the last `days` days; a part of a day counts in part."""
        place = self.place[rows]
        whole = np.floor(days).astype(np.int64)
        last = self.sold.shape[1] - 1
        at = np.maximum(place, 0)
        below = self.sold[at, np.minimum(whole, last)]
        above = self.sold[at, np.minimum(whole + 1, last)]
        return np.where(place >= 0, below + (days - whole) * (above - below), 0.0)


def net_demand(
    forecast: SiteForecast,
    forecast_row: Ints,
    returning: Returning | None,
    at: Ints,
    days: Floats,
) -> tuple[Floats, Floats]:
    """Return mean and variance of demand less what comes back in the first days of some pairs.

    Parameters
    ----------
    forecast_row : (n_pairs,) row of the forecast's grids
    at : (n,) pairs; days : (n,)
    """
    mean, variance = forecast.over(forecast_row[at], days)
    if returning is None:
        return mean, variance
    back, spread = returning.of(at, days)
    return mean - back, variance + spread


def read_returning(
    scenario: Scenario, pairs: pd.DataFrame, forecast: SiteForecast
) -> Returning | None:
    """Return what comes back to each pair; None where nothing is sold again.

    Parameters
    ----------
    pairs : site_id, product_id, forecast_row
    """
    shares = resold_shares(scenario)
    shares = shares[shares["product_id"].isin(set(pairs["product_id"]))]
    if not len(shares):
        return None
    number = shares.groupby("product_id", sort=False).cumcount()
    reasons = []
    for _, part in shares.groupby(number, sort=True):
        of = pd.Index(part["product_id"]).get_indexer(pd.Index(pairs["product_id"]))
        rows = np.flatnonzero(of >= 0)
        rate, delay = part["rate"].to_numpy(np.float64), part["delay_days"].to_numpy(np.float64)
        reasons.append(Reason(rows, rate[of[rows]], delay[of[rows]]))
    place, sold = _sold_lately(scenario, pairs, int(shares["delay_days"].max()))
    forecast_row = pairs["forecast_row"].to_numpy(np.int64)
    return Returning(forecast, forecast_row, tuple(reasons), place, sold)


def _sold_lately(scenario: Scenario, pairs: pd.DataFrame, longest: int) -> tuple[Ints, Floats]:
    """Return each pair's row, and units sold in the last 0 .. `longest` days, a row each."""
    sales = recent_sales(scenario)
    index = pd.MultiIndex.from_frame(pairs[PAIR])
    at = index.get_indexer(pd.MultiIndex.from_frame(sales[PAIR]))
    sales, at = sales[at >= 0], at[at >= 0]
    kept, row = np.unique(at, return_inverse=True)
    place = np.full(len(pairs), -1, np.int64)
    place[kept] = np.arange(len(kept))
    day = -sales["day"].to_numpy(np.float64)
    length, qty = sales["days"].to_numpy(np.float64), sales["qty"].to_numpy(np.float64)
    sold = np.zeros((max(len(kept), 1), longest + 1))
    for back in range(1, longest + 1):
        inside = np.clip(back - (day - length), 0.0, length) / length
        sold[: len(kept), back] = np.bincount(row, qty * inside, len(kept))
    return place, sold
