"""Expected cost of a stock level under normal demand, and the quantity that is best for it.

Source: Zipkin (2000), Foundations of Inventory Management, section 6.3 (normal loss function)
and section 9.4 (the newsvendor).
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from optimizer.replenishment.normal_tables import SMALLEST_TAIL, normal_loss, upper_quantile

Floats = NDArray[np.float64]

SMALLEST_SD = 1e-9  # units; stands for "no uncertainty" without dividing by zero
CHUNK = 8192  # elements; some twenty columns of them stay in a core's cache
THREADED_CHUNKS = 8  # as many are worth a second thread
THREADS = 2
ROOT_TWO_PI = float(np.sqrt(2.0 * np.pi))


def units_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return E[(D - level)+], units, for D ~ Normal(mean, sd); the normal loss function."""
    sd = np.maximum(sd, SMALLEST_SD)
    z = (level - mean) / sd
    if z.ndim != 1 or len(z) <= CHUNK:
        return sd * normal_loss(z)
    for begin in range(0, len(z), CHUNK):
        z[begin : begin + CHUNK] = normal_loss(z[begin : begin + CHUNK])
    short: Floats = sd * z
    return short


def stock_cost(
    level: Floats, mean: Floats, sd: Floats, holding: Floats, shortage: Floats
) -> Floats:
    """Return holding E[(level - D)+] + shortage E[(D - level)+], money."""
    short = units_short(level, mean, sd)
    cost: Floats = holding * (level - mean + short) + shortage * short
    return cost


def best_level(
    mean: Floats, sd: Floats, holding: Floats, shortage: Floats, price: Floats
) -> Floats:
    """Return the level y that minimises stock_cost(y) + price y, units.

    Parameters
    ----------
    price : money per unit. Where price <= -holding more is always better: infinity; where
        price >= shortage nothing is worth its price: minus infinity
    """
    total = holding + shortage
    tail = (holding + price) / np.where(total > 0.0, total, 1.0)
    inner = np.clip(tail, SMALLEST_TAIL, 1.0 - SMALLEST_TAIL)
    level = mean - np.maximum(sd, SMALLEST_SD) * ndtri(inner)
    level = np.where((tail <= 0.0) & (price < 0.0), np.inf, level)
    nothing = (tail >= 1.0) | (total <= 0.0)
    result: Floats = np.where(nothing & (price >= -holding), -np.inf, level)
    return result


def best_quantity(
    position: Floats,
    mean: Floats,
    sd: Floats,
    holding: Floats,
    shortage: Floats,
    per_unit: Floats,
    price: Floats,
    multiple: Floats,
    low: Floats,
    high: Floats,
) -> tuple[Floats, Floats]:
    """Return the quantity in [low, high] that is best, units, and its cost, money.

    The cost stock_cost(position + per_unit q) + price q is convex in q, so that the best
    multiple is one of the two beside the best real number. Long arrays are worked through in
    chunks that stay in the processor's cache, by two threads; neither changes a bit.

    Parameters
    ----------
    per_unit : usable units that one ordered unit brings
    price : money per unit ordered
    multiple : units; 0: any real quantity will do
    low, high : units, multiples of `multiple`; low <= high, high finite
    """
    columns = position, mean, sd, holding, shortage, per_unit, price, multiple, low, high
    if len(position) <= CHUNK:
        return _best_in_chunk(*columns)
    qty, cost = np.empty(len(position)), np.empty(len(position))

    def work(begin: int) -> None:
        part = slice(begin, begin + CHUNK)
        qty[part], cost[part] = _best_in_chunk(*(column[part] for column in columns))

    begins = range(0, len(position), CHUNK)
    if len(begins) < THREADED_CHUNKS:
        for begin in begins:
            work(begin)
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            deque(pool.map(work, begins), maxlen=0)
    return qty, cost


def _best_in_chunk(
    position: Floats,
    mean: Floats,
    sd: Floats,
    holding: Floats,
    shortage: Floats,
    per_unit: Floats,
    price: Floats,
    multiple: Floats,
    low: Floats,
    high: Floats,
) -> tuple[Floats, Floats]:
    sd = np.maximum(sd, SMALLEST_SD)
    total = holding + shortage
    tail = (holding + price / per_unit) / np.where(total > 0.0, total, 1.0)
    target = mean + sd * upper_quantile(tail)
    target = np.where((tail <= 0.0) & (price < 0.0), np.inf, target)
    target = np.where((tail >= 1.0) | (total <= 0.0) & (price >= 0.0), -np.inf, target)
    free = np.clip((target - position) / per_unit, low, high)
    if multiple.all():
        below = np.clip(np.floor(free / multiple + 1e-9) * multiple, low, high)
        above = np.minimum(below + multiple, high)
    else:
        whole = multiple > 0.0
        step = np.where(whole, multiple, 1.0)
        below = np.where(whole, np.floor(free / step + 1e-9) * step, free)
        below = np.clip(below, low, high)
        above = np.where(whole, np.minimum(below + step, high), below)
    start = position - mean
    level_below, level_above = start + per_unit * below, start + per_unit * above
    short_below, short_above = (
        sd * normal_loss(level_below / sd),
        sd * normal_loss(level_above / sd),
    )
    cost_below = holding * level_below + total * short_below + price * below
    cost_above = holding * level_above + total * short_above + price * above
    up = cost_above < cost_below
    return np.where(up, above, below), np.where(up, cost_above, cost_below)
