"""Working days: calendars and the weekdays on which a supplier takes orders."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario

Days = NDArray[np.datetime64]


class WorkingDays:
    """Which days each calendar works; a day that no row names is a working day.

    Parameters
    ----------
    scenario : its `calendars` table is read
    """

    def __init__(self, scenario: Scenario) -> None:
        rows = scenario.table("calendars")
        closed = rows[~rows["is_working"].fillna(True).astype(bool)]
        self._closed: dict[str, Days] = {
            str(name): np.sort(part["date"].to_numpy().astype("datetime64[D]"))
            for name, part in closed.groupby("calendar_id")
        }

    def add(
        self, calendar_id: str | float | None, start: np.datetime64, days: int
    ) -> np.datetime64:
        """Return the day that lies `days` working days after `start`; 0 days stays on `start`.

        Without a calendar, days are calendar days.
        """
        closed = self._closed.get(calendar_id) if isinstance(calendar_id, str) else None
        start = start.astype("datetime64[D]")
        if closed is None or not len(closed):
            return start + np.timedelta64(days, "D")
        result: np.datetime64 = (
            np.busday_offset(
                start,
                days,
                roll="forward" if days else "preceding",
                weekmask="1111111",
                holidays=closed,
            )
            if days
            else start
        )
        return result

    def is_working(self, calendar_id: str | float | None, day: np.datetime64) -> bool:
        """Say whether a calendar works on a day."""
        closed = self._closed.get(calendar_id) if isinstance(calendar_id, str) else None
        if closed is None:
            return True
        at = np.searchsorted(closed, day.astype("datetime64[D]"))
        return not (at < len(closed) and closed[at] == day.astype("datetime64[D]"))


def order_weekdays(cell: str | float | None) -> tuple[int, ...]:
    """Read a cell such as "1,3,5" into ISO weekdays; blank means every day.

    Raises
    ------
    ValueError
        A part is not 1 to 7.
    """
    if not isinstance(cell, str) or not cell.strip():
        return (1, 2, 3, 4, 5, 6, 7)
    days = sorted(
        {int(part) for part in cell.replace("，", ",").replace(";", ",").split(",") if part.strip()}
    )
    if not days or days[0] < 1 or days[-1] > 7:
        raise ValueError(f"order_weekdays must name days 1 (Monday) to 7, is {cell!r}")
    return tuple(days)


def next_order_day(start: pd.Timestamp, weekdays: tuple[int, ...]) -> pd.Timestamp:
    """Return the first day on or after `start` on which orders are taken."""
    for offset in range(7):
        day = start + pd.Timedelta(days=offset)
        if day.isoweekday() in weekdays:
            return day
    raise ValueError("no weekday is left to order on")
