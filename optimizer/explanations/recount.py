"""Numbers of explanations that stand in no cell, worked out again from the tables by column."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.route_facts import Roads
from optimizer.explanations.recount_buyer import recount_buyer
from optimizer.explanations.recount_lines import recount_index, recount_quantities
from optimizer.explanations.recount_moves import movable, network, positions, put, transfers
from optimizer.explanations.recount_nights import recount_nights
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.drop_ship import drop_ship_offers
from scenarios.semantics.zones import explode_bundles

Floats = NDArray[np.float64]
Known = dict[tuple[str, str], float]

CONSTANTS: Mapping[str, float] = MappingProxyType(
    {
        "s_per_hour": 3600.0,
        "per_cent": 100.0,
        "g_per_tonne": 1e6,
        "usual_priority": 5.0,
        "days_per_year": 365.0,
        "leaves": -1.0,
        "no_lane": 0.0,
    }
)
RATE = ["carrier_id", "service", "origin", "destination"]


def recount(scenario: Scenario, plan: Plan) -> Known:
    """Return factors by (decision_id, name)."""
    known: Known = {}
    known |= _parcels(scenario, plan)
    known |= _handed_over(scenario, plan)
    known |= _driving(scenario, plan)
    known |= transfers(scenario, plan)
    known |= network(scenario, plan)
    known |= positions(scenario, plan)
    known |= recount_index(scenario, plan)
    return known


def recounted_terms(scenario: Scenario, plan: Plan) -> Known:
    """Return terms without factors by (decision_id, name)."""
    known = recount_quantities(scenario, plan) | recount_nights(scenario, plan)
    known |= recount_buyer(scenario, plan)
    return known | movable(plan) | _stock_value(scenario, plan)


# ---- parcels --------------------------------------------------------------------------------


def _loads(scenario: Scenario, packed: pd.DataFrame, key: str) -> pd.DataFrame:
    """Return kg, m3 and the penalty of what is in each parcel."""
    made = scenario.table("products").set_index("product_id")
    rows = packed[[key, "product_id", "qty"]]
    facts = made.reindex(rows["product_id"])
    qty = rows["qty"].to_numpy(np.float64)
    loads = pd.DataFrame(
        {
            key: rows[key].to_numpy(object),
            "kg": qty * facts["weight_kg"].to_numpy(np.float64),
            "m3": qty * facts["volume_m3"].to_numpy(np.float64),
            "penalty": qty * unserved_penalty(scenario).reindex(rows["product_id"]).to_numpy(),
        }
    )
    return loads.groupby(key, sort=False).sum()


def _classes(scenario: Scenario, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the lowest class of every rate from `origin` to `destination` that holds `kg`.

    Parameters
    ----------
    rows : row, origin, destination, kg, m3; with carrier_id and service, only of theirs
    """
    rates = scenario.filled("carrier_rates").sort_values("max_weight_kg", kind="stable")
    on = [column for column in RATE if column in rows.columns]
    both = rows.merge(rates, on=on)
    both = both[both["max_weight_kg"] >= both["kg"] * (1.0 - 1e-6) - 1e-9]
    both = both.drop_duplicates(["row", "carrier_id", "service"])
    beyond = np.maximum(both["kg"], both["volumetric_kg_per_m3"] * both["m3"]) - both["included_kg"]
    beyond = beyond.clip(lower=0.0)
    stepped = np.ceil(beyond / both["step_kg"] - 1e-9) * both["step_kg"]
    charged = stepped.where(both["step_kg"].notna(), beyond)
    price = both["base"] + both["per_kg"] * charged
    co2 = both["g_co2e_per_parcel"] * scenario.settings.co2_price_per_tonne / 1e6
    return both.assign(charged=charged, money=price + co2)


