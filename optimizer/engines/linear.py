"""Solves mixed-integer linear problems given as arrays, and believes no solver's word.

Three engines behind one door: HiGHS (`highs`), CP-SAT (`cpsat`, whole-number problems) and SCIP
through MathOpt (`scip`). Each runs on one thread with a fixed seed, under wall seconds and a
deterministic limit of work. What comes back is rounded, held against every row, and priced anew;
a status is made from that and from the bound, never taken over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer.engines.linear_problem import TOLERANCE, Floats, LinearProblem
from optimizer.outcome import Limits, Outcome, Status, Termination, proven_status
from scenarios import Unsupported


@dataclass(frozen=True, slots=True)
class LinearSolution:
    """Values of the columns; for a linear program without integers, prices of the rows too.

    Attributes
    ----------
    x : (n_columns,) float64
    row_price : (n_rows,) money per unit of the row; None for a problem with integers
    """

    x: Floats
    row_price: Floats | None = None


@dataclass(frozen=True, slots=True)
class Raw:
    """What an engine's adapter hands back, before anything of it is believed.

    Attributes
    ----------
    x, row_price : as in LinearSolution; None where there is none
    bound : the engine's claim; None where it makes none
    says_infeasible : the engine claims a proof that there is no solution
    stopped : a limit ended the search
    work : work done, in units of about a second of one core
    """

    x: Floats | None
    bound: float | None
    says_infeasible: bool
    stopped: Termination
    work: float
    row_price: Floats | None = None


Adapter = Callable[[LinearProblem, Limits, Floats | None, float], Raw]


def solve_linear(
    problem: LinearProblem,
    limits: Limits,
    start: Floats | None = None,
    *,
    engine: str = "highs",
    gap: float = 1e-9,
) -> Outcome[LinearSolution]:
    """Solve a problem and check the answer.

    Parameters
    ----------
    problem : what to minimise
    limits : seconds, work (about a second of one core a unit), seed, cancelled
    start : (n_columns,) a solution to begin from; it is returned if nothing better is found
    engine : highs, cpsat or scip
    gap : relative gap at which the search may stop

    Returns
    -------
    outcome : objective recomputed from the columns; the bound of a linear program recomputed
        from its prices; a bound above the objective is not passed on

    Raises
    ------
    Unsupported
        The engine does not exist, or cannot say the problem.
    """
    adapter = _adapter(engine)
    before = limits.elapsed
    if limits.cancelled():
        raw = Raw(None, None, False, Termination.CANCELLED, 0.0)
    else:
        raw = adapter(problem, limits, start, gap)
    found = _believable(problem, raw.x)
    if start is not None and problem.violation(start) <= TOLERANCE:
        given = _believable(problem, start)
        if found is None or (given is not None and _worse(problem, found, given)):
            found = given
    bound = raw.bound
    if raw.row_price is not None and not problem.integer.any():
        bound = problem.weak_duality_bound(raw.row_price)
    seconds = limits.elapsed - before
    if found is None:
        status = Status.INFEASIBLE if raw.says_infeasible else Status.NO_SOLUTION_FOUND
        return Outcome(status, raw.stopped, engine, None, None, bound, seconds, raw.work)
    objective = problem.objective(found)
    detail = ""
    if raw.says_infeasible:
        detail, bound = f"{engine} called a problem infeasible that has a solution", None
    if bound is not None and (not np.isfinite(bound) or bound > objective + _slack(objective)):
        detail, bound = f"{engine} stated a bound of {bound} above a solution", None
    if bound is not None:
        bound = min(bound, objective)
    return Outcome(
        proven_status(objective, bound),
        raw.stopped,
        engine,
        LinearSolution(found, raw.row_price),
        objective,
        bound,
        seconds,
        raw.work,
        detail,
    )


def _adapter(engine: str) -> Adapter:
    """Return the adapter of an engine; its library is imported only now."""
    if engine == "highs":
        from optimizer.engines.linear_highs import solve
    elif engine == "cpsat":
        from optimizer.engines.linear_cpsat import solve
    elif engine == "scip":
        from optimizer.engines.linear_scip import solve
    else:
        raise Unsupported(f"no linear engine {engine!r}: there are highs, cpsat, scip")
    return solve


def _slack(objective: float) -> float:
    return 1e-6 * max(1.0, abs(objective))


def _worse(problem: LinearProblem, found: Floats, given: Floats) -> bool:
    return problem.objective(given) < problem.objective(found)


def _believable(problem: LinearProblem, x: Floats | None) -> Floats | None:
    """Round the integers, pull values into their box, and keep x only if every row holds."""
    if x is None or not np.all(np.isfinite(x)):
        return None
    rounded = np.where(problem.integer, np.rint(x), x)
    rounded = np.clip(rounded, problem.lower, problem.upper)
    if problem.violation(rounded) <= TOLERANCE:
        return rounded
    if not problem.integer.any() or problem.integer.all():
        return None
    return _with_fixed_integers(problem, rounded)


def _with_fixed_integers(problem: LinearProblem, rounded: Floats) -> Floats | None:
    """Choose the continuous columns again, now that the integers are whole."""
    fixed = replace(
        problem.relaxed(),
        lower=np.where(problem.integer, rounded, problem.lower),
        upper=np.where(problem.integer, rounded, problem.upper),
    )
    raw = _adapter("highs")(fixed, Limits(), None, 0.0)
    if raw.x is None:
        return None
    x = np.clip(np.where(problem.integer, rounded, raw.x), problem.lower, problem.upper)
    return x if problem.violation(x) <= TOLERANCE else None
