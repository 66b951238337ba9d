"""What-ifs over HTTP: one decision forced or forbidden on a plan, answered by a short run."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from api.client import Client

from .conftest import ended

pytestmark = pytest.mark.no_database


@pytest.fixture(scope="module")
def plan_id(service: TestClient) -> str:
    """A plan of the corner shop's order sourcing."""
    scenario = service.post("/v1/demo-scenarios/corner-shop").json()["id"]
    body = {
        "kind": "pipeline", "scenario": scenario, "stages": ["sourcing"], "options": {"work": 2.0}
    }  # fmt: skip
    run = ended(service, service.post("/v1/runs", json=body).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    return str(run["plan"])


def ask(service: TestClient, plan_id: str, decision: Any, wait_seconds: float = 30.0) -> Any:
    """Ask a what-if; where it takes longer than a request waits, wait for its run."""
    body = {"decision": decision, "wait_seconds": wait_seconds}
    return service.post(f"/v1/plans/{plan_id}:what-if", json=body)


@pytest.mark.slow
def test_an_answer_adds_up(service: TestClient, plan_id: str) -> None:
    """The changes of all terms add up to the extra cost, and the moved lines are named."""
    answer = ask(service, plan_id, "leave O2")
    if answer.status_code == 202:
        pytest.skip("the machine is too busy to answer within a request")
    document = answer.json()
    changes = sum(term["change"] for stage in document["stages"] for term in stage["terms"])
    assert document["possible"]
    assert document["extra_cost"] == pytest.approx(changes, abs=1e-9)
    assert {move["what"] for move in document["moves"]} >= {"O2/1", "O2/2"}


@pytest.mark.slow
def test_what_takes_longer_becomes_a_run(service: TestClient, plan_id: str) -> None:
    """Without waiting the request names the run, whose plan has the answer as a file."""
    answer = ask(service, plan_id, {"kind": "shipment", "order_id": "O2"}, 0.0)
    assert answer.status_code == 202
    run = ended(service, answer.json()["run"]["id"])
    assert run["state"] == "succeeded", run["reason"]
    kept = service.get(f"/v1/plans/{run['plan']}/files/what_if.json").json()
    assert kept["decision"] == "leave O2"
    assert kept["possible"]


def test_a_what_if_is_not_the_newest_plan_with_parcels(service: TestClient, plan_id: str) -> None:
    """What a what-if keeps has no parcels, so that promises still come from the plan."""
    run = ask(service, plan_id, "leave O2", 0.0).json()["run"]["id"]
    plan = service.get(f"/v1/plans/{plan_id}").json()
    assert plan["tables"]["shipments"] > 0
    service.post(f"/v1/runs/{run}:cancel")  # nobody waits for it


@pytest.mark.parametrize(
    "decision", ["buy more", "leave NOBODY", {"kind": "site", "site_id": "S1"}]
)
@pytest.mark.slow
def test_a_decision_that_makes_no_sense_is_refused(
    service: TestClient, plan_id: str, decision: Any
) -> None:
    """Words that are no decision, and orders that are not there, are 422 or a failed run."""
    answer = ask(service, plan_id, decision)
    assert answer.status_code in (422, 202)
    if answer.status_code == 202:
        assert ended(service, answer.json()["run"]["id"])["state"] == "failed"


def test_the_client_waits_longer_than_a_request() -> None:
    """`Client.what_if` follows the run that a request names, and reads its answer."""
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if request.method == "POST":
            return httpx.Response(202, json={"run": {"id": "R"}})
        if request.url.path == "/v1/runs/R":
            state = "running" if asked.count("/v1/runs/R") == 1 else "succeeded"
            run = {"id": "R", "state": state, "stage": "sourcing", "share": 0.5, "plan": "A"}
            return httpx.Response(200, json=run)
        return httpx.Response(200, json={"decision": "leave O2", "extra_cost": 3.5})

    with Client(transport=httpx.MockTransport(answer)) as client:
        told = client.what_if("P", "leave O2")
    assert told == {"run": "R", "plan": "P", "decision": "leave O2", "extra_cost": 3.5}
    assert asked[1:] == ["/v1/runs/R", "/v1/runs/R", "/v1/plans/A/files/what_if.json"]
