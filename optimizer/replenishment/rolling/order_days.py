"""When each offer can be ordered at a later review, and when that order comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.offers import slowest_transit
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, next_order_day, order_weekdays

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OrderDays:
    """Order days and lead times of offers, by row of the offers.

    Attributes
    ----------
    start : first day of the plan
    wait : (n_offers, 7) days from a Monday .. Sunday to the next day that takes orders
    key : (n_offers,) int64, place in `keys`
    keys : calendar_id (None: without one) and whole days of lead time
    lead, transit, lead_variance : (n_offers,) days, days, days^2
    working : calendars
    """

    start: np.datetime64
    wait: Ints
    key: Ints
    keys: tuple[tuple[str | None, int], ...]
    lead: Floats
    transit: Floats
    lead_variance: Floats
    working: WorkingDays

    def ordered(self, day: Ints) -> Ints:
        """Return the first order day on or after `day`, (n_offers,) days from start."""
        monday = int((self.start - np.datetime64("1970-01-05", "D")).astype(np.int64)) % 7
        weekday = (monday + day) % 7
        found: Ints = day + self.wait[np.arange(len(self.wait)), weekday]
        return found

    def due(self, rows: Ints, ordered: Ints) -> Ints:
        """Return the day on which an order of that day comes, (n_rows,) days from start.

        Parameters
        ----------
        rows : (n_rows,) rows of the offers
        ordered : (n_rows,) days from start
        """
        return self._supplied(rows, ordered) + np.ceil(self.transit[rows]).astype(np.int64)

    def lead_days(self, rows: Ints, ordered: Ints) -> Floats:
        """Return the lead time as a protection interval counts it, (n_rows,) days.

        Mean lead time, the closed days that fall into it, and the transit.
        """
        whole = np.array([days for _, days in self.keys], np.int64)[self.key[rows]]
        closed = self._supplied(rows, ordered) - ordered - whole
        days: Floats = self.lead[rows] + closed + self.transit[rows]
        return days

    def _supplied(self, rows: Ints, ordered: Ints) -> Ints:
        """Return the day on which the supplier has it ready, days from start."""
        span = int(ordered.max(initial=0)) + 1
        distinct, place = np.unique(self.key[rows] * span + ordered, return_inverse=True)
        found = np.empty(len(distinct), np.int64)
        for at, code in enumerate(distinct.tolist()):
            key, day = divmod(code, span)
            calendar, whole = self.keys[key]
            ready = self.working.add(calendar, self.start + np.timedelta64(day, "D"), whole)
            found[at] = int((ready - self.start).astype(np.int64))
        result: Ints = found[place]
        return result


def order_days(scenario: Scenario, offers: pd.DataFrame) -> OrderDays:
    """Read when offers can be ordered."""
    cells, cell = np.unique(
        offers["order_weekdays"].fillna("").to_numpy(object).astype(str), return_inverse=True
    )
    monday = pd.Timestamp("1970-01-05")
    days = [monday + pd.Timedelta(days=offset) for offset in range(7)]
    wait = np.array(
        [[(next_order_day(day, order_weekdays(text)) - day).days for day in days] for text in cells]
    )
    lead = offers["lead_time_mean_days"].to_numpy(np.float64)
    whole = np.ceil(lead).astype(np.int64)
    calendars = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    calendar = calendars.reindex(offers["supplier_id"])
    code, names = pd.factorize(calendar.fillna("").to_numpy(object).astype(str), sort=True)
    pairs, key = np.unique(np.column_stack([code, whole]), axis=0, return_inverse=True)
    transit, transit_sd = slowest_transit(
        scenario, offers["supplier_id"].to_numpy(object), offers["site_id"].to_numpy(object)
    )
    return OrderDays(
        start=np.datetime64(scenario.settings.start_date, "D"),
        wait=wait.astype(np.int64).reshape(-1, 7)[cell],
        key=key.astype(np.int64).ravel(),
        keys=tuple((str(names[at]) or None, int(days)) for at, days in pairs),
        lead=lead,
        transit=transit,
        lead_variance=offers["lead_time_sd_days"].to_numpy(np.float64) ** 2 + transit_sd**2,
        working=WorkingDays(scenario),
    )
