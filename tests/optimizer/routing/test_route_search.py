"""What the search finds on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits, Termination
from optimizer.routing.problem import PICKUP, Route, left_out
from optimizer.routing.pyvrp_data import from_pyvrp, to_pyvrp, translate
from optimizer.routing.pyvrp_engine import PyVrpEngine
from optimizer.routing.savings import join_by_savings, savings_start
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests
from optimizer.routing.solve import repair, solve


def ring(n, radius=5000.0):
    angle = 2 * np.pi * np.arange(n) / n
    return [(radius * np.cos(a), radius * np.sin(a)) for a in angle]


CASES = {
    "windows": lambda: (
        [
            {"at": (1000, 0), "windows": [(0, 500)]},
            {"at": (2000, 0), "windows": [(3000, 3600)]},
            {"at": (1500, 500), "windows": [(0, 400), (2500, 4000)]},
            {"at": (0, 3000), "windows": [(300, 900)]},
        ],
        [{"count": 2, "fixed": 3.0, "per_hour": 3.6}],
        [(0, 0)],
    ),
    "skills": lambda: (
        [{"at": p, "skill": s} for p, s in zip(ring(5), ["cold", "", "cold", "", ""], strict=True)],
        [{"skill": "cold", "per_km": 3.0}, {"per_km": 1.0}],
        [(0, 0)],
    ),
    "reload": lambda: (
        [{"at": p, "kg": 2.0} for p in ring(5)],
        [{"kg": 4.0, "max_trips": 3, "reload_s": 100, "fixed": 40.0}],
        [(0, 0)],
    ),
    "depots": lambda: (
        [{"at": p} for p in [(0, 1000), (500, 1000), (9000, 0), (9500, 500)]],
        [{"depot": 0, "fixed": 2.0}, {"depot": 1, "fixed": 2.0}],
        [(0, 0), (10_000, 0)],
    ),
    "other end": lambda: (
        [{"at": p} for p in [(2000, 100), (5000, -100), (8000, 50)]],
        [{"depot": 0, "end": 1}],
        [(0, 0), (10_000, 0)],
    ),
    "open": lambda: (
        [{"at": p} for p in ring(4)],
        [{"end": -1, "count": 2, "fixed": 1.0}],
        [(0, 0)],
    ),
    "prizes": lambda: (
        [
            {"at": p, "optional": True, "loss": 4.0 if k % 2 else 30.0}
            for k, p in enumerate(ring(5))
        ],
        [{"count": 2, "fixed": 5.0}],
        [(0, 0)],
    ),
    "pickups": lambda: (
        [{"at": p, "kg": 3.0, "kind": PICKUP * (k % 2)} for k, p in enumerate(ring(5))],
        [{"kg": 6.0, "count": 3, "fixed": 5.0}],
        [(0, 0)],
    ),
    "kilometres": lambda: (
        [{"at": p} for p in ring(4)],
        [{"max_km": 21.0, "count": 4}],
        [(0, 0)],
    ),
    "stops": lambda: (
        [{"at": p} for p in ring(5)],
        [{"max_stops": 2, "count": 3, "fixed": 1.0}],
        [(0, 0)],
    ),
    "release": lambda: (
        [{"at": p, "release_s": 1000 * k} for k, p in enumerate(ring(4))],
        [{"count": 2, "fixed": 5.0, "per_hour": 10.0, "shift": (0, 8000)}],
        [(0, 0)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_search_finds_the_optimum_of_a_tiny_problem(plane, optimum, case):
    """Brute force over every set, order, split and van finds nothing cheaper."""
    problem = plane(*CASES[case]())
    outcome = solve(problem, Limits(work=0.4))
    assert outcome.objective == pytest.approx(optimum(problem), rel=1e-9)
    for timed in outcome.solution.timed:
        again = price(problem, timed.route)
        assert not isinstance(again, str)
        assert again.cost == timed.cost


def test_stop_that_must_be_served_is_served_at_a_loss(plane):
    """Serving costs 20, its penalty is 1: without a prize it is served all the same."""
    problem = plane([{"at": (10_000, 0), "loss": 1.0}], [{}])
    outcome = solve(problem, Limits(work=0.05))
    assert outcome.solution.unserved == ()
    assert outcome.objective == 20.0


def test_too_little_room_leaves_the_cheapest_loss_out(plane):
    """One van for 4 kg, three stops of 2 kg that must be served: the least loss stays behind."""
    problem = plane(
        [{"at": p, "kg": 2.0, "loss": loss} for p, loss in zip(ring(3), [90.0, 10.0, 50.0])],
        [{"kg": 4.0}],
    )
    outcome = solve(problem, Limits(work=0.2))
    assert outcome.solution.unserved == (1,)


def test_same_work_gives_the_same_bits(plane):
    """Two runs with one seed and one work limit agree in routes, price and work."""
    rng = np.random.default_rng(3)
    stops = [{"at": tuple(p), "kg": 2.0} for p in rng.integers(-9000, 9000, (30, 2))]
    problem = plane(stops, [{"kg": 11.0, "count": 9, "fixed": 5.0, "per_hour": 20.0}])
    one, two = (solve(problem, Limits(work=0.3, seed=5)) for _ in range(2))
    assert [t.route for t in one.solution.timed] == [t.route for t in two.solution.timed]
    assert (one.objective, one.bound, one.work) == (two.objective, two.bound, two.work)


def test_wall_limit_is_kept(plane):
    """A second of wall time on 60 stops ends by time, near a second."""
    rng = np.random.default_rng(4)
    stops = [{"at": tuple(p), "kg": 2.0} for p in rng.integers(-9000, 9000, (60, 2))]
    problem = plane(stops, [{"kg": 11.0, "count": 20}])
    outcome = solve(problem, Limits(seconds=1.0))
    assert outcome.termination in (Termination.TIME_LIMIT, Termination.CONVERGED)
    assert outcome.wall_seconds < 2.0


def test_cancelling_keeps_the_start(plane):
    """Cancelled before it begins, the search hands on the feasible start."""
    problem = plane([{"at": p} for p in ring(8)], [{"count": 3}])
    outcome = solve(problem, Limits(work=50.0, cancelled=lambda: True))
    assert outcome.termination == Termination.CANCELLED
    assert outcome.work < 0.1
    assert len(outcome.solution.timed) >= 1


def test_better_plans_are_reported(plane):
    """The first report is the start; none of the later ones is dearer than the start."""
    rng = np.random.default_rng(5)
    stops = [{"at": tuple(p), "kg": 2.0} for p in rng.integers(-9000, 9000, (25, 2))]
    problem = plane(stops, [{"kg": 11.0, "count": 9, "fixed": 5.0}])
    told: list[float] = []
    outcome = solve(problem, Limits(work=0.2), on_better=told.append)
    assert len(told) >= 2
    assert outcome.objective <= told[0]


def test_savings_join_neighbours_first(plane):
    """Two pairs on opposite sides and room for two: each pair shares a van."""
    problem = plane(
        [{"at": p} for p in [(5000, 0), (5000, 100), (-5000, 0), (-5000, 100)]],
        [{"kg": 2.0, "count": 4}],
    )
    chains = join_by_savings(problem, 0, np.arange(4))
    assert sorted(sorted(chain) for chain in chains) == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("vans", "chains"), [(2, [[0], [1]]), (1, [[0, 1]])])
def test_savings_wait_only_where_that_pays_or_vans_are_few(plane, vans, chains):
    """To wait 16,000 s costs 133 and saves a van of 100: two routes, if there are two vans."""
    stops = [
        {"at": (1000, 0), "windows": [(0, 4000)]},
        {"at": (1100, 0), "windows": [(20_010, 24_000)]},
    ]
    problem = plane(stops, [{"count": vans, "fixed": 100.0, "per_hour": 30.0}])
    assert join_by_savings(problem, 0, np.arange(2)) == chains


def test_savings_start_keeps_every_rule(plane):
    """Windows, room and shift hold on every route of the start."""
    rng = np.random.default_rng(6)
    stops = [
        {"at": tuple(p), "kg": 2.0, "windows": [(int(o), int(o) + 2000)], "service_s": 60}
        for p, o in zip(rng.integers(-9000, 9000, (40, 2)), rng.integers(0, 20_000, 40))
    ]
    problem = plane(stops, [{"kg": 9.0, "count": 12, "shift": (0, 25_000)}])
    start = savings_start(problem, solo_tests(problem))
    routes = tuple(timed.route for timed in start)
    assert left_out(problem, routes) == []
    assert all(not isinstance(price(problem, route), str) for route in routes)


def test_routes_survive_translation_there_and_back(plane):
    """Trips, van types and the stop with two windows come back as they went."""
    problem = plane(
        [{"at": p, "windows": [(0, 2000), (3000, 90_000)]} for p in ring(4)],
        [{"count": 1}, {"max_trips": 2, "reload_s": 30}],
    )
    routes = (Route(0, ((0,),)), Route(1, ((2, 1), (3,))))
    timed = [price(problem, route) for route in routes]
    translation = translate(problem, range(4), complete=True, cost_per_stop=5.0)
    assert from_pyvrp(translation, to_pyvrp(translation, timed)) == routes


def test_repair_takes_apart_what_breaks_a_rule(plane):
    """A route of 6 kg on a 4 kg van is cut, and what was cut goes on the other van."""
    problem = plane([{"at": p, "kg": 2.0} for p in ring(3)], [{"kg": 4.0, "count": 2}])
    repaired = repair(problem, (Route(0, ((0, 1, 2),)),), range(3))
    assert left_out(problem, tuple(timed.route for timed in repaired)) == []
    assert len(repaired) == 2


def test_supports_names_what_pyvrp_cannot_say(plane):
    """Breaks, and stops counted over several trips."""
    plain = plane([{"at": (1, 1)}], [{}])
    rests = plane([{"at": (1, 1)}], [{"break_after_s": 3600, "break_s": 600}])
    counted = plane([{"at": (1, 1)}], [{"max_stops": 3, "max_trips": 2}])
    assert PyVrpEngine.supports(plain) is None
    assert "breaks" in str(PyVrpEngine.supports(rests))
    assert "max_stops" in str(PyVrpEngine.supports(counted))


def test_max_stops_over_trips_holds_though_pyvrp_cannot_say_it(plane):
    """Three stops a route at most, on two trips: with four stops one is left out or reassigned."""
    problem = plane(
        [{"at": p, "kg": 2.0} for p in ring(4)],
        [{"kg": 4.0, "max_trips": 2, "max_stops": 3}],
    )
    outcome = solve(problem, Limits(work=0.1))
    assert all(len(timed.route.stops) <= 3 for timed in outcome.solution.timed)
    assert len(outcome.solution.unserved) == 1


@settings(max_examples=10, deadline=None)
@given(
    at=st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), min_size=3, max_size=9),
    dx=st.integers(-5000, 5000),
)
def test_turned_mirrored_and_moved_maps_cost_the_same(plane, at, dx):
    """A quarter turn, a mirror and a shift leave every distance, and so the plan's money, alone."""
    maps = (
        lambda x, y: (x, y),
        lambda x, y: (-y, x),
        lambda x, y: (-x, y),
        lambda x, y: (x + dx, y - dx),
    )
    costs = [
        solve(
            plane([{"at": one(*p)} for p in at], [{"kg": 3.0, "count": 4}], [one(0, 0)]),
            Limits(work=0.02),
        ).objective
        for one in maps
    ]
    assert costs == pytest.approx([costs[0]] * len(costs))


@settings(max_examples=20, deadline=None)
@given(
    at=st.lists(st.tuples(st.integers(-900, 900), st.integers(-900, 900)), min_size=2, max_size=9)
)
def test_symmetric_routes_cost_the_same_backwards(plane, at):
    """Without windows, there and back on symmetric ways: either direction has one price."""
    problem = plane([{"at": p} for p in at], [{"per_hour": 7.0}])
    stops = tuple(range(len(at)))
    there, back = price(problem, Route(0, (stops,))), price(problem, Route(0, (stops[::-1],)))
    assert there.cost == pytest.approx(back.cost)
    assert there.metres == back.metres
