"""When each offer can be ordered in each bucket, when it comes, and by which lane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, next_order_day, order_weekdays

Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]
LANE_COSTS = ["cost_per_shipment", "cost_per_kg", "cost_per_m3", "cost_per_unit"]
LANE_TERMS = ["transit_mean_days", *LANE_COSTS, "shipment_kg", "shipment_m3", "min_fill_pct"]


@dataclass(frozen=True, slots=True)
class Dates:
    """Dates of each option in each bucket.

    Attributes
    ----------
    order_on, due_on : (n_options, n_buckets) datetime64[D]
    arrival : (n_options, n_buckets) int64, bucket in which it comes; -1: not to be ordered then
    lane : one row per option: the terms of the slowest lane from its supplier to its site
    """

    order_on: Days
    due_on: Days
    arrival: Ints
    lane: pd.DataFrame

    def of(self, rows: Ints) -> Dates:
        """Return the dates of some options."""
        lane = self.lane.iloc[rows].reset_index(drop=True)
        return Dates(self.order_on[rows], self.due_on[rows], self.arrival[rows], lane)


def slowest_lanes(scenario: Scenario, ways: pd.MultiIndex) -> pd.DataFrame:
    """Return the terms of the lane of each (supplier, site), of several modes the slowest.

    Costs are 0 and limits blank where there is no lane.
    """
    lanes = scenario.filled("lanes").sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    )
    lanes = lanes.drop_duplicates(["origin_id", "destination_id"])
    terms = lanes.set_index(["origin_id", "destination_id"])[LANE_TERMS].astype(np.float64)
    found = terms.reindex(ways).reset_index(drop=True)
    blank = ["transit_mean_days", *LANE_COSTS]
    return found.assign(**{column: found[column].fillna(0.0) for column in blank})


def read_dates(facts: Facts, offers: pd.DataFrame) -> Dates:
    """Return the dates of each offer.

    An order of a bucket is placed on the first day in it on which the supplier takes orders, while
    the offer is valid; it must come within the horizon and before the product is discontinued.
    """
    scenario = facts.scenario
    settings = scenario.settings
    start = pd.Timestamp(settings.start_date)
    horizon, length = settings.horizon_buckets, settings.bucket_days
    working = WorkingDays(scenario)
    lane = slowest_lanes(scenario, pd.MultiIndex.from_frame(offers[["supplier_id", "site_id"]]))
    calendars = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    calendar = calendars.reindex(offers["supplier_id"]).fillna("").to_numpy(object)
    cells = offers["order_weekdays"].fillna("").to_numpy(object)
    lead = np.ceil(offers["lead_time_mean_days"].to_numpy(np.float64)).astype(np.int64)
    shape = (len(offers), horizon)
    order_on, due_on = np.empty(shape, "datetime64[D]"), np.empty(shape, "datetime64[D]")
    known: dict[tuple[str, str, int], tuple[Days, Days]] = {}
    for row, key in enumerate(zip(calendar.tolist(), cells.tolist(), lead.tolist(), strict=True)):
        if key not in known:
            known[key] = _days(working, start, horizon, length, key)
        order_on[row], due_on[row] = known[key]
    transit = np.ceil(lane["transit_mean_days"].to_numpy(np.float64)).astype(np.int64)
    due_on = due_on + transit[:, None].astype("timedelta64[D]")
    first = np.datetime64(start, "D")
    begin = first + np.arange(horizon) * np.timedelta64(length, "D")
    inside = order_on < begin + np.timedelta64(length, "D")
    valid_to = offers["valid_to"].to_numpy().astype("datetime64[D]")[:, None]
    ended = offers["discontinued_on"].to_numpy().astype("datetime64[D]")[:, None]
    inside &= ~(order_on > valid_to) & ~(due_on >= ended)
    arrival = (due_on - first).astype(np.int64) // length
    return Dates(order_on, due_on, np.where(inside & (arrival < horizon), arrival, -1), lane)


def _days(
    working: WorkingDays,
    start: pd.Timestamp,
    horizon: int,
    length: int,
    key: tuple[str, str, int],
) -> tuple[Days, Days]:
    """Return order days and the days on which goods leave the supplier, bucket by bucket."""
    calendar, cell, lead = key
    orders, leaves = [], []
    for bucket in range(horizon):
        day = next_order_day(start + pd.Timedelta(days=bucket * length), order_weekdays(cell))
        order = day.to_datetime64().astype("datetime64[D]")
        orders.append(order)
        leaves.append(working.add(calendar or None, order, lead))
    return np.array(orders, "datetime64[D]"), np.array(leaves, "datetime64[D]")
