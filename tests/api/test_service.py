"""The service over HTTP: hand in, run, follow, read, cancel - and every error in one form."""

from __future__ import annotations

import io
import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from scenarios import Scenario

from .conftest import ended

PROBLEM = "application/problem+json"


@pytest.fixture(scope="module")
def scenario_id(service: TestClient) -> str:
    """The corner shop, taken in."""
    answer = service.post("/v1/demo-scenarios/corner-shop")
    assert answer.status_code == 201
    return str(answer.json()["id"])


@pytest.fixture(scope="module")
def done(service: TestClient, scenario_id: str) -> dict[str, Any]:
    """A finished run of all stages on the corner shop."""
    body = {"kind": "pipeline", "scenario": scenario_id, "options": {"work": 1.0}}
    answer = service.post("/v1/runs", json=body)
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/runs/{answer.json()['id']}"
    run = ended(service, answer.json()["id"])
    assert run["state"] == "succeeded", run["reason"]
    return run


def test_a_run_makes_an_audited_plan(service: TestClient, done: dict[str, Any]) -> None:
    """A pipeline run ends with a plan whose every stage is audited."""
    plan = service.get(f"/v1/plans/{done['plan']}").json()
    assert {row["stage"] for row in plan["certificates"]} >= {"replenishment", "sourcing"}
    assert all(row["audited"] for row in plan["certificates"])
    assert plan["provenance"]["scenario_hash"] == done["revision"]


@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_a_plan_table_downloads_whole(service: TestClient, done: dict[str, Any], form: str) -> None:
    """Every file form holds as many rows as the pages count."""
    path = f"/v1/plans/{done['plan']}/tables/purchase_orders"
    total = service.get(path).json()["total_rows"]
    content = io.BytesIO(service.get(path, params={"format": form}).content)
    sheet = partial(pd.read_excel, engine="calamine")
    readers = {"csv": pd.read_csv, "parquet": pd.read_parquet, "xlsx": sheet}
    assert total > 0
    assert len(readers[form](content)) == total


def test_pages_join_to_the_whole_table(service: TestClient, done: dict[str, Any]) -> None:
    """Following next_page_token gives every row once."""
    path = f"/v1/plans/{done['plan']}/tables/forecast"
    rows, token = [], None
    while True:
        params = {"page_size": 37, **({"page_token": token} if token else {})}
        page = service.get(path, params=params).json()
        rows += page["rows"]
        token = page["next_page_token"]
        if token is None:
            break
    assert len(rows) == page["total_rows"]


def test_events_tell_the_whole_run_and_resume(service: TestClient, done: dict[str, Any]) -> None:
    """Server-sent events are numbered without gaps, and Last-Event-ID resumes after it."""
    path = f"/v1/runs/{done['id']}/events"
    text = service.get(path).text
    numbers = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    assert numbers == list(range(1, len(numbers) + 1))
    assert text.rstrip().splitlines()[-2] == "event: done"
    rest = service.get(path, headers={"Last-Event-ID": str(numbers[-2])}).text
    assert [line for line in rest.splitlines() if line.startswith("id: ")] == [f"id: {numbers[-1]}"]


def test_an_idempotency_key_queues_once(service: TestClient, scenario_id: str) -> None:
    """The same key and body give the same run; the same key with another body is refused."""
    body = {"kind": "pipeline", "scenario": scenario_id, "options": {"validate_only": True}}
    headers = {"Idempotency-Key": "night-1"}
    first = service.post("/v1/runs", json=body, headers=headers).json()
    second = service.post("/v1/runs", json=body, headers=headers).json()
    assert first["id"] == second["id"]
    other = service.post("/v1/runs", json={**body, "labels": {"a": "b"}}, headers=headers)
    assert other.status_code == 422


def test_a_run_can_be_cancelled(service: TestClient) -> None:
    """A cancelled run ends as cancelled, quickly, and cancelling again changes nothing."""
    scenario = service.post("/v1/demo-scenarios/double-eleven").json()["id"]
    body = {"kind": "pipeline", "scenario": scenario, "options": {"work": 5000.0}}
    run = service.post("/v1/runs", json=body).json()["id"]
    deadline = time.monotonic() + 30.0
    while service.get(f"/v1/runs/{run}").json()["share"] == 0.0 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert service.post(f"/v1/runs/{run}:cancel").status_code == 202
    assert service.post(f"/v1/runs/{run}:cancel").status_code == 202
    assert ended(service, run, 30.0)["state"] == "cancelled"


@pytest.mark.slow
def test_a_revision_is_the_parent_with_its_deltas(service: TestClient, scenario_id: str) -> None:
    """A delta gives a new content hash; a stale base is a conflict."""
    base = service.get(f"/v1/scenarios/{scenario_id}").json()["revision"]
    delta = {"table": "products", "op": "scale", "column": "unit_price", "value": 1.1}
    path = f"/v1/scenarios/{scenario_id}/revisions"
    made = service.post(path, json={"base": base, "deltas": [delta]})
    assert made.status_code == 201
    assert made.json()["revision"] != base
    stale = service.post(path, json={"base": base, "deltas": [delta]})
    assert stale.status_code == 409
    assert stale.headers["content-type"] == PROBLEM