def _parcels(scenario: Scenario, plan: Plan) -> Known:
    known: Known = {}
    parcels = plan.table("shipments")
    if not len(parcels):
        return known
    names = "shipments:" + parcels["shipment_id"]
    orders = scenario.filled("orders").set_index("order_id").reindex(parcels["order_id"])
    load = _loads(scenario, plan.table("shipment_lines"), "shipment_id")
    load = load.reindex(parcels["shipment_id"])
    rows = pd.DataFrame(
        {
            "row": np.arange(len(parcels)),
            "origin": parcels["site_id"].to_numpy(object),
            "destination": orders["zone_id"].to_numpy(object),
            "kg": load["kg"].to_numpy(np.float64),
            "m3": load["m3"].to_numpy(np.float64),
        }
    ).astype({"origin": "str", "destination": "str"})
    own = _classes(
        scenario, rows.assign(carrier_id=parcels["carrier_id"], service=parcels["service"])
    ).set_index("row").reindex(rows["row"])  # fmt: skip
    put(known, names, "charged_kg", own["charged"])
    due = orders["due_to"].dt.normalize()
    arrives = parcels["promised_on"].to_numpy()
    days = ((arrives - due).dt.days.clip(lower=0)).fillna(0).to_numpy(np.float64)
    pays = orders["late_cost_per_h"].to_numpy(np.float64)
    late = np.where(np.isnan(pays), 0.0, 24.0 * days)
    put(known, names, "hours_late", late)
    accepts = scenario.filled("carriers").set_index("carrier_id")["acceptance_probability"]
    chance = accepts.reindex(parcels["carrier_id"]).fillna(1.0).to_numpy(np.float64)
    put(known, names, "chance_to_decline", 1.0 - chance)
    if (chance < 1.0).any():
        money = own["money"].to_numpy(np.float64) + late * np.nan_to_num(pays)
        stay = load["penalty"].to_numpy(np.float64) * 5.0 / orders["priority"].to_numpy(np.float64)
        worth = _stock_value(scenario, plan)
        stay -= [worth.get((name, "stock_value"), 0.0) for name in names]
        least = np.fmin(stay, _fallback(scenario, plan, rows, orders, accepts))
        put(known, names, "fallback_costs_more", np.maximum(least - money, 0.0))
    return known


def _fallback(
    scenario: Scenario,
    plan: Plan,
    rows: pd.DataFrame,
    orders: pd.DataFrame,
    accepts: pd.Series,
) -> Floats:
    """Return the least that a carrier who takes every parcel asks, lateness included; NaN: none."""
    offers = _classes(scenario, rows)
    offers = offers[accepts.reindex(offers["carrier_id"]).fillna(1.0).to_numpy() >= 1.0]
    at = offers["row"].to_numpy(np.int64)
    facts = orders.iloc[at]
    start = pd.Timestamp(scenario.settings.start_date)
    day = facts["release_at"].dt.normalize().fillna(start).clip(lower=start).reset_index(drop=True)
    moment = facts[["release_at", "placed_at"]].max(axis=1).reset_index(drop=True)
    clock = offers["cutoff_time"].astype(object).reset_index(drop=True)
    spans = clock.map(lambda text: text if str(text).count(":") == 2 else f"{text}:00",
                      na_action="ignore")  # fmt: skip
    missed = (moment > day + pd.to_timedelta(spans)).to_numpy()
    lead = _lead(scenario, plan).reindex(plan.table("shipments")["shipment_id"]).fillna(0.0)
    promise = np.ceil(offers["promise_days"].to_numpy(np.float64)) + missed
    arrives = day + pd.to_timedelta(promise + lead.to_numpy(np.float64)[at], unit="D")
    due = facts["due_to"].dt.normalize().reset_index(drop=True)
    over = (arrives - due).dt.days.clip(lower=0).fillna(0).to_numpy(np.float64)
    pays = 24.0 * facts["late_cost_per_h"].to_numpy(np.float64)
    price = offers["money"].to_numpy(np.float64) + over * np.nan_to_num(pays)
    price = np.where((over > 0.0) & np.isnan(pays), np.inf, price)
    least = pd.Series(price).groupby(at).min().reindex(np.arange(len(rows)))
    found: Floats = least.to_numpy(np.float64)
    return found


def _lead(scenario: Scenario, plan: Plan) -> pd.Series:
    """Return the longest lead time of a supplier for what is in each parcel, days."""
    goods = _goods(scenario, plan)
    days = drop_ship_offers(scenario).set_index(["supplier_id", "product_id"])["lead_days"]
    at = pd.MultiIndex.from_frame(goods[["site_id", "product_id"]])
    longest: pd.Series = (
        days.reindex(at).fillna(0.0).groupby(goods["shipment_id"].to_numpy(object)).max()
    )
    return longest


