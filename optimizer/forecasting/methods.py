"""Forecasting methods over all series at once; time is the only loop.

Each method walks through the buckets once and returns, for chosen origins, what it forecasts for
the buckets after them. A method sees nothing after its origin.

Sources: simple and damped exponential smoothing: Gardner (2006), Int. J. Forecasting 22, eq. for
N-N and DA-N; Croston (1972) with the correction of Syntetos and Boylan (2005); TSB: Teunter,
Syntetos and Babai (2011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

Method = Callable[[Floats, Bools, Sequence[int], int], Floats]
"""(demand, censored, origins, horizon) -> (n_origins, n_series, horizon) float64, units a bucket.

demand : (n_series, n_buckets), NaN before a series begins; an origin t has seen columns < t.
"""

SES_ALPHAS = (0.05, 0.1, 0.2, 0.35)
DAMPED = (0.2, 0.05, 0.9)  # level, trend, damping
CROSTON_ALPHA = 0.1
TSB_ALPHAS = (0.1, 0.05)  # size, probability
START_BUCKETS = 8  # known buckets before a trend is believed


def exponential_smoothing(alpha: float) -> Method:
    """Return simple exponential smoothing; a censored bucket can only raise the level.

    The k-th known bucket moves the level by max(alpha, 1 / k): a plain mean until 1 / alpha buckets
    are known, so that the start needs no bucket from later.
    """

    def forecast(demand: Floats, censored: Bools, origins: Sequence[int], horizon: int) -> Floats:
        level, count = np.zeros(len(demand)), np.zeros(len(demand))
        made = []
        for t in range(demand.shape[1] + 1):
            if t in origins:
                made.append(np.repeat(level[:, None], horizon, axis=1))
            if t == demand.shape[1]:
                break
            seen = demand[:, t]
            known = ~np.isnan(seen)
            count = count + known
            moved = level + np.maximum(alpha, 1.0 / np.maximum(count, 1.0)) * (seen - level)
            moved = np.where(censored[:, t], np.maximum(moved, level), moved)
            level = np.where(known, moved, level)
        return np.stack(made)

    return forecast


def damped_trend(alpha: float, beta: float, phi: float) -> Method:
    """Return exponential smoothing with a damped trend; never below 0."""

    def forecast(demand: Floats, censored: Bools, origins: Sequence[int], horizon: int) -> Floats:
        level, count, trend = (np.zeros(len(demand)) for _ in range(3))
        damping = np.cumsum(phi ** np.arange(1, horizon + 1))
        made = []
        for t in range(demand.shape[1] + 1):
            if t in origins:
                made.append(np.maximum(level[:, None] + trend[:, None] * damping, 0.0))
            if t == demand.shape[1]:
                break
            seen = demand[:, t]
            known = ~np.isnan(seen)
            count = count + known
            expected = level + phi * trend
            error = np.where(known, seen - expected, 0.0)
            error = np.where(censored[:, t], np.maximum(error, 0.0), error)
            step = np.maximum(alpha, 1.0 / np.maximum(count, 1.0))
            level = np.where(known, np.maximum(expected + step * error, 0.0), level)
            settled = known & (count > START_BUCKETS)
            trend = np.where(settled, phi * trend + beta * error, trend)
        return np.stack(made)

    return forecast


def croston(alpha: float) -> Method:
    """Return Croston's method with the Syntetos-Boylan correction, for demand with gaps."""

    def forecast(demand: Floats, censored: Bools, origins: Sequence[int], horizon: int) -> Floats:
        size, count = np.zeros(len(demand)), np.zeros(len(demand))
        gap, since = np.ones(len(demand)), np.zeros(len(demand))
        made = []
        for t in range(demand.shape[1] + 1):
            if t in origins:
                bias = np.where(gap > 1.0, 1.0 - alpha / 2.0, 1.0)
                rate = bias * size / np.maximum(gap, 1.0)
                made.append(np.repeat(rate[:, None], horizon, axis=1))
            if t == demand.shape[1]:
                break
            seen = demand[:, t]
            sold = np.where(np.isnan(seen), 0.0, seen) > 0.0
            since = since + (~np.isnan(seen) & ~(censored[:, t] & ~sold))
            count = count + sold
            step = np.maximum(alpha, 1.0 / np.maximum(count, 1.0))
            size = np.where(sold, size + step * (np.where(sold, seen, 0.0) - size), size)
            gap = np.where(sold, gap + step * (np.maximum(since, 1.0) - gap), gap)
            since = np.where(sold, 0.0, since)
        return np.stack(made)

    return forecast


def teunter_syntetos_babai(alpha_size: float, alpha_probability: float) -> Method:
    """Return TSB: size and probability of demand apart, so that dead stock fades away."""

    def forecast(demand: Floats, censored: Bools, origins: Sequence[int], horizon: int) -> Floats:
        size, sales_seen, probability, seen_count = (np.zeros(len(demand)) for _ in range(4))
        made = []
        for t in range(demand.shape[1] + 1):
            if t in origins:
                made.append(np.repeat((probability * size)[:, None], horizon, axis=1))
            if t == demand.shape[1]:
                break
            seen = demand[:, t]
            sold = np.where(np.isnan(seen), 0.0, seen) > 0.0
            counts = ~np.isnan(seen) & ~(censored[:, t] & ~sold)
            sales_seen, seen_count = sales_seen + sold, seen_count + counts
            step = np.maximum(alpha_size, 1.0 / np.maximum(sales_seen, 1.0))
            size = np.where(sold, size + step * (np.where(sold, seen, 0.0) - size), size)
            step = np.maximum(alpha_probability, 1.0 / np.maximum(seen_count, 1.0))
            probability = np.where(counts, probability + step * (sold - probability), probability)
        return np.stack(made)

    return forecast


def seasonal_naive(season: int) -> Method:
    """Return the demand of one season ago; NaN for series that are younger."""

    def forecast(demand: Floats, censored: Bools, origins: Sequence[int], horizon: int) -> Floats:
        made = np.full((len(origins), len(demand), horizon), np.nan)
        for place, origin in enumerate(sorted(origins)):
            for ahead in range(horizon):
                back = origin + ahead - season * (1 + ahead // season)
                if back >= 0:
                    made[place, :, ahead] = demand[:, back]
        return made

    return forecast


def methods(season: int, n_buckets: int) -> dict[str, Method]:
    """Return the methods that a history of this length can feed, by name."""
    found: dict[str, Method] = {
        f"smoothing_{alpha:g}": exponential_smoothing(alpha) for alpha in SES_ALPHAS
    }
    found["damped_trend"] = damped_trend(*DAMPED)
    found["croston_sba"] = croston(CROSTON_ALPHA)
    found["tsb"] = teunter_syntetos_babai(*TSB_ALPHAS)
    if n_buckets > season:
        found["seasonal_naive"] = seasonal_naive(season)
    return found
