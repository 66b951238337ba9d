"""A plan in pieces: nothing is lost at the seams, and no piece gets worse."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.routing import pieces, pyvrp_engine
from optimizer.routing.pieces import cut, solve_in_pieces
from optimizer.routing.problem import Route, RoutingProblem
from optimizer.routing.pyvrp_engine import PyVrpEngine
from optimizer.routing.savings import savings_start
from optimizer.routing.schedule import price
from optimizer.routing.solo import solo_tests

from .conftest import plane_problem


@pytest.fixture
def problem(monkeypatch) -> RoutingProblem:
    """Sixty stops that ask for four to a van, two trips a van; pieces of twelve stops."""
    monkeypatch.setattr(pieces, "LARGEST", 12)
    monkeypatch.setattr(pyvrp_engine, "LARGEST_WHOLE", 20)
    rng = np.random.default_rng(4)
    stops = [{"at": tuple(map(int, at))} for at in rng.integers(-9000, 9000, (60, 2))]
    vans = [{"kg": 4.0, "count": 9, "max_trips": 2}, {"kg": 4.0, "count": 4, "fixed": 3.0}]
    return plane_problem(stops, vans)


def test_every_stop_and_every_van_is_in_one_piece(problem):
    """Also those that are on no route: the start here leaves eight stops out."""
    start = savings_start(problem, solo_tests(problem))[:-1]
    found = list(cut(problem, start, range(60)))
    assert len(found) > 3
    assert sorted(stop for piece in found for stop in piece.stops.tolist()) == list(range(60))
    counts = np.zeros(2, np.int64)
    for piece in found:
        counts[piece.vans] += piece.problem.vans.count
    assert counts.tolist() == [9, 4]
    whole = [route for piece in found for route in piece.in_whole([t.route for t in piece.routes])]
    assert sorted(route.stops for route in whole) == sorted(t.route.stops for t in start)


def test_a_piece_that_gets_worse_stays_as_it_was(problem):
    """A solver that answers with one stop alone on a van changes nothing."""
    start = savings_start(problem, solo_tests(problem))

    def careless(part, limits, routes, chosen):
        assert len(part.stops) <= 12
        answer = (Route(0, ((0,),)),)
        return Outcome(Status.FEASIBLE, Termination.CONVERGED, "careless", solution=answer)

    found = solve_in_pieces(careless, problem, Limits(), start, range(60), lambda _cost: None)
    assert sorted(r.stops for r in found.solution) == sorted(t.route.stops for t in start)
    assert found.termination == Termination.CONVERGED


def test_pyvrp_improves_a_large_plan_in_pieces(problem):
    """All stops served, on routes that keep the rules, and cheaper than the savings start."""
    start = savings_start(problem, solo_tests(problem))
    told: list[float] = []
    found = PyVrpEngine().solve(problem, Limits(work=1.0), start, range(60), on_better=told.append)
    assert found.termination == Termination.WORK_LIMIT
    assert sorted(stop for route in found.solution for stop in route.stops) == list(range(60))
    cost = sum(price(problem, route).cost for route in found.solution)
    assert cost < sum(timed.cost for timed in start)
    assert told[-1] == pytest.approx(cost)
