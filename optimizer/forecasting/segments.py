"""ABC by contribution and XYZ by variability: the segments in which series learn together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]

ABC_SHARES = (0.8, 0.95)  # cumulative share of value up to which A and B reach
XYZ_LIMITS = (0.5, 1.0)  # coefficient of variation up to which X and Y reach


def segments(sales: Floats, value_per_unit: Floats) -> NDArray[np.object_]:
    """Return the segment of each series, as in "AX".

    Parameters
    ----------
    sales : (n_series, n_buckets) float64, units; NaN before a series begins
    value_per_unit : (n_series,) float64, money
    """
    known = ~np.isnan(sales)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, sales, 0.0)
    mean = filled.sum(axis=1) / count
    variance = np.where(known, (sales - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
    cv = np.divide(np.sqrt(variance), mean, out=np.full(len(mean), np.inf), where=mean > 0)
    value = filled.sum(axis=1) * value_per_unit
    order = np.argsort(-value, kind="stable")
    total = max(float(value.sum()), 1e-12)
    before = np.empty(len(value))
    before[order] = (np.cumsum(value[order]) - value[order]) / total
    abc = np.select([before < ABC_SHARES[0], before < ABC_SHARES[1]], ["A", "B"], "C")
    xyz = np.select([cv <= XYZ_LIMITS[0], cv <= XYZ_LIMITS[1]], ["X", "Y"], "Z")
    joined: NDArray[np.object_] = (pd.Series(abc) + pd.Series(xyz)).to_numpy(object)
    return joined
