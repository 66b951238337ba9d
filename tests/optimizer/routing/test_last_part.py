"""The last part of a search: lateness, breaks and balance on exact prices; OR-Tools; polish."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import run
from optimizer.routing.finish import finish, finishing_share
from optimizer.routing.insertion import insert_all
from optimizer.routing.ortools_engine import OrToolsEngine
from optimizer.routing.polish import polish
from optimizer.routing.problem import FOREVER, Route, left_out, with_hard_windows
from optimizer.routing.savings import savings_start
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests
from optimizer.routing.solve import balance_money, objective_of, solve
from scenarios import InputError

HOUR = 3600
SOFT = {"service_s": 300, "late_per_h": 20.0, "loss": 100.0}


def soft_problem(plane, n=25, seed=1):
    """Stops in 40 km x 40 km, each in an hour of its own between 8 and 14 o'clock."""
    rng = np.random.default_rng(seed)
    stops = []
    for _ in range(n):
        opens = (8 + int(rng.integers(6))) * HOUR
        at = tuple(int(x) for x in rng.integers(-20_000, 20_000, 2))
        windows = {"windows": [(opens, FOREVER - 1)], "late_after_s": opens + HOUR}
        stops.append(SOFT | {"at": at, "kg": float(rng.integers(1, 10))} | windows)
    van = {"count": 6, "kg": 60.0, "shift": (8 * HOUR, 18 * HOUR), "fixed": 30.0, "per_km": 0.5}
    return plane(stops, [van | {"per_hour": 15.0}])


def rank(problem, timed):
    unserved = left_out(problem, tuple(t.route for t in timed))
    restless = sum(t.needs_break for t in timed)
    return float(len(unserved)), float(restless), objective_of(problem, timed, unserved)


def start_of(problem):
    hard = with_hard_windows(problem)
    routes = [t.route for t in savings_start(hard, solo_tests(hard))]
    timed = [price(problem, route) for route in routes]
    return insert_all(problem, timed, left_out(problem, tuple(routes)))


def test_ortools_improves_routes_with_soft_windows(plane):
    """What it returns is worth more than the start, and every route of it can be priced."""
    problem = soft_problem(plane)
    start = start_of(problem)

    def worth(routes):
        return rank(problem, [price(problem, route) for route in routes])

    found = OrToolsEngine().solve(problem, Limits(work=0.3), start, range(25), worth=worth)
    assert worth(found.solution) < rank(problem, start)


def test_last_part_is_never_worse_and_the_same_twice(plane):
    """Same work, same routes; the rank falls or stays."""
    problem = soft_problem(plane, n=15)
    start = start_of(problem)
    one, two = (
        finish(problem, start, range(15), Limits(work=0.2, seed=3), partial(rank, problem))
        for _ in range(2)
    )
    assert [t.route for t in one[0]] == [t.route for t in two[0]]
    assert one[2] == ("ortools", "polish")
    assert rank(problem, one[0]) <= rank(problem, start)


@pytest.mark.slow
def test_wall_limit_is_kept(plane):
    """Two seconds of a turned clock: the search ends, and says why."""
    problem = soft_problem(plane, n=12)
    outcome = solve(problem, Limits(seconds=2.0))
    assert outcome.solution is not None
    assert "ortools" in outcome.engine


def test_paying_for_lateness_beats_a_second_van(plane):
    """Two stops 10 km apart in the same minute: 1,000 s late at 9 an hour is 2.5, a van 100."""
    window = {"windows": [(HOUR, FOREVER - 1)], "late_after_s": HOUR + 60, "late_per_h": 9.0}
    stops = [{"at": (0, 0)} | window, {"at": (10_000, 0)} | window]
    problem = plane(stops, [{"count": 2, "fixed": 100.0}])
    outcome = solve(problem, Limits(work=0.5))
    assert len(outcome.solution.timed) == 1
    assert outcome.solution.timed[0].late == pytest.approx(9.0 * 940 / HOUR)


def test_break_moves_stops_rather_than_fail(plane):
    """A route of two tight windows leaves no room for the break; with two vans both can rest.

    90 min on duty at most without a break of 30 min. Stops at 1 h 30 min and 2 h 10 min, 36 min of
    driving apart, the first one 60 min from the depot: on one route no break fits in between.
    """
    stops = [
        {"at": (36_000, 0), "windows": [(5400, 5400)]},
        {"at": (36_000, 21_600), "windows": [(7800, 7800)]},
    ]
    van = {"count": 2, "fixed": 10.0, "break_after_s": 5400, "break_s": 1800}
    problem = plane(stops, [van])
    together = price(problem, Route(0, ((0, 1),)))
    assert together.needs_break
    plan, _ = polish(problem, [together], [0, 1], Limits(work=2.0), partial(rank, problem))
    assert len(plan) == 2
    assert not any(timed.needs_break for timed in plan)


def test_balance_shares_the_work(plane):
    """Three stops lie together; at 1,000 an hour of difference each van does two."""
    stops = [{"at": (x, 0), "service_s": HOUR} for x in (-1000, 1000, 1100, 1200)]
    free = plane(stops, [{"count": 2, "fixed": 0.0, "max_stops": 3}])
    loose = solve(free, Limits(work=0.5)).solution
    assert sorted(len(t.route.stops) for t in loose.timed) == [1, 3]
    even = solve(replace(free, balance_cost_per_h=1000.0), Limits(work=1.0)).solution
    assert sorted(len(t.route.stops) for t in even.timed) == [2, 2]
    assert balance_money(even.problem, even.timed) < 50.0
    assert balance_money(even.problem, loose.timed) > 500.0


def test_nothing_is_kept_back_where_no_rule_asks_for_it(plane):
    """Hard windows, no break, no balance: the fast search has all of the budget."""
    stop = {"at": (0, 0), "windows": [(0, 100)]}
    assert finishing_share(plane([stop], [{}])) == 0.0
    rests = {"break_after_s": HOUR, "break_s": 60}
    assert 0.0 < finishing_share(plane([stop], [rests])) < finishing_share(soft_problem(plane, 1))


def test_stage_balances_and_the_referee_agrees(small):
    """The term is money x (longest - mean hours) of each day, from the table alone."""
    rows = [
        {
            "order_id": name, "lat": 31.0 + k / 50, "lon": 121.0,
            "placed_at": pd.Timestamp("2026-01-04 10:00"), "service_s": 3600.0,
        }
        for k, name in enumerate("ABC", start=1)
    ]  # fmt: skip
    lines = [{"order_id": n, "line_id": "1", "product_id": "P", "qty": 1.0} for n in "ABC"]
    vans = [
        {
            "vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 100.0,
            "shift_start": "08:00", "shift_end": "18:00", "max_stops": 2.0, "cost_per_km": 1.0,
        }
    ]  # fmt: skip
    scenario = small(orders=rows, order_lines=lines, vehicles=vans)
    result = run(scenario, {}, Limits(work=0.5), balance_cost_per_h="50")
    report = check(scenario, result.tables, balance_cost_per_h="50")
    assert report.violations == ()
    hours = result.tables["routes"]["duration_s"] / 3600
    terms = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}
    assert terms["balance"] == pytest.approx(50 * (hours.max() - hours.mean()))
    assert report.objective == pytest.approx(result.certificate.objective)


@pytest.mark.parametrize("cell", ["much", "-1", "inf"])
def test_balance_is_money(small, cell):
    """Words, debts and infinity are refused."""
    with pytest.raises(InputError, match="balance_cost_per_h"):
        run(small(), {}, Limits(work=0.1), balance_cost_per_h=cell)
