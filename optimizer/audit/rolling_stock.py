"""The referee's own projection of stock through the horizon, from the plan's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from optimizer.audit.offers import PAIR
from optimizer.audit.tonight import Tonight, returns_counted, site_forecast
from scenarios import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Projected:
    """Stock of every product-location by bucket, (n_pairs, n_buckets) units unless said.

    Attributes
    ----------
    opening, receipts, demand, closing : transfers that leave count as demand, what comes back from
        customers as receipts
    low, high : 10 % and 90 % quantile of the closing stock
    on_way : ordered before the bucket and not arrived by its opening
    mean, variance : own demand per bucket
    fixed : (n_pairs,) units that are not for sale
    """

    opening: Floats
    receipts: Floats
    demand: Floats
    closing: Floats
    low: Floats
    high: Floats
    on_way: Floats
    mean: Floats
    variance: Floats
    fixed: Floats


@dataclass(frozen=True, slots=True)
class _Flow:
    """Units by row, bucket in which they come and in which they were ordered (-1: before)."""

    row: Ints
    units: Floats
    due: Ints
    placed: Ints


def project(
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    facts: Tonight,
    purchases: pd.DataFrame,
    buckets: int,
) -> Projected:
    """Project the stock of every product-location.

    Parameters
    ----------
    purchases : lines with `usable` units that they bring: tonight's and later ones
    """
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    at = pd.MultiIndex.from_frame(facts.own[PAIR])
    mean, variance = demand_grid(scenario, tables, facts, buckets)
    free, fixed = _on_hand(scenario, at)
    moves = tables.get("transfers", pd.DataFrame())
    orders = scenario.table("open_orders")
    flows = [_flow(at, orders, "site_id", orders["qty"], "due_on", None, start, length)]
    flows.append(
        _flow(at, purchases, "site_id", purchases["usable"], "due_on", "order_on", start, length)
    )
    leaving = np.zeros((len(at), buckets))
    if len(moves):
        flows.append(
            _flow(at, moves, "destination_id", moves["qty"], "due_on", "ship_on", start, length)
        )
        out = _flow(at, moves, "origin_id", moves["qty"], "ship_on", "ship_on", start, length)
        inside = out.due < buckets
        np.add.at(leaving, (out.row[inside], out.due[inside]), out.units[inside])
    receipts, on_way = np.zeros((len(at), buckets)), np.zeros((len(at), buckets))
    since = np.zeros((len(at), buckets), np.int64)
    for flow in flows:
        row, units, due, placed = flow.row, flow.units, flow.due, flow.placed
        inside = due < buckets
        np.add.at(receipts, (row[inside], due[inside]), units[inside])
        np.maximum.at(since, (row[inside], due[inside]), placed[inside])
        for bucket in range(buckets):
            waiting = ((placed < bucket) | (placed < 0)) & (due >= bucket)
            on_way[:, bucket] += np.bincount(row[waiting], units[waiting], len(at))
    demand = mean + leaving
    back, spread = _returned(scenario, tables, facts, buckets)
    return Projected(
        *_through(free, receipts + back, demand, variance + spread, since),
        on_way,
        mean,
        variance,
        fixed,
    )


def _returned(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], facts: Tonight, buckets: int
) -> tuple[Floats, Floats]:
    """Return mean and variance of what comes back to each pair in each bucket."""
    mean, variance = np.zeros((2, len(facts.own), buckets + 1))
    count = returns_counted(scenario, tables)
    for bucket in range(buckets):
        days = np.full(len(facts.own), float((bucket + 1) * scenario.settings.bucket_days))
        mean[:, bucket + 1], variance[:, bucket + 1] = count(facts.own, days)
    grown = np.maximum.accumulate(variance, axis=1)
    return mean[:, 1:] - mean[:, :-1], grown[:, 1:] - grown[:, :-1]


def _through(
    free: Floats, receipts: Floats, demand: Floats, variance: Floats, since: Ints
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Follow the stock's mean and variance; each bucket's stock is normal, cut off at 0."""
    opening, closing, low, high = (np.empty_like(demand) for _ in range(4))
    level, spread = free, np.zeros(len(free))
    for bucket in range(demand.shape[1]):
        for later in np.unique(since[:, bucket]):
            if later > 0:
                fresh = since[:, bucket] == later
                own = variance[fresh, later:bucket].sum(axis=1)
                spread = spread.copy()
                spread[fresh] = np.minimum(spread[fresh], own)
        opening[:, bucket] = level
        centre = level + receipts[:, bucket] - demand[:, bucket]
        spread = spread + variance[:, bucket]
        sd = np.sqrt(spread)
        certain = sd <= 0.0
        scale = np.where(certain, 1.0, sd)
        chance, height = norm.cdf(centre / scale), norm.pdf(centre / scale)
        first = centre * chance + scale * height
        second = (centre**2 + scale**2) * chance + centre * scale * height
        level = np.where(certain, np.maximum(centre, 0.0), first)
        spread = np.where(certain, 0.0, np.maximum(second - first**2, 0.0))
        closing[:, bucket] = level
        low[:, bucket] = np.maximum(centre + norm.ppf(0.1) * sd, 0.0)
        high[:, bucket] = np.maximum(centre + norm.ppf(0.9) * sd, 0.0)
    return opening, receipts, demand, closing, low, high


