"""Loads in parts on a day under way: parts delivered, aboard and still to come, and new ones.

A unit weighs 2 kg and a van holds 100 kg, so that 50 units fill it: 120 units are 50, 50 and 20.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.audit.rerouting import check
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario

NINE = pd.Timestamp("2026-01-05 09:00")
VAN = {
    "vehicle_type": "van", "depot_id": "D", "count": 4.0, "capacity_kg": 100.0,
    "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 20.0, "cost_per_km": 1.0,
    "cost_per_hour": 30.0, "speed_km_h": 36.0,
}  # fmt: skip
KEY = ["order_id", "part", "qty"]


def order(name: str, **other: Any) -> dict[str, Any]:
    place = {"lat": 31.02, "lon": 121.0, "placed_at": "2026-01-04 10:00"}
    return {"order_id": name, "allow_line_split": True} | place | other


def line(name: str, qty: float) -> dict[str, Any]:
    return {"order_id": name, "line_id": "1", "product_id": "P", "qty": qty}


def state(name: str, frozen: float = 0.0, load_kg: float = 0.0) -> dict[str, Any]:
    return {
        "vehicle_id": f"car {name}", "route_id": name, "at": NINE, "lat": 31.01, "lon": 121.0,
        "load_kg": load_kg, "frozen_seq": frozen,
    }  # fmt: skip


Day = dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def heavy() -> Day:
    """One order of 240 kg, in three parts."""
    return {"orders": [order("A")], "order_lines": [line("A", 120.0)], "vehicles": [VAN]}


@pytest.fixture(scope="module")
def morning(small: Any, heavy: Day, tmp_path_factory: Any) -> tuple[dict[float, str], Path]:
    """The route of each part, and the folder of the morning's plan."""
    made = plan(small(**heavy), ["routing"], work=0.1)
    stops = made.table("stops").dropna(subset=["order_id"])
    assert sorted(stops["part"]) == [1.0, 2.0, 3.0]
    folder = made.save(tmp_path_factory.mktemp("morning"))
    return dict(zip(stops["part"], stops["route_id"], strict=True)), folder


@pytest.fixture
def states(morning: tuple[dict[float, str], Path]) -> list[dict[str, Any]]:
    """Part 1 is delivered, part 2 under way, part 3 has not left."""
    van, _ = morning
    return [state(van[1.0], frozen=1.0), state(van[2.0])]


def after(small: Any, day: Day, states: Any, folder: Path, **tables: Any) -> tuple[Scenario, Plan]:
    """Plan anew; the pipeline's referee looks at it, or raises."""
    scenario = small(**(day | {"vehicle_states": states} | tables))
    return scenario, plan(scenario, ["rerouting"], work=0.1, options={"previous": str(folder)})


def vans_of(made: Plan) -> dict[tuple[str, float], str]:
    rows = made.table("stops").dropna(subset=["order_id"]).fillna({"part": 0.0})
    return dict(zip(zip(rows["order_id"], rows["part"]), rows["route_id"], strict=True))


def test_each_part_has_its_own_day(small, heavy, morning, states):
    """Of parts delivered, aboard and to come the last two are planned, each once."""
    van, folder = morning
    _, made = after(small, heavy, states, folder)
    found = vans_of(made)
    assert set(found) == {("A", 2.0), ("A", 3.0)}
    assert found["A", 2.0] == van[2.0]
    assert found["A", 3.0] not in (van[1.0], van[2.0])
    assert made.table("part_lines")[KEY].values.tolist() == [["A", 2.0, 50.0], ["A", 3.0, 20.0]]
    assert not len(made.table("unserved"))


def test_service_is_that_of_the_part(small, heavy, morning, states):
    """50 units of 30 s aboard, 20 still to come."""
    _, made = after(small, heavy, states, morning[1])
    visits = made.table("stops").dropna(subset=["order_id"]).sort_values("part")
    assert (visits["depart"] - visits["begin"]).dt.total_seconds().tolist() == [1500.0, 600.0]


def test_cancelled_order_cancels_the_parts_to_come(small, heavy, morning, states):
    """Nobody brings them; the 100 kg aboard stay there, so that its van fetches nothing."""
    van, folder = morning
    orders = [order("A", status="cancelled"), order("B", kind="pickup")]
    lines = [*heavy["order_lines"], line("B", 1.0)]
    _, made = after(small, heavy, states, folder, orders=orders, order_lines=lines)
    assert set(vans_of(made)) == {("B", 0.0)}
    assert vans_of(made)["B", 0.0] != van[2.0]
    assert not len(made.table("part_lines"))
    assert not len(made.table("unserved"))


@pytest.mark.parametrize(("vans", "left"), [(2.0, [20.0]), (3.0, [])])
def test_part_left_out_in_the_morning_is_tried_again(small, heavy, tmp_path, vans, left):
    """Two vans for three parts: 20 units stay at the depot, until there is one more."""
    few = heavy | {"vehicles": [VAN | {"count": 2.0}]}
    made = plan(small(**few), ["routing"], work=0.1)
    states = [state(name) for name in made.table("routes")["route_id"]]
    more = [VAN | {"count": vans}]
    _, again = after(small, few, states, made.save(tmp_path), vehicles=more)
    assert again.table("unserved")["qty"].tolist() == left
    assert again.kpi("unserved", "rerouting objective") == pytest.approx(50.0 * sum(left))


