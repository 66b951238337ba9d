"""Suppliers and carriers: they see and confirm what is their own, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from fastapi.routing import iter_route_contexts

from api.cli.app import invoke
from api.security.keys import Partner, Scope
from api.security.trail import verified
from api.store.documents import put_plan
from api.store.rows import PlanRow, PublicationRow, RunRow, TrailRow, new_id, utc_now
from optimizer.plan import Plan, Provenance
from scenarios.library import demo_scenario

from .conftest import Door, settings_for
from .test_security import OPEN

PO_ROWS = [
    ("PO-1", 1.0, "S-A", "P1", 10.0),
    ("PO-1", 2.0, "S-A", "P2", 20.0),
    ("PO-2", 1.0, "S-B", "P1", 30.0),
]


class Market:
    """A tenant with a published, approved plan, two suppliers and two carriers with keys."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.house = door.house
        shop = demo_scenario("corner-shop")
        suppliers = shop.table("suppliers")["supplier_id"].tolist()
        products = shop.table("products")["product_id"].tolist()
        self.names = {"S-A": suppliers[0], "S-B": suppliers[1], "P1": products[0],
                      "P2": products[1]}  # fmt: skip
        self.site = str(shop.table("sites")["site_id"].iloc[0])
        carriers = shop.table("carriers")["carrier_id"].tolist()
        self.carriers = [carriers[0], carriers[-1] if len(carriers) > 1 else "C-9"]
        desk = self.door.desk
        row = desk.scenarios.keep(shop)
        self.scenario, self.head = row.id, row.head
        self.day = pd.Timestamp(shop.settings.start_date)
        self.plan = self.publish()
        keys, database = self.house.keys, desk.database

        def key(kind: Any, name: str) -> str:
            return keys.make_partner(database, name, Partner(kind, name, self.scenario)).secret

        self.a = key("supplier", self.names["S-A"])
        self.b = key("supplier", self.names["S-B"])
        self.c = key("carrier", self.carriers[0])
        self.d = key("carrier", self.carriers[1])

    def publish(self) -> str:
        """Store a plan as if a run had made it, published and approved."""
        lines = pd.DataFrame(
            [
                {"order_id": order, "line": line, "supplier_id": self.names[supplier],
                 "product_id": self.names[product], "site_id": self.site, "order_on": self.day,
                 "due_on": self.day + pd.Timedelta(days=5), "qty": qty, "unit_cost": 2.0,
                 "cost": 2.0 * qty, "status": "proposed"}
                for order, line, supplier, product, qty in PO_ROWS
            ]
        )  # fmt: skip
        parcels = pd.DataFrame(
            {
                "shipment_id": ["SH-1", "SH-2", "SH-3"],
                "order_id": ["O1", "O2", "O3"],
                "site_id": self.site,
                "carrier_id": [self.carriers[0], self.carriers[0], self.carriers[1]],
                "service": "std",
                "ship_on": self.day,
                "promised_on": self.day + pd.Timedelta(days=2),
                "weight_kg": [1.0, 2.0, 4.0],
                "cost": 5.0,
                "g_co2e": 0.0,
            }
        )
        scores = pd.DataFrame(
            {"supplier_id": [self.names["S-A"], self.names["S-B"]], "on_time_rate": [0.75, 0.5],
             "spend": [60.0, 60.0], "dependency_pct": [50.0, 50.0], "receipt_lines": [4.0, 8.0]}
        )  # fmt: skip
        tables = {"purchase_orders": lines, "shipments": parcels, "supplier_scores": scores}
        made = Plan(Provenance(self.head, "1", {}, 1, {}), tables, {})
        manifest = put_plan(self.house.blobs, made)
        common = {"scenario_id": self.scenario, "revision": self.head}
        with self.door.desk.database.begin() as session:
            run = RunRow(id=new_id("run"), kind="pipeline", state="succeeded", request={},
                         labels={}, **common)  # fmt: skip
            session.add(run)
            session.flush()
            plan = PlanRow(id=new_id("plan"), run_id=run.id, manifest=manifest, **common)
            session.add(plan)
            session.flush()
            session.add(
                PublicationRow(
                    plan_id=plan.id, scenario_id=self.scenario, plan_hash=manifest, judgement={},
                    number=1, published_at=utc_now(), approved_at=utc_now(), approved_by="boss",
                )
            )  # fmt: skip
        return str(plan.id)

    def call(self, method: str, path: str, secret: str, **more: Any) -> Any:
        """Call the service with a key."""
        headers = {"Authorization": f"Bearer {secret}"}
        return self.door.http.request(method, path, headers=headers, follow_redirects=False, **more)

    def orders(self, secret: str) -> list[dict[str, Any]]:
        """Return the orders that a partner sees."""
        listed: list[dict[str, Any]] = self.call("GET", "/v1/partner/orders", secret).json()[
            "orders"
        ]
        return listed


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = Door(settings_for(tmp_path_factory.mktemp("market")), works=False)
    yield made
    made.close()


