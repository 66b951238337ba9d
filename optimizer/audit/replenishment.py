"""Referee of tonight's orders: every rule, and the expected cost, from the facts alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.audit.inbound import check_carbon, check_ways, way_money
from optimizer.audit.latest_safe import check_latest_safe, whole_days_covered
from optimizer.audit.lost_sales import check_calibration
from optimizer.audit.offers import PAIR
from optimizer.audit.planner_tables import check_planner_tables
from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.audit.returns import check_returns
from optimizer.audit.rolling_stock import demand_where_bought
from optimizer.audit.tonight import Tonight, demand_over, read_tonight, site_forecast
from optimizer.audit.transfers import check_transfers
from optimizer.plan import conform
from scenarios import Scenario
from scenarios.semantics.calendars import order_weekdays

Floats = NDArray[np.float64]

STAGE = "replenishment"
ORDERS = "purchase_orders"
OPTION = ["supplier_id", "site_id", "product_id"]
SMALLEST_SD = 1e-9  # units; stands for "no uncertainty"
TOLERANCE = 1e-9  # relative, on sums of money and volume
NO_PATH = "no_supply_path"  # code in `unserved`


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> AuditReport:
    """Hold tonight's purchase orders and the transfers against the scenario."""
    rules = Rules(STAGE)
    check_calibration(rules, tables.get("calibration"))
    facts = read_tonight(scenario, tables)
    orders = tables.get(ORDERS, pd.DataFrame())
    start = pd.Timestamp(scenario.settings.start_date)
    if len(orders):
        _check_rows(rules, orders, start)
        tonight = orders[orders["order_on"] == start]
    else:
        tonight = conform(ORDERS, pd.DataFrame())
    lines = tonight.merge(facts.options, on=OPTION, how="left", suffixes=("_stated", ""))
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    unknown = lines["lead_time_mean_days"].isna()
    rules.add(ORDERS, "no_such_offer", unknown, names)
    rules.add(ORDERS, "option_stated_twice", lines.duplicated(OPTION), names)
    lines = lines[~unknown].reset_index(drop=True)
    lines["landed_now"] = landed_cost(scenario, lines)
    _check_quantities(rules, scenario, lines, facts)
    check_returns(rules, ORDERS, lines, facts.pairs)
    _check_limits(rules, scenario, lines)
    check_ways(rules, scenario, lines)
    check_carbon(rules, scenario, lines)
    if len(lines) or len(tables.get("policies", ())):  # a night without a plan keeps to nothing
        _check_decisions(rules, scenario, lines)
    _check_shelf_life(rules, scenario, tables, facts, lines)
    check_transfers(rules, scenario, tables.get("transfers", pd.DataFrame()))
    _check_latest_safe(rules, scenario, tables, facts, lines)
    _check_supply(rules, scenario, tables, facts)
    check_planner_tables(rules, scenario, facts.pairs, tables)
    terms = cost_terms(scenario, facts, lines)
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def units_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return E[(D - level)+], units, for D ~ Normal(mean, sd); the normal loss function."""
    sd = np.maximum(sd, SMALLEST_SD)
    z = (level - mean) / sd
    density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
    short: Floats = sd * (density - z * ndtr(-z))
    return short


def cost_terms(scenario: Scenario, facts: Tonight, lines: pd.DataFrame) -> dict[str, float]:
    """Return money by term of the stage's objective."""
    pairs = facts.pairs
    usable = lines["qty"] * lines["fill_rate"] * (1.0 - lines["defect_rate"])
    added = usable.astype(float).groupby([lines["site_id"], lines["product_id"]]).sum()
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    level = pairs["position"].to_numpy() + added.reindex(at).fillna(0.0).to_numpy()
    mean, sd = pairs["mean"].to_numpy(), pairs["sd"].to_numpy()
    short = units_short(level, mean, sd)
    over = level - mean + short
    orders = lines.drop_duplicates(["supplier_id", "site_id"])
    premium = lines["qty"] * (lines["landed_now"] - lines["least"])
    transport, co2 = way_money(scenario, lines)
    return {
        "holding": float(np.sum(pairs["holding"].to_numpy() * over)),
        "shortage": float(np.sum(pairs["shortage"].to_numpy() * short)),
        "order": float(orders["order_cost"].sum()),
        "transport": transport,
        "premium": float(premium.sum()),
        "co2": co2,
    }


