"""Buyers' plans keep every rule, and their bounds stay under exact optima."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.lotsizing_cases import make_case
from benchmarks.lotsizing_peers import direct_program
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.dantzig_wolfe import first_prices, relax
from optimizer.replenishment.buyer.item_plans import plan_items
from optimizer.replenishment.buyer.ledger import Ledger
from optimizer.replenishment.buyer.problem import (
    Groups,
    Items,
    Options,
    Problem,
    Rules,
    Storage,
    shipments_of,
)
from optimizer.replenishment.buyer.search import Search, first_plan
from optimizer.replenishment.buyer.solve import BuyersPlan, solve

Maker = Callable[..., Problem]


def exact(problem: Problem) -> float:
    """Return the optimum, which CP-SAT finds on the problem written out."""
    outcome = solve_linear(direct_program(problem, strict=True), Limits(work=60.0), engine="cpsat")
    assert outcome.termination == Termination.CONVERGED
    assert outcome.objective is not None
    assert outcome.bound is not None
    assert outcome.objective - outcome.bound <= 1e-4 * abs(outcome.objective)
    return outcome.objective


def held(problem: Problem, outcome: Outcome[BuyersPlan]) -> tuple[float, float]:
    """Return objective and bound of an answer that keeps every rule."""
    assert outcome.solution is not None
    assert outcome.objective is not None
    assert outcome.bound is not None
    assert problem.feasible(outcome.solution.qty), problem.faults(outcome.solution.qty)
    assert outcome.objective == pytest.approx(problem.objective(outcome.solution.qty))
    return outcome.objective, outcome.bound


def check_against_exact(problem: Problem) -> None:
    """The optimum lies between bound and objective."""
    objective, bound = held(problem, solve(problem, Limits(work=0.1)))
    optimum = exact(problem)
    assert bound <= optimum + 1e-6 * abs(optimum)
    assert objective >= optimum - 1e-6 * abs(optimum)


@pytest.mark.parametrize("seed", range(2))
def test_optimum_lies_between(problems: Maker, seed: int) -> None:
    """Bound <= optimum <= objective on small cases with packs, breaks, minimums, trucks, limits."""
    check_against_exact(problems(seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 200))
def test_optimum_lies_between_on_many(problems: Maker, seed: int) -> None:
    """Bound <= optimum <= objective on many more small cases."""
    check_against_exact(problems(seed))


@pytest.mark.parametrize("seed", range(2))
def test_any_prices_prove_a_bound(problems: Maker, seed: int) -> None:
    """The Lagrangian at random prices is under the cost of a feasible plan."""
    problem = problems(seed, losses=True)
    found, _ = held(problem, solve(problem, Limits(work=0.1)))
    coupling = Coupling(problem)
    draw = np.random.default_rng(seed)
    for _ in range(10):
        price = draw.exponential(0.5, len(coupling.room)) * (draw.random(len(coupling.room)) < 0.3)
        _, value = plan_items(problem, coupling.prices(price))
        lower = np.zeros(len(coupling.extra_cost))
        assert coupling.lagrangian(price, value, lower, coupling.extra_upper) <= found + 1e-9


def test_an_emptied_order_is_not_short() -> None:
    """Rounding that lines leave behind in an order without lines is no shipment, and not short.

    Volumes 0.1 + 0.2 - 0.2 - 0.1 leave 2.8e-17 or its negative; an order must fill half a truck.
    """
    groups = Groups(
        np.zeros(2), np.zeros(2), np.ones(2), np.full(2, np.inf), np.full(2, 4.0), np.full(2, 0.5)
    )
    load, placed = np.array([[-2.8e-17], [1.0]]), np.array([[False], [True]])
    count = shipments_of(groups, load, load, placed)
    assert count.tolist() == [[0.0], [np.inf]]


@pytest.mark.parametrize("seed", range(12))
def test_first_plans_keep_every_rule(problems: Maker, seed: int) -> None:
    """Closing orders under their minimum or fill always ends with a plan without such orders."""
    problem = problems(seed)
    search = Search(problem, Budget(Limits(work=1.0)), seed)
    coupling = Coupling(problem)
    plan = first_plan(search, coupling, first_prices(problem, coupling))
    assert not plan.short.any()
    assert problem.feasible(plan.qty), problem.faults(plan.qty)


@pytest.mark.parametrize("seed", range(2))
def test_terms_add_up(problems: Maker, seed: int) -> None:
    """The cost terms add up to the items' own costs and those of their orders."""
    problem = problems(seed, losses=True)
    outcome = solve(problem, Limits(work=0.1))
    assert outcome.solution is not None
    ledger = Ledger(problem, outcome.solution.qty)
    assert ledger.objective == pytest.approx(sum(problem.terms(outcome.solution.qty).values()))