@pytest.fixture
def market(door: Door) -> Market:
    """A scenario of its own, with a plan and keys of its own."""
    return Market(door)


@pytest.fixture(scope="module")
def quiet(door: Door) -> Market:
    """A market in which nothing is changed."""
    return Market(door)


def test_a_supplier_sees_its_own_lines_only(quiet: Market) -> None:
    """Forecast, orders and figures of one supplier hold nothing of the other."""
    mine = [row for row in quiet.orders(quiet.a) if row["state"] == "to_confirm"]
    assert [(row["order_id"], row["line"], row["qty"]) for row in mine] == [
        ("PO-1", "1", 10.0),
        ("PO-1", "2", 20.0),
    ]
    forecast = quiet.call("GET", "/v1/partner/forecast", quiet.b).json()["rows"]
    assert [(row["product_id"], row["qty"]) for row in forecast] == [(quiet.names["P1"], 30.0)]
    figures = quiet.call("GET", "/v1/partner/performance", quiet.b).json()["figures"]
    assert (figures["on_time_rate"], figures["receipt_lines"]) == (0.5, 8.0)
    assert "dependency_pct" not in figures
    for path in ("forecast", "orders", "performance"):
        text = quiet.call("GET", f"/v1/partner/{path}", quiet.a).text
        assert quiet.names["S-B"] not in text
        assert "PO-2" not in text


def test_a_suppliers_open_orders_are_its_own(quiet: Market) -> None:
    """Those of the scenario, of this supplier only."""
    open_orders = demo_scenario("corner-shop").table("open_orders")
    for name, secret in (("S-A", quiet.a), ("S-B", quiet.b)):
        own = open_orders[
            (open_orders["source_id"] == quiet.names[name]) & (open_orders["kind"] == "purchase")
        ]
        seen = [row["order_id"] for row in quiet.orders(secret) if row["state"] == "open"]
        assert seen == own["order_id"].tolist()


def test_a_carrier_sees_its_own_parcels_only(quiet: Market) -> None:
    """Two of three parcels, added up by day; the third carrier's is not there."""
    rows = quiet.call("GET", "/v1/partner/forecast", quiet.c).json()["rows"]
    assert [(row["parcels"], row["weight_kg"]) for row in rows] == [(2, 3.0)]
    assert [row["order_id"] for row in quiet.orders(quiet.c)] == ["SH-1", "SH-2"]
    assert [row["order_id"] for row in quiet.orders(quiet.d)] == ["SH-3"]


