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
    for place in np.flatnonzero(can):
        row = rows.iloc[place]
        services = [row["target_cycle_service"], _service_of_fill_rate(row)]
        services = [float(service) for service in services if not np.isnan(service)]
        price = _price(row, max(services)) if services else float(cost[place])
        if not np.isnan(row["least_cover"]):
            price = max(price, _price(row, _service(row, row["least_cover"])))
        if not np.isnan(row["most_cover"]):
            price = min(price, _price(row, _service(row, row["most_cover"])))
        cost[place] = price
    return cost


def _price(row: pd.Series, service: float) -> float:
    service = min(service, MOST_SERVICE)
    return float(row["holding"] * service / (1.0 - service))


def _service(row: pd.Series, level: float) -> float:
    return float(ndtr((level - row["mean"]) / row["sd"]))


def _loss(level: Floats, mean: float, sd: float) -> Floats:
    z = (level - mean) / max(sd, 1e-9)
    loss: Floats = max(sd, 1e-9) * (np.exp(-z * z / 2) / np.sqrt(2 * np.pi) - z * ndtr(-z))
    return loss


def _service_of_fill_rate(row: pd.Series) -> float:
    """Return the probability of no stockout at the level that reaches the fill rate."""
    if np.isnan(row["target_fill_rate"]):
        return float("nan")
    mean, sd = float(row["mean"]), float(row["sd"])
    target = min(float(row["target_fill_rate"]), MOST_SERVICE)
    allowed = (1.0 - target) * (mean - float(row["lead_mean"]))

    def too_short(level: Floats) -> Floats:
        before = _loss(level, float(row["lead_mean"]), float(row["lead_sd"]))
        return _loss(level, mean, sd) - before - allowed

    ends = (mean - 4.0 * sd, mean + 8.0 * sd)
    if float(too_short(np.array(ends[0]))) <= 0.0:
        return _service(row, ends[0])
    if float(too_short(np.array(ends[1]))) > 0.0:
        return _service(row, ends[1])
    found = elementwise.find_root(too_short, ends, tolerances={"xatol": 1e-13, "fatol": 0.0})
    return _service(row, float(found.x))