def test_same_work_gives_the_same_plan() -> None:
    """Two runs with the same work and seed give the same quantities and the same bound."""
    problem = make_case(8, 6, 2, 5)
    one, other = (solve(problem, Limits(work=0.2, seed=3)) for _ in range(2))
    assert one.solution is not None
    assert other.solution is not None
    assert np.array_equal(one.solution.qty, other.solution.qty)
    assert one.bound == other.bound


def test_scaling_money_scales_cost() -> None:
    """With every price ten times as high, plan and bound cost ten times as much."""
    problem = make_case(6, 5, 2, 1)
    items, options, groups = problem.items, problem.options, problem.groups
    dear = Problem(
        replace(items, holding=10 * items.holding, lost=10 * items.lost,
                floor_price=10 * items.floor_price),
        replace(options, price=10 * options.price, line_cost=10 * options.line_cost),
        replace(groups, order_cost=10 * groups.order_cost, minimum=10 * groups.minimum),
        replace(problem.rules, room=10 * problem.rules.room),
        problem.storage,
    )  # fmt: skip
    one, other = solve(problem, Limits(work=0.2)), solve(dear, Limits(work=0.2))
    assert other.bound == pytest.approx(10 * one.bound, rel=1e-3)
    assert other.objective == pytest.approx(10 * one.objective, rel=1e-2)


def test_a_wider_budget_lowers_the_bound() -> None:
    """Relaxing a limit never raises what is proven to be unavoidable."""
    problem = make_case(6, 5, 2, 2)
    wide = Problem(
        problem.items, problem.options, problem.groups,
        replace(problem.rules, room=2.0 * problem.rules.room), problem.storage,
    )  # fmt: skip
    tight, loose = solve(problem, Limits(work=0.1)), solve(wide, Limits(work=0.1))
    assert tight.objective is not None
    assert loose.bound is not None
    assert loose.bound <= tight.objective


def test_a_cancelled_search_still_has_a_plan() -> None:
    """Cancelled at once, there is a feasible plan and a bound, and the reason is stated."""
    problem = make_case(6, 5, 2, 3)
    outcome = solve(problem, Limits(work=5.0, cancelled=lambda: True))
    objective, bound = held(problem, outcome)
    assert np.isfinite(bound)
    assert bound <= objective
    assert outcome.termination == Termination.CANCELLED


def test_nothing_to_buy_costs_the_shortage() -> None:
    """Without any slot, one item of demand 3 + 4 and stock 5 loses 2 units at 10 each.

    Holding 0.5 on the 2 units left after the first period: 1. In all 21, and that is proven.
    """
    problem = make_case(1, 2, 1, 0)
    problem = Problem(
        replace(
            problem.items, demand=np.array([[3, 4]]), opening=np.array([5]),
            holding=np.array([0.5]), lost=np.array([10.0]), floor=np.array([0]),
            floor_price=np.array([0.0]),
        ),
        replace(problem.options, arrival=np.full((1, 2), -1)),
        problem.groups, problem.rules,
        replace(problem.storage, room=np.full((1, 2), np.inf)),
    )  # fmt: skip
    outcome = solve(problem, Limits(work=0.1))
    assert outcome.objective == pytest.approx(21.0)
    assert outcome.status == Status.OPTIMAL


@pytest.mark.parametrize("seed", [6])
@pytest.mark.slow
def test_tiny_cases_are_proven(problems: Maker, seed: int) -> None:
    """Where all item plans that matter can be listed, the plan is the optimum, and proven so."""
    problem = problems(seed)
    outcome = solve(problem, Limits(work=2.0))
    objective, _ = held(problem, outcome)
    assert outcome.status == Status.OPTIMAL
    assert objective == pytest.approx(exact(problem), rel=1e-6)


