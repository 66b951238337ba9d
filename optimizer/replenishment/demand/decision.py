"""The demand that tonight's decision is made against: lost sales, replays and returns counted.

What comes back and is sold again meets demand that nobody need buy for. Lost sales and replays
count where unmet demand is lost and the forecasting stage stated totals of spans; a forecast that
the planner hands in is taken as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.calibration import (
    CLASSES,
    ClassShift,
    Rule,
    calibrate,
    volume_class,
)
from optimizer.replenishment.demand.from_forecast import SiteForecast
from optimizer.replenishment.demand.lost_sales import stock_at_arrival
from optimizer.replenishment.demand.past import read_past
from optimizer.replenishment.demand.returning import Returning
from optimizer.replenishment.targets import wishes
from scenarios import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PAIR = ["site_id", "product_id"]


def with_decision_demand(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    pairs: pd.DataFrame,
    offers: pd.DataFrame,
    forecast: SiteForecast,
    returning: Returning | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add the demand of tonight's decision to the pairs; return them and the calibration.

    Returns
    -------
    pairs : with `lost_before` [expected units lost before tonight's order arrives], `shift`
        [standard deviations], `decision_mean`, `decision_sd` [units]
    calibration : a row per volume class that was replayed
    """
    mean, sd = pairs["mean"].to_numpy(np.float64), pairs["sd"].to_numpy(np.float64)
    zero = np.zeros(len(pairs))
    back = pairs["expected_returns"].to_numpy(np.float64)
    net_mean = mean - back
    net_sd = joint_sd(sd, pairs["returns_sd"].to_numpy(np.float64))
    plain = pairs.assign(lost_before=zero, shift=zero, decision_mean=net_mean, decision_sd=net_sd)
    rows = _alone(scenario, pairs, forecast)
    if not len(rows):
        return plain, pd.DataFrame()
    lost, variance = _at_arrival(scenario, pairs, rows, forecast, returning)
    spread = np.sqrt(variance)
    by_cost = ~wishes(scenario, pairs)[rows]  # a target is the planner's word, not a cost
    shifts = _replayed(scenario, upstream, pairs, offers, rows[by_cost])
    by_class = np.zeros(len(CLASSES))
    for found in shifts:
        by_class[CLASSES.index(found.name)] = found.shift
    shift = np.where(by_cost, by_class[volume_class(mean[rows])], 0.0)

    def put(whole: Floats, part: Floats) -> Floats:
        result = whole.copy()
        result[rows] = part
        return result

    changed = pairs.assign(
        lost_before=put(zero, lost),
        shift=put(zero, shift),
        decision_mean=put(net_mean, net_mean[rows] - lost + shift * spread),
        decision_sd=put(net_sd, spread),
    )
    table = pd.DataFrame([asdict(found) for found in shifts])
    return changed, table.rename(columns={"name": "segment"})


def joint_sd(sd: Floats, other: Floats) -> Floats:
    """Return the standard deviation of a sum of independent parts; `sd` itself where one is 0."""
    return np.where(other > 0.0, np.sqrt(sd**2 + other**2), sd)


def _alone(scenario: Scenario, pairs: pd.DataFrame, forecast: SiteForecast) -> Ints:
    """Return the pairs that are bought for themselves alone and have spans to go by."""
    if scenario.settings.shortage_rule != "lost" or forecast.spans is None:
        return np.empty(0, np.int64)
    root = pairs["root"].to_numpy(np.int64)
    members = np.bincount(root, minlength=len(pairs))
    at = pairs["forecast_row"].to_numpy(np.int64)
    alone = (root == np.arange(len(pairs))) & (members == 1) & (at >= 0)
    alone &= pairs["has_option"].to_numpy(bool) & (pairs["free"].to_numpy(np.float64) >= 0.0)
    alone &= forecast.spans.usable[np.maximum(at, 0)]
    return np.flatnonzero(alone)


