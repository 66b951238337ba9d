"""Stock to come: each product-location's stock by bucket, with bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.demand.cover import own_demand
from optimizer.replenishment.demand.from_forecast import Z90
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.stock_cost import ROOT_TWO_PI

Floats = NDArray[np.float64]


def projection(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame
) -> pd.DataFrame:
    """Return inventory_projection: open orders, proposed ones and returns in, mean demand out.

    Demand beyond the stock is lost, not carried over. Bands follow the stock's mean and variance
    from bucket to bucket: stock + receipts - demand taken as normal, then cut off at 0. Orders
    of later nights are not in it.

    Parameters
    ----------
    purchases : purchase_orders
    usable : usable units that one ordered unit brings, by row of `purchases`
    moves : transfers; they leave the origin in the bucket in which they are shipped
    """
    settings = facts.scenario.settings
    mean, variance = own_demand(facts)
    horizon = mean.shape[1]
    coming = _coming(facts, purchases, usable, moves, horizon)
    if facts.returning is not None:
        back, back_variance = facts.returning.by_bucket(horizon, settings.bucket_days)
        coming, variance = coming + back, variance + back_variance
    leaving = (
        units_by_bucket(facts, moves, "origin_id", "ship_on", horizon) if len(moves) else 0.0 * mean
    )
    demand = mean + leaving
    stock = np.maximum(facts.pairs["free"].to_numpy(np.float64), 0.0)
    opening, closing, low, high, empty = (np.empty_like(mean) for _ in range(5))
    expected, spread = stock.copy(), np.zeros(len(stock))
    for bucket in range(horizon):
        change = coming[:, bucket] - demand[:, bucket]
        opening[:, bucket] = stock
        stock = np.maximum(stock + change, 0.0)
        closing[:, bucket] = stock
        centre, sd = expected + change, np.sqrt(spread + variance[:, bucket])
        low[:, bucket] = np.maximum(centre - Z90 * sd, 0.0)
        high[:, bucket] = np.maximum(centre + Z90 * sd, 0.0)
        expected, spread, below = cut_at_zero(centre, sd)
        empty[:, bucket] = np.where(demand[:, bucket] > 0.0, below, 0.0)
    start = pd.Timestamp(settings.start_date)
    days = pd.to_timedelta(np.arange(horizon) * settings.bucket_days, unit="D")
    pairs = facts.pairs
    repeated = np.repeat(np.arange(len(pairs)), horizon)
    return pd.DataFrame(
        {
            "site_id": pairs["site_id"].take(repeated).array,
            "product_id": pairs["product_id"].take(repeated).array,
            "bucket": np.tile((start + days).to_numpy(), len(pairs)),
            "opening": opening.ravel(),
            "receipts": coming.ravel(),
            "demand": demand.ravel(),
            "closing": closing.ravel(),
            "p10": low.ravel(),
            "p90": high.ravel(),
            "p_stockout": empty.ravel(),
        }
    )


def cut_at_zero(mean: Floats, sd: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean and variance of max(Z, 0) for Z ~ Normal(mean, sd), and P(Z < 0)."""
    certain = sd <= 0.0
    scale = np.where(certain, 1.0, sd)
    z = mean / scale
    above, density = ndtr(z), np.exp(-0.5 * z * z) / ROOT_TWO_PI
    first = mean * above + scale * density
    second = (mean**2 + scale**2) * above + mean * scale * density
    variance = np.maximum(second - first**2, 0.0)
    return (
        np.where(certain, np.maximum(mean, 0.0), first),
        np.where(certain, 0.0, variance),
        np.where(certain, mean < -1e-9, 1.0 - above),
    )


def _coming(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame, horizon: int
) -> Floats:
    """Return units that arrive by pair and bucket; what is overdue comes in the first one."""
    total = units_by_bucket(
        facts, facts.scenario.table("open_orders"), "site_id", "due_on", horizon
    )
    if len(purchases):
        brought = purchases.assign(qty=purchases["qty"] * usable)
        total = total + units_by_bucket(facts, brought, "site_id", "due_on", horizon)
    if len(moves):
        total = total + units_by_bucket(facts, moves, "destination_id", "due_on", horizon)
    return total


def units_by_bucket(facts: Facts, rows: pd.DataFrame, site: str, day: str, horizon: int) -> Floats:
    """Return units of `rows` by pair and bucket, (n_pairs, horizon)."""
    pairs, settings = facts.pairs, facts.scenario.settings
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]])
    at = index.get_indexer(pd.MultiIndex.from_arrays([rows[site], rows["product_id"]]))
    days = (rows[day] - pd.Timestamp(settings.start_date)).dt.days.to_numpy(np.float64)
    bucket = np.maximum(np.floor(np.nan_to_num(days) / settings.bucket_days), 0).astype(np.int64)
    inside = (at >= 0) & (bucket < horizon)
    flat = at[inside] * horizon + bucket[inside]
    qty = rows["qty"].to_numpy(np.float64)[inside]
    total = np.bincount(flat, qty, len(pairs) * horizon).astype(np.float64)
    return total.reshape(len(pairs), horizon)
