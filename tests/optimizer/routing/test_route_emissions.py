"""What routes emit: as a cost and under a cap; recomputed by the referee."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.audit.route_facts import Roads, read_stops
from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from optimizer.routing.finish import turned
from optimizer.routing.problem import PICKUP, Route
from optimizer.routing.schedule import price
from optimizer.routing.shares import split
from optimizer.routing.solve import solve
from scenarios import Scenario

VAN = {
    "depot_id": "D", "count": 1.0, "capacity_kg": 100.0, "shift_start": "08:00",
    "shift_end": "18:00", "speed_km_h": 36.0,
}  # fmt: skip
DIESEL = VAN | {"vehicle_type": "diesel", "cost_per_km": 1.0, "g_co2e_per_km": 250.0}
ELECTRIC = VAN | {"vehicle_type": "electric", "cost_per_km": 1.2, "g_co2e_per_km": 50.0}
CAP = {"limit_id": "C", "kind": "co2", "scope": "all", "sense": "<=", "hard": True}


def planned(scenario):
    result = run(scenario, {}, Limits(work=0.3))
    report = check(scenario, result.tables)
    assert report.violations == ()
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-6)
    assert result.certificate.bound <= result.certificate.objective + 1e-9
    return result


def priced(scenario, per_tonne):
    dearer = scenario.settings.model_copy(update={"co2_price_per_tonne": per_tonne})
    return Scenario(dearer, scenario.tables)


def terms_of(result):
    return {kpi.kpi: kpi.value for kpi in result.kpis if kpi.variant == "objective"}


def test_emission_is_a_term_of_the_price(plane):
    """2 km there and back at 1 + 0.5 money a km: 2 for distance, 1 for CO2."""
    problem = plane([{"at": (1000, 0)}], [{"per_km": 1.0, "co2_per_km": 0.5}])
    timed = price(problem, Route(0, ((0,),)))
    assert timed.terms == {"fixed": 0.0, "distance": 2.0, "time": 0.0, "co2": 1.0, "late": 0.0}
    assert timed.cost == 3.0


@pytest.mark.parametrize(("per_tonne", "van"), [(0.0, "diesel"), (2000.0, "electric")])
def test_price_of_co2_decides_between_vans(small, per_tonne, van):
    """1.00 against 1.20 a km; at 2,000 a tonne 0.2 kg a km less save 0.40."""
    result = planned(priced(small(vehicles=[DIESEL, ELECTRIC]), per_tonne))
    routes = result.tables["routes"]
    assert routes["vehicle_type"].tolist() == [van]
    assert terms_of(result)["co2"] == pytest.approx(per_tonne * routes["g_co2e"].sum() / 1e6)


def test_cap_moves_the_route_to_the_cleaner_van(small):
    """About 20 km: 5 kg by diesel, 1 kg by electric; the cap of 2 kg leaves electric."""
    scenario = small(vehicles=[DIESEL, ELECTRIC], limits=[CAP | {"value": 2000.0}])
    result = planned(scenario)
    assert result.tables["routes"]["vehicle_type"].tolist() == ["electric"]
    assert terms_of(result)["co2"] == 0.0  # a cap is no cost
    assert "Limit C on CO2e decides on routes." in result.notes
    assert "unserved" not in result.tables


def test_cap_below_what_two_stops_emit_leaves_one_out(small):
    """Each stop alone is about 14 km or 3.6 kg there and back, both are 4.9 kg: 4 kg serve one."""
    result = planned(small(vehicles=[DIESEL], limits=[CAP | {"value": 4000.0}]))
    assert result.tables["routes"]["g_co2e"].sum() <= 4000.0
    row = result.tables["unserved"].iloc[0]
    assert (row["id"], row["code"], row["proof"]) == ("B", "co2", "heuristic")  # 1 unit against 2
    assert "limit C" in row["cheapest_relaxation"]


def test_cap_of_another_site_or_day_touches_nothing(small):
    """Neither the routes of E nor tomorrow's are planned."""
    limits = [
        CAP | {"value": 1.0, "scope": "site:E"},
        CAP | {"limit_id": "T", "value": 1.0, "bucket": "2026-01-06"},
    ]
    result = planned(small(vehicles=[DIESEL], limits=limits))
    assert "unserved" not in result.tables


def test_soft_limit_is_reported(small):
    """A soft cap of 1 g changes nothing and is said."""
    scenario = small(vehicles=[DIESEL], limits=[CAP | {"value": 1.0, "hard": False}])
    result = planned(scenario)
    assert "unserved" not in result.tables
    assert "Limit C on CO2e is soft: routing is not held to it." in result.notes


def test_referee_finds_a_cap_that_is_broken(small):
    """The plan made without the cap emits more than it allows."""
    free = run(small(vehicles=[DIESEL]), {}, Limits(work=0.1))
    capped = small(vehicles=[DIESEL], limits=[CAP | {"value": 4000.0}])
    codes = {violation.code for violation in check(capped, free.tables).violations}
    assert codes == {"above_co2"}


