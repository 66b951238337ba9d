"""Decisions of the planner's own: what they cost against plans made with them from the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.cli.app import invoke
from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.routing.what_if import what_if
from scenarios import InputError, NotFound, Scenario


def order(name: str, lat: float, lon: float, **other: Any) -> dict[str, Any]:
    return {"order_id": name, "lat": lat, "lon": lon, "placed_at": "2026-01-04 10:00"} | other


def line(name: str, qty: float = 1.0) -> dict[str, Any]:
    return {"order_id": name, "line_id": "1", "product_id": "P", "qty": qty}


def made_of(scenario: Scenario) -> Plan:
    return plan(scenario, ["routing"], work=0.5)


def money(made: Plan) -> float:
    return float(made.table("certificates")["objective"].iloc[0])


@pytest.fixture
def shop(small: Any) -> Any:
    """Builder of a shop whose orders lie round the depot."""

    def build(orders: list[dict[str, Any]], qty: dict[str, float] | None = None) -> Scenario:
        lines = [line(o["order_id"], (qty or {}).get(o["order_id"], 1.0)) for o in orders]
        return small(orders=orders, order_lines=lines)

    return build


A, B, C = order("A", 31.05, 121.0), order("B", 31.0, 121.05), order("C", 31.05, 121.05)


@pytest.mark.slow
def test_leaving_a_stop_costs_its_penalty_less_the_way(shop):
    """As a plan without the stop, and 50 for its unit."""
    scenario = shop([A, B])
    answer = what_if(scenario, made_of(scenario), "leave", "B")
    assert answer.possible
    assert answer.cost_before == pytest.approx(money(made_of(scenario)))
    assert answer.cost_after == pytest.approx(money(made_of(shop([A]))) + 50.0)
    assert answer.terms["unserved"] == pytest.approx(50.0)
    assert sum(answer.terms.values()) == pytest.approx(answer.extra_cost)
    assert (answer.unserved_before, answer.unserved_after) == (0, 1)


def test_serving_a_stop_costs_the_way_less_its_prize(shop):
    """A prize of 1 does not pay for the way; without a choice the stop is served."""
    scenario = shop([A, B | {"prize": 1.0}])
    answer = what_if(scenario, made_of(scenario), "serve", "B")
    assert answer.cost_before == pytest.approx(money(made_of(shop([A]))) + 1.0)
    assert answer.cost_after == pytest.approx(money(made_of(shop([A, B]))))
    assert (answer.unserved_before, answer.unserved_after) == (1, 0)


def test_stop_off_its_route_takes_its_neighbour_along(shop):
    """The van beside is as good: both stops go on it, at the same cost."""
    scenario = shop([A, B])
    made = made_of(scenario)
    route = made.table("routes")["route_id"].iloc[0]
    answer = what_if(scenario, made, "off", "B", route)
    assert answer.extra_cost == pytest.approx(0.0)
    assert [(move.order_id, move.after) for move in answer.moves] == [("A", "a further van")]


def test_stop_onto_another_route_pushes_out_what_has_no_room(shop):
    """Vans of 100 kg with 60 + 40 and 80 kg: the 40 go on the other only if the 80 leave it."""
    scenario = shop([A, C, B], {"A": 30.0, "C": 20.0, "B": 40.0})
    made = made_of(scenario)
    van_of = made.table("stops").dropna(subset="order_id").set_index("order_id")["route_id"]
    assert van_of["A"] == van_of["C"] != van_of["B"]
    answer = what_if(scenario, made, "onto", "C", van_of["B"])
    assert answer.possible
    assert ("B", van_of["B"]) in [(move.order_id, move.before) for move in answer.moves]
    assert answer.unserved_after == 0


@pytest.mark.parametrize(("kind", "route"), [("leave", False), ("off", True), ("serve", False)])
def test_few_stops_are_bounded_with_the_decision(shop, kind, route):
    """Of three stops all sets are looked at: what is found without and with it is proven."""
    pytest.importorskip("numba")
    scenario = shop([A, B | {"prize": 60.0}, C])
    made = made_of(scenario)
    van_of = made.table("stops").dropna(subset="order_id").set_index("order_id")["route_id"]
    answer = what_if(scenario, made, kind, "B", van_of["B"] if route else "")
    assert answer.bound_before == pytest.approx(answer.cost_before, rel=1e-4)
    assert answer.bound_after == pytest.approx(answer.cost_after, rel=1e-4)


def test_impossible_decisions_say_which_rule_and_that_it_is_proven(shop):
    """200 kg go on no van of 100 kg."""
    scenario = shop([A, B], {"B": 100.0})
    answer = what_if(scenario, made_of(scenario), "serve", "B")
    assert (answer.possible, answer.proven, answer.reason) == (False, True, "capacity")
    assert json.loads(json.dumps(answer.document()))["cost_after"] is None


@pytest.mark.slow
def test_same_question_has_the_same_answer(shop):
    """Without limits the work is fixed."""
    scenario = shop([A, B, C])
    made = made_of(scenario)
    assert what_if(scenario, made, "leave", "C") == what_if(scenario, made, "leave", "C")


@pytest.mark.parametrize(
    ("kind", "name", "route", "error", "word"),
    [
        ("swap", "A", "", InputError, "swap"),
        ("onto", "A", "", InputError, "route_id"),
        ("serve", "A", "2026-01-05/001", InputError, "route_id"),
        ("serve", "Z", "", NotFound, "Z is no stop"),
        ("onto", "A", "none", NotFound, "no route none"),
    ],
)
def test_questions_that_make_no_sense_are_refused(shop, kind, name, route, error, word):
    """The message says what is wrong."""
    scenario = shop([A, B])
    with pytest.raises(error, match=word):
        what_if(scenario, made_of(scenario), kind, name, route)


@pytest.mark.slow
def test_command_answers(shop, tmp_path: Path, capsys):
    """One JSON document with the cost."""
    scenario = shop([A, B])
    scenario.save(tmp_path / "shop")
    made_of(scenario).save(tmp_path / "plan")
    call = ["what-if", str(tmp_path / "shop"), str(tmp_path / "plan"), "leave", "B", "--json"]
    assert invoke(call) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["extra_cost"] == pytest.approx(
        50.0 + money(made_of(shop([A]))) - money(made_of(scenario))
    )
