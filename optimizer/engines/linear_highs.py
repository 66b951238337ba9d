"""HiGHS, fed with arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from optimizer.engines.linear import Raw
from optimizer.engines.linear_problem import Floats, LinearProblem
from optimizer.outcome import Limits, Termination

ITERATIONS_PER_WORK = 10_000.0  # simplex iterations of about a second of one core
NODES_PER_WORK = 100.0
CALLS_PER_WORK = 80.0  # calls back while branching: a node can be long, and its pivots are not told
ENTRIES_PER_CALL_WORK = 200_000.0  # a call of a small problem is so many entries of its rows
FEWEST_ENTRIES = 400


def solve(problem: LinearProblem, limits: Limits, start: Floats | None, gap: float) -> Raw:
    """Solve on one thread; work is counted in simplex iterations and branching nodes."""
    import highspy

    solver = highspy.Highs()
    settings: dict[str, Any] = {
        "output_flag": False,
        "threads": 1,
        "parallel": "off",
        "random_seed": int(limits.seed % (2**31 - 1)),
        "mip_rel_gap": gap,
        "mip_abs_gap": 1e-9,
        "mip_feasibility_tolerance": 1e-7,
        "primal_feasibility_tolerance": 1e-9,
        "dual_feasibility_tolerance": 1e-9,
    }
    if limits.seconds is not None:
        settings["time_limit"] = max(limits.remaining, 0.01)
    is_mip = bool(problem.integer.any())
    if limits.work is not None and not is_mip:
        settings["simplex_iteration_limit"] = int(max(1.0, limits.work * ITERATIONS_PER_WORK))
    for name, value in settings.items():
        solver.setOptionValue(name, value)
    solver.passModel(model_of(highspy, problem))
    if start is not None:
        given = highspy.HighsSolution()
        given.col_value = start.tolist()
        solver.setSolution(given)

    entries = max(len(problem.value), FEWEST_ENTRIES)
    call_work = is_mip * min(1.0 / CALLS_PER_WORK, entries / ENTRIES_PER_CALL_WORK)
    spent, calls = [0.0], [0]
    broke_off: list[Termination] = []

    def watch(event: Any) -> None:
        out = event.data_out
        iterations = max(float(out.simplex_iteration_count), 0.0)
        nodes = max(float(out.mip_node_count), 0.0)
        calls[0] += 1
        told = iterations / ITERATIONS_PER_WORK + nodes / NODES_PER_WORK
        spent[0] = max(spent[0], told, calls[0] * call_work)
        if limits.work is not None and spent[0] >= limits.work:
            broke_off.append(Termination.WORK_LIMIT)
            event.interrupt()
        elif limits.cancelled():
            broke_off.append(Termination.CANCELLED)
            event.interrupt()

    if is_mip:
        solver.cbMipInterrupt.subscribe(watch)
    else:
        solver.cbSimplexInterrupt.subscribe(watch)
    solver.run()
    return _read(highspy, solver, is_mip, spent[0], broke_off)


def model_of(highspy: Any, problem: LinearProblem) -> Any:
    """Return the problem in HiGHS' own form."""
    lp = highspy.HighsLp()
    infinity = highspy.kHighsInf

    def finite(values: Floats) -> Floats:
        return np.clip(values, -infinity, infinity)

    lp.num_col_, lp.num_row_ = len(problem.cost), len(problem.row_lower)
    lp.col_cost_ = problem.cost
    lp.col_lower_, lp.col_upper_ = finite(problem.lower), finite(problem.upper)
    lp.row_lower_, lp.row_upper_ = finite(problem.row_lower), finite(problem.row_upper)
    lp.offset_ = problem.offset
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
    lp.a_matrix_.start_ = problem.row_start.astype(np.int32)
    lp.a_matrix_.index_ = problem.column.astype(np.int32)
    lp.a_matrix_.value_ = problem.value
    if problem.integer.any():
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        lp.integrality_ = [kinds[int(whole)] for whole in problem.integer]
    return lp


def _read(
    highspy: Any, solver: Any, is_mip: bool, spent: float, broke_off: list[Termination]
) -> Raw:
    """Translate HiGHS' words; nothing is believed yet."""
    words = highspy.HighsModelStatus
    status, info = solver.getModelStatus(), solver.getInfo()
    stopped = {
        words.kTimeLimit: Termination.TIME_LIMIT,
        words.kIterationLimit: Termination.WORK_LIMIT,
        words.kSolutionLimit: Termination.WORK_LIMIT,
        words.kInterrupt: broke_off[0] if broke_off else Termination.CANCELLED,
        words.kOptimal: Termination.CONVERGED,
        words.kInfeasible: Termination.CONVERGED,
    }.get(status, Termination.ERROR)
    if not is_mip:
        spent = max(spent, max(info.simplex_iteration_count, 0) / ITERATIONS_PER_WORK)
    solution = solver.getSolution()
    has_point = bool(solution.value_valid) and (
        not is_mip or info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    )
    bound = float(info.mip_dual_bound) if is_mip else None
    prices = None
    if not is_mip and bool(solution.dual_valid):
        prices = np.array(solution.row_dual, np.float64)
    return Raw(
        x=np.array(solution.col_value, np.float64) if has_point else None,
        bound=bound if bound is not None and math.isfinite(bound) else None,
        says_infeasible=status == words.kInfeasible,
        stopped=stopped,
        work=spent,
        row_price=prices,
    )
