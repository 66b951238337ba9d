"""Referee of the transfers that replenishment sends: stock, days, way, freight, grams."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.audit.inbound import transport_cost
from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario
from scenarios.semantics.inbound import inbound_ways

TABLE = "transfers"
WAY = ["origin_id", "destination_id", "mode"]
TOLERANCE = 1e-9  # relative, on sums of money
GRAMS = 1e-6  # relative


def check_transfers(rules: Rules, scenario: Scenario, transfers: pd.DataFrame) -> None:
    """Check transfers by themselves, tonight's against free stock, and what the lanes ask."""
    if not len(transfers):
        return
    names = transfers["transfer_id"].astype(str)
    rules.add(TABLE, "stated_twice", transfers["transfer_id"].duplicated(), names)
    rules.add(TABLE, "not_positive", ~(transfers["qty"].astype(float) > 0.0), names)
    rules.add(TABLE, "to_itself", transfers["origin_id"] == transfers["destination_id"], names)
    rules.add(TABLE, "due_before_shipped", transfers["due_on"] < transfers["ship_on"], names)
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = (stock["on_hand"] - stock["reserved"] - stock["quarantined"]).astype(float)
    free = free.groupby([stock["site_id"], stock["product_id"]]).sum()
    start = pd.Timestamp(scenario.settings.start_date)
    now = transfers[transfers["ship_on"] == start]
    taken = now["qty"].astype(float).groupby([now["origin_id"], now["product_id"]]).sum()
    over = taken > free.reindex(taken.index).fillna(0.0) + 1e-6
    rules.add(TABLE, "more_than_the_origin_has", over, ["/".join(key) for key in taken.index])
    own = now[now["transfer_id"].astype(str).str.startswith("TR-")]
    loads = own.rename(columns={"origin_id": "supplier_id", "destination_id": "site_id"})
    freight, stated = transport_cost(scenario, loads), float(own["cost"].sum())
    wrong = abs(freight - stated) > MONEY + TOLERANCE * freight
    rules.add(TABLE, "freight_differs", [wrong], [f"{stated:.2f}, the lanes ask {freight:.2f}"])
    check_ways_of_transfers(rules, scenario, transfers)


def check_ways_of_transfers(rules: Rules, scenario: Scenario, transfers: pd.DataFrame) -> None:
    """Check mode, days and grams of the transfers whose ids begin with TR-.

    They leave on the first day of a bucket, come the lane's transit later (whole days up; none
    without a lane), and emit what the lane emits per kg.
    """
    if not len(transfers):
        return
    rows = transfers[transfers["transfer_id"].astype(str).str.startswith("TR-")]
    names = rows["transfer_id"].astype(str).to_numpy(object)
    start = pd.Timestamp(scenario.settings.start_date)
    day = (rows["ship_on"] - start).dt.days.to_numpy(np.float64)
    odd = ~((day >= 0.0) & (day % scenario.settings.bucket_days == 0.0))
    rules.add(TABLE, "not_the_first_day_of_a_bucket", odd, names)
    lanes = scenario.filled("lanes")
    transit = lanes.set_index(WAY)["transit_mean_days"].astype(float)
    days = transit.reindex(pd.MultiIndex.from_frame(rows[WAY])).to_numpy(np.float64)
    led = pd.MultiIndex.from_frame(lanes[WAY[:2]].drop_duplicates())
    has_lane = pd.MultiIndex.from_frame(rows[WAY[:2]]).isin(led)
    unknown = np.isnan(days) & (has_lane | (rows["mode"] != "road").to_numpy(bool))
    rules.add(TABLE, "no_such_lane", unknown, names)
    on_the_way = (rows["due_on"] - rows["ship_on"]).dt.days.to_numpy(np.float64)
    late = ~(on_the_way == np.ceil(np.nan_to_num(days)))
    rules.add(TABLE, "due_differs_from_transit", late & ~unknown, names)

    ends = rows.rename(columns={"origin_id": "supplier_id", "destination_id": "site_id"})
    ways = inbound_ways(scenario, ends).fillna({"mode": "road"})
    per_kg = ways.set_index(["supplier_id", "site_id", "mode"])["g_per_kg"]
    rate = per_kg.reindex(pd.MultiIndex.from_frame(rows[WAY])).to_numpy(np.float64)
    weight = scenario.table("products").set_index("product_id")["weight_kg"]
    kg = weight.reindex(rows["product_id"]).to_numpy(np.float64) * rows["qty"].to_numpy(np.float64)
    truth, told = kg * rate, rows["g_co2e"].to_numpy(np.float64)
    off = np.abs(told - truth) > 1e-3 + GRAMS * np.abs(truth)
    off |= np.isnan(told) != np.isnan(truth)
    rules.add(TABLE, "co2_differs", off & ~unknown, names)
