"""How much of the limits is used."""

from __future__ import annotations

from optimizer.outcome import Limits, Termination

HEADROOM = 0.97  # of the seconds; the rest is for ending a step


class Budget:
    """Seconds and deterministic work of one search."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.work = 0.0

    def spend(self, work: float) -> None:
        """Count work, about a second of one core a unit."""
        self.work += work

    def over(self, share: float = 1.0) -> bool:
        """Say whether a share of the limits is used up, or the search was cancelled."""
        limits = self.limits
        if limits.cancelled():
            return True
        if limits.work is not None and self.work >= share * limits.work:
            return True
        return limits.seconds is not None and limits.elapsed >= share * HEADROOM * limits.seconds

    @property
    def used(self) -> float:
        """Share of the limits that is used up, 0 where there are none."""
        limits = self.limits
        work = 0.0 if limits.work is None else self.work / max(limits.work, 1e-9)
        if limits.seconds is None:
            return min(work, 1.0)
        return min(max(work, limits.elapsed / (HEADROOM * limits.seconds)), 1.0)

    def share_at(self, fraction: float) -> float:
        """Return the share of the limits that is used once a fraction of the rest is."""
        used = self.used
        return used + fraction * (1.0 - used)

    def seconds_to(self, share: float) -> float | None:
        """Return seconds left until a share of them is used; None without a limit."""
        limits = self.limits
        if limits.seconds is None:
            return None
        return max(share * HEADROOM * limits.seconds - limits.elapsed, 0.01)

    def part(self, share: float) -> Limits:
        """Return limits for one step that may run until a share of the whole is used."""
        limits = self.limits
        work = None if limits.work is None else max(share * limits.work - self.work, 1e-3)
        return Limits(
            self.seconds_to(share), work, limits.seed, limits.cancelled, clock=limits.clock
        )

    @property
    def termination(self) -> Termination:
        """Return which limit is used up."""
        limits = self.limits
        if limits.cancelled():
            return Termination.CANCELLED
        if limits.work is not None and self.work >= limits.work:
            return Termination.WORK_LIMIT
        if limits.seconds is not None and self.over():
            return Termination.TIME_LIMIT
        return Termination.CONVERGED
