"""Bounds and orders of small nights against proofs by another engine, and limits that relax."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import vstack

from optimizer.engines import linear_cpsat
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Limits, Status, Termination
from optimizer.replenishment.tonight.bounds import BoundEvaluator
from optimizer.replenishment.tonight.line_prices import Prices
from optimizer.replenishment.tonight.patterns import make_patterns
from optimizer.replenishment.tonight.polish import program
from optimizer.replenishment.tonight.prices import ascend
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.saddle import find_saddle
from optimizer.replenishment.tonight.search import search

Enumerated = Callable[[int], "tuple[Problem, float, np.ndarray | None]"]

CENT = 1e-4  # money units of the whole-number program
PROVEN = range(1000, 1200)
"""Seeds of the nights that CP-SAT proves."""


def _random_problem() -> Callable[..., Problem]:
    spec = importlib.util.spec_from_file_location(
        "small_nights", Path(__file__).parent / "conftest.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made: Callable[..., Problem] = module.random_problem
    return made


random_problem = _random_problem()


def whole_number_program(problem: Problem) -> LinearProblem:
    """Return the night as a program over all quantities, expected costs in whole units of CENT."""
    evaluator = BoundEvaluator(problem)
    zero = evaluator.evaluate(Prices(np.zeros(len(problem.rows)), np.zeros(len(problem.arms))))
    patterns = make_patterns(evaluator, zero, problem.arm_start, [])
    assert patterns is not None
    assert patterns.complete
    linear = program(problem, patterns)
    return replace(linear, cost=np.rint(linear.cost / CENT) * CENT)


def check_bounds(seed: int) -> None:
    problem = random_problem(seed, at_least=seed % 4 == 3)
    linear = whole_number_program(problem)
    # a plan chooses at most one pattern a pair, one mode an order and its shipments
    rounding = CENT / 2.0 * (len(problem.pairs) + 4.0 * len(problem.arms)) + 1e-6
    answer = linear_cpsat.solve(linear, Limits(work=60.0), None, 0.0)
    assert answer.stopped == Termination.CONVERGED
    found = search(problem, Limits(work=4.0))
    if answer.says_infeasible:
        assert found.solution is None
        return
    assert answer.x is not None
    optimum = linear.offset + float(linear.cost @ answer.x)
    evaluator = BoundEvaluator(problem)
    bounds = [
        ascend(evaluator, lambda: True, 40).value,
        find_saddle(evaluator, lambda: True, 40).value,
    ]
    assert found.bound is not None
    assert found.objective is not None
    assert max(*bounds, found.bound) <= optimum + rounding
    assert found.objective >= optimum - rounding
    if found.status == Status.OPTIMAL:
        assert found.objective <= optimum + rounding


@pytest.mark.parametrize("seed", PROVEN[::10])
def test_bounds_stay_under_the_proven_optimum(seed: int) -> None:
    """Every bound is at or under the least cost that CP-SAT proves; "optimal" means that cost."""
    check_bounds(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", PROVEN)
def test_bounds_stay_under_two_hundred_proven_optima(seed: int) -> None:
    """The same on all 200 nights."""
    check_bounds(seed)


def without_row(problem: Problem, row: int) -> Problem:
    """Return the problem without one of its limits."""
    kept = np.arange(len(problem.rows)) != row
    rows = problem.rows
    return replace(
        problem,
        rows=replace(
            rows, money=rows.money[kept], units=rows.units[kept], room=rows.room[kept],
            kind=tuple(np.array(rows.kind)[kept]), entity=tuple(np.array(rows.entity)[kept]),
        ),
    )  # fmt: skip


def relaxed(problem: Problem) -> list[Problem]:
    """Return the problem with each of its limits widened in turn."""
    rows, groups = problem.rows, problem.groups
    wider = [
        replace(problem, rows=replace(rows, room=rows.room + 0.2 * np.abs(rows.room) * here))
        for here in np.eye(len(rows))
    ]
    return [
        *wider,
        *(without_row(problem, row) for row in range(len(rows))),
        replace(problem, groups=replace(groups, minimum=np.zeros(len(groups)))),
        replace(problem, arms=replace(problem.arms, shipment_kg=problem.arms.shipment_kg * 2.0)),
        replace(problem, groups=replace(groups, cost=groups.cost * 0.5)),
    ]


@pytest.mark.slow
def test_relaxing_a_limit_never_costs_more(small_seed: int, enumerated: Enumerated) -> None:
    """Proven costs never rise with a wider limit, a dropped one, a lower minimum or cost."""
    problem, best, _ = enumerated(small_seed)
    if small_seed % 4:
        return
    for other in relaxed(problem):
        found = search(other, Limits(work=4.0)).objective
        assert not np.isfinite(best) or found is not None
        assert found is None or found <= best + 1e-6


def test_a_limit_said_twice_is_one(enumerated: Enumerated) -> None:
    """The same row once more changes nothing."""
    problem, best, _ = enumerated(0)
    rows = problem.rows
    double = replace(
        rows, money=vstack([rows.money, rows.money[[0]]]).tocsr(),
        units=vstack([rows.units, rows.units[[0]]]).tocsr(), room=np.r_[rows.room, rows.room[0]],
        kind=(*rows.kind, rows.kind[0]), entity=(*rows.entity, "again"),
    )  # fmt: skip
    found = search(replace(problem, rows=double), Limits(work=4.0))
    assert found.objective == pytest.approx(best, abs=1e-6)
