"""A day planned anew over HTTP: the plan that is being driven is named by its id."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from scenarios import Scenario
from scenarios.settings import Settings

from .conftest import ended

pytestmark = pytest.mark.no_database


def day(**more: list[dict[str, Any]]) -> Scenario:
    """Return a depot with a van and two deliveries."""
    rows: dict[str, list[dict[str, Any]]] = {
        "products": [
            {"product_id": "P", "name": "P", "unit_cost": 1.0, "unit_price": 50.0,
             "weight_kg": 1.0, "volume_m3": 0.01}
        ],
        "sites": [
            {"site_id": "D", "kind": "warehouse", "name": "D", "lat": 31.0, "lon": 121.0,
             "status": "open"}
        ],
        "orders": [
            {"order_id": name, "placed_at": "2026-01-04 10:00", "lat": lat, "lon": 121.0}
            for name, lat in (("A", 31.05), ("B", 31.1))
        ],
        "order_lines": [
            {"order_id": name, "line_id": "1", "product_id": "P", "qty": 1.0} for name in "AB"
        ],
        "vehicles": [
            {"vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
             "shift_start": "08:00", "shift_end": "18:00", "cost_per_km": 1.0}
        ],
    }  # fmt: skip
    settings = Settings(
        name="day", currency="EUR", timezone="Europe/London", start_date=dt.date(2026, 1, 5),
        bucket="day", horizon_buckets=1,
    )  # fmt: skip
    return Scenario(settings, {name: pd.DataFrame(part) for name, part in (rows | more).items()})


def wait(service: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    run = ended(service, service.post("/v1/runs", json=body).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    return run


def test_rest_of_the_day_is_planned_from_a_plan_by_its_id(service: TestClient, tmp_path):
    """The van has served its first stop; the other is aboard. No path can be named."""
    state = {
        "vehicle_id": "1", "route_id": "2026-01-05/001", "at": "2026-01-05 12:00", "lat": 31.06,
        "lon": 121.0, "load_kg": 1.0, "frozen_seq": 1.0,
    }  # fmt: skip
    place = day(vehicle_states=[state]).save(tmp_path / "day.json")
    answer = service.post("/v1/scenarios", json=json.loads(place.read_text(encoding="utf-8")))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = {"kind": "pipeline", "scenario": answer.json()["id"]}
    limits = {"work": 0.5}
    morning = wait(service, body | {"stages": ["routing"], "options": limits})["plan"]
    again = body | {"stages": ["rerouting"]}
    path = {"previous": str(tmp_path)}
    assert service.post("/v1/runs", json=again | {"options": path}).status_code == 404
    assert service.post("/v1/runs", json=again | {"options": limits}).status_code == 422
    options = limits | {"previous": morning, "move_price": 5.0}
    made = wait(service, again | {"options": options})["plan"]
    rows = service.get(f"/v1/plans/{made}/tables/stops").json()["rows"]
    assert [row["kind"] for row in rows] == ["delivery", "end"]
