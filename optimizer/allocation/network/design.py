"""Today's network and its redesign on the same terms, each with a bound of our own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from optimizer.allocation.network.certify import certify
from optimizer.allocation.network.decompose import Found, decompose
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.model import MEASURES, Model, build, case_costs
from optimizer.allocation.network.problem import Floats
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import TOLERANCE, LinearProblem
from optimizer.outcome import OPTIMAL_GAP, Limits, Outcome, Status, Termination, proven_status
from scenarios import InputError
from scenarios.semantics.periods import KINDS

ENGINE = "network-design"
SAME = 1e-9  # money that is no difference
MOST_WHOLE = 400_000  # ways x futures of a problem that is solved whole, else by product group
# of one by period: the linear programme grows faster with periods than the cuts do
MOST_WHOLE_BY_PERIOD = 5_000
NODES_FIRST = 20  # that may close a small problem before HiGHS is asked for solutions
SHARE_FOR_SOLUTIONS = 0.5  # of what is left of the limits


@dataclass(frozen=True, slots=True)
class Terms:
    """What the planner asked for.

    Attributes
    ----------
    measure : expected, worst or regret, over the futures
    single_source : each place is served by one site
    periods : bucket, month or quarter; "": the horizon is one
    solver : name of a solver that PuLP knows, "" for our own
    export : file for the problem, .lp or .mps; "" for none
    """

    measure: str = "expected"
    single_source: bool = False
    periods: str = ""
    solver: str = ""
    export: str = ""

    @classmethod
    def of(cls, options: dict[str, str]) -> Terms:
        """Read the options of the stage.

        Raises
        ------
        InputError
            A value is not one that is allowed.
        """
        measure = options.get("measure") or "expected"
        single = (options.get("single_source") or "no").lower()
        export = options.get("export", "")
        periods = options.get("periods", "")
        if periods and periods not in KINDS:
            raise InputError(f"periods is {', '.join(KINDS)}, not {periods!r}")
        if measure not in MEASURES:
            raise InputError(f"measure is {', '.join(MEASURES)}, not {measure!r}")
        if single not in ("yes", "no"):
            raise InputError(f"single_source is yes or no, not {single!r}")
        if export and Path(export).suffix not in (".lp", ".mps"):
            raise InputError(f"export writes .lp or .mps, not {export!r}")
        return cls(measure, single == "yes", periods, options.get("solver", ""), export)


@dataclass(frozen=True, slots=True)
class Answer:
    """A solution of a model, priced by its own columns; x is None where none was found."""

    model: Model
    outcome: Outcome[Floats]


def comes_apart(network: Network, terms: Terms) -> bool:
    """Whether the network is planned by product group.

    Raises
    ------
    InputError
        It is too large to be planned whole, and what was asked ties products together.
    """
    size = len(network.ways.origin) * len(network.cases)
    several = len(network.cases) > 1
    tied = several and terms.measure != "expected"
    tied = tied or terms.single_source or bool(terms.solver or terms.export)
    if tied and size > MOST_WHOLE:
        raise InputError(
            f"network: {size:,} ways of products x futures are more than {MOST_WHOLE:,}: they"
            " are planned by product group, by expected cost with our own solver and without"
            " single sources; plan fewer products at once, or forecast by category"
            + (", or longer periods" if len(network.periods) > 1 else "")
        )
    most = min(MOST_WHOLE, MOST_WHOLE_BY_PERIOD) if len(network.periods) > 1 else MOST_WHOLE
    return not tied and size > most


def design(network: Network, terms: Terms, limits: Limits) -> tuple[Answer, Answer]:
    """Price today's network, then redesign it.

    Returns
    -------
    today, redesign : both by the same measure; with one future all measures are the same, and
        `expected` is taken

    Raises
    ------
    InputError
        The network is too large for what was asked.
    """
    effort = Effort(limits)
    measure = terms.measure if len(network.cases) > 1 else "expected"
    if comes_apart(network, terms):
        return _by_group(network, effort)
    best: list[float] = []
    if measure == "regret":
        for case in range(len(network.cases)):
            alone = build(network, single_source=terms.single_source, cases=[case])
            answer = _solve(alone, None, "", Effort(effort.part(0.5 / (len(network.cases) + 1))))
            effort.add(answer.outcome.work)
            best.append(answer.outcome.objective or 0.0)
    options = {
        "measure": measure,
        "single_source": terms.single_source,
        "best_of_case": best or None,
    }
    today = _solve(build(network, today=True, **options), None, "", effort)  # type: ignore[arg-type]
    model = build(network, **options)  # type: ignore[arg-type]
    if terms.export:
        from optimizer.engines.linear_pulp import export

        export(model.problem, Path(terms.export))
    start = today.outcome.solution
    if start is not None and model.problem.violation(start) > TOLERANCE:
        start = None
    redesign = _solve(model, start, terms.solver, effort)
    return today, redesign


def _by_group(network: Network, effort: Effort) -> tuple[Answer, Answer]:
    """Price today's network and redesign it, product group by product group."""
    answers: list[Answer] = []
    for today in (True, False):
        model = build(network, today=today)
        start = answers[0].outcome.solution if answers else None
        if start is not None and model.problem.violation(start) > TOLERANCE:
            start = None
        before = effort.spent
        found = decompose(model, start, effort, today=today)
        answers.append(_answer(model, found, effort, effort.spent - before))
    return answers[0], answers[1]


