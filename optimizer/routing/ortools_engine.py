"""OR-Tools routing, for soft windows, which other engines cannot say.

Hours are priced as driving and service: a price on waiting, break intervals and bounds on spans
make OR-Tools 9.15 enumerate the seconds of a day for many a move (measured on 50 stops: 0.2 s and
more a move against 0.015). What it finds is priced exactly, and `polish` sees to the rest.

It begins at routes at hand and improves them by guided local search; from nothing it finds little.
Source: Voudouris and Tsang (1999), European Journal of Operational Research 113(2), 469-499.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.routing.polish import Rank
from optimizer.routing.problem import PICKUP, Routes, RoutingProblem
from optimizer.routing.schedule import Timed

if TYPE_CHECKING:
    from optimizer.routing.ortools_model import Model

MOST_STOPS = 1_500  # arcs of more take too much memory and time to lay out
PER_WORK = 12_000.0  # accepted moves x stops that count as a unit of work: about a second
LONGEST = (500, 50)  # accepted moves that end a search: fixed, per stop
TAIL_SHARE = 0.1  # of the wall time, kept for laying out and pricing
SECONDS_PER_ARC = 4e-7  # to lay out one arc of one kind of van


FOREVER_S = 10**6


class OrToolsEngine:
    """Guided local search over routes with soft windows."""

    name = "ortools"

    @staticmethod
    def versions() -> dict[str, str]:
        """Return the version of the library."""
        return {"ortools": version("ortools")}

    @staticmethod
    def serves(problem: RoutingProblem) -> bool:
        """Say whether it is installed and can lay the problem out."""
        if importlib.util.find_spec("ortools") is None or len(problem.stops) > MOST_STOPS:
            return False
        vans, kinds = problem.vans, set(problem.stops.kind.tolist())
        several_trips = bool((vans.max_trips[vans.count > 0] > 1).any())
        mixed = PICKUP in kinds and len(kinds) > 1
        return not several_trips and not mixed

    @staticmethod
    def supports(problem: RoutingProblem) -> str | None:
        """Return None if it can say every rule of the problem, else what it cannot say."""
        vans, kinds = problem.vans, set(problem.stops.kind.tolist())
        missing = []
        if (vans.max_trips[vans.count > 0] > 1).any():
            missing.append("max_trips")
        if PICKUP in kinds and len(kinds) > 1:
            missing.append("pickups among deliveries")
        if (vans.break_s > 0).any():
            missing.append("driver breaks")
        if problem.balance_cost_per_h > 0.0:
            missing.append("balance of work")
        if vans.pays_for_load:
            missing.append("emissions of the load")
        return "; ".join(missing) or None

    def solve(
        self,
        problem: RoutingProblem,
        limits: Limits,
        start: Sequence[Timed],
        chosen: Sequence[int],
        *,
        worth: Callable[[Routes], Rank],
    ) -> Outcome[Routes]:
        """Improve a start as long as the limits allow.

        Parameters
        ----------
        start : feasible routes; may leave stops out
        chosen : the stops to plan
        worth : rank of routes by their exact price; less is better

        Returns
        -------
        outcome : the routes of which `worth` is least among all that the search came by
        """
        from optimizer.routing.ortools_model import lay_out

        per_work = PER_WORK / max(len(chosen), 1)
        laying_out = SECONDS_PER_ARC * len(chosen) ** 2 * len(problem.vans)
        if limits.remaining < 2.0 * laying_out:
            return Outcome(Status.NO_SOLUTION_FOUND, Termination.TIME_LIMIT, self.name)
        model = lay_out(problem, chosen, start)
        moves = LONGEST[0] + LONGEST[1] * len(chosen)
        if limits.work is not None:
            moves = min(moves, max(1, round(per_work * limits.work)))
        watch = _Watch(model, limits, worth)
        found = _search(model, limits, moves, start, watch)
        termination = Termination.WORK_LIMIT
        if limits.cancelled():
            termination = Termination.CANCELLED
        elif not found:
            termination = Termination.CONVERGED
        elif watch.moves < moves:
            termination = Termination.TIME_LIMIT
        return Outcome(
            Status.NO_SOLUTION_FOUND if watch.best is None else Status.FEASIBLE,
            termination,
            self.name,
            solution=watch.best,
            wall_seconds=limits.elapsed,
            work=watch.moves / per_work,
        )


class _Watch:
    """Counts accepted moves and keeps the routes that are worth most, priced exactly."""

    def __init__(
        self,
        model: Model,
        limits: Limits,
        worth: Callable[[Routes], Rank],
    ) -> None:
        self.model = model
        self.limits = limits
        self.worth = worth
        self.moves = 0
        self.best: Routes | None = None
        self.least: Rank = (math.inf,)
        self.least_told = math.inf

    def __call__(self) -> None:
        """Look at the routes that the search has just accepted."""
        self.moves += 1
        if self.limits.cancelled():
            self.model.routing.solver().FinishCurrentSearch()
        told = self.model.routing.CostVar().Value()
        if told >= self.least_told:
            return
        self.least_told = told
        routes = self.model.routes()
        rank = self.worth(routes)
        if rank < self.least:
            self.least, self.best = rank, routes


def _search(
    model: Model, limits: Limits, moves: int, start: Sequence[Timed], watch: _Watch
) -> bool:
    """Run the search; False where the start is not feasible in its words."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = (
        routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    )
    parameters.log_search = False
    parameters.solution_limit = moves
    if limits.seconds is not None:
        left = max(0.05, (1.0 - TAIL_SHARE) * limits.remaining)
        parameters.time_limit.FromMilliseconds(int(1000 * left))
    else:  # its parts have a limit of 0.1 s of their own, which a busy machine would reach
        parameters.lns_time_limit.FromSeconds(FOREVER_S)
    model.routing.CloseModelWithParameters(parameters)
    model.routing.AddAtSolutionCallback(watch)
    first = model.routing.ReadAssignmentFromRoutes(model.written(start), True)
    if first is None:
        return False
    return model.routing.SolveFromAssignmentWithParameters(first, parameters) is not None
