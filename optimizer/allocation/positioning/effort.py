"""How much has been spent, in deterministic work and in seconds, and whether to go on."""

from __future__ import annotations

from dataclasses import replace

from optimizer.allocation.positioning.problem import Problem
from optimizer.outcome import Limits, Termination

CELLS_PER_WORK = 1.1e7  # products x sites x sites of one pass over all products
PLAN_PASSES = 14.0  # work of making a plan, in passes


class Effort:
    """Counts work against limits; one unit is about a second of one core."""

    def __init__(self, limits: Limits, problem: Problem) -> None:
        self.limits = limits
        products, sites = problem.shape
        self.one_pass = products * sites * sites / CELLS_PER_WORK + 1e-4
        self.spent = 0.0
        self.plan_work, self.plan_seconds = PLAN_PASSES * self.one_pass, 0.0
        self.began, self.spent_before = limits.elapsed, 0.0
        self.kept = 0.0  # part of the limits that is kept for what follows

    def begin(self) -> None:
        """Judge from here on what passes take: those over few products tell little."""
        self.began, self.spent_before = self.limits.elapsed, self.spent

    def add_plan(self, seconds: float) -> None:
        """Count a plan made, and how long it took."""
        self.spent += self.plan_work
        self.plan_seconds = seconds

    def time_to_plan(self) -> bool:
        """Whether no more is left than the last plan needs."""
        limits = self.limits
        if limits.cancelled():
            return True
        part = 1.0 - self.kept
        if limits.work is not None and self.spent + self.plan_work >= part * limits.work:
            return True
        seconds = self.plan_seconds
        spent = self.spent - self.spent_before
        if seconds <= 0.0 and spent > 0.0:  # none made yet: by what passes took
            seconds = (limits.elapsed - self.began) / spent * self.plan_work
        if limits.seconds is None:
            return False
        return part * limits.seconds - limits.elapsed <= 1.3 * seconds

    def add_pass(self, passes: float = 1.0) -> None:
        """Count passes over all products, or parts of one."""
        self.spent += passes * self.one_pass

    def part(self, problem: Problem) -> Effort:
        """Return an effort for a smaller problem, with a third of what is left."""
        left = None if self.limits.work is None else max(self.limits.work - self.spent, 0.0) / 3
        limits = replace(self.limits.share(1.0 / 3.0), work=left)
        return Effort(limits, problem)

    def why_stopped(self) -> Termination:
        """Which limit left no more than the last plan needs."""
        if self.limits.cancelled():
            return Termination.CANCELLED
        work = self.limits.work
        if work is not None and self.spent + self.plan_work >= work:
            return Termination.WORK_LIMIT
        return Termination.TIME_LIMIT
