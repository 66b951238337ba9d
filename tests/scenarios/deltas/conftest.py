"""A tiny scenario to change, compare and merge."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from scenarios import Scenario, Settings


@pytest.fixture
def parent() -> Scenario:
    """Three products, two sites, stock with lots, one open order, sales."""
    settings = Settings(
        name="parent",
        currency="CNY",
        timezone="Asia/Shanghai",
        start_date=dt.date(2025, 11, 1),
        bucket="day",
        horizon_buckets=14,
    )
    products = pd.DataFrame(
        {
            "product_id": ["A", "B", "C"],
            "name": ["Tea", "Mug", "Pot"],
            "category": ["Drinks", "Ware", None],
            "unit_cost": [2.0, 4.0, 8.0],
            "unit_price": [5.0, 9.0, 20.0],
            "weight_kg": [0.5, 0.4, 1.2],
            "volume_m3": [0.002, 0.001, 0.004],
            "introduced_on": [pd.Timestamp("2024-01-01"), None, pd.Timestamp("2025-03-01")],
        }
    )
    sites = pd.DataFrame(
        {
            "site_id": ["W1", "W2"],
            "kind": "warehouse",
            "name": ["一号仓", "二号仓"],
            "status": "open",
        }
    )
    inventory = pd.DataFrame(
        {
            "site_id": ["W1", "W1", "W2"],
            "product_id": ["A", "A", "B"],
            "lot_id": ["L1", None, None],
            "on_hand": [10.0, 5.0, 0.0],
        }
    )
    open_orders = pd.DataFrame(
        {
            "order_id": ["O1"],
            "line": ["1"],
            "kind": ["purchase"],
            "source_id": ["V1"],
            "site_id": ["W1"],
            "product_id": ["A"],
            "qty": [7.0],
            "ordered_on": [pd.Timestamp("2025-10-20")],
            "due_on": [pd.Timestamp("2025-11-05")],
            "frozen": [True],
        }
    )
    vehicles = pd.DataFrame(
        {
            "vehicle_type": ["van"],
            "depot_id": ["W1"],
            "count": [3.0],
            "capacity_kg": [900.0],
            "shift_start": ["08:00"],
            "shift_end": ["18:00"],
        }
    )
    return Scenario(
        settings,
        {
            "products": products,
            "sites": sites,
            "inventory": inventory,
            "open_orders": open_orders,
            "vehicles": vehicles,
        },
    )
