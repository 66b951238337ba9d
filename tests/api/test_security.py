"""Keys, scopes, tenants and the audit trail, each attacked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from sqlalchemy import delete, select, update

from api.routes.context import COOKIE, Context
from api.security.keys import Scope
from api.security.trail import verified
from api.settings import ServiceSettings
from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, ScenarioRow, TrailRow, new_id
from optimizer.plan import Plan, Provenance
from scenarios.deltas import apply, read_deltas
from scenarios.library import demo_scenario

from .conftest import Door, settings_for

OPEN = {"/healthz", "/readyz", "/metrics", "/openapi.json", "/sign-in", "/sign-out", "/static",
        "/preferences", "/words/en.js",
        "/v1/schema", "/v1/templates/scenario.xlsx", "/v1/demo-scenarios"}  # fmt: skip
NAMING = re.compile(
    r"(\w+_)?(scenario|revision|base|baseline|candidates?|run|plan|previous|against|schedule"
    r"|webhook|report|comparison)s?(_ids?)?"
)


class Street:
    """A service with two tenants; the first has a scenario, a run and a plan."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.door = Door(settings, works=False)
        keys, database = self.door.house.keys, self.door.house.database
        self.other = database.of(keys.new_tenant("other"), "test")
        self.other_secret = keys.make(self.other, "theirs", list(Scope)).secret
        who = keys.known(self.other_secret)
        assert who is not None
        theirs = apply(demo_scenario("corner-shop"), read_deltas([self.change(2)]))
        others = self.door.house.as_seen_by(who)
        self.other_scenario = others.scenarios.keep(theirs)
        _, self.other_plan = planned(others, self.other_scenario)
        desk = self.door.desk
        self.scenario = desk.scenarios.keep(demo_scenario("corner-shop"))
        self.run, self.plan = planned(desk, self.scenario)
        self.key = keys.make(desk.database, "for the night", [Scope.READ]).id
        body = {"name": "night", "cron": "30 2 * * *", "run": self.body("/v1/runs")["json"]}
        self.schedule = self.door.http.post("/v1/schedules", json=body).json()["id"]
        told = {"url": "https://hooks.test/", "events": ["run.failed"]}
        self.webhook = self.door.http.post("/v1/webhooks", json=told).json()["id"]

    @staticmethod
    def change(seed: int) -> dict[str, Any]:
        """Return a change of a scenario."""
        return {"table": "settings", "op": "set", "column": "seed", "value": seed}

    def call(self, method: str, path: str, secret: str = "", **more: Any) -> Any:
        """Call the service with a key, or with none."""
        headers = {"Authorization": f"Bearer {secret}", **more.pop("headers", {})}
        return self.door.http.request(method, path, headers=headers, follow_redirects=False, **more)

    @property
    def ids(self) -> dict[str, str]:
        """What stands for each parameter of a path: the first tenant's, whatever it is."""
        return {"scenario_id": self.scenario.id, "run_id": self.run, "plan_id": self.plan,
                "content_hash": self.scenario.head, "name": "kpis", "schedule_id": self.schedule,
                "webhook_id": self.webhook, "key_id": self.key, "code": "en",
                "order_id": "PO-1"}  # fmt: skip

    def routes(self) -> list[tuple[str, str]]:
        """Return every method and path, with the first tenant's ids in it.

        KeyError where a route has a parameter for which `ids` has nothing.
        """
        ids = self.ids
        return [
            (method, re.sub(r"{(\w+)(?::\w+)?}", lambda m: ids[m.group(1)], route.path or ""))
            for route in iter_route_contexts(self.door.app.routes)
            for method in sorted(route.methods or {"GET"})
            if method not in ("HEAD", "OPTIONS")
        ]

    def body(self, path: str) -> dict[str, Any]:
        """Return a request as good as any, but for whose ids it names."""
        order = {"order_id": "N1", "zone_id": "Z", "placed_at": "2026-03-02T09:00:00",
                 "lines": [{"product_id": "P", "qty": 1.0}]}  # fmt: skip
        if path.endswith("/revisions"):
            return {"json": {"base": self.scenario.head, "deltas": [self.change(2)]}}
        if path == "/v1/runs":
            return {"json": {"kind": "pipeline", "scenario": self.scenario.id}}
        if path == "/v1/comparisons":
            return {"json": {"baseline": self.plan, "candidates": [self.plan]}}
        if path == "/v1/schedules":
            run = {"kind": "pipeline", "scenario": self.scenario.id}
            return {"json": {"name": "night", "cron": "30 2 * * *", "run": run}}
        if path == "/v1/webhooks":
            return {"json": {"url": "https://hooks.test/", "events": ["run.failed"]}}
        if path == "/v1/sourcing:decide":
            return {"json": {"plan": self.plan, "order": order}}
        if path.endswith((":publish", ":approve")):
            return {"json": {"overrides": []}}
        if path.endswith(":what-if"):
            return {"json": {"decision": "site W1 closed", "wait_seconds": 0}}
        if path.endswith("/promotions:simulate"):
            return {"json": {"promotion": "COFFEE_WEEK", "uplifts_pct": [50]}}
        if path.endswith("/risks:simulate"):
            return {"json": {"risk": "lead_time:supplier:FARM"}}
        if path.endswith("/harden"):
            return {"data": {"percent": "90"}}
        if path.endswith("/promotions"):
            return {"data": {"promotion": "COFFEE_WEEK", "expected": "50"}}
        if path.endswith("/promotions/changes"):
            return {"data": {"run": self.run}}
        if path.endswith("/risks"):
            return {"data": {"risk": "lead_time:supplier:FARM"}}
        if path.endswith((":apply", ":reject")):
            return {"json": {"ids": ["cfm_1"]}}
        if path.endswith(":confirm"):
            return {"json": {"lines": [{"line": "1", "qty": 1.0}]}}
        if path.endswith(":decide-rows"):
            return {"json": {"decisions": [{"key": "PO-1/1", "verdict": "approved"}]}}
        if path == "/settings/schedules":
            when = {"name": "night", "cron": "30 2 * * *", "timezone": "UTC"}
            return {"data": when | {"scenario": self.scenario.id}}
        if path.startswith("/scenarios/"):
            return {"data": {"kind": "pipeline"}}
        return {}


