"""A small scenario in which nothing is wrong, and a way to spoil it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from scenarios import Scenario, Settings

Rows = dict[str, list[dict[str, Any]]]
START = dt.date(2025, 6, 2)


def day(offset: int) -> pd.Timestamp:
    return pd.Timestamp(START) + pd.Timedelta(days=offset)


def _sound_rows() -> Rows:
    product = {"unit_cost": 4.0, "unit_price": 9.0, "weight_kg": 1.0, "volume_m3": 0.01}
    place = {"status": "open", "outbound_units_per_day": 500.0, "inbound_units_per_day": 500.0}
    return {
        "products": [
            {"product_id": "A", "name": "Tea", "category": "Drinks", "abc_class": "A", **product},
            {"product_id": "B", "name": "Mug", "category": "Ware", "abc_class": "B", **product},
            {"product_id": "C", "name": "Pot", "category": "Ware", "abc_class": "C", **product},
            {"product_id": "K", "name": "Set", "category": "Ware", "abc_class": "C", **product},
        ],
        "product_components": [
            {"bundle_id": "K", "component_id": "A", "qty": 1.0},
            {"bundle_id": "K", "component_id": "B", "qty": 2.0},
        ],
        "suppliers": [
            {"supplier_id": "V1", "name": "One", "lat": 52.0, "lon": 0.5, "calendar_id": "CAL"},
            {"supplier_id": "V2", "name": "Two", "lat": 53.0, "lon": -1.0, "region": "North"},
        ],
        "supplier_products": [
            {"supplier_id": v, "product_id": p, "unit_cost": 4.0, "lead_time_mean_days": 7.0,
             "moq": 10.0, "order_multiple": 5.0, "capacity_per_week": 700.0,
             "order_weekdays": "1,3,5"}
            for v, p in (("V1", "A"), ("V1", "B"), ("V2", "C"))
        ],
        "price_breaks": [
            {"supplier_id": "V1", "product_id": "A", "min_qty": 50.0, "unit_cost": 3.5,
             "kind": "all_units"},
            {"supplier_id": "V1", "product_id": "A", "min_qty": 100.0, "unit_cost": 3.0,
             "kind": "all_units"},
        ],
        "receipts": [
            {"order_id": "R1", "line": "1", "supplier_id": "V1", "product_id": "A",
             "site_id": "W1", "qty_ordered": 10.0, "qty_received": 10.0, "qty_rejected": 1.0,
             "ordered_on": day(-20), "promised_on": day(-12), "received_on": day(-11)},
        ],
        "sites": [
            {"site_id": "W1", "kind": "warehouse", "name": "North", "lat": 51.5, "lon": -0.1,
             "region": "North", "storage_m3": 100.0, **place},
            {"site_id": "W2", "kind": "warehouse", "name": "South", "lat": 51.0, "lon": -0.2,
             "storage_m3": 100.0, **place},
        ],
        "zones": [
            {"zone_id": "Z1", "name": "Town", "lat": 51.4, "lon": -0.15},
            {"zone_id": "Z2", "name": "Hill", "lat": 51.2, "lon": -0.25},
        ],
        "zone_sites": [
            {"zone_id": "Z1", "site_id": "W1", "share_pct": 60.0},
            {"zone_id": "Z1", "site_id": "W2", "share_pct": 40.0},
            {"zone_id": "Z2", "site_id": "W2", "share_pct": 100.0},
        ],
        "item_sources": [
            {"site_id": "W1", "source_id": "V1"},
            {"site_id": "W2", "source_id": "W1", "share_pct": 100.0},
        ],
        "lanes": [
            {"origin_id": "V1", "destination_id": "W1", "mode": "road", "transit_mean_days": 1.0,
             "distance_km": 100.0},
            {"origin_id": "W1", "destination_id": "W2", "mode": "road", "transit_mean_days": 1.0},
        ],
        "distances": [
            {"origin_id": "W1", "destination_id": "Z1", "distance_m": 20000.0,
             "duration_s": 1800.0},
        ],
        "calendars": [
            {"calendar_id": "CAL", "date": day(offset), "is_working": False,
             "open_time": "08:00", "close_time": "17:00"}
            for offset in (5, 6)
        ],
        "channels": [
            {"channel_id": "WEB", "name": "Web", "stock_share_pct": 50.0},
            {"channel_id": "SHOP", "name": "Shop", "stock_share_pct": 50.0},
        ],
        "demand_history": [
            {"date": day(-offset), "product_id": p, "location_id": z, "channel_id": "WEB",
             "qty": 2.0}
            for offset in range(1, 8) for p in ("A", "B", "C", "K") for z in ("Z1", "Z2")
        ],
        "forecasts": [
            {"product_id": p, "location_id": "W1", "bucket": day(offset), "quantile": quantile,
             "qty": qty}
            for p in ("A", "C")
            for offset in range(14)
            for quantile, qty in ((None, 3.0), (0.5, 3.0), (0.9, 6.0))
        ],
        "demand_cases": [
            {"demand_case": "low", "probability": 0.25},
            {"demand_case": "high", "probability": 0.75},
        ],
        "promotions": [
            {"promotion_id": "P1", "product_id": "A", "start": day(1), "end": day(3)},
            {"promotion_id": "P2", "category": "Ware", "start": day(2), "end": day(4)},
            {"promotion_id": "P3", "product_id": "A", "start": day(4), "end": day(6)},
        ],
        "events": [{"event_id": "FAIR", "start": day(3), "end": day(4)}],
        "inventory": [
            {"site_id": w, "product_id": p, "on_hand": 40.0, "reserved": 1.0,
             "received_on": day(-5), "expires_on": day(100)}
            for w in ("W1", "W2") for p in ("A", "B", "C")
        ],
        "open_orders": [
            {"order_id": "O1", "line": "1", "kind": "purchase", "source_id": "V1",
             "site_id": "W1", "product_id": "A", "qty": 10.0, "ordered_on": day(-3),
             "due_on": day(4)},
            {"order_id": "O2", "line": "1", "kind": "transfer", "source_id": "W1",
             "site_id": "W2", "product_id": "A", "qty": 5.0, "ordered_on": day(-1),
             "due_on": day(1)},
        ],
        "inventory_policies": [
            {"site_id": "W1", "product_id": "A", "policy": "s_S", "s": 10.0, "S": 40.0,
             "review_days": 1.0, "min_cover_days": 3.0, "max_cover_days": 30.0,
             "target_cycle_service": 0.99},
        ],
        "return_rates": [
            {"product_id": "A", "reason": "broken", "rate": 0.1, "delay_days": 9.0,
             "disposition": "scrap"},
            {"product_id": "A", "reason": "unwanted", "rate": 0.2, "delay_days": 9.0,
             "disposition": "resell"},
        ],
        "orders": [
            {"order_id": "S1", "zone_id": "Z1", "placed_at": day(-1),
             "due_from": day(1) + pd.Timedelta(hours=9), "due_to": day(1) + pd.Timedelta(hours=12)},
            {"order_id": "S2", "zone_id": "Z2", "placed_at": day(-1), "due_to": day(2)},
            {"order_id": "S3", "lat": 51.3, "lon": -0.2, "placed_at": day(-1), "skills": "fridge"},
        ],
        "order_lines": [
            {"order_id": s, "line_id": "1", "product_id": p, "qty": 2.0}
            for s, p in (("S1", "A"), ("S2", "K"), ("S3", "C"))
        ],
        "order_windows": [
            {"order_id": "S3", "from": day(1) + pd.Timedelta(hours=10),
             "to": day(1) + pd.Timedelta(hours=11)},
        ],
        "carriers": [
            {"carrier_id": "OWN", "kind": "own", "capacity_per_day": 50.0},
        ],
        "carrier_rates": [
            {"carrier_id": "OWN", "service": "day", "origin": "W1", "destination": z,
             "max_weight_kg": 30.0, "base": 4.0, "promise_days": 1.0, "cutoff_time": "16:00"}
            for z in ("Z1", "Z2")
        ],
        "vehicles": [
            {"vehicle_type": "van", "depot_id": "W1", "count": 2.0, "capacity_kg": 500.0,
             "capacity_m3": 4.0, "shift_start": "08:00", "shift_end": "18:00",
             "skills": "fridge, lift", "break_after_h": 4.5, "break_min": 45.0},
        ],
        "deliveries": [
            {"shipment_id": "D1", "order_id": "S0", "carrier_id": "OWN", "placed_at": day(-9),
             "handed_over_at": day(-8), "delivered_at": day(-7)},
        ],
        "limits": [
            {"limit_id": "L1", "kind": "budget", "scope": "all", "bucket": day(0), "sense": "<=",
             "value": 10000.0, "hard": True},
            {"limit_id": "L2", "kind": "supplier_share_pct", "scope": "supplier:V1",
             "sense": "<=", "value": 80.0, "hard": False, "penalty": 1.0},
        ],
        "disruptions": [
            {"disruption_id": "D1", "kind": "supplier_outage", "target": "supplier:V1",
             "start": day(2), "duration_distribution": "lognormal(mean=10, sd=8)",
             "severity": 1.0},
            {"disruption_id": "D2", "kind": "lane_delay", "target": "lane:V1>W1",
             "start_distribution": "exponential(mean=120)", "duration": 5.0, "severity": 3.0,
             "after": "D1"},
        ],
        "playbooks": [
            {"playbook_id": "PB", "step": 1.0, "kpi": "fill_rate", "op": "<", "threshold": 0.9,
             "action": "expedite", "target": "supplier:V2"},
        ],
        "groups": [
            {"group_id": "G", "kind": "product", "member_id": "A"},
            {"group_id": "G", "kind": "lane", "member_id": "V1>W1"},
        ],
    }  # fmt: skip


def build(rows: Rows, **settings: Any) -> Scenario:
    given: dict[str, Any] = {
        "name": "sound",
        "currency": "GBP",
        "timezone": "Europe/London",
        "start_date": START,
        "bucket": "day",
        "horizon_buckets": 14,
    }
    return Scenario(
        Settings(**(given | settings)),
        {name: pd.DataFrame(listed) for name, listed in rows.items() if listed},
    )


@pytest.fixture
def rows() -> Rows:
    """Rows by table of a scenario in which nothing is wrong."""
    return _sound_rows()


@pytest.fixture
def made() -> Callable[..., Scenario]:
    """Return the builder of scenarios from rows."""
    return build
