"""Soft windows: what being late costs, the exact start of a route, and the referee's own sum."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from optimizer.routing.problem import FOREVER, Route, with_hard_windows
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests

HOUR = 3600
OPEN = FOREVER - 1


def soft(x, opens, ends, per_h=6.0, **more):
    """Return a stop on a line that is late after `ends`."""
    windows = [(opens, OPEN)]
    return {"at": (x, 0), "windows": windows, "late_after_s": ends, "late_per_h": per_h} | more


def test_lateness_is_paid_by_the_hour(plane):
    """The van cannot be there before 100 s; the window ended at 40 s: 60 s x 6 / h = 0.10."""
    problem = plane([soft(1000, 0, 40)], [{"per_km": 0.0}])
    timed = price(problem, Route(0, ((0,),)))
    assert timed.terms["late"] == pytest.approx(0.1)
    assert timed.cost == pytest.approx(0.1)


def test_start_weighs_hours_against_lateness(plane):
    """One stop opens at 1 h, the one before it is late after 10 min.

    Leaving at once waits 3,600 - 200 s; leaving later saves 10 an hour and costs 6 an hour once
    the first is reached after 600 s, so the van leaves late for the first; at 20 an hour of
    lateness it is there at 600 s sharp.
    """
    far = {"at": (2000, 0), "windows": [(HOUR, OPEN)]}
    cheap = price(plane([soft(1000, 0, 600), far], [{"per_hour": 10.0}]), Route(0, ((0, 1),)))
    assert cheap.begin[0] == HOUR - 200
    dear = price(plane([soft(1000, 0, 600, 20.0), far], [{"per_hour": 10.0}]), Route(0, ((0, 1),)))
    assert dear.begin[1] == 600


def test_latest_start_is_tried(plane):
    """A night shift must leave by 23:59:59 for a window that opens at 26 h: no sooner."""
    van = {"shift": (20 * HOUR, 30 * HOUR), "per_hour": 1.0}
    timed = price(
        plane([{"at": (1000, 0), "windows": [(26 * HOUR, OPEN)]}], [van]), Route(0, ((0,),))
    )
    assert timed.begin[0] == 24 * HOUR - 1


@st.composite
def routes(draw):
    """Up to four stops on a line with windows of which some are soft, and one van."""
    stops = []
    for _ in range(draw(st.integers(1, 4))):
        opens = draw(st.integers(0, 40)) * 50
        ends = opens + draw(st.integers(0, 10)) * 50
        at = draw(st.integers(-10, 10)) * 100
        if draw(st.booleans()):
            stops.append(soft(at, opens, ends, float(draw(st.integers(1, 30)))))
        else:
            stops.append({"at": (at, 0), "windows": [(opens, opens + 3000)]})
    van = {"per_hour": float(draw(st.integers(0, 20))), "shift": (0, 8000)}
    return stops, van, draw(st.integers(800, 8000))


@settings(max_examples=60, deadline=None)
@given(data=routes())
def test_no_start_is_cheaper(plane, data):
    """Every start, to the second, costs at least as much as the one that is chosen."""
    stops, van, longest = data
    problem = plane(stops, [van])
    problem.vans.max_duration_s[0] = longest
    timed = price(problem, Route(0, (tuple(range(len(stops))),)))
    starts = np.arange(0, 8001)
    now, late = starts.astype(np.int64), np.zeros(len(starts))
    fine = np.ones(len(starts), dtype=bool)
    here = 0.0
    for stop in stops:
        x = float(stop["at"][0])
        now = now + round(abs(x - here) / 10)
        opens, closes = stop["windows"][0]
        fine &= now <= closes
        now = np.maximum(now, opens)
        late += (
            stop.get("late_per_h", 0.0) / 3600 * np.maximum(now - stop.get("late_after_s", OPEN), 0)
        )
        here = x
    now = now + round(abs(here) / 10)
    fine &= (now <= 8000) & (now - starts <= longest)
    if isinstance(timed, str):
        assert not fine.any() or timed in ("window", "shift")
        return
    money = van["per_hour"] / 3600 * (now - starts) + late
    assert timed.time + timed.late == pytest.approx(money[fine].min())


def test_hard_windows_end_where_lateness_begins(plane):
    """Windows are cut; one that has passed altogether stays open."""
    problem = plane([soft(0, 100, 500), soft(0, 0, -10), {"at": (0, 0)}], [{}])
    assert with_hard_windows(problem).stops.windows == (((100, 500),), ((0, OPEN),), ((0, OPEN),))


def test_late_stop_is_not_hopeless(plane):
    """A stop that can only be late is served late, not refused."""
    assert not solo_tests(plane([soft(1000, 0, 40)], [{}])).hopeless.any()


def order(name, lat, **more):
    moments = {key: pd.Timestamp(more.pop(key)) for key in ("due_from", "due_to") if key in more}
    row = {"order_id": name, "lat": lat, "lon": 121.0, "placed_at": pd.Timestamp("2026-01-04")}
    return row | more | moments


def test_late_order_is_served_and_the_referee_agrees(small):
    """Due at 08:10 about 20 min away from 08:00: late, at 6 an hour; without the price unserved."""
    orders = [order("A", 31.08, due_to="2026-01-05 08:10", late_cost_per_h=6.0), order("B", 31.01)]
    scenario = small(orders=orders)
    result = run(scenario, {}, Limits(work=0.3))
    report = check(scenario, result.tables)
    assert report.violations == ()
    assert report.terms["late"] > 0.0
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-6)
    terms = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}
    assert terms["late"] == pytest.approx(report.terms["late"])
    at = result.tables["stops"].set_index("order_id").loc["A", "begin"]
    hours = (at - pd.Timestamp("2026-01-05 08:10")).total_seconds() / 3600
    assert terms["late"] == pytest.approx(6.0 * hours)


def test_order_that_was_due_yesterday_is_late_from_midnight_on(small):
    """Due on the 4th at noon, driven on the 5th: 20 h late at 08:00 already."""
    scenario = small(orders=[order("A", 31.0, due_to="2026-01-04 12:00", late_cost_per_h=1.0)])
    result = run(scenario, {}, Limits(work=0.1))
    assert check(scenario, result.tables).violations == ()
    terms = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}
    assert terms["late"] == pytest.approx(20.0, abs=0.5)
