"""The referee's own account of demand that is lost before tonight's order arrives."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from optimizer.audit.report import Rules
from scenarios import Scenario

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

PAIR = ["site_id", "product_id"]
Z90 = 1.2815515655446004  # standard normal 0.9 quantile
STEEPEST, FLATTEST = 2.0, 1.0  # growth of variance beyond the last span stated
CLASS_EDGES = {"slow": (-math.inf, 3.0), "medium": (3.0, 12.0), "fast": (12.0, math.inf)}
CERTAIN = 1e-12  # units^2 of variance up to which stock is taken as known
LARGEST_SHIFT = 1.5  # standard deviations that a replay may move a level by

Over = Callable[[Floats], tuple[Floats, Floats]]
"""days of each pair -> mean and variance of demand in its first days, units."""


class Spans:
    """Totals of several buckets that the forecast states, by product-location.

    Attributes
    ----------
    index : (site_id, product_id) of each row of `variance`
    lengths : (n_spans,) buckets, ascending; variance : (n_rows, n_spans) units^2, 0: not stated
    """

    def __init__(self, forecast: pd.DataFrame | None) -> None:
        self.index = pd.MultiIndex.from_arrays([[], []])
        self.lengths: Floats = np.empty(0)
        self.variance: Floats = np.empty((0, 0))
        if forecast is None or not (forecast["span_buckets"] > 1).any():
            return
        is_long = forecast["span_buckets"] > 1
        opening = forecast["bucket"] == forecast.loc[is_long, "bucket"].min()
        both = forecast[is_long | ((forecast["span_buckets"] == 1) & opening)]
        keys = [both["location_id"], both["product_id"], both["span_buckets"].astype(float)]
        near = np.isclose(both["quantile"].to_numpy(np.float64), 0.9)
        mean = both["qty"].where(both["quantile"].isna()).groupby(keys).sum(min_count=1)
        high = both["qty"].where(near).groupby(keys).sum(min_count=1)
        sd = ((high - mean) / Z90).clip(lower=0.0).fillna(0.0)
        table = (sd**2).unstack(fill_value=0.0)
        self.index = table.index
        self.lengths = table.columns.to_numpy(np.float64)
        self.variance = table.to_numpy(np.float64)

    def of(self, pairs: pd.DataFrame) -> tuple[NDArray[np.int64], Flags]:
        """Return each pair's row, and whether every span of it is stated and uncertain."""
        row = self.index.get_indexer(pd.MultiIndex.from_frame(pairs[PAIR]))
        if len(self.lengths) < 2:
            return row, np.zeros(len(row), bool)
        whole = np.min(self.variance, axis=1) > 0.0
        return row, (row >= 0) & whole[np.maximum(row, 0)]

    def over(self, pairs: pd.DataFrame, buckets: Floats, otherwise: Floats) -> Floats:
        """Return the variance of each pair's first buckets; `otherwise` where none is stated."""
        row, stated = self.of(pairs)
        result = otherwise.astype(np.float64).copy()
        if stated.any():
            result[stated] = between(self.lengths, self.variance[row[stated]], buckets[stated])
        return result


def between(lengths: Floats, variance: Floats, wanted: Floats) -> Floats:
    """Return variances at lengths between those stated, each as a power of the length.

    Parameters
    ----------
    lengths : (n_spans,) buckets; variance : (n, n_spans) units^2; wanted : (n,) buckets
    """
    result = np.where(wanted < 1.0, np.maximum(wanted, 0.0) * variance[:, 0], np.nan)
    for place in range(1, len(lengths)):
        short, long = lengths[place - 1], lengths[place]
        below, above = variance[:, place - 1], variance[:, place]
        power = np.log(above / below) / np.log(long / short)
        inside = np.isnan(result) & (wanted <= long)
        result = np.where(inside, below * (np.maximum(wanted, 1.0) / short) ** power, result)
    power = np.clip(power, FLATTEST, STEEPEST)
    found: Floats = np.where(np.isnan(result), above * (wanted / long) ** power, result)
    return found


def left_at_arrival(
    stock: Floats, receipts: Floats, mean: Floats, variance: Floats
) -> tuple[Floats, Floats]:
    """Return the variance of the stock that tonight's order joins, and the units lost before.

    Parameters
    ----------
    stock : (n,) units; receipts, mean, variance : (n, n_buckets), by bucket before the arrival
    """
    level, spread, lost = stock.copy(), np.zeros(len(stock)), np.zeros(len(stock))
    for bucket in range(mean.shape[1]):
        centre = level + receipts[:, bucket] - mean[:, bucket]
        spread = spread + variance[:, bucket]
        sure = spread <= CERTAIN
        sd = np.sqrt(np.where(sure, 1.0, spread))
        z = np.clip(centre / sd, -40.0, 40.0)
        chance, height = norm.cdf(z), norm.pdf(z)
        first = centre * chance + sd * height
        square = (centre**2 + sd**2) * chance + centre * sd * height
        level = np.where(sure, np.maximum(centre, 0.0), first)
        spread = np.where(sure, 0.0, np.maximum(square - first**2, 0.0))
        lost = lost + level - centre
    return spread, lost