def landed_cost(scenario: Scenario, lines: pd.DataFrame) -> Floats:
    """Return money per unit of each line: price after breaks at its quantity, and duty."""
    price: Floats = lines["unit_cost"].to_numpy(np.float64).copy()
    breaks = scenario.table("price_breaks")
    if len(breaks) and len(lines):
        moved = lines["moved"].to_numpy(np.float64)
        steps_of = dict(iter(breaks.groupby(["supplier_id", "product_id"])))
        keys = zip(lines["supplier_id"], lines["product_id"], strict=True)
        for row, (key, qty) in enumerate(zip(keys, lines["qty"], strict=True)):
            if key in steps_of:
                steps = steps_of[key].assign(unit_cost=steps_of[key]["unit_cost"] * moved[row])
                price[row] = _price_at(price[row], float(qty), steps)
    duty: Floats = lines["duty_pct"].to_numpy(np.float64)
    return price * (1.0 + duty / 100.0)


def _price_at(base: float, qty: float, steps: pd.DataFrame) -> float:
    """Return the average price per unit of `qty` units."""
    steps = steps[steps["min_qty"] <= qty].sort_values("min_qty")
    if not len(steps):
        return base
    if steps["kind"].iloc[-1] == "all_units":
        return float(steps["unit_cost"].iloc[-1])
    edges = [0.0, *(float(edge) for edge in steps["min_qty"]), qty]
    prices = [base, *(float(price) for price in steps["unit_cost"])]
    spent = sum(p * (edges[k + 1] - edges[k]) for k, p in enumerate(prices))
    return spent / qty


def _check_rows(rules: Rules, orders: pd.DataFrame, start: pd.Timestamp) -> None:
    names = orders["order_id"].astype(str) + "/" + orders["line"].astype(str)
    rules.add(ORDERS, "line_stated_twice", orders.duplicated(["order_id", "line"]), names)
    rules.add(ORDERS, "ordered_in_the_past", orders["order_on"] < start, names)
    rules.add(ORDERS, "due_before_ordered", orders["due_on"] < orders["order_on"], names)
    per_order = orders[["order_id", "supplier_id", "site_id", "order_on"]].drop_duplicates()
    mixed = per_order["order_id"].duplicated()
    rules.add(ORDERS, "order_of_two_suppliers_sites_or_days", mixed, per_order["order_id"])
    cost = orders["qty"].astype(float) * orders["unit_cost"].astype(float)
    wrong = ~(np.abs(orders["cost"].astype(float) - cost) <= MONEY)
    rules.add(ORDERS, "cost_is_not_qty_x_unit_cost", wrong, names)


def _check_quantities(
    rules: Rules, scenario: Scenario, lines: pd.DataFrame, facts: Tonight
) -> None:
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    qty = lines["qty"].astype(float)
    multiple = lines["order_multiple"]
    rules.add(
        ORDERS, "not_a_multiple", np.abs(qty / multiple - np.round(qty / multiple)) > 1e-9, names
    )
    rules.add(ORDERS, "not_whole", np.abs(qty - np.round(qty)) > 1e-9, names)
    rules.add(ORDERS, "not_positive", ~(qty > 0.0), names)
    rules.add(ORDERS, "under_moq", qty < lines["moq"] - 1e-9, names)
    differs = ~(np.abs(lines["unit_cost_stated"].astype(float) - lines["landed_now"]) <= MONEY)
    rules.add(ORDERS, "unit_cost_differs", differs, names)
    earliest = lines["order_on"] + pd.to_timedelta(lines["due_days"], unit="D")
    rules.add(ORDERS, "due_before_lead_time", lines["due_on"] < earliest, names)
    rules.add(ORDERS, "due_after_lead_time", lines["due_on"] > earliest, names)

    review = lines[PAIR].merge(facts.pairs, on=PAIR, how="left")["review_days"].to_numpy()
    weekly = (qty * 7.0 / review).groupby(lines["row"]).sum()
    capacity = lines.groupby("row")["capacity_per_week"].first()
    rules.add(ORDERS, "above_capacity", weekly > capacity * (1.0 + TOLERANCE), capacity.index)
    products = scenario.table("products").set_index("product_id")
    ended = products["discontinued_on"].reindex(lines["product_id"]).to_numpy()
    rules.add(ORDERS, "discontinued", lines["due_on"].to_numpy() >= ended, names)
    sites = scenario.table("sites").set_index("site_id")["status"]
    status = sites.reindex(lines["site_id"]).to_numpy(object)
    rules.add(ORDERS, "site_not_open", status != "open", names)
    today = pd.Timestamp(scenario.settings.start_date).isoweekday()
    closed = [today not in order_weekdays(cell) for cell in lines["order_weekdays"]]
    rules.add(ORDERS, "supplier_takes_no_orders_that_day", closed, names)


