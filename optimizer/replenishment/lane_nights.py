"""Which lanes ship tonight: those on which waiting until tomorrow would cost more than it saves.

Source: one-step look-ahead of renewal reward (Ross 1983, Introduction to Stochastic Dynamic
Programming, chapter 3): act when one more day costs more than the best average of a cycle.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.lane_costs import (
    LANE,
    LOAD,
    add_by_lane,
    cheapest_trips,
    number_lanes,
    unit_loads,
)
from optimizer.replenishment.stock_cost import units_short

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Which lanes ship tonight, and why.

    Attributes
    ----------
    lane : (n_claims,) int64, number of the claim's lane; ways : origin_id, destination_id of each
    ships : (n_lanes,) whether it ships tonight
    why : by lane, JSON: the rule, what a day's wait would lose and what the lane bears [money]
    """

    lane: Ints
    ways: pd.DataFrame
    ships: Flags
    why: list[str]


def weigh_waiting(facts: Facts, rows: pd.DataFrame, top: Floats) -> Waiting:
    """Decide lane by lane whether tonight's claims leave or wait for more.

    A lane ships when its claims would lose, by coming a day later, at least the lane's least cost
    per day over its cycles; also when tomorrow's demand would need one shipment more, and where a
    shipment costs nothing by itself.

    Parameters
    ----------
    rows : origin_id, destination_id, product_id, pair (row of facts.pairs), qty [units]
    top : (n_pairs,) units, highest position of each pair
    """
    lane, ways = number_lanes(*(rows[name].to_numpy(object) for name in LANE))
    at = rows["pair"].to_numpy(np.int64)
    qty = rows["qty"].to_numpy(np.float64)
    position = facts.pairs["position"].to_numpy(np.float64)[at]
    loss_per_unit = facts.pairs["loss_per_unit"].to_numpy(np.float64)
    late = np.minimum(_short_on_day(facts, at, position, np.zeros(len(at))), qty)
    lost = np.bincount(lane, loss_per_unit[at] * late, len(ways))
    patience = _least_per_day(facts, ways, top)
    load = unit_loads(facts.scenario, rows["product_id"])
    day = np.maximum(facts.net_demand(at, np.ones(len(rows)))[0], 0.0)
    now, later = (
        cheapest_trips(facts.scenario, add_by_lane(lane, units[:, None] * load, ways))
        for units in (qty, qty + day)
    )
    grows = later["shipments"].to_numpy(np.float64) > now["shipments"].to_numpy(np.float64)
    free = ~(now["cost_per_shipment"].fillna(0.0).to_numpy(np.float64) > 0.0)
    urgent = lost >= patience
    why = [
        {"rule": "costless_shipment"}
        if none
        else {"rule": "shipping_day", "parameter": "loss_of_a_day", "value": a, "bears": b}
        if now_or_never
        else {"rule": "full_shipment"}
        for none, now_or_never, a, b in zip(
            free, urgent, lost.round(6).tolist(), patience.round(6).tolist(), strict=True
        )
    ]
    ships = free | grows | urgent
    return Waiting(lane, ways, ships, [json.dumps(rule) for rule in why])


def _short_on_day(facts: Facts, at: Ints, position: Floats, day: Floats) -> Floats:
    """Return expected units that pairs run short of on the day after transit + `day` days."""
    transit = facts.pairs["transit_days"].to_numpy(np.float64)[at]
    ends = [facts.net_demand(at, transit + day + more) for more in (0.0, 1.0)]
    short = [units_short(position, mean, np.sqrt(np.maximum(var, 0.0))) for mean, var in ends]
    lost: Floats = np.maximum(short[1] - short[0], 0.0)
    return lost


def _least_per_day(facts: Facts, ways: pd.DataFrame, top: Floats) -> Floats:
    """Return the least cost per day of each lane over its cycles, (n_lanes,) money.

    A cycle of n days costs its shipments and what the pairs of the lane lose in it that begin at
    their highest positions; n up to the longest days that a level of the lane covers.
    """
    pairs = facts.pairs
    fed = np.flatnonzero(pairs["feeder_id"].notna().to_numpy())
    keys = pd.MultiIndex.from_arrays(
        [pairs["feeder_id"].to_numpy(object)[fed], pairs["site_id"].to_numpy(object)[fed]]
    )
    lane = pd.MultiIndex.from_frame(ways[LANE]).get_indexer(keys)
    fed, lane = fed[lane >= 0], lane[lane >= 0]
    days = pairs["shipping_days"].to_numpy(np.float64)[fed]
    price = pairs["loss_per_unit"].to_numpy(np.float64)[fed]
    load = unit_loads(facts.scenario, pairs["product_id"].iloc[fed])
    n_lanes = len(ways)

    def lost_on(day: Floats) -> Floats:
        money = price * _short_on_day(facts, fed, top[fed], day)
        total: Floats = np.bincount(lane, money, n_lanes).astype(np.float64)
        return total

    least, lost = np.full(n_lanes, np.inf), np.zeros(n_lanes)
    for day in range(1, int(np.ceil(days.max(initial=1.0))) + 1):
        lost = lost + lost_on(np.full(len(fed), day - 1.0))
        sold = np.maximum(facts.net_demand(fed, np.full(len(fed), float(day)))[0], 0.0)
        trips = cheapest_trips(facts.scenario, add_by_lane(lane, sold[:, None] * load, ways))
        least = np.minimum(least, (trips["trip"].to_numpy(np.float64) + lost) / day)
    return least


