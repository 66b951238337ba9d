"""Referee of order sourcing: stock, throughput, promises and every parcel's cost."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.report import MONEY, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.zones import explode_bundles

Floats = NDArray[np.float64]

STAGE = "sourcing"
UNITS = 1e-6  # units; quantities must agree to it
KG = 1e-6  # relative; weights must agree to it
LINE = ["order_id", "line_id"]
PARCEL = [
    *("shipment_id", "order_id", "site_id", "carrier_id", "service"),
    *("ship_on", "promised_on", "weight_kg", "cost"),
]


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> AuditReport:
    """Hold shipments, their lines and the unserved lines against the scenario."""
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

    _check_lines(rules, scenario, wanted, parcels, packed, unserved)
    content = _content(scenario, parcels, packed)
    _check_stock(rules, scenario, orders, content)
    _check_throughput(rules, scenario, parcels, content)
    parcel, late = _check_parcels(rules, scenario, orders, parcels, content)
    handling = _handling(scenario, content)
    penalty = unserved_penalty(scenario)
    left = unserved[unserved["kind"] == "order_line"]
    line_of = pd.Index(wanted["order_id"] + "/" + wanted["line_id"]).get_indexer(left["id"])
    missed = wanted.iloc[line_of[line_of >= 0]]
    lost = missed["qty"].to_numpy(np.float64) * penalty.reindex(missed["product_id"]).to_numpy()
    terms = {
        "parcel": parcel,
        "handling": handling,
        "late": late,
        "unserved": float(np.sum(lost)),
    }
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


def _check_stock(
    rules: Rules, scenario: Scenario, orders: pd.DataFrame, content: pd.DataFrame
) -> None:
    """No more leaves a site than lies there free; ring-fenced stock serves its channel only.

    Lines of a channel may take its own stock and the shared stock, so every set of channels
    must fit into what they may use together: each channel's excess over its own stock, added
    up, fits into the shared stock.
    """
    key = ["site_id", "product_id"]
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    stock = stock[key].assign(channel=stock["channel_id"].fillna(""), qty=free.astype(float))
    held = stock.groupby([*key, "channel"], sort=False)["qty"].sum().clip(lower=0.0)
    channel = orders.set_index("order_id")["channel_id"]
    taken = content[["order_id", *key, "qty"]]
    taken = taken.assign(channel=channel.reindex(taken["order_id"]).fillna("").to_numpy(object))
    taken = explode_bundles(scenario, taken[[*key, "channel", "qty"]])
    used = taken.groupby([*key, "channel"], sort=False)["qty"].sum()
    both = pd.concat([used.rename("used"), held.rename("held")], axis=1).fillna(0.0)
    own = both.index.get_level_values("channel") != ""
    excess = (both["used"] - both["held"].where(own, 0.0)).clip(lower=0.0)
    shared = both["held"].where(~own, 0.0)
    sites_products = [both.index.get_level_values(level) for level in key]
    need = excess.groupby(sites_products, sort=False).sum()
    room = shared.groupby(sites_products, sort=False).sum()
    names = ["/".join(map(str, pair)) for pair in need.index]
    rules.add("shipment_lines", "above_stock", need > room + UNITS, names)


def _check_throughput(
    rules: Rules, scenario: Scenario, parcels: pd.DataFrame, content: pd.DataFrame
) -> None:
    sites = scenario.table("sites").set_index("site_id")
    status = sites["status"].reindex(parcels["site_id"]).to_numpy(object)
    rules.add("shipments", "site_not_open", status != "open", parcels["shipment_id"])
    moved = content.groupby(["site_id", "ship_on"], sort=False)["qty"].sum()
    room = sites["outbound_units_per_day"].reindex(moved.index.get_level_values(0)).to_numpy()
    names = [f"{site} {day:%Y-%m-%d}" for site, day in moved.index]
    rules.add("shipments", "above_outbound_capacity", moved.to_numpy() > room + UNITS, names)
    carriers = scenario.table("carriers").set_index("carrier_id")["capacity_per_day"]
    count = parcels.groupby(["carrier_id", "ship_on"], sort=False).size()
    most = carriers.reindex(count.index.get_level_values(0)).to_numpy(np.float64)
    names = [f"{carrier} {day:%Y-%m-%d}" for carrier, day in count.index]
    rules.add("shipments", "above_carrier_capacity", count.to_numpy() > most, names)


def _check_parcels(
    rules: Rules,
    scenario: Scenario,
    orders: pd.DataFrame,
    parcels: pd.DataFrame,
    content: pd.DataFrame,
) -> tuple[float, float]:
    """Check each parcel's rate, dates, weight and cost; return parcel and late money."""
    names = parcels["shipment_id"].astype(str)
    load = content.groupby("shipment_id", sort=False)[["kg", "m3"]].sum()
    load = load.reindex(parcels["shipment_id"]).fillna(0.0).astype(float).reset_index(drop=True)
    facts = orders.set_index("order_id").reindex(parcels["order_id"]).reset_index()
    rules.add("shipments", "no_such_order", facts["placed_at"].isna(), names)
    start = pd.Timestamp(scenario.settings.start_date)
    ship_on = pd.to_datetime(parcels["ship_on"]).reset_index(drop=True)
    earliest = facts["release_at"].dt.normalize().fillna(start).clip(lower=start)
    rules.add("shipments", "ships_before_release", ship_on < earliest, names)

    rate = _rates(scenario, parcels, facts, load)
    rules.add("shipments", "no_such_rate", rate["base"].isna(), names)
    weight = parcels["weight_kg"].to_numpy(np.float64)
    kg, m3 = load["kg"].to_numpy(), load["m3"].to_numpy()
    differs = ~(np.abs(weight - kg) <= KG * np.maximum(1.0, kg))
    rules.add("shipments", "weight_differs", differs, names)
    cost = parcel_cost(rate, kg, m3)
    wrong = ~(np.abs(parcels["cost"].to_numpy(np.float64) - cost) <= MONEY)
    rules.add("shipments", "cost_differs", wrong & rate["base"].notna().to_numpy(), names)

    arrive = ship_on + pd.to_timedelta(np.ceil(rate["promise_days"].fillna(0.0)), unit="D")
    stated = pd.to_datetime(parcels["promised_on"]).reset_index(drop=True)
    rules.add("shipments", "promise_differs", stated < arrive, names)
    due = facts["due_to"].dt.normalize()
    pays = facts["late_cost_per_h"].to_numpy(np.float64)
    days = ((arrive - due).dt.days.fillna(0).clip(lower=0)).to_numpy(np.float64)
    rules.add("shipments", "arrives_after_due", (days > 0) & np.isnan(pays), names)
    together = ~facts["allow_split"].fillna(True).to_numpy(bool)
    several = parcels.duplicated("order_id", keep=False).to_numpy()
    rules.add("shipments", "split_against_the_order", together & several, names)
    _check_whole_or_nothing(rules, orders, scenario, content)
    return float(np.nansum(cost)), float(np.sum(days * 24.0 * np.nan_to_num(pays)))