def planned(desk: Context, scenario: ScenarioRow) -> tuple[str, str]:
    """Keep a run of a scenario and an empty plan of it; return their ids."""
    made = Plan(Provenance(scenario.head, "1", {}, 1, {}), {}, {})
    with desk.database.begin() as session:
        run = RunRow(id=new_id("run"), kind="pipeline", state="succeeded", scenario_id=scenario.id,
                     revision=scenario.head, request={}, labels={})  # fmt: skip
        session.add(run)
        session.flush()
        plan = PlanRow(id=new_id("plan"), run_id=run.id, scenario_id=scenario.id,
                       revision=scenario.head,
                       manifest=put_plan(desk.blobs, made))  # fmt: skip
        session.add(plan)
    return run.id, plan.id


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    made = Street(settings_for(tmp_path_factory.mktemp("street"), webhook_hosts=("hooks.test",)))
    yield made
    made.door.close()


def test_another_tenants_ids_are_not_found(street: Street) -> None:
    """Every route that takes an id answers 404 for another tenant's: not 403, not 409, not 200."""
    ids = (street.scenario.id, street.run, street.plan, street.schedule, street.webhook, street.key)
    tried = 0
    for method, path in street.routes():
        body = street.body(path) if method == "POST" else {}
        if not any(name in path or name in str(body) for name in ids):
            continue
        answer = street.call(method, path, street.other_secret, **body)
        assert answer.status_code == 404, (method, path, answer.text)
        tried += 1
    assert tried >= 20


def test_every_body_has_its_case(street: Street) -> None:
    """A route that takes a body is tried with a good one; those without ids are named here."""
    documents = {"/v1/scenarios"}
    for path, operation in operations(street):
        if "requestBody" in operation and path not in documents:
            full = re.sub(r"{(\w+)}", lambda m: street.ids[m.group(1)], path)
            assert street.body(full), f"Street.body has nothing for {path}"


