"""Flows of a network design, priced anew: ways that exist, in time, within reach."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario
from scenarios.semantics.network import lane_rates, network_offers, way_cost
from scenarios.semantics.periods import Periods

WAY = ["origin_id", "destination_id", "mode"]
REL = 1e-5  # of what is added up: solvers keep rows to about this


def price_flows(
    rules: Rules, scenario: Scenario, sites: pd.DataFrame, flows: pd.DataFrame, periods: Periods
) -> pd.DataFrame:
    """Price every flow anew; flows on ways that do not exist are violations.

    Parameters
    ----------
    flows : with the number of its `period`, -1 where its bucket is none

    Returns
    -------
    frame : origin_id, destination_id, product_id, case, period, qty, kg, m3, money by term, grams,
        row (of the offer) and capacity, lane and lane_kg in the period, serves (a demand), own
    """
    names = flows["origin_id"] + ">" + flows["destination_id"] + " " + flows["product_id"]
    qty = flows["qty"].to_numpy(np.float64)
    rules.add("flows", "not_above_zero", ~(qty > 0.0) | ~np.isfinite(qty), names)
    rules.add("flows", "unknown_period", flows["period"] < 0, names)
    twice = flows.duplicated([*WAY, "product_id", "demand_case", "period"])
    rules.add("flows", "stated_twice", twice, names)
    rates = lane_rates(scenario)
    rates["lane"] = np.arange(len(rates))
    every = flows.merge(rates, on=WAY, how="left")
    offers = network_offers(scenario, periods).rename(
        columns={"supplier_id": "origin_id", "site_id": "destination_id"}
    )
    keys = ["origin_id", "destination_id", "product_id", "period"]
    every = every.merge(offers, on=keys, how="left")
    on_lane = every["lane"].notna()
    has_lane = set(zip(rates["origin_id"], rates["destination_id"], strict=True))
    between = pd.Series(
        [
            pair in has_lane
            for pair in zip(every["origin_id"], every["destination_id"], strict=True)
        ],
        dtype=bool,
    )
    is_site = every["origin_id"].isin(set(sites.index))
    offered = every["row"].notna()
    own = (every["mode"] == "own") & is_site & (every["origin_id"] == every["destination_id"])
    door = (every["mode"] == "delivered") & ~is_site & offered & ~between
    rules.add("flows", "no_such_way", ~(on_lane | own | door), names)
    rules.add("flows", "not_offered", ~is_site & ~offered, names)
    promise = scenario.table("zones").set_index("zone_id")["promise_days"]
    promised = promise.reindex(every["destination_id"]).fillna(np.inf).to_numpy(np.float64)
    rules.add("flows", "too_late", every["transit_mean_days"].to_numpy() > promised, names)
    reach = _reach(scenario, every["destination_id"])
    rules.add("flows", "too_far", every["km"].fillna(0.0).to_numpy() > reach * (1.0 + REL), names)
    products = scenario.table("products").set_index("product_id")
    kg = products["weight_kg"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    m3 = products["volume_m3"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    plain = every[["per_unit", "per_kg", "per_m3", "per_shipment", "g_per_kg"]].fillna(0.0)
    plain["shipment_kg"] = every["shipment_kg"].fillna(np.inf)
    plain["shipment_m3"] = every["shipment_m3"].fillna(np.inf)
    transport = qty * way_cost(plain, kg, m3)
    grams = qty * plain["g_per_kg"].to_numpy() * kg
    slack = MONEY + 1e-6 * np.abs(transport)
    rules.add("flows", "cost_differs", np.abs(flows["cost"] - transport) > slack, names)
    rules.add("flows", "co2_differs", np.abs(flows["g_co2e"] - grams) > 1.0 + 1e-6 * grams, names)
    handling = sites["handling_cost_per_unit"].reindex(every["origin_id"]).fillna(0.0).to_numpy()
    is_supply = offered.to_numpy() & ~is_site.to_numpy()
    return pd.DataFrame(
        {
            "origin_id": every["origin_id"],
            "destination_id": every["destination_id"],
            "product_id": every["product_id"],
            "case": every["demand_case"].fillna(""),
            "period": every["period"],
            "qty": qty,
            "kg": qty * kg,
            "m3": qty * m3,
            "transport": transport,
            "purchase": np.where(is_supply, qty * every["landed"].fillna(0.0), 0.0),
            "handling": qty * handling,
            "grams": grams,
            "row": every["row"].where(is_supply),
            "capacity": every["capacity"],
            "lane": every["lane"],
            "lane_kg": every["kg_per_day"] * periods.days[every["period"]],
            "serves": is_site & (own | ~every["destination_id"].isin(set(sites.index))),
            "own": own,
        }
    )


def _reach(scenario: Scenario, places: pd.Series) -> npt.NDArray[np.float64]:
    """Return by how many km each place may be served at most; infinite without a limit."""
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "service_km") & limits["hard"].astype(bool)]
    zones = set(scenario.table("zones")["zone_id"])
    reach = np.full(len(places), np.inf)
    for scope, sense, value in limits[["scope", "sense", "value"]].itertuples(index=False):
        meant = places.isin(zones if scope == "all" else {scope.partition(":")[2]})
        if sense == "<=":
            reach[meant.to_numpy(bool)] = np.minimum(reach[meant.to_numpy(bool)], value)
    return reach
