"""Moves stock to the product-locations that another site feeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.lane_costs import LANE, cheapest_trips
from optimizer.replenishment.lane_nights import told, weigh_waiting
from optimizer.replenishment.policies import Reorder
from optimizer.replenishment.scarce_stock import share_stock
from optimizer.replenishment.tonight.limits import room_m3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moves:
    """Tonight's transfers, and what stands about them in the table `explanations`."""

    table: pd.DataFrame
    told: pd.DataFrame


def transfers(facts: Facts, purchases: pd.DataFrame, rules: Reorder) -> Moves:
    """Return tonight's transfers, and what waiting would have cost.

    Each fed pair claims what lifts its position to its own best level. Where the origin's free
    stock does not suffice for its claims and its own demand it is shared so that one more unit is
    worth the same everywhere, in whole units; what a site has no room for is cut in the same
    share. Then each lane ships, or waits for more.

    Parameters
    ----------
    purchases : purchase_orders, which take room at their sites first
    rules : reorder rules, whose levels fed pairs are lifted to
    """
    pairs = facts.pairs
    fed = np.flatnonzero(pairs["feeder_id"].notna().to_numpy())
    if not len(fed):
        return Moves(pd.DataFrame(), pd.DataFrame())
    level = _shipped_up_to(facts, rules)
    position = pairs["position"].to_numpy(np.float64)
    claim = np.floor(np.maximum(level[fed] - position[fed], 0.0) + 1e-9)
    rows = pairs.iloc[fed][["feeder_id", "site_id", "product_id"]].rename(
        columns={"feeder_id": "origin_id", "site_id": "destination_id"}
    )
    rows = rows.assign(claim=claim, pair=fed)
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]])
    origin = index.get_indexer(pd.MultiIndex.from_frame(rows[["origin_id", "product_id"]]))
    rows = rows.assign(origin=origin)
    rows = rows[_both_open(facts, rows)]
    rows = rows.assign(qty=share_stock(facts, rows))
    rows = _within_room(facts, rows, purchases)
    rows = rows[rows["qty"] > 0.0].sort_values([*LANE, "product_id"], kind="stable")
    rows = rows.reset_index(drop=True)
    if not len(rows):
        return Moves(pd.DataFrame(), pd.DataFrame())
    waiting = weigh_waiting(facts, rows, level)
    rows = rows[waiting.ships[waiting.lane]].reset_index(drop=True)
    start = pd.Timestamp(facts.scenario.settings.start_date)
    table = on_lanes(facts, rows, start) if len(rows) else pd.DataFrame()
    return Moves(table, told(facts, rows, table, waiting))


def _shipped_up_to(facts: Facts, rules: Reorder) -> Floats:
    """Return the position to which each pair is lifted, (n,) units: of its rule, or of its lane.

    Where a lane ships more seldom than the pair is reviewed, the rule's safety stock, in standard
    deviations, over the lane's days and the transit. What comes back from customers in this time
    is netted. Numbers of the planner and cuts by max_cover_days stay.
    """
    pairs, top = facts.pairs, rules.top
    days = pairs["shipping_days"].to_numpy(np.float64)
    rested = days > pairs["review_days"].to_numpy(np.float64)
    back = np.zeros(len(days))
    whole = pairs["transit_days"].to_numpy(np.float64) + days
    if facts.returning is not None:
        back, _ = facts.returning.over(whole)
    free = ~np.isin(rules.decided_by.astype(str), ("planner", "max_cover"))
    free &= pairs["feeder_id"].notna().to_numpy()
    at = np.flatnonzero(free & (rested | (back > 0.0)))
    if not len(at):
        return top
    mean, variance = facts.net_demand(at, whole[at])
    law = rules.intervals.law
    grown = np.divide(
        np.sqrt(np.maximum(variance, 0.0)), law.sd[at], out=np.ones(len(at)), where=law.sd[at] > 0.0
    )
    level = top.copy()
    own = np.ceil(mean + (top[at] - law.mean[at]) * grown - 1e-9)
    level[at] = np.where(back[at] > 0.0, own, np.maximum(own, top[at]))
    return level


