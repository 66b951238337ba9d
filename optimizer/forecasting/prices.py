"""Price elasticity: by how much demand grows when the price falls, pooled and shrunk."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.panel import Floats

Ints = NDArray[np.int64]

DEFAULT_ELASTICITY = -2.62
"""Mean of 1,851 elasticities: Bijmolt, van Heerde, Pieters (2005), J. Marketing Research 42."""
PRIOR = 1.0  # sum of squared log price changes that the default weighs; 100 changes of 10 %
LIMITS = (-6.0, 0.0)
BIN = 0.1  # width in log price
N_BINS = 19  # from a tenth of the usual price to twice it
FEWEST_UNITS = 20.0  # expected in a bin before it is looked at
LEAST_CHANGE = 0.02  # log price changes below it say nothing


def learn_elasticities(
    sales: Floats, usual: Floats, price: Floats | None, group: Ints, n_groups: int
) -> Floats:
    """Return the elasticity of each group: (n_groups,) float64.

    Log of units sold over units usual against log of price over the series' median price, in bins
    of price so that weeks without sales count; least squares through the origin, drawn towards
    DEFAULT_ELASTICITY, all groups first and then each.

    Parameters
    ----------
    sales, usual, price : (n_series, n_buckets); NaN in `sales` or `price`: not looked at
    group : (n_series,) group of each series
    """
    if price is None:
        return np.full(n_groups, DEFAULT_ELASTICITY)
    change = _log_change(price)
    known = ~np.isnan(sales) & ~np.isnan(change) & (usual > 0.0)
    known &= np.abs(change) >= LEAST_CHANGE
    place = np.clip(np.rint(np.nan_to_num(change) / BIN), -12, 6).astype(np.int64) + 12
    cell = (group[:, None] * N_BINS + place)[known]
    shape = (n_groups, N_BINS)

    def add_up(values: Floats) -> Floats:
        found = np.bincount(cell, values[known], minlength=n_groups * N_BINS)
        return found.astype(np.float64).reshape(shape)

    sold, expected = add_up(sales), add_up(usual)
    count = add_up(np.ones_like(sales))
    moved = add_up(change * usual)
    at = np.divide(moved, expected, out=np.zeros(shape), where=expected > 0.0)
    everyone = _slope(
        sold.sum(axis=0), expected.sum(axis=0), _mean_over_groups(at, expected), count.sum(axis=0),
        DEFAULT_ELASTICITY,
    )  # fmt: skip
    return np.array(
        [_slope(sold[g], expected[g], at[g], count[g], everyone) for g in range(n_groups)]
    )


def _mean_over_groups(at: Floats, expected: Floats) -> Floats:
    """Return the mean of log changes by bin over groups, weighted by what was expected."""
    whole = expected.sum(axis=0)
    found: Floats = np.divide(
        (at * expected).sum(axis=0), whole, out=np.zeros(len(whole)), where=whole > 0.0
    )
    return found


def _log_change(price: Floats) -> Floats:
    """Return log of price over the median price of the series, last known price carried on."""
    known = ~np.isnan(price)
    filled = np.where(known, price, 0.0)
    column = np.maximum.accumulate(np.where(known, np.arange(price.shape[1]), 0), axis=1)
    filled = np.take_along_axis(filled, column, axis=1)
    filled = np.where(filled > 0.0, filled, np.nan)
    lasting = np.where(np.isnan(filled), np.inf, filled)
    count = (~np.isnan(filled)).sum(axis=1)
    middle = np.take_along_axis(
        np.sort(lasting, axis=1), np.maximum((count - 1) // 2, 0)[:, None], axis=1
    )
    middle = np.where(np.isfinite(middle), middle, np.nan)
    found: Floats = np.log(filled / middle)
    return found


def _slope(sold: Floats, expected: Floats, at: Floats, count: Floats, towards: float) -> float:
    use = expected >= FEWEST_UNITS
    if not use.any():
        return towards
    ratio = np.log((sold[use] + 0.5) / (expected[use] + 0.5))
    x, weight = at[use], count[use]
    slope = (weight * x * ratio).sum() + PRIOR * towards
    return float(np.clip(slope / ((weight * x * x).sum() + PRIOR), *LIMITS))


def uplift_of(discount_pct: float, elasticity: float) -> float:
    """Return extra demand (1 = twice as much) of a price cut at constant elasticity."""
    left = max(1.0 - discount_pct / 100.0, 0.05)
    return float(left**elasticity - 1.0)