def _solve(model: Model, start: Floats | None, solver: str, effort: Effort) -> Answer:
    """Search, and prove: a few nodes, then solutions from a solver, then the rest of the nodes."""
    problem = model.problem
    before = effort.spent
    best, bound, finished = certify(problem, start, effort, most_nodes=NODES_FIRST)
    if solver or not (finished or effort.over()):
        best = _better(problem, best, _by_solver(problem, best, solver, effort))
        again, proven, finished = certify(problem, best, effort)
        best, bound = _better(problem, best, again), max(bound, proven)
    if best is not None and model.theta >= 0:
        best = _better(problem, best, _settle(model, best, effort))
    engine = f"{ENGINE} with {solver}" if solver else ENGINE
    return _answer(model, Found(best, bound, finished), effort, effort.spent - before, engine)


def _answer(
    model: Model, found: Found, effort: Effort, work: float, engine: str = ENGINE
) -> Answer:
    """State what was found, and how much of it is proven."""
    best, bound, finished = found.x, found.bound, found.finished
    seconds = effort.limits.elapsed
    why = Termination.CONVERGED if finished else (effort.why() or Termination.ERROR)
    if best is None:
        status = Status.INFEASIBLE if finished else Status.NO_SOLUTION_FOUND
        known = bound if np.isfinite(bound) else None
        return Answer(model, Outcome(status, why, engine, None, None, known, seconds, work))
    cost = model.problem.objective(best)
    bound = min(bound, cost)
    status = proven_status(cost, bound)
    if finished and cost - bound <= OPTIMAL_GAP:
        status = Status.OPTIMAL  # a regret of 0 has no size to be relative to
    known = bound if np.isfinite(bound) else None
    if status == Status.OPTIMAL:
        why = Termination.CONVERGED
    return Answer(model, Outcome(status, why, engine, best, cost, known, seconds, work))


def _settle(model: Model, x: Floats, effort: Effort) -> Floats | None:
    """Ship every future at its own least cost: the worst one alone does not say how."""
    problem = model.problem
    network = model.network
    lower, upper = problem.lower.copy(), problem.upper.copy()
    fixed = problem.integer
    lower[fixed] = upper[fixed] = np.rint(x[fixed])
    cost = np.zeros(len(x))
    penalty = network.wants["penalty"].to_numpy(np.float64)
    cost[model.x], cost[model.u] = case_costs(network), penalty
    cost[model.theta] = 1e-3
    relaxed = replace(problem.relaxed(), cost=cost, lower=lower, upper=upper)
    outcome = solve_linear(relaxed, effort.part(0.5))
    effort.add(outcome.work)
    return None if outcome.solution is None else outcome.solution.x


def _by_solver(
    problem: LinearProblem, start: Floats | None, solver: str, effort: Effort
) -> Floats | None:
    limits = effort.part(SHARE_FOR_SOLUTIONS)
    if solver:
        from optimizer.engines.linear_pulp import solve_by_pulp

        outcome = solve_by_pulp(problem, limits, solver)
    else:
        outcome = solve_linear(problem, limits, start, gap=1e-7)
    effort.add(outcome.work)
    return None if outcome.solution is None else outcome.solution.x


def _better(problem: LinearProblem, first: Floats | None, second: Floats | None) -> Floats | None:
    if second is None or problem.violation(second) > TOLERANCE:
        return first
    if first is None or problem.objective(second) <= problem.objective(first) + SAME:
        return second
    return first
