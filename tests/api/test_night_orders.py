"""The service's nights know what published plans have ordered and what suppliers confirmed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

import api.nightly.night as night_module
from api.nightly.shelf import Kept
from api.runs.schedules import start_due
from api.security.trail import verified
from api.store.documents import get_plan, get_scenario
from api.store.rows import ConfirmationRow, PlanRow, RevisionRow, ScheduleRow, TrailRow, new_id
from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.rerun import rerun
from scenarios import Findings, Scenario
from scenarios.library import demo_scenario

from .conftest import Door, settings_for
from .test_nightly_runs import STAGES, Desk

SHOP = demo_scenario("corner-shop")
START = SHOP.settings.start_date
DAY = dt.timedelta(days=1)
FIXED = {"kind": "nightly", "stages": STAGES, "gates": {"findings": [{"severity": "error",
         "max": 0}]}, "options": {"work": 0.5}}  # fmt: skip


@pytest.fixture(scope="module")
def first_plan() -> Plan:
    """The plan of the first night, without its larger tables; it orders on the first day."""
    made = plan(SHOP, STAGES, work=0.5)
    kept = {name: made.table(name) for name in ("purchase_orders", "certificates", "kpis")}
    return Plan(made.provenance, kept, made.notes)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service whose runs nobody takes but the test."""
    made = Door(settings_for(tmp_path_factory.mktemp("orders")), works=False)
    yield made
    made.close()


class Office(Desk):
    """A scenario whose nights are handed in, done, approved, and followed by imports."""

    def night(self, **more: Any) -> dict[str, Any]:  # type: ignore[override]
        """Hand a night in and do it."""
        answer = self.http.post("/v1/runs", json={**FIXED, "scenario": self.scenario, **more})
        assert answer.status_code == 202, answer.text
        run_id = str(answer.json()["id"])
        self.do(run_id)
        run = self.run(run_id)
        assert run["state"] == "succeeded", run["reason"]
        return run

    def approve(self, run: dict[str, Any]) -> None:
        """Approve a night's plan as a whole."""
        answer = self.http.post(f"/v1/plans/{run['plan']}:approve", json={})
        assert answer.status_code == 200, answer.text

    def head(self) -> str:
        """Return the newest revision."""
        return str(self.http.get(f"/v1/scenarios/{self.scenario}").json()["revision"])

    def imports(self, day: int, *rows: dict[str, Any], gone: tuple[str, ...] = ()) -> str:
        """Make the next day's import: its first day, and open orders that came or went."""
        start = (START + day * DAY).isoformat()
        deltas: list[dict[str, Any]] = [
            {"table": "settings", "op": "set", "column": "start_date", "value": start}
        ]
        if rows:
            deltas.append({"table": "open_orders", "op": "upsert", "value": list(rows)})
        if gone:
            keys = [dict(zip(("order_id", "line"), key.split("/"), strict=True)) for key in gone]
            deltas.append({"table": "open_orders", "op": "delete", "value": keys})
        path = f"/v1/scenarios/{self.scenario}/revisions"
        answer = self.http.post(path, json={"base": self.head(), "deltas": deltas})
        assert answer.status_code == 201, answer.text
        return self.head()

    def planned(self, run: dict[str, Any]) -> Scenario:
        """Return what a night planned."""
        with self.database.session() as session:
            row = session.get(RevisionRow, (self.scenario, run["revision"]))
        assert row is not None
        return get_scenario(self.door.house.blobs, row.manifest)

    def report(self, run: dict[str, Any]) -> dict[str, Any]:
        """Return a night's report."""
        told: dict[str, Any] = self.http.get(f"/v1/runs/{run['id']}/report").json()
        return told

    def confirmed(self, line: dict[str, Any], **more: Any) -> str:
        """Let a supplier confirm a line of which two units less come, three days later."""
        due = dt.date.fromisoformat(line["due_on"])
        row = ConfirmationRow(
            id=new_id("cfm"), scenario_id=self.scenario, partner_kind="supplier",
            partner_id=line["source_id"], key_id="key_x", order_id=line["order_id"],
            line=line["line"], product_id=line["product_id"], site_id=line["site_id"],
            ordered_on=START, ordered_qty=line["qty"], ordered_due_on=due,
            qty=line["qty"] - 2.0, due_on=due + 3 * DAY, state="pending",
        )  # fmt: skip
        for name, value in more.items():
            setattr(row, name, value)
        with self.door.desk.database.begin() as session:
            session.add(row)
        return str(row.id)

    def trail(self, action: str) -> list[TrailRow]:
        """Return the records of an action about the scenario."""
        query = select(TrailRow).where(TrailRow.action == action, TrailRow.target == self.scenario)
        with self.database.session() as session:
            return list(session.scalars(query))