def poor(room: float, storage: float) -> Problem:
    """Return one item, demand 0 then 10, bought at 1 in the first period with little money.

    Each unit that is not bought is lost at 5, each in stock between the periods costs 0.1.
    """
    one, whole = np.ones(1), np.array([1])
    return Problem(
        Items(
            np.array([[0, 10]]), np.zeros((1, 2), np.int64), np.array([0]), 0.1 * one, 5.0 * one,
            np.array([0]), 0.0 * one, 0.0 * one, np.array([10]),
        ),
        Options(
            np.array([0]), np.array([0]), whole, one, np.array([[0, -1]]), 0.0 * one, 0.0 * one,
            one, one, np.array([0, 1]), whole, np.array([10]), one, 0.0 * one,
        ),
        Groups(0.0 * one, 0.0 * one, 0.0 * one, np.inf * one, np.inf * one, 0.0 * one),
        Rules(np.ones((1, 1)), np.zeros((1, 1)), np.array([[room, np.inf]])),
        Storage(np.ones((1, 1)), np.array([[storage, np.inf]])),
    )  # fmt: skip


@pytest.mark.parametrize("row", ["budget", "storage"])
def test_the_price_of_a_limit_is_what_one_more_unit_saves(row: str) -> None:
    """Money, or room, for 6 of 10 units: one more unit saves 5 - 1 - 0.1 = 3.9 in its bucket.

    6 units cost 6 + 0.6 holding + 4 lost at 5 = 26.6; 7 cost 7 + 0.7 + 15 = 22.7.
    """
    cases = [(6.0, np.inf), (7.0, np.inf)] if row == "budget" else [(np.inf, 6.0), (np.inf, 7.0)]
    scarce, more = (solve(poor(*case), Limits(work=0.1)) for case in cases)
    assert scarce.objective == pytest.approx(26.6)
    assert more.objective == pytest.approx(22.7)
    assert scarce.solution is not None
    first = scarce.solution.coupling.first
    rows = slice(first[6], first[7]) if row == "budget" else slice(first[7], first[8])
    assert scarce.solution.price[rows] == pytest.approx([3.9, 0.0], abs=1e-4)


def test_the_price_of_a_budget_is_the_slope_of_the_bound() -> None:
    """Money added in every bucket lowers the bound by its prices; the next prices are lower."""
    problem = make_case(6, 5, 2, 2)
    wanted = solve(problem, Limits(work=0.2)).solution
    assert wanted is not None
    spent = problem.rule_use(wanted.qty)
    step = 0.01 * spent.max()

    def root(extra: float) -> tuple[float, float]:
        room = np.full_like(problem.rules.room, 0.6 * spent.max() + extra)
        tight = Problem(
            problem.items, problem.options, problem.groups, replace(problem.rules, room=room),
            problem.storage,
        )  # fmt: skip
        coupling = Coupling(tight)
        nothing = np.zeros(len(tight.slots.item), np.int64)
        budget = Budget(Limits(work=5.0))
        found = relax(tight, coupling, nothing, tight.objective(nothing), budget, (1.0, 0.0))
        assert found.done
        return found.root, float(found.price[coupling.first[6] : coupling.first[7]].sum())

    (before, price), (after, next_price) = root(0.0), root(step)
    slack = 1e-5 * before
    assert price > 0.01
    assert before - after <= price * step + slack
    assert before - after >= next_price * step - slack


def test_a_share_of_spend_is_kept() -> None:
    """With at most 30 % of each bucket's spend for one supplier, the search stays within it.

    Plans of the search are feasible at every step, so that none of its work is lost.
    """
    problem = make_case(12, 6, 3, 1)
    weight = (problem.options.group == 0) - 0.3
    rules, nothing = problem.rules, np.zeros((1, problem.n_periods))
    shared = Problem(
        problem.items, problem.options, problem.groups,
        Rules(np.vstack([rules.money, weight]), np.vstack([rules.units, 0.0 * weight]),
              np.vstack([rules.room, nothing])),
        problem.storage,
    )  # fmt: skip
    coupling = Coupling(shared)
    search = Search(shared, Budget(Limits(work=0.1)), 0)
    begun = first_plan(search, coupling, first_prices(shared, coupling))
    assert shared.feasible(begun.qty)
    found = search.improve(begun.copy(), coupling.prices(np.zeros(len(coupling.room))), 1.0)
    assert shared.feasible(found.qty), shared.faults(found.qty)
    assert found.objective < begun.objective
