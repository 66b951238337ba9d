"""The orders of the last, unfinished week: real orders, to be sourced and delivered."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.importers.online_retail.closed_days import next_open_day
from scenarios.importers.online_retail.countries import HOME_COUNTRY, LONDON_ZONE
from scenarios.importers.online_retail.places import places
from scenarios.importers.online_retail.sales import Sales
from scenarios.importers.seeded import picks, uniforms

RELEASE_HOUR = pd.Timedelta(hours=6)
STOP_SECONDS = 420.0
WINDOW_SHARE = 0.4
WINDOW_STARTS, WINDOW_WEIGHTS, WINDOW_HOURS = (8, 10, 13), (0.4, 0.3, 0.3), 4


def build_orders(sales: Sales, zones: pd.DataFrame, calendars: pd.DataFrame) -> pd.DataFrame:
    """Return the `orders` table, by time and number.

    An order is released at 6 in the morning of the next open day and is due by the end of the
    day that lies its zone's promise after the release.
    """
    heads = (
        sales.to_source.sort_values(["at", "invoice"], kind="stable")
        .drop_duplicates("invoice")
        .reset_index(drop=True)
    )
    release = next_open_day(heads["day"], calendars)
    promise = heads["zone_id"].map(zones.set_index("zone_id")["promise_days"])
    lat, lon = places(sales.seed, heads["who"].tolist())
    at_home = (heads["country"] == HOME_COUNTRY).to_numpy()
    by_van = (heads["zone_id"] == LONDON_ZONE).to_numpy()
    return pd.DataFrame(
        {
            "order_id": heads["invoice"],
            "zone_id": heads["zone_id"],
            "lat": np.where(at_home, lat, np.nan),
            "lon": np.where(at_home, lon, np.nan),
            "placed_at": heads["at"],
            "release_at": release + RELEASE_HOUR,
            "due_to": release + pd.to_timedelta(promise, unit="D"),
            "service_s": np.where(by_van, STOP_SECONDS, np.nan),
        }
    )


def build_order_lines(sales: Sales, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the `order_lines` table; lines are numbered as the file lists them."""
    lines = sales.to_source
    rank = pd.Series(np.arange(len(orders)), index=pd.Index(orders["order_id"]))
    frame = pd.DataFrame(
        {
            "order_id": lines["invoice"],
            "line_id": (lines.groupby("invoice").cumcount() + 1).astype("str"),
            "product_id": lines["product_id"],
            "qty": lines["units"].astype("float64"),
        }
    )
    order = lines["invoice"].map(rank).sort_values(kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def build_order_windows(
    sales: Sales, orders: pd.DataFrame, calendars: pd.DataFrame
) -> pd.DataFrame:
    """Return the `order_windows` table: receiving hours of some of London's customers.

    The hours belong to the customer and hold on every open day from release to the due day.
    """
    heads = sales.to_source.drop_duplicates("invoice").set_index("invoice")["who"]
    in_town = orders[orders["zone_id"] == LONDON_ZONE]
    who = in_town["order_id"].map(heads).tolist()
    narrow = uniforms(sales.seed, "has window", who) < WINDOW_SHARE
    start = picks(uniforms(sales.seed, "window", who), np.array(WINDOW_WEIGHTS))
    rows = []
    released = in_town["release_at"].dt.normalize()
    for order_id, first, last, some, which in zip(
        in_town["order_id"], released, in_town["due_to"], narrow, start, strict=True
    ):
        day = first
        while some and day <= last:
            opens = day + pd.Timedelta(hours=WINDOW_STARTS[which])
            rows.append((order_id, opens, opens + pd.Timedelta(hours=WINDOW_HOURS)))
            day = next_open_day(pd.Series([day]), calendars).iloc[0]
    frame = pd.DataFrame(rows, columns=["order_id", "from", "to"])
    return frame.astype({"from": "datetime64[ms]", "to": "datetime64[ms]"})