@pytest.fixture
def office(door: Door, monkeypatch: pytest.MonkeyPatch, first_plan: Plan) -> Office:
    """Nights get the ready plan; nothing is validated, stressed or audited again."""
    monkeypatch.setattr(night_module, "plan", lambda *_, **__: first_plan)
    monkeypatch.setattr(night_module, "_stress", lambda _, made, *__: Kept("", {}, made))
    monkeypatch.setattr(night_module, "audited_again", lambda *_: ())
    monkeypatch.setattr(night_module, "validate", lambda _: Findings())
    return Office(door)


def tonight(made: Plan) -> list[dict[str, Any]]:
    """Return the lines that a plan orders on the first day, as an import would have them."""
    lines = made.table("purchase_orders")
    return [
        {"order_id": row.order_id, "line": str(int(row.line)), "kind": "purchase",
         "source_id": row.supplier_id, "site_id": row.site_id, "product_id": row.product_id,
         "qty": row.qty, "ordered_on": START.isoformat(),
         "due_on": row.due_on.date().isoformat()}
        for row in lines[lines["order_on"] == pd.Timestamp(START)].itertuples()
    ]  # fmt: skip


def keys(scenario: Scenario) -> set[str]:
    """Return the keys of open orders."""
    rows = scenario.table("open_orders")
    return set(rows["order_id"] + "/" + rows["line"])


def names(rows: list[dict[str, Any]]) -> set[str]:
    """Return the keys of rows."""
    return {f"{row['order_id']}/{row['line']}" for row in rows}


def test_two_nights_order_nothing_twice(
    office: Office, monkeypatch: pytest.MonkeyPatch, first_plan: Plan
) -> None:
    """The second night is planned for truth: what is approved is on its way, and it says so."""
    office.approve(office.night())
    head = office.imports(1)
    monkeypatch.setattr(night_module, "plan", plan)
    run = office.night()
    assert run["revision"] != head
    assert office.head() == head
    lines = tonight(first_plan)
    assert names(lines) <= keys(office.planned(run))
    with office.database.session() as session:
        row = session.get(PlanRow, run["plan"])
    assert row is not None
    made = get_plan(office.door.house.blobs, row.manifest)
    pairs = {(line["product_id"], line["site_id"]) for line in lines}
    again = made.table("purchase_orders")
    assert not pairs & set(zip(again["product_id"], again["site_id"], strict=True))
    told = office.report(run)
    assert told["on_order"]["lines"] == len(lines)
    assert told["findings"]["counts"]["info"] >= len(lines)
    assert office.trail("orders.counted")[0].detail["lines"] == len(lines)
    assert rerun(made, office.planned(run)).same


def test_what_nobody_approved_is_no_order(office: Office) -> None:
    """A published plan alone orders nothing here: the import is planned as it is."""
    office.night()
    head = office.imports(1)
    run = office.night()
    assert run["revision"] == head
    assert office.report(run)["on_order"]["lines"] == 0


def test_decisions_about_lines_count(office: Office, first_plan: Plan) -> None:
    """One line rejected, one with four units: one is on order, with four."""
    first = office.night()
    key, other = sorted(names(tonight(first_plan)))[:2]
    body = {"table": "purchase_orders", "decisions": [
        {"key": key, "verdict": "approved", "qty": 4.0}, {"key": other, "verdict": "rejected"},
    ]}  # fmt: skip
    answer = office.http.post(f"/v1/plans/{first['plan']}:decide-rows", json=body)
    assert answer.status_code == 200, answer.text
    office.imports(1)
    told = office.report(office.night())["on_order"]
    assert [(f"{row['order_id']}/{row['line']}", row["qty"]) for row in told["first"]] == [
        (key, 4.0)
    ]


def test_an_import_that_has_caught_up_is_planned_as_it_is(office: Office, first_plan: Plan) -> None:
    """Its orders are not added to it; nor once they have come and are gone from it again."""
    office.approve(office.night())
    lines = tonight(first_plan)
    head = office.imports(1, *lines)
    run = office.night()
    assert run["revision"] == head
    assert office.report(run)["on_order"]["in_import"] == len(lines)
    head = office.imports(2, gone=tuple(names(lines)))
    run = office.night()
    assert run["revision"] == head
    assert office.report(run)["on_order"]["lines"] == 0


