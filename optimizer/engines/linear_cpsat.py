"""CP-SAT, for problems whose columns are all whole numbers within a finite box."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.engines.linear import Raw
from optimizer.engines.linear_problem import Floats, LinearProblem
from optimizer.outcome import Limits, Termination
from scenarios import Unsupported

DIGITS = 1e6  # coefficients are scaled to whole numbers up to this size, row by row
LARGEST = 1e12


def solve(problem: LinearProblem, limits: Limits, start: Floats | None, gap: float) -> Raw:
    """Solve with one worker; work is CP-SAT's own deterministic time.

    Rows are rounded so that they only relax: the bound stays valid, and a solution that the
    rounding let through is caught by the check of the true rows.
    """
    if not problem.integer.all():
        raise Unsupported("CP-SAT takes whole-number columns only; use highs")
    if not (np.isfinite(problem.lower).all() and np.isfinite(problem.upper).all()):
        raise Unsupported("CP-SAT takes finite boxes only; use highs")
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    lower = np.ceil(problem.lower - 1e-9).astype(np.int64)
    upper = np.floor(problem.upper + 1e-9).astype(np.int64)
    columns = [
        model.new_int_var(int(low), int(high), f"x{index}")
        for index, (low, high) in enumerate(zip(lower, upper, strict=True))
    ]
    _add_rows(cp_model, model, problem, columns, lower, upper)
    scale = _scale(problem.cost)
    price = np.rint(problem.cost * scale).astype(np.int64)
    model.minimize(cp_model.LinearExpr.weighted_sum(columns, price.tolist()))
    if start is not None:
        for column, value in zip(columns, np.rint(start).astype(np.int64), strict=True):
            model.add_hint(column, int(value))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = int(limits.seed % (2**31 - 1))
    solver.parameters.relative_gap_limit = gap
    if limits.seconds is not None:
        solver.parameters.max_time_in_seconds = max(limits.remaining, 0.01)
    if limits.work is not None:
        solver.parameters.max_deterministic_time = limits.work
    watch = _watch(cp_model, limits)
    status = solver.solve(model, watch)
    has_point = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
    x = np.array([solver.value(column) for column in columns], np.float64) if has_point else None
    # rounding of the objective: each column is off by at most half a unit of the scale
    reach = np.maximum(np.abs(lower), np.abs(upper)).astype(np.float64)
    error = float((np.abs(problem.cost - price / scale) * reach).sum())
    bound = problem.offset + solver.best_objective_bound / scale - error
    done = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    if done:
        stopped = Termination.CONVERGED
    elif watch.cancelled:
        stopped = Termination.CANCELLED
    elif limits.seconds is not None and limits.remaining <= 0.0:
        stopped = Termination.TIME_LIMIT
    else:
        stopped = Termination.WORK_LIMIT
    return Raw(
        x=x,
        bound=bound if has_point or status == cp_model.UNKNOWN else None,
        says_infeasible=status == cp_model.INFEASIBLE,
        stopped=stopped,
        work=float(solver.response_proto.deterministic_time),
    )


def _add_rows(
    cp_model: Any, model: Any, problem: LinearProblem, columns: list[Any], lower: Any, upper: Any
) -> None:
    """Add every row in whole numbers, its sides moved outwards by what rounding may add."""
    for row in range(len(problem.row_lower)):
        part = slice(int(problem.row_start[row]), int(problem.row_start[row + 1]))
        index, value = problem.column[part], problem.value[part]
        scale = _scale(value)
        whole = np.rint(value * scale).astype(np.int64)
        reach = np.maximum(np.abs(lower[index]), np.abs(upper[index]))
        error = float((np.abs(value * scale - whole) * reach).sum()) + 1e-6
        expression = cp_model.LinearExpr.weighted_sum(
            [columns[place] for place in index], whole.tolist()
        )
        low, high = problem.row_lower[row], problem.row_upper[row]
        if np.isfinite(low):
            model.add(expression >= int(np.ceil(low * scale - error)))
        if np.isfinite(high):
            model.add(expression <= int(np.floor(high * scale + error)))


def _scale(values: Floats) -> float:
    """Return 1 for whole numbers, else a power of ten that makes them nearly whole."""
    largest = float(np.abs(values).max()) if len(values) else 1.0
    for exponent in range(7):
        scaled = values * 10.0**exponent
        if np.abs(scaled - np.rint(scaled)).max(initial=0.0) < 1e-9 * max(largest, 1.0):
            return float(10.0**exponent)
    return float(min(DIGITS, LARGEST / max(largest, 1e-9)))


def _watch(cp_model: Any, limits: Limits) -> Any:
    """Return a callback that ends the search when it is cancelled."""

    class Watch(cp_model.CpSolverSolutionCallback):  # type: ignore[misc]
        """Asks at each solution whether to go on."""

        cancelled = False

        def on_solution_callback(self) -> None:
            if limits.cancelled():
                self.cancelled = True
                self.stop_search()

    return Watch()
