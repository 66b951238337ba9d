"""Counts the work of evaluations of the bound, and says when the limits are reached."""

from __future__ import annotations

from collections.abc import Callable

from optimizer.outcome import Limits, Termination

WORK_PER_LINE = 2.5e-7  # work of one evaluation, about a second of one core a unit
WORK_PER_EVALUATION = 4e-4


class EvaluationBudget:
    """Counts the work of evaluations and says when the limits are reached."""

    def __init__(self, limits: Limits, lines: int) -> None:
        self.limits = limits
        self.price = WORK_PER_EVALUATION + WORK_PER_LINE * lines
        self.work = 0.0
        self.stopped: Termination | None = None
        self.cut_short: Termination | None = None  # a part of the search ended at its share

    def part(self, share: float) -> Callable[[], bool]:
        """Return a `may_go_on` that also ends when that share of all limits is used."""

        def may_go_on() -> bool:
            limits = self.limits
            if limits.work is not None and self.work + self.price > share * limits.work:
                self.cut_short = Termination.WORK_LIMIT
                return False
            if limits.seconds is not None and limits.elapsed > share * limits.seconds:
                self.cut_short = Termination.TIME_LIMIT
                return False
            return self.may_go_on()

        return may_go_on

    def smaller(self, lines: int, may_go_on: Callable[[], bool]) -> Callable[[], bool]:
        """Return a `may_go_on` for evaluations of so many lines."""
        whole = self.price

        def go() -> bool:
            self.price = WORK_PER_EVALUATION + WORK_PER_LINE * lines
            try:
                return may_go_on()
            finally:
                self.price = whole

        return go

    def unless_cancelled(self) -> bool:
        """Count one evaluation whatever the limits: what must be done for any orders at all."""
        self.work += self.price
        if self.limits.cancelled():
            self.stopped = Termination.CANCELLED
        return self.stopped != Termination.CANCELLED

    def add(self, evaluations: int) -> None:
        """Count work that is done whatever the limits."""
        self.work += evaluations * self.price

    def may_go_on(self) -> bool:
        """Count one evaluation, unless a limit is reached."""
        limits = self.limits
        if limits.cancelled():
            self.stopped = Termination.CANCELLED
        elif limits.work is not None and self.work + self.price > limits.work:
            self.stopped = Termination.WORK_LIMIT
        elif limits.remaining <= 0.0:
            self.stopped = Termination.TIME_LIMIT
        else:
            self.work += self.price
        return self.stopped is None
