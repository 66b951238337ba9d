"""Series side by side, time first: what every method walks through.

What is laid out here is demand as a method may learn from it: effects of promotions and events
are divided out, and buckets in which stock ran out hold what demand probably was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FILL_ALPHA = 0.1  # smoothing of level and variance by which a censored bucket is filled
FEWEST_BEFORE_FILL = 3  # known buckets that make a level


@dataclass(frozen=True, slots=True)
class Panel:
    """Demand by bucket and series.

    Attributes
    ----------
    qty : (n_buckets, n_series) float64, units; 0 where unknown
    known : (n_buckets, n_series) float64; 1 where the bucket tells something, else 0
    variance : (n_buckets + 1, n_series) float64, units^2; smoothed squared one-bucket error of all
        that lies before each bucket
    """

    qty: Floats
    known: Floats
    variance: Floats
    level: Floats

    @property
    def n_buckets(self) -> int:
        """Buckets of the history."""
        return int(self.qty.shape[0])

    def filled(self) -> Floats:
        """Return demand with the smoothed level where nothing is known: (n_buckets, n_series)."""
        found: Floats = np.where(self.known > 0.0, self.qty, self.level[:-1])
        return found

    def over(self, index: Floats | None) -> Panel:
        """Return the panel with seasonal factors (n_buckets or more, n_series) divided out."""
        if index is None:
            return self
        season = index[: self.n_buckets]
        variance, level = self.variance.copy(), self.level.copy()
        variance[1:] /= season**2
        level[1:] /= season
        return Panel(self.qty / season, self.known, variance, level)


def lay_out(demand: Floats, censored: Bools) -> Panel:
    """Lay out demand (n_series, n_buckets), NaN before a series begins, with stockouts filled.

    A censored bucket with sales s tells that demand D was at least s. It is filled with
    level + E[D | D >= s] - E[D | D >= 0], D normal around the smoothed level before it: never below
    the level nor below s. A censored bucket without sales tells nothing and is unknown.
    """
    qty = np.ascontiguousarray(demand.T, dtype=np.float64)
    blind: Bools = censored.T.copy()
    known: Bools = ~np.isnan(qty)
    known &= ~(blind & ~(qty > 0.0))
    qty = np.where(known, qty, 0.0)
    blind &= known
    weight = known.astype(np.float64)
    n_buckets, n_series = qty.shape
    level, seen, spread = np.zeros(n_series), np.zeros(n_series), np.zeros(n_series)
    variance, levels = (np.zeros((n_buckets + 1, n_series)) for _ in range(2))
    blind_buckets = set(np.flatnonzero(blind.any(axis=1)).tolist())
    for t in range(n_buckets):
        now, own = qty[t], weight[t]
        if t in blind_buckets:
            at = np.flatnonzero(blind[t])
            ready = seen[at] >= FEWEST_BEFORE_FILL
            now[at] = np.where(ready, _expected(level[at], spread[at], now[at]), now[at])
        seen += own
        step = np.maximum(FILL_ALPHA, 1.0 / np.maximum(seen, 1.0)) * own
        error = now - level
        first = seen <= 1.0
        level += step * error
        error *= error
        np.subtract(error, spread, out=error)
        error[first] = 0.0
        step_spread = np.maximum(FILL_ALPHA, 1.0 / np.maximum(seen - 1.0, 1.0)) * own
        spread += step_spread * error
        variance[t + 1], levels[t + 1] = spread, level
    return Panel(qty, weight, variance, levels)


def _expected(level: Floats, variance: Floats, sold: Floats) -> Floats:
    """Return expected demand given that it was at least `sold`; never below sold or level."""
    sd = np.sqrt(np.maximum(variance, np.maximum(level, 1e-6)))
    raised = _upper_mean((sold - level) / sd) - _upper_mean(-level / sd)
    found: Floats = np.maximum(level + sd * np.maximum(raised, 0.0), sold)
    return found


def _upper_mean(z: Floats) -> Floats:
    """Return E[Z | Z >= z] of a standard normal (inverse Mills ratio)."""
    found: Floats = np.exp(-0.5 * z * z - 0.9189385332046727 - log_ndtr(-z))
    return found
