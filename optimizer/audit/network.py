"""Referee of the network design: flows that exist, balance and fit, and what they cost."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from optimizer.audit.network_flows import REL, price_flows
from optimizer.audit.network_returns import check_return_flows
from optimizer.audit.network_room import (
    check_room,
    check_stated_stock,
    check_stock,
    number_of,
    todays_stock,
    waiting_cost,
)
from optimizer.audit.report import MONEY, AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.defaults import DAYS_PER_YEAR, unserved_penalty
from scenarios.semantics.network import SERVING, case_weights, network_demand
from scenarios.semantics.periods import split_horizon

Floats = npt.NDArray[np.float64]
CODES = ("no_lane", "too_far", "too_late", "no_supply", "capacity", "not_worth_it")


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame], **options: str) -> AuditReport:
    """Hold `network`, `flows` and `unserved` against the scenario and add up their cost.

    Parameters
    ----------
    options : measure, single_source and periods, as the stage was asked; others say how to solve
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
    asked = options.get("periods") or ""
    periods = split_horizon(scenario.settings, asked)
    demand, _ = network_demand(scenario, periods)
    weight = case_weights(scenario, demand)
    moved = tables["flows"]
    period = number_of(moved["bucket"], periods) if asked else -moved["bucket"].notna().astype(int)
    flows = price_flows(rules, scenario, sites, moved.assign(period=period), periods)
    check_return_flows(rules, scenario, moved, tables.get("return_flows"), periods)
    starts = np.array(periods.names if asked else [""])
    left = _left(rules, demand, tables.get("unserved"), starts, several=len(weight) > 1)
    _check_demand(rules, flows, left)
    opened = set(sites.index[is_open])
    for end in ("origin_id", "destination_id"):
        at_closed = flows[end].isin(set(sites.index)) & ~flows[end].isin(opened)
        rules.add("flows", "through_a_closed_site", at_closed, flows[end])
    cost, points, cover = todays_stock(scenario, sites, demand, weight)
    waiting = []
    for case in weight.index:
        of_case = flows[flows["case"] == case]
        stock = check_stock(rules, scenario, sites, of_case, demand, periods)
        check_room(rules, scenario, sites, of_case, stock, cover, periods)
        waiting.append(stock.assign(case=case))
    stocks = pd.concat(waiting, ignore_index=True)
    unit = waiting_cost(scenario, stocks, periods)
    check_stated_stock(rules, tables.get("network_stock"), stocks, unit, periods)
    held = (stocks["qty"] * unit).groupby(stocks["case"]).sum().reindex(weight.index)
    terms = _terms(scenario, sites, plan, is_open, flows, left, weight, (cost, points), rules)
    if asked:
        terms["stock"] = held.fillna(0.0).to_numpy(np.float64)
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


def _left(
    rules: Rules,
    demand: pd.DataFrame,
    unserved: pd.DataFrame | None,
    starts: npt.NDArray[np.str_],
    *,
    several: bool,
) -> pd.DataFrame:
    """Return what is not served, by product, place, period and future."""
    known = demand.assign(id=demand["product_id"] + "@" + demand["location_id"])
    if several:
        known["id"] = known["id"] + "/" + known["demand_case"]
    if starts[0]:
        known["id"] = known["id"] + "/" + starts[known["period"]]
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
    keys = ["product_id", "location_id", "demand_case", "period"]
    total = served.groupby(keys)["qty"].sum().rename("served").reset_index()
    both = left.merge(total, on=keys, how="outer").fillna({"served": 0.0, "left": 0.0, "qty": 0.0})
    names = both["product_id"] + "@" + both["location_id"]
    off = np.abs(both["served"] + both["left"] - both["qty"])
    rules.add("flows", "demand_differs", off > REL * np.maximum(both["qty"], 1.0), names)


def _terms(
    scenario: Scenario,
    sites: pd.DataFrame,
    plan: pd.DataFrame,
    is_open: npt.NDArray[np.bool_],
    flows: pd.DataFrame,
    left: pd.DataFrame,
    weight: pd.Series,
    stock: tuple[float, int],
    rules: Rules,
) -> dict[str, Floats]:
    """Return money by term in each future, (n_cases,).

    Parameters
    ----------
    stock : cost of holding today's stock, and number of sites where it lies
    """
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
    cost, points = stock
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
