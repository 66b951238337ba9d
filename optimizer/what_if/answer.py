"""What an answer to a what-if holds."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StageChange:
    """One stage that was planned again under the decision.

    Attributes
    ----------
    before, after : money of its objective
    bound_before, bound_after : money that no plan without, with the decision costs less than;
        None: no bound is known
    terms : (term, before, after), money; they add up to before and after
    status : of the stage with the decision
    """

    stage: str
    before: float
    after: float
    bound_before: float | None
    bound_after: float | None
    terms: tuple[tuple[str, float, float], ...]
    status: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure before and after; None where it is not known."""

    name: str
    unit: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """Something that the plan does otherwise: what, and how before and after ("" for not)."""

    table: str
    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a decision would change.

    Attributes
    ----------
    decision : in words
    possible : a plan with it was found, and the referee finds that it holds
    proven : where not possible: no plan whatever could have it; else the search found none
    reasons : where not possible: the rules that stand against it
    stages : what was planned again
    not_replanned : stages of the plan that rest on these and were left as they are
    service, co2 : figures of the stages that were planned again
    moves : what else moves, the largest first; all of it
    notes : how to read it
    """

    decision: str
    possible: bool
    proven: bool
    reasons: tuple[str, ...]
    stages: tuple[StageChange, ...]
    not_replanned: tuple[str, ...]
    service: tuple[Measure, ...]
    co2: tuple[Measure, ...]
    moves: tuple[Move, ...]
    notes: tuple[str, ...]
    wall_seconds: float

    @property
    def cost_before(self) -> float:
        """Money of the stages before."""
        return math.fsum(stage.before for stage in self.stages)

    @property
    def cost_after(self) -> float:
        """Money of the same stages after."""
        return math.fsum(stage.after for stage in self.stages)

    @property
    def extra_cost(self) -> float:
        """Money that the decision costs: the changes of all terms add up to it."""
        return self.cost_after - self.cost_before

    @property
    def extra_cost_range(self) -> tuple[float | None, float | None]:
        """What it costs at least and at most, between the best plans without and with it."""
        low = [s.bound_after - s.before for s in self.stages if s.bound_after is not None]
        high = [s.after - s.bound_before for s in self.stages if s.bound_before is not None]
        count = len(self.stages)
        return (
            math.fsum(low) if count and len(low) == count else None,
            math.fsum(high) if count and len(high) == count else None,
        )

    def document(self) -> dict[str, Any]:
        """Return plain JSON values; an unknown figure is null."""
        low, high = self.extra_cost_range
        known = {
            "cost_before": self.cost_before,
            "cost_after": self.cost_after,
            "extra_cost": self.extra_cost,
            "extra_cost_at_least": low,
            "extra_cost_at_most": high,
        }
        document = asdict(self)
        document["stages"] = [
            {
                **asdict(stage),
                "terms": [
                    {"term": name, "before": before, "after": after, "change": after - before}
                    for name, before, after in stage.terms
                ],
            }
            for stage in self.stages
        ]
        money = known if self.possible else dict.fromkeys(known)
        plain: dict[str, Any] = _plain(document | money)
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(cell) for key, cell in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(cell) for cell in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
