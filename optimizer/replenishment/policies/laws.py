"""Laws of whole-unit demand, chosen by mean and variance, many pairs at once.

Source: Zipkin (2000), Foundations of Inventory Management, appendix C.2; Johnson, Kemp & Kotz
(2005), Univariate Discrete Distributions, equations 4.3 and 5.1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, gammaln, ndtr, ndtri, pdtrc, xlogy

from optimizer.replenishment.stock_cost import SMALLEST_SD, units_short

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

POISSON, NEGATIVE_BINOMIAL, NORMAL = 0, 1, 2
LAW_NAMES = np.array(["poisson", "negative_binomial", "normal"], object)
NEAR_POISSON = 0.05  # variance / mean within 5 % of 1: a standard deviation within 2.5 %
MOST_LEVEL = 1e12  # units; a level beyond it is not a level


@dataclass(frozen=True, slots=True)
class DemandLaw:
    """Demand of each pair over an interval: Poisson, negative binomial or normal.

    Where the variance is the mean (within NEAR_POISSON) demand is Poisson, where it is larger
    negative binomial, where it is smaller normal. All functions take levels of shape (n,) or
    (n, k), whole units for the discrete laws.

    Attributes
    ----------
    kind : (n,) int64, place in LAW_NAMES
    mean, sd : (n,) units
    """

    kind: Ints
    mean: Floats
    sd: Floats

    @classmethod
    def of(cls, mean: Floats, sd: Floats) -> DemandLaw:
        """Choose the law of each pair by its mean and standard deviation."""
        ratio = np.divide(sd**2, mean, out=np.zeros(len(mean)), where=mean > 0.0)
        kind = np.where(ratio < 1.0 - NEAR_POISSON, NORMAL, NEGATIVE_BINOMIAL)
        near = np.abs(ratio - 1.0) <= NEAR_POISSON
        return cls(np.where(near, POISSON, kind), np.asarray(mean, float), np.asarray(sd, float))

    def __len__(self) -> int:
        return len(self.mean)

    def take(self, rows: NDArray[np.intp]) -> DemandLaw:
        """Return the law of some pairs."""
        return DemandLaw(self.kind[rows], self.mean[rows], self.sd[rows])

    def above(self, level: Floats) -> Floats:
        """Return P(D > level)."""
        return self._by_kind(level, (_poisson_above, _negative_binomial_above, _normal_above))

    def short(self, level: Floats) -> Floats:
        """Return E[(D - level)+], units."""
        return self._by_kind(level, (_poisson_short, _negative_binomial_short, _normal_short))

    def point(self, level: Floats) -> Floats:
        """Return P(D = level) of a discrete law, whole levels of at least 0."""
        return self._by_kind(level, (_poisson_point, _negative_binomial_point, _normal_point))

    def quantile(self, share: Floats) -> Floats:
        """Return the smallest whole level y of at least 0 with P(D <= y) >= share, (n,)."""
        z = ndtri(share)
        skew = np.where(self.kind == NORMAL, 0.0, _skewness(self.mean, self.sd))
        guess = self.mean + self.sd * (z + skew * (z**2 - 1.0) / 6.0)

        def reached(level: Floats, rows: NDArray[np.intp]) -> Flags:
            enough: Flags = self.take(rows).above(level) <= (1.0 - share)[rows] + 1e-12
            return enough

        return smallest_level(reached, guess)

    def _by_kind(
        self, level: Floats, parts: tuple[Callable[[Floats, Floats, Floats], Floats], ...]
    ) -> Floats:
        result = np.empty(level.shape)
        for kind, part in enumerate(parts):
            rows = np.flatnonzero(self.kind == kind)
            if len(rows) == 0:
                continue
            shape = (-1,) + (1,) * (level.ndim - 1)
            mean, sd = self.mean[rows].reshape(shape), self.sd[rows].reshape(shape)
            result[rows] = part(level[rows], mean, sd)
        return result


def smallest_level(reached: Callable[[Floats, NDArray[np.intp]], Flags], guess: Floats) -> Floats:
    """Return the smallest whole level of at least 0 at which a condition holds, (n,) units.

    Parameters
    ----------
    reached : says for levels of some rows whether it holds; once true, true for all higher levels
    guess : where to begin
    """
    level = np.ceil(np.clip(guess, 0.0, MOST_LEVEL))
    rows = np.arange(len(level))
    low, high = np.full(len(level), -1.0), np.full(len(level), np.inf)
    step = np.ones(len(level))
    while len(rows):
        at = level[rows]
        true = reached(at, rows)
        high[rows] = np.where(true, at, high[rows])
        low[rows] = np.where(true, low[rows], at)
        rows = rows[(high[rows] - low[rows] > 1.0) & (low[rows] < MOST_LEVEL)]
        below, above = low[rows], high[rows]
        up = np.isinf(above)
        down = below < 0.0
        middle = np.floor(0.5 * (below + np.where(up, 0.0, above)))
        far_down = np.maximum(above - step[rows], 0.0)
        level[rows] = np.where(up, below + step[rows], np.where(down, far_down, middle))
        step[rows] *= 2.0
    return np.where(np.isinf(high), MOST_LEVEL, high)


def _skewness(mean: Floats, sd: Floats) -> Floats:
    """Return the skewness of a negative binomial law (the Poisson one where variance = mean)."""
    safe = np.maximum(mean, 1e-12)
    skew: Floats = (2.0 * sd**2 / safe - 1.0) / np.maximum(sd, SMALLEST_SD)
    return skew


def _poisson_above(level: Floats, mean: Floats, sd: Floats) -> Floats:
    tail: Floats = pdtrc(np.maximum(np.floor(level), 0.0), mean)
    return np.where(level < 0.0, 1.0, tail)


def _poisson_point(level: Floats, mean: Floats, sd: Floats) -> Floats:
    result: Floats = np.exp(xlogy(level, mean) - mean - gammaln(level + 1.0))
    return result


def _poisson_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """E[(D - y)+] = (mean - y) P(D > y) + mean P(D = y)."""
    at = np.maximum(level, 0.0)
    short = (mean - at) * pdtrc(at, mean) + mean * _poisson_point(at, mean, sd)
    return np.where(level < 0.0, mean - level, np.maximum(short, 0.0))


def _success(mean: Floats, sd: Floats) -> tuple[Floats, Floats]:
    """Return number of successes r and their probability p: mean r (1 - p) / p, variance / p."""
    variance = np.maximum(sd**2, mean * (1.0 + 1e-9))
    return mean**2 / (variance - mean), mean / variance


def _negative_binomial_above(level: Floats, mean: Floats, sd: Floats) -> Floats:
    r, p = _success(mean, sd)
    tail: Floats = betainc(np.maximum(np.floor(level), 0.0) + 1.0, r, 1.0 - p)
    return np.where(level < 0.0, 1.0, tail)


def _negative_binomial_point(level: Floats, mean: Floats, sd: Floats) -> Floats:
    r, p = _success(mean, sd)
    ways = gammaln(level + r) - gammaln(level + 1.0) - gammaln(r)
    result: Floats = np.exp(ways + r * np.log(p) + xlogy(level, 1.0 - p))
    return result


def _negative_binomial_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """E[(D - y)+] = (mean - y) P(D > y) + mean P(D = y) (r + y) / r."""
    r, p = _success(mean, sd)
    at = np.maximum(level, 0.0)
    tail = betainc(at + 1.0, r, 1.0 - p)
    short = (mean - at) * tail + mean * _negative_binomial_point(at, mean, sd) * (r + at) / r
    return np.where(level < 0.0, mean - level, np.maximum(short, 0.0))


def _normal_above(level: Floats, mean: Floats, sd: Floats) -> Floats:
    tail: Floats = ndtr((mean - level) / np.maximum(sd, SMALLEST_SD))
    return tail


def _normal_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    return units_short(level, mean, sd)


def _normal_point(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return the mass that rounding to whole units gives a level; 0 takes all that is below."""
    low = np.where(level <= 0.0, -np.inf, level - 0.5)
    wide = np.maximum(sd, SMALLEST_SD)
    mass: Floats = ndtr((level + 0.5 - mean) / wide) - ndtr((low - mean) / wide)
    return mass
