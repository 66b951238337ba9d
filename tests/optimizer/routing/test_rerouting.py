"""A day planned anew while its vans are under way: what stays, what moves, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.rerouting import check
from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.routing import rerouting_search
from scenarios import InputError, Scenario

NOON = pd.Timestamp("2026-01-05 11:00")


def order(name: str, lat: float, lon: float, **other: Any) -> dict[str, Any]:
    return {"order_id": name, "lat": lat, "lon": lon, "placed_at": "2026-01-04 10:00"} | other


def line(name: str, qty: float = 1.0) -> dict[str, Any]:
    return {"order_id": name, "line_id": "1", "product_id": "P", "qty": qty}


def drive_until(morning: Plan, now: pd.Timestamp, **other: Any) -> list[dict[str, Any]]:
    """Return the states of vans that keep to their plan: half-way to the stop after the last."""
    states = []
    stops = morning.table("stops").sort_values(["route_id", "seq"])
    for k, route in enumerate(morning.table("routes").itertuples()):
        if route.start > now or route.end <= now:
            continue
        mine = stops[stops["route_id"] == route.route_id]
        past, ahead = mine[mine["depart"] <= now], mine[mine["depart"] > now]
        here = ahead.iloc[0][["lat", "lon"]].to_numpy(float)
        if len(past):
            here = (here + past.iloc[-1][["lat", "lon"]].to_numpy(float)) / 2.0
        row = {
            "vehicle_id": f"car {k}", "route_id": route.route_id, "at": now, "lat": here[0],
            "lon": here[1], "load_kg": 0.0, "frozen_seq": float(len(past)),
        }  # fmt: skip
        states.append(row | other)
    return states


def next_is_a_stop(stops: pd.DataFrame, state: dict[str, Any]) -> bool:
    """Say whether a van goes to a customer next."""
    own = stops["route_id"] == state["route_id"]
    ahead = stops[own & (stops["seq"] == state["frozen_seq"] + 1.0)]
    return bool(ahead["order_id"].notna().all())


@pytest.fixture(scope="module")
def busy_day(small: Callable[..., Scenario]) -> dict[str, list[dict[str, Any]]]:
    """Forty orders round a depot, a third of them pickups, some with windows."""
    rng = np.random.default_rng(5)
    orders = []
    for k in range(40):
        lat, lon = 31.0 + rng.uniform(-0.12, 0.12), 121.0 + rng.uniform(-0.12, 0.12)
        more: dict[str, Any] = {"kind": "pickup"} if k % 3 == 0 else {}
        if k % 4 == 1:
            opens = int(rng.integers(9, 15))
            more |= {"due_from": f"2026-01-05 {opens:02d}:00"}
            more |= {"due_to": f"2026-01-05 {opens + 2:02d}:00"}
        orders.append(order(f"O{k:02d}", lat, lon, service_s=600.0, **more))
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": 8.0, "capacity_kg": 40.0,
        "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 20.0, "cost_per_km": 1.0,
        "cost_per_hour": 30.0, "speed_km_h": 36.0,
    }  # fmt: skip
    return {
        "orders": orders,
        "order_lines": [line(o["order_id"], 1.0 + k % 3) for k, o in enumerate(orders)],
        "vehicles": [van],
    }


@pytest.fixture(scope="module")
def morning(
    small: Callable[..., Scenario], busy_day: dict[str, Any], tmp_path_factory: Any
) -> tuple[Plan, Path]:
    """The morning's plan of the busy day, and its folder."""
    made = plan(small(**busy_day), ["routing"], work=1.0)
    return made, made.save(tmp_path_factory.mktemp("morning"))


def at_noon(small: Any, day: dict[str, Any], made: Plan, **tables: Any) -> Scenario:
    return small(**(day | {"vehicle_states": drive_until(made, NOON)} | tables))


