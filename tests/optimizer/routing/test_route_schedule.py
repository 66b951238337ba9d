"""Timing and price of one route."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.routing.problem import BACKHAUL, PICKUP, Route
from optimizer.routing.schedule import Timed, price, route_nodes
from optimizer.routing.timing import BREAK, END, RELOAD, STOP, earliest


def priced(problem, trips, van=0) -> Timed:
    timed = price(problem, Route(van, trips))
    assert not isinstance(timed, str), timed
    return timed


def test_price_adds_fixed_distance_and_time(plane):
    """3 km out, 4 km across, 5 km back at 10 m/s: 12 km, 1,200 s of driving, 600 s of service."""
    problem = plane(
        [{"at": (3000, 0), "service_s": 300}, {"at": (3000, 4000), "service_s": 300}],
        [{"fixed": 50.0, "per_km": 2.0, "per_hour": 36.0}],
    )
    timed = priced(problem, ((0, 1),))
    assert timed.metres == 12_000
    assert timed.duration_s == 1_800
    assert (timed.fixed, timed.distance, timed.time) == (50.0, 24.0, 18.0)


def test_van_leaves_late_rather_than_wait(plane):
    """The window opens at 10:00 and is 300 s away, so the van leaves at 9:55 and never waits."""
    problem = plane([{"at": (3000, 0), "windows": [(36_000, 40_000)]}], [{}])
    timed = priced(problem, ((0,),))
    assert timed.begin[0] == 36_000 - 300
    assert timed.duration_s == 600


def test_unavoidable_waiting_is_paid(plane):
    """First stop closes at 1,000 s, second opens at 5,000 s: leaving at 900 waits 3,900 s.

    Leave at 900, serve at 1,000, at 1,100 at the second, wait till 5,000, back at 5,200.
    """
    problem = plane(
        [{"at": (1000, 0), "windows": [(0, 1000)]}, {"at": (2000, 0), "windows": [(5000, 6000)]}],
        [{"per_hour": 3600.0}],
    )
    timed = priced(problem, ((0, 1),))
    assert timed.begin[0] == 900
    assert timed.duration_s == 5_200 - 900
    assert timed.time == 4_300.0


def test_second_window_is_used_when_the_first_has_passed(plane):
    """The stop before keeps the van until 2,000 s; the next window opens at 3,000 s."""
    problem = plane(
        [
            {"at": (1000, 0), "windows": [(1900, 1900)], "service_s": 0},
            {"at": (2000, 0), "windows": [(0, 1500), (3000, 4000)]},
        ],
        [{}],
    )
    timed = priced(problem, ((0, 1),))
    at = [int(b) for node, b in zip(timed.nodes, timed.begin, strict=True) if node.what == STOP]
    assert at == [1_900, 3_000]


def test_load_changes_stop_by_stop(plane):
    """5 + 3 kg leave the depot; 5 are dropped, 4 fetched, 3 dropped: 8, 3, 7, 4."""
    problem = plane(
        [
            {"at": (100, 0), "kg": 5.0},
            {"at": (200, 0), "kg": 4.0, "kind": PICKUP},
            {"at": (300, 0), "kg": 3.0},
        ],
        [{"kg": 8.0}],
    )
    timed = priced(problem, ((0, 1, 2),))
    assert timed.load_kg.tolist() == [8.0, 3.0, 7.0, 4.0, 0.0]
    assert timed.peak[0] == 8.0


def test_pickup_before_the_drop_can_overload(plane):
    """Fetching 4 kg first makes 8 + 4 = 12 kg on an 8 kg van."""
    problem = plane(
        [
            {"at": (100, 0), "kg": 5.0},
            {"at": (200, 0), "kg": 4.0, "kind": PICKUP},
            {"at": (300, 0), "kg": 3.0},
        ],
        [{"kg": 8.0}],
    )
    assert price(problem, Route(0, ((1, 0, 2),))) == "capacity"


def test_backhaul_comes_after_the_last_delivery_of_its_trip(plane):
    """A backhaul between two deliveries is refused, at the end of a first trip it is not."""
    problem = plane(
        [{"at": (100, 0)}, {"at": (200, 0), "kind": BACKHAUL}, {"at": (300, 0)}],
        [{"max_trips": 2}],
    )
    assert isinstance(price(problem, Route(0, ((0, 1, 2),))), str)
    assert isinstance(price(problem, Route(0, ((0, 1), (2,)))), Timed)


def test_reload_takes_its_time_and_resets_the_load(plane):
    """Two trips of 200 s each with 120 s of reloading between: 520 s, never more than 6 kg."""
    problem = plane(
        [{"at": (1000, 0), "kg": 6.0}, {"at": (0, 1000), "kg": 6.0}],
        [{"kg": 6.0, "max_trips": 2, "reload_s": 120}],
    )
    assert price(problem, Route(0, ((0, 1),))) == "capacity"
    timed = priced(problem, ((0,), (1,)))
    assert timed.duration_s == 520
    assert [node.what for node in timed.nodes] == ["start", STOP, RELOAD, STOP, END]
    assert timed.load_kg.tolist() == [6.0, 0.0, 6.0, 0.0, 0.0]


def test_second_trip_waits_for_its_release(plane):
    """Goods of the second trip come at 1,000 s; loading 60 s, 100 s out and back: ends 1,260."""
    problem = plane(
        [{"at": (1000, 0), "windows": [(100, 100)]}, {"at": (1000, 0), "release_s": 1000}],
        [{"max_trips": 2, "reload_s": 60}],
    )
    timed = priced(problem, ((0,), (1,)))
    assert timed.begin[0] == 0
    assert int(timed.depart[-1]) == 1_260


def test_open_route_ends_at_its_last_stop(plane, open_end):
    """Without a way back 3 km are driven, and what was fetched stays on board."""
    problem = plane([{"at": (3000, 0), "kind": PICKUP}], [{"end": open_end}])
    timed = priced(problem, ((0,),))
    assert timed.metres == 3_000
    assert timed.load_kg.tolist() == [0.0, 1.0, 1.0]
    assert timed.nodes[-1].place == timed.nodes[-2].place


@pytest.mark.parametrize(
    ("van", "stop", "code"),
    [
        ({"kg": 0.5}, {}, "capacity"),
        ({"m3": 0.5}, {"m3": 1.0}, "capacity"),
        ({"max_km": 5.9}, {}, "distance"),
        ({"shift": (0, 599)}, {}, "shift"),
        ({"shift": (1000, 5000)}, {"windows": [(0, 1299)]}, "window"),
        ({}, {"skill": "cold"}, "skill"),
        ({}, {"windows": []}, "window"),
        ({"max_stops": 0}, {}, "count"),
    ],
)
def test_broken_rule_is_named(plane, van, stop, code):
    """A stop 3 km (300 s) away needs 1 kg, 6 km and 600 s."""
    problem = plane([{"at": (3000, 0)} | stop], [van])
    assert price(problem, Route(0, ((0,),))) == code


def test_break_is_put_where_the_van_waits_anyway(plane):
    """On duty 4,300 s, a break of 600 s is due after 3,600 s; it fits into the wait for free."""
    problem = plane(
        [{"at": (1000, 0), "windows": [(0, 1000)]}, {"at": (2000, 0), "windows": [(5000, 6000)]}],
        [{"break_after_s": 3600, "break_s": 600}],
    )
    timed = priced(problem, ((0, 1),))
    kinds = [node.what for node in timed.nodes]
    assert BREAK in kinds
    assert timed.duration_s == 4_300
    assert not timed.needs_break


def test_break_that_does_not_fit_is_said(plane):
    """The shift is exactly as long as the route: 600 s more do not fit."""
    problem = plane(
        [{"at": (20_000, 0)}],
        [{"break_after_s": 3600, "break_s": 600, "shift": (0, 4000)}],
    )
    timed = priced(problem, ((0,),))
    assert timed.needs_break
    assert timed.duration_s == 4_000


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_start_makes_the_hours_less(plane, data):
    """Among all starts of a small horizon none has fewer seconds than the one chosen."""
    n = data.draw(st.integers(1, 4))
    stops = []
    for k in range(n):
        edges = sorted(
            data.draw(st.lists(st.integers(0, 160), min_size=4, max_size=4, unique=True))
        )
        windows = [(edges[0], edges[1]), (edges[2], edges[3])][: data.draw(st.integers(1, 2))]
        stops.append({"at": (data.draw(st.integers(0, 200)), 10 * k), "windows": windows})
    problem = plane(stops, [{"shift": (0, 400)}])
    route = Route(0, (tuple(range(n)),))
    nodes = route_nodes(problem, route)
    ends = {start: earliest(nodes, start) for start in range(401)}
    durations = [end - start for start, (end, broken) in ends.items() if not broken]
    timed = price(problem, route)
    if isinstance(timed, str):
        assert not durations
    else:
        assert timed.duration_s == min(durations)
        first = min(
            start
            for start, (end, broken) in ends.items()
            if not broken and end - start == min(durations)
        )
        assert int(timed.begin[0]) == first


def test_times_follow_from_each_other(plane):
    """Arrivals are departures plus driving; nothing begins before it is reached."""
    problem = plane([{"at": (100 * k, 50 * k), "service_s": k} for k in range(1, 5)], [{}])
    for order in itertools.permutations(range(4)):
        timed = priced(problem, (order,))
        legs = np.array([node.travel_s for node in timed.nodes])
        assert (timed.arrive[1:] == timed.depart[:-1] + legs[1:]).all()
        assert (timed.begin >= timed.arrive).all()
