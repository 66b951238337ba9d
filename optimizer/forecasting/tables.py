"""The result tables: long, in a fixed order, rounded so that totals add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.panel import Floats
from optimizer.forecasting.quantiles import LEVELS
from scenarios import Scenario

DECIMALS = 4
FEW_LEVELS = (0.1, 0.5, 0.9)  # written where there are many series
SPAN_LEVELS = (0.5, 0.9)  # of totals, where there are many series
MANY = 500_000  # series x buckets


@dataclass(frozen=True, slots=True)
class Made:
    """Forecasts of all series.

    Attributes
    ----------
    keys : product_id, location_id
    mean : (n_series, horizon) float64, units
    levels : (n_levels, n_series, horizon)
    totals : {span: (n_levels, n_series)} quantiles of the total of the first `span` buckets
    method : (n_series, horizon) object, name of the method
    """

    keys: pd.DataFrame
    mean: Floats
    levels: Floats
    totals: dict[int, Floats]
    method: NDArray[np.object_]

    def of(self, rows: NDArray[np.int64]) -> Made:
        """Return some of the series, in the order of `rows`."""
        return Made(
            self.keys.iloc[rows].reset_index(drop=True),
            self.mean[rows],
            self.levels[:, rows],
            {span: found[:, rows] for span, found in self.totals.items()},
            self.method[rows],
        )


def written_levels(made: Made) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return which quantiles of buckets and of totals are written."""
    return (FEW_LEVELS, SPAN_LEVELS) if made.mean.size > MANY else (LEVELS, LEVELS)


def forecast_table(scenario: Scenario, made: Made) -> pd.DataFrame:
    """Return one row per series, bucket and level, the mean first; then the totals by span.

    The mean of a total is the sum of the rounded means of its buckets.
    """
    levels, span_levels = written_levels(made)
    n_series, horizon = made.mean.shape
    start = np.datetime64(scenario.settings.start_date, "ms")
    length = np.timedelta64(scenario.settings.bucket_days, "D")
    buckets = start + np.arange(horizon) * length
    mean = np.round(made.mean, DECIMALS)
    picked = [LEVELS.index(level) for level in levels]
    values = np.empty((n_series, horizon, 1 + len(levels)))
    values[:, :, 0] = mean
    for place, level in enumerate(picked, start=1):
        values[:, :, place] = np.round(made.levels[level], DECIMALS)
    high = 1 + int(np.searchsorted(levels, 0.9))
    values[:, :, high:] = np.maximum(values[:, :, high:], mean[:, :, None])
    parts = [
        _rows(
            made,
            values.reshape(n_series, -1),
            np.repeat(buckets, 1 + len(levels)),
            np.ones(horizon * (1 + len(levels))),
            np.tile(np.array([np.nan, *levels]), horizon),
            np.repeat(made.method, 1 + len(levels), axis=1),
        )
    ]
    if made.totals:
        parts.append(_total_rows(made, mean, start, span_levels))
    return pd.concat(parts, ignore_index=True)


def _total_rows(
    made: Made, mean: Floats, start: np.datetime64, levels: tuple[float, ...]
) -> pd.DataFrame:
    spans = sorted(made.totals)
    picked = [LEVELS.index(level) for level in levels]
    values = np.empty((len(mean), len(spans), 1 + len(levels)))
    for place, span in enumerate(spans):
        values[:, place, 0] = mean[:, :span].sum(axis=1)
        values[:, place, 1:] = np.round(made.totals[span][picked], DECIMALS).T
    high = 1 + int(np.searchsorted(levels, 0.9))
    values[:, :, high:] = np.maximum(values[:, :, high:], values[:, :, :1])
    per_series = len(spans) * (1 + len(levels))
    return _rows(
        made,
        np.round(values, DECIMALS).reshape(len(mean), -1),
        np.repeat(start, per_series),
        np.repeat(np.array(spans, np.float64), 1 + len(levels)),
        np.tile(np.array([np.nan, *levels]), len(spans)),
        np.repeat(made.method[:, :1], per_series, axis=1),
    )


def _rows(
    made: Made,
    values: Floats,
    buckets: NDArray[np.datetime64],
    spans: Floats,
    quantile: Floats,
    method: NDArray[np.object_],
) -> pd.DataFrame:
    """Lay out (n_series, rows per series) values as rows; ids and methods by repeating codes."""
    n_series, per_series = values.shape
    codes, names = pd.factorize(method.ravel())
    return pd.DataFrame(
        {
            "product_id": made.keys["product_id"].repeat(per_series).reset_index(drop=True),
            "location_id": made.keys["location_id"].repeat(per_series).reset_index(drop=True),
            "bucket": np.tile(buckets, n_series),
            "span_buckets": np.tile(spans, n_series),
            "quantile": np.tile(quantile, n_series),
            "qty": values.ravel(),
            "method": pd.Series(names, dtype="str").take(codes).reset_index(drop=True),
        }
    )
