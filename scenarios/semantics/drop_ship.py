"""Suppliers that send order lines straight to customers: facts for engine and referee."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.scenario import Scenario
from scenarios.semantics.calendars import WorkingDays

COLUMNS = ["supplier_id", "product_id", "units", "lead_days", "unit_cost"]


def drop_ship_offers(scenario: Scenario) -> pd.DataFrame:
    """Return what suppliers that `carrier_rates` names as an origin send to customers.

    Of the rows of `supplier_products` that are valid at the start, one counts per supplier and
    product: one for any site before one for a named site, then the newest, then the first site.
    An id that is a site's too means the site.

    Returns
    -------
    offers : supplier_id, product_id (sorted by them); units: capacity_per_week, infinite without
        one; lead_days: lead_time_mean_days rounded up, in calendar days: where the supplier has a
        calendar, the most that so many working days take from any day of the horizon;
        unit_cost: money per unit, duty included
    """
    origins = set(scenario.table("carrier_rates")["origin"])
    origins -= set(scenario.table("sites")["site_id"])
    start = pd.Timestamp(scenario.settings.start_date)
    offers = scenario.filled("supplier_products")
    valid = ~(offers["valid_from"] > start) & ~(offers["valid_to"] < start)
    offers = offers[valid & offers["supplier_id"].isin(origins)]
    offers = offers.assign(named=offers["site_id"].notna())
    offers = offers.sort_values(["valid_from"], ascending=False, na_position="last", kind="stable")
    order = ["supplier_id", "product_id", "named"]
    newest = offers.groupby(order, sort=False)["valid_from"].transform("first")
    newest = (offers["valid_from"] == newest) | newest.isna()
    offers = offers[newest].sort_values([*order, "site_id"], kind="stable")
    offers = offers.drop_duplicates(["supplier_id", "product_id"], ignore_index=True)
    return pd.DataFrame(
        {
            "supplier_id": offers["supplier_id"],
            "product_id": offers["product_id"],
            "units": offers["capacity_per_week"].fillna(np.inf).astype(np.float64),
            "lead_days": _calendar_days(scenario, offers),
            "unit_cost": offers["unit_cost"] * (1.0 + offers["duty_pct"] / 100.0),
        },
        columns=COLUMNS,
    )


def _calendar_days(scenario: Scenario, offers: pd.DataFrame) -> pd.Series:
    """Return each offer's lead time in calendar days, as float64."""
    working = WorkingDays(scenario)
    calendar = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    settings = scenario.settings
    horizon = settings.bucket_days * settings.horizon_buckets
    start = np.datetime64(settings.start_date)
    known: dict[tuple[object, int], float] = {}
    days = []
    for supplier, mean in zip(offers["supplier_id"], offers["lead_time_mean_days"], strict=True):
        key = (calendar.get(supplier), int(np.ceil(float(mean))))
        if key not in known:
            name, lead = key
            from_days = [start + np.timedelta64(day, "D") for day in range(horizon)]
            has_calendar = isinstance(name, str)
            known[key] = (
                float(max((working.add(name, day, lead) - day).astype(int) for day in from_days))
                if has_calendar
                else float(lead)
            )
        days.append(known[key])
    return pd.Series(days, index=offers.index, dtype=np.float64)
