"""Rules on time: what begins ends later, and dates meet the horizon."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.tables import TABLES, Kind
from scenarios.validation.facts import Facts
from scenarios.validation.notice import error, info, warning

HISTORY_DAYS = 90  # sales that end earlier than so many days before the start say little of it
INTERVALS = (
    ("promotions", "start", "end"),
    ("events", "start", "end"),
    ("order_windows", "from", "to"),
    ("orders", "due_from", "due_to"),
    ("supplier_products", "valid_from", "valid_to"),
    ("products", "introduced_on", "discontinued_on"),
    ("vehicles", "shift_start", "shift_end"),
    ("calendars", "open_time", "close_time"),
    ("open_orders", "ordered_on", "due_on"),
    ("receipts", "ordered_on", "received_on"),
    ("receipts", "ordered_on", "promised_on"),
    ("deliveries", "placed_at", "delivered_at"),
    ("deliveries", "handed_over_at", "delivered_at"),
    ("inventory", "received_on", "expires_on"),
)

ENDS_BEFORE_IT_BEGINS = error(
    "ends_before_it_begins",
    "Something ends before it begins.",
    "{last} is before {first} {begin}: correct one of them",
)
SHIFT_OVER_MIDNIGHT = warning(
    "shift_over_midnight",
    "A shift or opening ends at or before its beginning.",
    "{last} is not after {first} {begin}: end the day at 24:00, and write the rest as a shift"
    " of its own",
)
NOT_YET_HAPPENED = warning(
    "not_yet_happened",
    "Something of the past is dated after the start of the plan.",
    "{column} is history, but the plan starts {start}: correct the date or start_date",
)
OUTSIDE_HORIZON = warning(
    "outside_horizon",
    "A date of the future lies outside the horizon.",
    "the plan runs from {start} to {end}: the row is not used",
)
LEAD_TIME_BEYOND_HORIZON = warning(
    "lead_time_beyond_horizon",
    "Goods are longer under way than the horizon lasts.",
    "nothing ordered would arrive within the {days} days: lengthen the horizon, or correct them;"
    " the simulator refuses to try such a plan",
)
LEAD_TIME_ZERO = warning(
    "lead_time_zero",
    "A supplier delivers everything on the day of the order.",
    "lead_time_mean_days is 0 in every row of {supplier} ({count}) and no lane from it takes a"
    " day: the plan counts on goods the same day and keeps no stock for the wait; write the days"
    " from order to receipt, or leave 0 if it does deliver at once",
)
BUCKET_MISALIGNED = warning(
    "bucket_misaligned",
    "A bucket does not begin on the first day of a bucket of the plan.",
    "buckets of {days} days start {start}; the nearest is {nearest}",
)
HORIZON_NOT_COVERED = warning(
    "horizon_not_covered",
    "Forecasts end before the horizon does.",
    "the last bucket is {last}, the plan runs to {end}: {missing} buckets repeat the last one",
)
HISTORY_IS_OLD = warning(
    "history_is_old",
    "Sales end long before the plan starts.",
    "the last sale is of {last}, {days} days before the start: add what was sold since",
)
DUE_IN_THE_PAST = warning(
    "due_in_the_past",
    "An order was due before the plan starts.",
    "on {start} it is overdue (days: {late}): write the day it is now expected, or take it out",
)
RELEASED_TOO_LATE = warning(
    "released_too_late",
    "An order may not leave before it must have arrived.",
    "release_at {release} is after due_to: correct one of them",
)
PAST_PROMOTIONS = info(
    "past_promotions",
    "Promotions that are over.",
    "{count} promotions ended before {start}; they are learned from, not planned",
)
NEVER_WORKS = warning(
    "never_works",
    "A calendar has no working day within the horizon.",
    "all {days} days of the plan are closed: check is_working",
)
CALENDAR_UNUSED = info(
    "calendar_unused",
    "A calendar belongs to no site and no supplier.",
    "write it as calendar_id of the sites or suppliers that keep it",
)
CALENDAR_ENDED = info(
    "calendar_ended",
    "A calendar says nothing about the horizon.",
    "its last day is {last}: every day of the plan counts as a working day",
)


def minutes(clocks: pd.Series) -> NDArray[np.float64]:
    """Return (n,) float64 minutes after midnight of clock cells; NaN where they cannot be read."""
    parts = clocks.astype("str").str.extract(r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$").astype("float64")
    day: NDArray[np.float64] = (parts[0] * 60 + parts[1] + parts[2].fillna(0.0) / 60).to_numpy()
    return day


def check_intervals(facts: Facts) -> None:
    """What begins and ends does so in that order; a window to midnight ends with that day."""
    for table, begin, end in INTERVALS:
        if not facts.given(table, begin) or not facts.given(table, end):
            continue
        frame = facts.table(table)
        first, last = frame[begin], frame[end]
        if TABLES[table].by_name[begin].kind == Kind.CLOCK:
            notice, wrong = SHIFT_OVER_MIDNIGHT, minutes(last) <= minutes(first)
        elif table in ("orders", "order_windows"):
            whole_day = (last == last.dt.normalize()) & (first.dt.normalize() == last)
            notice, wrong = ENDS_BEFORE_IT_BEGINS, ((last < first) & ~whole_day).to_numpy()
        else:
            notice, wrong = ENDS_BEFORE_IT_BEGINS, (last < first).to_numpy()
        if wrong.any():
            facts.note(notice, table, end, wrong, first=begin, last=end, begin=first.array[wrong])


def check_past(facts: Facts) -> None:
    """History lies before the start of the plan, and not long before it."""
    for table, column in (
        ("demand_history", "date"),
        ("receipts", "received_on"),
        ("inventory", "received_on"),
        ("open_orders", "ordered_on"),
    ):
        if not facts.given(table, column):
            continue
        cells = facts.table(table)[column]
        slack = pd.Timedelta(days=1 if table != "demand_history" else 0)
        wrong = (cells >= facts.start + slack).to_numpy()
        if wrong.any():
            facts.note(NOT_YET_HAPPENED, table, column, wrong, column=column, start=facts.start)
    if facts.has("demand_history"):
        last = facts.table("demand_history")["date"].max()
        days = (facts.start - last).days if not pd.isna(last) else 0
        if days > HISTORY_DAYS and not facts.has("forecasts"):
            facts.note(HISTORY_IS_OLD, "demand_history", "date", last=last, days=days)


def check_future(facts: Facts) -> None:
    """Buckets of forecasts and limits are buckets of the plan, and forecasts cover it."""
    step = facts.settings.bucket_days
    for table in ("forecasts", "limits"):
        if not facts.given(table, "bucket"):
            continue
        cells = facts.table(table)["bucket"]
        outside = ((cells < facts.start) | (cells >= facts.end)).to_numpy()
        if outside.any():
            last = facts.end - pd.Timedelta(days=1)
            facts.note(OUTSIDE_HORIZON, table, "bucket", outside, start=facts.start, end=last)
        off = ((cells - facts.start).dt.days % step).to_numpy(np.float64)
        wrong = (off > 0) & ~outside
        if wrong.any():
            nearest = cells[wrong] - pd.to_timedelta(off[wrong], unit="D")
            facts.note(
                BUCKET_MISALIGNED,
                table,
                "bucket",
                wrong,
                days=step,
                start=facts.start,
                nearest=nearest.array,
            )
    if facts.given("forecasts", "bucket"):
        last = facts.table("forecasts")["bucket"].max()
        missing = ((facts.end - last).days - 1) // step
        if last >= facts.start and missing > 0:
            terms = {"end": facts.end - pd.Timedelta(days=1), "missing": missing, "last": last}
            facts.note(HORIZON_NOT_COVERED, "forecasts", "bucket", **terms)
    for table, column in (("disruptions", "start"), ("events", "start")):
        cells = facts.table(table)[column]
        late = (cells >= facts.end).to_numpy()
        if late.any():
            last = facts.end - pd.Timedelta(days=1)
            facts.note(OUTSIDE_HORIZON, table, column, late, start=facts.start, end=last)


def check_due(facts: Facts) -> None:
    """What is under way, and what customers wait for, is due after the start."""
    due = facts.table("open_orders")["due_on"]
    past = (due < facts.start).to_numpy()
    if past.any():
        late = (facts.start - due[past]).dt.days.to_numpy()
        facts.note(DUE_IN_THE_PAST, "open_orders", "due_on", past, late=late, start=facts.start)
    orders = facts.table("orders")
    waiting = facts.filled("orders")["status"] == "accepted"
    past = (waiting & (orders["due_to"] < facts.start)).to_numpy()
    if past.any():
        late = (facts.start - orders["due_to"][past]).dt.ceil("D").dt.days.to_numpy()
        facts.note(DUE_IN_THE_PAST, "orders", "due_to", past, late=late, start=facts.start)
    end = orders["due_to"]
    end = end.where(end != end.dt.normalize(), end + pd.Timedelta(days=1))
    wrong = (waiting & (orders["release_at"] > end)).to_numpy()
    if wrong.any():
        release = orders["release_at"].array[wrong]
        facts.note(RELEASED_TOO_LATE, "orders", "release_at", wrong, release=release)


def check_past_promotions(facts: Facts) -> None:
    """Promotions that are over are history, and are told as such."""
    over = int((facts.table("promotions")["end"] < facts.start).sum())
    if over:
        facts.note(PAST_PROMOTIONS, "promotions", "end", count=over, start=facts.start)


def check_calendars(facts: Facts) -> None:
    """Calendars are used, work now and then, and know the horizon."""
    if not facts.has("calendars"):
        return
    rows = facts.table("calendars")
    used = facts.known("sites.calendar_id").append(facts.known("suppliers.calendar_id"))
    days = facts.settings.horizon_days
    for name, part in rows.groupby("calendar_id", sort=True):
        head = part.index.to_numpy()[:1]
        if name not in used:
            facts.note(CALENDAR_UNUSED, "calendars", "calendar_id", head)
        within = part[(part["date"] >= facts.start) & (part["date"] < facts.end)]
        closed = within["date"][within["is_working"].eq(False).fillna(False)].nunique()
        if closed == days:
            facts.note(NEVER_WORKS, "calendars", "calendar_id", head, days=days)
        elif part["date"].max() < facts.start:
            facts.note(CALENDAR_ENDED, "calendars", "calendar_id", head, last=part["date"].max())


def check_lead_times(facts: Facts) -> None:
    """What is ordered arrives within the horizon."""
    days = facts.settings.horizon_days
    for table, column in (
        ("supplier_products", "lead_time_mean_days"),
        ("lanes", "transit_mean_days"),
    ):
        late = (facts.table(table)[column] > days).to_numpy(bool)
        if late.any():
            facts.note(LEAD_TIME_BEYOND_HORIZON, table, column, late, days=days)


def check_instant_suppliers(facts: Facts) -> None:
    """Suppliers take their time: a lead time of 0 everywhere is more often unknown than true."""
    if not facts.has("supplier_products"):
        return
    rows = facts.table("supplier_products")
    days = rows["lead_time_mean_days"].astype(np.float64)
    lanes = facts.filled("lanes")
    slow = set(lanes["origin_id"][lanes["transit_mean_days"] > 0.0].dropna())
    at = np.arange(len(rows))
    for name, part in days.groupby(rows["supplier_id"], sort=True):
        if (part == 0.0).all() and name not in slow:
            first = at[rows.index.get_indexer(part.index[:1])]
            facts.note(
                LEAD_TIME_ZERO,
                "supplier_products",
                "lead_time_mean_days",
                first,
                supplier=name,
                count=len(part),
            )


RULES = (
    check_intervals,
    check_lead_times,
    check_instant_suppliers,
    check_past,
    check_future,
    check_due,
    check_past_promotions,
    check_calendars,
)
