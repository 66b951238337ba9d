"""Lengths computed when they are asked for: the same bits as a matrix, wherever they are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits
from optimizer.routing import lengths as lengths_module
from optimizer.routing.bounds import lower_bound
from optimizer.routing.from_scenario import travel
from optimizer.routing.lengths import Computed, Measured, among, dense, is_symmetric
from optimizer.routing.nearest import nearest
from optimizer.routing.problem import RoutingProblem, with_matrices
from optimizer.routing.savings import savings_start
from optimizer.routing.schedule import price
from optimizer.routing.solo import shortest_from, solo_tests
from scenarios.distance import GreatCircle, MeasuredDistances, great_circle_m, on_sphere

from .conftest import plane_problem


def random_lengths(seed: int, n: int = 40) -> Computed:
    """Return lengths of any kind: plane or sphere, either rounding, some of them known."""
    rng = np.random.default_rng(seed)
    some = int(rng.choice([0, 60]))
    start, end = rng.integers(0, n, (2, some))
    if rng.random() < 0.5:
        points = rng.integers(0, 12, (n, 2)).astype(np.float64)
        known = Measured.of(start, end, rng.integers(0, 12, some), n)
        return Computed(points, 10.0, 1.0, bool(rng.random() < 0.5), known)
    points = on_sphere(np.column_stack([rng.uniform(4, 5, n), rng.uniform(50, 51, n)]))
    known = Measured.of(start, end, rng.integers(0, 60_000, some), n)
    return Computed(points, 1.3, float(rng.choice([1.0, 36.0 / 3.6])), False, known)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_lengths_read_like_a_matrix(seed):
    """Rows, pairs, rectangles, single ones, the way back, and some places only."""
    computed = random_lengths(seed)
    matrix = dense(computed)
    some = np.random.default_rng(seed).permutation(len(matrix))[:7]
    assert (np.diag(matrix) == 0).all()
    assert np.array_equal(computed[3], matrix[3])
    assert np.array_equal(computed[some, 5], matrix[some, 5])
    assert np.array_equal(computed[np.ix_(some, some[:2])], matrix[np.ix_(some, some[:2])])
    assert computed[2, -1] == matrix[2, -1]
    assert np.array_equal(dense(computed.T), matrix.T)
    assert np.array_equal(dense(among(computed, some)), among(matrix, some))
    assert is_symmetric(computed) == is_symmetric(matrix)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_nearest_stops_are_those_of_the_matrix(seed):
    """Ties, places of several stops, known lengths; found by a tree and by looking at all."""
    computed = random_lengths(seed)
    places = np.random.default_rng(seed).integers(0, 40, 60)
    assert np.array_equal(nearest(computed, places, 9), nearest(dense(computed), places, 9))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), compiled=st.booleans())
def test_shortest_paths_are_those_of_the_matrix(seed, compiled):
    """Known lengths make detours worth while; so does rounding down. Compiled or not."""
    if compiled:
        pytest.importorskip("numba")
    computed = random_lengths(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lengths_module, "FEW", 0 if compiled else 10**9)
        found = shortest_from(computed, 1), shortest_from(computed.T, 1)
    matrix = dense(computed)
    assert np.array_equal(found[0], shortest_from(matrix, 1))
    assert np.array_equal(found[1], shortest_from(matrix.T, 1))


def test_travel_is_measured_where_it_can_be_and_great_circle_elsewhere():
    """The last row of a pair counts; a zone that bears an order's name is not meant."""
    rng = np.random.default_rng(1)
    lonlat = np.column_stack([rng.uniform(121, 122, 6), rng.uniform(31, 32, 6)])
    rows = [("a", "b", 7.0, 3.0), ("b", "a", 9.4, 2.0), ("a", "b", 8.0, 4.0), ("c", "x", 1.0, 1.0)]
    table = pd.DataFrame(rows, columns=["origin_id", "destination_id", "distance_m", "duration_s"])
    metres, seconds = travel(lonlat, ["a", "b", "c", "d", "e", "a"], [36.0, 54.0], table)
    told_apart = ["a", "b", "c", "d", "e", "another a"]
    for k, speed in enumerate((36.0, 54.0)):
        wanted = MeasuredDistances(table, GreatCircle(speed_km_h=speed)).matrix(lonlat, told_apart)
        assert np.array_equal(metres, wanted[0])
        assert np.array_equal(seconds[k], wanted[1])
    assert (metres[0, 1], metres[1, 0]) == (8, 9)


