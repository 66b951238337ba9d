"""Weekly retail demand made up from a seed, with the truth that no shop ever sees.

Products sell in several shops. Demand is negative binomial around a level that drifts, a yearly
season of the category that differs by product, a trend, and promotions of nobody's planning;
products are launched and die; stock runs out, and then sales are what was there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RetailSeries:
    """Demand and sales of one row a product in a shop.

    Attributes
    ----------
    demand : (n_series, n_weeks) float64, units; what customers wanted
    sales : same shape; NaN before the launch
    censored : same shape, bool; sales fell short of demand
    product, location, category : (n_series,) int64
    """

    demand: Floats
    sales: Floats
    censored: Bools
    product: Ints
    location: Ints
    category: Ints


def make_retail_series(
    n_series: int, n_weeks: int, seed: int, *, stockout_share: float = 0.1
) -> RetailSeries:
    """Make up demand; about `stockout_share` of the weeks lie in a spell without enough stock."""
    rng = np.random.default_rng(seed)
    n_products = max(1, int(n_series / 2.5))
    product = np.sort(rng.integers(0, n_products, n_series))
    location = rng.integers(0, 40, n_series)
    category_of = rng.integers(0, 8, n_products)
    category = category_of[product]
    week = np.arange(n_weeks)
    peak = rng.uniform(0.0, 52.0, 8)
    height = rng.gamma(2.0, 0.15, 8)
    own_height = height[category_of] * rng.gamma(4.0, 0.25, n_products)
    own_peak = peak[category_of] + rng.normal(0.0, 3.0, n_products)
    angle = 2.0 * np.pi * (week[None, :] - own_peak[:, None]) / 52.0
    christmas = np.exp(-0.5 * ((week % 52 - 50.0) / 1.5) ** 2)
    season = (
        own_height[:, None] * np.cos(angle)
        + rng.gamma(1.5, 0.2, 8)[category_of][:, None] * christmas
    )
    drift = np.cumsum(rng.normal(0.0, 0.04, (n_products, n_weeks)), axis=1)
    jumps = rng.random((n_products, n_weeks)) < 0.008
    drift += np.cumsum(jumps * rng.normal(0.0, 0.5, jumps.shape), axis=1)
    popular = rng.normal(0.0, 0.4, n_products)
    local = np.cumsum(rng.normal(0.0, 0.03, (n_series, n_weeks)), axis=1)
    level = np.log(rng.gamma(0.8, 3.0, n_series) + 0.15)
    rate = np.exp(level[:, None] + (popular[:, None] + season + drift)[product] + local)
    lifted = rng.random((n_products, n_weeks)) < 0.02
    rate *= np.where(lifted, rng.uniform(1.3, 2.5, lifted.shape), 1.0)[product]
    launch = np.where(rng.random(n_products) < 0.25, rng.integers(0, n_weeks, n_products), 0)
    death = np.where(
        rng.random(n_products) < 0.12, launch + rng.integers(20, 2 * n_weeks, n_products), 10**6
    )
    rate = np.where(week >= death[product][:, None], rate * 0.03, rate)
    shape = rng.uniform(1.0, 8.0, n_series)[:, None]
    demand = rng.poisson(rng.gamma(shape, rate / shape)).astype(np.float64)
    begun = week >= launch[product][:, None]
    spell = np.zeros((n_series, n_weeks), bool)
    begins = rng.random((n_series, n_weeks)) < stockout_share / 2.5
    for length in range(4):
        lasts = begins & (rng.random(begins.shape) < 0.7**length)
        spell[:, length:] |= lasts[:, : n_weeks - length]
    stock = np.floor(rate * rng.uniform(0.0, 1.5, rate.shape))
    sold = np.where(spell, np.minimum(demand, stock), demand)
    censored = (sold < demand) & begun
    sales = np.where(begun, sold, np.nan)
    keep = begun.any(axis=1)
    return RetailSeries(
        demand[keep], sales[keep], censored[keep], product[keep], location[keep], category[keep]
    )
