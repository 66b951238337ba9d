"""Classes, turnover, age and excess of the stock on hand, and what to do about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.classes import abc_classes, xyz_classes
from optimizer.replenishment.cover import days_of_cover, own_demand
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies import Reorder

Floats = NDArray[np.float64]


def stock_health(facts: Facts, rules: Reorder) -> pd.DataFrame:
    """Return stock_health for every pair that has stock or demand."""
    pairs, settings = facts.pairs, facts.scenario.settings
    mean, variance = own_demand(facts)
    days = settings.horizon_days
    rate = mean.sum(axis=1) / days
    on_hand = pairs["on_hand"].to_numpy(np.float64)
    cover = days_of_cover(mean, on_hand, settings.bucket_days)
    left = np.maximum(on_hand - mean.sum(axis=1), 0.0)
    beyond = np.divide(left, rate, out=np.zeros(len(rate)), where=rate > 0.0)
    cover = np.where(rate > 0.0, cover + beyond, np.nan)
    turnover = np.divide(on_hand, rate, out=np.full(len(rate), np.nan), where=rate > 0.0)
    cost = facts.scenario.table("products").set_index("product_id")["unit_cost"]
    unit_cost = cost.reindex(pairs["product_id"]).to_numpy(np.float64)
    excess = np.maximum(on_hand - rules.own_top, 0.0)
    frame = pd.DataFrame(
        {
            "site_id": pairs["site_id"],
            "product_id": pairs["product_id"],
            "abc": abc_classes(facts, rate),
            "xyz": xyz_classes(mean, variance),
            "turnover_days": turnover,
            "cover_days": cover,
            "age_days": _age(facts),
            "excess_value": excess * unit_cost,
            "action": _actions(facts, rate, on_hand, excess),
        }
    )
    return frame[(on_hand > 0.0) | (rate > 0.0)].reset_index(drop=True)


def _age(facts: Facts) -> Floats:
    """Return the mean age of the stock on hand of each pair, days; NaN where not known."""
    stock = facts.scenario.table("inventory")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    stock = stock[stock["received_on"].notna() & (stock["on_hand"] > 0.0)]
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    at = index.get_indexer(pd.MultiIndex.from_frame(stock[["site_id", "product_id"]]))
    known = at >= 0
    units = stock["on_hand"].to_numpy(np.float64)[known]
    days = (start - stock["received_on"]).dt.days.to_numpy(np.float64)[known]
    total = np.bincount(at[known], units, len(index))
    weighted = np.bincount(at[known], units * np.maximum(days, 0.0), len(index))
    age: Floats = np.full(len(index), np.nan)
    np.divide(weighted, total, out=age, where=total > 0.0)
    return age


def _actions(facts: Facts, rate: Floats, on_hand: Floats, excess: Floats) -> NDArray[np.object_]:
    """Return in words what to do about each pair's stock."""
    pairs = facts.pairs
    position = pairs["position"].to_numpy(np.float64)
    dead = (rate <= 0.0) & (on_hand > 0.0)
    ends = facts.scenario.table("products").set_index("product_id")["discontinued_on"]
    ending = ends.reindex(pairs["product_id"]).notna().to_numpy() & (excess > 0.0)
    empty = (on_hand <= 0.0) & (rate > 0.0)
    low = (position < rate * pairs["protection_days"].to_numpy(np.float64)) & (rate > 0.0)
    heavy = excess > 0.5 * np.maximum(on_hand, 1.0)
    words = np.select(
        [dead, ending, empty, low, heavy, excess > 0.0],
        [
            "clear: no demand is forecast",
            "sell off before it is discontinued",
            "out of stock: expedite",
            "order: position is under the demand of the protection interval",
            "stop ordering; move or mark down what is beyond the target",
            "let it sell down to the target",
        ],
        "keep",
    )
    return words.astype(object)