def test_great_circle_of_a_quarter_and_of_half_the_globe():
    """Pole to equator: 6,371,008.8 m x pi / 2; to the other pole twice that; haversine nearby."""
    quarter = 6_371_008.8 * np.pi / 2
    assert great_circle_m(np.array([0.0, 90.0]), np.array([50.0, 0.0])) == pytest.approx(quarter)
    assert great_circle_m(np.array([0.0, 90.0]), np.array([0.0, -90.0])) == pytest.approx(
        2 * quarter
    )
    degree = np.radians(1e-3)
    near = great_circle_m(np.array([4.0, 50.0]), np.array([4.0, 50.001]))
    assert near == pytest.approx(6_371_008.8 * degree, abs=1e-6)


def on_the_globe(seed: int) -> RoutingProblem:
    """Return a problem with windows, hours that cost, an open end and known lengths, computed."""
    rng = np.random.default_rng(seed)
    stops = []
    for x, y in rng.integers(-9000, 9000, (70, 2)):
        first = int(rng.integers(0, 20_000))
        windows = [(first, first + 30_000)]
        stops.append({"at": (int(x), int(y)), "kg": 1.0, "windows": windows, "service_s": 60})
    vans = [{"kg": 9.0, "count": 9, "per_hour": 20.0}, {"kg": 7.0, "count": 9, "end": -1}]
    problem = plane_problem(stops, vans)
    lonlat = problem.lonlat / 1e5 + np.array([4.4, 50.8])
    p = len(lonlat)
    pairs = rng.integers(0, p, (2, 300))
    known = rng.integers(100, 9_000, 300)
    points = on_sphere(lonlat)
    metres = Computed(points, 1.3, measured=Measured.of(*pairs, known, p))
    seconds = Computed(points, 1.3, 10.0, measured=Measured.of(*pairs, known // 10, p))
    return replace(problem, lonlat=lonlat, metres=metres, seconds=(seconds,))


def test_savings_prices_and_tests_are_those_of_the_matrix():
    """The same start, stop by stop, and the same tests; the bound is valid, at most the other."""
    problem = on_the_globe(3)
    matrices = with_matrices(problem)
    tests = solo_tests(problem)
    assert np.array_equal(tests.direct, solo_tests(matrices).direct)
    assert np.array_equal(tests.relaxed, solo_tests(matrices).relaxed)
    one, two = savings_start(problem, tests), savings_start(matrices, tests)
    assert [timed.route for timed in one] == [timed.route for timed in two]
    assert [timed.cost for timed in one] == [timed.cost for timed in two]
    bounds = lower_bound(problem, tests), lower_bound(matrices, tests)
    assert 0.9 * bounds[1] < bounds[0] <= bounds[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_the_search_is_that_of_the_matrix(seed):
    """Compiled lengths lead to the same plan, windows, open ends and known lengths included."""
    pytest.importorskip("numba")
    from optimizer.routing.ruin.layout import book_of, lay_out, routes_of
    from optimizer.routing.ruin.search import cool

    plans = []
    for problem in (on_the_globe(seed), with_matrices(on_the_globe(seed))):
        layout = lay_out(problem, range(len(problem.stops)))
        book = book_of(layout, savings_start(problem, solo_tests(problem)))
        assert book is not None
        found = cool(layout, book, Limits(seed=seed), 6000)
        routes = routes_of(layout, found.following, found.first)
        assert not any(isinstance(price(problem, route), str) for route in routes)
        plans.append((found.cost, routes))
    assert plans[0] == plans[1]
