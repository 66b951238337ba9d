"""Age of stock by its lots: first in, first out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]

OLD_DAYS = 180.0  # age at sale from which stock is called aged


@dataclass(frozen=True, slots=True)
class Ages:
    """Age of each pair's stock, (n_pairs,).

    Attributes
    ----------
    mean_days, oldest_days : of the units whose day of receipt is known; NaN: none
    aged_units : units that will be older than OLD_DAYS when they are sold, oldest sold first, at
        the forecast rate; without demand those that are that old today
    """

    mean_days: Floats
    oldest_days: Floats
    aged_units: Floats


def stock_ages(facts: Facts, rate: Floats) -> Ages:
    """Return the ages of all stock on hand.

    Parameters
    ----------
    rate : (n_pairs,) units sold per day
    """
    count = len(facts.pairs)
    stock = facts.scenario.table("inventory")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    stock = stock[stock["received_on"].notna() & (stock["on_hand"] > 0.0)]
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    at = index.get_indexer(pd.MultiIndex.from_frame(stock[["site_id", "product_id"]]))
    known = at >= 0
    pair = at[known]
    units = stock["on_hand"].to_numpy(np.float64)[known]
    days = np.maximum((start - stock["received_on"]).dt.days.to_numpy(np.float64)[known], 0.0)
    order = np.lexsort((-days, pair))
    pair, units, days = pair[order], units[order], days[order]
    total = np.bincount(pair, units, count)
    weighted = np.bincount(pair, units * days, count)
    mean = np.full(count, np.nan)
    np.divide(weighted, total, out=mean, where=total > 0.0)
    oldest = np.full(count, -np.inf)
    np.maximum.at(oldest, pair, days)
    # a unit at place k of its pair's queue is sold k / rate days from now
    queue = np.cumsum(units)
    first = np.r_[True, pair[1:] != pair[:-1]][: len(pair)]
    ahead = queue - units
    ahead = ahead - np.maximum.accumulate(np.where(first, ahead, 0.0))
    in_time = np.maximum(OLD_DAYS - days, 0.0) * rate[pair] - ahead
    aged = units - np.clip(in_time, 0.0, units)
    never = (rate[pair] <= 0.0) & (days < OLD_DAYS)
    aged = np.where(never, 0.0, aged)
    late = np.bincount(pair, aged, count).astype(np.float64)
    return Ages(mean, np.where(np.isinf(oldest), np.nan, oldest), late)
