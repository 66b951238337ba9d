"""`forecast_origins`: what would have been said in the past, for those who replay stock.

Honest in time: seasonal factors and trees come from before the first origin; levels from before
each origin. Spread is learned from the other half of the series. Which method a segment has was
chosen on the same windows: a handful of choices over all series.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.forecasting.backtest import of_choice
from optimizer.forecasting.panel import Floats
from optimizer.forecasting.problem import KEY
from optimizer.forecasting.quantiles import HIGH, LEVELS, Known, learn_spread, quantiles
from optimizer.forecasting.solve import Learned, Problem
from optimizer.forecasting.spans import REPLAYED, replay_origins
from optimizer.forecasting.tables import DECIMALS
from scenarios import Scenario


def forecast_origins(
    scenario: Scenario, keys: pd.DataFrame, problem: Problem, learned: Learned
) -> pd.DataFrame:
    """Return mean and 0.9 quantile of the totals from each replayed origin, and what came."""
    test, rows = learned.test, learned.sample
    segment = problem.segment[rows]
    said = of_choice(test, segment, learned.chosen)
    high = _high_of_other_half(problem, learned, said)
    origins = replay_origins(test.origins)
    first = len(test.origins) - len(origins)
    spans = [span for span in REPLAYED if (0, span) in test.windows]
    places = [test.window_at(span) for span in spans]
    came = test.came.closed()[first:][:, places]
    begun = ~np.isnan(problem.sales[rows].T)
    known_from = np.argmax(begun, axis=0)
    told = np.array(origins)[:, None] > known_from[None, :]
    shape = came.shape
    start = np.datetime64(scenario.settings.start_date, "ms")
    length = np.timedelta64(scenario.settings.bucket_days, "D")
    dates = start + (np.array(origins) - problem.n_buckets) * length
    series = np.broadcast_to(np.arange(shape[2]), shape)
    use = np.broadcast_to(told[:, None, :], shape) & ~np.isnan(said[first:][:, places])
    order = np.lexsort(
        (
            np.broadcast_to(np.arange(shape[1])[:, None], shape)[use],
            np.broadcast_to(np.arange(shape[0])[:, None, None], shape)[use],
            series[use],
        )
    )
    at = series[use][order]
    mean = said[first:][:, places][use][order]
    return pd.DataFrame(
        {
            "product_id": keys["product_id"].iloc[rows[at]].reset_index(drop=True),
            "location_id": keys["location_id"].iloc[rows[at]].reset_index(drop=True),
            "origin": np.broadcast_to(dates[:, None, None], shape)[use][order],
            "span_buckets": np.broadcast_to(np.array(spans, float)[:, None], shape)[use][order],
            "mean": np.round(mean, DECIMALS),
            "high": np.round(np.maximum(high[first:][:, places][use][order], mean), DECIMALS),
            "came": np.round(came[use][order], DECIMALS),
        }
    )[[*KEY, "origin", "span_buckets", "mean", "high", "came"]]


def _high_of_other_half(problem: Problem, learned: Learned, said: Floats) -> Floats:
    """Return 0.9 quantiles by a spread that was learned from the series of the other parity."""
    test = learned.test
    segment = problem.segment[learned.sample]
    half = np.arange(said.shape[2]) % 2
    high = np.zeros_like(said)
    for own in (0, 1):
        teach, use = half != own, half == own
        if not use.any():
            continue
        if not teach.any():
            teach = use
        spread = learn_spread(
            said[:, :, teach],
            test.came.of(teach),
            Known(test.variance[:, teach], test.level[:, teach]),
            test.windows,
            segment[teach],
        )
        known = Known(test.variance[:, use], test.level[:, use])
        for place, window in enumerate(test.windows):
            found = quantiles(spread, said[:, place, use], known, segment[use], window)
            high[:, place, use] = found[LEVELS.index(HIGH)]
    return high
