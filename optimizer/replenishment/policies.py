"""Parameters by which each product-location reorders, from costs and demand."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.stock_cost import best_level, units_short

Floats = NDArray[np.float64]


def order_up_to(facts: Facts) -> Floats:
    """Return the cost-optimal level of each pair over its own reorder interval, units.

    A pair that is bought (or cannot be) covers its protection interval; one that another site
    feeds covers review_days + transit. What a root keeps for the pairs it feeds stands in their
    levels, so that its own is the rest of its echelon's.
    """
    level = echelon_level(facts)
    root = facts.pairs["root"].to_numpy(np.int64)
    fed = root != np.arange(len(root))
    held_below = np.bincount(root[fed], level[fed], minlength=len(root))
    result: Floats = np.maximum(np.where(fed, level, level - held_below), 0.0)
    return result


def echelon_level(facts: Facts) -> Floats:
    """Return the cost-optimal level of each pair, its fed pairs included, whole units."""
    mean, sd = reorder_demand(facts)
    pairs = facts.pairs
    holding = (pairs["holding_cost_per_unit_day"] * pairs["review_days"]).to_numpy(np.float64)
    shortage = pairs["shortage_cost"].to_numpy(np.float64)
    level = best_level(mean, sd, holding, shortage, np.zeros(len(pairs)))
    level = np.where(mean > 0.0, level, 0.0)
    result: Floats = np.ceil(np.clip(level, 0.0, 1e12) - 1e-6)
    return result


def reorder_demand(facts: Facts) -> tuple[Floats, Floats]:
    """Return mean and sd of demand over each pair's own reorder interval, units."""
    pairs = facts.pairs
    root = pairs["root"].to_numpy(np.int64)
    fed = root != np.arange(len(root))
    days = pairs["review_days"].to_numpy(np.float64) + pairs["transit_days"].to_numpy(np.float64)
    mean, variance = facts.forecast.over(pairs["forecast_row"].to_numpy(np.int64), days)
    own_sd = np.sqrt(variance)
    return (
        np.where(fed, mean, pairs["mean"].to_numpy(np.float64)),
        np.where(fed, own_sd, pairs["sd"].to_numpy(np.float64)),
    )


def policies(facts: Facts) -> pd.DataFrame:
    """Return the policies table; numbers that the planner set stay as they are."""
    pairs = facts.pairs
    mean, sd = reorder_demand(facts)
    level = echelon_level(facts)
    target = order_up_to(facts)
    quantity = _lot(facts)
    kind = pairs["policy"].to_numpy(object)
    base = kind == "base_stock"
    by_quantity = kind == "r_Q"
    band = (kind == "s_S") | (kind == "min_max")
    s = np.where(base, target - 1.0, np.where(band, target, np.nan))
    up_to = np.where(base, target, np.where(band, target + quantity, np.nan))
    given = {name: pairs[name].to_numpy(np.float64) for name in ("s", "S", "r", "Q")}
    short = units_short(level, mean, sd)
    fill = np.divide(mean - short, mean, out=np.full(len(mean), np.nan), where=mean > 0.0)
    service = ndtr((level - mean) / np.maximum(sd, 1e-9))

    def unless_given(name: str, computed: Floats) -> Floats:
        return np.where(np.isnan(given[name]), computed, given[name])

    return pd.DataFrame(
        {
            "site_id": pairs["site_id"],
            "product_id": pairs["product_id"],
            "policy": pairs["policy"],
            "s": unless_given("s", s),
            "S": unless_given("S", up_to),
            "r": unless_given("r", np.where(by_quantity, target, np.nan)),
            "Q": unless_given("Q", np.where(by_quantity, quantity, np.nan)),
            "review_days": pairs["review_days"],
            "safety_stock": level - mean,
            "cycle_service": np.clip(service, 0.0, 1.0),
            "expected_fill_rate": np.clip(fill, 0.0, 1.0),
        }
    )


def _lot(facts: Facts) -> Floats:
    """Return an order quantity: the economic one, not below MOQ, in whole multiples; units.

    Source: Harris (1913): root of 2 x order cost x demand / holding cost, per day.
    """
    pairs = facts.pairs
    count = len(pairs)
    cost, low, multiple = np.zeros(count), np.ones(count), np.ones(count)
    primary = facts.offers[facts.offers["primary"]]
    at = primary["pair"].to_numpy(np.int64)
    cost[at] = primary["order_cost"].to_numpy(np.float64)
    multiple[at] = primary["order_multiple"].to_numpy(np.float64)
    low[at] = np.maximum(primary["moq"].to_numpy(np.float64), multiple[at])
    days = np.maximum(pairs["protection_days"].to_numpy(np.float64), 1e-9)
    rate = pairs["mean"].to_numpy(np.float64) / days
    holding = np.maximum(pairs["holding_cost_per_unit_day"].to_numpy(np.float64), 1e-9)
    economic = np.sqrt(2.0 * cost * rate / holding)
    result: Floats = np.ceil(np.maximum(economic, low) / multiple - 1e-9) * multiple
    return result
