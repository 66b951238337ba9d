"""Referee of the network design: flows that exist, balance and fit, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.audit.report import MONEY, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import DAYS_PER_YEAR, available_stock, unserved_penalty
from scenarios.semantics.network import (
    SERVING,
    case_weights,
    lane_rates,
    network_demand,
    network_offers,
    way_cost,
)

Floats = npt.NDArray[np.float64]
REL = 1e-5  # of what is added up: solvers keep rows to about this
CODES = ("no_lane", "too_far", "too_late", "no_supply", "capacity", "not_worth_it")
WAY = ["origin_id", "destination_id", "mode"]


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame], **options: str) -> AuditReport:
    """Hold `network`, `flows` and `unserved` against the scenario and add up their cost.

    Parameters
    ----------
    options : measure and single_source, as the stage was asked; others say how to solve
    """
    rules = Rules("network")
    if "network" not in tables:
        return AuditReport("network", None)
    sites = scenario.filled("sites")
    sites = sites[sites["kind"].isin(SERVING)].set_index("site_id").sort_index()
    plan = tables["network"].set_index("site_id")
    rules.add("network", "sites_differ", [sorted(plan.index) != list(sites.index)], ["sites"])
    if rules.found:
        return AuditReport("network", None, {}, tuple(rules.found))
    plan = plan.reindex(sites.index)
    is_open = (plan["status"] == "open").to_numpy()
    closed_for_good = (sites["status"] == "closed").to_numpy()
    rules.add("network", "open_though_closed", is_open & closed_for_good, sites.index)
    _check_counts(rules, scenario, sites, is_open)
    demand, _ = network_demand(scenario)
    weight = case_weights(scenario, demand)
    flows = _priced_flows(rules, scenario, sites, tables["flows"])
    left = _left(rules, demand, tables.get("unserved"), several=len(weight) > 1)
    _check_demand(rules, flows, left)
    opened = set(sites.index[is_open])
    for end in ("origin_id", "destination_id"):
        at_closed = flows[end].isin(set(sites.index)) & ~flows[end].isin(opened)
        rules.add("flows", "through_a_closed_site", at_closed, flows[end])
    for case in weight.index:
        of_case = flows[flows["case"] == case]
        _check_balance(rules, scenario, sites, of_case, demand)
        _check_room(rules, scenario, sites, of_case, demand, weight)
    terms = _terms(scenario, sites, plan, is_open, flows, left, weight, rules)
    if options.get("single_source") == "yes":
        served = flows[flows["destination_id"].isin(set(demand["location_id"])) & flows["serves"]]
        per_place = served.groupby("destination_id")["origin_id"].nunique()
        rules.add("flows", "several_sources", per_place > 1, per_place.index)
    total = _measured(terms, weight, options.get("measure") or "expected", _best(tables))
    return AuditReport("network", float(sum(total.values())), total, tuple(rules.found))


def _best(tables: Mapping[str, pd.DataFrame]) -> dict[str, float]:
    """Return what each future costs at best, which regret is measured against, as stated."""
    told = tables.get("explanations", pd.DataFrame())
    rows = told[told["decision_id"] == "network"] if len(told) else told
    if not len(rows):
        return {}
    stated: dict[str, float] = json.loads(rows["terms"].iloc[0])["best_of_case"]
    return stated


def _check_counts(
    rules: Rules, scenario: Scenario, sites: pd.DataFrame, is_open: npt.NDArray[np.bool_]
) -> None:
    limits = scenario.table("limits")
    limits = limits[(limits["kind"] == "site_count") & limits["hard"].astype(bool)]
    for row in limits.itertuples():
        kind, _, name = str(row.scope).partition(":")
        if kind not in ("all", "site", "region"):
            continue
        counted = np.ones(len(sites), bool)
        if kind == "site":
            counted = (sites.index == name).astype(bool)
        elif kind == "region":
            counted = (sites["region"] == name).to_numpy(bool)
        found = int((is_open & counted).sum())
        broken = found > row.value if row.sense == "<=" else found < row.value
        rules.add("network", "site_count", [broken], [f"{row.limit_id}: {found} open"])


def _priced_flows(
    rules: Rules, scenario: Scenario, sites: pd.DataFrame, flows: pd.DataFrame
) -> pd.DataFrame:
    """Price every flow anew; flows on ways that do not exist are violations."""
    names = flows["origin_id"] + ">" + flows["destination_id"] + " " + flows["product_id"]
    qty = flows["qty"].to_numpy(np.float64)
    rules.add("flows", "not_above_zero", ~(qty > 0.0) | ~np.isfinite(qty), names)
    twice = flows.duplicated([*WAY, "product_id", "demand_case"])
    rules.add("flows", "stated_twice", twice, names)
    rates = lane_rates(scenario)
    rates["lane"] = np.arange(len(rates))
    every = flows.merge(rates, on=WAY, how="left")
    offers = network_offers(scenario).rename(
        columns={"supplier_id": "origin_id", "site_id": "destination_id"}
    )
    every = every.merge(offers, on=["origin_id", "destination_id", "product_id"], how="left")
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
            "lane_kg": every["kg_per_day"] * scenario.settings.horizon_days,
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


def _left(
    rules: Rules, demand: pd.DataFrame, unserved: pd.DataFrame | None, *, several: bool
) -> pd.DataFrame:
    """Return what is not served, by product, place and future."""
    known = demand.assign(id=demand["product_id"] + "@" + demand["location_id"])
    if several:
        known["id"] = known["id"] + "/" + known["demand_case"]
    if unserved is None or not len(unserved):
        return known.assign(left=0.0)
    rows = unserved[unserved["kind"] == "demand"]
    rows = rows[rows["code"].isin(CODES)]
    rules.add("unserved", "unknown_demand", ~rows["id"].isin(set(known["id"])), rows["id"])
    units = rows.groupby("id")["qty"].sum().reindex(known["id"]).fillna(0.0).to_numpy(np.float64)
    return known.assign(left=units)


def _check_demand(rules: Rules, flows: pd.DataFrame, left: pd.DataFrame) -> None:
    served = flows[flows["serves"]].rename(
        columns={"destination_id": "location_id", "case": "demand_case"}
    )
    keys = ["product_id", "location_id", "demand_case"]
    total = served.groupby(keys)["qty"].sum().rename("served").reset_index()
    both = left.merge(total, on=keys, how="outer").fillna({"served": 0.0, "left": 0.0, "qty": 0.0})
    names = both["product_id"] + "@" + both["location_id"]
    off = np.abs(both["served"] + both["left"] - both["qty"])
    rules.add("flows", "demand_differs", off > REL * np.maximum(both["qty"], 1.0), names)


def _check_balance(
    rules: Rules,
    scenario: Scenario,
    sites: pd.DataFrame,
    flows: pd.DataFrame,
    demand: pd.DataFrame,
) -> None:
    """Nothing leaves a site that did not come in, but for sites that make or have it."""
    out = flows[flows["origin_id"].isin(set(sites.index))]
    left = out.groupby(["origin_id", "product_id"])["qty"].sum()
    comes = flows[flows["destination_id"].isin(set(sites.index)) & ~flows["own"]]
    came = comes.groupby(["destination_id", "product_id"])["qty"].sum()
    index = left.index.union(came.index)
    left, came = left.reindex(index).fillna(0.0), came.reindex(index).fillna(0.0)
    offers = network_offers(scenario)
    offered = set(zip(offers["site_id"], offers["product_id"], strict=True))
    anywhere = set(offers["product_id"])
    fed = set(scenario.table("lanes")["destination_id"])
    asked = set(demand["product_id"])
    free = [
        (site, product) not in offered
        and product in asked
        and (sites.at[site, "kind"] == "plant" or (site not in fed and product not in anywhere))
        for site, product in index
    ]
    off = np.abs(left.to_numpy() - came.to_numpy()) > REL * np.maximum(left.to_numpy(), 1.0)
    rules.add("flows", "does_not_balance", off & ~np.array(free, bool), [str(i) for i in index])


def _check_room(
    rules: Rules,
    scenario: Scenario,
    sites: pd.DataFrame,
    flows: pd.DataFrame,
    demand: pd.DataFrame,
    weight: pd.Series,
) -> None:
    """Docks, shelves, suppliers, lanes and the limit on CO2e hold over the horizon."""
    days = scenario.settings.horizon_days
    out = flows.groupby("origin_id")[["qty", "m3"]].sum().reindex(sites.index).fillna(0.0)
    comes = flows[~flows["own"]].groupby("destination_id")["qty"].sum()
    comes = comes.reindex(sites.index).fillna(0.0)

    def above(load: pd.Series, most: pd.Series) -> npt.NDArray[np.bool_]:
        room = most.fillna(np.inf).to_numpy(np.float64)
        values = load.to_numpy(np.float64)
        result: npt.NDArray[np.bool_] = values > room + REL * np.maximum(
            np.minimum(room, values), 1.0
        )
        return result

    most_out = sites["outbound_units_per_day"] * days
    rules.add("flows", "above_outbound", above(out["qty"], most_out), sites.index)
    most_in = sites["inbound_units_per_day"] * days
    rules.add("flows", "above_inbound", above(comes, most_in), sites.index)
    _, _, cover = _stock(scenario, sites, demand, weight)
    stored = out["m3"] * (cover / days)
    rules.add("flows", "above_storage", above(stored, sites["storage_m3"]), sites.index)
    for key, load, most, code in (
        ("row", "qty", "capacity", "above_supplier_capacity"),
        ("lane", "kg", "lane_kg", "above_lane_capacity"),
    ):
        used = flows[flows[key].notna()].groupby(key).agg({load: "sum", most: "first"})
        rules.add("flows", code, above(used[load], used[most]), used.index)
    limits = scenario.table("limits")
    caps = limits[
        (limits["kind"] == "co2")
        & (limits["sense"] == "<=")
        & (limits["scope"] == "all")
        & limits["hard"].astype(bool)
    ]
    grams = float(flows["grams"].sum())
    rules.add("flows", "above_co2", grams > caps["value"] * (1.0 + REL), caps["limit_id"])


def _stock(
    scenario: Scenario, sites: pd.DataFrame, demand: pd.DataFrame, weight: pd.Series
) -> tuple[float, int, float]:
    """Return the cost of holding today's stock, where it lies, and its days of demand."""
    if not len(scenario.table("inventory")):
        return 0.0, 0, 0.0
    stock = available_stock(scenario)
    opened = set(sites.index[sites["status"] == "open"])
    stock = stock[stock["site_id"].isin(opened) & (stock["qty"] > 0.0)]
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    value = float((stock["qty"].to_numpy() * cost.reindex(stock["product_id"]).to_numpy()).sum())
    days = scenario.settings.horizon_days
    expected = float((demand["qty"] * demand["demand_case"].map(weight)).sum())
    cover = float(stock["qty"].sum()) * days / expected if expected > 0.0 else 0.0
    share = scenario.settings.holding_rate_pct_per_year / 100.0 * days / DAYS_PER_YEAR
    return value * share, int(stock["site_id"].nunique()), cover