def test_a_broken_scenario_is_refused_with_every_finding(
    service: TestClient, corner_shop: Scenario, tmp_path: Path
) -> None:
    """Two planted errors come back as two findings with table, row and column."""
    document = json.loads(corner_shop.save(tmp_path / "s.json").read_text(encoding="utf-8"))
    tables = document.get("tables", document)
    tables["products"][0]["unit_cost"] = "cheap"
    tables["inventory"][0]["product_id"] = "no such product"
    answer = service.post("/v1/scenarios", json=document)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    places = {(error["table"], error["column"]) for error in answer.json()["errors"]}
    assert {("products", "unit_cost"), ("inventory", "product_id")} <= places


@pytest.mark.parametrize("form", ["json", "xlsx", "zip"])
@pytest.mark.slow
def test_every_form_of_upload_keeps_the_hash(
    service: TestClient, corner_shop: Scenario, tmp_path: Path, form: str
) -> None:
    """What is handed in as JSON, workbook or zip has the hash of the scenario itself."""
    path = corner_shop.save(tmp_path / f"shop.{form}")
    answer = service.post("/v1/scenarios", files={"file": (path.name, path.read_bytes())})
    assert answer.status_code == 201, answer.text
    assert answer.json()["revision"] == corner_shop.content_hash


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/scenarios/scn_none", 404),
        ("GET", "/v1/runs/run_none", 404),
        ("GET", "/v1/runs/run_none/events", 404),
        ("POST", "/v1/runs/run_none:cancel", 404),
        ("GET", "/v1/plans/plan_none", 404),
        ("GET", "/v1/runs?page_token=%21%21", 422),
        ("GET", "/v1/runs?state=asleep", 422),
        ("POST", "/v1/demo-scenarios/none", 404),
        ("DELETE", "/v1/runs", 405),
        ("GET", "/v1/nowhere", 404),
    ],
)
def test_every_error_is_a_problem_document(
    service: TestClient, method: str, path: str, status: int
) -> None:
    """Errors of all kinds share one form, RFC 9457."""
    answer = service.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == PROBLEM
    assert {"type", "title", "status", "detail", "code", "errors"} <= set(answer.json())


def test_a_large_upload_is_refused(service: TestClient) -> None:
    """More than the limit is 413, whether or not the length is stated."""
    content = b"0" * (5 * 1024 * 1024)
    assert service.post("/v1/scenarios", files={"file": ("a.xlsx", content)}).status_code == 413
    headers = {"Content-Type": "application/json"}
    streamed = service.post("/v1/scenarios", content=iter([content]), headers=headers)
    assert streamed.status_code == 413


def test_another_content_type_is_refused(service: TestClient) -> None:
    """A body that is neither JSON nor a form is 415."""
    answer = service.post("/v1/scenarios", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_a_page_of_another_site_cannot_post(service: TestClient, scenario_id: str) -> None:
    """A browser that says the request comes from another site is refused."""
    headers = {"Sec-Fetch-Site": "cross-site"}
    body = {"kind": "pipeline", "scenario": scenario_id}
    assert service.post("/v1/runs", json=body, headers=headers).status_code == 403


def test_another_host_name_is_refused(service: TestClient) -> None:
    """A host name that the service does not know is refused, so that no name can be rebound."""
    assert service.get("/healthz", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.slow
def test_the_pages_show_the_plan(service: TestClient, done: dict[str, Any]) -> None:
    """Home, scenario, run and plan answer with pages that load nothing from outside."""
    for path in (
        "/",
        f"/scenarios/{done['scenario']}",
        f"/runs/{done['id']}",
        f"/plans/{done['plan']}",
    ):
        answer = service.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in answer.text
    assert "purchase_orders" in service.get(f"/plans/{done['plan']}/tables").text


def test_health_and_readiness(service: TestClient) -> None:
    """Both answer ok while the database and the blobs can be used, and a worker has come up."""
    assert service.get("/healthz").json()["status"] == "ok"
    patience = time.monotonic() + 60.0
    while (ready := service.get("/readyz").json())["status"] != "ok":
        assert ready["problems"] == ["no worker is alive: runs wait"]
        assert time.monotonic() < patience
        time.sleep(0.1)


@pytest.mark.slow
def test_explanations_are_paged_and_told_in_both_languages(
    service: TestClient, done: dict[str, Any]
) -> None:
    """All decisions of a plan, page by page; one by its id; those of a table; none for others."""
    path = f"/v1/plans/{done['plan']}/explanations"
    found: list[str] = []
    token = None
    while True:
        page = service.get(
            path, params={"page_size": 20} | ({"page_token": token} if token else {})
        )
        assert page.status_code == 200, page.text
        body = page.json()
        found += [one["decision_id"] for one in body["explanations"]]
        token = body["next_page_token"]
        if token is None:
            break
    assert len(found) == len(set(found)) == body["total_rows"]
    one = service.get(path, params={"decision_id": found[0]}).json()["explanations"]
    assert [part["decision_id"] for part in one] == found[:1]
    assert set(one[0]["sentences"]) == {"en", "zh"}
    stops = service.get(path, params={"table": "stops"}).json()
    assert stops["matching_rows"] == sum(name.startswith("stops:") for name in found)
    assert service.get(path, params={"decision_id": "stops:X/1"}).json()["matching_rows"] == 0
