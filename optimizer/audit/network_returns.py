"""Referee of what comes back in a network design: counted, priced and weighed row by row."""

from __future__ import annotations

import math
from collections import defaultdict

import pandas as pd

from optimizer.audit.report import Rules
from scenarios import Scenario
from scenarios.semantics.network import lane_rates
from scenarios.semantics.periods import Periods
from scenarios.semantics.returns import return_shares, returns_centres

NEAR = 1e-6  # relative
COLUMNS = ("qty", "lane_share", "dock_share", "cost", "g_co2e")
TABLE = "return_flows"

Key = tuple[str, ...]


def check_return_flows(
    rules: Rules,
    scenario: Scenario,
    flows: pd.DataFrame,
    stated: pd.DataFrame | None,
    periods: Periods,
) -> None:
    """Hold `return_flows` against the flows that were planned and the rates of returns."""
    truth = _counted(scenario, flows, periods)
    told: dict[Key, dict[str, float]] = {}
    for row in [] if stated is None else stated.to_dict("records"):
        key = (*(str(row[name]) for name in ("product_id", "origin_id", "destination_id", "mode")),
               _text(row["demand_case"]), _text(row["bucket"]))  # fmt: skip
        rules.add(TABLE, "stated_twice", [key in told], [" ".join(key)])
        told[key] = {name: float(row[name]) for name in COLUMNS}
    rules.add(
        TABLE, "rows_missing", [key not in told for key in truth], [" ".join(k) for k in truth]
    )
    rules.add(TABLE, "nothing_comes_back", [key not in truth for key in told],
              [" ".join(key) for key in told])  # fmt: skip
    for key, figures in truth.items():
        for name in COLUMNS if key in told else ():
            wrong = not _same(told[key][name], figures[name])
            rules.add(TABLE, f"{name}_differs", [wrong], [" ".join(key)])


def _counted(
    scenario: Scenario, flows: pd.DataFrame, periods: Periods
) -> dict[Key, dict[str, float]]:
    share = return_shares(scenario).to_dict()
    if not share:
        return {}
    centre = returns_centres(scenario).to_dict()
    zones = set(scenario.table("zones")["zone_id"])
    lanes = defaultdict(list)
    for lane in lane_rates(scenario).to_dict("records"):
        lanes[lane["origin_id"], lane["destination_id"]].append(lane)
    made = scenario.table("products").set_index("product_id")[["weight_kg", "volume_m3"]]
    size = made.fillna(0.0).to_dict("index")
    dock = scenario.table("sites").set_index("site_id")["inbound_units_per_day"].to_dict()
    days_of = dict(zip(periods.names, periods.days.tolist(), strict=True))
    found: dict[Key, dict[str, float]] = {}
    for flow in flows.to_dict("records"):
        product, place, site = flow["product_id"], flow["destination_id"], flow["origin_id"]
        own = flow["mode"] == "own"
        if product not in share or not (own or place in zones):
            continue
        units = float(flow["qty"]) * share[product]
        goal = centre.get(place, site)
        kg, m3 = size[product]["weight_kg"], size[product]["volume_m3"]
        offers = sorted(
            (
                lane["per_unit"] + lane["per_kg"] * kg + lane["per_m3"] * m3
                + lane["per_shipment"] * max(kg / lane["shipment_kg"], m3 / lane["shipment_m3"]),
                lane["mode"], lane["g_per_kg"], lane["kg_per_day"],
            )
            for lane in lanes[place, goal]
        )  # fmt: skip
        if offers:
            money, mode, grams, limit = offers[0]
        elif own and goal == place:
            money, mode, grams, limit = 0.0, "own", 0.0, math.inf
        else:
            came = [lane["g_per_kg"] for lane in lanes[site, place] if lane["mode"] == flow["mode"]]
            money, mode, grams, limit = math.nan, flow["mode"], (came or [0.0])[0], math.inf
        bucket = _text(flow.get("bucket"))
        days = float(days_of.get(bucket, sum(days_of.values())))
        key = (product, place, goal, mode, _text(flow["demand_case"]), bucket)
        row = found.setdefault(key, dict.fromkeys(COLUMNS, 0.0))
        row["qty"] += units
        row["cost"] += units * money
        row["g_co2e"] += units * kg * grams
        row["lane_share"] += units * kg / (limit * days) if limit < math.inf else math.nan
        room = dock.get(goal, math.nan)
        row["dock_share"] += units / (room * days) if room > 0.0 else math.nan
    return found


def _text(cell: object) -> str:
    """Return a cell as a part of a key; blank: empty."""
    if cell is None or pd.isna(cell):
        return ""
    return str(cell.date()) if isinstance(cell, pd.Timestamp) else str(cell)


def _same(stated: float, truth: float) -> bool:
    if math.isnan(stated) or math.isnan(truth):
        return math.isnan(stated) and math.isnan(truth)
    return abs(stated - truth) <= NEAR * max(1.0, abs(truth))
