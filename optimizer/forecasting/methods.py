"""Forecasting methods over all series at once; time is the only loop.

A method walks through the buckets of a panel once and returns, for chosen origins, the path that
it expects after them, before seasonal factors and effects. A method sees nothing after its origin.
Known buckets alone move a state; the k-th of them moves a level by max(alpha, 1 / k): a plain mean
until 1 / alpha buckets are known, so that the start needs no bucket from later.

Sources: simple and damped exponential smoothing: Gardner (2006), Int. J. Forecasting 22, eq. for
N-N and DA-N; Croston (1972) with the correction of Syntetos and Boylan (2005); TSB: Teunter,
Syntetos and Babai (2011).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from optimizer.forecasting.panel import Floats, Panel

Method = Callable[[Panel, Sequence[int], int], Floats]
"""(panel, origins ascending, horizon) -> (n_origins, horizon or 1, n_series) float64, units a
bucket; 1 means the same in every bucket. An origin t has seen buckets < t."""

SMOOTHING_ALPHAS = (0.05, 0.1, 0.2, 0.35)
AVERAGE_WINDOWS = (8, 13, 26)
DAMPED = (0.2, 0.05, 0.9)  # level, trend, damping
CROSTON_ALPHA = 0.1
TSB_ALPHAS = (0.1, 0.05)  # size, probability
START_BUCKETS = 8  # known buckets before a trend is believed
NEIGHBOURS = 2  # buckets either side of last year's that tell of this year's
PRIOR_UNITS = 20.0  # expected units last year that weigh as much as the pooled season


def exponential_smoothing(
    panel: Panel, origins: Sequence[int], horizon: int, *, alpha: float
) -> Floats:
    """Return simple exponential smoothing."""
    level, seen = np.zeros(panel.qty.shape[1]), np.zeros(panel.qty.shape[1])
    made = []
    for t in range(panel.n_buckets + 1):
        if t in origins:
            made.append(level.copy())
        if t == panel.n_buckets:
            break
        seen += panel.known[t]
        step = np.maximum(seen, 1.0)
        np.divide(1.0, step, out=step)
        np.maximum(step, alpha, out=step)
        step *= panel.known[t]
        step *= panel.qty[t] - level
        level += step
    return np.stack(made)[:, None, :]


def damped_trend(
    panel: Panel,
    origins: Sequence[int],
    horizon: int,
    *,
    alpha: float = DAMPED[0],
    beta: float = DAMPED[1],
    phi: float = DAMPED[2],
) -> Floats:
    """Return exponential smoothing with a damped trend; never below 0."""
    n_series = panel.qty.shape[1]
    level, seen, trend = np.zeros(n_series), np.zeros(n_series), np.zeros(n_series)
    damping = np.cumsum(phi ** np.arange(1, horizon + 1))
    made = []
    for t in range(panel.n_buckets + 1):
        if t in origins:
            made.append(np.maximum(level + trend * damping[:, None], 0.0))
        if t == panel.n_buckets:
            break
        known = panel.known[t]
        seen += known
        trend *= np.where(known > 0.0, phi, 1.0)
        expected = level + trend * known
        error = (panel.qty[t] - expected) * known
        level = expected + np.maximum(alpha, 1.0 / np.maximum(seen, 1.0)) * error
        np.maximum(level, 0.0, out=level)
        trend += beta * error * (seen > START_BUCKETS)
    return np.stack(made)


def croston(
    panel: Panel, origins: Sequence[int], horizon: int, *, alpha: float = CROSTON_ALPHA
) -> Floats:
    """Return Croston's method with the Syntetos-Boylan correction, for demand with gaps."""
    n_series = panel.qty.shape[1]
    size, count, since = np.zeros(n_series), np.zeros(n_series), np.zeros(n_series)
    gap = np.ones(n_series)
    made = []
    for t in range(panel.n_buckets + 1):
        if t in origins:
            bias = np.where(gap > 1.0, 1.0 - alpha / 2.0, 1.0)
            made.append(bias * size / np.maximum(gap, 1.0))
        if t == panel.n_buckets:
            break
        sold = (panel.qty[t] > 0.0).astype(np.float64)
        since += panel.known[t]
        count += sold
        step = np.maximum(alpha, 1.0 / np.maximum(count, 1.0)) * sold
        size += step * (panel.qty[t] - size)
        gap += step * (np.maximum(since, 1.0) - gap)
        since *= 1.0 - sold
    return np.stack(made)[:, None, :]


