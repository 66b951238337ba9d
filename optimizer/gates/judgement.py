"""What came of the gates: results, the decision, and who overrode what and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from scenarios import InputError

Outcome = Literal["passed", "failed", "unjudged"]
Decision = Literal["publish", "hold"]
EVERY = "*"


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody's word that a plan may be published although a gate says no.

    Attributes
    ----------
    gate : its name, or "*" for every gate that holds the plan
    by, reason, at : who, why, when (RFC 3339, UTC)
    """

    gate: str
    by: str
    reason: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one gate.

    Attributes
    ----------
    value : what was measured; None where it could not be: missing is not zero
    holds_plan : it failed, or was not judged and must be
    en, zh : the result in one sentence
    """

    name: str
    kind: str
    outcome: Outcome
    value: float | None
    threshold: str
    unit: str
    holds_plan: bool
    en: str
    zh: str
    override: Override | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        told = self.override
        return {
            "gate": self.name,
            "kind": self.kind,
            "outcome": self.outcome,
            "value": self.value,
            "threshold": self.threshold,
            "unit": self.unit,
            "holds_plan": self.holds_plan,
            "en": self.en,
            "zh": self.zh,
            "override": None
            if told is None
            else {"gate": told.gate, "by": told.by, "reason": told.reason, "at": told.at},
        }


@dataclass(frozen=True, slots=True)
class Judgement:
    """The results of a set of gates."""

    gates: str
    results: tuple[Result, ...]

    @property
    def holding(self) -> tuple[str, ...]:
        """Names of the gates that hold the plan and were not overridden."""
        return tuple(r.name for r in self.results if r.holds_plan and r.override is None)

    @property
    def decision(self) -> Decision:
        """Publish where no gate holds the plan."""
        return "hold" if self.holding else "publish"

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {
            "gates": self.gates,
            "decision": self.decision,
            "holding": list(self.holding),
            "results": [result.document() for result in self.results],
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Judgement:
        """Read back what `document` wrote."""
        results = []
        for row in document["results"]:
            kept = {key: value for key, value in row.items() if key not in ("gate", "override")}
            told = row["override"]
            results.append(
                Result(
                    name=row["gate"], **kept, override=None if told is None else Override(**told)
                )
            )
        return cls(document["gates"], tuple(results))


def overridden(judgement: Judgement, overrides: Sequence[Override]) -> Judgement:
    """Return the judgement with overrides on the gates that hold the plan.

    Raises
    ------
    InputError
        An override gives no reason or nobody's name, or names a gate that does not hold the plan.
    """
    problems = []
    for override in overrides:
        if not override.reason.strip() or not override.by.strip():
            problems.append(f"the override of {override.gate!r} must say by whom and why")
        elif override.gate != EVERY and override.gate not in judgement.holding:
            holding = ", ".join(judgement.holding) or "none"
            problems.append(f"no gate {override.gate!r} holds the plan; those that do: {holding}")
    if problems:
        raise InputError("; ".join(problems))
    results = []
    for result in judgement.results:
        mine = [o for o in overrides if o.gate in (EVERY, result.name)]
        takes = result.holds_plan and result.override is None and bool(mine)
        results.append(replace(result, override=mine[0]) if takes else result)
    return Judgement(judgement.gates, tuple(results))