def operations(street: Street) -> list[tuple[str, dict[str, Any]]]:
    """Return the paths and operations of the OpenAPI document."""
    paths = street.door.app.openapi()["paths"]
    return [(path, operation) for path, item in paths.items() for operation in item.values()]


def naming(street: Street) -> set[str]:
    """Return what names a kept thing in a query or a body, as Schema.property."""
    schemas = street.door.app.openapi()["components"]["schemas"]
    found, seen = set(), {"ScenarioDocument"}
    for path, operation in operations(street):
        told = json.dumps(operation.get("requestBody", {}))
        waiting = set(re.findall(r"schemas/([\w.-]+)", told)) - seen
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and NAMING.fullmatch(parameter["name"]):
                found.add(f"{path}?{parameter['name']}")
        while waiting:
            name = waiting.pop()
            seen.add(name)
            waiting |= set(re.findall(r"schemas/([\w.-]+)", json.dumps(schemas[name]))) - seen
            for field, kind in schemas[name].get("properties", {}).items():
                if NAMING.fullmatch(field) and '"string"' in json.dumps(kind):
                    found.add(f"{name}.{field}")
    return found


def test_another_tenants_things_are_not_found_by_name(street: Street) -> None:
    """Beside an own scenario, every field that names a thing answers 404 for another tenant's."""
    run: dict[str, Any] = {"kind": "pipeline", "scenario": street.other_scenario.id}
    order = street.body("/v1/sourcing:decide")["json"]["order"]
    foreign = street.scenario
    driven = {"stages": ["rerouting"], "options": {"previous": street.plan}}
    compared = {"kind": "comparison", "plan": street.other_plan,
                "comparison": {"candidates": [street.plan]}}  # fmt: skip
    cases: dict[str, tuple[str, dict[str, Any]]] = {
        "RunRequest.scenario": ("/v1/runs", run | {"scenario": foreign.id}),
        "RunRequest.revision": ("/v1/runs", run | {"revision": foreign.head}),
        "RunRequest.plan": ("/v1/runs", run | {"kind": "stress", "plan": street.plan}),
        "RunOptions.previous": ("/v1/runs", run | driven),
        "ComparisonOptions.candidates": ("/v1/runs", run | compared),
        "ComparisonRequest.baseline": (
            "/v1/comparisons",
            {"baseline": street.plan, "candidates": [street.other_plan]},
        ),
        "ComparisonRequest.candidates": (
            "/v1/comparisons",
            {"baseline": street.other_plan, "candidates": [street.plan]},
        ),
        "RevisionRequest.base": (
            f"/v1/scenarios/{street.other_scenario.id}/revisions",
            {"base": foreign.head, "deltas": [street.change(3)]},
        ),
        "DecideRequest.plan": ("/v1/sourcing:decide", {"plan": street.plan, "order": order}),
        "DecideRequest.scenario": (
            "/v1/sourcing:decide",
            {"scenario": foreign.id, "order": order},
        ),
    }
    fields = {name for name in naming(street) if "?" not in name}
    assert set(cases) == fields, "a field that names a thing has no case, or is gone"
    for field, (path, body) in cases.items():
        answer = street.call("POST", path, street.other_secret, json=body)
        assert answer.status_code == 404, (field, answer.text)


def test_lists_by_another_tenants_name_are_empty(street: Street) -> None:
    """A list that a query narrows to another tenant's thing has nothing in it."""
    cases = {"/v1/plans?scenario": street.scenario.id}
    assert set(cases) == {name for name in naming(street) if "?" in name}
    for query, name in cases.items():
        answer = street.call("GET", f"{query}={name}", street.other_secret)
        assert answer.status_code == 200
        assert not any(part for part in answer.json().values()), query


def test_a_schedule_starts_no_run_of_another_tenant(street: Street) -> None:
    """What a schedule's run names is looked for when the schedule is made."""
    run = {"kind": "stress", "scenario": street.other_scenario.id, "plan": street.plan}
    body = {"name": "night", "cron": "30 2 * * *", "run": run}
    answer = street.call("POST", "/v1/schedules", street.other_secret, json=body)
    assert answer.status_code == 404


