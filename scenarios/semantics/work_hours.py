"""When a site works, and how much it picks and loads then: `work_capacity` and calendars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR_S = 3600
DAY_S = 24 * HOUR_S


@dataclass(frozen=True, slots=True)
class WorkHours:
    """The hours of a site, in order; an hour that it opens or closes within is shorter.

    Attributes
    ----------
    begin_s, end_s : (n,) int64, seconds from the midnight before the first day
    pick_units, dock_parcels : (n,) float64, in that hour; inf without a limit. A shorter hour
        has its share
    open_days : (n_days,) bool, days on which the calendar works
    """

    begin_s: Ints
    end_s: Ints
    pick_units: Floats
    dock_parcels: Floats
    open_days: NDArray[np.bool_]


def work_hours(scenario: Scenario, site_id: str, first: pd.Timestamp, days: int) -> WorkHours:
    """Return the hours in which a site works.

    A site without rows in `work_capacity` works around the clock without a limit; one with rows
    works in the hours that they name. Its calendar closes days, and hours before `open_time` and
    from `close_time` on; a day that the calendar does not name is open.

    Parameters
    ----------
    first : midnight of the first day
    days : how many
    """
    work = scenario.table("work_capacity")
    work = work[work["site_id"] == site_id].sort_values(["weekday", "hour"])
    by_weekday = {
        int(weekday): part[["hour", "pick_units", "dock_parcels"]].to_numpy(np.float64)
        for weekday, part in work.groupby("weekday")
    }
    always = np.column_stack([np.arange(24.0), np.full((24, 2), np.nan)])
    nothing = np.zeros((0, 3))
    opening = _openings(scenario, site_id)
    rows: list[tuple[float, float, float, float]] = []
    open_days = np.ones(days, bool)
    for number in range(days):
        day = first + pd.Timedelta(days=number)
        open_days[number], opens, closes = opening.get(day, (True, 0, DAY_S))
        if not open_days[number]:
            continue
        listed = by_weekday.get(day.isoweekday(), nothing) if len(work) else always
        for hour, pick, dock in listed.tolist():
            begin = max(hour * HOUR_S, opens)
            end = min((hour + 1.0) * HOUR_S, closes)
            if end > begin:
                part = (end - begin) / HOUR_S
                midnight = number * DAY_S
                rows.append((midnight + begin, midnight + end, pick * part, dock * part))
    table = np.array(rows, np.float64).reshape(-1, 4)
    limits = np.where(np.isnan(table[:, 2:]), np.inf, table[:, 2:])
    return WorkHours(
        table[:, 0].astype(np.int64),
        table[:, 1].astype(np.int64),
        limits[:, 0],
        limits[:, 1],
        open_days,
    )


def _openings(scenario: Scenario, site_id: str) -> dict[pd.Timestamp, tuple[bool, int, int]]:
    """Return whether, from when and until when a site works, for days that its calendar names."""
    sites = scenario.table("sites").set_index("site_id")
    calendar = sites["calendar_id"].get(site_id)
    rows = scenario.table("calendars")
    rows = rows[rows["calendar_id"] == calendar] if isinstance(calendar, str) else rows.iloc[:0]
    return {
        pd.Timestamp(row.date): (
            bool(row.is_working),
            clock_s(row.open_time, 0),
            clock_s(row.close_time, DAY_S) or DAY_S,
        )
        for row in rows.itertuples()
    }


def clock_s(cell: object, blank: int) -> int:
    """Return a time of day such as 08:30 in seconds; `blank` for a blank cell."""
    if not isinstance(cell, str) or not cell:
        return blank
    parts = [int(part) for part in cell.split(":")]
    return sum(part * unit for part, unit in zip(parts, (HOUR_S, 60, 1), strict=False))