def _check_whole_or_nothing(
    rules: Rules, orders: pd.DataFrame, scenario: Scenario, content: pd.DataFrame
) -> None:
    """An order that may not be split comes in one parcel with all its lines, or not at all."""
    one = orders.loc[~orders["allow_split"].astype(bool), "order_id"]
    lines = scenario.table("order_lines").groupby("order_id", sort=False).size().reindex(one)
    come = content.groupby("order_id", sort=False)["line_id"].nunique().reindex(one).fillna(0)
    part = (come > 0).to_numpy() & (come.to_numpy() < lines.fillna(0).to_numpy())
    rules.add("shipments", "part_of_an_order_that_may_not_be_split", part, one)


def _rates(
    scenario: Scenario, parcels: pd.DataFrame, facts: pd.DataFrame, load: pd.DataFrame
) -> pd.DataFrame:
    """Return the row of carrier_rates that prices each parcel: the lowest class that holds it."""
    key = ["carrier_id", "service", "origin", "destination"]
    rates = scenario.filled("carrier_rates").sort_values("max_weight_kg", kind="stable")
    rows = pd.DataFrame(
        {
            "carrier_id": parcels["carrier_id"].to_numpy(object),
            "service": parcels["service"].to_numpy(object),
            "origin": parcels["site_id"].to_numpy(object),
            "destination": facts["zone_id"].to_numpy(object),
            "kg": load["kg"].to_numpy(np.float64),
            "row": np.arange(len(parcels)),
        }
    )
    for column in key:
        rows[column] = rows[column].astype("str")
    fits = rows.merge(rates, on=key, how="left")
    fits = fits[fits["kg"] <= fits["max_weight_kg"] + 1e-9]
    fits = fits.sort_values(["row", "max_weight_kg"], kind="stable").drop_duplicates("row")
    return fits.set_index("row").reindex(np.arange(len(parcels))).reset_index(drop=True)


def parcel_cost(rate: pd.DataFrame, kg: Floats, m3: Floats) -> Floats:
    """Return base + per_kg x chargeable kg beyond what the base includes, per parcel.

    Parameters
    ----------
    rate : one row of carrier_rates per parcel
    kg, m3 : (n_parcels,) float64
    """
    chargeable = np.maximum(kg, rate["volumetric_kg_per_m3"].to_numpy(np.float64) * m3)
    beyond = np.maximum(0.0, chargeable - rate["included_kg"].to_numpy(np.float64))
    step = rate["step_kg"].to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        stepped = np.ceil(beyond / step - 1e-9) * step
    beyond = np.where(np.isnan(step), beyond, stepped)
    cost: Floats = rate["base"].to_numpy(np.float64) + rate["per_kg"].to_numpy(np.float64) * beyond
    return cost


def _handling(scenario: Scenario, content: pd.DataFrame) -> float:
    price = scenario.filled("sites").set_index("site_id")["handling_cost_per_unit"]
    per_unit = price.reindex(content["site_id"]).to_numpy(np.float64)
    return float(np.sum(per_unit * content["qty"].to_numpy(np.float64)))
