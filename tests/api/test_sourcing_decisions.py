"""Online sourcing over HTTP: what is promised is reserved, once, whoever asks and however often."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from api.client import Client
from api.routes.context import Context
from api.runs.supervision import stage_options
from api.store.documents import put_plan
from api.store.rows import PlanRow, RunRow, new_id
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.settings import Settings

from .conftest import Door, settings_for

PROBLEM = "application/problem+json"
START = pd.Timestamp("2026-03-02")


def _scenario(cap: float | None = None) -> Scenario:
    """Two sites with 10 P each, a parcel for 5 from A, 8 from B; one order to plan.

    With a cap on grams, parcels from A emit 2000, those from B 500.
    """
    tables: dict[str, list[dict[str, Any]]] = {
        "products": [{"product_id": "P", "name": "P", "unit_cost": 10.0, "unit_price": 16.0,
                      "weight_kg": 1.0, "volume_m3": 0.01}],
        "sites": [{"site_id": name, "kind": "warehouse", "name": name, "status": "open"}
                  for name in ("A", "B")],
        "zones": [{"zone_id": "Z", "name": "Z"}],
        "inventory": [{"site_id": name, "product_id": "P", "on_hand": 10.0} for name in ("A", "B")],
        "orders": [{"order_id": "O1", "zone_id": "Z", "placed_at": START}],
        "order_lines": [{"order_id": "O1", "line_id": "1", "product_id": "P", "qty": 1.0}],
        "carriers": [{"carrier_id": "C", "kind": "third_party"}],
        "carrier_rates": [
            {"carrier_id": "C", "service": "std", "origin": site, "destination": "Z",
             "max_weight_kg": 30.0, "base": base, "promise_days": 1.0}
            for site, base in (("A", 5.0), ("B", 8.0))
        ],
    }  # fmt: skip
    if cap is not None:
        for rate, grams in zip(tables["carrier_rates"], (2000.0, 500.0), strict=True):
            rate["g_co2e_per_parcel"] = grams
        tables["limits"] = [{"limit_id": "CAP", "kind": "co2", "scope": "all", "sense": "<=",
                             "value": cap, "hard": True}]  # fmt: skip
    settings = Settings(
        name="online", currency="CNY", timezone="Asia/Shanghai", start_date=START.date(),
        bucket="day", horizon_buckets=7, unserved_penalty_per_unit=30.0,
    )  # fmt: skip
    return Scenario(settings, {name: pd.DataFrame(rows) for name, rows in tables.items()})


@functools.cache
def _plan(*options: tuple[str, str], cap: float | None = None) -> Plan:
    """Plan the scenario once."""
    return plan(_scenario(cap), ["sourcing"], work=1.0, options=dict(options))


def _keep_plan(
    context: Context, scenario_id: str, revision: str, cap: float | None = None, **options: str
) -> str:
    """Keep a plan as a finished run would."""
    made = _plan(*options.items(), cap=cap)
    with context.database.begin() as session:
        run = RunRow(id=new_id("run"), kind="pipeline", state="succeeded", scenario_id=scenario_id,
                     revision=revision, request={}, labels={})  # fmt: skip
        session.add(run)
        session.flush()
        row = PlanRow(id=new_id("pln"), run_id=run.id, scenario_id=scenario_id, revision=revision,
                      manifest=put_plan(context.blobs, made))  # fmt: skip
        session.add(row)
    return str(row.id)


class World:
    """A service with a scenario and its plan, in a folder that outlives it."""

    def __init__(self, home: Path, cap: float | None = None) -> None:
        self.settings = settings_for(home)
        self.door = Door(self.settings, works=False)
        row = self.desk.scenarios.keep(_scenario(cap))
        self.scenario, self.revision = row.id, row.head
        self.plan = _keep_plan(self.desk, row.id, row.head, cap)

    @property
    def desk(self) -> Context:
        """What the one who asks sees."""
        return self.door.desk

    def ask(self, name: str, qty: float = 1.0, **more: Any) -> Any:
        """Ask for a promise of so many P."""
        order = {"order_id": name, "zone_id": "Z", "placed_at": "2026-03-02T09:00:00",
                 "lines": [{"product_id": "P", "qty": qty}]} | more  # fmt: skip
        return self.door.http.post("/v1/sourcing:decide", json={"plan": self.plan, "order": order})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.door.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service that promises nothing: every order is refused."""
    made = World(tmp_path_factory.mktemp("quiet"))
    yield made
    made.door.close()


