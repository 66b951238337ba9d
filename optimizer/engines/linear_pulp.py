"""The second door: the same problem through PuLP, to named solvers and to LP and MPS files.

Slow to build, so it is off the hot path: tests hold the first door against it, and planners
who own another solver export their problem here.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from optimizer.engines.linear import LinearSolution
from optimizer.engines.linear_problem import TOLERANCE, LinearProblem
from optimizer.outcome import Limits, Outcome, Status, Termination
from scenarios import Unsupported

SOLVERS = {
    "cbc": ("PULP_CBC_CMD",),
    "highs": ("HiGHS",),
    "scip": ("SCIP_PY", "SCIP_CMD"),
    "gurobi": ("GUROBI", "GUROBI_CMD"),
    "cplex": ("CPLEX_PY", "CPLEX_CMD"),
    "xpress": ("XPRESS_PY", "XPRESS"),
    "copt": ("COPT", "COPT_CMD"),
}


def pulp_problem(problem: LinearProblem, name: str = "holdfast") -> tuple[Any, list[Any]]:
    """Return the problem and its columns as PuLP objects."""
    import pulp

    model = pulp.LpProblem(name, pulp.LpMinimize)

    def side(value: float) -> float | None:
        return float(value) if np.isfinite(value) else None

    columns = [
        model.add_variable(
            f"x{index}",
            side(problem.lower[index]),
            side(problem.upper[index]),
            pulp.LpInteger if problem.integer[index] else pulp.LpContinuous,
        )
        for index in range(len(problem.cost))
    ]
    terms = zip(columns, problem.cost.tolist(), strict=True)
    model += pulp.LpAffineExpression(list(terms), constant=problem.offset)
    for row in range(len(problem.row_lower)):
        part = slice(int(problem.row_start[row]), int(problem.row_start[row + 1]))
        places = problem.column[part].tolist()
        expression = pulp.LpAffineExpression(
            [(columns[at], value) for at, value in zip(places, problem.value[part], strict=True)]
        )
        low, high = side(problem.row_lower[row]), side(problem.row_upper[row])
        if low is not None and low == high:
            model += expression == low
            continue
        if low is not None:
            model += expression >= low
        if high is not None:
            model += expression <= high
    return model, columns


def named_solver(name: str, seconds: float | None) -> Any:
    """Return PuLP's solver of that name, ready to run.

    Raises
    ------
    Unsupported
        There is no such name, or this machine has no such solver (with its licence, where it
        takes one).
    """
    import pulp

    known = SOLVERS.get(name.lower())
    if known is None:
        raise Unsupported(f"no solver {name!r}: known are {', '.join(SOLVERS)}")
    for candidate in known:
        options: dict[str, Any] = {"msg": False, "timeLimit": seconds}
        if candidate == "PULP_CBC_CMD":
            options["threads"] = 1
        try:
            solver = pulp.getSolver(candidate, **options)
            if solver.available():
                return solver
        except (pulp.PulpSolverError, ImportError, OSError):
            continue
    raise Unsupported(f"{name} is not installed here, or has no licence: PuLP does not find it")


def solve_by_pulp(
    problem: LinearProblem, limits: Limits, solver: str = "cbc"
) -> Outcome[LinearSolution]:
    """Solve with a solver by its name; no status and no bound is taken over from it."""
    import pulp

    before = limits.elapsed
    seconds = None if limits.seconds is None else max(limits.remaining, 0.1)
    engine = f"pulp-{solver.lower()}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its successor needs an own CBC
        chosen = named_solver(solver, seconds)
        model, columns = pulp_problem(problem)
        model.solve(chosen)
    x = np.array([column.value() or 0.0 for column in columns], np.float64)
    x = np.clip(np.where(problem.integer, np.rint(x), x), problem.lower, problem.upper)
    spent = limits.elapsed - before
    if problem.violation(x) > TOLERANCE:
        status = (
            Status.INFEASIBLE
            if model.status == pulp.LpStatusInfeasible
            else Status.NO_SOLUTION_FOUND
        )
        return Outcome(status, Termination.CONVERGED, engine, wall_seconds=spent)
    return Outcome(
        Status.FEASIBLE,
        Termination.CONVERGED,
        engine,
        LinearSolution(x),
        problem.objective(x),
        None,
        spent,
    )


def export(problem: LinearProblem, path: Path) -> Path:
    """Write the problem as .lp or .mps, by the ending of the path."""
    model, _ = pulp_problem(problem)
    if path.suffix == ".mps":
        model.writeMPS(str(path))
    else:
        model.writeLP(str(path))
    return path
