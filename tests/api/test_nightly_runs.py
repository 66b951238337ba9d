"""Nights of the service: durable, published in the commit that ends them, reported."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

import api.nightly.night as night_module
from api.nightly.shelf import Kept
from api.runs import child
from api.runs.process import WorkerProcess
from api.runs.states import ENDED
from api.runs.supervision import Supervisor
from api.store.rows import DeliveryRow, PlanRow, PublicationRow, RunRow, TrailRow, WorkerRow
from api.words.language import Language
from api.words.said import said
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Findings
from scenarios.library import demo_scenario

from .conftest import Door, settings_for

SHOP = demo_scenario("corner-shop")
STAGES = ["forecasting", "replenishment"]
SURGE = {"kind": "demand_surge", "target": "all", "start": 3, "duration": 7, "severity": 1.5}
SUITE = {"name": "storms", "case": [{"name": "boom", "disruption": [SURGE]}]}
GATES = {"audit": [{}], "findings": [{"severity": "error", "max": 0}]}
SECONDS = 150.0


class Pipe:
    """Stands in for the pipe of a child: what it says is passed on to the supervisor."""

    def __init__(self, supervisor: Supervisor, attempt: Any) -> None:
        self.supervisor = supervisor
        self.attempt = attempt

    def send(self, message: tuple[str, dict[str, Any]]) -> None:
        """Pass a message on."""
        self.supervisor.pass_on(self.attempt, *message)


class Desk:
    """A service whose runs are done here, when they are asked for."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.http = door.http
        house = door.house
        self.database = house.database
        self.supervisor = Supervisor(house.database, house.settings, house.queue, "worker_here")
        self.scenario = door.desk.scenarios.keep(SHOP).id

    def submit(self, gates: dict[str, Any] | None = None, **options: Any) -> str:
        """Hand a night in."""
        own = {"suite": [SUITE]} | (GATES if gates is None else gates)
        body = {"kind": "nightly", "scenario": self.scenario, "stages": STAGES, "gates": own,
                "options": {"work": 0.5, "replications": 2, **options}}  # fmt: skip
        answer = self.http.post("/v1/runs", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def begin(self, run_id: str) -> Any:
        """Begin the next attempt."""
        attempt = self.supervisor.begin(run_id, self.run(run_id)["attempt"] + 1)
        assert attempt is not None
        return attempt

    def do(self, run_id: str) -> None:
        """Do a run as its process would."""
        attempt = self.begin(run_id)
        line = child._Line(Pipe(self.supervisor, attempt))  # type: ignore[arg-type]
        self.supervisor.finish(attempt, "done", child.run(attempt.task, line))

    def night(self, gates: dict[str, Any] | None = None) -> dict[str, Any]:
        """Hand a night in and do it."""
        run_id = self.submit(gates)
        self.do(run_id)
        return self.run(run_id)

    def run(self, run_id: str) -> dict[str, Any]:
        """Return a run."""
        answer: dict[str, Any] = self.http.get(f"/v1/runs/{run_id}").json()
        return answer

    def state(self, plan_id: str) -> str:
        """Return where a plan stands."""
        return str(self.http.get(f"/v1/plans/{plan_id}/publication").json()["state"])


@pytest.fixture(scope="module")
def parts() -> list[Plan]:
    """The plan of the corner shop as it was after each stage; the last is the whole."""
    held: list[Plan] = []
    whole = plan(SHOP, STAGES, work=0.5, staged=held.append)
    return [*held, whole]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service whose runs nobody takes but the test."""
    home = tmp_path_factory.mktemp("nights")
    door = Door(settings_for(home, webhook_hosts=("hooks.test",)), works=False)
    yield door
    door.close()


@pytest.fixture
def whole_desk(door: Door, monkeypatch: pytest.MonkeyPatch, parts: list[Plan]) -> Desk:
    """A scenario of its own, whose nights get the ready plan, and stress and audit it."""
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: parts[-1])
    return Desk(door)


@pytest.fixture
def desk(whole_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The same, but nights plan only: nothing is validated, stressed or audited again."""
    monkeypatch.setattr(night_module, "_stress", lambda _, made, *__: Kept("", {}, made))
    monkeypatch.setattr(night_module, "audited_again", lambda *_: ())
    monkeypatch.setattr(night_module, "validate", lambda _: Findings())
    return whole_desk


def test_a_sound_night_publishes_its_plan(whole_desk: Desk) -> None:
    """Succeeded, published in the name of the run, recorded in the trail, once."""
    desk = whole_desk
    run = desk.night({**GATES, "stress": [{"suite": "storms", "kpi": "fill_rate", "min": 0.01}]})
    assert (run["state"], run["reason"]) == ("succeeded", "")
    told = desk.http.get(f"/v1/plans/{run['plan']}/publication").json()
    assert (told["state"], told["published_by"]) == ("published", f"nightly run {run['id']}")
    with desk.database.session() as session:
        records = select(TrailRow).where(TrailRow.target == run["plan"]).order_by(TrailRow.number)
        assert [row.action for row in session.scalars(records)] == ["plan.kept", "plan.published"]


@pytest.mark.slow
def test_a_held_night_tells_and_waits_for_a_word(desk: Desk) -> None:
    """The run succeeds and says which gate holds its plan; yesterday's plan stays in force."""
    first = desk.night()
    hook = {"url": "https://hooks.test/", "events": ["gates.failed", "plan.published"]}
    desk.http.post("/v1/webhooks", json=hook)
    held = desk.night({"budget": [{"name": "budget", "max": 1.0}]})
    assert held["state"] == "succeeded"
    assert "budget" in held["reason"]
    assert (desk.state(first["plan"]), desk.state(held["plan"])) == ("published", "held")
    page = desk.http.get("/nightly", headers={"Accept-Language": "zh"}).text
    assert f"/v1/runs/{held['id']}/report?format=html&amp;language=zh" in page
    assert f'data-plan="{held["plan"]}"' in page
    assert escape(said(Language("zh"), held["reason"])) in page
    word = {"overrides": [{"gate": "budget", "reason": "festival"}]}
    answer = desk.http.post(f"/v1/plans/{held['plan']}:publish", json=word)
    assert answer.json()["state"] == "published"
    assert desk.state(first["plan"]) == "superseded"
    with desk.database.session() as session:
        told = [row.body["event"] for row in session.scalars(select(DeliveryRow))
                if row.body["run"] == held["id"]]  # fmt: skip
    assert told == ["gates.failed", "plan.published"]
    report = desk.http.get(f"/v1/runs/{held['id']}/report").json()
    assert report["outcome"] == "published"
    assert report["gates"]["results"][0]["override"]["reason"] == "festival"


@pytest.mark.slow
def test_the_published_plan_is_what_the_next_night_is_held_against(desk: Desk) -> None:
    """The same plan again: nothing changed, and every figure is as yesterday."""
    first = desk.night()
    second = desk.night({"nervousness": [{"measure": "purchase_days", "max": 0.0}]})
    assert desk.state(second["plan"]) == "published"
    report = desk.http.get(f"/v1/runs/{second['id']}/report").json()
    assert report["previous"] == first["plan"]
    assert report["gates"]["results"][0]["value"] == 0.0
    assert {row["change"] for row in report["kpis"]} <= {0.0, None}


def test_the_report_is_a_page_in_both_languages(desk: Desk) -> None:
    """It is served under a policy that lets nothing run and nothing load."""
    run = desk.night()
    path = f"/v1/runs/{run['id']}/report"
    for language, word in (("en", "Published"), ("zh", "已发布")):
        page = desk.http.get(path, params={"format": "html", "language": language})
        assert word in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert desk.http.get(path).json()["outcome"] == "published"


def test_a_failed_night_has_a_report_too(desk: Desk) -> None:
    """It says why; a night that has not ended has none yet, and other runs never have."""
    run_id = desk.submit()
    path = f"/v1/runs/{run_id}/report"
    assert desk.http.get(path).status_code == 409
    attempt = desk.begin(run_id)
    desk.supervisor.finish(attempt, "failed", {"detail": "no such file", "errors": []})
    report = desk.http.get(path).json()
    assert (report["outcome"], report["planned"]) == ("failed", {})
    assert "no such file" in report["reason"]
    assert desk.http.get(path, params={"format": "html"}).status_code == 200
    body = {"kind": "pipeline", "scenario": desk.scenario, "options": {"validate_only": True}}
    other = desk.http.post("/v1/runs", json=body).json()["id"]
    assert desk.http.get(f"/v1/runs/{other}/report").status_code == 404


def test_gates_are_read_when_the_night_is_handed_in(desk: Desk) -> None:
    """A mistake in them is told at once, with its place; other kinds of runs take no gates."""
    body = {"kind": "nightly", "scenario": desk.scenario, "gates": {"gap": [{"stage": 3}]}}
    answer = desk.http.post("/v1/runs", json=body)
    assert answer.status_code == 422
    assert {error["column"] for error in answer.json()["errors"]} == {"stage", "max"}
    body = {"kind": "pipeline", "scenario": desk.scenario, "gates": GATES}
    assert desk.http.post("/v1/runs", json=body).status_code == 422
    run = {"kind": "nightly", "scenario": desk.scenario, "gates": {"mood": []}}
    schedule = {"name": "night", "cron": "30 2 * * *", "run": run}
    assert desk.http.post("/v1/schedules", json=schedule).status_code == 422
    schedule["run"] = {**run, "gates": GATES}
    assert desk.http.post("/v1/schedules", json=schedule).status_code == 201


def test_an_attempt_goes_on_where_the_last_one_died(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, parts: list[Plan]
) -> None:
    """What was kept of the first attempt is not done again; the report says what was resumed."""
    begun: list[Plan | None] = []

    def dies(*_: Any, **more: Any) -> Plan:
        begun.append(more["begun"])
        if more["begun"] is None:
            more["staged"](parts[0])
            raise MemoryError
        return parts[-1]

    monkeypatch.setattr(night_module, "plan", dies)
    run_id = desk.submit()
    attempt = desk.begin(run_id)
    line = child._Line(Pipe(desk.supervisor, attempt))  # type: ignore[arg-type]
    with pytest.raises(MemoryError):
        child.run(attempt.task, line)
    desk.supervisor.finish(attempt, "crashed", {"reason": "its process ended with code -9"})
    desk.do(run_id)
    assert begun[1] is not None
    assert set(begun[1].table("certificates")["stage"]) == {"forecasting"}
    report = desk.http.get(f"/v1/runs/{run_id}/report").json()
    resumed = {step["name"]: step["resumed"] for step in report["steps"]}
    assert (resumed["validate"], resumed["plan"]) == (True, False)
    with desk.database.session() as session:
        assert session.get(RunRow, run_id).steps is None


@pytest.mark.slow
def test_a_late_night_does_not_push_out_a_newer_plan(desk: Desk) -> None:
    """A plan that was made and published while the night ended its commit stays in force."""
    run_id = desk.submit()
    attempt = desk.begin(run_id)
    line = child._Line(Pipe(desk.supervisor, attempt))  # type: ignore[arg-type]
    result = child.run(attempt.task, line)
    newer = desk.night()
    with desk.database.begin() as session:
        row = session.get(PlanRow, newer["plan"])
        row.created_at = row.created_at.replace(year=row.created_at.year + 1)
    desk.supervisor.finish(attempt, "done", result)
    late = desk.run(run_id)
    assert late["state"] == "succeeded"
    assert newer["plan"] in late["reason"]
    assert desk.state(newer["plan"]) == "published"


def until(desk: Desk, run_id: str, told: Any) -> RunRow:
    """Wait for a run's row to look as told."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with desk.database.session() as session:
            row = session.get(RunRow, run_id)
        if told(row):
            return row
        time.sleep(0.02)
    raise AssertionError(f"run {run_id} stays {row.state} in attempt {row.attempt}: {row.reason}")


@pytest.mark.faults
def test_a_night_killed_in_the_middle_completes_once(tmp_path: Path) -> None:
    """Kill -9 of the one of two workers that has it, when the plan is made: the other stresses it.

    Nothing is done twice: the plan is taken from the first attempt, and there is one plan, one
    publication and one record of it.
    """
    door = Door(settings_for(tmp_path, beat_seconds=1.0, queue_poll_seconds=0.05), works=False)
    desk = Desk(door)
    workers = [WorkerProcess(door.house.settings) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        gates = {**GATES, "stress": [{"kpi": "fill_rate", "min": 0.01}]}
        run_id = desk.submit(gates, replications=300)
        row = until(desk, run_id, lambda row: "plan" in (row.steps or {}) or row.state in ENDED)
        assert row.state == "running"
        killed = row.attempt
        with desk.database.session() as session:
            pid = session.get(WorkerRow, row.worker_id).pid
        os.kill(pid, signal.SIGKILL)
        row = until(desk, run_id, lambda row: row.state in ENDED)
        assert row.state == "succeeded", row.reason
        assert row.attempt > killed
        assert row.deaths >= 1
        with desk.database.session() as session:
            plans = session.scalars(select(PlanRow).where(PlanRow.run_id == run_id)).all()
            published = session.scalars(select(PublicationRow)).all()
            records = session.scalars(select(TrailRow).where(TrailRow.action == "plan.published"))
            assert [p.id for p in plans] == [p.plan_id for p in published] == [row.plan_id]
            assert len(records.all()) == 1
        report = desk.http.get(f"/v1/runs/{run_id}/report").json()
        resumed = {step["name"]: step["resumed"] for step in report["steps"]}
        assert resumed == {"validate": True, "plan": True, "stress storms": False, "gates": False}
        assert report["gates"]["decision"] == "publish"
    finally:
        for worker in workers:
            worker.stop()
        door.close()