@pytest.mark.slow
def test_an_order_is_promised_with_its_reason(world: World) -> None:
    """One P from A for 5, by the next day; B would cost 3 more; the terms add up."""
    answer = world.ask("N1")
    assert answer.status_code == 200, answer.text
    decision = answer.json()
    assert (decision["promised_on"], decision["cost"]) == ("2026-03-03", 5.0)
    (parcel,) = decision["parcels"]
    assert (parcel["site_id"], parcel["carrier_id"], parcel["service"]) == ("A", "C", "std")
    reason = decision["reason"]
    assert sum(reason["terms"].values()) == decision["cost"]
    assert (reason["alternative"], reason["extra_cost"]) == ("from B", 3.0)


def test_promises_keep_a_limit_on_co2_after_a_restart_too(tmp_path: Path) -> None:
    """Of 4600 g the batch takes 2000 and N1 2000 more; N2 comes from B, N3 stays.

    A desk that is opened anew counts what was promised before.
    """
    made = World(tmp_path, cap=4600.0)
    try:
        first = made.ask("N1").json()
        assert first["parcels"][0]["g_co2e"] == 2000.0
        assert first["co2_limits"] == [
            {"limit_id": "CAP", "scope": "all", "bucket": None, "limit_g": 4600.0, "used_g": 4000.0}
        ]
        assert first["notes"] == []
        made.desk.decisions._desks.open.clear()
        assert made.ask("N2").json()["parcels"][0]["site_id"] == "B"
        last = made.ask("N3").json()
        assert last["parcels"] == []
        assert last["unserved"][0]["code"] == "co2"
        assert last["unserved"][0]["detail"].startswith("limit CAP on CO2e has 100 g left")
    finally:
        made.door.close()


@pytest.mark.slow
def test_stock_counts_in_a_promise_where_it_does_in_the_plan(world: World) -> None:
    """The plan's option holds for what follows it: 5 for the parcel and 10 for the P."""
    named = stage_options({"stock_value": True, "single_source": False})
    world.plan = _keep_plan(world.desk, world.scenario, world.revision, **named)
    decision = world.ask("N1").json()
    assert decision["cost"] == 15.0
    assert decision["reason"]["terms"]["stock_value"] == 10.0
    assert decision["parcels"][0]["stock_value"] == 10.0


def test_the_same_order_gets_the_same_answer_and_takes_stock_once(world: World) -> None:
    """Asked three times, N1 takes its 9 of A's 9 once: N2 still finds 10 at B, N3 finds 0."""
    first = world.ask("N1", 9.0).json()
    assert world.ask("N1", 9.0).json() == first
    assert world.ask("N1", 9.0).json() == first
    assert world.ask("N2", 10.0).json()["parcels"][0]["site_id"] == "B"
    assert world.ask("N3").json()["unserved"][0]["code"] == "no_stock"


def test_the_same_id_with_other_contents_is_refused(world: World) -> None:
    """N1 asked again for two units is another order under the same name: 422."""
    world.ask("N1", 1.0)
    answer = world.ask("N1", 2.0)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM


def test_promises_survive_a_restart(world: World) -> None:
    """A new process on the same folder knows that A has nothing left."""
    first = world.ask("N1", 9.0).json()
    world.door.close()
    world.door = Door(world.settings, world.door.secret, works=False)
    assert world.ask("N1", 9.0).json() == first
    assert world.ask("N2").json()["parcels"][0]["site_id"] == "B"


