"""The compiled search: every rule kept at every moment, money added up exactly, repeatable."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits, Termination
from optimizer.routing.problem import BACKHAUL, DELIVERY, PICKUP, RoutingProblem, left_out
from optimizer.routing.rounding import must_serve_prize
from optimizer.routing.savings import savings_start
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests
from optimizer.routing.solve import engine_for, solve

pytest.importorskip("numba")

from optimizer.routing.ruin.engine import RuinEngine
from optimizer.routing.ruin.layout import book_of, lay_out, routes_of
from optimizer.routing.ruin.search import Cooled, cool

from .conftest import plane_problem


def random_problem(seed: int, n: int = 24) -> RoutingProblem:
    """Return a problem in which every rule that the search knows may be at work."""
    rng = np.random.default_rng(seed)
    has = {name: rng.random() < 0.5 for name in ("time", "back", "skill", "prize", "hours", "far")}
    stops = []
    for x, y in rng.integers(-9000, 9000, (n, 2)):
        stop = {"at": (int(x), int(y)), "kg": float(rng.integers(1, 5)), "loss": 1e4}
        if has["time"]:
            first = int(rng.integers(0, 20_000))
            stop["windows"] = [(first, first + 3000), (first + 9000, first + 12_000)]
            stop["service_s"] = int(rng.integers(0, 600))
            stop["release_s"] = int(rng.choice([0, 4000]))
        if has["back"] and rng.random() < 0.3:
            stop |= {"kind": BACKHAUL, "release_s": 0}
        if has["skill"] and rng.random() < 0.3:
            stop["skill"] = "cold"
        if has["prize"] and rng.random() < 0.5:
            stop |= {"optional": True, "loss": float(rng.integers(1, 12))}
        stops.append(stop)
    vans = [
        {"kg": 9.0, "count": 9, "fixed": 2.0, "skill": "cold"},
        {"kg": 14.0, "count": 5, "fixed": 3.0, "depot": 1, "per_km": 2.0, "shift": (0, 40_000)},
    ]
    for van in vans:
        if has["hours"]:
            van["per_hour"] = 18.0
        if has["far"]:
            van |= {"max_km": 45.0, "max_stops": 5}
    return plane_problem(stops, vans, depots=((0, 0), (3000, 3000)))


def cooled(problem: RoutingProblem, steps: int, seed: int = 0) -> tuple[Cooled, tuple, float]:
    """Return what the search found, its routes, and their money with its price of missing ones."""
    tests = solo_tests(problem)
    chosen = [int(s) for s in np.flatnonzero(~tests.hopeless)]
    layout = lay_out(problem, chosen)
    book = book_of(layout, savings_start(problem, tests))
    assert book is not None
    found = cool(layout, book, Limits(seed=seed), steps)
    routes = routes_of(layout, found.following, found.first)
    timed = [price(problem, route) for route in routes]
    assert all(not isinstance(one, str) for one in timed), timed
    missing = [stop for stop in left_out(problem, routes) if stop in chosen]
    more = must_serve_prize(problem, chosen, range(len(problem.vans)))
    money = sum(one.cost for one in timed) + sum(
        problem.stops.loss[s] + (0.0 if problem.stops.optional[s] else more) for s in missing
    )
    return found, routes, layout.scale * money


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
@pytest.mark.slow
def test_every_rule_holds_and_money_adds_up(seed):
    """Routes pass our own schedule; the running total is the price of the routes, rounded."""
    problem = random_problem(seed)
    found, routes, money = cooled(problem, 800, seed)
    stops = [stop for route in routes for stop in route.stops]
    assert len(stops) == len(set(stops))
    assert abs(found.cost - money) <= 0.5 * len(problem.stops)


def test_the_best_of_six_stops_is_found():
    """Six stops, one van: all 720 tours, by hand."""
    rng = np.random.default_rng(3)
    problem = plane_problem(
        [{"at": tuple(map(int, p))} for p in rng.integers(-9000, 9000, (6, 2))], [{"kg": 99.0}]
    )
    best = min(
        sum(problem.metres[a, b] for a, b in itertools.pairwise((0, *tour, 0)))
        for tour in itertools.permutations(range(1, 7))
    )
    found, _, _ = cooled(problem, 20_000)
    layout = lay_out(problem, range(6))
    assert found.cost == round(layout.scale * best / 1000.0)


def test_same_seed_same_plan_other_seed_other_search():
    """Two runs agree to the last stop; the plan is cut in two parts, each in a thread."""
    problem = random_problem(8, n=150)
    one, two = cooled(problem, 4000, 5), cooled(problem, 4000, 5)
    assert one[1] == two[1]
    assert one[0].cost == two[0].cost
    assert cooled(problem, 4000, 6)[1] != one[1]


def test_a_prize_below_the_detour_is_left():
    """A stop 9 km off pays 5 for a detour of 18; its neighbour pays 19."""
    stops = [{"at": (9000, 0), "optional": True, "loss": loss} for loss in (5.0, 19.0)]
    poor = plane_problem(stops[:1], [{"kg": 5.0}])
    rich = plane_problem(stops[1:], [{"kg": 5.0}])
    assert cooled(poor, 500)[1] == ()
    assert [route.stops for route in cooled(rich, 500)[1]] == [(0,)]


def test_the_cheaper_van_takes_the_route():
    """One stop: the van that costs 1 a route instead of 3 drives, though it comes second."""
    problem = plane_problem(
        [{"at": (1000, 0)}], [{"kg": 5.0, "fixed": 3.0}, {"kg": 5.0, "fixed": 1.0}]
    )
    assert [route.van for route in cooled(problem, 500)[1]] == [1]


@pytest.mark.slow
def test_a_search_out_of_work_says_so_and_a_long_one_has_converged():
    """Work of 0.05 ends first; with none stated the search ends by itself."""
    problem = random_problem(2, n=8)
    assert solve(problem, Limits(work=0.05)).termination == Termination.WORK_LIMIT
    assert solve(problem, Limits()).termination == Termination.CONVERGED


def test_cancelling_keeps_the_start():
    """A search that is cancelled before its first step returns the savings start."""
    problem = random_problem(2, n=30)
    outcome = solve(problem, Limits(cancelled=lambda: True))
    assert outcome.termination == Termination.CANCELLED
    assert outcome.solution is not None


def test_which_engine_searches():
    """Several trips, and deliveries with pickups in one trip, are PyVRP's."""
    plain = plane_problem([{"at": (1, 1)}], [{}])
    pickups = plane_problem([{"at": (1, 1), "kind": PICKUP}], [{}])
    trips = plane_problem([{"at": (1, 1)}], [{"max_trips": 2}])
    both = plane_problem([{"at": (1, 1), "kind": k} for k in (DELIVERY, PICKUP)], [{}])
    names = [engine_for(problem).name for problem in (plain, pickups, trips, both)]
    assert names == ["ruin-recreate", "ruin-recreate", "pyvrp", "pyvrp"]


