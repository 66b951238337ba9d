"""Whether a case holds a gate."""

from __future__ import annotations

from dataclasses import dataclass

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