def demand_grid(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], facts: Tonight, buckets: int
) -> tuple[Floats, Floats]:
    """Return own mean and variance by bucket; beyond a pair's last row that one is repeated."""
    forecast = site_forecast(scenario, tables.get("forecast"))
    start = pd.Timestamp(scenario.settings.start_date)
    at = pd.MultiIndex.from_frame(facts.own[PAIR])
    row = at.get_indexer(pd.MultiIndex.from_frame(forecast[PAIR]))
    bucket = (forecast["bucket"] - start).dt.days.to_numpy() // scenario.settings.bucket_days
    inside = (row >= 0) & (bucket >= 0)
    row, bucket = row[inside], bucket[inside].astype(np.int64)
    width = max(buckets, int(bucket.max(initial=0)) + 1)
    mean, variance = np.zeros((len(at), width)), np.zeros((len(at), width))
    mean[row, bucket] = forecast["mean"].to_numpy(np.float64)[inside]
    variance[row, bucket] = forecast["sd"].to_numpy(np.float64)[inside] ** 2
    last = np.zeros(len(at), np.int64)
    np.maximum.at(last, row, bucket)
    shown = np.minimum(np.arange(width)[None, :], last[:, None])
    each = np.arange(len(at))[:, None]
    return mean[each, shown][:, :buckets], variance[each, shown][:, :buckets]


def demand_where_bought(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], facts: Tonight
) -> Floats:
    """Return mean demand by bucket of the horizon, fed pairs' at the pair that buys for them."""
    own, _ = demand_grid(scenario, tables, facts, scenario.settings.horizon_buckets)
    total = np.zeros_like(own)
    np.add.at(total, facts.own["root"].to_numpy(np.int64), own)
    return total


def _on_hand(scenario: Scenario, at: pd.MultiIndex) -> tuple[Floats, Floats]:
    """Return units that can be sold, at least 0, and units on hand that cannot."""
    stock = scenario.filled("inventory")
    row = at.get_indexer(pd.MultiIndex.from_frame(stock[PAIR]))
    known = row >= 0
    on_hand = stock["on_hand"].to_numpy(np.float64)
    free = on_hand - stock["reserved"].to_numpy(np.float64)
    free = free - stock["quarantined"].to_numpy(np.float64)
    ended = (stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date)).to_numpy(bool)
    free = np.where(ended, 0.0, free)
    total = np.bincount(row[known], free[known], len(at)).clip(min=0.0)
    held = np.bincount(row[known], on_hand[known], len(at))
    return total, np.maximum(held - total, 0.0)


def _flow(
    at: pd.MultiIndex,
    rows: pd.DataFrame,
    site: str,
    units: pd.Series,
    due: str,
    placed: str | None,
    start: pd.Timestamp,
    length: int,
) -> _Flow:
    """Return the units of each line, by row, bucket due and bucket placed."""
    row = at.get_indexer(pd.MultiIndex.from_arrays([rows[site], rows["product_id"]]))
    known = row >= 0
    days = (rows[due] - start).dt.days.fillna(0).to_numpy(np.float64)[known]
    when = np.full(int(known.sum()), -1, np.int64)
    if placed is not None:
        when = ((rows[placed] - start).dt.days.to_numpy()[known] // length).astype(np.int64)
    due_bucket = np.maximum(days // length, 0).astype(np.int64)
    return _Flow(row[known], units.to_numpy(np.float64)[known], due_bucket, when)