def _terms(
    scenario: Scenario,
    sites: pd.DataFrame,
    plan: pd.DataFrame,
    is_open: npt.NDArray[np.bool_],
    flows: pd.DataFrame,
    left: pd.DataFrame,
    weight: pd.Series,
    rules: Rules,
) -> dict[str, Floats]:
    """Return money by term in each future, (n_cases,)."""
    days = scenario.settings.horizon_days
    today = (sites["status"] == "open").to_numpy()
    yearly = days / (DAYS_PER_YEAR * scenario.settings.amortisation_years)
    fixed = np.where(is_open, sites["fixed_cost_per_day"] * days, 0.0)
    opening = np.where(is_open & ~today, sites["opening_cost"] * yearly, 0.0)
    closing = np.where(~is_open & today, sites["closing_cost"] * yearly, 0.0)
    rules.add("network", "fixed_differs", np.abs(plan["fixed_cost"] - fixed) > MONEY, sites.index)
    change = plan["change_cost"].to_numpy(np.float64)
    rules.add("network", "change_differs", np.abs(change - opening - closing) > MONEY, sites.index)
    case = weight.index
    demand = left[["product_id", "location_id", "demand_case", "qty"]]
    cost, points, _ = _stock(scenario, sites, demand, weight)
    stocking = int((is_open & sites["kind"].isin(["warehouse", "store"]).to_numpy()).sum())
    by_case = flows.groupby("case")[["transport", "purchase", "handling", "grams"]].sum()
    by_case = by_case.reindex(case).fillna(0.0)
    penalty = unserved_penalty(scenario).reindex(left["product_id"]).to_numpy(np.float64)
    lost = (left["left"] * penalty).groupby(left["demand_case"]).sum().reindex(case).fillna(0.0)
    price = scenario.settings.co2_price_per_tonne / 1e6
    same = np.ones(len(case))
    return {
        "fixed": same * fixed.sum(),
        "opening": same * opening.sum(),
        "closing": same * closing.sum(),
        "holding": same * cost * np.sqrt(stocking / max(points, 1)),
        "transport": by_case["transport"].to_numpy(np.float64),
        "purchase": by_case["purchase"].to_numpy(np.float64),
        "handling": by_case["handling"].to_numpy(np.float64),
        "co2": price * by_case["grams"].to_numpy(np.float64),
        "unserved": lost.to_numpy(np.float64),
    }


def _measured(
    terms: Mapping[str, Floats], weight: pd.Series, measure: str, stated: Mapping[str, float]
) -> dict[str, float]:
    """Return the terms of the objective: expected, or of the future that decides."""
    if measure == "expected" or len(weight) == 1:
        return {name: float(weight.to_numpy() @ values) for name, values in terms.items()}
    total = np.sum(list(terms.values()), axis=0)
    best = np.zeros(len(weight))
    if measure == "regret":
        best = np.array([float(stated.get(case, 0.0)) for case in weight.index])
    at = int(np.argmax(total - best))
    found = {name: float(values[at]) for name, values in terms.items()}
    if measure == "regret":
        found["best_of_case"] = -float(best[at])
    return found