def test_long_routes_with_windows_are_handed_on_to_pyvrp():
    """Sixteen stops on one van: our own search, then PyVRP with windows, our own alone without."""
    stops = [{"at": (100 * k, 0), "windows": [(0, 50_000)]} for k in range(1, 17)]
    free = [{"at": stop["at"]} for stop in stops]
    with_windows, without = (
        solve(plane_problem(rows, [{"kg": 99.0}]), Limits(work=0.1)) for rows in (stops, free)
    )
    assert (with_windows.engine, without.engine) == ("ruin-recreate + pyvrp", "ruin-recreate")
    assert set(with_windows.solution.engine.versions()) == {"numba", "pyvrp"}


def test_breaks_are_said_to_be_put_in_afterwards():
    """The engine says what it is not told of."""
    rests = plane_problem([{"at": (1, 1)}], [{"break_after_s": 3600, "break_s": 600}])
    assert "breaks" in str(RuinEngine.supports(rests))


def test_prizes_with_windows_are_pyvrps():
    """Two stops that pay 6 each are 5 km off: alone neither is worth 10, together 12 are."""
    stops = [
        {"at": (5000, y), "windows": [(0, 50_000)], "optional": True, "loss": 6.0} for y in (0, 1)
    ]
    outcome = solve(plane_problem(stops, [{"kg": 99.0}]), Limits(work=0.1))
    assert outcome.engine == "pyvrp"
    assert outcome.solution.unserved == ()


def test_stops_that_must_be_served_are_put_in_though_the_time_is_over():
    """Without a start and without a second left, 40 stops still get a place."""
    rng = np.random.default_rng(8)
    stops = [{"at": (int(x), int(y)), "kg": 1.0} for x, y in rng.integers(-9000, 9000, (40, 2))]
    problem = plane_problem(stops, [{"kg": 10.0, "count": 6}])
    outcome = RuinEngine().solve(problem, Limits(seconds=1e-9), (), range(40))
    assert outcome.termination is Termination.TIME_LIMIT
    assert left_out(problem, outcome.solution) == []
