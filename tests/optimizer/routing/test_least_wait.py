"""What a stop costs at least at a gap of a route, known before the longer route is timed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.outcome import Limits
from optimizer.routing.insertion import gaps_of, least_wait
from optimizer.routing.problem import Route
from optimizer.routing.reinsertion import settle
from optimizer.routing.schedule import price

WINDOW = st.integers(0, 6_000).map(lambda opens: (opens, opens + 1_500))
PLACE = st.tuples(st.integers(-3_000, 3_000), st.integers(-3_000, 3_000))


def longer_routes(problem):
    """Yield what each gap of the route over all stops but the last waits at least, and takes."""
    stop = len(problem.stops) - 1
    old = price(problem, Route(0, (tuple(range(stop)),)))
    if isinstance(old, str):
        return
    wait = least_wait(problem, gaps_of(problem, [old]), stop)
    for at in range(stop + 1):
        new = price(problem, Route(0, ((*range(at), stop, *range(at, stop)),)))
        if not isinstance(new, str):
            busy = sum(node.travel_s + node.service_s for node in new.nodes)
            yield int(wait[at]), new.duration_s - busy


@settings(max_examples=60, deadline=None)
@given(
    at=st.lists(PLACE, min_size=2, max_size=6),
    windows=st.lists(WINDOW, min_size=6, max_size=6),
    service=st.integers(0, 600),
)
def test_the_least_wait_is_the_wait_where_nothing_has_two_windows(plane, at, windows, service):
    """A van that starts as late as its windows allow waits as long as was said."""
    stops = [
        {"at": place, "windows": [window], "service_s": service}
        for place, window in zip(at, windows, strict=False)
    ]
    for least, wait in longer_routes(plane(stops, [{"per_hour": 30.0}])):
        assert least == wait


@settings(max_examples=60, deadline=None)
@given(
    at=st.lists(PLACE, min_size=2, max_size=6),
    windows=st.lists(st.tuples(WINDOW, WINDOW), min_size=6, max_size=6),
)
def test_the_least_wait_is_no_more_than_the_wait(plane, at, windows):
    """With two windows a stop the van waits at least as long."""
    stops = [
        {"at": place, "windows": [first, (first[1] + 100 + other[0], first[1] + 1_600 + other[0])]}
        for place, (first, other) in zip(at, windows, strict=False)
    ]
    for least, wait in longer_routes(plane(stops, [{"per_hour": 30.0}])):
        assert least <= wait


def test_a_stop_goes_where_the_van_waits_anyway(plane):
    """On the way out the van waits for B anyway: C costs nothing there, and 600 s on the way home.

    A (1,000 m away) closes at 100 s, B (2,000 m away) opens at 5,000 s; C lies between them.
    """
    problem = plane(
        [
            {"at": (1_000, 0), "windows": [(0, 100)]},
            {"at": (2_000, 0), "windows": [(5_000, 6_000)]},
            {"at": (1_500, 0), "service_s": 600},
        ],
        [{"per_hour": 36.0, "per_km": 1.0}],
    )
    start = [Route(0, ((0, 1),))]
    none, home = np.zeros((3, 1)), np.zeros(1, dtype=bool)
    before = price(problem, start[0])
    assert not isinstance(before, str)
    settled = settle(problem, start, [0, 1, 2], none, home, Limits(work=0.0))
    assert settled.timed[0].route.trips == ((0, 2, 1),)
    assert settled.timed[0].cost == pytest.approx(before.cost)
