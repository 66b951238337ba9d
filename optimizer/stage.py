"""What a stage takes and hands on: the one shape that all families share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import pandas as pd

from optimizer.outcome import Limits, Outcome, Status, Termination, gap_pct
from scenarios import Scenario


@dataclass(frozen=True, slots=True)
class Certificate:
    """One row of `certificates`: what a stage proved of its answer."""

    stage: str
    engine: str
    status: Status
    termination: Termination
    objective: float | None
    bound: float | None
    wall_seconds: float
    audited: bool = False

    @classmethod
    def of(cls, stage: str, outcome: Outcome[object]) -> Certificate:
        """Take a certificate from an engine's outcome."""
        return cls(
            stage,
            outcome.engine,
            outcome.status,
            outcome.termination,
            outcome.objective,
            outcome.bound,
            outcome.wall_seconds,
        )

    def row(self) -> dict[str, object]:
        """Return the row of the certificates table."""
        return {
            "stage": self.stage,
            "engine": self.engine,
            "status": str(self.status),
            "termination": str(self.termination),
            "objective": self.objective,
            "bound": self.bound,
            "gap_pct": gap_pct(self.objective, self.bound),
            "wall_seconds": self.wall_seconds,
            "audited": self.audited,
        }


@dataclass(frozen=True, slots=True)
class Kpi:
    """One row of `kpis`."""

    kpi: str
    value: float
    unit: str
    variant: str = ""
    scope: str = "all"


@dataclass(frozen=True, slots=True)
class StageResult:
    """What a stage hands on.

    Attributes
    ----------
    tables : result tables by name, columns as in :mod:`optimizer.plan_tables`
    certificate : None when the stage had nothing to do (then `notes` says why)
    kpis : key figures; `variant` "objective" marks terms that add up to the stage's objective
    notes : sentences for the planner: what was planned without, what was assumed
    work : deterministic work done, so that a re-run can repeat it
    replaces : tables of an earlier stage that this stage writes anew; others grow
    """

    tables: Mapping[str, pd.DataFrame]
    certificate: Certificate | None
    kpis: tuple[Kpi, ...] = ()
    notes: tuple[str, ...] = ()
    work: float = 0.0
    solver_versions: Mapping[str, str] = field(default_factory=dict)
    replaces: frozenset[str] = frozenset()


class Stage(Protocol):
    """A family's `run`: the scenario, the tables of the stages before, limits -> result."""

    def __call__(
        self,
        scenario: Scenario,
        upstream: Mapping[str, pd.DataFrame],
        limits: Limits,
        **options: str,
    ) -> StageResult:
        """Run the stage; `options` are those that its Room lists."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that a plan breaks, found by the referee.

    Attributes
    ----------
    stage, table : where
    code : name of the rule
    count : how often; `example` names the first
    """

    stage: str
    table: str
    code: str
    count: int
    example: str

    def __str__(self) -> str:
        """Return the violation on one line."""
        return f"{self.stage}/{self.table}: {self.code}, {self.count} times, first {self.example}"
