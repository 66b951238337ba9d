"""The shortage cost that a planner's target implies, worked out by the referee."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import elementwise
from scipy.special import ndtr

Floats = NDArray[np.float64]

MOST_SERVICE = 0.9999  # the highest service that has a price
TARGETS = ["target_cycle_service", "target_fill_rate", "min_cover_days", "max_cover_days"]


def states_target(listed: pd.DataFrame, count: int) -> NDArray[np.bool_]:
    """Return which of `count` policy rows state a target without a shortage cost.

    Parameters
    ----------
    listed : the scenario's `inventory_policies`; its rows stand first among the `count`
    """
    states = np.zeros(count, bool)
    for target in TARGETS:
        states[: len(listed)] |= listed[target].notna().to_numpy()
    states[: len(listed)] &= listed["shortage_cost"].isna().to_numpy()
    return states


def implied_shortage(rows: pd.DataFrame) -> Floats:
    """Return money per unit short: `shortage`, or what the targets imply where `states_target`.

    Parameters
    ----------
    rows : TARGETS, states_target, holding, shortage [money per unit], mean, sd, lead_mean,
        lead_sd, least_cover, most_cover [units, NaN: none]
    """
    cost: Floats = rows["shortage"].to_numpy(np.float64).copy()
    can = (rows["states_target"] & (rows["sd"] > 1e-9) & (rows["holding"] > 0.0)).to_numpy()
    if not can.any():
        return cost
    part = rows[can]
    service = np.fmax(
        part["target_cycle_service"].to_numpy(np.float64), _service_of_fill_rate(part)
    )
    price = np.where(np.isnan(service), cost[can], _price(part, service))
    price = np.fmax(price, _price(part, _service(part, part["least_cover"].to_numpy(np.float64))))
    price = np.fmin(price, _price(part, _service(part, part["most_cover"].to_numpy(np.float64))))
    cost[can] = price
    return cost


def _price(rows: pd.DataFrame, service: Floats) -> Floats:
    service = np.minimum(service, MOST_SERVICE)
    price: Floats = rows["holding"].to_numpy(np.float64) * service / (1.0 - service)
    return price


def _service(rows: pd.DataFrame, level: Floats) -> Floats:
    z = (level - rows["mean"].to_numpy(np.float64)) / rows["sd"].to_numpy(np.float64)
    service: Floats = ndtr(z)
    return service


def _loss(level: Floats, mean: Floats, sd: Floats) -> Floats:
    wide = np.maximum(sd, 1e-9)
    z = (level - mean) / wide
    loss: Floats = wide * (np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z))
    return loss


def _service_of_fill_rate(rows: pd.DataFrame) -> Floats:
    """Return the probability of no stockout at the level that reaches the fill rate; NaN: none."""
    result = np.full(len(rows), np.nan)
    asked = rows["target_fill_rate"].notna().to_numpy()
    if not asked.any():
        return result
    part = rows[asked]
    names = ("mean", "sd", "lead_mean", "lead_sd", "target_fill_rate")
    mean, sd, lead_mean, lead_sd, target = (part[name].to_numpy(np.float64) for name in names)
    allowed = (1.0 - np.minimum(target, MOST_SERVICE)) * (mean - lead_mean)

    def too_short(
        level: Floats, mean: Floats, sd: Floats, lead_mean: Floats, lead_sd: Floats, most: Floats
    ) -> Floats:
        return _loss(level, mean, sd) - _loss(level, lead_mean, lead_sd) - most

    args = (mean, sd, lead_mean, lead_sd, allowed)
    low, high = mean - 4.0 * sd, mean + 8.0 * sd
    level = np.where(too_short(low, *args) <= 0.0, low, high)
    inside = (too_short(low, *args) > 0.0) & (too_short(high, *args) <= 0.0)
    if inside.any():
        found = elementwise.find_root(
            too_short,
            (low[inside], high[inside]),
            args=tuple(arg[inside] for arg in args),
            tolerances={"xatol": 1e-13, "fatol": 0.0},
        )
        level[inside] = found.x
    result[asked] = _service(part, level)
    return result
