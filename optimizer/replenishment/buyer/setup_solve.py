"""Solves lot sizing with set-up times: plans and bound are searched for side by side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from optimizer.outcome import Limits, Outcome, Status, proven_status
from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.problem import Floats
from optimizer.replenishment.buyer.setup_bound import RootBound, branch, root_bound
from optimizer.replenishment.buyer.setup_plans import Formulation, first_plan, improve
from optimizer.replenishment.buyer.setup_times import SetupProblem

ENGINE = "fix-and-optimise (HiGHS), Lagrangian branching"


def solve(problem: SetupProblem, limits: Limits) -> Outcome[Floats]:
    """Plan production; the solution is (n_items, n_periods) units.

    Plans are improved in one thread and the bound in another; each has its own share of the work,
    so that the same work gives the same answer.
    """
    budget = Budget(limits)
    root = root_bound(problem, budget, 0.1)
    form = Formulation(problem)
    x = first_plan(form, budget)
    if x is None:
        bound = root.bound
        return Outcome(
            Status.NO_SOLUTION_FOUND, budget.termination, ENGINE, None, None, bound,
            limits.elapsed, budget.work,
        )  # fmt: skip
    half = None if limits.work is None else max(limits.work - budget.work, 0.0) / 2.0
    halves = [Budget(replace(limits, work=half)) for _ in range(2)]
    with ThreadPoolExecutor(1) as pool:
        bound_later = pool.submit(_raise, problem, root, form.program.objective(x), halves[1])
        x = improve(form, x, halves[0], limits.seed)
        bound = bound_later.result()
    made = form.plan(x)
    objective = problem.cost(made)
    for part in halves:
        budget.spend(part.work)
    assert problem.feasible(made), "a plan that the program accepts keeps every rule"
    bound = min(bound, objective)
    return Outcome(
        proven_status(objective, bound), budget.termination, ENGINE, made, objective, bound,
        limits.elapsed, budget.work,
    )  # fmt: skip


def _raise(problem: SetupProblem, root: RootBound, target: float, budget: Budget) -> float:
    return branch(problem, root, target, budget, 1.0)
