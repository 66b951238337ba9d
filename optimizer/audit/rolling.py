"""Referee of the rolling plan: every later night's rules and cost, and the stock between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.lost_sales import Spans
from optimizer.audit.offers import PAIR, read_options
from optimizer.audit.replenishment import (
    OPTION,
    ORDERS,
    landed_cost,
    lines_in_scope,
    transport_cost,
    units_short,
    used_of_limit,
)
from optimizer.audit.report import MONEY, AuditReport, Rules
from optimizer.audit.rolling_stock import Projected, demand_grid, project
from optimizer.audit.tonight import Tonight, read_tonight
from optimizer.plan import conform
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, order_weekdays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGE = "rolling"
WEEKS = "rolling_weeks"
STOCK = "inventory_projection"
TOLERANCE = 1e-9  # relative, on sums of money and units
CLOSE = 1e-6  # relative, on projected stock


@dataclass(frozen=True, slots=True)
class _Night:
    """A night as the referee sees it: bucket, its options, and the pairs that it decides."""

    bucket: int
    options: pd.DataFrame
    decided: Ints


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

    periods = _periods(scenario, facts, planned)
    orders = _with_terms(scenario, facts, periods, orders)
    later = orders[orders["order_on"] > start]
    named = later["order_id"].astype(str) + "/" + later["line"].astype(str)
    rules.add(ORDERS, "no_such_offer", later["lead_time_mean_days"].isna(), named)
    orders = orders[orders["lead_time_mean_days"].notna()]
    later = orders[orders["order_on"] > start].reset_index(drop=True)
    _check_lines(rules, scenario, facts, later)
    _check_limits(rules, scenario, orders)
    found = project(scenario, tables, facts, orders, planned)
    _check_stock(rules, facts, stock, found, start, length)
    without = project(scenario, tables, facts, orders[orders["order_on"] == start], planned)
    _check_storage(rules, scenario, facts, found, without)
    terms = dict.fromkeys(("holding", "shortage", "order", "transport", "premium"), 0.0)
    nights = [
        night for bucket in range(planned) if (night := _night(scenario, facts, periods, bucket))
    ]
    first = [start + pd.Timedelta(days=night.bucket * length) for night in nights]
    silent = ~pd.Series(first, dtype="datetime64[ms]").isin(weeks["bucket"])
    rules.add(WEEKS, "night_not_stated", silent, [str(day.date()) for day in first])
    wide = _Demand(scenario, tables, facts)
    for night, day in zip(nights, first, strict=True):
        lines = later[later["bucket"] == night.bucket]
        part = _terms(scenario, facts, wide, found, night, lines)
        for name, value in part.items():
            terms[name] += value
        stated = weeks[weeks["bucket"] == day]
        if len(stated):
            _check_row(rules, stated.iloc[0], part, lines)
    return AuditReport(STAGE, float(sum(terms.values())), terms, tuple(rules.found))


def _periods(scenario: Scenario, facts: Tonight, planned: int) -> dict[int, pd.DataFrame]:
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


def _with_terms(
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
    every_days = _between(scenario, facts)
    joined["review"] = every_days[joined["pair"].fillna(0).to_numpy(np.int64)]
    return joined


def _between(scenario: Scenario, facts: Tonight) -> Floats:
    """Return the days between two later reviews of each own pair: whole buckets, at least one."""
    length = scenario.settings.bucket_days
    buckets = np.round(facts.own["review_days"].to_numpy(np.float64) / length)
    days: Floats = np.maximum(buckets, 1.0) * length
    return days


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
    earliest = _earliest(scenario, lines)
    rules.add(ORDERS, "due_before_lead_time", lines["due_on"].to_numpy() < earliest, names)
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


def _earliest(scenario: Scenario, lines: pd.DataFrame) -> NDArray[np.datetime64]:
    """Return the first day on which each line can come."""
    calendar = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    names = calendar.reindex(lines["supplier_id"]).fillna("").to_numpy(object)
    days = np.ceil(lines["lead_time_mean_days"].to_numpy(np.float64) - 1e-9).astype(np.int64)
    ordered = lines["order_on"].to_numpy("datetime64[D]")
    keys = pd.DataFrame({"name": names, "days": days, "on": ordered})
    working, distinct = WorkingDays(scenario), keys.drop_duplicates()
    ready = [
        working.add(name or None, on.to_datetime64().astype("datetime64[D]"), int(count))
        for name, count, on in distinct.itertuples(index=False)
    ]
    known = distinct.assign(ready=np.array(ready, "datetime64[ms]"))
    found = keys.merge(known, on=["name", "days", "on"], how="left")["ready"]
    transit = np.ceil(_transit(scenario, lines)[0] - 1e-9)
    earliest: NDArray[np.datetime64] = (found + pd.to_timedelta(transit, unit="D")).to_numpy()
    return earliest


def _transit(scenario: Scenario, lines: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return mean and sd of the slowest lane from the supplier, days; 0 without one."""
    lanes = scenario.filled("lanes").sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    )
    lanes = lanes.drop_duplicates(["origin_id", "destination_id"])
    lanes = lanes.set_index(["origin_id", "destination_id"])
    at = pd.MultiIndex.from_frame(lines[["supplier_id", "site_id"]])
    way = lanes[["transit_mean_days", "transit_sd_days"]].reindex(at).fillna(0.0)
    return way["transit_mean_days"].to_numpy(np.float64), way["transit_sd_days"].to_numpy(
        np.float64
    )


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


