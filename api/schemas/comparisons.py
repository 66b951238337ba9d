"""Wire models of /v1/comparisons."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.runs import ComparisonOptions, RunModel
from api.schemas.wire import Wire


class ComparisonRequest(ComparisonOptions):
    """Plans to compare with a baseline."""

    baseline: Annotated[str, Field(min_length=1, max_length=80, description="id of a plan")]
    replications: Annotated[int | None, Field(ge=2, le=10_000)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    wait_seconds: Annotated[
        float, Field(ge=0, le=30, description="how long to wait for the comparison")
    ] = 0.0


class ComparedPlan(Wire):
    """What a plan costs by stage, with the bounds."""

    name: str
    scenario_hash: str
    cost: float
    stages: dict[str, float]
    bounds: dict[str, float | None]


class ChangeCount(Wire):
    """How many cells or rows of a table differ."""

    table: str
    change: str
    column: str
    count: int


class InputChanges(Wire):
    """What differs of a candidate's inputs; `first` lists the first thousand changes."""

    changes: int
    by_column: list[ChangeCount]
    first: list[dict[str, Any]]


class Interval(Wire):
    """A mean over replications with its 95 % interval."""

    mean: float
    low: float | None
    high: float | None
    n: int


class ComparedFigure(Wire):
    """A key figure of one side and its paired difference from the baseline."""

    kpi: str
    unit: str
    side: str
    value: Interval
    difference: Interval


class BarModel(Wire):
    """What one group of changes adds to the cost; all bars add up to the whole change."""

    driver: str
    changes: int
    change: float
    stages: dict[str, float]
    uncertain: float | None
    purchases: float | None = None


class WaterfallModel(Wire):
    """From the baseline's cost to a candidate's."""

    method: str
    before: float
    after: float
    bars: list[BarModel]
    plans: int


class RobustChoice(Wire):
    """Every plan in every scenario: operating cost, and what is best by each criterion."""

    plans: list[str]
    scenarios: list[str]
    weights: list[float]
    cost: list[list[float | None]]
    half_width: list[list[float | None]]
    expected: list[float | None]
    worst: list[float | None]
    regret: list[float | None]
    best_expected: str
    best_worst: str
    best_regret: str
    notes: list[str]


class ComparisonModel(Wire):
    """A comparison."""

    run: str
    baseline: str
    candidates: list[str]
    plans: list[ComparedPlan]
    inputs: dict[str, InputChanges]
    kpis: list[ComparedFigure]
    replications: int
    seed: int
    waterfalls: dict[str, WaterfallModel]
    robust: RobustChoice
    notes: list[str]


class ComparisonPending(Wire):
    """The comparison is not done yet: its run has it as file `comparison.json` of its plan."""

    run: RunModel
