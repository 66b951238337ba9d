"""Referee of order sourcing: every line once, throughput, and all money added up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.audit.report import AuditReport, Rules
from optimizer.audit.sourcing_parcels import check_parcels, urgency
from optimizer.audit.sourcing_stock import UNITS, check_stock
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.semantics.zones import explode_bundles

STAGE = "sourcing"
LINE = ["order_id", "line_id"]
PARCEL = [
    *("shipment_id", "order_id", "site_id", "carrier_id", "service"),
    *("ship_on", "promised_on", "weight_kg", "cost", "g_co2e"),
]


def check(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], *, stock_value: str = ""
) -> AuditReport:
    """Hold shipments, their lines and the unserved lines against the scenario.

    Parameters
    ----------
    stock_value : yes: what the stock that is shipped costs is part of the objective
    """
    rules = Rules(STAGE)
    parcels = tables.get("shipments", pd.DataFrame())
    packed = tables.get("shipment_lines", pd.DataFrame())
    unserved = tables.get("unserved", pd.DataFrame())
    orders = scenario.filled("orders")
    orders = orders[(orders["kind"] == "delivery") & (orders["status"] == "accepted")]
    wanted = scenario.table("order_lines")
    wanted = wanted[wanted["order_id"].isin(set(orders["order_id"]))].reset_index(drop=True)
    if not len(parcels):
        parcels = pd.DataFrame(columns=PARCEL)
        packed = pd.DataFrame(columns=["shipment_id", *LINE, "product_id", "qty"])
    if not len(unserved):
        unserved = pd.DataFrame(columns=["kind", "id", "qty", "code", "proof"])

    if not len(parcels) and not len(unserved) and len(scenario.table("decisions")):
        return AuditReport(STAGE, None)  # no plan keeps to the decisions: nothing is claimed
    _check_lines(rules, scenario, wanted, parcels, packed, unserved)
    _check_decisions(rules, scenario, parcels, unserved)
    content = _content(scenario, parcels, packed)
    check_stock(rules, scenario, orders, content)
    _check_throughput(rules, scenario, orders, parcels, content)
    counts = stock_value.lower() == "yes"
    worth = _stock_value(scenario, content) if counts else pd.Series(dtype=np.float64)
    parcel, late, co2, risk = check_parcels(rules, scenario, orders, parcels, content, worth)
    handling = _handling(scenario, content)
    penalty = unserved_penalty(scenario)
    left = unserved[unserved["kind"] == "order_line"]
    line_of = pd.Index(wanted["order_id"] + "/" + wanted["line_id"]).get_indexer(left["id"])
    missed = wanted.iloc[line_of[line_of >= 0]]
    weight = urgency(orders, missed["order_id"])
    units = left["qty"].to_numpy(np.float64)[line_of >= 0]
    lost = units * penalty.reindex(missed["product_id"]).to_numpy() * weight
    terms = {
        "parcel": parcel,
        "handling": handling,
        "late": late,
        "co2": co2,
        "risk": risk,
        "unserved": float(np.sum(lost)),
    }
    if counts:
        terms["stock_value"] = float(worth.sum())
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def _check_lines(
    rules: Rules,
    scenario: Scenario,
    wanted: pd.DataFrame,
    parcels: pd.DataFrame,
    packed: pd.DataFrame,
    unserved: pd.DataFrame,
) -> None:
    """Every line of every order is shipped whole once, or unserved whole once."""
    names = wanted["order_id"] + "/" + wanted["line_id"]
    packed_names = packed["order_id"].astype(str) + "/" + packed["line_id"].astype(str)
    rules.add(
        "shipments", "stated_twice", parcels["shipment_id"].duplicated(), parcels["shipment_id"]
    )
    parcel_of = pd.Index(parcels["shipment_id"]).get_indexer(packed["shipment_id"])
    rules.add("shipment_lines", "unknown_shipment", parcel_of < 0, packed_names)
    empty = ~parcels["shipment_id"].isin(set(packed["shipment_id"]))
    rules.add("shipments", "without_lines", empty, parcels["shipment_id"])
    known = parcel_of >= 0
    owner = parcels["order_id"].to_numpy(object)[parcel_of[known]]
    other = owner != packed["order_id"].to_numpy(object)[known]
    rules.add("shipment_lines", "in_another_orders_parcel", other, packed_names[known])

    line_of = pd.Index(names).get_indexer(packed_names)
    rules.add("shipment_lines", "no_such_order_line", line_of < 0, packed_names)
    sound = line_of >= 0
    facts = wanted.iloc[line_of[sound]]
    rows = packed[sound]
    product = rows["product_id"].to_numpy(object) != facts["product_id"].to_numpy(object)
    rules.add("shipment_lines", "not_the_product_ordered", product, packed_names[sound])
    split = scenario.filled("orders").set_index("order_id")["allow_line_split"]
    may_split = split.reindex(facts["order_id"]).to_numpy(bool)
    qty = rows["qty"].to_numpy(np.float64)
    part = np.abs(qty - facts["qty"].to_numpy(np.float64)) > UNITS
    rules.add("shipment_lines", "not_shipped_whole", part & ~may_split, packed_names[sound])

    shipped = np.bincount(line_of[sound], qty, minlength=len(wanted))
    times = np.bincount(line_of[sound], minlength=len(wanted))
    whole = wanted["qty"].to_numpy(np.float64)
    splits = split.reindex(wanted["order_id"]).to_numpy(bool)
    left = unserved[unserved["kind"] == "order_line"]
    rules.add("unserved", "stated_twice", left["id"].duplicated(), left["id"])
    place = pd.Index(names).get_indexer(left["id"])
    rules.add("unserved", "no_such_order_line", place < 0, left["id"])
    missed = np.zeros(len(wanted))
    np.add.at(missed, place[place >= 0], left["qty"].to_numpy(np.float64)[place >= 0])
    rules.add("shipment_lines", "served_twice", (times > 1) & ~splits, names)
    rules.add("unserved", "shipped_and_unserved", (times > 0) & (missed > 0) & ~splits, names)
    total = np.abs(shipped + missed - whole) > UNITS
    rules.add("unserved", "neither_shipped_nor_unserved", total & (times == 0), names)
    rules.add("shipment_lines", "quantities_differ_from_the_order", total & (times > 0), names)


def _check_decisions(
    rules: Rules, scenario: Scenario, parcels: pd.DataFrame, unserved: pd.DataFrame
) -> None:
    """Hold parcels and what stays against what the planner has decided of orders."""
    rows = scenario.table("decisions")
    rows = rows[rows["kind"] == "shipment"]
    stays = set(unserved.loc[unserved["kind"] == "order_line", "id"].str.rsplit("/", n=1).str[0])
    for row in rows.itertuples():
        sent = parcels[parcels["order_id"] == row.order_id]
        here = sent
        if isinstance(row.site_id, str):
            here = sent[sent["site_id"] == row.site_id]
        must = row.sense in (">=", "=") and float(row.qty) > 0.0
        bars = row.sense in ("<=", "=") and float(row.qty) < 1.0
        elsewhere = len(here) < len(sent) or not len(sent) or row.order_id in stays
        broken = (must and elsewhere) or (bars and len(here) > 0)
        rules.add(
            "shipments", "against_a_decision", [broken], [f"{row.decision_id} {row.order_id}"]
        )


def _content(scenario: Scenario, parcels: pd.DataFrame, packed: pd.DataFrame) -> pd.DataFrame:
    """Return what leaves which site, line by line: units, kg and m3 of the line's own product."""
    products = scenario.table("products").set_index("product_id")
    columns = ["shipment_id", "site_id", "ship_on"]
    rows = packed[["shipment_id", *LINE, "product_id", "qty"]].merge(
        parcels[columns].drop_duplicates("shipment_id"), on="shipment_id", how="inner"
    )
    qty = rows["qty"].to_numpy(np.float64)
    weight = products["weight_kg"].reindex(rows["product_id"]).to_numpy(np.float64)
    volume = products["volume_m3"].reindex(rows["product_id"]).to_numpy(np.float64)
    return rows.assign(qty=qty, kg=qty * weight, m3=qty * volume)


