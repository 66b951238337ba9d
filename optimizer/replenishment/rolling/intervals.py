"""Demand over a protection interval that begins in any bucket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.demand.from_forecast import SiteForecast
from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Intervals:
    """Running totals of every pair's own forecast.

    Attributes
    ----------
    mean, variance : (n_pairs, n_buckets) units per bucket; the last one repeats
    mean_before, variance_before : (n_pairs, n_buckets) totals of the buckets before
    forecast, row : what states the variance of totals, and the row of each pair in it
    """

    mean: Floats
    variance: Floats
    mean_before: Floats
    variance_before: Floats
    forecast: SiteForecast
    row: Ints

    @property
    def bucket_days(self) -> int:
        """Days in a bucket."""
        return self.forecast.bucket_days

    def over(self, bucket: int, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of demand in the `days` days from a bucket's first on.

        Buckets vary together as much as those of the same number of days from the start do,
        where the forecast states totals.

        Parameters
        ----------
        days : (n_pairs,)
        """
        begin, end = np.full(len(days), float(bucket)), bucket + days / self.bucket_days
        mean = self._until(end, self.mean, self.mean_before) - self._until(
            begin, self.mean, self.mean_before
        )
        variance = self._until(end, self.variance, self.variance_before) - self._until(
            begin, self.variance, self.variance_before
        )
        if self.forecast.spans is not None:
            alone = self._until(days / self.bucket_days, self.variance, self.variance_before)
            _, stated = self.forecast.over(self.row, days)
            variance *= np.divide(stated, alone, out=np.ones(len(days)), where=alone > 0.0)
        return mean, variance

    def _until(self, place: Floats, rate: Floats, before: Floats) -> Floats:
        """Return the total until a place in time, in buckets from start."""
        whole = np.minimum(place.astype(np.int64), rate.shape[1] - 1)
        each = np.arange(len(place))
        total: Floats = before[each, whole] + (place - whole) * rate[each, whole]
        return total


def read_intervals(facts: Facts) -> Intervals:
    """Return the running totals of the forecast."""
    forecast = facts.forecast
    row = facts.pairs["forecast_row"].to_numpy(np.int64)
    count = max(forecast.mean.shape[1], 1)
    mean, variance = np.zeros((len(row), count)), np.zeros((len(row), count))
    known = np.flatnonzero(row >= 0)
    mean[known], variance[known] = forecast.mean[row[known]], forecast.variance[row[known]]
    return Intervals(
        mean,
        variance,
        np.cumsum(mean, axis=1) - mean,
        np.cumsum(variance, axis=1) - variance,
        forecast,
        row,
    )
