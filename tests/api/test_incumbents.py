"""A better plan is an event of its own, however fast they come."""

from __future__ import annotations

from multiprocessing import Pipe

import pytest

from api.runs.child import _Line
from api.runs.incumbents import incumbent_told


@pytest.mark.parametrize(
    ("stage", "message", "told"),
    [
        ("sourcing", "plan 1,234.50", ("", 1234.5)),
        ("buyer", "first plan 7,000", ("", 7000.0)),
        ("routing", "S1 2026-10-12: 301.25", ("S1 2026-10-12", 301.25)),
        ("routing", "3 of 7 days and depots", None),
        ("buyer", "bound 6,900", None),
        ("replenishment", "plan 5", None),
    ],
)
def test_only_plans_are_told(stage: str, message: str, told: tuple[str, float] | None) -> None:
    """A bound, a count, or a stage that tells none is no incumbent."""
    assert incumbent_told(stage, message) == told


def test_no_better_plan_is_lost_between_two_words_of_progress() -> None:
    """Progress is told five times a second at most; two plans at once are two events."""
    here, there = Pipe()
    line = _Line(there)
    line.progress("sourcing", 0.5, "plan 10.00")
    line.progress("sourcing", 0.6, "plan 9.00")
    told = []
    while here.poll():
        told.append(here.recv())
    kinds = [kind for kind, _ in told]
    assert kinds == ["incumbent", "progress", "incumbent"]
    assert [data["cost"] for kind, data in told if kind == "incumbent"] == [10.0, 9.0]
