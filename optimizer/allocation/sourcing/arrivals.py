"""What customers are expected to order while online decisions are made."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from scenarios import Scenario
from scenarios.semantics.zones import explode_bundles

HISTORY_DAYS = 56  # days of history whose mean stands in for a forecast


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Expected demand, spread evenly over a span of time.

    Attributes
    ----------
    lines : product_id, zone_id, lines: order lines expected from `begin` to `end`
    share_of_base : part of a parcel's base that a line pays: one over the lines of an order
    """

    lines: pd.DataFrame
    begin: dt.datetime
    end: dt.datetime
    share_of_base: float

    def part_of(self, moment: dt.datetime) -> float:
        """Return the part of the span that has passed, 0 to 1."""
        return min(1.0, max(0.0, (moment - self.begin) / (self.end - self.begin)))


def expected_arrivals(scenario: Scenario) -> Arrivals | None:
    """Return the demand of zones in the first bucket; None where none is known by zone.

    Means of `forecasts`, else the mean of the last 56 days of `demand_history`; channels add up,
    bundles are taken apart. Units become lines by the mean line of `order_lines`.
    """
    settings = scenario.settings
    days = settings.bucket_days
    start = pd.Timestamp(settings.start_date)
    zones = set(scenario.table("zones")["zone_id"])
    rows = scenario.table("forecasts")
    rows = rows[rows["quantile"].isna() & (rows["bucket"] == start)]
    rows = rows[rows["location_id"].isin(zones)]
    if len(rows) and rows["demand_case"].notna().any():
        plain = rows["demand_case"].isna()
        rows = rows[plain] if plain.any() else rows.iloc[:0]
    scale = 1.0
    if not len(rows):
        rows = scenario.table("demand_history")
        since = start - pd.Timedelta(days=HISTORY_DAYS)
        rows = rows[(rows["date"] >= since) & (rows["date"] < start)]
        rows = rows[rows["location_id"].isin(zones)]
        scale = days / HISTORY_DAYS
    if not len(rows):
        return None
    rows = explode_bundles(scenario, rows[["product_id", "location_id", "qty"]])
    units = rows.groupby(["product_id", "location_id"], as_index=False)["qty"].sum()
    units = units.set_axis(["product_id", "zone_id", "lines"], axis=1)
    asked = scenario.table("order_lines")
    each = float(asked["qty"].mean()) if len(asked) else 1.0
    begin = dt.datetime.combine(settings.start_date, dt.time())
    return Arrivals(
        units.assign(lines=units["lines"] * scale / each),
        begin,
        begin + dt.timedelta(days=days),
        asked["order_id"].nunique() / len(asked) if len(asked) else 1.0,
    )
