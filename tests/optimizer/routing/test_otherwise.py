"""Next-best choices of driving: small ones by hand, many against every place there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.routing.explain import explain_routes
from optimizer.routing.offers import Offer
from optimizer.routing.otherwise import day_without, other_van, saved_without, stop_elsewhere
from optimizer.routing.problem import Route, RoutingProblem, left_out, vans_left
from optimizer.routing.reinsertion import ReinsertionEngine
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests
from optimizer.routing.solve import Driven

NAMES = ("A", "B")
NEAR = [{"at": (1000, 0)}, {"at": (2000, 0)}, {"at": (0, 3000), "loss": 100.0}]


def driven(problem: RoutingProblem, routes: Sequence[Route]) -> Driven:
    """Return routes as a solved problem."""
    timed = []
    for route in routes:
        found = price(problem, route)
        assert not isinstance(found, str)
        timed.append(found)
    unserved = tuple(left_out(problem, tuple(routes)))
    return Driven(problem, tuple(timed), unserved, solo_tests(problem), ReinsertionEngine())


def two_routes(plane: Callable[..., RoutingProblem], kg: float) -> Driven:
    """O0 and O1 lie on one street, 1 and 2 km off: route A, 4 km. O2 is 3 km off: route B, 6 km."""
    problem = plane(NEAR, [{"kg": kg}, {"kg": 3.0}])
    return driven(problem, [Route(0, ((0, 1),)), Route(1, ((2,),))])


def test_a_stop_on_the_way_costs_what_the_other_route_drives_more(
    plane: Callable[..., RoutingProblem],
) -> None:
    """Route A saves nothing without O0; route B drives 1 + 3.162 + 3 in place of 6 km."""
    day = two_routes(plane, 3.0)
    saved = saved_without(day.problem, day.timed[0], 0)
    choice = stop_elsewhere(day, NAMES, 0, 0, saved)
    assert choice.name == "route B"
    assert choice.terms == pytest.approx({"distance": 1.162})


def test_the_rule_that_keeps_a_stop_from_the_nearest_route_is_named(
    plane: Callable[..., RoutingProblem],
) -> None:
    """Route A holds 2 kg and carries them: O2 would be left out for 100, saving its 6 km."""
    day = two_routes(plane, 2.0)
    choice = stop_elsewhere(day, NAMES, 1, 2, saved_without(day.problem, day.timed[1], 2))
    assert choice.name == "left out; route A would break capacity"
    assert choice.terms == pytest.approx({"left_out": 100.0, "without_stop": -6.0})
    assert choice.extra_cost == pytest.approx(94.0)


def test_a_carrier_that_asks_less_than_the_penalty_is_the_next_best(
    plane: Callable[..., RoutingProblem],
) -> None:
    """It asks 9 for O2: 3 more than its 6 km."""
    day = two_routes(plane, 2.0)
    on = np.datetime64("2026-01-05", "D")
    offer = Offer("POST", "parcel", "D0", on, on, on, 1.0, 9.0, 0.0, 0.0, 0.0, 0.0)
    day = replace(day, offers={2: offer})
    choice = stop_elsewhere(day, NAMES, 1, 2, saved_without(day.problem, day.timed[1], 2))
    assert choice.name == "carrier POST parcel; route A would break capacity"
    assert choice.extra_cost == pytest.approx(3.0)


def test_a_day_without_a_route_takes_its_stops_elsewhere(
    plane: Callable[..., RoutingProblem],
) -> None:
    """O0, O1, O2 in one go: 1 + 1 + 3.606 + 3 = 8.606 km, 4.606 more than route A has now."""
    choice = day_without(two_routes(plane, 3.0), 1)
    assert choice.name == (
        "not driven: 1 of its stops with other vans, 0 with carriers, 0 left out"
    )
    assert choice.terms == pytest.approx({"other_routes": 4.606, "route": -6.0})


def test_a_day_without_a_route_leaves_out_what_fits_nowhere(
    plane: Callable[..., RoutingProblem],
) -> None:
    """The other van is full: O2 costs its 100, less the 6 km."""
    choice = day_without(two_routes(plane, 2.0), 1)
    assert choice.terms == pytest.approx({"left_out": 100.0, "route": -6.0})


def test_a_day_without_a_route_does_not_send_its_twin(
    plane: Callable[..., RoutingProblem],
) -> None:
    """Two vans of the type are there: a second one on the same way is not a day without it."""
    problem = plane(NEAR, [{"count": 2}])
    choice = day_without(driven(problem, [Route(0, ((0, 1, 2),))]), 0)
    assert choice.name.startswith("not driven: 0 of its stops with other vans")


def test_another_van_is_priced_term_by_term(plane: Callable[..., RoutingProblem]) -> None:
    """The free van asks 5 before it leaves and 2 per km: 5 + 8 less the 4 km of route A."""
    problem = plane(NEAR, [{}, {"fixed": 5.0, "per_km": 2.0}])
    choice = other_van(driven(problem, [Route(0, ((0, 1),))]), 0)
    assert choice is not None
    assert choice.terms == pytest.approx({"fixed": 5.0, "distance": 8.0, "route": -4.0})


def test_a_route_of_a_day_that_is_too_large_is_not_worked_out(
    plane: Callable[..., RoutingProblem], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no other van is free and no place may be looked at, nothing is made up."""
    monkeypatch.setattr("optimizer.routing.explain.MOST_LOOKS", 0)
    rows = explain_routes(two_routes(plane, 3.0), NAMES)
    assert [row.alternative for row in rows] == ["not worked out", "not worked out"]
    assert all(np.isnan(row.extra_cost) for row in rows)