def teunter_syntetos_babai(
    panel: Panel,
    origins: Sequence[int],
    horizon: int,
    *,
    alpha_size: float = TSB_ALPHAS[0],
    alpha_probability: float = TSB_ALPHAS[1],
) -> Floats:
    """Return TSB: size and probability of demand apart, so that dead stock fades away."""
    n_series = panel.qty.shape[1]
    size, sales_seen, probability, seen = (np.zeros(n_series) for _ in range(4))
    made = []
    for t in range(panel.n_buckets + 1):
        if t in origins:
            made.append(probability * size)
        if t == panel.n_buckets:
            break
        sold = (panel.qty[t] > 0.0).astype(np.float64)
        sales_seen += sold
        seen += panel.known[t]
        step = np.maximum(alpha_size, 1.0 / np.maximum(sales_seen, 1.0)) * sold
        size += step * (panel.qty[t] - size)
        step = np.maximum(alpha_probability, 1.0 / np.maximum(seen, 1.0)) * panel.known[t]
        probability += step * (sold - probability)
    return np.stack(made)[:, None, :]


def moving_average(panel: Panel, origins: Sequence[int], horizon: int, *, window: int) -> Floats:
    """Return the mean of the known ones of the last `window` buckets; 0 where none is known."""
    made = []
    for origin in origins:
        own = slice(max(origin - window, 0), origin)
        count = panel.known[own].sum(axis=0)
        made.append(panel.qty[own].sum(axis=0) / np.maximum(count, 1.0))
    return np.stack(made)[:, None, :]


def seasonal_naive(panel: Panel, origins: Sequence[int], horizon: int, *, season: int) -> Floats:
    """Return the demand of one season ago; NaN for series that are younger."""
    made = np.full((len(origins), horizon, panel.qty.shape[1]), np.nan)
    for place, origin in enumerate(origins):
        for ahead in range(horizon):
            back = origin + ahead - season * (1 + ahead // season)
            if back >= 0:
                known = panel.known[back] > 0.0
                made[place, ahead] = np.where(known, panel.qty[back], np.nan)
    return made


def last_year_ratio(panel: Panel, origins: Sequence[int], horizon: int, *, season: int) -> Floats:
    """Return the level of the last buckets times what came after them last year, over them.

    Each of the two ratios of last year is (units sold + PRIOR_UNITS) / (units expected by the
    year's mean + PRIOR_UNITS): where little was sold, what is pooled over many series stands.
    """
    nothing = np.zeros((1, panel.qty.shape[1]))
    sold = np.concatenate([nothing, np.cumsum(panel.qty, axis=0)])
    seen = np.concatenate([nothing, np.cumsum(panel.known, axis=0)])
    recent = AVERAGE_WINDOWS[1]
    made = []
    for origin in origins:

        def between(low: int, high: int, origin: int = origin) -> tuple[Floats, Floats]:
            low, high = min(max(low, 0), origin), min(max(high, 0), origin)
            return sold[high] - sold[low], seen[high] - seen[low]

        units, count = between(origin - season, origin)
        mean = units / np.maximum(count, 1.0)
        units, count = between(origin - season - recent, origin - season)
        then = (units + PRIOR_UNITS) / (mean * count + PRIOR_UNITS)
        units, count = between(origin - recent, origin)
        level = units / np.maximum(count, 1.0)
        path = []
        for ahead in range(horizon):
            back = origin + ahead - season * (1 + ahead // season)
            units, count = between(back - NEIGHBOURS, back + NEIGHBOURS + 1)
            path.append((units + PRIOR_UNITS) / (mean * count + PRIOR_UNITS))
        made.append(level / then * np.stack(path))
    return np.stack(made)


def methods(season: int, n_buckets: int) -> dict[str, Method]:
    """Return the methods that a history of this length can feed, by name."""
    found: dict[str, Method] = {
        f"smoothing_{alpha:g}": partial(exponential_smoothing, alpha=alpha)
        for alpha in SMOOTHING_ALPHAS
    }
    found |= {f"average_{n}": partial(moving_average, window=n) for n in AVERAGE_WINDOWS}
    found["damped_trend"] = damped_trend
    found["croston_sba"] = croston
    found["tsb"] = teunter_syntetos_babai
    if n_buckets > season:
        found["seasonal_naive"] = partial(seasonal_naive, season=season)
        found["last_year_ratio"] = partial(last_year_ratio, season=season)
    return found
