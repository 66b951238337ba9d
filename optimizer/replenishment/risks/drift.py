"""Whether a series has left its usual level by tonight: a CUSUM of ranks, judged by permutation.

The values are replaced by their mid-ranks, standardised (mean 0, variance 1), and summed up in the
direction that is bad, S = max(0, S + z - 1/2) (Page 1954). A series without drift is exchangeable:
any order of its values is as likely as any other. So the share of random orders whose S ends at
least as high is a p-value that is valid for every law, ties and all, and a series is raised where
it is at most FALSE_ALARM: of series without drift at most that share is raised on a given night.

Source: Page (1954), Continuous inspection schemes, Biometrika 41; Phipson & Smyth (2010),
Permutation p-values should never be zero, equation 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]

ALLOWANCE = 0.5  # k, standard deviations
FALSE_ALARM = 0.005  # of series without drift, raised on a given night
ORDERS_DRAWN = 1999
LEAST_POINTS = 16  # fewer say nothing: the risk is not known
MOST_POINTS = 200  # the newest; what is older is not the usual any more
LATELY = 10  # newest values, whose mean is told where nothing is raised
NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Drift:
    """What a CUSUM says of a series tonight.

    Attributes
    ----------
    statistic : S tonight, standard deviations
    threshold : the lowest S that would have been raised; raised: whether it is reached
    since : place of the first value of the present rise; not raised: of the newest LATELY
    usual, lately : mean of the values before it and from it on
    points : values that were looked at
    """

    statistic: float
    threshold: float
    raised: bool
    since: int
    usual: float
    lately: float
    points: int


def watch(
    values: Floats, rng: np.random.Generator, *, upward: bool = True, rate: float = FALSE_ALARM
) -> Drift | None:
    """Judge a series, oldest value first; None where it is too short.

    Parameters
    ----------
    values : (n,)
    rng : draws the orders
    upward : a rise is bad; else a fall
    rate : false alarms, a multiple of 1 / (ORDERS_DRAWN + 1)
    """
    skipped = max(len(values) - MOST_POINTS, 0)
    values = values[skipped:]
    n = len(values)
    if n < LEAST_POINTS:
        return None
    ranks = rankdata(values if upward else -values)
    spread = float(ranks.std())
    if spread <= 0.0:
        level = float(values.mean())
        return Drift(
            0.0, np.inf, raised=False, since=skipped + n - LATELY, usual=level, lately=level,
            points=n,
        )  # fmt: skip
    z = (ranks - ranks.mean()) / spread
    path = _path(z)
    drawn = rng.permuted(np.tile(z, (ORDERS_DRAWN, 1)), axis=1)
    ends = np.sort(_last(drawn))
    # p = (1 + orders at least as high) / (drawn + 1) <= rate
    most = int(np.floor(rate * (ORDERS_DRAWN + 1) + NEAR)) - 1
    threshold = float(ends[ORDERS_DRAWN - 1 - most]) if most >= 0 else np.inf
    now = float(path[-1])
    raised = int((ends >= now - NEAR).sum()) <= most
    zeros = np.flatnonzero(path <= 0.0)
    first = int(zeros[-1]) + 1 if raised and len(zeros) else 0 if raised else n - LATELY
    before, after = values[:first], values[first:]
    usual = float(before.mean() if len(before) else values.mean())
    return Drift(now, threshold, raised, skipped + first, usual, float(after.mean()), n)


def _path(z: Floats) -> Floats:
    """Return S after each value, (n,)."""
    path = np.empty(len(z))
    level = 0.0
    for place, step in enumerate(z.tolist()):
        level = max(0.0, level + step - ALLOWANCE)
        path[place] = level
    return path


def _last(z: Floats) -> Floats:
    """Return S after the last value of each row, (n_rows,)."""
    level = np.zeros(len(z))
    for column in z.T:
        level = np.maximum(0.0, level + column - ALLOWANCE)
    return level
