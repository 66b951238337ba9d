"""A forecast with more or less demand in some buckets, as its table states it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.overrides import PLANNER
from optimizer.forecasting.tables import DECIMALS
from optimizer.promotion.ask import GOODS, Levels
from scenarios import Scenario

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Laid:
    """Factors on demand by product-location and bucket.

    Attributes
    ----------
    pairs : product_id, location_id, in the order of the rows
    factor : (n_pairs, n_buckets) float64
    taken_out : they take out what other factors have put in
    """

    pairs: pd.DataFrame
    factor: Floats
    taken_out: bool = False


def running(levels: Levels, scenario: Scenario) -> Floats:
    """Return (n_buckets,) the share of each bucket's days on which a promotion runs."""
    settings = scenario.settings
    opens = settings.bucket_days * np.arange(settings.horizon_buckets)
    until = np.minimum(levels.last + 1, opens + settings.bucket_days)
    days = np.maximum(until - np.maximum(levels.first, opens), 0)
    share: Floats = days / settings.bucket_days
    return share


def effect(levels: Levels, level: str, scenario: Scenario) -> Laid:
    """Return what a promotion does to demand by bucket: its goods, and what it takes from."""
    share = running(levels, scenario)
    own = 1.0 + share * (levels.factor(level).to_numpy(np.float64)[:, None] - 1.0)
    taken = 0.0 if levels.taken is None else levels.taken
    lost = np.repeat((1.0 - share * taken)[None, :], len(levels.losers), axis=0)
    pairs = pd.concat([levels.goods[GOODS], levels.losers[GOODS]], ignore_index=True)
    return Laid(pairs, np.concatenate([own, lost]))


def undone(laid: Laid, forecast: pd.DataFrame, scenario: Scenario) -> Laid:
    """Return the factors that take an effect out of a forecast that the methods made with it.

    Buckets that the planner forecast do not have it: the planner's number stands alone there.
    """
    settings = scenario.settings
    rows = forecast[forecast["span_buckets"].eq(1.0) & forecast["quantile"].isna()]
    bucket = (rows["bucket"] - pd.Timestamp(settings.start_date)).dt.days // settings.bucket_days
    own = pd.MultiIndex.from_frame(laid.pairs).get_indexer(pd.MultiIndex.from_frame(rows[GOODS]))
    with_it = np.zeros(laid.factor.shape, bool)
    use = (own >= 0) & (rows["method"] != PLANNER).to_numpy()
    with_it[own[use], bucket.to_numpy(np.int64)[use]] = True
    factor = np.where(with_it & (laid.factor > 0.0), 1.0 / np.maximum(laid.factor, 1e-9), 1.0)
    return Laid(laid.pairs, factor, taken_out=True)


def lay_over(forecast: pd.DataFrame, laid: Laid, scenario: Scenario) -> pd.DataFrame:
    """Return a plan's table `forecast` with means and quantiles multiplied.

    The spread of a total of several buckets grows with the mean factor of them, as that of the
    planner's own forecasts does.
    """
    settings = scenario.settings
    key = pd.MultiIndex.from_frame(laid.pairs)
    row = key.get_indexer(pd.MultiIndex.from_frame(forecast[GOODS]))
    bucket = (forecast["bucket"] - pd.Timestamp(settings.start_date)).dt.days
    at = (bucket // settings.bucket_days).to_numpy(np.int64)
    span = forecast["span_buckets"].to_numpy(np.int64)
    quantity = forecast["qty"].to_numpy(np.float64).copy()
    quantile = forecast["quantile"].to_numpy(np.float64)
    before = np.zeros(laid.factor.shape)
    single = (row >= 0) & (span == 1)
    means = single & np.isnan(quantile)
    before[row[means], at[means]] = quantity[means]
    after = np.round(before * laid.factor, DECIMALS)
    quantity[single] = np.round(quantity[single] * laid.factor[row[single], at[single]], DECIMALS)
    several = np.flatnonzero((row >= 0) & (span > 1))
    for length in np.unique(span[several]):
        rows = several[span[several] == length]
        own = row[rows]
        old, new = before[own, :length].sum(axis=1), after[own, :length].sum(axis=1)
        factor = laid.factor[own, :length]
        wider = 1.0 / (1.0 / factor).mean(axis=1) if laid.taken_out else factor.mean(axis=1)
        moved = np.maximum(new + (quantity[rows] - old) * wider, 0.0)
        quantity[rows] = np.round(np.where(np.isnan(quantile[rows]), new, moved), DECIMALS)
    return forecast.assign(qty=quantity)