def told(facts: Facts, rows: pd.DataFrame, table: pd.DataFrame, waiting: Waiting) -> pd.DataFrame:
    """Say of each transfer why it ships tonight, and what waiting for the next shipment would cost.

    Parameters
    ----------
    rows : origin_id, destination_id, product_id, pair, qty of `table`, in its order
    table : transfers
    """
    if not len(rows):
        return pd.DataFrame()
    pairs = facts.pairs
    at = rows["pair"].to_numpy(np.int64)
    days = pairs["shipping_days"].to_numpy(np.float64)[at]
    transit = pairs["transit_days"].to_numpy(np.float64)[at]
    forecast_row = pairs["forecast_row"].to_numpy(np.int64)[at]
    ends = [facts.forecast.over(forecast_row, end) for end in (transit, transit + days)]
    cost = waiting_cost(facts, rows, pairs["position"].to_numpy(np.float64)[at], ends, days)
    at_lane = pd.MultiIndex.from_frame(waiting.ways[LANE])
    lane = at_lane.get_indexer(pd.MultiIndex.from_frame(rows[LANE]))
    return pd.DataFrame(
        {
            "decision_id": "transfers:" + table["transfer_id"],
            "table": "transfers",
            "terms": cost["terms"],
            "binding": [waiting.why[place] for place in lane.tolist()],
            "alternative": cost["alternative"],
            "extra_cost": cost["extra_cost"],
        }
    )


def waiting_cost(
    facts: Facts,
    rows: pd.DataFrame,
    position: Floats,
    ends: Sequence[tuple[Floats, Floats]],
    days: Floats,
) -> pd.DataFrame:
    """Return terms, alternative and extra_cost of leaving each transfer until the next shipment.

    The units that it would lose until then, less the shipments that the lane would not need this
    time; what is paid by weight, volume or unit is paid then. Where that is no gain nothing is
    said.

    Parameters
    ----------
    rows : origin_id, destination_id, product_id, pair, qty [units]; what ships together
    position : (n,) units that the goals have and have on their way
    ends : mean and variance of demand until the units come, and until those come that wait
    days : (n,) until the next shipment
    """
    at, qty = rows["pair"].to_numpy(np.int64), rows["qty"].to_numpy(np.float64)
    price = facts.pairs["loss_per_unit"].to_numpy(np.float64)
    without, with_it = (
        units_short(level, ends[1][0], np.sqrt(np.maximum(ends[1][1], 0.0)))
        - units_short(level, ends[0][0], np.sqrt(np.maximum(ends[0][1], 0.0)))
        for level in (position, position + qty)
    )
    lost = np.clip(without - with_it, 0.0, qty) * price[at]
    number, ways = number_lanes(*(rows[name].to_numpy(object) for name in LANE))
    load = unit_loads(facts.scenario, rows["product_id"]) * qty[:, None]
    whole = add_by_lane(number, load, ways)
    full = cheapest_trips(facts.scenario, whole)
    each = whole.iloc[number].reset_index(drop=True)
    less = cheapest_trips(
        facts.scenario,
        each.assign(**{name: each[name] - load[:, k] for k, name in enumerate(LOAD)}),
    )
    alone = np.bincount(number, minlength=len(ways))[number] == 1
    rest = np.where(alone, 0.0, less["shipments"].to_numpy(np.float64))
    each_costs = np.nan_to_num(full["cost_per_shipment"].to_numpy(np.float64))[number]
    saved = each_costs * (full["shipments"].to_numpy(np.float64)[number] - rest)
    return pd.DataFrame(
        {
            "terms": [
                json.dumps({"lost_by_waiting": round(a, 6), "freight_saved": round(b, 6)})
                for a, b in zip(lost.tolist(), saved.tolist(), strict=True)
            ],
            "alternative": [
                f"wait {day:g} days for the next shipment" if worse else ""
                for day, worse in zip(days.tolist(), (lost >= saved).tolist(), strict=True)
            ],
            "extra_cost": np.where(lost >= saved, lost - saved, np.nan),
        }
    )