def _check_limits(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> None:
    """Check minimum order values, storage and every hard limit that holds tonight."""
    products = scenario.table("products").set_index("product_id")
    lines = lines.assign(
        spend=lines["qty"].astype(float) * lines["landed_now"],
        m3=lines["qty"].astype(float)
        * products["volume_m3"].reindex(lines["product_id"]).to_numpy(np.float64),
        category=products["category"].reindex(lines["product_id"]).to_numpy(object),
    )
    orders = lines.groupby(["supplier_id", "site_id"], sort=False)
    value, least = orders["spend"].sum(), orders["min_order_value"].max()
    under = value < least * (1.0 - TOLERANCE)
    rules.add(ORDERS, "under_min_order_value", under, [" ".join(key) for key in value.index])
    _check_storage(rules, scenario, lines, products)
    limits = scenario.table("limits")
    start = pd.Timestamp(scenario.settings.start_date)
    end = start + pd.Timedelta(days=scenario.settings.bucket_days)
    for limit in limits.itertuples():
        bucket = limit.bucket
        if not limit.hard or limit.sense != "<=":
            continue
        if pd.notna(bucket) and not start <= bucket < end:
            continue
        rows = lines[lines_in_scope(lines, str(limit.scope))]
        used = used_of_limit(str(limit.kind), str(limit.scope), rows, lines)
        over = used > float(limit.value) * (1.0 + TOLERANCE) + TOLERANCE
        rules.add(ORDERS, f"over_{limit.kind}", [over], [f"{limit.limit_id}: {used:.2f}"])


def _check_decisions(rules: Rules, scenario: Scenario, lines: pd.DataFrame) -> None:
    """Hold tonight's units against what the planner has decided of them."""
    decisions = scenario.table("decisions")
    for row in decisions[decisions["kind"] == "purchase"].itertuples():
        mine = np.ones(len(lines), bool)
        for key in OPTION:
            cell = getattr(row, key)
            if isinstance(cell, str):
                mine &= (lines[key] == cell).to_numpy(bool)
        units, asked = float(lines["qty"].to_numpy(np.float64)[mine].sum()), float(row.qty)
        slack = TOLERANCE * max(1.0, asked)
        over = row.sense in ("<=", "=") and units > asked + slack
        under = row.sense in (">=", "=") and units < asked - slack
        name = f"{row.decision_id}: {units:g} {row.sense} {asked:g}"
        rules.add(ORDERS, "against_a_decision", [over or under], [name])


def used_of_limit(kind: str, scope: str, rows: pd.DataFrame, lines: pd.DataFrame) -> float:
    """Return how much of a limit tonight's orders take; 0 for kinds that they do not touch."""
    if kind in ("budget", "supplier_spend"):
        return float(rows["spend"].sum())
    if kind == "supplier_units":
        return float(rows["qty"].astype(float).sum())
    if kind == "supplier_share_pct" and len(rows):
        whole = lines if scope.startswith("supplier:") else rows
        by_supplier = rows.groupby("supplier_id")["spend"].sum()
        return float(100.0 * by_supplier.max() / max(float(whole["spend"].sum()), 1e-12))
    return 0.0


def lines_in_scope(lines: pd.DataFrame, scope: str) -> pd.Series:
    """Say which rows a scope such as `all`, supplier:V01, site:W1, category:Tea means."""
    kind, _, name = scope.partition(":")
    column = {"supplier": "supplier_id", "site": "site_id", "category": "category",
              "product": "product_id"}.get(kind)  # fmt: skip
    return lines[column] == name if column else pd.Series(True, index=lines.index)


def _check_storage(
    rules: Rules, scenario: Scenario, lines: pd.DataFrame, products: pd.DataFrame
) -> None:
    stock, coming = scenario.table("inventory"), scenario.table("open_orders")
    both = pd.concat(
        [stock[PAIR].assign(qty=stock["on_hand"]), coming[[*PAIR, "qty"]]], ignore_index=True
    )
    volume = products["volume_m3"].reindex(both["product_id"]).to_numpy(np.float64)
    held = (both["qty"].astype(float) * volume).groupby(both["site_id"]).sum()
    ordered = lines["m3"].groupby(lines["site_id"]).sum()
    room = scenario.table("sites").set_index("site_id")["storage_m3"]
    limits = scenario.table("limits")
    storage = limits[(limits["kind"] == "storage") & limits["hard"].astype(bool)]
    for scope, value in zip(storage["scope"], storage["value"], strict=True):
        if scope.startswith("site:"):
            site = scope.removeprefix("site:")
            room[site] = np.fmin(room.get(site, np.nan), value)
    left = (room - held.reindex(room.index).fillna(0.0)).clip(lower=0.0)
    taken = ordered.reindex(room.index).fillna(0.0)
    over = taken > left * (1.0 + TOLERANCE) + TOLERANCE
    rules.add(ORDERS, "over_storage", over, room.index)


def _check_shelf_life(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    facts: Tonight,
    lines: pd.DataFrame,
) -> None:
    """Check that mean demand sells what a line brings within its lead time and shelf life."""
    life = scenario.table("products").set_index("product_id")["shelf_life_days"]
    lines = lines.assign(life=life.reindex(lines["product_id"]).to_numpy(np.float64))
    lines = lines[lines["life"].notna()]
    if not len(lines):
        return
    forecast = site_forecast(scenario, tables.get("forecast"))
    bought_at = facts.own[PAIR].iloc[facts.own["root"].to_numpy()].reset_index(drop=True)
    members = facts.own[PAIR].assign(bought_at=bought_at["site_id"])
    position = facts.pairs.set_index(PAIR)["position"]
    for _, part in lines.groupby(lines.groupby(PAIR).cumcount()):
        asked = members.merge(
            part.rename(columns={"site_id": "bought_at"}), on=["bought_at", "product_id"]
        )
        days = (asked["lead_days"] + asked["life"]).to_numpy(np.float64)
        mean, _ = demand_over(scenario, forecast, asked[PAIR], days)
        sold = pd.Series(mean).groupby([asked["bought_at"], asked["product_id"]]).sum()
        keys = pd.MultiIndex.from_frame(part[PAIR])
        brings = part["qty"].astype(float) * part["fill_rate"] * (1.0 - part["defect_rate"])
        level = position.reindex(keys).to_numpy(np.float64) + brings.to_numpy(np.float64)
        most = sold.reindex(keys).to_numpy(np.float64)
        over = level > most + 1e-6 * np.maximum(1.0, most)
        names = part["order_id"].astype(str) + "/" + part["line"].astype(str)
        rules.add(ORDERS, "outlasts_its_shelf_life", over, names)


def _check_latest_safe(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    facts: Tonight,
    lines: pd.DataFrame,
) -> None:
    """Check by when tonight's lines must be ordered: fed pairs' demand uses up the position."""
    if not len(lines):
        return
    settings = scenario.settings
    demand = demand_where_bought(scenario, tables, facts)
    bought = pd.MultiIndex.from_frame(lines[PAIR])
    at = pd.MultiIndex.from_frame(facts.own[PAIR]).get_indexer(bought)
    position = facts.pairs.set_index(PAIR)["position"].reindex(bought).to_numpy(np.float64)
    days = whole_days_covered(demand[at], position, settings.bucket_days)
    lead = lines["lead_days"].to_numpy(np.float64)
    check_latest_safe(rules, lines, pd.Timestamp(settings.start_date), days, lead)


def _check_supply(
    rules: Rules, scenario: Scenario, tables: Mapping[str, pd.DataFrame], facts: Tonight
) -> None:
    """Counted product-locations without an option are unserved, and with all that they ask for."""
    bought = pd.MultiIndex.from_frame(facts.options[PAIR])
    pairs = facts.pairs[~pd.MultiIndex.from_frame(facts.pairs[PAIR]).isin(bought)]
    horizon = np.full(len(pairs), float(scenario.settings.horizon_days))
    forecast = site_forecast(scenario, tables.get("forecast"))
    asked = pd.Series(
        demand_over(scenario, forecast, pairs[PAIR].reset_index(drop=True), horizon)[0],
        index=(pairs["product_id"] + "@" + pairs["site_id"]).to_numpy(object),
    )
    rows = tables.get("unserved", pd.DataFrame({"kind": [], "id": [], "qty": [], "code": []}))
    rows = rows[(rows["kind"] == "demand") & (rows["code"] == NO_PATH)]
    stated = pd.Series(rows["qty"].to_numpy(np.float64), index=rows["id"].to_numpy(object))
    silent = (asked > 0.0).to_numpy(bool) & ~asked.index.isin(stated.index)
    rules.add("unserved", "no_supply_path_not_stated", silent, asked.index)
    twice = stated.index.duplicated()
    rules.add("unserved", "stated_twice", twice, stated.index)
    truth = asked.reindex(stated.index).to_numpy(np.float64)
    wrong = ~(np.abs(stated.to_numpy() - truth) <= 1e-6 * np.maximum(1.0, truth))
    rules.add("unserved", "demand_differs", wrong, stated.index)
