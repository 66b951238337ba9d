"""Transfers, networks and positions worked out again from the tables by column."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.semantics.defaults import inventory_policies

Known = dict[tuple[str, str], float]

WAY = ["origin_id", "destination_id", "mode"]


def put(known: Known, names: pd.Series, factor: str, values: object) -> None:
    """Note a factor's values under the names of their decisions."""
    numbers = np.asarray(values, np.float64).tolist()
    known |= {(name, factor): value for name, value in zip(names, numbers, strict=True)}


def transfers(scenario: Scenario, plan: Plan) -> Known:
    """Return trips, loads and shares of transfers."""
    known: Known = {}
    moves = plan.table("transfers")
    if not len(moves):
        return known
    names = "transfers:" + moves["transfer_id"]
    made = scenario.table("products").set_index("product_id").reindex(moves["product_id"])
    qty = moves["qty"].to_numpy(np.float64)
    kg = np.nan_to_num(qty * made["weight_kg"].to_numpy(np.float64))
    m3 = np.nan_to_num(qty * made["volume_m3"].to_numpy(np.float64))
    keys = [*(moves[column] for column in WAY), moves["ship_on"], moves["transfer_id"].str[:3]]
    load = pd.DataFrame({"units": qty, "kg": kg, "m3": m3}).groupby(keys).transform("sum")
    lanes = scenario.filled("lanes").set_index(WAY)[["shipment_kg", "shipment_m3"]]
    size = lanes.reindex(pd.MultiIndex.from_frame(moves[WAY]))
    parts = [
        np.ceil(load[part].to_numpy() / size[f"shipment_{part}"].to_numpy() - 1e-9)
        for part in ("kg", "m3")
    ]
    put(known, names, "shipments", np.fmax(1.0, np.fmax(*parts)))
    for column in ("kg", "m3", "units"):
        put(known, names, f"lane_{column}", load[column])
    total = load["kg"].to_numpy()
    share = np.where(total > 0.0, kg / np.where(total > 0.0, total, 1.0), qty / load["units"])
    put(known, names, "share_of_the_lane", share)
    return known


def network(scenario: Scenario, plan: Plan) -> Known:
    """Return days and shares of a network design."""
    known: Known = {}
    sites = plan.table("network")
    if not len(sites):
        return known
    names = "network:" + sites["site_id"]
    put(known, names, "horizon_days", [scenario.settings.horizon_days] * len(sites))
    put(known, names, "is_open", sites["status"] == "open")
    flows = plan.table("flows")
    if not len(flows):
        return known
    made = scenario.table("products").set_index("product_id").reindex(flows["product_id"])
    lanes = scenario.filled("lanes").set_index(WAY)
    size = lanes.reindex(pd.MultiIndex.from_frame(flows[WAY]))
    part = np.fmax(
        made["weight_kg"].fillna(0.0).to_numpy() / size["shipment_kg"].to_numpy(),
        made["volume_m3"].fillna(0.0).to_numpy() / size["shipment_m3"].to_numpy(),
    )
    bucket = (
        flows["bucket"].dt.strftime("%Y-%m-%d").astype(object).where(flows["bucket"].notna(), "")
    )
    key = flows["origin_id"] + ">" + flows["destination_id"] + "/" + flows["mode"]
    key = key + "/" + flows["product_id"] + "/" + flows["demand_case"].fillna("") + "/" + bucket
    put(known, ("flows:" + key).str.rstrip("/"), "share_of_a_shipment", part)
    return known


def positions(scenario: Scenario, plan: Plan) -> Known:
    """Return what policies cost, blanks filled, by position."""
    known: Known = {}
    rows = plan.table("positions")
    if not len(rows):
        return known
    names = "positions:" + rows["product_id"] + "@" + rows["site_id"]
    policies, _ = inventory_policies(scenario, rows[["site_id", "product_id"]])
    policies = policies.set_index(["site_id", "product_id"])
    found = policies.reindex(pd.MultiIndex.from_frame(rows[["site_id", "product_id"]]))
    for column in ("review_days", "holding_cost_per_unit_day", "shortage_cost"):
        put(known, names, column, found[column])
    return known


def movable(plan: Plan) -> Known:
    """Return whole units that may leave: what the target has beside all that is stated."""
    known: Known = {}
    rows = plan.table("positions")
    if not len(rows):
        return known
    units = rows["target"] - rows["staying"] - rows["transfer_in"]
    units = units + rows["transfer_out"] + rows["held_for_others"]
    units = units - rows["expected_returns"].fillna(0.0)
    put(known, "positions:" + rows["product_id"] + "@" + rows["site_id"], "movable", units)
    return known