def _ready_on(scenario: Scenario, orders: pd.DataFrame, order_id: pd.Series) -> pd.Series:
    """Return the day on which an order's parcels are ready: release, not before the start."""
    start = pd.Timestamp(scenario.settings.start_date)
    ready = orders.set_index("order_id")["release_at"].dt.normalize()
    days: pd.Series = ready.reindex(order_id).fillna(start).clip(lower=start)
    return days.reset_index(drop=True)


def _check_throughput(
    rules: Rules,
    scenario: Scenario,
    orders: pd.DataFrame,
    parcels: pd.DataFrame,
    content: pd.DataFrame,
) -> None:
    """Docks and carriers hold for the day on which parcels are ready."""
    parcels = parcels.reset_index(drop=True)
    parcels = parcels.assign(ready=_ready_on(scenario, orders, parcels["order_id"]))
    content = content.reset_index(drop=True)
    content = content.assign(ready=_ready_on(scenario, orders, content["order_id"]))
    sites = scenario.table("sites").set_index("site_id")
    status = sites["status"].reindex(parcels["site_id"]).to_numpy(object)
    sends = parcels["site_id"].isin(set(drop_ship_offers(scenario)["supplier_id"])).to_numpy()
    serves = sites["channel_id"].reindex(parcels["site_id"]).to_numpy(object)
    asks = orders.set_index("order_id")["channel_id"].reindex(parcels["order_id"]).to_numpy(object)
    other = ~pd.isna(serves) & (serves != asks)
    rules.add("shipments", "site_of_another_channel", other, parcels["shipment_id"])
    rules.add("shipments", "site_not_open", (status != "open") & ~sends, parcels["shipment_id"])
    moved = content.groupby(["site_id", "ready"], sort=False)["qty"].sum()
    room = sites["outbound_units_per_day"].reindex(moved.index.get_level_values(0)).to_numpy()
    names = [f"{site} {day:%Y-%m-%d}" for site, day in moved.index]
    rules.add("shipments", "above_outbound_capacity", moved.to_numpy() > room + UNITS, names)
    carriers = scenario.table("carriers").set_index("carrier_id")["capacity_per_day"]
    count = parcels.groupby(["carrier_id", "ready"], sort=False).size()
    most = carriers.reindex(count.index.get_level_values(0)).to_numpy(np.float64)
    names = [f"{carrier} {day:%Y-%m-%d}" for carrier, day in count.index]
    rules.add("shipments", "above_carrier_capacity", count.to_numpy() > most, names)


