"""Variance of the total demand of several buckets, between the spans that a forecast states.

Errors of one series' buckets go together (its level is uncertain), so that variances of buckets
do not add up to that of their total. The forecast states the total of some spans; between them
the variance is a power of the length, beyond the last one it grows as between the last two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

GROWTH = (1.0, 2.0)  # powers beyond the last span: independent buckets, one common error


@dataclass(frozen=True, slots=True)
class SpanVariance:
    """Variance of the total of the first buckets.

    Attributes
    ----------
    spans : (n_spans,) buckets, ascending, the first is 1
    variance : (n_rows, n_spans) units^2; a row with a value that is not above 0 is not used
    """

    spans: Floats
    variance: Floats

    @property
    def usable(self) -> Bools:
        """Rows whose every span has a variance."""
        positive: Bools = np.min(self.variance, axis=1) > 0.0
        return positive if len(self.spans) > 1 else np.zeros(len(positive), bool)

    def over(self, rows: NDArray[np.int64], buckets: Floats) -> Floats:
        """Return the variance of the first `buckets` of each row, units^2; NaN where unusable.

        Parameters
        ----------
        rows : (n,) rows of `variance`; buckets : (n,) length in buckets, parts allowed
        """
        spans = self.spans
        if len(spans) < 2 or not len(rows):
            return np.full(len(rows), np.nan)
        upper = np.clip(np.searchsorted(spans, buckets), 1, len(spans) - 1)
        lower = upper - 1
        with np.errstate(divide="ignore", invalid="ignore"):
            low = np.log(self.variance[rows, lower])
            high = np.log(self.variance[rows, upper])
            start, end = np.log(spans[lower]), np.log(spans[upper])
            power = (high - low) / (end - start)
            beyond = buckets > spans[-1]
            power = np.where(beyond, np.clip(power, *GROWTH), power)
            anchor = np.where(beyond, high, low)
            origin = np.where(beyond, end, start)
            length = np.log(np.maximum(buckets, 1.0))
            found = np.exp(anchor + power * (length - origin))
        # within the first bucket: independent days
        found = np.where(buckets < 1.0, np.maximum(buckets, 0.0) * self.variance[rows, 0], found)
        result: Floats = np.where(self.usable[rows], found, np.nan)
        return result
