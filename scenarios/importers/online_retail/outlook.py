"""What lies ahead: promotions, festivals, and what may go wrong."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from scenarios.importers.online_retail.closed_days import NEW_YEARS
from scenarios.importers.online_retail.countries import NATIONAL
from scenarios.importers.online_retail.figures import HORIZON_WEEKS, OCEAN_LATE_SHARE
from scenarios.importers.online_retail.lanes import build_lanes
from scenarios.importers.online_retail.sales import WEEK, Sales
from scenarios.importers.online_retail.suppliers import supplier_ids

ASIA_GROUP = "ASIA"
ASIA_LANES_GROUP = "SEA-LANES"
# id, category, first day, last day (month, day), discount, expected extra demand
PROMOTIONS = (
    ("JANUARY-CLEARANCE", "Christmas", (1, 4), (1, 22), 30.0, 60.0),
    ("VALENTINES", "Jewellery", (2, 1), (2, 14), 10.0, 25.0),
    ("SPRING-GARDEN", "Garden", (4, 10), (4, 24), 10.0, 20.0),
    ("BACK-TO-SCHOOL", "Stationery", (8, 20), (9, 5), 10.0, 20.0),
)
EASTER_SUNDAYS = (
    dt.date(2010, 4, 4),
    dt.date(2011, 4, 24),
    dt.date(2012, 4, 8),
    dt.date(2013, 3, 31),
)


def build_promotions(sales: Sales, products: pd.DataFrame) -> pd.DataFrame:
    """Return the `promotions` table: those of the year's round that fall into the horizon."""
    end = sales.start + HORIZON_WEEKS * WEEK
    held = set(products["category"])
    rows = []
    for year in range(sales.start.year, end.year + 1):
        for name, category, first, last, discount, uplift in PROMOTIONS:
            begin, finish = pd.Timestamp(year, *first), pd.Timestamp(year, *last)
            if sales.start <= begin and finish < end and category in held:
                rows.append(
                    (f"{name}-{year}", "discount", category, begin, finish, discount, uplift)
                )
    columns = ["promotion_id", "kind", "category", "start", "end", "discount_pct", "uplift_pct"]
    return pd.DataFrame(rows, columns=columns)


def build_events(sales: Sales) -> pd.DataFrame:
    """Return the `events` table: festivals from the first sale to the end of the horizon."""
    begin, end = sales.lines["day"].min(), sales.start + HORIZON_WEEKS * WEEK
    day = pd.Timedelta(days=1)
    rows: list[tuple[str, pd.Timestamp, pd.Timestamp, str | None]] = [
        ("christmas", pd.Timestamp(year, 12, 24), pd.Timestamp(year, 12, 26), None)
        for year in range(begin.year, end.year + 1)
    ]
    for sunday in EASTER_SUNDAYS:
        at = pd.Timestamp(sunday)
        rows.append(("easter", at - 2 * day, at + day, None))
    for new_year in NEW_YEARS:
        at = pd.Timestamp(new_year)
        rows.append(("spring-festival", at, at + 6 * day, "East Asia"))
    inside = [row for row in rows if row[2] >= begin and row[1] < end]
    return pd.DataFrame(inside, columns=["event_id", "start", "end", "region"]).sort_values(
        ["start", "event_id"], kind="stable", ignore_index=True
    )


def build_groups() -> pd.DataFrame:
    """Return the `groups` table: suppliers overseas, and the lanes from them."""
    asian = [name for name, origin, _ in supplier_ids() if origin.region.endswith("Asia")]
    lanes = build_lanes()
    at_sea = lanes[lanes["mode"] == "sea"]
    names = (at_sea["origin_id"] + ">" + at_sea["destination_id"]).tolist()
    return pd.DataFrame(
        {
            "group_id": [ASIA_GROUP] * len(asian) + [ASIA_LANES_GROUP] * len(names),
            "kind": ["supplier"] * len(asian) + ["lane"] * len(names),
            "member_id": asian + names,
        }
    )


def build_disruptions(sales: Sales, offers: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the `disruptions` table: one of each kind that such a firm should be ready for."""
    cost = products.set_index("product_id")["unit_cost"]
    first = offers[offers["priority"] == 1.0]
    sold = sales.lines.groupby("product_id")["units"].sum()
    spend = first["product_id"].map(cost) * first["product_id"].map(sold)
    by_supplier = spend.groupby(first["supplier_id"]).sum()
    biggest = str(by_supplier.sort_values(ascending=False, kind="stable").index[0])
    revenue = (sales.lines["units"] * sales.lines["price"]).groupby(sales.lines["product_id"]).sum()
    group = products.set_index("product_id")["category"]
    by_group = revenue.groupby(group).sum().sort_values(ascending=False, kind="stable")
    month = 30.0
    rows = [
        ("BIGGEST-SUPPLIER-OUT", "supplier_outage", f"supplier:{biggest}", 14, month, 1.0, 0.02),
        ("SEA-DELAY", "lane_delay", f"group:{ASIA_LANES_GROUP}", 7, 21.0, 10.0, OCEAN_LATE_SHARE),
        ("ASIA-LEAD-TIMES", "lead_time_blowup", f"group:{ASIA_GROUP}", 42, 28.0, 1.5, 0.1),
        ("BEST-SELLERS-SURGE", "demand_surge", f"category:{by_group.index[0]}", 21, 14.0, 1.6, 0.1),
        ("NATIONAL-CLOSED", "warehouse_closure", f"site:{NATIONAL}", 10, 5.0, 1.0, 0.02),
        ("PARCEL-STRIKE", "carrier_capacity_loss", "carrier:PARCEL-POST", 3, 4.0, 0.5, 0.05),
    ]
    frame = pd.DataFrame(
        rows,
        columns=[
            "disruption_id",
            "kind",
            "target",
            "after_days",
            "duration",
            "severity",
            "probability",
        ],
    )
    frame["start"] = sales.start + pd.to_timedelta(frame["after_days"], unit="D")
    return frame.drop(columns="after_days")