def _goods(scenario: Scenario, plan: Plan) -> pd.DataFrame:
    """Return what is in each parcel, bundles taken apart."""
    origin = plan.table("shipments").set_index("shipment_id")["site_id"]
    lines = plan.table("shipment_lines")[["shipment_id", "product_id", "qty"]]
    lines = lines.assign(site_id=origin.reindex(lines["shipment_id"]).to_numpy(object))
    return explode_bundles(scenario, lines)


def _stock_value(scenario: Scenario, plan: Plan) -> Known:
    known: Known = {}
    asked = str(plan.provenance.options.get("stock_value", "")).lower() == "yes"
    if not asked or not len(plan.table("shipments")):
        return known
    goods = _goods(scenario, plan)
    own = scenario.table("products").set_index("product_id")["unit_cost"]
    offers = drop_ship_offers(scenario).set_index(["supplier_id", "product_id"])["unit_cost"]
    of = offers.reindex(pd.MultiIndex.from_frame(goods[["site_id", "product_id"]])).to_numpy()
    each = np.where(np.isnan(of), own.reindex(goods["product_id"]).to_numpy(np.float64), of)
    worth = pd.Series(each * goods["qty"].to_numpy(np.float64))
    worth = worth.groupby(goods["shipment_id"].to_numpy(object)).sum()
    put(known, "shipments:" + worth.index.to_series(), "stock_value", worth)
    return known


def _handed_over(scenario: Scenario, plan: Plan) -> Known:
    known: Known = {}
    handed = plan.table("handed_over")
    if not len(handed):
        return known
    key = handed["shipment_id"].fillna(handed["order_id"])
    packed = plan.table("shipment_lines").rename(columns={"shipment_id": "key"})
    asked = scenario.table("order_lines").rename(columns={"order_id": "key"})
    columns = ["key", "product_id", "qty"]
    load = _loads(scenario, pd.concat([packed[columns], asked[columns]]), "key").reindex(key)
    zone = scenario.table("orders").set_index("order_id")["zone_id"].reindex(handed["order_id"])
    rows = pd.DataFrame(
        {
            "row": np.arange(len(handed)),
            "carrier_id": handed["carrier_id"],
            "service": handed["service"],
            "origin": handed["site_id"],
            "destination": zone.to_numpy(object),
            "kg": load["kg"].to_numpy(np.float64),
            "m3": load["m3"].to_numpy(np.float64),
        }
    ).astype({"destination": "str"})
    own = _classes(scenario, rows).set_index("row").reindex(rows["row"])
    put(known, "handed_over:" + key, "charged_kg", own["charged"])
    return known


# ---- driving --------------------------------------------------------------------------------


def _driving(scenario: Scenario, plan: Plan) -> Known:
    known: Known = {}
    routes, stops = plan.table("routes"), plan.table("stops")
    if not len(routes):
        return known
    under_way = _under_way(scenario, plan)
    fresh = ~routes["route_id"].isin(under_way)
    put(known, "routes:" + routes["route_id"], "leaves_later", fresh)
    stops = stops.sort_values(["route_id", "seq"]).reset_index(drop=True)
    names = "stops:" + stops["route_id"] + "/" + stops["seq"].astype(int).astype(str)
    start = routes.set_index("route_id")["start"].reindex(stops["route_id"]).reset_index(drop=True)
    before = stops.groupby("route_id", sort=False)["depart"].shift(1).fillna(start)
    for factor, begin, end in (
        ("driving_s", before, stops["arrive"]),
        ("waiting_s", stops["arrive"], stops["begin"]),
        ("service_s", stops["begin"], stops["depart"]),
    ):
        put(known, names, factor, (end - begin).dt.total_seconds())
    put(known, names, "leg_km", _legs(scenario, routes, stops, under_way))
    late = _hours_late(scenario, plan, stops)
    put(known, names, "hours_late", late)
    for name, route, hours in zip(names, stops["route_id"], late, strict=True):
        if hours > 0.0:  # the route's own sum has a term for each stop that is late
            known[f"routes:{route}", f"hours_late {name}"] = hours
    return known


