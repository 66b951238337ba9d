"""A scenario of several days of driving, for whoever shares routes out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios import Scenario, Settings

STOPS_BY_DAY = (90, 80, 80, 70, 70, 60, 50, 40)
VANS = 12
SEED = 11


def driving_days(stops_by_day: tuple[int, ...] = STOPS_BY_DAY) -> Scenario:
    """Return a depot with vans, and orders around it to be brought within each day's window.

    Orders lie within some 20 km, normally spread; a van holds 20 of them.
    """
    g = np.random.default_rng(SEED)
    first = pd.Timestamp("2026-01-05")
    rows = []
    for number, count in enumerate(stops_by_day):
        day = first + pd.Timedelta(days=number)
        at = g.normal(0.0, 0.08, (count, 2))
        opens = g.integers(8, 15, count)
        rows += [
            {
                "order_id": f"O{number}-{place:03}",
                "lat": 31.0 + at[place, 0],
                "lon": 121.0 + at[place, 1],
                "placed_at": first - pd.Timedelta(hours=14),
                "due_from": day + pd.Timedelta(hours=int(opens[place])),
                "due_to": day + pd.Timedelta(hours=int(opens[place]) + 3),
            }
            for place in range(count)
        ]
    lines = [
        {"order_id": row["order_id"], "line_id": "1", "product_id": "P", "qty": 1.0} for row in rows
    ]
    product = {
        "product_id": "P", "name": "P", "unit_cost": 20.0, "unit_price": 50.0, "weight_kg": 2.0,
        "volume_m3": 0.01, "service_s_per_unit": 300.0,
    }  # fmt: skip
    site = {
        "site_id": "D", "kind": "warehouse", "name": "D", "lat": 31.0, "lon": 121.0,
        "status": "open",
    }  # fmt: skip
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": float(VANS), "capacity_kg": 40.0,
        "shift_start": "07:00", "shift_end": "20:00", "fixed_cost": 40.0, "cost_per_km": 1.0,
        "cost_per_hour": 30.0, "speed_km_h": 36.0,
    }  # fmt: skip
    settings = Settings(
        name="driving days", currency="CNY", timezone="Asia/Shanghai", start_date="2026-01-05",
        bucket="day", horizon_buckets=len(stops_by_day),
    )  # fmt: skip
    tables = {
        "products": pd.DataFrame([product]),
        "sites": pd.DataFrame([site]),
        "vehicles": pd.DataFrame([van]),
        "orders": pd.DataFrame(rows),
        "order_lines": pd.DataFrame(lines),
    }
    return Scenario(settings, tables)
