"""What a referee says of one stage, and what a certificate may claim."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from optimizer.outcome import OPTIMAL_GAP, Status
from optimizer.stage import Certificate, Violation

REL_EXACT = 1e-6  # two numbers that should be the same number
MONEY = 0.005  # half a cent: stated costs must agree to the cent


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What one stage's tables come to, computed from the facts alone.

    Attributes
    ----------
    objective : sum of `terms`; None where the stage has no objective
    terms : money by cost term; they add up to the objective
    violations : broken rules
    """

    stage: str
    objective: float | None
    terms: Mapping[str, float] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()


class Rules:
    """Collects broken rules of one stage, each with its count and first example."""

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.found: list[Violation] = []

    def add(self, table: str, code: str, broken: npt.ArrayLike, names: npt.ArrayLike) -> None:
        """Note a rule where any element of `broken` is true; `names` name the elements."""
        where = np.flatnonzero(np.asarray(broken, dtype=bool))
        if len(where):
            example = str(np.asarray(names, dtype=object)[where[0]])
            self.found.append(Violation(self.stage, table, code, len(where), example))


def certificate_violations(certificate: Certificate, report: AuditReport) -> list[Violation]:
    """Hold a certificate against the recomputed objective."""
    rules = Rules(certificate.stage)
    has_plan = certificate.status in (Status.OPTIMAL, Status.FEASIBLE)
    if not has_plan or report.objective is None:
        return rules.found
    claimed, truth = certificate.objective, report.objective
    slack = REL_EXACT * max(1.0, abs(truth))
    if claimed is None or abs(claimed - truth) > slack:
        rules.add("certificates", "objective_differs", [True], [f"{claimed} against {truth}"])
    if certificate.bound is not None and certificate.bound > truth + slack:
        rules.add("certificates", "false_bound", [True], [f"{certificate.bound} above {truth}"])
    if certificate.status == Status.OPTIMAL and (
        certificate.bound is None
        or truth - certificate.bound > OPTIMAL_GAP * max(abs(truth), 1e-9) + slack
    ):
        rules.add("certificates", "not_proven_optimal", [True], [f"bound {certificate.bound}"])
    return rules.found