@pytest.mark.slow
def test_a_night_without_an_import_counts_the_same_lines(office: Office, first_plan: Plan) -> None:
    """What an earlier night added itself is no sign that the import has it."""
    office.approve(office.night())
    office.imports(1)
    revisions = {office.night()["revision"] for _ in range(2)}
    assert len(revisions) == 1
    office.imports(2)
    assert names(tonight(first_plan)) <= keys(office.planned(office.night()))


def test_confirmations_wait_for_a_planner(office: Office, first_plan: Plan) -> None:
    """By default the night plans without them, and says how many wait."""
    line = tonight(first_plan)[0]
    office.confirmed(line)
    head = office.head()
    told = office.report(office.night())
    assert told["on_order"]["waiting"] == 1
    assert "confirmations_waiting" in {row["code"] for row in told["findings"]["by_rule"]}
    assert office.head() == head
    assert not office.trail("confirmations.applied")


@pytest.mark.slow
def test_what_a_planner_applied_is_in_the_next_night(office: Office, first_plan: Plan) -> None:
    """With no other command, and with the rest of its order, whether or not an import wipes it."""
    office.approve(office.night())
    lines = tonight(first_plan)
    office.confirmed(lines[0])
    path = f"/v1/scenarios/{office.scenario}/confirmations:apply"
    assert office.http.post(path, json={}).status_code == 200
    key = f"{lines[0]['order_id']}/{lines[0]['line']}"
    for wiped in ((), (key,)):
        office.imports(1 + len(wiped), gone=wiped)
        rows = office.planned(office.night()).table("open_orders")
        rows = rows.set_index(rows["order_id"] + "/" + rows["line"])
        assert names(lines) <= set(rows.index)
        assert rows.loc[key, "qty"] == lines[0]["qty"] - 2.0
        assert rows.loc[key, "due_on"] == pd.Timestamp(lines[0]["due_on"]) + 3 * DAY


def test_a_night_applies_confirmations_where_it_is_asked_to(
    office: Office, first_plan: Plan
) -> None:
    """In the name of who hands it in, on record in a chain that holds."""
    line = tonight(first_plan)[0]
    name = office.confirmed(line)
    run = office.night(confirmations="apply")
    assert f"{line['order_id']}/{line['line']}" in keys(office.planned(run))
    [record] = office.trail("confirmations.applied")
    assert record.actor
    assert record.detail["confirmations"][0]["id"] == name
    assert office.report(run)["on_order"]["waiting"] == 0
    assert not any(result.breaks for result in verified(office.database))


def test_a_schedule_applies_confirmations_in_its_own_name(office: Office, first_plan: Plan) -> None:
    """The record names the schedule."""
    office.confirmed(tonight(first_plan)[0])
    body = {"name": "night", "cron": "30 2 * * *", "timezone": "UTC",
            "run": {**FIXED, "scenario": office.scenario, "confirmations": "apply"}}  # fmt: skip
    made = office.http.post("/v1/schedules", json=body)
    assert made.status_code == 201, made.text
    house = office.door.house
    later = dt.datetime.now(dt.UTC) + 2 * DAY
    start_due(house.database, house.blobs, house.queue, house.settings, lambda: later)
    [record] = office.trail("confirmations.applied")
    assert made.json()["id"] in record.actor
    with office.database.begin() as session:
        session.delete(session.get(ScheduleRow, made.json()["id"]))


def test_a_confirmation_that_cannot_be_applied_keeps_no_night_from_being_planned(
    office: Office, first_plan: Plan
) -> None:
    """Of a product that is gone: it waits on, and the report warns."""
    office.confirmed(tonight(first_plan)[0], product_id="GONE")
    told = office.report(office.night(confirmations="apply"))
    assert told["on_order"]["waiting"] == 1
    rules = {row["code"]: row["severity"] for row in told["findings"]["by_rule"]}
    assert rules["confirmations_put_off"] == "warning"
    assert not office.trail("confirmations.applied")


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "pipeline", "gates": None, "confirmations": "apply"},
        {"kind": "pipeline", "gates": None, "ordered_days": 3},
        {"confirmations": "apply", "revision": "0" * 64},
        {"ordered_days": 91},
    ],
)
def test_what_makes_no_sense_is_refused(office: Office, more: dict[str, Any]) -> None:
    """Options of nights elsewhere, confirmations on a named revision, too many days."""
    body = {**FIXED, "scenario": office.scenario, **more}
    assert office.http.post("/v1/runs", json=body).status_code in (404, 422)