def rerouted(scenario: Scenario, folder: Path, move_price: str = "", work: float = 0.5) -> Plan:
    """Plan anew; the pipeline's referee looks at it, or raises."""
    options = {"previous": str(folder)} | ({"move_price": move_price} if move_price else {})
    return plan(scenario, ["rerouting"], work=work, options=options)


def van_of(made: Plan) -> dict[str, str]:
    rows = made.table("stops").dropna(subset="order_id")
    return dict(zip(rows["order_id"], rows["route_id"], strict=True))


@pytest.mark.slow
def test_what_is_done_is_not_planned_again(small, busy_day, morning):
    """Stops behind the frozen one are in neither table; all others are served."""
    made, folder = morning
    stops = made.table("stops")
    done = set(stops.loc[stops["depart"] <= NOON, "order_id"].dropna())
    after = rerouted(at_noon(small, busy_day, made), folder)
    assert len(done) > 5
    assert set(van_of(after)) == {o["order_id"] for o in busy_day["orders"]} - done
    assert not len(after.table("unserved"))


def test_relaxed_routes_prove_more_than_shares(small, busy_day, morning, monkeypatch):
    """The bound with the relaxation is no lower than without, and still below the plan."""
    made, folder = morning
    scenario = at_noon(small, busy_day, made)
    relaxed = rerouted(scenario, folder, work=0.2).table("certificates").iloc[0]
    monkeypatch.setattr(rerouting_search, "applies", lambda _problem, _limits: False)
    shared = rerouted(scenario, folder, work=0.2).table("certificates").iloc[0]
    assert shared["objective"] == relaxed["objective"]
    assert shared["bound"] < relaxed["bound"] <= relaxed["objective"]


def test_what_is_aboard_keeps_its_van(small, busy_day, morning):
    """Every delivery of a van under way is still on it."""
    made, folder = morning
    before, after = van_of(made), van_of(rerouted(at_noon(small, busy_day, made), folder))
    kinds = {o["order_id"]: o.get("kind", "delivery") for o in busy_day["orders"]}
    under_way = {state["route_id"] for state in drive_until(made, NOON)}
    aboard = [o for o in after if kinds[o] == "delivery" and before[o] in under_way]
    assert len(aboard) > 5
    assert [after[o] for o in aboard] == [before[o] for o in aboard]


def test_cancelled_orders_drop_out_and_new_ones_come_in(small, busy_day, morning):
    """A pickup may join a van under way; a delivery must leave the depot after now."""
    made, folder = morning
    stops = made.table("stops")
    ahead = stops[(stops["depart"] > NOON) & stops["order_id"].notna()]["order_id"].tolist()
    gone = ahead[0]
    orders = [
        o | ({"status": "cancelled"} if o["order_id"] == gone else {}) for o in busy_day["orders"]
    ]
    orders += [order("NEWP", 31.02, 121.03, kind="pickup"), order("NEWD", 31.03, 121.0)]
    lines = [*busy_day["order_lines"], line("NEWP"), line("NEWD")]
    after = rerouted(at_noon(small, busy_day, made, orders=orders, order_lines=lines), folder)
    vans = van_of(after)
    assert gone not in vans
    assert {"NEWP", "NEWD"} <= set(vans)
    start = after.table("routes").set_index("route_id")["start"]
    assert vans["NEWD"] not in {state["route_id"] for state in drive_until(made, NOON)}
    assert start[vans["NEWD"]] >= NOON


