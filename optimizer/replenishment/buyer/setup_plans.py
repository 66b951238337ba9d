"""Plans of lot sizing with set-up times: fix most set-ups, choose the others exactly, repeat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem, Rows
from optimizer.outcome import Limits
from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.problem import Flags, Floats
from optimizer.replenishment.buyer.setup_times import SetupProblem

STEP_SECONDS = 4.0  # of one neighbourhood at most
STEP_WORK = 2.0
FREE_SETUPS = 60  # of one neighbourhood at first
MOST_FREE = 150


class Formulation:
    """The facility-location form: w[i, t, k], the share of demand k of item i made in period t.

    Attributes
    ----------
    program : set-ups y[i, t] come first, item by item
    """

    def __init__(self, problem: SetupProblem) -> None:
        self.problem = problem
        items, periods = problem.demand.shape
        made, due = np.triu_indices(periods)
        item, pair = np.nonzero(problem.demand[:, due] > 0.0)
        self.item, self.made, self.due = item, made[pair], due[pair]
        wanted = problem.demand[self.item, self.due]
        count, setups = len(self.item), items * periods
        setup = self.item * periods + self.made
        each = np.arange(count)
        rows = Rows()
        # every demand is made in full
        key, row = np.unique(self.item * periods + self.due, return_inverse=True)
        rows.add(row, setups + each, np.ones(count), np.ones(len(key)), np.ones(len(key)))
        # nothing is made without a set-up
        rows.add(
            np.r_[each, each],
            np.r_[setups + each, setup],
            np.r_[np.ones(count), -np.ones(count)],
            np.full(count, -np.inf),
            np.zeros(count),
        )
        # capacity
        use = problem.unit_time[self.item] * wanted
        rows.add(
            np.r_[self.made, np.tile(np.arange(periods), items)],
            np.r_[setups + each, np.arange(setups)],
            np.r_[use, np.repeat(problem.setup_time, periods)],
            np.full(periods, -np.inf),
            problem.capacity,
        )
        hold = problem.holding[self.item] * wanted * (self.due - self.made)
        self.program: LinearProblem = rows.problem(
            np.r_[np.repeat(problem.setup_cost, periods), hold],
            np.zeros(setups + count),
            np.ones(setups + count),
            np.r_[np.ones(setups, bool), np.zeros(count, bool)],
        )

    def plan(self, x: Floats) -> Floats:
        """Return production (n_items, n_periods), units, without set-ups that make nothing."""
        problem = self.problem
        items, periods = problem.demand.shape
        share = x[items * periods :]
        cell = self.item * periods + self.made
        units = share * problem.demand[self.item, self.due]
        made = np.bincount(cell, units, minlength=items * periods).reshape(items, periods)
        plan: Floats = np.where(made > 1e-6, made, 0.0)
        return plan

    def solve(
        self, free: Flags, setups: Flags, start: Floats | None, limits: Limits
    ) -> tuple[Floats | None, float, bool]:
        """Choose the free set-ups, the others as they are.

        Returns
        -------
        x, work, whether the choice was proven best
        """
        kept = setups.ravel().astype(np.float64)
        count = free.size
        lower, upper = self.program.lower.copy(), self.program.upper.copy()
        lower[:count] = np.where(free.ravel(), 0.0, kept)
        upper[:count] = np.where(free.ravel(), 1.0, kept)
        program = replace(self.program, lower=lower, upper=upper)
        outcome = solve_linear(program, limits, start, gap=1e-6)
        proven = outcome.termination == "converged"
        x = None if outcome.solution is None else outcome.solution.x
        return x, outcome.work, proven


def first_plan(form: Formulation, budget: Budget) -> Floats | None:
    """Return values of the columns of some plan; None where none was found."""
    everything = np.ones(form.problem.demand.shape, bool)
    x: Floats | None = None
    for share in (0.15, 0.5, 1.0):
        if x is None and not budget.over():
            x, work, _ = form.solve(everything, everything, None, budget.part(share))
            budget.spend(work)
    return x


def improve(form: Formulation, x: Floats, budget: Budget, seed: int) -> Floats:
    """Improve a plan to the end of the limits, neighbourhood by neighbourhood.

    Parameters
    ----------
    x : values of the columns of a plan

    Returns
    -------
    x : of the best plan found
    """
    draw = np.random.default_rng(seed)
    items, periods = form.problem.demand.shape
    size, stale = FREE_SETUPS, 0
    while not budget.over():
        setups = (x[: items * periods] > 0.5).reshape(items, periods)
        free = _neighbourhood(draw, items, periods, min(size, MOST_FREE))
        found, spent, proven = form.solve(free, setups, x, _of_one_step(budget, seed))
        budget.spend(spent)
        if found is not None and form.program.objective(found) < form.program.objective(x) - 1e-6:
            x, stale = found, 0
        else:
            stale += 1
        if proven and stale >= 3:
            size = int(size * 1.1)
        elif not proven:
            size = max(int(size * 0.9), periods)
    return x


def _of_one_step(budget: Budget, seed: int) -> Limits:
    left = budget.part(1.0)
    seconds = None if left.seconds is None else min(left.seconds, STEP_SECONDS)
    work = None if left.work is None else min(left.work, STEP_WORK)
    return Limits(seconds, work, seed, left.cancelled, clock=left.clock)


def _neighbourhood(draw: np.random.Generator, items: int, periods: int, size: int) -> Flags:
    """Return which set-ups to free: a window of periods, some items, or some of each."""
    free = np.zeros((items, periods), bool)
    kind = int(draw.integers(3))
    if kind == 0:
        width = int(np.clip(size // items, 2, periods))
        first = int(draw.integers(periods - width + 1))
        free[:, first : first + width] = True
    elif kind == 1:
        chosen = draw.choice(items, int(np.clip(size // periods, 1, items)), replace=False)
        free[chosen] = True
    else:
        width = int(np.clip(2 * size // items, 3, periods))
        first = int(draw.integers(periods - width + 1))
        chosen = draw.choice(items, max(items // 2, 1), replace=False)
        free[chosen, first : first + width] = True
    return free