def decision_demand(
    scenario: Scenario,
    pairs: pd.DataFrame,
    spans: Spans,
    over: Over,
    back: Over,
    calibration: pd.DataFrame | None,
) -> tuple[Floats, Floats, Floats]:
    """Return mean and sd of the demand that tonight's orders are to meet, and what replay adds.

    What comes back from customers meets a part of it. All in units.

    Parameters
    ----------
    pairs : site_id, product_id, mean, sd, lead_days, lead_variance, protection_days, rate, alone
        [bought for itself, with an option], states_target, expected_returns, returns_variance
    over, back : mean and variance of demand, and of what comes back, in the first days of pairs
    """
    volume = pairs["mean"].to_numpy(np.float64)
    mean = volume - pairs["expected_returns"].to_numpy(np.float64)
    returned = pairs["returns_variance"].to_numpy(np.float64)
    sd = np.sqrt(pairs["sd"].to_numpy(np.float64) ** 2 + returned)
    if scenario.settings.shortage_rule != "lost" or not len(spans.lengths):
        return mean, sd, np.zeros(len(mean))
    length = scenario.settings.bucket_days
    lead = pairs["lead_days"].to_numpy(np.float64)
    free, receipts = _stock(scenario, pairs, lead)
    chosen = pairs["alone"].to_numpy(bool) & spans.of(pairs)[1] & (free >= 0.0)
    totals = [over(np.minimum(lead, (b + 1.0) * length)) for b in range(receipts.shape[1])]
    nothing = np.zeros(len(pairs))
    by_mean = np.column_stack([nothing, *(total[0] for total in totals)])
    by_variance = np.column_stack([nothing, *(total[1] for total in totals)])
    by_variance = np.maximum.accumulate(by_variance, axis=1)
    until = pairs["protection_days"].to_numpy(np.float64)
    marks = [*(np.minimum(lead, (b + 1.0) * length) for b in range(receipts.shape[1])), until]
    came = [back(mark) for mark in marks]
    came_mean = np.column_stack([nothing, *(part[0] for part in came)])
    came_variance = np.column_stack([nothing, *(part[1] for part in came)])
    came_variance = np.diff(np.maximum.accumulate(came_variance, axis=1), axis=1)
    spread, lost = left_at_arrival(
        free,
        receipts + np.diff(came_mean[:, :-1], axis=1),
        np.diff(by_mean, axis=1),
        np.diff(by_variance, axis=1) + came_variance[:, :-1],
    )
    _, whole = over(until)
    late = pairs["rate"].to_numpy(np.float64) ** 2 * pairs["lead_variance"].to_numpy(np.float64)
    total = spread + np.maximum(whole - by_variance[:, -1], 0.0) + late + came_variance[:, -1]
    met = np.sqrt(total)
    shift = np.where(pairs["states_target"].to_numpy(bool), 0.0, _shift(calibration, volume))
    return (
        np.where(chosen, mean - lost + shift * met, mean),
        np.where(chosen, met, sd),
        np.where(chosen, shift * met, 0.0),
    )


def _shift(calibration: pd.DataFrame | None, volume: Floats) -> Floats:
    """Return the replayed shift of each pair's volume class, standard deviations."""
    shift = np.zeros(len(volume))
    if calibration is not None:
        for name, value in zip(calibration["segment"], calibration["shift"], strict=True):
            low, high = CLASS_EDGES.get(str(name), (math.inf, math.inf))
            shift[(volume > low) & (volume <= high)] = float(value)
    return shift


def _stock(scenario: Scenario, pairs: pd.DataFrame, lead: Floats) -> tuple[Floats, Floats]:
    """Return free units of each pair, and units that come before tonight's order, by bucket.

    A day within a bucket counts at the nearer start.
    """
    start = pd.Timestamp(scenario.settings.start_date)
    length = scenario.settings.bucket_days
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= start)]
    units = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    total = units.astype(float).groupby([stock["site_id"], stock["product_id"]]).sum()
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    free: Floats = total.reindex(at).fillna(0.0).to_numpy(np.float64)
    receipts = np.zeros((len(pairs), max(math.ceil(lead.max(initial=0.0) / length - 1e-9), 0)))
    orders = scenario.table("open_orders")
    row = at.get_indexer(pd.MultiIndex.from_frame(orders[PAIR]))
    day = np.maximum((orders["due_on"] - start).dt.days.fillna(0).to_numpy(np.float64), 0.0)
    bucket = np.floor(day / length + 0.5).astype(np.int64)
    early = (row >= 0) & (bucket * length < lead[np.maximum(row, 0)] - 1e-9)
    np.add.at(receipts, (row[early], bucket[early]), orders["qty"].to_numpy(np.float64)[early])
    return free, receipts


def check_calibration(rules: Rules, calibration: pd.DataFrame | None) -> None:
    """A replayed shift names a known class, is of a believable size, and never cost more."""
    if calibration is None or not len(calibration):
        return
    table, names = "calibration", calibration["segment"].astype(str)
    rules.add(table, "unknown_class", ~names.isin(list(CLASS_EDGES)), names)
    rules.add(table, "stated_twice", names.duplicated(), names)
    shift = calibration["shift"].astype(float).abs()
    rules.add(table, "shift_too_large", ~(shift <= LARGEST_SHIFT), names)
    worse = calibration["cost_replayed"] > calibration["cost_theory"] * (1.0 + 1e-9)
    rules.add(table, "costs_more_than_theory", worse, names)
