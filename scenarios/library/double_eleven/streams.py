"""Random numbers that come out the same on every machine.

Draws start from uniform doubles and go on with sums, products, quotients and square roots only,
which IEEE arithmetic rounds the same everywhere; where a logarithm is taken, the result is
rounded to whole units at once.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one table; another table's draws never move them."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def between(rng: np.random.Generator, low: float, high: float, size: int) -> Floats:
    """Return uniform numbers from low to high, rounded to 4 decimals."""
    drawn: Floats = np.round(low + (high - low) * rng.random(size), 4)
    return drawn


def bell(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Return nearly normal numbers of mean 0 and variance 1: twelve uniforms less six."""
    total = np.zeros(shape)
    for _ in range(12):
        total += rng.random(shape)
    return total - 6.0


def gamma_days(rng: np.random.Generator, mean: Floats, cv: Floats) -> Floats:
    """Return whole days from a gamma with a whole shape, about the given mean and variation.

    Parameters
    ----------
    mean : (n,) float64, days
    cv : (n,) float64, standard deviation over mean; the shape is 1 / cv^2, rounded, 1 to 25
    """
    shape = np.clip(np.round(1.0 / np.maximum(cv, 0.2) ** 2), 1, 25)
    total = np.zeros(len(mean))
    for step in range(25):
        wait = -np.log1p(-rng.random(len(mean)))
        total += np.where(step < shape, wait, 0.0)
    days: Floats = np.round(mean * total / shape)
    return days


def counts(rng: np.random.Generator, mean: Floats, dispersion: Floats) -> Floats:
    """Return whole units of demand: geometric where the mean is below 3, else nearly normal.

    Parameters
    ----------
    mean, dispersion : same shape, float64; variance = dispersion x mean + (0.12 x mean)^2 for
        means of 3 and more, mean x (1 + mean) below
    """
    chance = rng.random(mean.shape)
    ratio = mean / (mean + 1.0)
    power = ratio.copy()
    small = np.zeros(mean.shape)
    for _ in range(30):
        small += chance < power
        power *= ratio
    spread = np.sqrt(dispersion * mean + (0.12 * mean) * (0.12 * mean))
    large = np.maximum(np.round(mean + spread * bell(rng, mean.shape)), 0.0)
    drawn: Floats = np.where(mean < 3.0, small, large)
    return drawn


def pick(rng: np.random.Generator, weights: Floats, size: int) -> Ints:
    """Return positions drawn in proportion to their weights."""
    edges = np.cumsum(weights / weights.sum())
    edges[-1] = 1.0
    places: Ints = np.searchsorted(edges, rng.random(size), side="right").astype(np.int64)
    return np.minimum(places, len(weights) - 1)
