"""Demand by bucket, and how long stock lasts against it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]


def echelon_demand(facts: Facts) -> Floats:
    """Return mean demand per pair and bucket of the horizon, fed pairs counted at their root."""
    horizon = facts.scenario.settings.horizon_buckets
    own = own_demand(facts)[0]
    grid = np.zeros((len(facts.pairs), horizon))
    np.add.at(grid, facts.pairs["root"].to_numpy(np.int64), own)
    return grid


def own_demand(facts: Facts) -> tuple[Floats, Floats]:
    """Return mean and variance of each pair's own demand per bucket, (n_pairs, horizon)."""
    horizon = facts.scenario.settings.horizon_buckets
    row = facts.pairs["forecast_row"].to_numpy(np.int64)
    forecast = facts.forecast
    shape = (len(row), horizon)
    if not len(forecast.mean):
        return np.zeros(shape), np.zeros(shape)
    bucket = np.minimum(np.arange(horizon), forecast.mean.shape[1] - 1)
    known = (row >= 0)[:, None]
    rows = np.maximum(row, 0)[:, None]
    mean = np.where(known, forecast.mean[rows, bucket[None, :]], 0.0)
    return mean, np.where(known, forecast.variance[rows, bucket[None, :]], 0.0)


def days_of_cover(demand: Floats, stock: Floats, bucket_days: int) -> Floats:
    """Return days until mean demand has used up the stock, at most the horizon's.

    Parameters
    ----------
    demand : (n, n_buckets) units per bucket
    stock : (n,) units; below 0: no day
    """
    used = np.cumsum(demand, axis=1)
    before = np.concatenate([np.zeros((len(used), 1)), used[:, :-1]], axis=1)
    left = np.maximum(stock, 0.0)[:, None] - before
    share = np.divide(left, demand, out=np.full(demand.shape, np.inf), where=demand > 0.0)
    share = np.where((demand <= 0.0) & (left < 0.0), 0.0, share)
    days: Floats = np.clip(share, 0.0, 1.0).sum(axis=1) * bucket_days
    return days


def row_sum(facts: Facts, column: str) -> Floats:
    """Return a column of pairs added up at the pairs where they are counted."""
    total: Floats = np.bincount(
        facts.pairs["root"].to_numpy(np.int64),
        facts.pairs[column].to_numpy(np.float64),
        minlength=len(facts.pairs),
    ).astype(np.float64)
    return total
