"""Ruin and recreate as an engine: which problems it can say, what a unit of work is."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from importlib.metadata import version

from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.routing.finish import untold
from optimizer.routing.problem import BACKHAUL, DELIVERY, PICKUP, Routes, RoutingProblem
from optimizer.routing.schedule import Timed

STEPS_PER_WORK = (120_000, 60_000)  # about a second of one core: without and with times
COMPILING_S = 60.0  # a search with less time than this does not begin by compiling
LONGEST = (200_000, 40_000)  # steps after which a search has converged: fixed, per stop


class RuinEngine:
    """Ruin and recreate with simulated annealing, compiled by numba."""

    name = "ruin-recreate"

    @staticmethod
    def versions() -> dict[str, str]:
        """Return the version of the compiler."""
        return {"numba": version("numba")}

    @staticmethod
    def serves(problem: RoutingProblem) -> bool:
        """Say whether it is installed and keeps every rule of the problem on its way."""
        if importlib.util.find_spec("numba") is None:
            return False
        vans, kinds = problem.vans, set(problem.stops.kind.tolist())
        several_trips = bool((vans.max_trips[vans.count > 0] > 1).any())
        return not several_trips and (kinds <= {DELIVERY, BACKHAUL} or kinds == {PICKUP})

    @staticmethod
    def is_prepared() -> bool:
        """Say whether it was compiled in this process or before on this machine."""
        from optimizer.routing.ruin.prepare import is_prepared

        return is_prepared()

    @staticmethod
    def supports(problem: RoutingProblem) -> str | None:
        """Return None if it can say every rule of the problem, else what it cannot say.

        What it cannot say is planned without and repaired afterwards by our own schedule.
        """
        vans, kinds = problem.vans, set(problem.stops.kind.tolist())
        missing = []
        if (vans.max_trips[vans.count > 0] > 1).any():
            missing.append("max_trips")
        if PICKUP in kinds and len(kinds) > 1:
            missing.append("pickups among deliveries")
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
        """Improve a start as long as the limits allow.

        Parameters
        ----------
        start : feasible routes; may leave stops out
        chosen : the stops to plan
        on_better : told the money of every better plan, stops that must be served at a price
            above every cost

        Returns
        -------
        outcome : routes and the work done; no objective, for the caller prices the routes
        """
        from optimizer.routing.ruin.layout import book_of, lay_out, routes_of
        from optimizer.routing.ruin.search import cool

        layout = lay_out(problem, chosen)
        book = book_of(layout, start)
        if book is None:  # whole numbers round against a route: begin without any
            book = book_of(layout, ())
        assert book is not None
        per_work = STEPS_PER_WORK[layout.facts.timed]
        longest = LONGEST[0] + LONGEST[1] * len(chosen)
        steps = longest if limits.work is None else min(longest, round(per_work * limits.work))
        found = cool(
            layout, book, limits, max(steps, 1), on_better=lambda c: on_better(c / layout.scale)
        )
        termination = Termination.TIME_LIMIT
        if limits.cancelled():
            termination = Termination.CANCELLED
        elif found.steps >= longest:
            termination = Termination.CONVERGED
        elif found.steps >= steps:
            termination = Termination.WORK_LIMIT
        return Outcome(
            Status.FEASIBLE,
            termination,
            self.name,
            solution=routes_of(layout, found.following, found.first),
            wall_seconds=limits.elapsed,
            work=found.steps / per_work,
        )
