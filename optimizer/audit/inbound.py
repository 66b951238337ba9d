"""Referee of the way that purchases take: what it costs and emits, and the limits on it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.audit.report import Rules
from scenarios import Scenario
from scenarios.semantics.inbound import inbound_ways

ORDERS = "purchase_orders"
ORDER = ["supplier_id", "site_id"]
TOLERANCE = 1e-9  # relative, on sums
GRAMS = 1e-6  # relative, on what a line states


def transport_cost(scenario: Scenario, lines: pd.DataFrame) -> float:
    """Return money for bringing each order from its supplier to its site, by its mode."""
    return way_money(scenario, lines)[0]


def way_money(scenario: Scenario, lines: pd.DataFrame) -> tuple[float, float]:
    """Return what bringing one night's orders costs and what their CO2e costs, money."""
    ways = ways_taken(scenario, lines)
    price = scenario.settings.co2_price_per_tonne / 1e6
    grams = (ways["kg"] * ways["g_per_kg"]).fillna(0.0)
    return float(ways["cost"].sum()), float(price * grams.sum())


def ways_taken(scenario: Scenario, lines: pd.DataFrame) -> pd.DataFrame:
    """Return the way of each order: the stated mode, else the cheapest, CO2e at its price included.

    Returns
    -------
    frame : supplier_id, site_id, mode, kg, cost [money], g_per_kg [NaN: not known]
    """
    columns = [*ORDER, "mode", "kg", "cost", "g_per_kg"]
    if not len(lines):
        return pd.DataFrame(columns=columns).astype({"kg": float, "cost": float, "g_per_kg": float})
    products = scenario.table("products").set_index("product_id")
    qty = lines["qty"].to_numpy(np.float64)
    weight = products["weight_kg"].reindex(lines["product_id"]).to_numpy(np.float64)
    volume = products["volume_m3"].reindex(lines["product_id"]).to_numpy(np.float64)
    loads = lines[ORDER].astype("str").assign(units=qty, kg=qty * weight, m3=qty * volume)
    loads = loads.groupby(ORDER, sort=False).sum().reset_index()
    stated = pd.Series("", index=loads.index)
    if "mode" in lines.columns:
        first = lines.groupby(lines["supplier_id"] + "\n" + lines["site_id"])["mode"].first()
        at = loads["supplier_id"] + "\n" + loads["site_id"]
        stated = first.reindex(at).fillna("").reset_index(drop=True)
    loads = loads.assign(stated=stated.to_numpy(object))
    ways = loads.merge(inbound_ways(scenario, loads), on=ORDER)
    terms = scenario.filled("lanes").rename(
        columns={"origin_id": "supplier_id", "destination_id": "site_id"}
    )
    prices = ["cost_per_shipment", "cost_per_kg", "cost_per_m3", "cost_per_unit"]
    sizes = ["shipment_kg", "shipment_m3"]
    ways = ways.merge(terms[[*ORDER, "mode", *prices, *sizes]], on=[*ORDER, "mode"], how="left")
    by_weight = np.ceil(ways["kg"] / ways["shipment_kg"] - TOLERANCE).fillna(1.0)
    by_volume = np.ceil(ways["m3"] / ways["shipment_m3"] - TOLERANCE).fillna(1.0)
    shipments = np.maximum(1.0, np.maximum(by_weight, by_volume))
    rates = ways[prices].fillna(0.0)
    ways["cost"] = (
        shipments * rates["cost_per_shipment"]
        + ways["kg"] * rates["cost_per_kg"]
        + ways["m3"] * rates["cost_per_m3"]
        + ways["units"] * rates["cost_per_unit"]
    )
    price = scenario.settings.co2_price_per_tonne / 1e6
    ways["paid"] = ways["cost"] + price * (ways["kg"] * ways["g_per_kg"]).fillna(0.0)
    said = ways["stated"] != ""
    ways = ways[~said | (ways["stated"] == ways["mode"].fillna(""))]
    ways = ways.sort_values([*ORDER, "paid", "mode"], kind="stable").drop_duplicates(ORDER)
    return ways[columns].reset_index(drop=True)


