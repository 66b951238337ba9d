"""Publishing: gates decide, people may override with a reason, rows are decided one by one."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from api.operations.retention import OWNED, forget_old_runs
from api.runs.nights import JUDGEMENT_FILE
from api.security.keys import Scope
from api.security.trail import verified
from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, TenantOwned, TrailRow, new_id, utc_now
from optimizer.gates import Dated, Evidence, judge, read_gates
from optimizer.plan import Plan, Provenance
from scenarios.library import demo_scenario

from .conftest import Door, settings_for

SHOP = demo_scenario("corner-shop")
START = SHOP.settings.start_date
LINES = pd.DataFrame(
    {
        "order_id": ["PO-1", "PO-1", "PO-2"],
        "line": [1, 2, 1],
        "supplier_id": ["S1", "S1", "S2"],
        "product_id": ["A", "B", "A"],
        "site_id": ["W", "W", "W"],
        "order_on": START,
        "due_on": START + dt.timedelta(days=3),
        "qty": [320.0, 10.0, 5.0],
        "unit_cost": [2.0, 1.5, 4.0],
        "cost": [640.0, 15.0, 20.0],
        "status": "proposed",
    }
)


def plan_of(*, audited: bool = True) -> Plan:
    """A plan of three purchase lines, as a run of stage replenishment leaves it."""
    certificate = {
        "stage": "replenishment",
        "engine": "own",
        "status": "feasible",
        "termination": "work_limit",
        "objective": 675.0,
        "bound": 670.0,
        "gap_pct": 0.74,
        "wall_seconds": 1.0,
        "audited": audited,
    }
    provenance = Provenance(SHOP.content_hash, "0", {}, 0, {}, made_at=utc_now().isoformat())
    return Plan(provenance, {"purchase_orders": LINES, "certificates": pd.DataFrame([certificate])})


class Desk:
    """A service with a scenario, and the means to put plans into it."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.http: TestClient = door.http
        self.scenario = self.door.desk.scenarios.keep(SHOP).id

    def keep(self, plan: Plan, gates: dict[str, Any] | None = None) -> str:
        """Put a plan into the store as if a run had made it, with its gates where there are any."""
        files, decision = {}, None
        if gates is not None:
            evidence = Evidence(Dated.of(plan, SHOP.settings), findings={})
            judgement = judge(read_gates(gates), evidence)
            decision = judgement.decision
            files = {JUDGEMENT_FILE: json.dumps(judgement.document()).encode()}
        here = self.door.desk
        with here.database.begin() as session:
            run = RunRow(
                id=new_id("run"), kind="pipeline", state="succeeded", scenario_id=self.scenario,
                revision=SHOP.content_hash, request={}, labels={}, ended_at=utc_now(),
            )  # fmt: skip
            session.add(run)
            session.flush()
            row = PlanRow(
                id=new_id("plan"), run_id=run.id, scenario_id=self.scenario,
                revision=SHOP.content_hash, manifest=put_plan(here.blobs, plan, files),
                decision=decision,
            )  # fmt: skip
            session.add(row)
            session.flush()
            run.plan_id = row.id
        return str(row.id)

    def state(self, plan_id: str) -> str:
        """Return where a plan stands."""
        return str(self.http.get(f"/v1/plans/{plan_id}/publication").json()["state"])

    def trail(self, action: str, target: str) -> list[TrailRow]:
        """Return records of the trail."""
        query = select(TrailRow).where(TrailRow.action == action, TrailRow.target == target)
        with self.door.desk.database.session() as session:
            return list(session.scalars(query))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service whose runs nobody takes."""
    door = Door(settings_for(tmp_path_factory.mktemp("publishing")), works=False)
    yield door
    door.close()


@pytest.fixture
def desk(door: Door) -> Desk:
    """A scenario of its own in the service."""
    return Desk(door)


BUDGET = {"budget": [{"name": "budget", "max": 600.0}]}


def test_a_sound_plan_is_published_once(desk: Desk) -> None:
    """The trail says who, when and the hash of the plan; doing it again changes nothing."""
    plan = desk.keep(plan_of())
    first = desk.http.post(f"/v1/plans/{plan}:publish")
    again = desk.http.post(f"/v1/plans/{plan}:publish", json={})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["state"] == "published"
    records = desk.trail("plan.published", plan)
    assert len(records) == 1
    assert records[0].detail["plan_hash"] == first.json()["plan_hash"]
    assert "first key" in records[0].actor
    assert not verified(desk.door.house.database)[0].breaks


def test_a_plan_that_is_not_audited_is_held(desk: Desk) -> None:
    """Without gates of its own a plan must pass the usual ones; the answer names the gate."""
    plan = desk.keep(plan_of(audited=False))
    answer = desk.http.post(f"/v1/plans/{plan}:publish")
    assert (answer.status_code, answer.json()["code"]) == (409, "gates_failed")
    assert [error["column"] for error in answer.json()["errors"]] == ["audit"]
    assert desk.state(plan) == "draft"


def test_a_failed_gate_needs_a_reason(desk: Desk) -> None:
    """675 of purchases against a budget of 600: held, until somebody says why it may go out."""
    plan = desk.keep(plan_of(), BUDGET)
    assert desk.state(plan) == "held"
    assert desk.http.post(f"/v1/plans/{plan}:approve").status_code == 409
    wishes = {"overrides": [{"gate": "budget", "reason": "festival stock, agreed with finance"}]}
    answer = desk.http.post(f"/v1/plans/{plan}:approve", json=wishes)
    assert answer.status_code == 200
    told = answer.json()["judgement"]["results"][0]["override"]
    assert told["reason"] == "festival stock, agreed with finance"
    assert "first key" in told["by"]
    record = desk.trail("plan.approved", plan)[0]
    assert record.detail["overrides"] == [{"gate": "budget", "reason": told["reason"]}]
    assert desk.http.post(f"/v1/plans/{plan}:publish").json()["state"] == "published"


def test_an_override_names_a_gate_that_holds(desk: Desk) -> None:
    """A word on another gate is refused rather than taken for this one."""
    plan = desk.keep(plan_of(), BUDGET)
    wishes = {"overrides": [{"gate": "weather", "reason": "sunny"}]}
    answer = desk.http.post(f"/v1/plans/{plan}:publish", json=wishes)
    assert answer.status_code == 422
    assert "budget" in answer.json()["detail"]


def test_an_older_plan_gives_way(desk: Desk) -> None:
    """Once a newer plan is out, the older can be neither published, approved nor edited."""
    old, new = desk.keep(plan_of()), desk.keep(plan_of())
    assert desk.http.post(f"/v1/plans/{new}:publish").status_code == 200
    for call in ("publish", "approve"):
        assert desk.http.post(f"/v1/plans/{old}:{call}").status_code == 409
    body = {"decisions": [{"key": "PO-1/1", "verdict": "approved"}]}
    assert desk.http.post(f"/v1/plans/{old}:decide-rows", json=body).status_code == 409


def test_one_plan_of_a_scenario_holds(desk: Desk) -> None:
    """The list by state has the newest publication; the one before it is superseded."""
    first, second, third = (desk.keep(plan_of()) for _ in range(3))
    for plan in (first, second):
        assert desk.http.post(f"/v1/plans/{plan}:publish").status_code == 200

    def listed(state: str) -> list[str]:
        params = {"state": state, "scenario": desk.scenario}
        return [plan["id"] for plan in desk.http.get("/v1/plans", params=params).json()["plans"]]

    assert listed("published") == [second]
    assert listed("superseded") == [first]
    assert listed("draft") == [third]
    assert listed("held") == listed("approved") == []


def test_plans_are_paged_newest_first(desk: Desk) -> None:
    """Following the token gives every plan once."""
    made = [desk.keep(plan_of()) for _ in range(3)]
    params = {"page_size": 2, "scenario": desk.scenario}
    first = desk.http.get("/v1/plans", params=params).json()
    params["page_token"] = first["next_page_token"]
    second = desk.http.get("/v1/plans", params=params).json()
    assert [p["id"] for p in first["plans"] + second["plans"]] == made[::-1]
    assert second["next_page_token"] is None


def test_publishing_needs_its_scope(desk: Desk) -> None:
    """A key that may read and plan may not approve."""
    plan = desk.keep(plan_of())
    keys = desk.door.house.keys
    key = keys.make(desk.door.desk.database, "planner", [Scope.READ, Scope.PLAN])
    headers = {"Authorization": f"Bearer {key.secret}"}
    body = {"decisions": [{"key": "PO-1/1", "verdict": "approved"}]}
    for call in ("publish", "approve", "decide-rows"):
        answer = desk.http.post(f"/v1/plans/{plan}:{call}", json=body, headers=headers)
        assert answer.status_code == 403, call


def test_the_planner_edits_rejects_and_approves_lines(desk: Desk) -> None:
    """500 instead of 320 at 2.00 cost 1,000; the rejected line is not exported; the plan stays."""
    plan = desk.keep(plan_of())
    body = {
        "decisions": [
            {"key": "PO-1/1", "verdict": "approved", "qty": 500, "note": "festival"},
            {"key": "PO-1/2", "verdict": "rejected"},
        ]
    }
    answer = desk.http.post(f"/v1/plans/{plan}:decide-rows", json=body)
    assert [row["key"] for row in answer.json()["decisions"]] == ["PO-1/1", "PO-1/2"]
    path = f"/v1/plans/{plan}/purchase-orders"
    rows = desk.http.get(path).json()["rows"]
    assert [(r["key"], r["qty"], r["planned_qty"], r["cost"], r["status"]) for r in rows] == [
        ("PO-1/1", 500.0, 320.0, 1000.0, "approved")
    ]
    every = desk.http.get(path, params={"rows": "all"}).json()["rows"]
    assert [row["verdict"] for row in every] == ["approved", "rejected", "undecided"]
    table = desk.http.get(f"/v1/plans/{plan}/tables/purchase_orders").json()["rows"]
    assert [row["qty"] for row in table] == [320.0, 10.0, 5.0]
    readers = {
        "csv": pd.read_csv,
        "parquet": pd.read_parquet,
        "xlsx": partial(pd.read_excel, engine="calamine"),
        "ndjson": partial(pd.read_json, lines=True),
    }
    for form, read in readers.items():
        file = io.BytesIO(desk.http.get(path, params={"format": form}).content)
        assert read(file)["qty"].tolist() == [500.0], form


def test_approval_of_the_whole_takes_what_nobody_decided(desk: Desk) -> None:
    """Lines without a decision count as approved as planned; the rejected one stays out."""
    plan = desk.keep(plan_of())
    body = {"decisions": [{"key": "PO-1/2", "verdict": "rejected"}]}
    desk.http.post(f"/v1/plans/{plan}:decide-rows", json=body)
    desk.http.post(f"/v1/plans/{plan}:approve")
    rows = desk.http.get(f"/v1/plans/{plan}/purchase-orders").json()["rows"]
    assert [(row["key"], row["qty"]) for row in rows] == [("PO-1/1", 320.0), ("PO-2/1", 5.0)]


def test_the_last_decision_about_a_row_stands(desk: Desk) -> None:
    """Taken back, a decision is gone from the table and stays in the trail."""
    plan = desk.keep(plan_of())
    path = f"/v1/plans/{plan}:decide-rows"
    for verdict in ("approved", "rejected", "undecided"):
        body = {"decisions": [{"key": "PO-2/1", "verdict": verdict}]}
        answer = desk.http.post(path, json=body)
    assert answer.json()["decisions"] == []
    assert len(desk.trail("rows.decided", plan)) == 3


def test_wrong_decisions_are_told_at_once_and_none_is_taken(desk: Desk) -> None:
    """An unknown row, a row named twice and a quantity of a rejected row: three findings."""
    plan = desk.keep(plan_of())
    body = {
        "decisions": [
            {"key": "PO-1/1", "verdict": "approved"},
            {"key": "PO-1/1", "verdict": "approved"},
            {"key": "PO-9/1", "verdict": "approved"},
            {"key": "PO-2/1", "verdict": "rejected", "qty": 3},
        ]
    }
    answer = desk.http.post(f"/v1/plans/{plan}:decide-rows", json=body)
    assert answer.status_code == 422
    codes = [(error["row"], error["code"]) for error in answer.json()["errors"]]
    assert codes == [(2, "named_twice"), (3, "unknown_row"), (4, "bad_value")]
    assert desk.http.get(f"/v1/plans/{plan}/row-decisions").json()["decisions"] == []


def test_the_published_plan_is_not_forgotten(desk: Desk) -> None:
    """Tidying keeps what is published and takes the decisions of what goes along."""
    published, old, newest = (desk.keep(plan_of()) for _ in range(3))
    assert desk.http.post(f"/v1/plans/{published}:publish").status_code == 200
    body = {"decisions": [{"key": "PO-1/1", "verdict": "approved"}]}
    assert desk.http.post(f"/v1/plans/{old}:decide-rows", json=body).status_code == 200
    with desk.door.desk.database.begin() as session:
        for run in session.scalars(select(RunRow).where(RunRow.scenario_id == desk.scenario)):
            run.ended_at = utc_now() - dt.timedelta(days=9)
    assert forget_old_runs(desk.door.desk.database, 7) == 1
    params = {"scenario": desk.scenario}
    left = {plan["id"] for plan in desk.http.get("/v1/plans", params=params).json()["plans"]}
    assert left == {published, newest}


def test_a_deleted_tenant_leaves_nothing() -> None:
    """Every table that belongs to a tenant is among those that its deletion empties."""
    assert set(OWNED) == set(TenantOwned.__subclasses__())
