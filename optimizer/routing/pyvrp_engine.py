"""PyVRP wrapped: the better of a cold and a warm start, then rounds of two searches side by side.

Its local search lets go of Python's lock, so that threads suffice.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version

from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.routing.finish import untold
from optimizer.routing.pieces import rank, solve_in_pieces
from optimizer.routing.problem import FOREVER, Routes, RoutingProblem, with_matrices
from optimizer.routing.pyvrp_data import from_pyvrp, to_pyvrp, translate
from optimizer.routing.pyvrp_rounds import LANES, in_rounds
from optimizer.routing.pyvrp_search import Budget, iterations_per_work, patience, search
from optimizer.routing.schedule import Timed, price

LARGEST_WHOLE = 3_000  # stops; a larger plan is solved in pieces
TRIAL_SHARE = 0.1  # of the time or work, for each of the two starts
ROUNDED = 0.1  # of the work, that may be left for want of a whole iteration


class PyVrpEngine:
    """Vehicle routing by PyVRP 0.14."""

    name = "pyvrp"

    @staticmethod
    def versions() -> dict[str, str]:
        """Return the version of the library."""
        return {"pyvrp": version("pyvrp")}

    @staticmethod
    def supports(problem: RoutingProblem) -> str | None:
        """Return None if PyVRP can say every rule of the problem, else what it cannot say.

        What it cannot say is planned without and repaired afterwards by our own schedule.
        """
        vans = problem.vans
        missing = []
        if ((vans.max_stops < FOREVER) & (vans.max_trips > 1)).any():
            missing.append("max_stops over several trips (counted per trip)")
        return "; ".join([*missing, *untold(problem)]) or None

    def solve(
        self,
        problem: RoutingProblem,
        limits: Limits,
        start: Sequence[Timed],
        chosen: Sequence[int],
        *,
        on_better: Callable[[float], None] = lambda _cost: None,
    ) -> Outcome[Routes]:
        """Improve a start, or a random plan where that gets further, as long as the limits allow.

        Parameters
        ----------
        start : feasible routes; may leave stops out
        chosen : the stops to plan
        on_better : told the money of every better plan

        Returns
        -------
        outcome : routes and the iterations done; no objective, for the caller prices the routes
        """
        if len(chosen) > LARGEST_WHOLE and len(start) > 1:
            return solve_in_pieces(self.solve, problem, limits, start, chosen, on_better)
        problem = with_matrices(problem)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # penalties at their limit are normal when crowded
            routes, tried = _better_start(problem, limits, start, chosen)
        if not routes:
            return Outcome(
                Status.NO_SOLUTION_FOUND,
                _why(limits, tried, converged=False),
                self.name,
                wall_seconds=limits.elapsed,
                work=tried,
            )
        on_better(rank(problem, routes)[1])
        rest = None if limits.work is None else max(limits.work - tried, 0.0)
        found = self.improve(
            problem, replace(limits, work=rest), routes, chosen, on_better=on_better
        )
        return replace(found, work=tried + found.work)

    def improve(
        self,
        problem: RoutingProblem,
        limits: Limits,
        start: Sequence[Timed],
        chosen: Sequence[int],
        *,
        on_better: Callable[[float], None] = lambda _cost: None,
    ) -> Outcome[Routes]:
        """Improve a start of at least one route as long as the limits allow.

        Parameters and outcome as in `solve`.
        """
        if len(chosen) > LARGEST_WHOLE and len(start) > 1:
            return solve_in_pieces(self.improve, problem, limits, start, chosen, on_better)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = in_rounds(with_matrices(problem), limits, start, chosen, on_better)
        return Outcome(
            Status.FEASIBLE,
            _why(limits, found.work, converged=found.converged),
            self.name,
            solution=tuple(timed.route for timed in found.routes),
            wall_seconds=limits.elapsed,
            work=found.work,
        )


# ---- inside ---------------------------------------------------------------------------------


def _better_start(
    problem: RoutingProblem, limits: Limits, start: Sequence[Timed], chosen: Sequence[int]
) -> tuple[tuple[Timed, ...], float]:
    """Try the start and a random plan side by side; return the better routes and the work done.

    Without a start the random plan has twice the budget; no routes where none is feasible.
    """
    rate = iterations_per_work(problem, len(chosen))
    served = {stop for timed in start for stop in timed.route.stops}
    translation = translate(
        problem,
        chosen,
        complete=all(problem.stops.optional[s] or s in served for s in chosen),
        cost_per_stop=sum(timed.cost for timed in start) / max(len(served), 1),
    )
    starts = [to_pyvrp(translation, start), None] if start else [None]
    budget = Budget.of(limits, rate).share(LANES * TRIAL_SHARE / len(starts))
    with ThreadPoolExecutor(LANES) as threads:
        tasks = [
            threads.submit(
                search, translation, begin, limits.seed + k, budget, patience(len(chosen))
            )
            for k, begin in enumerate(starts)
        ]
        found = [task.result() for task in tasks]
    plans = [tuple(start)]
    for one in found:
        if one.cost is not None:
            priced = [price(problem, route) for route in from_pyvrp(translation, one.solution)]
            plans.append(tuple(timed for timed in priced if not isinstance(timed, str)))
    best = min(plans, key=lambda routes: rank(problem, routes))
    return best, sum(one.iterations for one in found) / rate


def _why(limits: Limits, work: float, *, converged: bool) -> Termination:
    """Return why it ended: cancelled, converged, or which limit came first."""
    if limits.cancelled():
        return Termination.CANCELLED
    if converged:
        return Termination.CONVERGED
    if limits.work is not None and work >= (1.0 - ROUNDED) * limits.work:
        return Termination.WORK_LIMIT
    return Termination.TIME_LIMIT
