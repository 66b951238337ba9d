"""What is wrong with routing's facts is found all at once, and what can be driven is driven."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from scenarios.validation import validate

VAN = {
    "vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
    "shift_start": "08:00", "shift_end": "18:00", "speed_km_h": 36.0,
}  # fmt: skip


def order(name, **more):
    row = {"order_id": name, "lat": 31.02, "lon": 121.0, "placed_at": pd.Timestamp("2026-01-04")}
    return row | more


def spoiled(small):
    """One good order, and one for each fault; a second depot has no van."""
    orders = [
        order("GOOD"),
        order(
            "BACKWARD",
            due_from=pd.Timestamp("2026-01-05 12:00"),
            due_to=pd.Timestamp("2026-01-05 11:00"),
        ),
        order("HEAVY"),
        order("NOWHERE", lat=np.nan),
        order("FAR", lat=41.0),
        order("MEASURED"),
    ]
    lines = [
        {
            "order_id": row["order_id"], "line_id": "1", "product_id": "P",
            "qty": 60.0 if row["order_id"] == "HEAVY" else 1.0,
        }
        for row in orders
    ]  # fmt: skip
    distances = [
        {"origin_id": "D", "destination_id": "MEASURED", "distance_m": -5.0, "duration_s": 100.0},
        {"origin_id": "MEASURED", "destination_id": "D", "distance_m": 9e3, "duration_s": np.nan},
    ]
    sites = [
        {"site_id": s, "kind": "warehouse", "name": s, "lat": 31.0, "lon": 121.0, "status": "open"}
        for s in ("D", "E")
    ]
    vans = [VAN, VAN | {"depot_id": "E", "count": 0.0}]
    return small(orders=orders, order_lines=lines, distances=distances, sites=sites, vehicles=vans)


@pytest.mark.parametrize(
    ("code", "severity", "table"),
    [
        ("ends_before_it_begins", "error", "orders"),
        ("stop_heavier_than_any_van", "warning", "orders"),
        ("depot_without_vans", "warning", "vehicles"),
        ("half_a_place", "error", "orders"),
        ("order_without_place", "warning", "orders"),
        ("out_of_range", "error", "distances"),
        ("blank_required", "error", "distances"),
        ("stop_beyond_reach", "warning", "orders"),
    ],
)
def test_every_fault_is_found_at_once(small, code, severity, table):
    """One pass finds all of them, each with a remedy."""
    found = [f for f in validate(spoiled(small)) if f.code == code and f.table == table]
    assert found
    assert str(found[0].severity) == severity
    assert found[0].hint


def test_what_can_be_driven_is_driven(small):
    """The plan serves the good orders and says why the others are not served."""
    scenario = spoiled(small)
    result = run(scenario, {}, Limits(work=0.2))
    assert check(scenario, result.tables).violations == ()
    served = result.tables["stops"]["order_id"].dropna()
    assert sorted(served) == ["GOOD", "MEASURED"]
    why = result.tables["unserved"].set_index("id")["code"].to_dict()
    assert why == {"BACKWARD": "window", "HEAVY": "capacity", "NOWHERE": "place", "FAR": "shift"}
    assert any("great circle instead" in note for note in result.notes)
