"""SCIP through OR-Tools' MathOpt, fed with a protocol message built from arrays."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np

from optimizer.engines.linear import Raw
from optimizer.engines.linear_problem import Floats, LinearProblem
from optimizer.outcome import Limits, Termination

NODES_PER_WORK = 100.0


def solve(problem: LinearProblem, limits: Limits, start: Floats | None, gap: float) -> Raw:
    """Solve on one thread; work is counted in branching nodes.

    MathOpt offers no way to break off a running solve from Python: bound it by seconds or work.
    """
    from ortools.math_opt.python import mathopt

    model = mathopt.Model.from_model_proto(_message(problem))
    parameters = mathopt.SolveParameters(
        threads=1,
        random_seed=int(limits.seed % (2**31 - 1)),
        relative_gap_tolerance=gap,
        enable_output=False,
    )
    if limits.seconds is not None:
        parameters.time_limit = dt.timedelta(seconds=max(limits.remaining, 0.01))
    if limits.work is not None:
        parameters.node_limit = max(1, int(limits.work * NODES_PER_WORK))
    hints = mathopt.ModelSolveParameters()
    columns = sorted(model.variables(), key=lambda variable: variable.id)
    if start is not None:
        values = dict(zip(columns, start.tolist(), strict=True))
        hints.solution_hints.append(mathopt.SolutionHint(variable_values=values))
    result = mathopt.solve(model, mathopt.SolverType.GSCIP, params=parameters, model_params=hints)
    reason = mathopt.TerminationReason
    why = result.termination.reason
    stopped = Termination.CONVERGED
    if why in (reason.FEASIBLE, reason.NO_SOLUTION_FOUND):
        by_nodes = result.termination.limit == mathopt.Limit.NODE
        stopped = Termination.WORK_LIMIT if by_nodes else Termination.TIME_LIMIT
    elif why not in (reason.OPTIMAL, reason.INFEASIBLE):
        stopped = Termination.ERROR
    x = None
    if result.has_primal_feasible_solution():
        x = np.array(result.variable_values(columns), np.float64)
    bound = float(result.termination.objective_bounds.dual_bound)
    nodes = float(result.solve_stats.node_count)
    return Raw(
        x=x,
        bound=bound if math.isfinite(bound) else None,
        says_infeasible=why == reason.INFEASIBLE,
        stopped=stopped,
        work=nodes / NODES_PER_WORK,
    )


def _message(problem: LinearProblem) -> Any:
    """Return the problem as MathOpt's model message."""
    from ortools.math_opt import model_pb2

    message = model_pb2.ModelProto()
    columns = range(len(problem.cost))
    message.variables.ids.extend(columns)
    message.variables.lower_bounds.extend(problem.lower.tolist())
    message.variables.upper_bounds.extend(problem.upper.tolist())
    message.variables.integers.extend(problem.integer.tolist())
    priced = np.flatnonzero(problem.cost)
    message.objective.offset = problem.offset
    message.objective.linear_coefficients.ids.extend(priced.tolist())
    message.objective.linear_coefficients.values.extend(problem.cost[priced].tolist())
    message.linear_constraints.ids.extend(range(len(problem.row_lower)))
    message.linear_constraints.lower_bounds.extend(problem.row_lower.tolist())
    message.linear_constraints.upper_bounds.extend(problem.row_upper.tolist())
    row = problem.row_of_entry
    order = np.lexsort((problem.column, row))
    message.linear_constraint_matrix.row_ids.extend(row[order].tolist())
    message.linear_constraint_matrix.column_ids.extend(problem.column[order].tolist())
    message.linear_constraint_matrix.coefficients.extend(problem.value[order].tolist())
    return message
