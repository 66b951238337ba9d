"""The bound never exceeds the optimum, the optimum never exceeds what is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits, Status
from optimizer.routing.bounds import as_served, lower_bound
from optimizer.routing.solo import shortest_from, solo_tests
from optimizer.routing.solve import solve


@st.composite
def problems(draw, build, most=4):
    """Draw a problem of up to `most` stops over up to two depots and van types."""
    point = st.tuples(st.integers(-5000, 5000), st.integers(-5000, 5000))
    n_depots = draw(st.integers(1, 2))
    depots = draw(st.lists(point, min_size=n_depots, max_size=n_depots))
    stops = []
    for _ in range(draw(st.integers(1, most))):
        opens = draw(st.integers(0, 3000))
        windows = [(opens, opens + draw(st.integers(0, 3000)))]
        if draw(st.booleans()):
            windows.append((windows[0][1] + 500, windows[0][1] + 2500))
        stops.append(
            {
                "at": draw(point),
                "kg": float(draw(st.integers(0, 5))),
                "kind": draw(st.sampled_from([0, 0, 1, 2])),
                "service_s": draw(st.sampled_from([0, 120])),
                "windows": draw(st.sampled_from([windows, [(0, 10**6)]])),
                "loss": draw(st.sampled_from([3.0, 40.0, 1000.0])),
                "optional": draw(st.booleans()),
                "skill": draw(st.sampled_from(["", "", "cold"])),
            }
        )
    vans = [
        {
            "depot": draw(st.integers(0, n_depots - 1)),
            "end": draw(st.sampled_from([0, n_depots - 1, -1])),
            "count": draw(st.integers(1, 2)),
            "kg": float(draw(st.integers(3, 9))),
            "fixed": float(draw(st.integers(0, 20))),
            "per_km": draw(st.sampled_from([0.0, 0.5, 2.0])),
            "per_hour": draw(st.sampled_from([0.0, 18.0])),
            "max_trips": draw(st.integers(1, 2)),
            "reload_s": 60,
            "shift": (0, draw(st.sampled_from([2500, 20_000]))),
            "max_stops": draw(st.sampled_from([2, 10])),
            "skill": draw(st.sampled_from(["", "cold"])),
        }
        for _ in range(draw(st.integers(1, 2)))
    ]
    return build(stops, vans, depots)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_bound_optimum_objective_in_order(plane, optimum, data):
    """Bound <= brute force <= objective, whatever the fleet, windows, prizes and skills.

    Brute force has the choice that the plan had: what must be served is, where the plan does.
    """
    problem = data.draw(problems(plane))
    best, tests = optimum(problem), solo_tests(problem)
    outcome = solve(problem, Limits(work=0.05))
    rivals = as_served(problem, tests, outcome.solution.unserved, outcome.objective)
    assert outcome.bound <= optimum(rivals) + 1e-6
    assert outcome.objective >= best - 1e-6
    shared = lower_bound(problem, tests)
    assert outcome.bound >= min(shared, outcome.objective)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), more=st.integers(1, 3))
def test_another_van_never_raises_the_bound(plane, data, more):
    """More vans of a type, or a copy of a type, relax the problem."""
    problem = data.draw(problems(plane, most=6))
    before = lower_bound(problem, solo_tests(problem))
    vans = problem.vans
    richer = replace(problem, vans=replace(vans, count=vans.count + more))
    assert lower_bound(richer, solo_tests(richer)) <= before + 1e-9


@settings(max_examples=20, deadline=None)
@given(data=st.data(), dx=st.integers(-999, 999), dy=st.integers(-999, 999))
def test_moving_the_map_changes_nothing(plane, moved, data, dx, dy):
    """Only distances count, not where the map lies."""
    problem = data.draw(problems(plane))
    shifted = moved(problem, float(dx), float(dy))
    limits = Limits(work=0.05)
    one, two = solve(problem, limits), solve(shifted, limits)
    assert one.bound == two.bound
    assert one.objective == pytest.approx(two.objective)


def test_bound_of_one_stop_is_its_price(plane):
    """3 km out and back at 1 a km and 10 for the van: 16, proven."""
    problem = plane([{"at": (3000, 0)}], [{"fixed": 10.0}])
    outcome = solve(problem, Limits(work=0.05))
    assert outcome.objective == 16.0
    assert outcome.bound == pytest.approx(16.0)
    assert outcome.status == Status.OPTIMAL


def test_two_full_vans_are_proven(plane):
    """Two stops of a van's load each, 1 km and 2 km away: 2 x 10 + 2 + 4 = 26 and no less."""
    problem = plane(
        [{"at": (1000, 0), "kg": 5.0}, {"at": (0, 2000), "kg": 5.0}],
        [{"fixed": 10.0, "kg": 5.0, "count": 2}],
    )
    outcome = solve(problem, Limits(work=0.05))
    assert outcome.objective == 26.0
    assert outcome.bound == pytest.approx(26.0, rel=1e-5)


def test_prize_caps_what_a_stop_adds_to_the_bound(plane):
    """Serving would cost 200; leaving it out costs 7, so the bound is 7 and the plan is empty."""
    problem = plane([{"at": (100_000, 0), "optional": True, "loss": 7.0}], [{}])
    outcome = solve(problem, Limits(work=0.05))
    assert outcome.bound == pytest.approx(7.0)
    assert outcome.objective == 7.0
    assert outcome.status == Status.OPTIMAL


def test_shortest_path_beats_the_direct_arc():
    """0 -> 1 -> 2 takes 2 + 3 where 0 -> 2 takes 9."""
    lengths = np.array([[0, 2, 9], [2, 0, 3], [9, 3, 0]])
    assert shortest_from(lengths, 0).tolist() == [0.0, 2.0, 5.0]
