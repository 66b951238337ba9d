"""How much has been spent, in deterministic work and in seconds, and whether to go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from optimizer.outcome import Limits, Termination

CELLS_PER_WORK = 4e7  # site-customer pairs looked at by a subgradient step or a bound
ITERATIONS_PER_WORK = 1e4  # simplex iterations
NODES_PER_WORK = 500.0
TABLE_CELLS_PER_WORK = 3e8  # steps of knapsack tables
SETS_PER_WORK = 100.0  # sets of sites shipped


class Effort:
    """Counts work against limits; one unit is about a second of one core."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.spent = 0.0

    def add(self, work: float) -> None:
        """Count work."""
        self.spent += work

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

    def spell(self, fraction: float) -> Callable[[], bool]:
        """Return what says when that fraction of what is left of both limits is used up."""
        part, before = self.part(fraction), self.spent

        def over() -> bool:
            worked = part.work is not None and self.spent - before >= part.work
            return worked or part.remaining <= 0.0 or self.over()

        return over

    def part(self, fraction: float, most_work: float = math.inf) -> Limits:
        """Return limits for a part: that fraction of what is left of both, and a cap on work."""
        limits = self.limits.share(fraction)
        left = math.inf if self.limits.work is None else self.limits.work - self.spent
        work = min(fraction * max(left, 0.0), most_work)
        return replace(limits, work=None if math.isinf(work) else work)