def test_many_at_once_never_sell_a_unit_twice(world: World) -> None:
    """Thirty orders of one unit, over two processes' worth of services at once, find 19 units."""
    bodies = [
        {"plan": world.plan,
         "order": {"order_id": f"N{number}", "zone_id": "Z", "placed_at": "2026-03-02T09:00:00",
                   "lines": [{"product_id": "P", "qty": 1.0}]}}
        for number in range(30)
    ]  # fmt: skip
    path = "/v1/sourcing:decide"
    other = Door(world.settings, world.door.secret, works=False)
    doors = [world.door.http, other.http]
    with contextlib.closing(other), ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda at: doors[at % 2].post(path, json=bodies[at]), range(30)))
    assert {answer.status_code for answer in answers} == {200}
    decisions = [answer.json() for answer in answers]
    sites = [parcel["site_id"] for one in decisions for parcel in one["parcels"]]
    assert (sites.count("A"), sites.count("B")) == (9, 10)
    assert sum(bool(one["unserved"]) for one in decisions) == 11
    assert sorted(one["number"] for one in decisions) == list(range(1, 31))


def test_the_same_order_at_once_is_decided_once(world: World) -> None:
    """Ten calls for one order give one answer and take its units once."""
    with ThreadPoolExecutor(5) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: world.ask("N1", 5.0), range(10))]
    assert all(answer == answers[0] for answer in answers)
    assert world.ask("N2", 4.0).json()["parcels"][0]["site_id"] == "A"


def test_all_that_is_not_known_is_told_at_once(quiet: World) -> None:
    """An unknown zone and an unknown product are two findings of one problem document."""
    answer = quiet.ask("N1", zone_id="X", lines=[{"product_id": "Q", "qty": 1.0}])
    assert answer.status_code == 422
    assert {found["code"] for found in answer.json()["errors"]} == {
        "unknown_zone",
        "unknown_product",
    }


def test_an_older_plan_has_expired(world: World) -> None:
    """Once a newer plan has parcels, the older one is refused, and the newer one named."""
    newer = _keep_plan(world.desk, world.scenario, world.revision)
    answer = world.ask("N1")
    assert answer.status_code == 409
    assert newer in answer.json()["detail"]


@pytest.mark.slow
def test_a_promise_holds_its_stock_in_the_next_plan(world: World) -> None:
    """N1 took A's last 9; the next plan's scenario does not know N1: its units stay taken."""
    world.ask("N1", 9.0)
    world.plan = _keep_plan(world.desk, world.scenario, world.revision)
    assert world.ask("N2").json()["parcels"][0]["site_id"] == "B"


def test_a_plan_whose_horizon_is_over_has_expired(quiet: World) -> None:
    """Seven days from 2 March end before 9 March."""
    answer = quiet.ask("N1", placed_at="2026-03-09T00:00:00")
    assert answer.status_code == 409
    assert "expired" in answer.json()["detail"]


def test_an_order_of_the_plan_is_not_promised_again(quiet: World) -> None:
    """O1 is shipped by the plan itself."""
    assert quiet.ask("O1").status_code == 409


@pytest.mark.slow
def test_times_with_an_offset_are_read_in_the_scenarios_zone(world: World) -> None:
    """2 March 23:00 in London is 3 March in Shanghai."""
    decision = world.ask("N1", placed_at="2026-03-02T23:00:00+00:00").json()
    assert decision["parcels"][0]["ship_on"] == "2026-03-03"


def test_unknown_plans_and_both_names_are_refused(quiet: World) -> None:
    """404 for a plan that is not there, 422 for a plan and a scenario at once."""
    order = {"order_id": "N", "zone_id": "Z", "lines": [{"product_id": "P", "qty": 1.0}]}
    path = "/v1/sourcing:decide"
    assert quiet.door.http.post(path, json={"plan": "x", "order": order}).status_code == 404
    both = {"plan": quiet.plan, "scenario": quiet.scenario, "order": order}
    assert quiet.door.http.post(path, json=both).status_code == 422


def test_the_client_decides_by_scenario(world: World) -> None:
    """`Client.decide` with a scenario uses its newest plan."""
    client = Client(
        "http://testserver", key=world.door.secret, transport=world.door.http._transport
    )
    order = {"order_id": "N1", "zone_id": "Z", "placed_at": "2026-03-02T09:00:00",
             "lines": [{"product_id": "P", "qty": 1.0}]}  # fmt: skip
    assert client.decide(order, scenario=world.scenario)["plan"] == world.plan
