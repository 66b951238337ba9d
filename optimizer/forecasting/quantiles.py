"""From point forecasts to quantiles: residuals of the back-test, scaled by series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Floats = NDArray[np.float64]

LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
PRIOR_BUCKETS = 8.0  # buckets that the fitted variance weighs against a series' own
FEWEST_RESIDUALS = 200  # below it a group takes the quantiles of all series


@dataclass(frozen=True, slots=True)
class Spread:
    """How far demand strays from a forecast.

    Attributes
    ----------
    scale : (n_series,) float64, units; standard deviation of a bucket's error at the level where
        it was learned
    level : (n_series,) float64, units; that level
    shape : {group: (n_levels,) float64}; quantiles of error / scale, ascending
    group : (n_series,) group of each series
    law : (3,) float64; variance = law[0] + law[1] x forecast + law[2] x forecast^2
    """

    scale: Floats
    level: Floats
    shape: dict[str, Floats]
    group: NDArray[np.object_]
    law: Floats


def learn_spread(said: Floats, came: Floats, group: NDArray[np.object_]) -> Spread:
    """Learn scale and shape of errors from the back-test.

    Parameters
    ----------
    said, came : (n_origins, n_series, window) float64, units; NaN where nothing is known
    group : (n_series,) series of one group share the shape of their errors
    """
    error = came - said
    known = ~np.isnan(error)
    count = known.sum(axis=(0, 2)).astype(np.float64)
    squared = np.where(known, error, 0.0) ** 2
    own = np.divide(squared.sum(axis=(0, 2)), count, out=np.zeros(len(count)), where=count > 0)
    level = np.nanmean(np.where(np.isnan(said), 0.0, said), axis=(0, 2))
    law = _variance_law(level[count > 0], own[count > 0])
    fitted = law[0] + law[1] * level + law[2] * level**2
    scale = np.sqrt((count * own + PRIOR_BUCKETS * fitted) / (count + PRIOR_BUCKETS))
    scale = np.maximum(scale, 1e-6)
    ratio = np.where(known, error / scale[None, :, None], np.nan)
    everyone = _shape_of(ratio)
    shape = {}
    for name in sorted(set(group)):
        part = ratio[:, group == name]
        enough = np.count_nonzero(~np.isnan(part)) >= FEWEST_RESIDUALS
        shape[name] = _shape_of(part) if enough else everyone
    return Spread(scale, level, shape, group, law)


def _variance_law(level: Floats, variance: Floats) -> Floats:
    """Fit variance = a + b x level + c x level^2, all at least 0, relative errors alike."""
    if not len(level):
        return np.array([0.0, 1.0, 0.0])
    weight = 1.0 / (1.0 + level + level**2)
    terms = np.stack([np.ones(len(level)), level, level**2], axis=1)
    law, _ = nnls(terms * weight[:, None], variance * weight)
    found: Floats = law if law.sum() > 0.0 else np.array([0.0, 1.0, 0.0])
    return found


def _shape_of(ratio: Floats) -> Floats:
    values = ratio[~np.isnan(ratio)]
    if not len(values):
        return np.array([-2.33, -1.64, -1.28, -0.67, 0.0, 0.67, 1.28, 1.64, 2.33])
    return np.quantile(values, LEVELS)


def quantiles(spread: Spread, mean: Floats) -> Floats:
    """Return quantiles of demand per bucket.

    Parameters
    ----------
    mean : (n_series, horizon) float64, units

    Returns
    -------
    quantiles : (n_levels, n_series, horizon) float64, units, ascending in the first axis, never
        below 0; those from 0.9 on are never below the mean
    """
    law = spread.law
    there = law[0] + law[1] * spread.level + law[2] * spread.level**2
    here = law[0] + law[1] * mean + law[2] * mean**2
    grown = np.sqrt(
        np.divide(here, there[:, None], out=np.ones_like(mean), where=there[:, None] > 0.0)
    )
    scale = spread.scale[:, None] * np.clip(grown, 0.1, 10.0)
    shape = np.stack([spread.shape[name] for name in spread.group], axis=1)
    found = np.maximum(mean[None] + shape[:, :, None] * scale[None], 0.0)
    high = np.array(LEVELS) >= 0.9
    found[high] = np.maximum(found[high], mean[None])
    return np.maximum.accumulate(found, axis=0)


def pinball(found: Floats, came: Floats) -> Floats:
    """Return the mean pinball loss over the levels, per bucket.

    Parameters
    ----------
    found : (n_levels, ...) float64, units; came : (...) float64, units
    """
    level = np.array(LEVELS).reshape(-1, *([1] * came.ndim))
    error = came[None] - found
    loss: Floats = np.maximum(level * error, (level - 1.0) * error).mean(axis=0)
    return loss
