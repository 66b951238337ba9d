"""Wire models of publishing: gates, who published and approved, decisions about rows."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from api.schemas.wire import Moment, Wire

PlanState = Literal["draft", "held", "approved", "published", "superseded"]
Verdict = Literal["approved", "rejected", "undecided"]
DecidedTable = Literal["purchase_orders", "transfers"]


class OverrideRequest(Wire):
    """A gate that shall not hold the plan, and why."""

    gate: Annotated[
        str, Field(min_length=1, max_length=200, description="its name; *: every gate that holds")
    ] = "*"
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class PublishRequest(Wire):
    """Overrides, where gates hold the plan."""

    overrides: Annotated[list[OverrideRequest], Field(max_length=100)] = Field(default_factory=list)


class GateModel(Wire):
    """What came of one gate; `value` is null where it could not be judged."""

    gate: str
    kind: str
    outcome: Literal["passed", "failed", "unjudged"]
    value: float | None
    threshold: str
    unit: str
    holds_plan: bool
    en: str
    zh: str
    override: dict[str, Any] | None


class JudgementModel(Wire):
    """What came of the gates; `holding` names those that hold the plan and are not overridden."""

    gates: str
    decision: Literal["publish", "hold"]
    holding: list[str]
    results: list[GateModel]


class PublicationModel(Wire):
    """Where a plan stands: judged, approved, published - by whom, when, of which hash."""

    plan: str
    scenario: str
    state: PlanState
    plan_hash: str
    judgement: JudgementModel
    published_at: Moment | None
    published_by: str
    approved_at: Moment | None
    approved_by: str


class PlanSummary(Wire):
    """A plan in a list."""

    id: str
    run: str
    scenario: str
    revision: str
    state: PlanState
    decision: Annotated[
        Literal["publish", "hold"] | None, Field(description="of the gates; null: none were run")
    ]
    plan_hash: str
    created_at: Moment
    published_at: Moment | None
    published_by: str
    approved_at: Moment | None
    approved_by: str


class PlanList(Wire):
    """Plans, newest first."""

    plans: list[PlanSummary]
    next_page_token: str | None = None


class RowDecisionRequest(Wire):
    """A decision about one row; `undecided` takes an earlier one back."""

    key: Annotated[
        str,
        Field(min_length=1, max_length=400, description="order_id/line, or transfer_id"),
    ]
    verdict: Verdict
    qty: Annotated[
        float | None,
        Field(gt=0, le=1e12, allow_inf_nan=False, description="units instead of the planned ones"),
    ] = None
    note: Annotated[str, Field(max_length=500)] = ""


class DecideRowsRequest(Wire):
    """Decisions about rows of one table; all are taken, or none."""

    table: DecidedTable = "purchase_orders"
    decisions: Annotated[list[RowDecisionRequest], Field(min_length=1, max_length=10_000)]


class RowDecisionModel(Wire):
    """What was decided about a row; `qty` null: as planned."""

    table: str
    key: str
    verdict: str
    qty: float | None
    note: str
    decided_by: str
    decided_at: Moment


class RowDecisionList(Wire):
    """Decisions about a plan's rows, in the order of their keys."""

    plan: str
    decisions: list[RowDecisionModel]
