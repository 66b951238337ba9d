"""Branch and bound on any mixed-integer linear problem, every bound by our own weak duality.

HiGHS solves the relaxations and proposes row prices (or, where one is infeasible, a ray); what
they are worth is :meth:`LinearProblem.weak_duality_bound` at the node's own box.
"""

from __future__ import annotations

import heapq
from dataclasses import replace
from typing import Any

import numpy as np

from optimizer.allocation.network.effort import ITERATIONS_PER_WORK, NODES_PER_WORK, Effort
from optimizer.engines.linear_problem import TOLERANCE, Floats, LinearProblem
from optimizer.outcome import OPTIMAL_GAP

WHOLE = 1e-6
SUM_ROUNDING = 1e-11


def certify(
    problem: LinearProblem, start: Floats | None, effort: Effort, *, most_nodes: float = np.inf
) -> tuple[Floats | None, float, bool]:
    """Prove how good a solution is, and find a better one if there is.

    Parameters
    ----------
    start : (n_columns,) a solution that keeps all rows, or None

    Returns
    -------
    x : best solution, None without one
    bound : money; no solution is cheaper. Infinite where it is proven that there is none
    finished : whether all was searched
    """
    search = _Search(problem, start, effort)
    finished = search.run(most_nodes)
    return search.best, search.bound(), finished


