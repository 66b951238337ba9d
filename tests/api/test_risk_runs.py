"""The risk register over HTTP: read by pages, and one of its risks simulated by a run."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from .conftest import ended

pytestmark = pytest.mark.no_database

RISK = "single_source:supplier:FARM"


@pytest.fixture(scope="module")
def plan_id(service: TestClient) -> str:
    """A plan of the corner shop's night."""
    scenario = service.post("/v1/demo-scenarios/corner-shop").json()["id"]
    body = {
        "kind": "pipeline", "scenario": scenario, "stages": ["replenishment"],
        "options": {"work": 1.0},
    }  # fmt: skip
    run = ended(service, service.post("/v1/runs", json=body).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    return str(run["plan"])


def test_the_register_is_read_by_pages(service: TestClient, plan_id: str) -> None:
    """Two pages of two rows are the first four of the table, raised ones first."""
    whole = service.get(f"/v1/plans/{plan_id}/risks").json()
    first = service.get(f"/v1/plans/{plan_id}/risks", params={"page_size": 2}).json()
    token = first["next_page_token"]
    second = service.get(
        f"/v1/plans/{plan_id}/risks", params={"page_size": 2, "page_token": token}
    ).json()
    assert first["rows"] + second["rows"] == whole["rows"][:4]
    assert whole["rows"][0]["state"] == "raised"


def test_a_risk_is_simulated_without_and_with_its_playbook(
    service: TestClient, plan_id: str
) -> None:
    """The run's plan has a drill of this risk and no other case; Home still shows the night."""
    body = {"risk": RISK, "replications": 4}
    answer = service.post(f"/v1/plans/{plan_id}/risks:simulate", json=body)
    assert answer.status_code == 202
    run = ended(service, answer.json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    drills = service.get(f"/v1/plans/{run['plan']}/tables/drills").json()["rows"]
    assert {row["case"] for row in drills} == {RISK}
    assert all(row["low"] <= row["saved"] <= row["high"] for row in drills)
    home = service.get("/").text
    assert f"/plans/{plan_id}/risks" in home
    assert f"/plans/{run['plan']}/risks" not in home


def test_what_cannot_be_simulated_is_refused_at_once(service: TestClient, plan_id: str) -> None:
    """No such risk: 404; a risk that the simulator has nothing for: 422; no run is queued."""
    path = f"/v1/plans/{plan_id}/risks:simulate"
    before = len(service.get("/v1/runs").json()["runs"])
    assert service.post(path, json={"risk": "lead_time:supplier:NOBODY"}).status_code == 404
    assert service.post(path, json={"risk": "carrier_delay:carrier:POST"}).status_code == 422
    assert len(service.get("/v1/runs").json()["runs"]) == before


def test_a_risk_goes_with_stress_and_a_plan(service: TestClient, plan_id: str) -> None:
    """Another kind, or no plan, is refused."""
    scenario = service.get(f"/v1/plans/{plan_id}").json()["scenario"]
    body = {"kind": "stress", "scenario": scenario, "risk": RISK}
    assert service.post("/v1/runs", json=body).status_code == 422


def test_the_button_starts_the_run(service: TestClient, plan_id: str) -> None:
    """The form of an alert leads to the page of a run of kind stress."""
    answer = service.post(f"/plans/{plan_id}/risks", data={"risk": RISK}, follow_redirects=False)
    assert answer.status_code == 303
    run_id = answer.headers["Location"].rpartition("/")[2]
    assert service.get(f"/v1/runs/{run_id}").json()["kind"] == "stress"
    service.post(f"/v1/runs/{run_id}:cancel")
    ended(service, run_id)