def _night(
    scenario: Scenario, facts: Tonight, periods: Mapping[int, pd.DataFrame], bucket: int
) -> _Night | None:
    """Return the night of a bucket; None where nothing can be ordered."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    options = periods[max(begin for begin in periods if begin <= bucket)]
    every = (_between(scenario, facts) / length).astype(np.int64)
    pair = options["pair"].to_numpy(np.int64)
    review = (bucket // every[pair]) * every[pair]
    cells = options["order_weekdays"].fillna("").astype(str).to_numpy(object)
    wait = np.zeros(len(options), np.int64)
    for cell in np.unique(cells.astype(str)):
        taken = order_weekdays(str(cell))
        mine = np.flatnonzero(cells == cell)
        for begin in np.unique(review[mine]):
            day = start + pd.Timedelta(days=int(begin) * length)
            offset = next(
                ahead for ahead in range(7)
                if (day + pd.Timedelta(days=ahead)).isoweekday() in taken
            )  # fmt: skip
            wait[mine[review[mine] == begin]] = offset
    ordered = review * length + wait
    options = options.assign(ordered=ordered, night=ordered // length)
    sites = scenario.table("sites").set_index("site_id")["status"]
    usable = options["fill_rate"] * (1.0 - options["defect_rate"]) > 0.0
    able = usable & (sites.reindex(options["site_id"]).to_numpy(object) == "open")
    low = np.ceil(
        np.maximum(options["moq"], options["order_multiple"]) / options["order_multiple"] - 1e-9
    )
    days = _between(scenario, facts)[pair]
    room = options["capacity_per_week"].fillna(np.inf) * days / 7.0 / options["order_multiple"]
    able &= low <= np.floor(room + 1e-9)
    products = scenario.table("products").set_index("product_id")["discontinued_on"]
    ends = products.reindex(options["product_id"]).to_numpy()
    able &= ~(np.datetime64(start) >= ends)
    first = np.full(len(every), np.iinfo(np.int64).max)
    np.minimum.at(first, pair[able], options["night"].to_numpy()[able])
    now = able & (options["night"] == bucket) & (first[pair] == bucket)
    if bucket == 0:
        tonight = np.zeros(len(every), bool)
        tonight[pair[ordered == 0]] = True
        now &= ~tonight[pair]
    chosen = options[now]
    due = _earliest(
        scenario, chosen.assign(order_on=start + pd.to_timedelta(chosen["ordered"], unit="D"))
    )
    chosen = chosen[~(due >= products.reindex(chosen["product_id"]).to_numpy())]
    if not len(chosen):
        return None
    decided = np.unique(chosen["pair"].to_numpy(np.int64))
    return _Night(bucket, options, decided)


class _Demand:
    """Own demand over any interval, added up where it is counted."""

    def __init__(
        self, scenario: Scenario, tables: Mapping[str, pd.DataFrame], facts: Tonight
    ) -> None:
        self.length = scenario.settings.bucket_days
        self.facts = facts
        self.spans = Spans(tables.get("forecast"))
        longest = 1.0
        if len(facts.options):
            longest += float(facts.options["lead_days"].max()) + 14.0
        longest += float(_between(scenario, facts).max(initial=0.0))
        self.buckets = scenario.settings.horizon_buckets + math.ceil(longest / self.length) + 10
        self.mean, self.variance = demand_grid(scenario, tables, facts, self.buckets)

    def over(self, bucket: int, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance by counted pair, of its own days from a bucket on."""
        root = self.facts.own["root"].to_numpy(np.int64)
        own = days[root] / self.length
        mean, variance = self._sum(bucket, own)
        if len(self.spans.lengths):
            _, from_start = self._sum(0, own)
            stated = self.spans.over(self.facts.own, own, from_start)
            variance = variance * np.where(
                from_start > 0.0, stated / np.maximum(from_start, 1e-300), 1.0
            )
        return (
            np.bincount(root, mean, len(root)).astype(np.float64),
            np.bincount(root, variance, len(root)).astype(np.float64),
        )

    def _sum(self, bucket: int, length: Floats) -> tuple[Floats, Floats]:
        mean, variance = np.zeros(len(length)), np.zeros(len(length))
        for ahead in range(math.ceil(float(length.max(initial=0.0)))):
            share = np.clip(length - ahead, 0.0, 1.0)
            at = min(bucket + ahead, self.buckets - 1)
            mean += share * self.mean[:, at]
            variance += share * self.variance[:, at]
        return mean, variance