def test_a_load_emits_by_tonne_and_km(plane):
    """600 kg out 1 km, 100 kg on for 2 km, empty home for 3 km: 0.8 t km, at 50 g and 10 a t km."""
    stops = [{"at": (1000, 0), "kg": 500.0}, {"at": (3000, 0), "kg": 100.0}]
    problem = plane(stops, [{"g": 100.0, "g_per_tkm": 50.0, "co2_per_tkm": 10.0}])
    timed = price(problem, Route(0, ((0, 1),)))
    assert timed.leg_tonne_km.tolist() == pytest.approx([0.0, 0.6, 0.2, 0.0])
    assert timed.g_co2e == pytest.approx(6 * 100.0 + 0.8 * 50.0)
    assert timed.terms["co2"] == pytest.approx(8.0)


def test_what_is_fetched_emits_on_the_way_home(plane):
    """200 kg are fetched 1 km away: 0.2 t km, all of them on the way back."""
    problem = plane([{"at": (1000, 0), "kg": 200.0, "kind": PICKUP}], [{"g_per_tkm": 50.0}])
    timed = price(problem, Route(0, ((0,),)))
    assert timed.leg_tonne_km.tolist() == pytest.approx([0.0, 0.0, 0.2])


def test_the_heavy_stop_comes_first_where_the_load_is_dear(plane):
    """A triangle of equal ways: dropping 900 kg first saves almost a tonne over the second leg."""
    stops = [{"at": (1000, 0), "kg": 900.0}, {"at": (500, 866), "kg": 1.0}]
    problem = plane(stops, [{"co2_per_tkm": 5.0}])
    last = price(problem, Route(0, ((1, 0),)))
    assert turned(problem, last).route.trips == ((0, 1),)
    assert turned(problem, turned(problem, last)).route.trips == ((0, 1),)


def test_search_pays_for_loads_as_all_orders_together_do(plane, optimum):
    """Five stops, all orders and splits tried: the search finds the cheapest plan."""
    at = [(900, 100), (200, 800), (-700, 300), (-300, -900), (600, -500)]
    kgs = [800.0, 100.0, 600.0, 50.0, 300.0]
    stops = [{"at": place, "kg": kg} for place, kg in zip(at, kgs, strict=True)]
    problem = plane(stops, [{"count": 2, "kg": 1500.0, "fixed": 0.5, "co2_per_tkm": 8.0}])
    outcome = solve(problem, Limits(work=1.0))
    assert outcome.objective == pytest.approx(optimum(problem))
    assert outcome.bound <= outcome.objective


def test_cap_counts_what_loads_emit(small):
    """The diesel's load alone breaks a cap that its empty van keeps; the electric one keeps it."""
    loaded = DIESEL | {"g_co2e_per_km": 10.0, "g_co2e_per_tkm": 60_000.0}
    scenario = small(vehicles=[loaded, ELECTRIC], limits=[CAP | {"value": 2000.0}])
    result = planned(scenario)
    assert result.tables["routes"]["vehicle_type"].tolist() == ["electric"]


@pytest.mark.parametrize("table", ["routes", "stops"])
def test_referee_adds_up_every_leg(small, table):
    """A tonne-kilometre too many, in the route or at a stop, is found."""
    scenario = small(vehicles=[DIESEL | {"g_co2e_per_tkm": 80.0}])
    tables = dict(run(scenario, {}, Limits(work=0.1)).tables)
    assert check(scenario, tables).violations == ()
    tables[table] = tables[table].assign(tonne_km=tables[table]["tonne_km"] + 1.0)
    codes = {violation.code for violation in check(scenario, tables).violations}
    assert codes == {"tonne_km_differs"}


def test_orders_share_what_their_route_emits(small):
    """Shares are as kg x direct km from the depot, and add up to the route's grams exactly."""
    scenario = small(vehicles=[DIESEL])
    result = planned(scenario)
    route, stops = result.tables["routes"].iloc[0], result.tables["stops"]
    shares = stops.dropna(subset=["order_id"]).set_index("order_id")["g_co2e"]
    assert math.fsum(shares) == route["g_co2e"]
    roads = Roads(scenario)
    work = {
        stop.order_id: stop.load.kg
        * roads.leg(("D", roads.depots["D"]), (stop.place, stop.lonlat), 36.0)[0]
        for stop in read_stops(scenario, {}).values()
    }
    for order, share in shares.items():
        expected = route["g_co2e"] * work[order] / sum(work.values())
        assert share == pytest.approx(expected, rel=1e-9)
    per_order = next(kpi.value for kpi in result.kpis if kpi.kpi == "CO2e per order")
    assert per_order == pytest.approx(route["g_co2e"] / len(shares))


def test_the_referee_finds_a_false_share(small):
    """A gram moved from one order to another is found."""
    scenario = small(vehicles=[DIESEL])
    tables = dict(planned(scenario).tables)
    stops = tables["stops"].copy()
    at = stops.index[stops["order_id"].notna()][:2]
    stops.loc[at, "g_co2e"] += [1.0, -1.0]
    tables["stops"] = stops
    codes = [found.code for found in check(scenario, tables).violations]
    assert codes == ["emission_share_differs"]


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.0, 1e7),
    st.lists(st.floats(0.0, 1e6), min_size=1, max_size=12),
)
def test_parts_add_up_to_the_whole_exactly(whole, weights):
    """However it is split, the exact sum of the parts rounds to the whole."""
    assert math.fsum(split(whole, np.array(weights))) == whole
