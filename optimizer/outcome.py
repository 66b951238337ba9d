"""One vocabulary for every engine: what came out, how good it is proven to be, why it stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from optimizer.executor import Executor


class Status(StrEnum):
    """What an engine can say of its answer. A limit reached is never `optimal`."""

    OPTIMAL = "optimal"  # bound within the engine's stated tolerance of the objective
    FEASIBLE = "feasible"
    INFEASIBLE = "infeasible"  # proven
    NO_SOLUTION_FOUND = "no_solution_found"  # not proven either way


class Termination(StrEnum):
    """Why it stopped."""

    CONVERGED = "converged"
    TIME_LIMIT = "time_limit"
    WORK_LIMIT = "work_limit"
    CANCELLED = "cancelled"
    ERROR = "error"


OPTIMAL_GAP = 1e-6  # relative gap up to which a stage may be called optimal

Solution = TypeVar("Solution")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Solution]):
    """An engine's answer.

    Attributes
    ----------
    solution : None unless status is optimal or feasible
    objective, bound : money (or the unit that the problem states); None where there is none.
        The bound is a proven lower bound of a minimum
    work : deterministic work done, in the engine's own unit; a re-run with it as the limit
        does the same
    """

    status: Status
    termination: Termination
    engine: str
    solution: Solution | None = None
    objective: float | None = None
    bound: float | None = None
    wall_seconds: float = 0.0
    work: float = 0.0
    detail: str = ""

    @property
    def gap_pct(self) -> float | None:
        """100 x (objective - bound) / |objective|; None without both."""
        return gap_pct(self.objective, self.bound)


def gap_pct(objective: float | None, bound: float | None) -> float | None:
    """Return 100 x (objective - bound) / |objective|; None without both, 0 for 0 against 0."""
    if objective is None or bound is None or not math.isfinite(bound):
        return None
    if objective == bound:
        return 0.0
    return 100.0 * (objective - bound) / abs(objective) if objective else None


def proven_status(objective: float, bound: float | None) -> Status:
    """Call a solution optimal only if its bound says so."""
    close = bound is not None and objective - bound <= OPTIMAL_GAP * max(abs(objective), 1e-9)
    return Status.OPTIMAL if close else Status.FEASIBLE


class Engine(Protocol[Solution]):
    """One way to solve one kind of problem."""

    name: str

    def supports(self, problem: object) -> str | None:
        """Return None if the engine can say this problem, else what it cannot say."""

    def solve(self, problem: object, limits: Limits, start: Solution | None) -> Outcome[Solution]:
        """Solve within the limits, from `start` if there is one."""


Progress = Callable[[str, float, str], None]
"""Called with (stage, share done 0..1, message)."""


def _never() -> bool:
    return False


def _silent(stage: str, share: float, message: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Limits:
    """What an engine may spend.

    Attributes
    ----------
    seconds : wall seconds; None for no limit. Honoured within 10 %
    work : deterministic work in the engine's own unit; None for no limit
    seed : of every random choice
    cancelled : asked often; True ends the search with what there is
    progress : told often; cheap
    clock : monotonic seconds, passed in so that tests can turn it
    started : `clock()` when these limits began to count
    executor : who shares large work; None: nobody does. The answer does not depend on it
    """

    seconds: float | None = None
    work: float | None = None
    seed: int = 0
    cancelled: Callable[[], bool] = _never
    progress: Progress = _silent
    clock: Callable[[], float] = time.perf_counter
    started: float = field(default=math.nan)
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if math.isnan(self.started):
            object.__setattr__(self, "started", self.clock())

    @property
    def elapsed(self) -> float:
        """Seconds since these limits began to count."""
        return self.clock() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left; infinity without a limit, never negative."""
        return math.inf if self.seconds is None else max(0.0, self.seconds - self.elapsed)

    def share(self, fraction: float) -> Limits:
        """Return limits for a part of the work: that fraction of what is left, from now."""
        seconds = None if self.seconds is None else fraction * self.remaining
        work = None if self.work is None else fraction * self.work
        return replace(self, seconds=seconds, work=work, started=self.clock())
