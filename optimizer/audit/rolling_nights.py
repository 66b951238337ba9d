"""A night of the rolling plan as the referee sees it: who decides, on what demand, at what cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.inbound import way_money
from optimizer.audit.lost_sales import Spans
from optimizer.audit.offers import PAIR
from optimizer.audit.replenishment import units_short
from optimizer.audit.rolling_stock import Projected, demand_grid
from optimizer.audit.tonight import Tonight, returns_counted
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, order_weekdays

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Night:
    """A night as the referee sees it: bucket, its options, and the pairs that it decides."""

    bucket: int
    options: pd.DataFrame
    decided: Ints


def days_between(scenario: Scenario, facts: Tonight) -> Floats:
    """Return the days between two later reviews of each own pair: whole buckets, at least one."""
    length = scenario.settings.bucket_days
    buckets = np.round(facts.own["review_days"].to_numpy(np.float64) / length)
    days: Floats = np.maximum(buckets, 1.0) * length
    return days


def earliest_due(scenario: Scenario, lines: pd.DataFrame) -> NDArray[np.datetime64]:
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
    transit = np.ceil(transit_days(scenario, lines)[0] - 1e-9)
    earliest: NDArray[np.datetime64] = (found + pd.to_timedelta(transit, unit="D")).to_numpy()
    return earliest


def transit_days(scenario: Scenario, lines: pd.DataFrame) -> tuple[Floats, Floats]:
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


def night_of(
    scenario: Scenario, facts: Tonight, periods: Mapping[int, pd.DataFrame], bucket: int
) -> Night | None:
    """Return the night of a bucket; None where nothing can be ordered."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    options = periods[max(begin for begin in periods if begin <= bucket)]
    every = (days_between(scenario, facts) / length).astype(np.int64)
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
    days = days_between(scenario, facts)[pair]
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
    due = earliest_due(
        scenario, chosen.assign(order_on=start + pd.to_timedelta(chosen["ordered"], unit="D"))
    )
    chosen = chosen[~(due >= products.reindex(chosen["product_id"]).to_numpy())]
    if not len(chosen):
        return None
    decided = np.unique(chosen["pair"].to_numpy(np.int64))
    return Night(bucket, options, decided)


class DemandAhead:
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
        longest += float(days_between(scenario, facts).max(initial=0.0))
        self.buckets = scenario.settings.horizon_buckets + math.ceil(longest / self.length) + 10
        self.mean, self.variance = demand_grid(scenario, tables, facts, self.buckets)
        self.count = returns_counted(scenario, tables)

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

    def back(self, bucket: int, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of what comes back, by counted pair, from a bucket on."""
        root = self.facts.own["root"].to_numpy(np.int64)
        begin = np.full(len(root), float(bucket * self.length))
        until, until_variance = self.count(self.facts.own, begin + days[root])
        before, before_variance = self.count(self.facts.own, begin)
        grown = np.maximum(until_variance - before_variance, 0.0)
        return (
            np.bincount(root, until - before, len(root)).astype(np.float64),
            np.bincount(root, grown, len(root)).astype(np.float64),
        )

    def _sum(self, bucket: int, length: Floats) -> tuple[Floats, Floats]:
        mean, variance = np.zeros(len(length)), np.zeros(len(length))
        for ahead in range(math.ceil(float(length.max(initial=0.0)))):
            share = np.clip(length - ahead, 0.0, 1.0)
            at = min(bucket + ahead, self.buckets - 1)
            mean += share * self.mean[:, at]
            variance += share * self.variance[:, at]
        return mean, variance


def night_demand(
    scenario: Scenario, facts: Tonight, demand: DemandAhead, found: Projected, night: Night
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Return what a night protects, by own pair as counted where it is bought.

    Returns
    -------
    mean, sd, position, holding, shortage, back : units over the interval less what comes back,
        units at the bucket's opening and on the way, money per unit, units that come back
    """
    length, count = scenario.settings.bucket_days, len(facts.own)
    start = pd.Timestamp(scenario.settings.start_date)
    primary = night.options[night.options["primary"]]
    at = primary["pair"].to_numpy(np.int64)
    ordered = primary["ordered"].to_numpy(np.int64)
    placed = primary.assign(order_on=start + pd.to_timedelta(ordered, unit="D"))
    whole = np.ceil(primary["lead_time_mean_days"].to_numpy(np.float64) - 1e-9)
    transit, transit_sd = transit_days(scenario, primary)
    arrives = (earliest_due(scenario, placed) - np.datetime64(start)) / np.timedelta64(1, "D")
    closed = arrives - np.ceil(transit - 1e-9) - ordered - whole
    lead, late = np.zeros(count), np.zeros(count)
    wait = np.maximum(ordered - night.bucket * length, 0)
    lead[at] = wait + primary["lead_time_mean_days"].to_numpy(np.float64) + closed + transit
    late[at] = primary["lead_time_sd_days"].to_numpy(np.float64) ** 2 + transit_sd**2
    between = days_between(scenario, facts)
    days = between + lead
    mean, variance = demand.over(night.bucket, days)
    back, spread = demand.back(night.bucket, days)
    sd = np.sqrt(np.maximum(variance, 0.0) + spread + (mean / days) ** 2 * late)
    own = pd.MultiIndex.from_frame(facts.own[PAIR])
    counted = own.get_indexer(pd.MultiIndex.from_frame(facts.pairs[PAIR]))
    holding, shortage = np.zeros(count), np.zeros(count)
    review = facts.pairs["review_days"].to_numpy(np.float64)
    per_day = facts.pairs["holding"].to_numpy(np.float64) / review
    holding[counted] = per_day * between[counted]
    shortage[counted] = facts.pairs["shortage"].to_numpy(np.float64)
    position = night_position(facts, found, night.bucket)
    return mean - back, sd, position, holding, shortage, back


def night_position(facts: Tonight, found: Projected, bucket: int) -> Floats:
    """Return stock at a bucket's opening and on the way, by own pair where it is bought, units."""
    root = facts.own["root"].to_numpy(np.int64)
    stock = found.opening[:, bucket] + found.on_way[:, bucket]
    position: Floats = np.bincount(root, stock, len(root)).astype(np.float64)
    if bucket == 0:
        own = pd.MultiIndex.from_frame(facts.own[PAIR])
        counted = own.get_indexer(pd.MultiIndex.from_frame(facts.pairs[PAIR]))
        position[counted] = facts.pairs["position"].to_numpy(np.float64)
    return position


def night_terms(
    scenario: Scenario,
    facts: Tonight,
    demand: DemandAhead,
    found: Projected,
    night: Night,
    lines: pd.DataFrame,
) -> dict[str, float]:
    """Return a night's money by term."""
    count = len(facts.own)
    mean, sd, position, holding, shortage, _ = night_demand(scenario, facts, demand, found, night)
    added = np.bincount(lines["pair"].to_numpy(np.int64), lines["usable"].to_numpy(float), count)
    level = (position + added)[night.decided]
    part = mean[night.decided], sd[night.decided]
    short = units_short(level, *part)
    over = level - part[0] + short
    orders = lines.drop_duplicates("order_id")
    by_day = [way_money(scenario, day) for _, day in lines.groupby("order_on")]
    premium = lines["qty"].astype(float) * (lines["landed_now"] - lines["least"])
    return {
        "holding": float((holding[night.decided] * over).sum()),
        "shortage": float((shortage[night.decided] * short).sum()),
        "order": float(orders["order_cost"].sum()),
        "transport": float(sum(money for money, _ in by_day)),
        "premium": float(premium.sum()),
        "co2": float(sum(co2 for _, co2 in by_day)),
    }
