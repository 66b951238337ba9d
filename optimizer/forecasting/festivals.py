"""Festivals: how demand builds up before one, peaks and dips after it, learned from past ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.panel import Bools, Floats

Ints = NDArray[np.int64]

AROUND = {True: 3, False: 14}  # buckets before and after a festival that it moves: weeks, days
PRIOR_UNITS = 200.0  # expected units that weigh as much as what all categories did
PRIOR_OCCURRENCES = 0.5  # of the festival, for no effect at all
LIMITS = (0.05, 10.0)  # of a factor


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a festival takes place.

    Attributes
    ----------
    event : id
    first, last : bucket of its first and of its last day
    touched : (n_series,) bool; series in its region
    """

    event: str
    first: int
    last: int
    touched: Bools

    def columns(self, around: int, n_columns: int) -> tuple[Ints, Ints]:
        """Return the buckets that it moves, and the offset of each.

        Offsets count from the first day's bucket; those after the last day's bucket count on from
        1000, so that a longer festival has its dip at the same place.
        """
        columns = np.arange(max(self.first - around, 0), min(self.last + around + 1, n_columns))
        offsets = columns - self.first
        after = columns > self.last
        return columns, np.where(after, 1000 + columns - self.last, offsets)


def learn_profiles(
    occurrences: list[Occurrence],
    sales: Floats,
    usual: Floats,
    group: Ints,
    n_groups: int,
    around: int,
) -> dict[str, dict[int, Floats]]:
    """Return {event: {offset: (n_groups,) factors}} of the festivals that have been before.

    Parameters
    ----------
    sales, usual : (n_buckets, n_series) units, promotions divided out; NaN where not known
    """
    found: dict[str, dict[int, Floats]] = {}
    for event in sorted({one.event for one in occurrences}):
        sold: dict[int, Floats] = {}
        expected: dict[int, Floats] = {}
        times: dict[int, int] = {}
        for one in occurrences:
            if one.event != event:
                continue
            for column, offset in zip(*one.columns(around, len(sales)), strict=True):
                known = ~np.isnan(sales[column]) & ~np.isnan(usual[column]) & one.touched
                if not known.any():
                    continue
                at = int(offset)
                part = np.bincount(group[known], sales[column, known], minlength=n_groups)
                sold[at] = sold.get(at, np.zeros(n_groups)) + part
                part = np.bincount(group[known], usual[column, known], minlength=n_groups)
                expected[at] = expected.get(at, np.zeros(n_groups)) + part
                times[at] = times.get(at, 0) + 1
        profile = {
            at: _factors(sold[at], expected[at], times[at]) for at in sorted(sold) if times[at]
        }
        if profile:
            found[event] = profile
    return found


def _factors(sold: Floats, expected: Floats, times: int) -> Floats:
    units = float(expected.sum())
    everyone = (float(sold.sum()) + PRIOR_UNITS) / (units + PRIOR_UNITS)
    everyone = 1.0 + (everyone - 1.0) * times / (times + PRIOR_OCCURRENCES)
    drawn = (sold + PRIOR_UNITS * everyone) / (expected + PRIOR_UNITS)
    trust = times / (times + PRIOR_OCCURRENCES)
    factors = everyone + (drawn - everyone) * trust
    limited: Floats = np.clip(factors, *LIMITS)
    return limited


def lay_profiles(
    factors: Floats,
    occurrences: list[Occurrence],
    profiles: dict[str, dict[int, Floats]],
    group: Ints,
    around: int,
) -> None:
    """Multiply factors (n_columns, n_series) by the profile of each occurrence, in place."""
    for one in occurrences:
        profile = profiles.get(one.event, {})
        for column, offset in zip(*one.columns(around, len(factors)), strict=True):
            if int(offset) in profile:
                moved = profile[int(offset)][group]
                factors[column] *= np.where(one.touched, moved, 1.0)
