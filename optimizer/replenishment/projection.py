"""Stock to come: each product-location's stock by bucket, with bands."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.cover import own_demand
from optimizer.replenishment.demand import Z90
from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]


def projection(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame
) -> pd.DataFrame:
    """Return inventory_projection: open and proposed orders come in, mean demand goes out.

    Stock out of a bucket is lost, not carried over. Bands take the closing stock as normal with
    the variance of all demand since the start; orders of later nights are not in it.

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
    leaving = _at(facts, moves, "origin_id", "ship_on", horizon) if len(moves) else 0.0 * mean
    demand = mean + leaving
    stock = np.maximum(facts.pairs["free"].to_numpy(np.float64), 0.0)
    opening, closing, ending = (np.empty_like(mean) for _ in range(3))
    for bucket in range(horizon):
        opening[:, bucket] = stock
        ending[:, bucket] = stock + coming[:, bucket] - demand[:, bucket]
        stock = np.maximum(ending[:, bucket], 0.0)
        closing[:, bucket] = stock
    sd = np.sqrt(np.cumsum(variance, axis=1))
    width = Z90 * sd
    empty = np.where(
        sd > 0.0,
        ndtr(-ending / np.where(sd > 0.0, sd, 1.0)),
        (ending < -1e-9).astype(np.float64),
    )
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
            "p10": np.maximum(ending - width, 0.0).ravel(),
            "p90": np.maximum(ending + width, 0.0).ravel(),
            "p_stockout": empty.ravel(),
        }
    )


def _coming(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame, horizon: int
) -> Floats:
    """Return units that arrive by pair and bucket; what is overdue comes in the first one."""
    total = _at(facts, facts.scenario.table("open_orders"), "site_id", "due_on", horizon)
    if len(purchases):
        brought = purchases.assign(qty=purchases["qty"] * usable)
        total = total + _at(facts, brought, "site_id", "due_on", horizon)
    if len(moves):
        total = total + _at(facts, moves, "destination_id", "due_on", horizon)
    return total


def _at(facts: Facts, rows: pd.DataFrame, site: str, day: str, horizon: int) -> Floats:
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