def test_what_a_carrier_has_been_given_is_not_planned_again(small, tmp_path):
    """FAR goes by parcel in the morning (4 against 29 of driving); no van is asked for it later."""
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": 1.0, "capacity_kg": 100.0,
        "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 0.0, "cost_per_km": 1.0,
        "speed_km_h": 36.0,
    }  # fmt: skip
    rate = {
        "carrier_id": "SF", "service": "std", "origin": "D", "destination": "Z",
        "max_weight_kg": 50.0, "base": 4.0, "promise_days": 1.0,
    }  # fmt: skip
    day = {
        "orders": [
            order("NEAR", 31.01, 121.0, zone_id="Z"),
            order("FAR", 31.1, 121.0, zone_id="Z"),
        ],
        "order_lines": [line("NEAR"), line("FAR")],
        "vehicles": [van],
        "zones": [{"zone_id": "Z", "name": "Z", "lat": 31.0, "lon": 121.0}],
        "carriers": [{"carrier_id": "SF", "kind": "third_party"}],
        "carrier_rates": [rate],
    }
    made = plan(small(**day), ["routing"], work=0.3)
    assert made.table("handed_over")["order_id"].tolist() == ["FAR"]
    start = made.table("routes")["start"].iloc[0]
    scenario = small(**day, vehicle_states=drive_until(made, start))
    after = rerouted(scenario, made.save(tmp_path))
    assert set(van_of(after)) == {"NEAR"}
    assert not len(after.table("unserved"))


def test_high_price_of_moves_moves_nothing(small, busy_day, morning):
    """At 1,000 a stop all stops stay with their vans, and the term is 0."""
    made, folder = morning
    before = van_of(made)
    after = rerouted(at_noon(small, busy_day, made), folder, move_price="1000")
    assert all(before[o] == van for o, van in van_of(after).items())
    assert after.kpi("moved", "rerouting objective") == 0.0
    assert after.kpi("stops moved to another van") == 0.0


def test_routes_begin_where_vans_are(small, busy_day, morning):
    """A van under way costs nothing to send out, and starts at the time it was seen."""
    made, folder = morning
    after = rerouted(at_noon(small, busy_day, made), folder, move_price="1000")
    under_way = {state["route_id"] for state in drive_until(made, NOON)}
    routes = after.table("routes").set_index("route_id")
    seen = routes[routes.index.isin(under_way)]
    assert len(seen) > 1
    assert seen["start"].eq(NOON).all()
    cost = seen["distance_km"] + seen["duration_s"] / 120.0
    assert seen["cost"].to_numpy() == pytest.approx(cost.to_numpy())


@pytest.mark.parametrize(("load_kg", "joins"), [(0.0, True), (40.0, False)])
def test_load_seen_aboard_takes_room(small, busy_day, morning, load_kg, joins):
    """All that was to be brought is cancelled: vans that are seen full can fetch nothing more."""
    made, folder = morning
    states = drive_until(made, NOON, load_kg=load_kg)
    orders = [
        o | ({} if o.get("kind") == "pickup" else {"status": "cancelled"})
        for o in busy_day["orders"]
    ]
    orders += [order("NEWP", 31.02, 121.03, kind="pickup")]
    lines = [*busy_day["order_lines"], line("NEWP")]
    tables = {"orders": orders, "order_lines": lines, "vehicle_states": states}
    after = rerouted(small(**(busy_day | tables)), folder)
    assert (van_of(after)["NEWP"] in {state["route_id"] for state in states}) == joins


def test_frozen_stop_to_come_is_where_the_van_goes_on(small, busy_day, morning):
    """With the next stop frozen too, the van starts there when the morning's plan leaves it."""
    made, folder = morning
    stops = made.table("stops").sort_values(["route_id", "seq"])
    states = drive_until(made, NOON)
    state = next(s for s in states if next_is_a_stop(stops, s))
    state["frozen_seq"] += 1.0
    name = state["route_id"]
    mine = stops[(stops["route_id"] == name) & (stops["seq"] == state["frozen_seq"])].iloc[0]
    after = rerouted(small(**(busy_day | {"vehicle_states": states})), folder, move_price="1000")
    routes = after.table("routes").set_index("route_id")
    assert routes.loc[name, "start"] == mine["depart"]
    assert mine["order_id"] not in van_of(after)


def test_orders_of_a_later_day_are_left_to_it(small, busy_day, morning):
    """An order whose window opens tomorrow is neither served nor unserved today."""
    made, folder = morning
    orders = [*busy_day["orders"], order("TOM", 31.0, 121.1, due_from="2026-01-06 09:00")]
    lines = [*busy_day["order_lines"], line("TOM")]
    after = rerouted(at_noon(small, busy_day, made, orders=orders, order_lines=lines), folder)
    assert "TOM" not in van_of(after)
    assert "TOM" not in after.table("unserved")["id"].tolist()
    assert any("later day" in note for note in after.notes["rerouting"])


