"""Seasonal factors pooled over many series: what a week of the year does to a whole category.

One series says little about its own season; hundreds together do. A category's factors are drawn
towards those of all series, and those towards 1, as far as two halves of the evidence agree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.panel import Floats, Panel

Ints = NDArray[np.int64]

LEAST_SEASONS = {True: 1.5, False: 3.0}  # of history before a yearly, a weekly season is believed
KERNEL = (1.0, 2.0, 3.0, 2.0, 1.0)  # weights of neighbouring weeks of the year
LIMITS = (0.2, 5.0)  # of a factor
FEWEST_SERIES = 8  # of a category that has factors of its own


@dataclass(frozen=True, slots=True)
class Sums:
    """What groups of series sold against their own usual level, by phase, half and year.

    Attributes
    ----------
    sold, usual : (n_groups, 2 halves, n_years, season) float64
    n_series : (n_groups,) int64
    """

    sold: Floats
    usual: Floats
    n_series: Ints

    def __add__(self, other: Sums) -> Sums:
        """Return the sums over the series of both."""
        return Sums(
            self.sold + other.sold, self.usual + other.usual, self.n_series + other.n_series
        )


def enough(n_buckets: int, season: int) -> bool:
    """Say whether a history is long enough to tell a season."""
    return n_buckets >= LEAST_SEASONS[season > 7] * season


def season_sums(panel: Panel, group: Ints, n_groups: int, season: int, n_known: int) -> Sums:
    """Add up what each group sold, and what its series usually sell, over buckets < n_known.

    Each series is scaled to its own level: the mean over the season around a bucket, clipped to
    the history; so a launch or a death is no season. A series weighs by the root of its level.
    """
    qty, known = panel.qty[:n_known], panel.known[:n_known]
    n_series = qty.shape[1]
    nothing = np.zeros((1, n_series))
    sold = np.concatenate([nothing, np.cumsum(qty, axis=0)])
    seen = np.concatenate([nothing, np.cumsum(known, axis=0)])
    n_years = -(-n_known // season)
    shape = (n_groups, 2, n_years, season)
    by_sold, by_usual = np.zeros(shape), np.zeros(shape)
    cell = group * 2 + np.arange(n_series) % 2
    overall = np.sqrt(np.maximum(sold[-1] / np.maximum(seen[-1], 1.0), 1e-9))
    for t in range(n_known):
        low = min(max(t - season // 2, 0), max(n_known - season, 0))
        high = min(low + season, n_known)
        count = seen[high] - seen[low]
        full = (count >= 0.75 * min(season, n_known)) & (known[t] > 0.0)
        level = (sold[high] - sold[low]) / np.maximum(count, 1.0)
        weight = full / overall
        phase, year = (t - n_known) % season, n_years - 1 - (n_known - 1 - t) // season
        by_sold[:, :, year, phase] = np.bincount(
            cell, qty[t] * weight, minlength=2 * n_groups
        ).reshape(n_groups, 2)
        by_usual[:, :, year, phase] = np.bincount(
            cell, level * weight, minlength=2 * n_groups
        ).reshape(n_groups, 2)
    return Sums(by_sold, by_usual, np.bincount(group, minlength=n_groups).astype(np.int64))


def season_factors(sums: Sums) -> Floats:
    """Return the factor of each group and phase: (n_groups, season) float64, mean 1.

    Phase 0 is the bucket right after those that were added up.
    """
    season = sums.sold.shape[3]
    everyone = _drawn(
        sums.sold.sum(axis=0), sums.usual.sum(axis=0), np.ones(season), int(sums.n_series.sum())
    )
    return np.stack(
        [
            _drawn(sold, usual, everyone, int(count))
            for sold, usual, count in zip(sums.sold, sums.usual, sums.n_series, strict=True)
        ]
    )


def _drawn(sold: Floats, usual: Floats, towards: Floats, n_series: int) -> Floats:
    """Return `towards` x what the evidence adds to it, as far as its halves agree."""
    if n_series < FEWEST_SERIES or not usual.any():
        return towards
    expected = usual * towards
    raw = _smooth(sold.sum(axis=(0, 1)), expected.sum(axis=(0, 1)))
    if (usual.sum(axis=(0, 2)) > 0.0).sum() >= 2:
        years = np.flatnonzero(usual.sum(axis=(0, 2)) > 0.0)
        first = _smooth(sold[:, years[::2]].sum(axis=(0, 1)), expected[:, years[::2]].sum((0, 1)))
        other = _smooth(sold[:, years[1::2]].sum(axis=(0, 1)), expected[:, years[1::2]].sum((0, 1)))
    else:
        first, other = (_smooth(sold[h].sum(axis=0), expected[h].sum(axis=0)) for h in (0, 1))
    agree = _reliability(first, other)
    factors = towards * (1.0 + agree * (raw - 1.0))
    factors = np.clip(factors / factors.mean(), *LIMITS)
    found: Floats = factors / factors.mean()
    return found


def _smooth(sold: Floats, usual: Floats) -> Floats:
    """Return sold / usual by phase, neighbouring weeks of the year weighed in; 1 where unknown."""
    if len(sold) > 7:
        half = len(KERNEL) // 2
        shifts = range(-half, half + 1)
        sold = np.sum([w * np.roll(sold, k) for k, w in zip(shifts, KERNEL, strict=True)], axis=0)
        usual = np.sum([w * np.roll(usual, k) for k, w in zip(shifts, KERNEL, strict=True)], axis=0)
    ratio = np.divide(sold, usual, out=np.ones(len(sold)), where=usual > 0.0)
    mean = ratio.mean()
    return ratio / mean if mean > 0.0 else np.ones(len(sold))


def _reliability(first: Floats, other: Floats) -> float:
    """Return the share of the variance of the mean of two halves that they have in common."""
    a, b = first - 1.0, other - 1.0
    common = float((a * b).mean())
    whole = float(((a + b) ** 2).mean()) / 4.0
    return float(np.clip(common / whole, 0.0, 1.0)) if whole > 0.0 else 0.0


def lay_over(factors: Floats, group: Ints, n_known: int, n_buckets: int) -> Floats:
    """Return the factor of each bucket and series: (n_buckets, n_series) float64.

    Parameters
    ----------
    n_known : buckets that were added up; bucket n_known has phase 0
    """
    phase = (np.arange(n_buckets) - n_known) % factors.shape[1]
    return np.ascontiguousarray(factors[:, phase].T[:, group])