def check_ways(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> None:
    """Check that orders come by one mode that leads there, and what their lines emit."""
    if not len(lines) or "g_co2e" not in lines.columns:
        return
    names = (lines["order_id"].astype(str) + "/" + lines["line"].astype(str)).to_numpy(object)
    ways = inbound_ways(scenario, lines)
    known = set(zip(ways["supplier_id"], ways["site_id"], ways["mode"].fillna(""), strict=True))
    stated = lines["mode"].fillna("").to_numpy(object)
    asked = zip(lines["supplier_id"], lines["site_id"], stated, strict=True)
    missing = np.array([key not in known and bool(key[2]) for key in asked])
    rules.add(ORDERS, "no_such_mode", missing, names)
    modes = pd.Series(stated).groupby(lines["order_id"].to_numpy(object)).nunique()
    rules.add(ORDERS, "modes_of_one_order_differ", modes > 1, modes.index)
    weight = scenario.table("products").set_index("product_id")["weight_kg"]
    grams = grams_by_line(scenario, lines, weight)
    told = lines["g_co2e"].to_numpy(np.float64)
    off = np.abs(told - grams) > 1e-3 + GRAMS * np.abs(grams)
    off |= (stated != "") & (np.isnan(told) != np.isnan(grams))
    rules.add(ORDERS, "co2_differs", off, names)


def grams_by_line(scenario: Scenario, lines: pd.DataFrame, weight: pd.Series) -> np.ndarray:
    """Return what each line emits on its order's way, grams; NaN: not known."""
    nights = []
    for _, night in lines.groupby("order_on", sort=False):
        rate = ways_taken(scenario, night).set_index(ORDER)["g_per_kg"]
        at = pd.MultiIndex.from_frame(night[ORDER].astype("str"))
        nights.append(pd.Series(rate.reindex(at).to_numpy(np.float64), index=night.index))
    rates = pd.concat(nights).reindex(lines.index).to_numpy(np.float64)
    kg = lines["qty"].to_numpy(np.float64) * weight.reindex(lines["product_id"]).to_numpy()
    grams: np.ndarray = rates * kg.astype(np.float64)
    return grams


def check_carbon(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> None:
    """Check that tonight's purchases emit no more than hard limits on CO2e allow."""
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    if not len(limits) or not len(lines):
        return
    start = pd.Timestamp(scenario.settings.start_date)
    end = start + pd.Timedelta(days=scenario.settings.bucket_days)
    weight = scenario.table("products").set_index("product_id")["weight_kg"]
    grams = np.nan_to_num(grams_by_line(scenario, lines, weight))
    for limit in limits[limits["hard"].astype(bool)].itertuples():
        if pd.notna(limit.bucket) and not start <= limit.bucket < end:
            continue
        scope = str(limit.scope)
        inside = (lines["supplier_id"] == scope.removeprefix("supplier:")).to_numpy(bool)
        if scope in ("all", "stage:replenishment"):
            inside = np.ones(len(lines), bool)
        elif not scope.startswith("supplier:"):
            continue
        used = float(grams[inside].sum())
        over = used > float(limit.value) * (1.0 + TOLERANCE) + TOLERANCE
        rules.add(ORDERS, "over_co2", [over], [f"{limit.limit_id}: {used:.0f} g"])


def check_later_carbon(rules: Rules, scenario: Scenario, orders: pd.DataFrame) -> None:
    """Check that purchases of later nights keep hard limits on CO2e in every bucket.

    What tonight's purchases emit counts in the first bucket, but for limits on the stage alone.

    Parameters
    ----------
    orders : lines of `purchase_orders` of all nights, with their `bucket`
    """
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "co2") & (limits["sense"] == "<=")]
    limits = limits[limits["hard"].astype(bool)]
    if not len(limits) or not len(orders):
        return
    start = pd.Timestamp(scenario.settings.start_date)
    length = pd.Timedelta(days=scenario.settings.bucket_days)
    weight = scenario.table("products").set_index("product_id")["weight_kg"]
    lines = orders.assign(grams=np.nan_to_num(grams_by_line(scenario, orders, weight)))
    for bucket, part in lines.groupby("bucket", sort=True):
        later = part[part["order_on"] > start]
        day = start + int(bucket) * length
        for limit in limits.itertuples():
            scope = str(limit.scope)
            if pd.notna(limit.bucket) and not limit.bucket <= day < limit.bucket + length:
                continue
            if scope in ("all", "stage:rolling"):
                mine, all_of = later, part
            elif scope.startswith("supplier:"):
                name = scope.removeprefix("supplier:")
                mine, all_of = (rows[rows["supplier_id"] == name] for rows in (later, part))
            else:
                continue
            used = float(mine["grams"].sum())
            before = float(all_of["grams"].sum()) - used if scope != "stage:rolling" else 0.0
            room = max(float(limit.value) - before, 0.0)
            over = used > room * (1.0 + GRAMS) + GRAMS
            rules.add(ORDERS, "over_co2", [over], [f"{limit.limit_id} {day.date()}: {used:.0f} g"])
