"""Two PyVRP searches side by side: no stop lost, the same plan every time, never a worse one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits
from optimizer.routing import pyvrp_rounds
from optimizer.routing.pieces import cut_across, rank
from optimizer.routing.pyvrp_engine import PyVrpEngine
from optimizer.routing.pyvrp_rounds import in_rounds
from optimizer.routing.savings import savings_start
from optimizer.routing.solo import solo_tests

from .conftest import plane_problem


def crowd(n, seed=4, **more):
    """Return stops of 1 kg within 9 km of the depot, for vans of 5 kg."""
    rng = np.random.default_rng(seed)
    rows = [{"at": tuple(map(int, at))} | more for at in rng.integers(-9000, 9000, (n, 2))]
    return plane_problem(rows, [{"kg": 5.0, "count": n}])


@pytest.fixture
def halved(monkeypatch):
    """Sixty stops, their start, and halves of ten stops or more."""
    monkeypatch.setattr(pyvrp_rounds, "SMALLEST_HALF", 10)
    problem = crowd(60)
    return problem, savings_start(problem, solo_tests(problem))


def test_halves_make_a_better_plan_of_all_stops(halved):
    """Every stop once, cheaper than the start, the work that was given."""
    problem, start = halved
    told: list[float] = []
    found = in_rounds(problem, Limits(work=1.0), start, range(60), told.append)
    assert sorted(s for t in found.routes for s in t.route.stops) == list(range(60))
    assert rank(problem, found.routes) < rank(problem, start)
    assert told == sorted(told, reverse=True)
    assert told[-1] == rank(problem, found.routes)[1]
    assert found.work == pytest.approx(1.0, rel=0.05)


def test_same_work_gives_the_same_bits_side_by_side(halved):
    """Threads end in any order; the plan does not depend on it."""
    problem, start = halved
    one, two = (
        in_rounds(problem, Limits(work=0.5, seed=3), start, range(60), lambda _cost: None)
        for _ in range(2)
    )
    assert [t.route for t in one.routes] == [t.route for t in two.routes]
    assert one.work == two.work


def test_small_plans_are_searched_twice_as_a_whole():
    """Twelve stops, one optional and far off with a prize of 1: left out, the others served."""
    problem = plane_problem(
        [{"at": (100 * k, 50)} for k in range(1, 12)]
        + [{"at": (90_000, 0), "optional": True, "loss": 1.0}],
        [{"kg": 6.0, "count": 4}],
    )
    start = savings_start(problem, solo_tests(problem))
    found = PyVrpEngine().solve(problem, Limits(work=0.2), start, range(12))
    assert sorted(s for route in found.solution for s in route.stops) == list(range(11))


def test_cancelled_rounds_keep_the_start(halved):
    """Nothing is searched."""
    problem, start = halved
    limits = Limits(work=9.0, cancelled=lambda: True)
    found = in_rounds(problem, limits, start, range(60), lambda _cost: None)
    assert (found.routes, found.work) == (tuple(start), 0.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), angle=st.floats(0.0, 3.2))
def test_a_cut_in_two_loses_nothing(seed, angle):
    """Stops, vans and routes are on one side or the other; neither is empty."""
    problem = crowd(20, seed)
    start = savings_start(problem, solo_tests(problem))[:-1]
    halves = list(cut_across(problem, start, range(20), angle))
    assert len(halves) == 2
    assert sorted(s for half in halves for s in half.stops.tolist()) == list(range(20))
    assert sum(int(half.problem.vans.count.sum()) for half in halves) == 20
    assert sum(len(half.routes) for half in halves) == len(start)
    assert all(half.routes for half in halves)