def _at_arrival(
    scenario: Scenario,
    every: pd.DataFrame,
    rows: Ints,
    forecast: SiteForecast,
    returning: Returning | None,
) -> tuple[Floats, Floats]:
    """Return units lost before tonight's order arrives, and the variance it is to meet.

    What comes back before then is stock from the start of its bucket on.
    """
    pairs = every.iloc[rows]
    length = forecast.bucket_days
    at = pairs["forecast_row"].to_numpy(np.int64)
    lead = pairs["lead_days"].to_numpy(np.float64)
    days = pairs["protection_days"].to_numpy(np.float64)
    n_buckets = max(math.ceil(float(lead.max(initial=0.0)) / length - 1e-9), 0)
    ends = [np.minimum(lead, (bucket + 1.0) * length) for bucket in range(n_buckets)]
    totals = [forecast.over(at, end) for end in ends]
    nothing = np.zeros((len(pairs), 1))
    mean = np.column_stack([nothing, *(total[0] for total in totals)])
    variance = np.column_stack([nothing, *(total[1] for total in totals)])
    variance = np.maximum.accumulate(variance, axis=1)
    receipts = _receipts(scenario, pairs, n_buckets, length)
    came_variance = np.zeros((len(pairs), n_buckets + 1))
    if returning is not None:
        came = [returning.of(rows, end) for end in (*ends, days)]
        came_mean = np.column_stack([nothing, *(part[0] for part in came[:-1])])
        receipts = receipts + np.diff(came_mean, axis=1)
        by_then = np.column_stack([nothing, *(part[1] for part in came)])
        came_variance = np.diff(np.maximum.accumulate(by_then, axis=1), axis=1)
    before = stock_at_arrival(
        pairs["free"].to_numpy(np.float64),
        receipts,
        np.diff(mean, axis=1),
        np.diff(variance, axis=1) + came_variance[:, :-1],
    )
    total_mean, total = forecast.over(at, days)
    rate = np.divide(total_mean, days, out=np.zeros(len(days)), where=days > 0.0)
    after = np.maximum(total - variance[:, -1], 0.0)
    late = rate**2 * pairs["lead_variance"].to_numpy(np.float64)
    return before.lost, before.variance + after + late + came_variance[:, -1]


def _receipts(scenario: Scenario, pairs: pd.DataFrame, n_buckets: int, length: int) -> Floats:
    """Return open orders by pair and bucket at whose start they come, (n_pairs, n_buckets).

    A day within a bucket is rounded to the nearer start; what comes after tonight's order does
    is left out.
    """
    coming = scenario.table("open_orders")
    index = pd.MultiIndex.from_frame(pairs[PAIR])
    row = index.get_indexer(pd.MultiIndex.from_frame(coming[PAIR]))
    start = pd.Timestamp(scenario.settings.start_date)
    day = (coming["due_on"] - start).dt.days.fillna(0).to_numpy(np.float64)
    bucket = np.floor(np.maximum(day, 0.0) / length + 0.5).astype(np.int64)
    lead = pairs["lead_days"].to_numpy(np.float64)
    inside = (row >= 0) & (bucket * length < lead[np.maximum(row, 0)] - 1e-9)
    flat = row[inside] * n_buckets + bucket[inside]
    qty = coming["qty"].to_numpy(np.float64)[inside]
    total = np.bincount(flat, qty, len(pairs) * n_buckets).astype(np.float64)
    return total.reshape(len(pairs), n_buckets)


def _replayed(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    pairs: pd.DataFrame,
    offers: pd.DataFrame,
    rows: Ints,
) -> tuple[ClassShift, ...]:
    """Replay the past of these pairs and return what each volume class learned."""
    bucket_days = scenario.settings.bucket_days
    found = read_past(upstream.get("forecast_origins"), pairs.iloc[rows], bucket_days)
    if found is None:
        return ()
    past, at, step_buckets = found
    at = rows[at]
    step_days = step_buckets * bucket_days
    primary = offers[offers["primary"]].set_index("pair")
    terms = primary.reindex(at)
    part = pairs.iloc[at]
    holding = part["holding_cost_per_unit_day"].to_numpy(np.float64)
    review = part["review_days"].to_numpy(np.float64)
    rule = Rule(
        lead_steps=np.floor(part["lead_days"].to_numpy(np.float64) / step_days + 0.5).astype(
            np.int64
        ),
        review_steps=np.maximum(np.floor(review / step_days + 0.5), 1.0).astype(np.int64),
        holding=holding * step_days,
        shortage=part["shortage_cost"].to_numpy(np.float64),
        holding_review=holding * review,
        multiple=terms["order_multiple"].to_numpy(np.float64),
        moq=terms["moq"].fillna(0.0).to_numpy(np.float64),
        volume=part["mean"].to_numpy(np.float64),
    )
    return calibrate(past, rule)
