"""Whether a case holds a gate."""

from __future__ import annotations

from dataclasses import dataclass

from simulation.intervals import Estimate
from simulation.suites import Gate


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a case holds a gate.

    Attributes
    ----------
    value : mean of the KPI; shown : what is certain with the gate's confidence
    """

    case: str
    gate: Gate
    value: float
    shown: float
    passed: bool


@dataclass(frozen=True, slots=True)
class GateFigure:
    """What a gate's figure is in a case, and how much better than with no change.

    Attributes
    ----------
    value : mean of the KPI, or the statistic, with its interval
    gain : of the same replications, + is better; None of statistics, which have no replications
    """

    value: Estimate
    gain: Estimate | None
