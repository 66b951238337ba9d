"""Past forecasts, laid out for the replay."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.calibration import Past
from optimizer.replenishment.demand.from_forecast import Z90

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def read_past(
    origins: pd.DataFrame | None, pairs: pd.DataFrame, bucket_days: int
) -> tuple[Past, Ints, int] | None:
    """Lay `forecast_origins` out by pair, origin and span.

    Parameters
    ----------
    origins : the table; None or empty: there is no past
    pairs : site_id, product_id of the pairs that may be replayed

    Returns
    -------
    past, rows of `pairs` that it is about, buckets in a step (between two origins); None where
    nothing can be replayed
    """
    if origins is None or not len(origins):
        return None
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]])
    keys = pd.MultiIndex.from_arrays([origins["location_id"], origins["product_id"]])
    row = index.get_indexer(keys)
    origins, row = origins[row >= 0], row[row >= 0]
    kept, series = np.unique(row, return_inverse=True)
    dates, when = np.unique(origins["origin"].to_numpy("datetime64[D]"), return_inverse=True)
    step = _step(dates, bucket_days)
    if len(kept) == 0 or step is None:
        return None
    span = origins["span_buckets"].to_numpy(np.int64)
    whole = span % step == 0
    spans = np.unique(span[whole])
    if len(spans) < 2 or spans[0] != step:
        return None
    place = np.searchsorted(spans, span[whole])
    shape = (len(kept), len(dates), len(spans))
    mean, high, came = (np.full(shape, np.nan) for _ in range(3))
    at = (series[whole], when[whole], place)
    for grid, column in ((mean, "mean"), (high, "high"), (came, "came")):
        grid[at] = origins[column].to_numpy(np.float64)[whole]
    variance = (np.maximum(high - mean, 0.0) / Z90) ** 2
    steps = (spans // step).astype(np.float64)
    return Past(steps, mean, variance, came[:, :, 0]), kept.astype(np.int64), step


def _step(dates: NDArray[np.datetime64], bucket_days: int) -> int | None:
    """Return the buckets from one origin to the next; None where they are not evenly apart."""
    if len(dates) < 2:
        return None
    apart = np.diff(dates).astype(np.int64)
    days = int(apart[0])
    even = bool((apart == days).all()) and days % bucket_days == 0
    return days // bucket_days if even else None