def test_new_load_above_every_van_is_split(small, heavy, morning, states):
    """60 units more, on another order: 50 and 10, by vans that are still at the depot."""
    van, folder = morning
    lines = [*heavy["order_lines"], line("B", 60.0)]
    orders = [*heavy["orders"], order("B")]
    _, made = after(small, heavy, states, folder, orders=orders, order_lines=lines)
    told = made.table("part_lines")
    assert told[told["order_id"] == "B"][KEY].values.tolist() == [["B", 1, 50.0], ["B", 2, 10.0]]
    found = vans_of(made)
    assert {("B", 1.0), ("B", 2.0)} <= set(found)
    assert not {found["B", 1.0], found["B", 2.0]} & {van[1.0], van[2.0]}


@pytest.fixture(scope="module")
def mixed(small: Any, tmp_path_factory: Any) -> tuple[Day, str, Path]:
    """A truck for 200 kg that drives 160, and vans for 100 that do not."""
    vans = [VAN | {"vehicle_type": "truck", "count": 1.0, "capacity_kg": 200.0}, VAN]
    day = {"orders": [order("A")], "order_lines": [line("A", 80.0)], "vehicles": vans}
    made = plan(small(**day), ["routing"], work=0.1)
    (route,) = made.table("routes").itertuples()
    assert route.vehicle_type == "truck"
    return day, str(route.route_id), made.save(tmp_path_factory.mktemp("mixed"))


@pytest.mark.parametrize(("kind", "parts"), [("delivery", [50.0, 10.0]), ("pickup", [])])
def test_vans_that_have_left_hold_what_they_may_fetch(small, mixed, kind, parts):
    """120 kg new: the truck under way may fetch them, but loads no delivery."""
    day, route, folder = mixed
    tables = {"orders": [*day["orders"], order("B", kind=kind)]}
    tables["order_lines"] = [*day["order_lines"], line("B", 60.0)]
    _, made = after(small, day, [state(route, frozen=1.0)], folder, **tables)
    assert made.table("part_lines")["qty"].tolist() == parts
    assert not len(made.table("unserved"))


def test_pickup_above_the_room_that_is_left_is_split(small, mixed):
    """The truck is seen with 90 kg too many: 110 kg of room, less than 120 kg."""
    day, route, folder = mixed
    tables = {"orders": [*day["orders"], order("B", kind="pickup")]}
    tables["order_lines"] = [*day["order_lines"], line("B", 60.0)]
    states = [state(route, frozen=1.0, load_kg=90.0)]
    _, made = after(small, day, states, folder, **tables)
    assert made.table("part_lines")["qty"].sum() == 60.0


def test_what_is_aboard_is_not_split(small, mixed):
    """Seen with 200 kg besides its own 160, the truck has no room; its stop stays whole."""
    day, route, folder = mixed
    _, made = after(small, day, [state(route, load_kg=360.0)], folder)
    assert not len(made.table("part_lines"))
    assert made.table("unserved")[["id", "code"]].values.tolist() == [["A", "capacity"]]


def test_part_whose_line_is_gone_is_refused(small, heavy, morning, states):
    """What is in the parts must still be lines of the order."""
    gone = [line("A", 120.0) | {"line_id": "2"}]
    with pytest.raises(InputError, match=r"orders in parts.*: A"):
        after(small, heavy, states, morning[1], order_lines=gone)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda told: told.assign(qty=told["qty"] - 1.0), "differs_from_the_morning"),
        (lambda told: told[told["part"] != 3.0], "differs_from_the_morning"),
        (lambda told: told.assign(order_id="X"), "no_such_stop"),
    ],
)
def test_referee_finds_parts_that_are_not_the_morning_s(
    small, heavy, morning, states, change, code
):
    """A unit less in each, a part left out, an order that is none."""
    scenario, made = after(small, heavy, states, morning[1])
    tables = {**made.tables, "part_lines": change(made.table("part_lines"))}
    found = {v.code for v in check(scenario, tables, previous=str(morning[1])).violations}
    assert code in found


def test_referee_finds_a_part_on_another_van(small, heavy, morning, states):
    """The part aboard and the part to come change places."""
    scenario, made = after(small, heavy, states, morning[1])
    stops = made.table("stops")
    swapped = stops.assign(part=stops["part"].map({2.0: 3.0, 3.0: 2.0}))
    report = check(scenario, {**made.tables, "stops": swapped}, previous=str(morning[1]))
    assert {"not_aboard", "aboard_another_van"} <= {v.code for v in report.violations}


def test_referee_finds_a_split_in_vain(small, heavy, morning, states):
    """With a truck at the depot for all of it, the new order was not to be split."""
    orders, lines = [*heavy["orders"], order("B")], [*heavy["order_lines"], line("B", 60.0)]
    _, made = after(small, heavy, states, morning[1], orders=orders, order_lines=lines)
    truck = VAN | {"vehicle_type": "truck", "count": 1.0, "capacity_kg": 200.0}
    tables = heavy | {"orders": orders, "order_lines": lines, "vehicles": [VAN, truck]}
    roomy = small(**(tables | {"vehicle_states": states}))
    report = check(roomy, dict(made.tables), previous=str(morning[1]))
    assert "a_van_holds_it_all" in {violation.code for violation in report.violations}
