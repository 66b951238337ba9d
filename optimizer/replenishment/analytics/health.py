"""Classes, turnover, age and excess of the stock on hand, and what to do about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.analytics.ageing import stock_ages
from optimizer.replenishment.analytics.classes import abc_classes, xyz_classes
from optimizer.replenishment.analytics.remedies import Stock, remedies
from optimizer.replenishment.demand.cover import days_of_cover, own_demand
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
    ages = stock_ages(facts, rate)
    remedy = remedies(facts, Stock(rate, on_hand, excess, rules.own_top, unit_cost))
    frame = pd.DataFrame(
        {
            "site_id": pairs["site_id"],
            "product_id": pairs["product_id"],
            "abc": abc_classes(facts, rate),
            "xyz": xyz_classes(mean, variance),
            "turnover_days": turnover,
            "cover_days": cover,
            "age_days": ages.mean_days,
            "excess_value": excess * unit_cost,
            "action": remedy.action,
            "on_hand": on_hand,
            "excess_units": excess,
            "oldest_days": ages.oldest_days,
            "aged_value": ages.aged_units * unit_cost,
            "dead_value": np.where(rate > 0.0, 0.0, on_hand * unit_cost),
            "action_kind": remedy.kind,
            "action_value": remedy.value,
        }
    )
    return frame[(on_hand > 0.0) | (rate > 0.0)].reset_index(drop=True)