def _stock_value(scenario: Scenario, content: pd.DataFrame) -> pd.Series:
    """Return what the stock in each parcel costs, by shipment_id.

    A unit of a site costs the product's unit_cost, one of a supplier what it asks, duty included.
    """
    columns = ["shipment_id", "site_id", "product_id", "qty"]
    stock = explode_bundles(scenario, content[columns])
    own = scenario.table("products").set_index("product_id")["unit_cost"]
    own_cost = own.reindex(stock["product_id"]).to_numpy(np.float64)
    asked = drop_ship_offers(scenario).set_index(["supplier_id", "product_id"])["unit_cost"]
    of_supplier = asked.reindex(pd.MultiIndex.from_frame(stock[["site_id", "product_id"]]))
    cost = np.where(of_supplier.isna(), own_cost, of_supplier.to_numpy(np.float64))
    money = pd.Series(cost * stock["qty"].to_numpy(np.float64))
    result: pd.Series = money.groupby(stock["shipment_id"].to_numpy(object)).sum()
    return result


def _handling(scenario: Scenario, content: pd.DataFrame) -> float:
    price = scenario.filled("sites").set_index("site_id")["handling_cost_per_unit"]
    per_unit = price.reindex(content["site_id"]).fillna(0.0).to_numpy(np.float64)  # suppliers: 0
    return float(np.sum(per_unit * content["qty"].to_numpy(np.float64)))