SPOTS = st.tuples(st.integers(-40, 40), st.integers(-40, 40))
WINDOWS = st.sampled_from([(0, 86_400), (0, 3_000), (2_000, 6_000), (5_000, 9_000)])


def cheapest_place(day: Driven, number: int, stop: int) -> float:
    """Return the least money of any place on another route, or of a van that is free."""
    problem = day.problem
    found = [np.inf]
    for at, timed in enumerate(day.timed):
        trip = timed.route.trips[0]
        for k in range(len(trip) + 1):
            tried = price(problem, Route(timed.route.van, ((*trip[:k], stop, *trip[k:]),)))
            if at != number and not isinstance(tried, str):
                found.append(tried.cost - timed.cost)
    left = vans_left(problem, tuple(timed.route for timed in day.timed))
    for van in np.flatnonzero(left > 0).tolist():
        tried = price(problem, Route(van, ((stop,),)))
        if not isinstance(tried, str):
            found.append(tried.cost)
    return float(min(found))


@settings(max_examples=60)
@given(
    spots=st.lists(st.tuples(SPOTS, WINDOWS), min_size=5, max_size=7),
    most=st.integers(2, 4),
    spare=st.booleans(),
    hourly=st.sampled_from([0.0, 30.0]),
)
def test_no_other_place_is_cheaper_than_the_one_named(
    plane: Callable[..., RoutingProblem],
    spots: list[tuple[tuple[int, int], tuple[int, int]]],
    most: int,
    spare: bool,
    hourly: float,
) -> None:
    """Against every position of every other route; with paid hours it is never less than that."""
    stops = [
        {"at": (100 * x, 100 * y), "windows": [window], "loss": 500.0} for (x, y), window in spots
    ]
    van: dict[str, Any] = {"kg": float(most), "per_hour": hourly}
    problem = plane(stops, [van, van, {"fixed": 7.0, "count": int(spare)}])
    routes, half = [], len(stops) // 2
    for van_of, members in enumerate((range(half), range(half, len(stops)))):
        kept: tuple[int, ...] = ()
        for stop in members:
            if not isinstance(price(problem, Route(van_of, ((*kept, stop),))), str):
                kept = (*kept, stop)
        if kept:
            routes.append(Route(van_of, (kept,)))
    day = driven(problem, routes)
    for number, timed in enumerate(day.timed):
        for stop in timed.route.stops:
            saved = saved_without(problem, timed, stop)
            if saved is None:
                continue
            choice = stop_elsewhere(day, NAMES, number, stop, saved)
            truth = min(cheapest_place(day, number, stop), 500.0) - sum(saved.values())
            assert choice.extra_cost >= truth - 1e-6
            if not hourly:
                assert choice.extra_cost == pytest.approx(truth, abs=1e-6)
