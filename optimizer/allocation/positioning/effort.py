"""How much has been spent, in deterministic work and in seconds, and whether to go on."""

from __future__ import annotations

from optimizer.allocation.positioning.problem import Problem
from optimizer.outcome import Limits, Termination

CELLS_PER_WORK = 8e6  # products x sites x sites of one pass over all products


class Effort:
    """Counts work against limits; one unit is about a second of one core."""

    def __init__(self, limits: Limits, problem: Problem) -> None:
        self.limits = limits
        products, sites = problem.shape
        self.one_pass = products * sites * sites / CELLS_PER_WORK + 1e-4
        self.spent = 0.0

    def add_pass(self, passes: float = 1.0) -> None:
        """Count passes over all products."""
        self.spent += passes * self.one_pass

    def over(self) -> bool:
        """Whether a limit says to stop."""
        return self.why() is not None

    def why(self) -> Termination | None:
        """Which limit says to stop; None while there is something left."""
        limits = self.limits
        if limits.cancelled():
            return Termination.CANCELLED
        if limits.work is not None and self.spent >= limits.work:
            return Termination.WORK_LIMIT
        if limits.remaining <= 0.0:
            return Termination.TIME_LIMIT
        return None
