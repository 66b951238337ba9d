"""The bound of days of few stops: every set of them on its cheapest trip."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from optimizer.outcome import Limits, Status
from optimizer.routing.bounds import BY_SETS, as_served
from optimizer.routing.relaxation.by_sets import fits_sets, sets_bound
from optimizer.routing.relaxation.networks import distinct_vans
from optimizer.routing.solo import solo_tests
from optimizer.routing.solve import solve

from .test_relaxed_bounds import KINDS, drawn

pytest.importorskip("numba")

EXACT = ("plain", "prizes", "open", "skills", "backhauls", "asymmetric")  # all rules are looked at


def bound_of(problem):
    """Return the bound by sets."""
    tests = solo_tests(problem)
    return sets_bound(problem, tests, distinct_vans(problem, tests))


@pytest.mark.parametrize("kind", KINDS)
def test_no_plan_is_cheaper(plane, optimum, kind):
    """Bound <= brute force, over random problems of every rule."""
    for seed in range(8):
        problem = drawn(plane, kind, seed)
        assert bound_of(problem) <= optimum(problem) * (1.0 + 1e-12), seed


@pytest.mark.parametrize("kind", EXACT)
def test_the_bound_is_the_best_plan_where_nothing_is_left_out(plane, optimum, kind):
    """Loads, skills, prizes, open ends, backhauls and one-way roads are all in the relaxation."""
    for seed in range(8):
        problem = drawn(plane, kind, seed)
        assert bound_of(problem) == pytest.approx(optimum(problem), rel=1e-6), seed


def test_windows_keep_two_stops_apart(plane, optimum):
    """Both open for 10 s only, at the same moment, 300 s apart: two routes, not one."""
    vans = [{"count": 2, "fixed": 5.0}]
    stops = [{"at": (3000, y), "windows": [(1000, 1010)]} for y in (0, 3000)]
    problem = plane(stops, vans)
    assert bound_of(problem) == pytest.approx(optimum(problem))
    wide = plane([stop | {"windows": [(1000, 9000)]} for stop in stops], vans)
    assert bound_of(wide) < bound_of(problem)


def test_no_more_trips_than_vans(plane, optimum):
    """Three full loads, two vans: the cheapest loss of 100 is in the bound, however near it is."""
    stops = [{"at": (1000 * k, 0), "kg": 5.0, "loss": 100.0 * k} for k in (1, 2, 3)]
    problem = plane(stops, [{"kg": 5.0, "count": 2}])
    assert optimum(problem) == pytest.approx(100.0 + 4.0 + 6.0)
    assert bound_of(problem) == pytest.approx(110.0)


def test_a_plan_that_serves_all_is_held_against_plans_that_do(plane):
    """There and back cost 10 and the loss is 3, but the stop is not optional: 10 is proven."""
    problem = plane([{"at": (5000, 0), "loss": 3.0}], [{}])
    tests = solo_tests(problem)
    assert bound_of(problem) == pytest.approx(3.0)
    assert bound_of(as_served(problem, tests, [], 10.0)) == pytest.approx(10.0)
    assert as_served(problem, tests, [0], 3.0) is problem
    free = replace(problem, stops=replace(problem.stops, optional=~problem.stops.optional))
    assert bound_of(as_served(free, tests, [], 10.0)) == pytest.approx(3.0)


def test_a_day_of_few_stops_is_proven_optimal(plane, optimum):
    """Six stops in two loads: the search's plan and the bound meet."""
    stops = [{"at": (900 * k, 700 * k * k % 4000), "kg": 2.0} for k in range(1, 7)]
    problem = plane(stops, [{"kg": 6.0, "count": 3, "fixed": 4.0}])
    outcome = solve(problem, Limits(work=0.3))
    assert (outcome.status, outcome.detail) == (Status.OPTIMAL, BY_SETS)
    assert outcome.objective == pytest.approx(optimum(problem))


def test_too_many_stops_or_too_little_time_are_left_to_prices(plane):
    """Sets double with every stop: 12 fit, 24 do not; nor do 12 in a millisecond."""
    vans = [{"kg": 90.0, "count": 2}]
    few, many = ([{"at": (100 * k, 0)} for k in range(n)] for n in (12, 24))
    assert fits_sets(plane(few, vans), [0], math.inf)
    assert not fits_sets(plane(few, vans), [0], 0.001)
    assert not fits_sets(plane(many, vans), [0], math.inf)


@pytest.mark.parametrize("prize", [2.0, 100.0])
def test_a_single_stop_is_proven(plane, prize):
    """3 km there and back: with a prize of 2 it is left, with one of 100 served; both proven."""
    problem = plane([{"at": (3000, 0), "optional": True, "loss": prize}], [{"fixed": 5.0}])
    found = solve(problem, Limits(work=0.2))
    assert found.status == Status.OPTIMAL
    assert found.objective == pytest.approx(min(prize, 5.0 + 6.0))
