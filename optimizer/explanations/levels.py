"""The level of stock at which one more unit costs as much to hold as it saves in shortages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]

SMALLEST_SD = 1e-9  # units; stands for "no uncertainty"
FAR = 1e8  # units; stands for "nothing is worth its price"; sums with it keep six decimals


def best_level(mean: Floats, sd: Floats, held: Floats, short: Floats, price: Floats) -> Floats:
    """Return units: demand normal, money per unit held and short, money per unit of the level.

    Source: Zipkin (2000), Foundations of Inventory Management, section 9.4 (the newsvendor).
    """
    both = held + short
    share = (short - price) / np.where(both > 0.0, both, 1.0)
    best = mean + np.maximum(sd, SMALLEST_SD) * norm.ppf(np.clip(share, 0.0, 1.0))
    best = np.where((share <= 0.0) | (both <= 0.0), -FAR, best)
    level: Floats = np.maximum(best, -FAR)
    return level