def test_lists_hold_ones_own_only(street: Street) -> None:
    """The other tenant sees no scenario and no run of the first."""
    runs = street.call("GET", "/v1/runs", street.other_secret).json()["runs"]
    assert {run["scenario"] for run in runs} == {street.other_scenario.id}
    page = street.call("GET", "/", street.other_secret).text
    assert street.scenario.id not in page
    assert street.scenario.id in street.call("GET", "/", street.door.secret).text


def test_sessions_of_a_tenant_see_and_change_its_rows_only(street: Street) -> None:
    """get, select, update and delete alike; a foreign row cannot be written."""
    name = street.scenario.id
    with street.other.begin() as session:
        assert session.get(ScenarioRow, name) is None
        rows = session.scalars(select(ScenarioRow)).all()
        assert [row.id for row in rows] == [street.other_scenario.id]
        session.execute(update(ScenarioRow).values(name="taken over"))
        session.execute(delete(PlanRow))
    with street.door.desk.database.session() as session:
        assert session.get(ScenarioRow, name).name == street.scenario.name
        assert session.get(PlanRow, street.plan) is not None
    stranger = ScenarioRow(
        id=new_id("scn"), name="x", head="0" * 64, tenant_id=street.door.desk.who.tenant_id
    )
    with pytest.raises(RuntimeError, match="another tenant"), street.other.begin() as session:
        session.add(stranger)


@pytest.mark.parametrize("secret", ["", "hf_wrong", "Bearer", "hf_" + "A" * 43])
def test_without_a_good_key_nothing_is_told(street: Street, secret: str) -> None:
    """Every route but the open ones answers 401 as a problem document."""
    closed = [found for found in street.routes() if found[1] not in OPEN]
    assert len(closed) >= 25
    for method, path in closed:
        body = street.body(path) if method == "POST" else {}
        answer = street.call(method, path, secret, **body)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_person_without_a_key_is_asked_for_it(street: Street) -> None:
    """A browser is sent to the page that asks."""
    answer = street.call("GET", "/", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


def test_a_key_does_what_its_scopes_say(street: Street) -> None:
    """A key to read starts nothing; a key to plan alone reads nothing."""
    desk = street.door.desk
    reads = street.door.house.keys.make(desk.database, "reads", [Scope.READ]).secret
    plans = street.door.house.keys.make(desk.database, "plans", [Scope.PLAN]).secret
    body = {"kind": "pipeline", "scenario": street.scenario.id,
            "options": {"validate_only": True}}  # fmt: skip
    assert street.call("POST", "/v1/runs", reads, json=body).status_code == 403
    assert street.call("POST", "/v1/runs", plans, json=body).status_code == 202
    assert street.call("GET", "/v1/runs", plans).status_code == 403
    assert street.call("GET", "/v1/runs", reads).status_code == 200


def test_a_revoked_key_and_its_visits_are_over(street: Street) -> None:
    """At once: the key itself, and the cookie of a browser that began with it."""
    keys, desk = street.door.house.keys, street.door.desk
    key = keys.make(desk.database, "short", [Scope.READ])
    answer = street.call("POST", "/sign-in", data={"key": key.secret})
    cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "Authorization": ""}
    assert street.call("GET", "/v1/runs", headers=cookie).status_code == 200
    keys.revoke(desk.database, key.id)
    assert street.call("GET", "/v1/runs", key.secret).status_code == 401
    assert street.call("GET", "/v1/runs", headers=cookie).status_code == 401


def test_a_visits_cookie_is_kept_from_scripts_and_other_sites(street: Street) -> None:
    """HttpOnly and SameSite=strict; signing out ends it on the server, too."""
    answer = street.call("POST", "/sign-in", data={"key": street.door.secret})
    told = answer.headers["set-cookie"].lower()
    assert "httponly" in told
    assert "samesite=strict" in told
    cookie = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "Authorization": ""}
    assert street.call("POST", "/sign-out", headers=cookie).status_code == 303
    assert street.call("GET", "/v1/runs", headers=cookie).status_code == 401
    assert street.call("POST", "/sign-in", data={"key": "hf_wrong"}).status_code == 401