def _under_way(scenario: Scenario, plan: Plan) -> set[str]:
    """Return the routes of vans that were on the road when the rest of the day was planned."""
    if "rerouting" not in plan.provenance.options.get("stages", ()):
        return set()
    return set(scenario.table("vehicle_states")["route_id"])


def _legs(
    scenario: Scenario, routes: pd.DataFrame, stops: pd.DataFrame, under_way: set[str]
) -> list[float]:
    """Return km into every row; of a van under way the first leg is what is left of its km."""
    roads = Roads(scenario)
    vans = scenario.filled("vehicles").set_index(["vehicle_type", "depot_id"])
    orders = scenario.table("orders").set_index("order_id")[["lon", "lat", "zone_id"]]
    zones = scenario.table("zones").set_index("zone_id")[["lon", "lat"]]
    place: dict[str, tuple[str, tuple[float, float]]] = {}
    for order_id, row in orders.reindex(stops["order_id"].dropna().unique()).iterrows():
        own = row[["lon", "lat"]].notna().all()
        name = str(order_id) if own or pd.isna(row["zone_id"]) else str(row["zone_id"])
        at = row if own else zones.loc[name]
        place[str(order_id)] = (name, (float(at["lon"]), float(at["lat"])))
    route = routes.set_index("route_id")
    km: list[float] = []
    here: tuple[str, tuple[float, float]] = ("", (0.0, 0.0))
    by_route: dict[str, list[int]] = {}
    for number, row in enumerate(stops.to_dict("records")):
        name = str(row["route_id"])
        depot = str(route.at[name, "depot_id"])
        if row["seq"] == 1:
            here = (depot, roads.depots[depot])
        van = vans.loc[(route.at[name, "vehicle_type"], depot)]
        there = here
        if row["kind"] in ("delivery", "pickup"):
            there = place[str(row["order_id"])]
        elif row["kind"] == "reload":
            there = (depot, roads.depots[depot])
        elif row["kind"] == "end" and not bool(van["open_route"]):
            last = van["end_depot_id"] if isinstance(van["end_depot_id"], str) else depot
            there = (str(last), roads.depots[str(last)])
        metres = 0.0 if here == there else roads.leg(here, there, float(van["speed_km_h"]))[0]
        km.append(metres / 1000.0)
        by_route.setdefault(name, []).append(number)
        here = there
    for name in under_way & set(by_route):
        rest = sum(km[number] for number in by_route[name][1:])
        km[by_route[name][0]] = float(route.at[name, "distance_km"]) - rest
    return km


def _hours_late(scenario: Scenario, plan: Plan, stops: pd.DataFrame) -> list[float]:
    """Return by how many hours service begins after the last window, where lateness is paid."""
    orders = scenario.table("orders").set_index("order_id")
    windows = scenario.table("order_windows")
    ends = windows.assign(to=windows["to"] + _day_if_midnight(windows["to"]))
    last = ends.groupby("order_id")["to"].agg(lambda cells: cells.max(skipna=False))
    due = orders["due_to"] + _day_if_midnight(orders["due_to"])
    close = last.reindex(orders.index)
    close = close.where(orders.index.isin(windows["order_id"]), due)
    close = close.reindex(stops["order_id"]).reset_index(drop=True)
    pays = orders["late_cost_per_h"].reindex(stops["order_id"]).reset_index(drop=True)
    promised = plan.table("shipments").drop_duplicates("shipment_id").set_index("shipment_id")
    promised = promised["promised_on"].reindex(stops["shipment_id"]).reset_index(drop=True)
    hours = (stops["begin"] - close).dt.total_seconds() / 3600.0
    free = pays.isna() | (promised >= close).fillna(False) | stops["order_id"].isna()
    late: list[float] = np.where(free, 0.0, np.maximum(hours.fillna(0.0), 0.0)).tolist()
    return late


def _day_if_midnight(moments: pd.Series) -> pd.Series:
    midnight = moments == moments.dt.normalize()
    return pd.to_timedelta(midnight.astype(int), unit="D")
