"""Tables from which the kernels read whole-number variates; exp and log happen here only.

Demand of a tick is read by inversion: a row of a table holds, for the values v_0 < v_1 < ..,
the threshold floor(2^31 F(v_j)) - 1 as int32; the variate of 31 random bits u is the first
v_j with u <= threshold_j. A guide of 32 entries a row says where to begin. Lead times are
quantiles at 1,024 equal steps of probability, rounded to whole ticks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from simulation.arrays import Floats, Units

TOP = 2**31 - 1
GUIDE = 32
EXACT_WIDTH = 512  # values that a row lists one by one; beyond, it lists a lattice
LATTICE = 256
LEAD_STEPS = 1024


@dataclass(frozen=True, slots=True)
class DemandTables:
    """Distributions of demand per tick, one a row.

    Attributes
    ----------
    base, step : (n_rows,) int32, units; value j of a row is base + step x j
    offset : (n_rows,) int64, where the row's thresholds begin
    thresholds : (n_thresholds,) int32
    guide : (n_rows, 32) int16, first place worth looking at by the top 5 of the 31 bits
    largest : (n_rows,) int64, units; largest value a row can give
    """

    base: Units
    step: Units
    offset: NDArray[np.int64]
    thresholds: Units
    guide: NDArray[np.int16]
    largest: NDArray[np.int64]


def demand_tables(mean: Floats, variance: Floats) -> tuple[DemandTables, Units]:
    """Return tables for all distinct distributions, and the row of each given one.

    Parameters
    ----------
    mean, variance : same shape, units and units^2 per tick; Poisson where variance <= mean,
        negative binomial otherwise; a mean of 0 or less is no demand

    Returns
    -------
    tables, rows : rows has the given shape, int32; -1 where there is no demand
    """
    flat_mean = np.asarray(mean, np.float64).ravel()
    flat_variance = np.asarray(variance, np.float64).ravel()
    some = flat_mean > 0.0
    spread = np.where(flat_variance > flat_mean * (1.0 + 1e-9), flat_variance, flat_mean)
    pairs, first, back = np.unique(
        flat_mean[some] + 1j * spread[some], return_index=True, return_inverse=True
    )
    met = np.argsort(first)  # rows lie in the order in which they will be read
    pairs = pairs[met]
    place = np.empty(len(met), np.int32)
    place[met] = np.arange(len(met), dtype=np.int32)
    rows = np.full(flat_mean.shape, -1, np.int32)
    rows[some] = place[back]
    return _tables(pairs.real.copy(), pairs.imag.copy()), rows.reshape(np.shape(mean))


def tables_of(base: int, cdf: Floats) -> DemandTables:
    """Return the table of one distribution that is given by F(base), F(base + 1) .. F(base + n).

    The last value takes what is left of the probability.
    """
    ones = np.ones(1, np.int64)
    thresholds = _thresholds(np.asarray(cdf, np.float64)[None, :].copy())
    return _flatten(1, base * ones, ones, [(np.zeros(1, np.int64), thresholds)])


def _tables(mean: Floats, variance: Floats) -> DemandTables:
    n_rows = len(mean)
    ratio = variance / np.maximum(mean, 1e-300)
    sd = np.sqrt(variance)
    high = np.ceil(mean + 7.0 * sd + 24.0 * np.maximum(ratio, 1.0)).astype(np.int64)
    base = np.zeros(n_rows, np.int64)
    step = np.ones(n_rows, np.int64)
    wide = high > EXACT_WIDTH
    base[wide] = np.maximum(0, np.floor(mean[wide] - 7.0 * sd[wide])).astype(np.int64)
    step[wide] = -(-(high[wide] - base[wide]) // (LATTICE - 1))
    power = np.ceil(np.log2(np.maximum(high + 1, 16))).astype(np.int64)
    width = np.where(wide, LATTICE, 2**power)
    pieces: list[tuple[NDArray[np.int64], Units]] = []
    for size in np.unique(width[~wide]):
        at = np.flatnonzero(~wide & (width == size))
        pieces.append((at, _thresholds(_exact_cdf(mean[at], ratio[at], int(size)))))
    if wide.any():
        at = np.flatnonzero(wide)
        pieces.append((at, _thresholds(_lattice_cdf(mean[at], ratio[at], base[at], step[at]))))
    return _flatten(n_rows, base, step, pieces)


def _exact_cdf(mean: Floats, ratio: Floats, size: int) -> Floats:
    """Return F(0), F(1) .. F(size - 1) by the recursions of the two distributions.

    Source: Johnson, Kemp, Kotz, Univariate Discrete Distributions, 2005, sections 2.3.1 (the
    class with pmf(j + 1) / pmf(j) = (a + b j) / (j + 1)).
    """
    poisson = ratio <= 1.0
    shape = np.where(poisson, 1.0, mean / np.where(poisson, 1.0, ratio - 1.0))
    fail = np.where(poisson, 0.0, 1.0 - 1.0 / ratio)
    start = np.where(poisson, mean, shape * fail)
    log_first = np.where(poisson, -mean, -shape * np.log(ratio))
    mass = np.exp(log_first)
    cdf = np.empty((len(mean), size))
    cdf[:, 0] = mass
    for j in range(1, size):
        mass = mass * (start + fail * (j - 1)) / j
        cdf[:, j] = cdf[:, j - 1] + mass
    return cdf


def _lattice_cdf(
    mean: Floats, ratio: Floats, base: NDArray[np.int64], step: NDArray[np.int64]
) -> Floats:
    """Return the distribution function half a step above each point of a lattice."""
    edge = base[:, None] + step[:, None] * np.arange(LATTICE) + step[:, None] // 2
    poisson = (ratio <= 1.0)[:, None]
    shape = np.where(poisson, 1.0, mean[:, None] / np.where(poisson, 1.0, ratio[:, None] - 1.0))
    negative = special.betainc(shape, edge + 1.0, 1.0 / np.maximum(ratio[:, None], 1.0))
    cdf: Floats = np.where(poisson, special.pdtr(edge, mean[:, None]), negative)
    return cdf


def _thresholds(cdf: Floats) -> Units:
    scaled = np.floor(np.minimum(cdf, 1.0) * 2.0**31) - 1.0
    scaled[:, -1] = TOP
    thresholds: Units = np.minimum(scaled, TOP).astype(np.int32)
    return thresholds


def _flatten(
    n_rows: int,
    base: NDArray[np.int64],
    step: NDArray[np.int64],
    pieces: list[tuple[NDArray[np.int64], Units]],
) -> DemandTables:
    """Lay the rows end to end, each cut after its first threshold that nothing can pass."""
    length = np.zeros(n_rows, np.int64)
    guide = np.zeros((n_rows, GUIDE), np.int16)
    for at, thresholds in pieces:
        length[at] = np.argmax(thresholds == TOP, axis=1) + 1
    offset = np.concatenate([[0], np.cumsum(length)])
    flat = np.empty(int(offset[-1]), np.int32)
    for at, thresholds in pieces:
        column = np.arange(thresholds.shape[1])
        kept = column < length[at][:, None]
        place = offset[at][:, None] + column
        flat[place[kept]] = thresholds[kept]
        row = np.broadcast_to(np.arange(len(at))[:, None], kept.shape)[kept]
        cell = (thresholds[kept] >> 26) + 1  # -1 stands for a threshold below every number
        counts = np.bincount(row * (GUIDE + 1) + cell, minlength=len(at) * (GUIDE + 1))
        below = np.cumsum(counts.reshape(len(at), GUIDE + 1), axis=1)
        guide[at] = below[:, :GUIDE]
    return DemandTables(
        base=base.astype(np.int32),
        step=step.astype(np.int32),
        offset=offset[:-1].astype(np.int64),
        thresholds=flat,
        guide=guide,
        largest=base + step * np.maximum(length - 1, 0),
    )


def lead_row(mean_days: float, sd_days: float, ticks_per_day: int = 1) -> Units:
    """Return 1,024 equally likely lead times, whole ticks, at least 0.

    A lead time without spread is rounded up (as the due date of an order is); one with spread
    is gamma by mean and sd, rounded to the nearest tick so that its mean is kept.
    """
    if sd_days <= 0.0 or mean_days <= 0.0:
        ticks = math.ceil(max(mean_days, 0.0) * ticks_per_day - 1e-9)
        return np.full(LEAD_STEPS, ticks, np.int32)
    shape = (mean_days / sd_days) ** 2
    probability = (np.arange(LEAD_STEPS) + 0.5) / LEAD_STEPS
    days = special.gammaincinv(shape, probability) * (mean_days / shape)
    ticks_each: Units = np.rint(days * ticks_per_day).astype(np.int32)
    return ticks_each
