"""Weekly sales to replay: made up from a seed, or out of a scenario's own history."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class WeeklySales:
    """Sales by series and week.

    Attributes
    ----------
    keys : product_id, location_id, category; one row a series
    monday : first day of the first week
    sales : (n_series, n_weeks) units; NaN before a series begins
    stockout : (n_series, n_weeks) True where sales are a lower bound on demand
    demand : (n_series, n_weeks) units: what was wanted, as far as it is known
    """

    keys: pd.DataFrame
    monday: np.datetime64
    sales: Floats
    stockout: Bools
    demand: Floats

    @property
    def n_weeks(self) -> int:
        """Weeks of history."""
        return int(self.sales.shape[1])

    def after(self, series: Bools) -> WeeklySales:
        """Return only some series."""
        keys = self.keys[series].reset_index(drop=True)
        return WeeklySales(
            keys, self.monday, self.sales[series], self.stockout[series], self.demand[series]
        )


def make_weekly_sales(n_series: int, n_weeks: int, seed: int) -> WeeklySales:
    """Make up a shop: slow and fast series, a year's season, drifts, launches, stockouts.

    Demand is Poisson with a gamma rate (so negative binomial); the rate is base x drift x season x
    what moves all series together. A stockout loses a random part of a week's demand.
    """
    rng = np.random.default_rng(seed)
    week = np.arange(n_weeks)
    category = rng.integers(0, 12, n_series)
    base = rng.lognormal(0.9, 1.0, n_series)
    amplitude = rng.uniform(0.0, 0.5, 12)[category] * rng.uniform(0.5, 1.5, n_series)
    phase = rng.uniform(0.0, 2.0 * np.pi, 12)[category]
    season = 1.0 + np.clip(amplitude, 0.0, 0.9)[:, None] * np.sin(
        2.0 * np.pi * week / 52.18 + phase[:, None]
    )
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.04, (n_series, n_weeks)), axis=1))
    drift /= drift.mean(axis=1, keepdims=True)
    common = np.exp(np.cumsum(rng.normal(0.0, 0.015, n_weeks)))
    rate = base[:, None] * season * drift * (common / common.mean())
    shape = 1.0 / rng.uniform(0.15, 0.8, n_series)[:, None]
    demand = rng.poisson(rate * rng.gamma(shape, 1.0 / shape, rate.shape)).astype(np.float64)
    latest = max(n_weeks - 40, 1)
    launch = np.where(rng.random(n_series) < 0.25, rng.integers(0, latest, n_series), 0)
    stockout = rng.random(rate.shape) < 0.06
    sales = np.where(stockout, np.floor(demand * rng.random(rate.shape)), demand)
    born = week >= launch[:, None]
    keys = pd.DataFrame(
        {
            "product_id": [f"P{row:05d}" for row in range(n_series)],
            "location_id": "SHOP",
            "category": [f"C{number:02d}" for number in category],
        }
    )
    return WeeklySales(
        keys,
        np.datetime64("2021-04-05", "D"),
        np.where(born, sales, np.nan),
        stockout & born,
        np.where(born, demand, 0.0),
    )


def weekly_sales_of(scenario: Scenario) -> WeeklySales:
    """Add a scenario's history up by product, place and whole week; sales stand for demand.

    Part weeks at either end are left out.
    """
    rows = scenario.filled("demand_history")
    day = rows["date"].to_numpy("datetime64[D]")
    start = np.datetime64(scenario.settings.start_date, "D")
    back = (start - day).astype(np.int64)
    rows, back = rows[back > 0], back[back > 0]
    week = -((back + 6) // 7)
    first = -int(back.max() // 7)
    inside = week >= first
    rows, column = rows[inside], (week - first)[inside]
    keys = rows[["product_id", "location_id"]].drop_duplicates().sort_values(
        ["product_id", "location_id"], ignore_index=True
    )  # fmt: skip
    index = pd.MultiIndex.from_frame(keys)
    row = index.get_indexer(pd.MultiIndex.from_frame(rows[["product_id", "location_id"]]))
    shape = (len(keys), -first)
    flat = row * shape[1] + column
    sold = np.bincount(flat, rows["qty"].to_numpy(np.float64), shape[0] * shape[1]).reshape(shape)
    sold = np.maximum(sold, 0.0)
    out = np.bincount(flat, rows["stockout"].to_numpy(bool), shape[0] * shape[1]).reshape(shape)
    born = np.cumsum(sold, axis=1) > 0.0
    products = scenario.table("products").set_index("product_id")
    category = products["category"].reindex(keys["product_id"]).fillna("").to_numpy(object)
    return WeeklySales(
        keys.assign(category=category),
        start + np.timedelta64(7 * first, "D"),
        np.where(born, sold, np.nan),
        (out > 0.0) & born,
        sold,
    )
