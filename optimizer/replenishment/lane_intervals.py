"""How many days lie between two shipments of a lane that feeds product-locations.

A shipment costs as much for one unit as for a full one, so that all products of a lane share its
shipments (joint replenishment). Every product-location on it is lifted, at each shipment, to the
level that covers the days until the next one and the transit. No lane rests longer than the
review period in which its origin buys: what is shipped must have come first (nested policies).

Source: Silver, Pyke & Thomas (2017), chapter 10 (joint replenishment); Roundy (1985) on nested
policies.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from optimizer.replenishment.demand.from_forecast import SiteForecast
from optimizer.replenishment.demand.returning import Returning, net_demand
from optimizer.replenishment.lane_costs import (
    LANE,
    add_by_lane,
    cheapest_trips,
    number_lanes,
    unit_loads,
)
from optimizer.replenishment.stock_cost import units_short
from scenarios import Scenario

Floats = NDArray[np.float64]

LEAST_TAIL = 1e-9  # stands for "never short" where holding is free


def with_shipping_days(
    scenario: Scenario,
    pairs: pd.DataFrame,
    forecast: SiteForecast,
    returning: Returning | None = None,
) -> pd.DataFrame:
    """Add `shipping_days`: the days that a fed pair's level covers beside the transit.

    The lane's days T minimise, per day, its shipments at the cheapest mode, holding at the fed
    pairs, and what they lose. A pair takes T, at least its own review_days and at most those of
    the pair that buys for it; pairs of lanes without a cost per shipment, and pairs that are
    bought, their review_days.

    Parameters
    ----------
    pairs : with `feeder_id`, `root`, `transit_days`, `forecast_row`, `shortage_cost`,
        `loss_per_unit`, `holding_cost_per_unit_day`, `review_days`
    returning : what comes back to the pairs; it need not be sent
    """
    review = pairs["review_days"].to_numpy(np.float64)
    days = review.copy()
    at = np.flatnonzero(pairs["feeder_id"].notna().to_numpy())
    if not len(at) or not scenario.has("lanes"):
        return pairs.assign(shipping_days=days)
    rows = pairs.iloc[at]
    lane, ways = number_lanes(rows["feeder_id"].to_numpy(object), rows["site_id"].to_numpy(object))
    root_review = review[rows["root"].to_numpy(np.int64)]
    most = np.maximum(root_review, review[at])
    costed = _costs_a_shipment(scenario, ways)[lane]
    longest = int(np.floor(most[costed].max(initial=0.0)))
    if longest < 1:
        return pairs.assign(shipping_days=days)
    model = _Lanes(scenario, pairs, at, (forecast, returning), lane, ways)
    cost = np.stack(
        [model.cost(float(t), np.clip(float(t), review[at], most)) for t in range(1, longest + 1)]
    )
    best = 1.0 + np.argmin(cost, axis=0)
    days[at[costed]] = np.clip(best[lane], review[at], most)[costed]
    return pairs.assign(shipping_days=days)


def _costs_a_shipment(scenario: Scenario, ways: pd.DataFrame) -> NDArray[np.bool_]:
    """Return the lanes on which every mode costs something however little it brings."""
    least = scenario.filled("lanes").groupby(LANE)["cost_per_shipment"].min()
    fixed = least.reindex(pd.MultiIndex.from_frame(ways[LANE])).fillna(0.0)
    costed: NDArray[np.bool_] = fixed.to_numpy(np.float64) > 0.0
    return costed


class _Lanes:
    """Cost per day of lanes that ship every so many days."""

    def __init__(
        self,
        scenario: Scenario,
        pairs: pd.DataFrame,
        at: NDArray[np.int64],
        law: tuple[SiteForecast, Returning | None],
        lane: NDArray[np.int64],
        ways: pd.DataFrame,
    ) -> None:
        self.scenario, self.at, self.law = scenario, at, law
        self.forecast_row = pairs["forecast_row"].to_numpy(np.int64)
        rows = pairs.iloc[at]
        self.lane, self.ways = lane, ways
        self.load = unit_loads(scenario, rows["product_id"])
        self.transit = rows["transit_days"].to_numpy(np.float64)
        self.holding = rows["holding_cost_per_unit_day"].to_numpy(np.float64)
        self.loss = rows["loss_per_unit"].to_numpy(np.float64)
        price = rows["shortage_cost"].to_numpy(np.float64)
        over = self.holding * rows["review_days"].to_numpy(np.float64)
        tail = np.divide(over, price + over, out=np.full(len(rows), 0.5), where=price + over > 0.0)
        self.z = -ndtri(np.clip(tail, LEAST_TAIL, 1.0 - LEAST_TAIL))
        self.first_mean, self.first_sd = self._demand(self.transit)

    def cost(self, days: float, covered: Floats) -> Floats:
        """Return money per day of each lane, shipped every `days` days, (n_lanes,).

        Parameters
        ----------
        covered : (n_pairs,) days that each pair's level covers beside its transit
        """
        mean, sd = self._demand(self.transit + covered)
        level = mean + self.z * sd
        mean, sd = self._demand(self.transit + days)
        sold = mean - self.first_mean
        short = units_short(level, mean, sd) - units_short(level, self.first_mean, self.first_sd)
        held = np.maximum(level - self.first_mean - 0.5 * sold, 0.0)
        money = self.holding * held + self.loss * np.maximum(short, 0.0) / days
        loads = add_by_lane(self.lane, np.maximum(sold, 0.0)[:, None] * self.load, self.ways)
        trips = cheapest_trips(self.scenario, loads)
        per_trip: Floats = trips["trip"].to_numpy(np.float64)
        return np.bincount(self.lane, money, len(self.ways)) + per_trip / days

    def _demand(self, days: Floats) -> tuple[Floats, Floats]:
        forecast, returning = self.law
        mean, variance = net_demand(forecast, self.forecast_row, returning, self.at, days)
        return mean, np.sqrt(np.maximum(variance, 0.0))
