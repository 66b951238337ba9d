"""Promotions over HTTP: asked of a plan, answered by a run."""

from __future__ import annotations

import math

import pytest
from fastapi.testclient import TestClient

from .conftest import ended

pytestmark = pytest.mark.no_database

TEA = {"product": "TEA", "start": "2026-10-26", "end": "2026-11-01", "uplifts_pct": [100]}


@pytest.fixture(scope="module")
def plan(service: TestClient) -> str:
    """A plan of the corner shop."""
    scenario = service.post("/v1/demo-scenarios/corner-shop").json()
    asked = {
        "kind": "pipeline", "scenario": scenario["id"],
        "stages": ["forecasting", "replenishment"], "options": {"work": 1.0},
    }  # fmt: skip
    run = ended(service, service.post("/v1/runs", json=asked).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    return str(run["plan"])


def test_a_promotion_is_answered_by_its_run(service: TestClient, plan: str) -> None:
    """202 with the run, then every cell with items that add up, and the robust choice."""
    body = {**TEA, "replications": 2, "work": 1.0, "more_capacity_pct": 0}
    answer = service.post(f"/v1/plans/{plan}/promotions:simulate", json=body)
    assert answer.status_code == 202
    run = ended(service, answer.json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    found = service.get(answer.headers["location"]).json()
    assert [cell["stock"] for cell in found["cells"]] == ["as planned", "ordered for expected"]
    for cell in found["cells"]:
        assert cell["net"]["mean"] == round(math.fsum(i["money"] for i in cell["items"]), 2)
    assert found["robust"]["scenarios"] == ["expected"]
    kept = service.get(f"/v1/plans/{run['plan']}/tables/kpis").json()["rows"]
    assert [row["value"] for row in kept] == [cell["net"]["mean"] for cell in found["cells"]]


def test_what_makes_no_sense_is_refused_at_once(service: TestClient, plan: str) -> None:
    """422 before a run is queued, with what the scenario has."""
    path = f"/v1/plans/{plan}/promotions:simulate"
    unknown = service.post(path, json={"promotion": "NONE", "cancel": True})
    assert unknown.status_code == 422
    assert "COFFEE_WEEK" in unknown.json()["detail"]
    two = service.post(path, json={**TEA, "uplifts_pct": [1, 2]})
    assert two.status_code == 422


def test_other_runs_are_no_promotions(service: TestClient, plan: str) -> None:
    """404 for the run of a plan."""
    run = service.get(f"/v1/plans/{plan}").json()["run"]
    assert service.get(f"/v1/promotions/{run}").status_code == 404