def routes(market: Market) -> list[tuple[str, str]]:
    """Return every method and path with the tenant's ids in it."""
    ids = {"scenario_id": market.scenario, "plan_id": market.plan, "content_hash": market.head,
           "name": "purchase_orders"}  # fmt: skip
    return [
        (method, re.sub(r"{(\w+)(?::\w+)?}", lambda m: str(ids.get(m.group(1), "x")), path))
        for route in iter_route_contexts(market.door.app.routes)
        for path in [route.path or ""]
        for method in sorted(route.methods or {"GET"})
        if method not in ("HEAD", "OPTIONS")
    ]


@pytest.mark.parametrize("who", ["a", "c"])
@pytest.mark.slow
def test_a_partners_key_is_good_for_nothing_else(quiet: Market, who: str) -> None:
    """Every other route of the service, pages included, refuses it, with the tenant's true ids."""
    tried = 0
    for method, path in routes(quiet):
        if path in OPEN or path.startswith("/v1/partner/"):
            continue
        answer = quiet.call(method, path, getattr(quiet, who))
        assert answer.status_code in (403, 404), (method, path, answer.status_code)
        tried += 1
    assert tried >= 40


def test_a_partners_key_cannot_sign_in(quiet: Market) -> None:
    """No cookie comes of it, whatever it would be good for."""
    answer = quiet.door.http.post("/sign-in", data={"key": quiet.a}, follow_redirects=False)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers


def test_keys_of_planners_are_no_partners(quiet: Market) -> None:
    """Even one that is good for everything has no partner's orders."""
    for path in ("forecast", "orders", "performance"):
        assert quiet.call("GET", f"/v1/partner/{path}", quiet.door.secret).status_code == 403
    answer = quiet.call("POST", "/v1/partner/orders/PO-1:confirm", quiet.door.secret)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("who", "order"),
    [("a", "PO-2"), ("b", "PO-1"), ("a", "SH-1"), ("c", "SH-3"), ("c", "PO-1"), ("a", "none"),
     ("a", "PO-1/1"), ("a", "../PO-2"), ("a", "%")],
)  # fmt: skip
def test_another_partners_order_is_not_there(quiet: Market, who: str, order: str) -> None:
    """404 for every order that is not one's own, whether or not somebody has it."""
    answer = quiet.call("POST", f"/v1/partner/orders/{order}:confirm", getattr(quiet, who))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_another_tenants_partner_sees_nothing(quiet: Market) -> None:
    """A key of another tenant that names this tenant's scenario finds no plan and no orders."""
    keys, whole = quiet.house.keys, quiet.house.database
    other = whole.of(keys.new_tenant(new_id("tenant")), "test")
    partner = Partner("supplier", quiet.names["S-A"], quiet.scenario)
    secret = keys.make_partner(other, "spy", partner).secret
    for path in ("forecast", "orders", "performance"):
        assert quiet.call("GET", f"/v1/partner/{path}", secret).status_code == 404
    assert quiet.call("POST", "/v1/partner/orders/PO-1:confirm", secret).status_code == 404


def test_drafts_are_nobodys_business_outside(market: Market) -> None:
    """Without a published plan there is no forecast and no order but the open ones."""
    with market.door.desk.database.begin() as session:
        session.get(PublicationRow, market.plan).number = None
    assert market.call("GET", "/v1/partner/forecast", market.a).status_code == 404
    assert all(row["state"] == "open" for row in market.orders(market.a))
    assert market.call("POST", "/v1/partner/orders/PO-1:confirm", market.a).status_code == 404


def confirm(market: Market, secret: str, order: str, **body: Any) -> Any:
    """Confirm an order."""
    return market.call("POST", f"/v1/partner/orders/{order}:confirm", secret, json=body)


