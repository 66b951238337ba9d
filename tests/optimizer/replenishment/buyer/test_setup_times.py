"""Lot sizing with set-up times: textbook numbers, enumeration, and bounds under optima."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from benchmarks.trigeiro import UnreadableInstanceError, read_instance
from optimizer.outcome import Limits
from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.setup_bound import branch, root_bound
from optimizer.replenishment.buyer.setup_plans import Formulation
from optimizer.replenishment.buyer.setup_solve import solve
from optimizer.replenishment.buyer.setup_times import SetupProblem, lot_plans, lot_quantities

PETERSON_SILVER = [10.0, 62, 12, 130, 154, 129, 88, 52, 124, 160, 238, 41]


def one_item(demand: list[float], setup: float, holding: float) -> SetupProblem:
    """Return one item whose capacity never binds."""
    row = np.array([demand])
    return SetupProblem(
        np.full(len(demand), 1e9), np.ones(1), np.zeros(1), np.array([holding]),
        np.array([setup]), row,
    )  # fmt: skip


def random_problem(seed: int) -> SetupProblem:
    """Return 2 items over 4 periods with set-up times, demand 0 here and there."""
    draw = np.random.default_rng(seed)
    demand = draw.integers(0, 9, (2, 4)).astype(float)
    need = float(demand.sum(axis=0).max()) + 4.0
    return SetupProblem(
        np.full(4, need), np.ones(2), draw.integers(0, 3, 2).astype(float),
        draw.uniform(0.2, 1.5, 2), draw.uniform(2.0, 12.0, 2), demand,
    )  # fmt: skip


def test_textbook_numbers() -> None:
    """Silver, Pyke and Peterson's example: set-up 54, holding 0.4, Wagner and Whitin pay 501.20.

    Lots in months 1, 3, 5, 6, 8, 10 and 11 (10 + 62, 12 + 130, ...), 7 set-ups: 378.
    """
    problem = one_item(PETERSON_SILVER, 54.0, 0.4)
    plans = lot_plans(problem, np.zeros((1, 12)))
    assert plans.value[0, 0] == pytest.approx(501.2)
    assert problem.cost(lot_quantities(problem.demand, plans.setups[0])) == pytest.approx(501.2)
    assert plans.setups.sum() == 7


@pytest.mark.parametrize("seed", range(10))
def test_lots_are_the_cheapest(seed: int) -> None:
    """At any price, with set-ups forced and barred, no other pattern of set-ups is cheaper."""
    problem = random_problem(seed)
    draw = np.random.default_rng(seed + 100)
    price = draw.uniform(0.0, 2.0, (1, 4))
    forced = draw.random((1, 2, 4)) < 0.15
    barred = (draw.random((1, 2, 4)) < 0.15) & ~forced
    plans = lot_plans(problem, price, forced, barred)
    for item in range(2):
        best = np.inf
        for pattern in product([False, True], repeat=4):
            setups = np.array(pattern)
            if (forced[0, item] & ~setups).any() or (barred[0, item] & setups).any():
                continue
            each = problem.setup_cost[item] + problem.setup_time[item] * price[0]
            for used in product([False, True], repeat=4):  # a forced set-up may make nothing
                if (np.array(used) & ~setups).any():
                    continue
                made = lot_quantities(problem.demand[[item]], np.array([used]))[0]
                if made.sum() < problem.demand[item].sum():
                    continue
                stock = np.cumsum(made - problem.demand[item])
                cost = (each * setups).sum() + problem.holding[item] * stock.sum()
                best = min(best, cost + (problem.unit_time[item] * price[0] * made).sum())
        assert plans.value[0, item] == pytest.approx(best)


@pytest.mark.parametrize("seed", range(6))
def test_bounds_stay_under_the_optimum(seed: int) -> None:
    """Without and with branching, the bound is at most the optimum that HiGHS finds."""
    problem = random_problem(seed)
    form = Formulation(problem)
    everything = np.ones((2, 4), bool)
    x, _, proven = form.solve(everything, everything, None, Limits())
    assert x is not None
    assert proven
    optimum = problem.cost(form.plan(x))
    budget = Budget(Limits(work=2.0))
    root = root_bound(problem, budget, 0.5)
    assert root.bound <= optimum + 1e-6
    raised = branch(problem, root, 1.5 * optimum, budget, 1.0)
    assert root.bound - 1e-9 <= raised <= optimum + 1e-6


def test_plans_keep_capacity_and_meet_demand() -> None:
    """An answer is feasible, costs what it says, and its bound is under it."""
    problem = random_problem(3)
    outcome = solve(problem, Limits(work=1.0))
    assert outcome.solution is not None
    assert outcome.objective is not None
    assert outcome.bound is not None
    assert problem.feasible(outcome.solution)
    assert outcome.objective == pytest.approx(problem.cost(outcome.solution))
    assert outcome.bound <= outcome.objective


def test_instances_are_read(outside_data: Callable[[str], Path]) -> None:
    """G57 has 24 items in two blocks of rows, 15 periods and one capacity."""
    problem = read_instance(outside_data("benchmarks/lotsizing/trigeiro/G57.DAT"))
    assert problem.demand.shape == (24, 15)
    assert len(set(problem.capacity.tolist())) == 1


def test_another_file_is_refused(tmp_path: Path) -> None:
    """A file that does not hold what it announces is named in the error."""
    place = tmp_path / "X1.DAT"
    place.write_text("2 3\n1\n10\n1 1 1 1\n", encoding="latin-1")
    with pytest.raises(UnreadableInstanceError, match="X1"):
        read_instance(place)


@pytest.mark.slow
def test_the_bound_of_a_known_instance(outside_data: Callable[[str], Path]) -> None:
    """G53's optimum is 74,634: the bound without branching is within 1.1 % under it."""
    problem = read_instance(outside_data("benchmarks/lotsizing/trigeiro/G53.DAT"))
    bound = root_bound(problem, Budget(Limits(work=5.0)), 1.0).bound
    assert 0.989 * 74_634 <= bound <= 74_634
