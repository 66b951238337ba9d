"""A scenario whose routes fall into days, for whoever shares them out."""

from __future__ import annotations

import pandas as pd

from scenarios import Scenario, Settings

FIRST_DAY = pd.Timestamp("2026-01-05")


def driving_days(orders_by_day: tuple[int, ...]) -> Scenario:
    """Return a depot with two vans, and orders around it to be brought within each day's window.

    A unit weighs 2 kg and takes 30 s; a van holds 40 kg, so a day of more than 20 orders needs two
    routes. Orders lie on a grid of about 1.1 km.
    """
    rows = []
    for number, count in enumerate(orders_by_day):
        day = FIRST_DAY + pd.Timedelta(days=number)
        rows += [
            {
                "order_id": f"O{number}-{place:02}",
                "lat": 31.0 + 0.01 * (1 + place % 5),
                "lon": 121.0 + 0.01 * (place // 5 - number % 3),
                "placed_at": FIRST_DAY - pd.Timedelta(hours=14),
                "due_from": day + pd.Timedelta(hours=9),
                "due_to": day + pd.Timedelta(hours=9 + 2 * (1 + place % 3)),
            }
            for place in range(count)
        ]
    lines = [
        {"order_id": row["order_id"], "line_id": "1", "product_id": "P", "qty": 1.0} for row in rows
    ]
    product = {
        "product_id": "P", "name": "P", "unit_cost": 20.0, "unit_price": 50.0, "weight_kg": 2.0,
        "volume_m3": 0.01, "service_s_per_unit": 30.0,
    }  # fmt: skip
    site = {
        "site_id": "D", "kind": "warehouse", "name": "D", "lat": 31.0, "lon": 121.0,
        "status": "open",
    }  # fmt: skip
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 40.0,
        "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 20.0, "cost_per_km": 1.0,
        "cost_per_hour": 30.0, "speed_km_h": 36.0,
    }  # fmt: skip
    settings = Settings(
        name="driving days", currency="CNY", timezone="Asia/Shanghai", start_date="2026-01-05",
        bucket="day", horizon_buckets=7,
    )  # fmt: skip
    tables = {
        "products": pd.DataFrame([product]),
        "sites": pd.DataFrame([site]),
        "vehicles": pd.DataFrame([van]),
        "orders": pd.DataFrame(rows),
        "order_lines": pd.DataFrame(lines),
    }
    return Scenario(settings, tables)
