"""Our own search first, then PyVRP from what it found: windows with long routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from optimizer.outcome import Limits, Outcome
from optimizer.routing.problem import Routes, RoutingProblem
from optimizer.routing.pyvrp_engine import PyVrpEngine
from optimizer.routing.ruin.engine import RuinEngine
from optimizer.routing.schedule import Timed, price

FIRST_SHARE = 0.3  # of the time or work, for our own search


class RelayEngine:
    """Ruin and recreate, then PyVRP, each with a share of the limits."""

    name = f"{RuinEngine.name} + {PyVrpEngine.name}"

    @staticmethod
    def versions() -> dict[str, str]:
        """Return the versions of the compiler and the library."""
        return RuinEngine.versions() | PyVrpEngine.versions()

    @staticmethod
    def supports(problem: RoutingProblem) -> str | None:
        """Return None if both can say every rule of the problem, else what PyVRP cannot say."""
        return PyVrpEngine.supports(problem)

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
        start : feasible routes of one trip each; may leave stops out
        chosen : the stops to plan
        on_better : told the money of every better plan, in the engines' reckoning

        Returns
        -------
        outcome : PyVRP's routes, our own where it found none; the work of both
        """
        seconds = limits.seconds
        if seconds is not None:
            seconds = limits.elapsed + FIRST_SHARE * limits.remaining
        work = None if limits.work is None else FIRST_SHARE * limits.work
        first = RuinEngine().solve(
            problem,
            replace(limits, seconds=seconds, work=work),
            start,
            chosen,
            on_better=on_better,
        )
        assert first.solution is not None
        priced = [price(problem, route) for route in first.solution]
        kept = [timed for timed in priced if not isinstance(timed, str)]
        rest = None if limits.work is None else max(limits.work - first.work, 0.0)
        last = PyVrpEngine().improve(
            problem, replace(limits, work=rest), kept, chosen, on_better=on_better
        )
        return replace(last, engine=self.name, work=first.work + last.work)