class _Search:
    def __init__(self, problem: LinearProblem, start: Floats | None, effort: Effort) -> None:
        self._problem, self._effort = problem, effort
        self._relaxed = problem.relaxed()
        self._integers = np.flatnonzero(problem.integer)
        self.best = start
        self.cost = problem.objective(start) if start is not None else np.inf
        self._closed = np.inf
        self._waiting: list[tuple[float, int, Floats, Floats]] = []
        self._order = 0
        self._solver, self._words = _load(self._relaxed, effort.limits.seed)
        lower, upper = problem.lower[self._integers], problem.upper[self._integers]
        self._push(-np.inf, lower, upper)

    def bound(self) -> float:
        """Return the proven bound of the whole."""
        waiting = [entry[0] for entry in self._waiting[:1]]
        return min([self._closed, self.cost, *waiting])

    def _cutoff(self) -> float:
        return self.cost - 0.5 * OPTIMAL_GAP * abs(self.cost) if np.isfinite(self.cost) else np.inf

    def _push(self, bound: float, lower: Floats, upper: Floats) -> None:
        self._order += 1
        heapq.heappush(self._waiting, (bound, self._order, lower, upper))

    def run(self, most_nodes: float) -> bool:
        nodes = 0
        while self._waiting:
            bound, _, lower, upper = self._waiting[0]
            if bound >= self._cutoff():
                self._closed = min(self._closed, bound)
                heapq.heappop(self._waiting)
                continue
            if self._effort.over() or nodes >= most_nodes:
                return False
            nodes += 1
            found = self._visit(bound, lower, upper)
            if found is None:
                return False
            heapq.heappop(self._waiting)
            for child in found:
                self._push(*child)
        return True

    def _visit(
        self, bound: float, lower: Floats, upper: Floats
    ) -> list[tuple[float, Floats, Floats]] | None:
        """Bound a node; return its children, none where it is closed, None where stopped."""
        self._effort.add(1.0 / NODES_PER_WORK)
        box_lower, box_upper = self._relaxed.lower.copy(), self._relaxed.upper.copy()
        box_lower[self._integers], box_upper[self._integers] = lower, upper
        box = replace(self._relaxed, lower=box_lower, upper=box_upper)
        answer = self._relax(lower, upper)
        if answer is None:
            return None
        x, price, ray = answer
        if x is None:
            return self._without_point(box, ray, bound, lower, upper)
        bound = max(bound, _safe(box, price))
        if bound >= self._cutoff():
            self._closed = min(self._closed, bound)
            return []
        values = x[self._integers]
        part = np.abs(values - np.rint(values))
        if part.max(initial=0.0) <= WHOLE:
            self._keep(x)
            if bound >= self._cutoff() or (lower == upper).all():
                self._closed = min(self._closed, bound)
                return []
            at = int(np.argmax(upper > lower))
        else:
            at = int(np.argmax(part))
        down, up = upper.copy(), lower.copy()
        middle = np.floor(values[at] + WHOLE)
        if middle >= upper[at]:
            middle = upper[at] - 1.0
        down[at], up[at] = middle, middle + 1.0
        return [(bound, lower, down), (bound, up, upper)]

    def _without_point(
        self, box: LinearProblem, ray: Floats | None, bound: float, lower: Floats, upper: Floats
    ) -> list[tuple[float, Floats, Floats]]:
        """Close a node that a ray proves empty; split one that HiGHS merely calls so."""
        if ray is not None and proves_empty(box, ray):
            return []
        free = np.flatnonzero(upper > lower)
        if not len(free):
            self._closed = min(self._closed, bound)
            return []
        at = int(free[0])
        down, up = upper.copy(), lower.copy()
        middle = np.floor((lower[at] + upper[at]) / 2.0)
        down[at], up[at] = middle, middle + 1.0
        return [(bound, lower, down), (bound, up, upper)]

    def _keep(self, x: Floats) -> None:
        problem = self._problem
        whole = np.where(problem.integer, np.rint(x), x)
        whole = np.clip(whole, problem.lower, problem.upper)
        if problem.violation(whole) <= TOLERANCE and problem.objective(whole) < self.cost:
            self.best, self.cost = whole, problem.objective(whole)

    def _relax(
        self, lower: Floats, upper: Floats
    ) -> tuple[Floats | None, Floats, Floats | None] | None:
        limits, solver = self._effort.limits, self._solver
        count = len(self._integers)
        if count:
            solver.changeColsBounds(count, self._integers.astype(np.int32), lower, upper)
        if limits.seconds is not None:
            solver.setOptionValue("time_limit", solver.getRunTime() + max(limits.remaining, 0.01))
        solver.run()
        iterations = max(int(solver.getInfo().simplex_iteration_count), 0)
        self._effort.add(iterations / ITERATIONS_PER_WORK)
        status = solver.getModelStatus()
        rows = len(self._problem.row_lower)
        if status == self._words.kOptimal:
            solution = solver.getSolution()
            return np.asarray(solution.col_value), np.asarray(solution.row_dual), None
        if status == self._words.kInfeasible:
            known = solver.getDualRay()
            ray = np.asarray(known[2]) if len(known) > 2 and known[1] else None
            return None, np.zeros(rows), ray
        return None


def proves_empty(problem: LinearProblem, ray: Floats) -> bool:
    """Whether row multipliers prove that no point keeps all rows within the box (Farkas)."""
    nothing = replace(problem, cost=np.zeros(len(problem.cost)), offset=0.0)
    scale = max(float(np.abs(ray).max(initial=0.0)), 1e-30)
    for sign in (1.0, -1.0):
        value = nothing.weak_duality_bound(sign * ray / scale)
        if value > 1e-7:
            return True
    return False


def _safe(box: LinearProblem, price: Floats) -> float:
    """Return the bound that prices prove, lowered by what rounding in its sums may add."""
    bound = box.weak_duality_bound(price)
    side = np.where(price > 0.0, box.row_lower, box.row_upper)
    size = np.abs(np.where(np.isfinite(side), side, 0.0) * price).sum()
    return float(bound - SUM_ROUNDING * (size + abs(bound)))


def _load(problem: LinearProblem, seed: int) -> tuple[Any, Any]:
    import highspy

    from optimizer.engines.linear_highs import model_of

    solver = highspy.Highs()
    for name, value in {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": seed % (2**31 - 1),
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
    }.items():
        solver.setOptionValue(name, value)
    solver.passModel(model_of(highspy, problem))
    return solver, highspy.HighsModelStatus