@pytest.mark.parametrize(
    ("states", "price", "word"),
    [
        ([{"route_id": "none/1"}], "", "none/1"),
        ([{}, {}], "", "same route"),
        ([{}], "dear", "move_price"),
        ([{}], "-1", "move_price"),
    ],
)
def test_states_that_make_no_sense_are_refused(small, busy_day, morning, states, price, word):
    """The message names what is wrong."""
    made, folder = morning
    first = drive_until(made, NOON)[0]
    rows = [first | {"vehicle_id": f"car {k}"} | state for k, state in enumerate(states)]
    with pytest.raises(InputError, match=word):
        rerouted(small(**(busy_day | {"vehicle_states": rows})), folder, move_price=price)


def test_plan_is_needed(small, busy_day, morning):
    """Without the morning's plan there is nothing to go on from."""
    made, _ = morning
    with pytest.raises(InputError, match="previous"):
        plan(at_noon(small, busy_day, made), ["rerouting"], work=0.1)


@pytest.fixture(scope="module")
def replanned(small, busy_day, morning) -> tuple[Scenario, Plan, str]:
    """The busy day at noon, planned anew, and the folder of the morning's plan."""
    made, folder = morning
    scenario = at_noon(small, busy_day, made)
    return scenario, rerouted(scenario, folder), str(folder)


def broken(replanned: tuple[Scenario, Plan, str], **tables: pd.DataFrame) -> set[str]:
    """Return the rules that the referee finds broken with some tables replaced."""
    scenario, made, folder = replanned
    report = check(scenario, {**made.tables, **tables}, previous=folder)
    return {violation.code for violation in report.violations}


def test_referee_finds_a_swap_of_what_is_aboard(replanned):
    """Two deliveries aboard two vans change places."""
    stops = replanned[1].table("stops")
    brought = stops[stops["kind"] == "delivery"].drop_duplicates("route_id").iloc[:2]
    a, b = brought.index
    swapped = stops.copy()
    swapped.loc[[a, b], "order_id"] = stops.loc[[b, a], "order_id"].to_numpy()
    assert "aboard_another_van" in broken(replanned, stops=swapped)
    assert broken(replanned) == set()


def test_referee_finds_a_delivery_that_is_not_aboard(replanned):
    """A delivery of a van that has not left cannot be on one that has."""
    scenario, made, folder = replanned
    stops = made.table("stops")
    brought = stops[stops["kind"] == "delivery"].drop_duplicates("route_id")
    states = scenario.table("vehicle_states")
    fewer = states[states["route_id"] != brought["route_id"].iloc[0]]
    tables = {name: scenario.table(name) for name in scenario.tables}
    other = Scenario(scenario.settings, tables | {"vehicle_states": fewer})
    a, b = brought.index[:2]
    swapped = stops.copy()
    swapped.loc[[a, b], "order_id"] = stops.loc[[b, a], "order_id"].to_numpy()
    report = check(other, {**made.tables, "stops": swapped}, previous=folder)
    assert "not_aboard" in {violation.code for violation in report.violations}


def test_referee_finds_a_van_that_starts_elsewhere(replanned):
    """An hour too early is not where the van was."""
    routes = replanned[1].table("routes")
    early = routes.assign(start=routes["start"] - pd.Timedelta(hours=1))
    assert "does_not_go_on_where_it_is" in broken(replanned, routes=early)


def test_referee_finds_a_stop_that_vanished(replanned):
    """A served stop without its row is neither served nor unserved."""
    stops = replanned[1].table("stops")
    first = stops.index[stops["order_id"].notna()][0]
    assert "neither_served_nor_unserved" in broken(replanned, stops=stops.drop(index=first))