def test_a_confirmation_waits_and_becomes_an_open_order(market: Market) -> None:
    """Nothing changes until a planner applies it; then the line is open as it was confirmed."""
    due = (market.day + pd.Timedelta(days=9)).date().isoformat()
    answer = confirm(market, market.a, "PO-1",
                     lines=[{"line": "1", "qty": 8, "due_on": due}], note="two short")  # fmt: skip
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()["confirmations"]
    assert (told["state"], told["qty"], told["due_on"]) == ("pending", 8.0, due)
    path = f"/v1/scenarios/{market.scenario}"
    assert market.call("GET", path, market.door.secret).json()["revision"] == market.head
    done = market.call("POST", f"{path}/confirmations:apply", market.door.secret)
    assert done.status_code == 200, done.text
    head = market.call("GET", path, market.door.secret).json()["revision"]
    assert done.json()["confirmations"][0]["revision"] == head != market.head
    rows = market.call(
        "GET",
        f"{path}/tables/open_orders",
        market.door.secret,
        params={"filter": "order_id = PO-1"},
    ).json()["rows"]
    assert [(row["line"], row["qty"], row["due_on"], row["source_id"]) for row in rows] == [
        ("1", 8.0, due, market.names["S-A"])
    ]
    seen = {(row["order_id"], row["line"]): row for row in market.orders(market.a)}
    assert seen["PO-1", "1"]["state"] == "open"
    assert seen["PO-1", "1"]["confirmation"]["state"] == "applied"
    assert seen["PO-1", "2"]["state"] == "to_confirm"
    again = market.call("POST", f"{path}/confirmations:apply", market.door.secret)
    assert again.status_code == 409


def test_a_whole_order_is_confirmed_without_lines(market: Market) -> None:
    """All lines as ordered."""
    told = confirm(market, market.a, "PO-1").json()["confirmations"]
    assert [(row["line"], row["qty"]) for row in told] == [("1", 10.0), ("2", 20.0)]


def test_the_last_word_about_a_line_stands(market: Market) -> None:
    """An earlier pending one is superseded and never applied."""
    confirm(market, market.a, "PO-1", lines=[{"line": "1", "qty": 3}])
    confirm(market, market.a, "PO-1", lines=[{"line": "1", "qty": 4}])
    path = f"/v1/scenarios/{market.scenario}/confirmations"
    states = [(row["qty"], row["state"]) for row in
              market.call("GET", path, market.door.secret).json()["confirmations"]]  # fmt: skip
    assert sorted(states) == [(3.0, "superseded"), (4.0, "pending")]


def test_an_open_order_that_will_not_come_is_no_open_order(market: Market) -> None:
    """Zero units: applying it takes the row out."""
    opened = [row for row in (*market.orders(market.a), *market.orders(market.b))
              if row["state"] == "open"]  # fmt: skip
    order = opened[0]
    secret = market.a if order in market.orders(market.a) else market.b
    answer = confirm(market, secret, order["order_id"],
                     lines=[{"line": order["line"], "qty": 0}])  # fmt: skip
    assert answer.status_code == 200, answer.text
    path = f"/v1/scenarios/{market.scenario}/confirmations:apply"
    assert market.call("POST", path, market.door.secret).status_code == 200
    left = [(row["order_id"], row["line"]) for row in market.orders(secret)]
    assert (order["order_id"], order["line"]) not in left


def test_a_rejected_confirmation_changes_nothing(market: Market) -> None:
    """The scenario stays, the confirmation says who rejected it."""
    confirm(market, market.a, "PO-1")
    path = f"/v1/scenarios/{market.scenario}"
    told = market.call("POST", f"{path}/confirmations:reject", market.door.secret).json()
    assert {row["state"] for row in told["confirmations"]} == {"rejected"}
    assert market.call("GET", path, market.door.secret).json()["revision"] == market.head


