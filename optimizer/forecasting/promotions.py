"""What promotions did to demand, and what planned ones will do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.problem import History
from scenarios import Scenario

Floats = NDArray[np.float64]

SHRINKAGE_BUCKETS = 4.0  # an uplift seen in so many buckets is believed half
DEFAULT_UPLIFT = 0.0


@dataclass(frozen=True, slots=True)
class Uplifts:
    """Factors on demand, 1 where nothing runs.

    Attributes
    ----------
    past : (n_series, n_buckets) float64
    future : (n_series, horizon) float64
    planned : promotions in the horizon: promotion_id, uplift, rule (planner, history, default)
    """

    past: Floats
    future: Floats
    planned: pd.DataFrame


def read_uplifts(scenario: Scenario, history: History, horizon: int) -> Uplifts:
    """Estimate the uplift of each promotion: the planner's number, else what history shows.

    The history of past promotions of the same category (their demand over the median of the
    same series) is shrunk towards no uplift.
    """
    rows = scenario.table("promotions")
    n_series, n_buckets = history.sales.shape
    covered = [_cover(scenario, history, row, -n_buckets, n_buckets + horizon) for row in
               rows.itertuples()]  # fmt: skip
    seen = _seen_by_category(history, rows, covered, n_buckets)
    total = np.ones((n_series, n_buckets + horizon))
    planned = []
    for row, (series, share) in zip(rows.itertuples(), covered, strict=True):
        category = row.category if isinstance(row.category, str) else _category(scenario, row)
        if not np.isnan(row.uplift_pct):
            uplift, rule = float(row.uplift_pct) / 100.0, "planner"
        elif category in seen:
            uplift, rule = seen[category], "history"
        else:
            uplift, rule = DEFAULT_UPLIFT, "default"
        total[series] *= 1.0 + uplift * share
        if share[n_buckets:].any():
            planned.append((row.promotion_id, uplift, rule))
    frame = pd.DataFrame(planned, columns=["promotion_id", "uplift", "rule"])
    return Uplifts(total[:, :n_buckets], total[:, n_buckets:], frame)


def _category(scenario: Scenario, row: object) -> str:
    products = scenario.table("products").set_index("product_id")["category"]
    found = products.get(getattr(row, "product_id", ""), "")
    return found if isinstance(found, str) else ""


def _cover(
    scenario: Scenario, history: History, row: object, first: int, n_columns: int
) -> tuple[NDArray[np.bool_], Floats]:
    """Return which series a promotion touches, and which share of each bucket it runs."""
    keys = history.keys
    touched = np.ones(len(keys), bool)
    product, category = getattr(row, "product_id", None), getattr(row, "category", None)
    location = getattr(row, "location_id", None)
    if isinstance(product, str):
        touched &= (keys["product_id"] == product).to_numpy()
    elif isinstance(category, str):
        touched &= (keys["category"] == category).to_numpy()
    if isinstance(location, str):
        touched &= (keys["location_id"] == location).to_numpy()
    length = scenario.settings.bucket_days
    start = np.datetime64(scenario.settings.start_date, "D")
    begin = (pd.Timestamp(row.start).to_datetime64().astype("datetime64[D]") - start).astype(int)  # type: ignore[attr-defined]
    end = (pd.Timestamp(row.end).to_datetime64().astype("datetime64[D]") - start).astype(int) + 1  # type: ignore[attr-defined]
    opens = length * (first + np.arange(n_columns))
    days = np.clip(np.minimum(end, opens + length) - np.maximum(begin, opens), 0, length)
    return touched, days / length


def _seen_by_category(
    history: History,
    rows: pd.DataFrame,
    covered: list[tuple[NDArray[np.bool_], Floats]],
    n_buckets: int,
) -> dict[str, float]:
    """Return the uplift that past promotions showed, by category, shrunk towards 0."""
    sold: dict[str, float] = {}
    usual: dict[str, float] = {}
    count: dict[str, float] = {}
    with np.errstate(invalid="ignore"):
        median = np.nan_to_num(pd.DataFrame(history.sales).median(axis=1).to_numpy(np.float64))
    for _, (series, share) in zip(rows.itertuples(), covered, strict=True):
        ran = share[:n_buckets] >= 0.5
        if not ran.any():
            continue
        for category in sorted(set(history.keys["category"].to_numpy()[series])):
            own = series & (history.keys["category"] == category).to_numpy()
            sales = history.sales[own][:, ran]
            base = np.where(np.isnan(sales), 0.0, median[own][:, None])
            sold[category] = sold.get(category, 0.0) + float(np.nansum(sales))
            usual[category] = usual.get(category, 0.0) + float(base.sum())
            count[category] = count.get(category, 0.0) + float(ran.sum())
    return {
        category: max(sold[category] / usual[category] - 1.0, 0.0)
        * count[category]
        / (count[category] + SHRINKAGE_BUCKETS)
        for category in sold
        if usual[category] > 0.0
    }