def _both_open(facts: Facts, rows: pd.DataFrame) -> NDArray[np.bool_]:
    status = facts.scenario.table("sites").set_index("site_id")["status"]
    ends = [status.reindex(rows[name]).to_numpy(object) == "open" for name in LANE]
    both: NDArray[np.bool_] = ends[0] & ends[1]
    return both


def _within_room(facts: Facts, rows: pd.DataFrame, purchases: pd.DataFrame) -> pd.DataFrame:
    """Cut transfers to the room that tonight's purchases leave at their destination."""
    volume = facts.scenario.table("products").set_index("product_id")["volume_m3"]
    room = room_m3(facts)
    if len(purchases):
        start = pd.Timestamp(facts.scenario.settings.start_date)
        now = purchases[purchases["order_on"] == start]
        m3 = now["qty"].to_numpy(np.float64) * volume.reindex(now["product_id"]).to_numpy()
        room = room - pd.Series(m3).groupby(now["site_id"].to_numpy()).sum().reindex(
            room.index
        ).fillna(0.0)
    m3 = rows["qty"].to_numpy(np.float64) * volume.reindex(rows["product_id"]).to_numpy(np.float64)
    wanted = pd.Series(m3, index=rows.index).groupby(rows["destination_id"]).transform("sum")
    left = room.clip(lower=0.0).reindex(rows["destination_id"]).to_numpy(np.float64)
    need = wanted.to_numpy(np.float64)
    share = np.minimum(1.0, np.divide(left, need, out=np.ones(len(need)), where=need > 0.0))
    return rows.assign(qty=np.floor(rows["qty"].to_numpy(np.float64) * share + 1e-9))


def on_lanes(facts: Facts, rows: pd.DataFrame, ship_on: pd.Timestamp) -> pd.DataFrame:
    """Return transfers on the cheapest mode for each origin and destination, CO2e included.

    The cost of a mode is spread by weight.

    Parameters
    ----------
    rows : origin_id, destination_id, product_id, qty [units]; sorted
    ship_on : day on which they leave
    """
    scenario = facts.scenario
    products = scenario.table("products").set_index("product_id")
    qty = rows["qty"].to_numpy(np.float64)
    kg = qty * products["weight_kg"].reindex(rows["product_id"]).to_numpy(np.float64)
    m3 = qty * products["volume_m3"].reindex(rows["product_id"]).to_numpy(np.float64)
    rows = rows.assign(kg=kg, m3=m3)
    loads = rows.groupby(LANE, sort=False)[["qty", "kg", "m3"]].sum().reset_index()
    best = cheapest_trips(scenario, loads)
    best = best.assign(
        mode=best["mode"].fillna("road"),
        transit=np.ceil(best["transit_mean_days"].fillna(0.0)),
    )
    columns = [*LANE, "mode", "trip", "transit", "g_per_kg"]
    found = rows.merge(best[columns], on=LANE, how="left")
    by = found.groupby(LANE, sort=False)
    weight = found["kg"].where(by["kg"].transform("sum") > 0.0, found["qty"])
    share = weight / weight.groupby([found["origin_id"], found["destination_id"]]).transform("sum")
    day = ship_on.strftime("%Y%m%d")
    names = found["origin_id"] + "-" + found["destination_id"] + "-" + found["product_id"]
    return pd.DataFrame(
        {
            "transfer_id": f"TR-{day}-" + names,
            "origin_id": found["origin_id"],
            "destination_id": found["destination_id"],
            "mode": found["mode"],
            "product_id": found["product_id"],
            "ship_on": ship_on,
            "due_on": ship_on + pd.to_timedelta(found["transit"], unit="D"),
            "qty": found["qty"],
            "cost": found["trip"] * share,
            "g_co2e": found["kg"] * found["g_per_kg"],
        }
    )