def test_a_carriers_word_is_noted(market: Market) -> None:
    """A day is taken, a quantity is not; no planner has to apply it."""
    day = (market.day + pd.Timedelta(days=4)).date().isoformat()
    told = confirm(market, market.c, "SH-1", lines=[{"line": "", "due_on": day}]).json()
    assert (told["confirmations"][0]["state"], told["confirmations"][0]["due_on"]) == ("noted", day)
    assert confirm(market, market.c, "SH-1", lines=[{"line": "", "qty": 1}]).status_code == 422


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"line": "9"}, "the order has lines 1, 2"),
        ({"line": "1", "qty": 11}, "10 units are ordered"),
        ({"line": "1", "due_on": "1999-01-01"}, "name a day from"),
        ({"line": "1", "due_on": "2999-01-01"}, "name a day from"),
    ],
)
def test_what_cannot_come_is_refused(quiet: Market, line: dict[str, Any], told: str) -> None:
    """Lines of no order, more than was ordered, days before the order or years behind."""
    answer = confirm(quiet, quiet.a, "PO-1", lines=[line])
    assert answer.status_code == 422
    assert told in answer.json()["errors"][0]["hint"]


@pytest.mark.parametrize("qty", [-1, "many", 1e300])
def test_what_is_no_quantity_is_refused(quiet: Market, qty: Any) -> None:
    """Negative, a text, out of all scale."""
    answer = confirm(quiet, quiet.a, "PO-1", lines=[{"line": "1", "qty": qty}])
    assert answer.status_code == 422


def test_reading_and_applying_need_their_scopes(market: Market) -> None:
    """A key to read lists confirmations and applies none."""
    keys, desk = market.house.keys, market.door.desk
    reads = keys.make(desk.database, "reads", [Scope.READ]).secret
    path = f"/v1/scenarios/{market.scenario}/confirmations"
    assert market.call("GET", path, reads).status_code == 200
    assert market.call("POST", f"{path}:apply", reads).status_code == 403
    assert market.call("POST", f"{path}:reject", reads).status_code == 403


@pytest.mark.slow
def test_who_confirmed_and_who_applied_is_on_record(market: Market) -> None:
    """The key of the supplier, then the planner's; the chain holds."""
    confirm(market, market.a, "PO-1")
    path = f"/v1/scenarios/{market.scenario}/confirmations:apply"
    market.call("POST", path, market.door.secret)
    with market.door.desk.database.session() as session:
        rows = session.query(TrailRow).order_by(TrailRow.number).all()
    told = {row.action: row for row in rows}
    assert told["order.confirmed"].actor.startswith(market.names["S-A"])
    assert told["order.confirmed"].target == "PO-1"
    assert told["confirmations.applied"].actor.startswith("first key")
    assert all(result.breaks == () for result in verified(market.house.database))


def test_a_revoked_partners_key_is_over(market: Market) -> None:
    """At once."""
    keys, database = market.house.keys, market.door.desk.database
    mine = (market.scenario, market.names["S-A"])
    listed = keys.listed(database)
    (row,) = [row for row in listed if (row.partner_scenario, row.partner_id) == mine]
    keys.revoke(database, row.id)
    assert market.call("GET", "/v1/partner/orders", market.a).status_code == 401


@pytest.mark.slow
def test_the_commands_make_a_key_and_apply_what_it_confirms(
    market: Market, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`keys add` refuses unknown partners; `confirmations apply` does what the route does."""
    settings = market.house.settings
    monkeypatch.setenv("HOLDFAST_HOME", str(settings.home))
    monkeypatch.setenv("HOLDFAST_DATABASE_URL", settings.database_url)
    add = ["keys", "add", "--scenario", market.scenario, "--json"]
    assert invoke([*add, "--supplier", "nobody"]) == 2
    assert invoke([*add, "--supplier", "a", "--carrier", "b"]) == 2
    capsys.readouterr()
    assert invoke([*add, "--supplier", market.names["S-A"]]) == 0
    secret = json.loads(capsys.readouterr().out)["secret"]
    assert confirm(market, secret, "PO-1").status_code == 200
    assert invoke(["confirmations", "list", market.scenario, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["confirmations"]) == 2
    assert invoke(["confirmations", "apply", market.scenario, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["revision"] != market.head
    assert invoke(["confirmations", "apply", market.scenario]) == 0
