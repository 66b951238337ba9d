"""Rolling-origin back-test: which method each series gets, and how wrong it was.

Every method forecasts from several origins in the past; what followed is known. The choice of a
series is drawn towards what served its segment, because a few buckets of one series say little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.methods import Bools, Floats, Method

Ints = NDArray[np.int64]

MOST_ORIGINS = 6
LONGEST_WINDOW = {True: 8, False: 14}  # buckets ahead: weeks, days
SHRINKAGE = 12.0  # buckets of a segment's evidence that weigh as much as a series' own
EARLIEST_ORIGIN = 4


@dataclass(frozen=True, slots=True)
class Backtest:
    """What each method said at each origin, and what came.

    Attributes
    ----------
    names : methods
    origins : (n_origins,) columns, ascending; the last one's window ends the history
    said : (n_methods, n_origins, n_series, window) float64, units a bucket
    came : (n_origins, n_series, window) float64, units; NaN where unknown or censored
    """

    names: tuple[str, ...]
    origins: tuple[int, ...]
    said: Floats
    came: Floats

    @property
    def window(self) -> int:
        """Buckets ahead of each origin that are looked at."""
        return int(self.came.shape[2])


def choose_origins(n_buckets: int, horizon: int, *, weekly: bool) -> tuple[tuple[int, ...], int]:
    """Return origins and the window after each, as the length of the history allows."""
    window = max(1, min(horizon, LONGEST_WINDOW[weekly], n_buckets // 3))
    last = max(n_buckets - window, 0)
    step = max(1, window // 2)
    first = min(max(EARLIEST_ORIGIN, n_buckets // 3), last)
    origins = list(range(last, first - 1, -step))[:MOST_ORIGINS]
    return tuple(sorted(origins or [last])), window


def run_backtest(
    methods: Mapping[str, Method], demand: Floats, censored: Bools, origins: tuple[int, ...],
    window: int,
) -> Backtest:  # fmt: skip
    """Forecast from every origin by every method, and lay what came beside it."""
    said = np.stack([method(demand, censored, origins, window) for method in methods.values()])
    padded = np.where(censored, np.nan, demand)
    came = np.stack([padded[:, origin : origin + window] for origin in origins])
    return Backtest(tuple(methods), origins, said, came)


def choose_methods(test: Backtest, segment: NDArray[np.object_], n_origins: int) -> Ints:
    """Return the method of each series, by the first `n_origins` origins.

    The score is the mean squared error of a bucket plus that of the window's total per bucket;
    each relative to the segment's best method, and shrunk towards the segment.

    Returns
    -------
    choice : (n_series,) int64, place in `test.names`
    """
    said, came = test.said[:, :n_origins], test.came[:n_origins]
    error = said - came
    known = ~np.isnan(error)
    squared = np.where(known, error, 0.0) ** 2
    totals = np.where(known, error, 0.0).sum(axis=3) ** 2 / np.maximum(known.sum(axis=3), 1)
    score = squared.sum(axis=(1, 3)) + totals.sum(axis=1)
    count = known.sum(axis=(1, 3)).astype(np.float64)
    blind = (count < count.max(axis=0, initial=0.0)) | (count == 0)
    mean = np.divide(score, count, out=np.full(score.shape, np.inf), where=~blind)
    scale = np.min(np.where(np.isfinite(mean), mean, np.inf), axis=0)
    scale = np.where(np.isfinite(scale) & (scale > 0.0), scale, 1.0)
    relative = np.minimum(mean / scale, 10.0)
    choice = np.zeros(came.shape[1], np.int64)
    for name in sorted(set(segment)):
        own = segment == name
        weight = np.where(blind[:, own], 0.0, count[:, own])
        pooled = (weight * np.where(blind[:, own], 0.0, relative[:, own])).sum(axis=1)
        pooled = np.divide(
            pooled, weight.sum(axis=1), out=np.full(len(pooled), 10.0), where=weight.sum(axis=1) > 0
        )
        seen = count[:, own].max(axis=0)
        drawn = (seen * relative[:, own] + SHRINKAGE * pooled[:, None]) / (seen + SHRINKAGE)
        drawn = np.where(blind[:, own] & (seen > 0), np.inf, drawn)
        choice[own] = np.argmin(drawn, axis=0)
    return choice


def of_choice(said: Floats, choice: Ints) -> Floats:
    """Return what the chosen method said: (n_origins, n_series, window)."""
    picked: Floats = said[choice, :, np.arange(said.shape[2])]
    return np.swapaxes(picked, 0, 1)