def test_no_secret_is_kept(street: Street) -> None:
    """Neither the key nor the cookie stands in any file of the service."""
    answer = street.call("POST", "/sign-in", data={"key": street.door.secret})
    secrets = (street.door.secret.encode(), answer.cookies[COOKIE].encode())
    for path in street.door.house.settings.home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path


def test_an_idempotency_key_is_ones_own(street: Street) -> None:
    """The same key of another tenant is another key: it neither replays nor collides."""
    body = {"kind": "pipeline", "scenario": street.scenario.id,
            "options": {"validate_only": True}}  # fmt: skip
    once = {"Idempotency-Key": "tonight"}
    first = street.call("POST", "/v1/runs", street.door.secret, json=body, headers=once)
    assert first.status_code == 202
    theirs = street.call("POST", "/v1/runs", street.other_secret, json=body, headers=once)
    assert theirs.status_code == 404


def test_one_key_at_once_is_one_run(street: Street) -> None:
    """Sixteen requests with one Idempotency-Key, at the same moment, are told of one run."""
    body = {"kind": "pipeline", "scenario": street.scenario.id,
            "options": {"validate_only": True}}  # fmt: skip
    once = {"Idempotency-Key": "at once"}

    def ask(_number: int) -> Any:
        return street.call("POST", "/v1/runs", street.door.secret, json=body, headers=once)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(16)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.fixture
def trail(street: Street) -> Iterator[Street]:
    """Five records of a tenant of their own, put right again afterwards."""
    keys = street.door.house.keys
    name = new_id("tenant")
    database = street.door.house.database.of(keys.new_tenant(name), "test")
    for number in range(5):
        keys.make(database, f"key {number}", [Scope.READ])
    street.trail, street.trail_name = database, name
    yield street
    with street.door.house.database.begin() as session:
        session.execute(delete(TrailRow).where(TrailRow.tenant_id == database.tenant_id))


def broken(street: Street) -> tuple[str, ...]:
    """Return what the check says of the five records."""
    results = {result.tenant: result for result in verified(street.door.house.database)}
    return results[street.trail_name].breaks


def test_a_whole_trail_is_found_whole(trail: Street) -> None:
    """Nothing is reported where nothing was done."""
    assert broken(trail) == ()


@pytest.mark.parametrize(
    "change",
    [{"action": "key.lost"}, {"actor": "nobody"}, {"target": "key_x"}, {"detail": {}},
     {"at": "2020-01-01T00:00:00.000+00:00"}],
)  # fmt: skip
def test_an_edited_record_is_found(trail: Street, change: dict[str, Any]) -> None:
    """Any column of any record."""
    with trail.door.house.database.begin() as session:
        own = TrailRow.tenant_id == trail.trail.tenant_id
        session.execute(update(TrailRow).where(own, TrailRow.number == 3).values(**change))
    assert broken(trail) == ("record 3 was changed",)


def test_a_removed_record_is_found(trail: Street) -> None:
    """Also where those behind it are numbered anew."""
    own = TrailRow.tenant_id == trail.trail.tenant_id
    with trail.door.house.database.begin() as session:
        session.execute(delete(TrailRow).where(own, TrailRow.number == 2))
    assert broken(trail)[0] == "record 2 is missing: 3 follows 1"
    with trail.door.house.database.begin() as session:
        for number in (3, 4, 5):
            behind = update(TrailRow).where(own, TrailRow.number == number)
            session.execute(behind.values(number=number - 1))
    assert "record 2 does not follow the record before it" in broken(trail)


def test_records_in_another_order_are_found(trail: Street) -> None:
    """Two records that have changed places."""
    own = TrailRow.tenant_id == trail.trail.tenant_id
    with trail.door.house.database.begin() as session:
        for number, place in ((2, 90), (4, 2), (90, 4)):
            moved = update(TrailRow).where(own, TrailRow.number == number)
            session.execute(moved.values(number=place))
    assert len(broken(trail)) >= 2
