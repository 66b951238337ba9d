"""What replications prove of a mean: Student-t intervals and one-sided limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from simulation.arrays import Floats


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval; low and high are NaN with fewer than two replications."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2.0


def estimate(values: Floats, confidence: float = 0.95) -> Estimate:
    """Return the mean of independent replications with a two-sided Student-t interval.

    Parameters
    ----------
    values : (R,) one value per replication
    """
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return Estimate(mean, float("nan"), float("nan"), n)
    half = _quantile(n, 0.5 + confidence / 2.0) * _standard_error(values)
    return Estimate(mean, mean - half, mean + half, n)


def one_sided(values: Floats, confidence: float) -> tuple[float, float]:
    """Return what the mean is above, and what it is below, each with the given confidence."""
    n = len(values)
    mean = float(np.mean(values))
    if n < 2:
        return float("-inf"), float("inf")
    half = _quantile(n, confidence) * _standard_error(values)
    return mean - half, mean + half


def _standard_error(values: Floats) -> float:
    return float(np.std(values, ddof=1)) / float(np.sqrt(len(values)))


def _quantile(n: int, probability: float) -> float:
    return float(special.stdtrit(n - 1, probability))
