"""Hardening over HTTP: a run that searches, its answer, the page that shows it, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from .conftest import ended

pytestmark = pytest.mark.no_database

HARDENING = {
    "suite": {"gate": [{"kpi": "fill_rate", "at_least": 0.9}]},
    "kinds": ["second_source"],
    "trials": 4,
}


@pytest.fixture(scope="module")
def plan(service: TestClient) -> dict[str, Any]:
    """A plan of the corner shop."""
    scenario = service.post("/v1/demo-scenarios/corner-shop").json()["id"]
    asked = {"kind": "pipeline", "scenario": scenario, "stages": ["replenishment"],
             "options": {"work": 1.0}}  # fmt: skip
    run = ended(service, service.post("/v1/runs", json=asked).json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    found: dict[str, Any] = service.get(f"/v1/plans/{run['plan']}").json()
    return found


def harden(service: TestClient, plan: dict[str, Any], more: dict[str, Any]) -> Any:
    """Ask for a hardening."""
    body = {
        "kind": "harden", "scenario": plan["scenario"], "revision": plan["revision"],
        "plan": plan["id"], "options": {"replications": 2}, "hardening": HARDENING,
    }  # fmt: skip
    return service.post("/v1/runs", json=body | more)


@pytest.fixture(scope="module")
def run(service: TestClient, plan: dict[str, Any]) -> dict[str, Any]:
    """A hardening by second sources, four trials."""
    answer = harden(service, plan, {})
    assert answer.status_code == 202, answer.text
    found = ended(service, answer.json()["id"])
    assert found["state"] == "succeeded", found["reason"]
    return found


@pytest.fixture(scope="module")
def document(service: TestClient, run: dict[str, Any]) -> dict[str, Any]:
    """What the run found."""
    found: dict[str, Any] = service.get(f"/v1/plans/{run['plan']}/files/harden.json").json()
    return found


@pytest.mark.slow
def test_the_answer_holds_the_frontier(document: dict[str, Any]) -> None:
    """Cheapest first; each choice has every case's figure and gain, within their intervals."""
    costs = [option["cost"] for option in document["frontier"]]
    assert costs == sorted(costs)
    assert document["trials"] <= HARDENING["trials"]
    for option in document["frontier"]:
        for gate in option["gates"]:
            assert gate["low"] <= gate["value"] <= gate["high"]
            assert gate["gain_low"] <= gate["gain"] <= gate["gain_high"]
        assert option["passed"] == all(gate["passed"] for gate in option["gates"])
    unchanged = document["unchanged"]
    assert {gate["gain"] for gate in unchanged["gates"]} == {0.0}
    assert unchanged["gates"][0]["bound"] == 0.9


@pytest.mark.slow
def test_progress_is_told(service: TestClient, run: dict[str, Any]) -> None:
    """Events say which choice is tried, as stage harden."""
    text = service.get(f"/v1/runs/{run['id']}/events").text
    told = [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]
    tried = [event["message"] for event in told if event.get("stage") == "harden"]
    assert tried[0] == "the plan as it is"
    assert any("of FARM from MARKET" in message for message in tried)


@pytest.mark.slow
def test_the_page_shows_every_choice(
    service: TestClient, plan: dict[str, Any], document: dict[str, Any]
) -> None:
    """A row each, in Chinese too; the run's page leads there."""
    path = f"/plans/{plan['id']}/stress"
    english = service.get(path).text
    points = json.loads(english.split('id="frontier-data">')[1].split("</script>")[0])["points"]
    drawn = [point["cost"] for point in points if not point["as_it_is"]]
    assert drawn == [option["cost"] for option in document["frontier"] if option["changes"]]
    assert [point["cost"] for point in points if point["as_it_is"]] == [0.0]
    chinese = service.get(path, headers={"Accept-Language": "zh"}).text
    assert "⟦" not in chinese
    assert "由 MARKET 供货" in chinese


@pytest.mark.slow
def test_the_best_choice_becomes_a_version(
    service: TestClient, plan: dict[str, Any], document: dict[str, Any]
) -> None:
    """Its changes are made in the scenario, whose newest revision is another one then."""
    assert document["variant"]["deltas"]
    answer = service.post(f"/plans/{plan['id']}/harden/changes", follow_redirects=False)
    assert answer.headers["location"] == f"/scenarios/{plan['scenario']}"
    newest = service.get(f"/v1/scenarios/{plan['scenario']}").json()["revision"]
    assert newest != plan["revision"]
    assert service.post(f"/plans/{plan['id']}/harden/changes").status_code == 409


def test_the_button_starts_a_run_that_can_be_cancelled(
    service: TestClient, plan: dict[str, Any]
) -> None:
    """The form asks for a share in percent; cancelled, the run ends as that."""
    form = {"percent": "95", "minutes": "3"}
    answer = service.post(f"/plans/{plan['id']}/harden", data=form, follow_redirects=False)
    run_id = answer.headers["location"].rpartition("/")[2]
    assert service.get(f"/v1/runs/{run_id}").json()["kind"] == "harden"
    service.post(f"/v1/runs/{run_id}:cancel")
    assert ended(service, run_id)["state"] == "cancelled"


@pytest.mark.parametrize(
    "more",
    [
        {"plan": None},
        {"hardening": None},
        {"hardening": {"trials": 3}},
        {"hardening": {"fill_rate": 0.9, "suite": {"gate": []}}},
        {"hardening": {"suite": {"case": [{"name": "storm", "use": "typhoon"}]}}},
        {"hardening": {"suite": {"gate": [{"kpi": "luck", "at_least": 1}]}}},
        {"hardening": {"fill_rate": 0.9, "kinds": ["prayer"]}},
        {"kind": "stress"},
    ],
    ids=["no plan", "no wish", "no floor", "both", "no gates", "no such figure", "no such change",
         "another kind"],
)  # fmt: skip
def test_wrong_questions_are_refused(
    service: TestClient, plan: dict[str, Any], more: dict[str, Any]
) -> None:
    """At once, before anything runs."""
    assert harden(service, plan, more).status_code == 422
