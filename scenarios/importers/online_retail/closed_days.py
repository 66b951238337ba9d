"""Closed days: those that the file shows, and those that are to be expected after it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios.importers.online_retail.figures import HORIZON_WEEKS
from scenarios.importers.online_retail.sales import WEEK, Sales
from scenarios.importers.online_retail.suppliers import NEW_YEAR_CALENDAR

SITE_CALENDAR = "CAL-UK"
DAY = pd.Timedelta(days=1)
# Spring Festival; factories are taken to be closed from 2 days before to 13 days after
NEW_YEARS = (
    dt.date(2010, 2, 14),
    dt.date(2011, 2, 3),
    dt.date(2012, 1, 23),
    dt.date(2013, 2, 10),
)
FACTORY_CLOSED = range(-2, 14)
CLOSURE_MOST_DAYS = 14  # before and after 25 December; a longer gap is no Christmas closure
WEEKS_AHEAD = 2 * HORIZON_WEEKS  # lead times reach beyond the horizon


def closed_days(sales: Sales) -> pd.DatetimeIndex:
    """Return the days within the file on which nothing was sold: the firm was closed."""
    traded = pd.DatetimeIndex(sales.lines["day"].unique())
    every = pd.date_range(traded.min(), traded.max(), freq="D")
    return every.difference(traded)


def expected_closed_days(sales: Sales, closed: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Return closed days to come: weekdays never traded, and Christmas as the year before.

    A closed 25 December in the file marks the Christmas closure: the closed days around it,
    without a gap, come again on the same dates.
    """
    last = sales.lines["day"].max()
    ahead = pd.date_range(last + DAY, sales.start + WEEKS_AHEAD * WEEK, freq="D")
    span = (last - sales.lines["day"].min()).days + 1
    traded = {int(day) for day in sales.lines["day"].dt.day_of_week.unique()}
    never = [day for day in range(7) if day not in traded] if span >= 28 else []
    expected = set(ahead[np.isin(ahead.day_of_week, never)])
    for christmas in closed[(closed.month == 12) & (closed.day == 25)]:
        first = final = christmas
        while first - DAY in closed and (christmas - first).days < CLOSURE_MOST_DAYS:
            first -= DAY
        while final + DAY in closed and (final - christmas).days < CLOSURE_MOST_DAYS:
            final += DAY
        years = {int(year) for year in ahead.year} - {christmas.year}
        for year in sorted(years):
            shift = year - christmas.year
            days = pd.date_range(
                first + pd.DateOffset(years=shift), final + pd.DateOffset(years=shift), freq="D"
            )
            expected |= set(days.intersection(ahead))
    return pd.DatetimeIndex(sorted(expected))


def build_calendars(sales: Sales) -> pd.DataFrame:
    """Return the `calendars` table: the firm's own, and that of factories in China."""
    seen = closed_days(sales)
    days = seen.append(expected_closed_days(sales, seen))
    first, last = sales.lines["day"].min(), sales.start + WEEKS_AHEAD * WEEK
    factory = pd.DatetimeIndex(
        [
            day
            for new_year in NEW_YEARS
            for offset in FACTORY_CLOSED
            if first <= (day := pd.Timestamp(new_year) + pd.Timedelta(days=offset)) <= last
        ]
    )
    return pd.DataFrame(
        {
            "calendar_id": [SITE_CALENDAR] * len(days) + [NEW_YEAR_CALENDAR] * len(factory),
            "date": days.append(factory),
            "is_working": False,
        }
    )


def next_open_day(days: pd.Series, calendars: pd.DataFrame) -> pd.Series:
    """Return the first open day of the firm after each day."""
    closed = calendars.loc[calendars["calendar_id"] == SITE_CALENDAR, "date"]
    moved = np.busday_offset(
        days.to_numpy("datetime64[D]") + np.timedelta64(1, "D"),
        0,
        roll="forward",
        weekmask="1111111",
        holidays=closed.to_numpy("datetime64[D]"),
    )
    return pd.Series(moved.astype("datetime64[ms]"), index=days.index)