def _terms(
    scenario: Scenario,
    facts: Tonight,
    demand: _Demand,
    found: Projected,
    night: _Night,
    lines: pd.DataFrame,
) -> dict[str, float]:
    """Return a night's money by term."""
    length, count = scenario.settings.bucket_days, len(facts.own)
    start = pd.Timestamp(scenario.settings.start_date)
    root = facts.own["root"].to_numpy(np.int64)
    primary = night.options[night.options["primary"]]
    at = primary["pair"].to_numpy(np.int64)
    ordered = primary["ordered"].to_numpy(np.int64)
    placed = primary.assign(order_on=start + pd.to_timedelta(ordered, unit="D"))
    whole = np.ceil(primary["lead_time_mean_days"].to_numpy(np.float64) - 1e-9)
    transit, transit_sd = _transit(scenario, primary)
    arrives = (_earliest(scenario, placed) - np.datetime64(start)) / np.timedelta64(1, "D")
    closed = arrives - np.ceil(transit - 1e-9) - ordered - whole
    lead, late = np.zeros(count), np.zeros(count)
    wait = np.maximum(ordered - night.bucket * length, 0)
    lead[at] = wait + primary["lead_time_mean_days"].to_numpy(np.float64) + closed + transit
    late[at] = primary["lead_time_sd_days"].to_numpy(np.float64) ** 2 + transit_sd**2
    between = _between(scenario, facts)
    days = between + lead
    mean, variance = demand.over(night.bucket, days)
    sd = np.sqrt(np.maximum(variance, 0.0) + (mean / days) ** 2 * late)
    stock = found.opening[:, night.bucket] + found.on_way[:, night.bucket]
    position = np.bincount(root, stock, count).astype(np.float64)
    own = pd.MultiIndex.from_frame(facts.own[PAIR])
    counted = own.get_indexer(pd.MultiIndex.from_frame(facts.pairs[PAIR]))
    holding, shortage = np.zeros(count), np.zeros(count)
    review = facts.pairs["review_days"].to_numpy(np.float64)
    per_day = facts.pairs["holding"].to_numpy(np.float64) / review
    holding[counted] = per_day * between[counted]
    shortage[counted] = facts.pairs["shortage"].to_numpy(np.float64)
    if night.bucket == 0:
        position[counted] = facts.pairs["position"].to_numpy(np.float64)
    added = np.bincount(lines["pair"].to_numpy(np.int64), lines["usable"].to_numpy(float), count)
    level = (position + added)[night.decided]
    part = mean[night.decided], sd[night.decided]
    short = units_short(level, *part)
    over = level - part[0] + short
    orders = lines.drop_duplicates("order_id")
    by_day = [transport_cost(scenario, day) for _, day in lines.groupby("order_on")]
    premium = lines["qty"].astype(float) * (lines["landed_now"] - lines["least"])
    return {
        "holding": float((holding[night.decided] * over).sum()),
        "shortage": float((shortage[night.decided] * short).sum()),
        "order": float(orders["order_cost"].sum()),
        "transport": float(sum(by_day)),
        "premium": float(premium.sum()),
    }


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
