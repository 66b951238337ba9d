"""Referee of the rolling plan: every later night's rules and cost, and the stock between them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.inbound import check_later_carbon, check_ways
from optimizer.audit.latest_safe import check_latest_safe, whole_days_covered
from optimizer.audit.offers import PAIR, read_options
from optimizer.audit.replenishment import (
    OPTION,
    ORDERS,
    landed_cost,
    lines_in_scope,
    used_of_limit,
)
from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.audit.returns import check_returns
from optimizer.audit.rolling_nights import (
    DemandAhead,
    Night,
    days_between,
    earliest_due,
    night_demand,
    night_of,
    night_position,
    night_terms,
    transit_days,
)
from optimizer.audit.rolling_stock import Projected, demand_where_bought, project
from optimizer.audit.tonight import Tonight, read_tonight
from optimizer.audit.transfers import check_ways_of_transfers
from optimizer.plan import conform
from scenarios import Scenario
from scenarios.semantics.calendars import order_weekdays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGE = "rolling"
WEEKS = "rolling_weeks"
STOCK = "inventory_projection"
TOLERANCE = 1e-9  # relative, on sums of money and units
CLOSE = 1e-6  # relative, on projected stock


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> AuditReport:
    """Hold the later purchase orders, their certificate's parts and the projection to the facts."""
    rules = Rules(STAGE)
    facts = read_tonight(scenario, tables)
    start = pd.Timestamp(scenario.settings.start_date)
    length = scenario.settings.bucket_days
    weeks = conform(WEEKS, tables.get(WEEKS, pd.DataFrame()))
    stock = conform(STOCK, tables.get(STOCK, pd.DataFrame()))
    orders = conform(ORDERS, tables.get(ORDERS, pd.DataFrame()))
    orders = orders.assign(bucket=(orders["order_on"] - start).dt.days // length)
    names = orders["order_id"].astype(str) + "/" + orders["line"].astype(str)
    rules.add(ORDERS, "line_stated_twice", orders.duplicated(["order_id", "line"]), names)
    rules.add(ORDERS, "ordered_in_the_past", orders["order_on"] < start, names)
    per_order = orders[["order_id", "supplier_id", "site_id", "order_on"]].drop_duplicates()
    mixed = per_order["order_id"].duplicated()
    rules.add(ORDERS, "order_of_two_suppliers_sites_or_days", mixed, per_order["order_id"])
    planned = int(stock["bucket"].nunique())
    rules.add(ORDERS, "beyond_the_plan", orders["bucket"] >= max(planned, 1), names)

    periods = options_by_period(scenario, facts, planned)
    orders = with_terms(scenario, facts, periods, orders)
    later = orders[orders["order_on"] > start]
    named = later["order_id"].astype(str) + "/" + later["line"].astype(str)
    rules.add(ORDERS, "no_such_offer", later["lead_time_mean_days"].isna(), named)
    orders = orders[orders["lead_time_mean_days"].notna()]
    later = orders[orders["order_on"] > start].reset_index(drop=True)
    _check_lines(rules, scenario, facts, later)
    check_ways(rules, scenario, later)
    _check_limits(rules, scenario, orders)
    check_later_carbon(rules, scenario, orders)
    moves = tables.get("transfers", pd.DataFrame())
    if len(moves):
        check_ways_of_transfers(rules, scenario, moves[moves["ship_on"] > start])
    found = project(scenario, tables, facts, orders, planned)
    _check_stock(rules, facts, stock, found, start, length)
    without = project(scenario, tables, facts, orders[orders["order_on"] == start], planned)
    _check_storage(rules, scenario, facts, found, without)
    terms = dict.fromkeys(("holding", "shortage", "order", "transport", "premium", "co2"), 0.0)
    nights = [
        night for bucket in range(planned) if (night := night_of(scenario, facts, periods, bucket))
    ]
    first = [start + pd.Timedelta(days=night.bucket * length) for night in nights]
    silent = ~pd.Series(first, dtype="datetime64[ms]").isin(weeks["bucket"])
    rules.add(WEEKS, "night_not_stated", silent, [str(day.date()) for day in first])
    wide = DemandAhead(scenario, tables, facts)
    ahead = demand_where_bought(scenario, tables, facts)
    for night, day in zip(nights, first, strict=True):
        lines = later[later["bucket"] == night.bucket]
        part = night_terms(scenario, facts, wide, found, night, lines)
        for name, value in part.items():
            terms[name] += value
        if len(lines):
            back = night_demand(scenario, facts, wide, found, night)[-1]
            check_returns(rules, ORDERS, lines, facts.own.assign(expected_returns=back))
            _check_latest_safe(rules, scenario, facts, found, night, lines, ahead)
        stated = weeks[weeks["bucket"] == day]
        if len(stated):
            _check_row(rules, stated.iloc[0], part, lines)
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def options_by_period(scenario: Scenario, facts: Tonight, planned: int) -> dict[int, pd.DataFrame]:
    """Return the options by the first bucket from which on they hold."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    rows = scenario.table("supplier_products")
    valid = {
        bucket: tuple(
            np.flatnonzero(
                ~(rows["valid_from"] > start + pd.Timedelta(days=bucket * length))
                & ~(rows["valid_to"] < start + pd.Timedelta(days=bucket * length))
            ).tolist()
        )
        for bucket in (
            range(planned) if rows[["valid_from", "valid_to"]].notna().any(axis=None) else [0]
        )
    }
    counted = facts.pairs[PAIR]
    found: dict[int, pd.DataFrame] = {0: facts.options}
    for bucket in sorted(valid)[1:]:
        if valid[bucket] != valid[bucket - 1]:
            day = start + pd.Timedelta(days=bucket * length)
            settings = scenario.settings.model_copy(update={"start_date": day.date()})
            found[bucket] = read_options(
                Scenario(settings, dict(scenario.tables)), counted, start.date()
            )
    own = pd.MultiIndex.from_frame(facts.own[PAIR])
    return {
        bucket: options.assign(
            pair=own.get_indexer(pd.MultiIndex.from_frame(options[PAIR])), period=bucket
        )
        for bucket, options in found.items()
    }


def with_terms(
    scenario: Scenario, facts: Tonight, periods: Mapping[int, pd.DataFrame], orders: pd.DataFrame
) -> pd.DataFrame:
    """Join each line to the offer that holds on the first day of its bucket."""
    begins = np.array(sorted(periods))
    place = np.searchsorted(begins, orders["bucket"].to_numpy(np.float64), side="right") - 1
    orders = orders.assign(period=begins[np.maximum(place, 0)])
    every = pd.concat(periods.values(), ignore_index=True)
    joined = orders.merge(every, on=[*OPTION, "period"], how="left", suffixes=("_stated", ""))
    joined["landed_now"] = landed_cost(scenario, joined)
    joined["usable"] = joined["qty"] * joined["fill_rate"] * (1.0 - joined["defect_rate"])
    every_days = days_between(scenario, facts)
    joined["review"] = every_days[joined["pair"].fillna(0).to_numpy(np.int64)]
    return joined


def _check_lines(rules: Rules, scenario: Scenario, facts: Tonight, lines: pd.DataFrame) -> None:
    names = lines["order_id"].astype(str) + "/" + lines["line"].astype(str)
    qty = lines["qty"].astype(float)
    rules.add(ORDERS, "option_stated_twice", lines.duplicated([*OPTION, "bucket"]), names)
    steps = qty / lines["order_multiple"]
    rules.add(ORDERS, "not_a_multiple", np.abs(steps - np.round(steps)) > 1e-9, names)
    rules.add(ORDERS, "not_positive", ~(qty > 0.0), names)
    rules.add(ORDERS, "under_moq", qty < lines["moq"] - 1e-9, names)
    differs = ~(np.abs(lines["unit_cost_stated"].astype(float) - lines["landed_now"]) <= MONEY)
    rules.add(ORDERS, "unit_cost_differs", differs, names)
    cost = qty * lines["unit_cost_stated"].astype(float)
    wrong = ~(np.abs(lines["cost"].astype(float) - cost) <= MONEY)
    rules.add(ORDERS, "cost_is_not_qty_x_unit_cost", wrong, names)
    earliest = earliest_due(scenario, lines)
    due = lines["due_on"].to_numpy()
    rules.add(ORDERS, "due_before_lead_time", due < earliest, names)
    rules.add(ORDERS, "due_after_lead_time", due > earliest, names)
    products = scenario.table("products").set_index("product_id")
    ended = products["discontinued_on"].reindex(lines["product_id"]).to_numpy()
    rules.add(ORDERS, "discontinued", lines["due_on"].to_numpy() >= ended, names)
    sites = scenario.table("sites").set_index("site_id")["status"]
    status = sites.reindex(lines["site_id"]).to_numpy(object)
    rules.add(ORDERS, "site_not_open", status != "open", names)
    weekday = lines["order_on"].dt.day_of_week + 1
    cells = lines["order_weekdays"].fillna("").astype(str)
    taken = {cell: order_weekdays(cell) for cell in cells.unique()}
    closed = [day not in taken[cell] for day, cell in zip(weekday, cells, strict=True)]
    rules.add(ORDERS, "supplier_takes_no_orders_that_day", closed, names)
    weekly = (qty * 7.0 / lines["review"]).groupby([lines["row"], lines["bucket"]]).sum()
    most = lines.groupby(["row", "bucket"])["capacity_per_week"].first()
    over = weekly > most * (1.0 + TOLERANCE)
    rules.add(ORDERS, "above_capacity", over, [str(key) for key in most.index])
    orders = lines.groupby("order_id", sort=False)
    value = (qty * lines["landed_now"]).groupby(lines["order_id"], sort=False).sum()
    under = value < orders["min_order_value"].max() * (1.0 - TOLERANCE)
    rules.add(ORDERS, "under_min_order_value", under, value.index)


def _check_limits(rules: Rules, scenario: Scenario, orders: pd.DataFrame) -> None:
    """Check every hard limit of money and units in every bucket that has later lines."""
    products = scenario.table("products").set_index("product_id")
    start = pd.Timestamp(scenario.settings.start_date)
    orders = orders.assign(
        spend=orders["qty"].astype(float) * orders["landed_now"],
        category=products["category"].reindex(orders["product_id"]).to_numpy(object),
    )
    length = scenario.settings.bucket_days
    limits = scenario.table("limits")
    limits = limits[limits["hard"].fillna(True).astype(bool) & (limits["sense"] == "<=")]
    for bucket in sorted(orders.loc[orders["order_on"] > start, "bucket"].unique()):
        lines = orders[orders["bucket"] == bucket]
        day = start + pd.Timedelta(days=int(bucket) * length)
        for limit in limits.itertuples():
            begins = limit.bucket
            if pd.notna(begins) and not begins <= day < begins + pd.Timedelta(days=length):
                continue
            rows = lines[lines_in_scope(lines, str(limit.scope))]
            used = used_of_limit(str(limit.kind), str(limit.scope), rows, lines)
            over = used > float(limit.value) * (1.0 + TOLERANCE) + TOLERANCE
            name = f"{limit.limit_id} in {day.date()}: {used:.2f}"
            rules.add(ORDERS, f"over_{limit.kind}", [over], [name])


def _check_latest_safe(
    rules: Rules,
    scenario: Scenario,
    facts: Tonight,
    found: Projected,
    night: Night,
    lines: pd.DataFrame,
    ahead: Floats,
) -> None:
    """Check by when a night's lines must be ordered: demand uses up the position before it."""
    start, length = pd.Timestamp(scenario.settings.start_date), scenario.settings.bucket_days
    at = lines["pair"].to_numpy(np.int64)
    position = night_position(facts, found, night.bucket)[at]
    days = whole_days_covered(ahead[at, night.bucket :], position, length)
    mean = lines["lead_time_mean_days"].to_numpy(np.float64)
    transit, _ = transit_days(scenario, lines)
    due = (earliest_due(scenario, lines) - lines["order_on"].to_numpy()) / np.timedelta64(1, "D")
    closed = due - np.ceil(transit - 1e-9) - np.ceil(mean - 1e-9)
    begins = start + pd.Timedelta(days=night.bucket * length)
    check_latest_safe(rules, lines, begins, days, mean + closed + transit)


def _check_stock(
    rules: Rules,
    facts: Tonight,
    stock: pd.DataFrame,
    found: Projected,
    start: pd.Timestamp,
    length: int,
) -> None:
    """Check the arithmetic of the projection, bucket by bucket."""
    at = pd.MultiIndex.from_frame(facts.own[PAIR])
    row = at.get_indexer(pd.MultiIndex.from_frame(stock[PAIR]))
    bucket = ((stock["bucket"] - start).dt.days // length).to_numpy(np.int64)
    names = stock["site_id"] + " " + stock["product_id"] + " " + stock["bucket"].astype(str)
    rules.add(STOCK, "no_such_product_location", row < 0, names)
    missing = len(at) * found.opening.shape[1] - len(stock)
    rules.add(STOCK, "rows_missing", [missing != 0], [f"{missing} rows"])
    row = np.maximum(row, 0)
    for column, grid in (
        ("opening", found.opening), ("receipts", found.receipts), ("demand", found.demand),
        ("closing", found.closing), ("p10", found.low), ("p90", found.high),
    ):  # fmt: skip
        stated, truth = stock[column].to_numpy(np.float64), grid[row, bucket]
        wrong = ~(np.abs(stated - truth) <= CLOSE * np.maximum(1.0, np.abs(truth)))
        rules.add(STOCK, f"{column}_differs", wrong, names)


def _check_storage(
    rules: Rules, scenario: Scenario, facts: Tonight, found: Projected, without: Projected
) -> None:
    """Stock before demand fits in every bucket, unless it would not without later orders too."""
    start = pd.Timestamp(scenario.settings.start_date)
    length, buckets = scenario.settings.bucket_days, found.opening.shape[1]
    products = scenario.table("products").set_index("product_id")
    volume = products["volume_m3"].reindex(facts.own["product_id"]).to_numpy(np.float64)
    peak, base = (
        (part.opening + part.receipts + part.fixed[:, None]) * volume[:, None]
        for part in (found, without)
    )
    where = facts.own.assign(
        supplier_id="",
        category=products["category"].reindex(facts.own["product_id"]).to_numpy(object),
    )
    sites = scenario.table("sites")
    asked: list[tuple[str, float, pd.Timestamp | None]] = [
        (f"site:{name}", float(most), None)
        for name, most in zip(sites["site_id"], sites["storage_m3"], strict=True)
        if pd.notna(most)
    ]
    limits = scenario.table("limits")
    limits = limits[limits["hard"].fillna(True).astype(bool) & (limits["sense"] == "<=")]
    asked += [
        (str(limit.scope), float(limit.value), limit.bucket)
        for limit in limits[limits["kind"] == "storage"].itertuples()
    ]
    for scope, most, begins in asked:
        inside = lines_in_scope(where, scope).fillna(False).to_numpy(bool)
        held, before = peak[inside].sum(axis=0), base[inside].sum(axis=0)
        over = held > np.maximum(most, before) * (1.0 + CLOSE) + CLOSE
        days = [start + pd.Timedelta(days=length * bucket) for bucket in range(buckets)]
        if begins is not None and pd.notna(begins):
            end = begins + pd.Timedelta(days=length)
            over &= np.array([begins <= day < end for day in days], bool)
        rules.add(STOCK, "over_storage", over, [f"{scope} {day.date()}" for day in days])


def _check_row(
    rules: Rules, stated: pd.Series, part: Mapping[str, float], lines: pd.DataFrame
) -> None:
    name = [str(stated["night"].date())]
    truth = sum(part.values())
    slack = CLOSE * max(1.0, abs(truth))
    rules.add(WEEKS, "objective_differs", [not abs(stated["objective"] - truth) <= slack], name)
    rules.add(WEEKS, "false_bound", [stated["bound"] > truth + slack], name)
    for term, value in part.items():
        wrong = not abs(stated[f"{term}_cost"] - value) <= slack
        rules.add(WEEKS, f"{term}_differs", [wrong], name)
    spend = float((lines["qty"].astype(float) * lines["landed_now"]).sum())
    wrong = not abs(stated["spend"] - spend) <= 1e-6 * max(1.0, spend)
    rules.add(WEEKS, "spend_differs", [wrong], name)
    rules.add(WEEKS, "lines_differ", [int(stated["lines"]) != len(lines)], name)
