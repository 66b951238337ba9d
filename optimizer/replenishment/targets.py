"""What the planner's service targets imply for the cost of a unit short."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.demand.from_forecast import SiteForecast
from optimizer.replenishment.stock_cost import SMALLEST_SD, units_short
from scenarios import Scenario

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

MOST_SERVICE = 0.9999  # a target of 1 would ask for endless stock
DEVIATIONS_BELOW, DEVIATIONS_ABOVE, HALVINGS = 4.0, 8.0, 60  # where a fill-rate level is sought
TARGETS = ("target_cycle_service", "target_fill_rate", "min_cover_days", "max_cover_days")


@dataclass(frozen=True, slots=True)
class LeadDemand:
    """Demand over the lead time alone, units: what is sold before an order of today comes."""

    mean: Floats
    sd: Floats


def wishes(scenario: Scenario, pairs: pd.DataFrame) -> Flags:
    """Return the pairs whose row states a target and no shortage cost.

    Parameters
    ----------
    pairs : `inventory_policies` with defaults filled, listed rows first, in their order
    """
    listed = scenario.table("inventory_policies")
    asked = np.zeros(len(pairs), bool)
    wished = listed[list(TARGETS)].notna().any(axis=1) & listed["shortage_cost"].isna()
    asked[: len(listed)] = wished.to_numpy(bool)
    return asked


def with_implied_costs(
    scenario: Scenario, pairs: pd.DataFrame, forecast: SiteForecast
) -> pd.DataFrame:
    """Return pairs with the shortage cost that each stated target implies.

    The implied cost p is the one at which the level that balances holding against shortage,
    m + sd z with F(z) = p / (p + h), reaches the target. A cost that the planner states stays.
    A target cannot be priced where demand is certain or holding is free: there the default
    stays.

    Parameters
    ----------
    pairs : with `root`, `mean`, `sd`, `lead_days`, `lead_variance`
    """
    asked = wishes(scenario, pairs)
    if not asked.any():
        return pairs
    at = np.flatnonzero(asked & (pairs["sd"].to_numpy(np.float64) > SMALLEST_SD))
    rows = pairs.iloc[at]
    holding = (rows["holding_cost_per_unit_day"] * rows["review_days"]).to_numpy(np.float64)
    mean, sd = rows["mean"].to_numpy(np.float64), rows["sd"].to_numpy(np.float64)
    lead = lead_demand(pairs, forecast)
    level = level_of_fill_rate(
        mean, sd, lead.mean[at], lead.sd[at], rows["target_fill_rate"].to_numpy(np.float64)
    )
    by_fill = ndtr((level - mean) / sd)
    target = np.fmax(rows["target_cycle_service"].to_numpy(np.float64), by_fill)
    default = rows["shortage_cost"].to_numpy(np.float64)
    cost = np.where(np.isnan(target), default, _price(holding, target))
    least, most = (
        _price(holding, ndtr((_cover(pairs, forecast, at, name) - mean) / sd))
        for name in ("min_cover_days", "max_cover_days")
    )
    cost = np.fmin(np.fmax(cost, least), most)
    costs = pairs["shortage_cost"].to_numpy(np.float64).copy()
    costs[at] = np.where(holding > 0.0, cost, default)
    return pairs.assign(shortage_cost=costs)


def lead_demand(pairs: pd.DataFrame, forecast: SiteForecast) -> LeadDemand:
    """Return mean and sd of demand over each pair's lead time, fed pairs counted at their root."""
    root = pairs["root"].to_numpy(np.int64)
    count = len(pairs)
    days = pairs["lead_days"].to_numpy(np.float64)
    whole = days[root] + pairs["road_days"].to_numpy(np.float64)
    mean, variance = forecast.over(pairs["forecast_row"].to_numpy(np.int64), whole)
    daily = np.divide(mean, whole, out=np.zeros(count), where=whole > 0.0)
    mean = np.bincount(root, mean, minlength=count).astype(np.float64)
    variance = np.bincount(root, variance, minlength=count).astype(np.float64)
    rate = np.bincount(root, daily, minlength=count)
    spread = rate**2 * pairs["lead_variance"].to_numpy(np.float64)
    return LeadDemand(mean, np.sqrt(variance + spread))


def level_of_fill_rate(
    mean: Floats, sd: Floats, lead_mean: Floats, lead_sd: Floats, target: Floats
) -> Floats:
    """Return the level y at which a share `target` of demand is served from stock, units.

    E[(D - y)+] - E[(D_lead - y)+] = (1 - target) (mean - lead mean), demand normal.

    Source: Hadley & Whitin (1963), section 5-3; Silver, Pyke & Thomas (2017), section 7.9.
    """
    low = mean - DEVIATIONS_BELOW * sd
    high = mean + DEVIATIONS_ABOVE * sd
    allowed = (1.0 - np.minimum(target, MOST_SERVICE)) * (mean - lead_mean)
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        short = units_short(middle, mean, sd) - units_short(middle, lead_mean, lead_sd)
        too_low = short > allowed
        low, high = np.where(too_low, middle, low), np.where(too_low, high, middle)
    return np.where(np.isnan(target), np.nan, 0.5 * (low + high))


def _price(holding: Floats, service: Floats) -> Floats:
    """Return the shortage cost at which `service` is the balance, money per unit."""
    share = np.minimum(service, MOST_SERVICE)
    price: Floats = holding * share / (1.0 - share)
    return price


def _cover(
    pairs: pd.DataFrame, forecast: SiteForecast, at: NDArray[np.int64], column: str
) -> Floats:
    """Return mean demand over the days of cover that each pair asks for, units; NaN: none."""
    root = pairs["root"].to_numpy(np.int64)
    days = pairs[column].to_numpy(np.float64)
    rows = pairs["forecast_row"].to_numpy(np.int64)
    mean, _ = forecast.over(rows, np.nan_to_num(days)[root])
    total = np.bincount(root, mean, minlength=len(pairs))
    cover: Floats = np.where(np.isnan(days), np.nan, total)[at]
    return cover
