"""The horizon in parts, each of whole buckets: what demand and room by period refer to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.errors import InputError
from scenarios.settings import Settings

KINDS = ("bucket", "month", "quarter")


@dataclass(frozen=True, slots=True)
class Periods:
    """Parts of the horizon, in order.

    Attributes
    ----------
    first : (n_periods,) datetime64[D], first day of each
    days : (n_periods,) int64
    of_bucket : (horizon_buckets,) int64, number of the period of each bucket
    """

    first: npt.NDArray[np.datetime64]
    days: npt.NDArray[np.int64]
    of_bucket: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.days)

    @property
    def names(self) -> list[str]:
        """First days, as in 2026-11-30."""
        return [str(day) for day in self.first]

    @property
    def stay_days(self) -> npt.NDArray[np.float64]:
        """Days from the middle of each period to the middle of the next, (n_periods - 1,)."""
        middle: npt.NDArray[np.float64] = (self.days[:-1] + self.days[1:]) / 2.0
        return middle


def split_horizon(settings: Settings, kind: str = "") -> Periods:
    """Return the horizon by bucket, month or quarter; blank: as one period.

    A bucket belongs to the month or quarter of its first day.

    Raises
    ------
    InputError
        The kind is not known.
    """
    if kind and kind not in KINDS:
        raise InputError(f"periods is {', '.join(KINDS)}, not {kind!r}")
    buckets = settings.horizon_buckets
    start = np.datetime64(settings.start_date, "D")
    first = start + settings.bucket_days * np.arange(buckets)
    if not kind:
        number = np.zeros(buckets, np.int64)
    elif kind == "bucket":
        number = np.arange(buckets)
    else:
        index = pd.PeriodIndex(pd.DatetimeIndex(first), freq="M" if kind == "month" else "Q")
        number = np.unique(index.asi8, return_inverse=True)[1].astype(np.int64)
    _, begins, many = np.unique(number, return_index=True, return_counts=True)
    return Periods(first[begins], many * settings.bucket_days, number)
