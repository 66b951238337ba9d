"""Wire models of `:what-if`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.schemas.runs import RunModel
from api.schemas.wire import Wire

Identity = Annotated[str, Field(max_length=200)]


class DecisionModel(Wire):
    """One decision to force or forbid, as fields; blank ids of a purchase mean any."""

    kind: Literal["purchase", "transfer", "shipment", "site", "stop"]
    product_id: Identity = ""
    supplier_id: Identity = ""
    site_id: Identity = ""
    origin_id: Identity = ""
    order_id: Identity = ""
    route_id: Identity = ""
    sense: Literal["=", "<=", ">="] = "="
    qty: Annotated[
        float, Field(ge=0, lt=1e12, description="units; of a shipment 1 (it ships) or 0 (not)")
    ] = 0.0
    action: Literal["", "closed", "open", "serve", "leave", "onto", "off"] = ""


class WhatIfRequest(Wire):
    """A decision, in words or as fields."""

    decision: Annotated[
        str | DecisionModel,
        Field(
            description="as in `purchase P1 S2 W1 = 500`, `transfer P1 W1 W2 = 20`,"
            " `ship O1 from W2`, `site W1 closed`"
        ),
    ]
    seconds: Annotated[
        float | None, Field(gt=0, le=600, description="of solving; blank: a fixed amount of work")
    ] = None
    wait_seconds: Annotated[
        float, Field(ge=0, le=30, description="how long to wait for the answer")
    ] = 10.0


class TermChange(Wire):
    """One term of a stage's objective, money."""

    term: str
    before: float
    after: float
    change: float


class StageChangeModel(Wire):
    """A stage that was planned again under the decision."""

    stage: str
    before: float
    after: float
    bound_before: float | None
    bound_after: float | None
    terms: list[TermChange]
    status: str


class MeasureModel(Wire):
    """A figure before and after; null where it is not known."""

    name: str
    unit: str
    before: float | None
    after: float | None


class MoveModel(Wire):
    """Something that the plan does otherwise; blank: not at all."""

    table: str
    what: str
    before: str
    after: str


class WhatIfAnswer(Wire):
    """What a decision would change; money is null where it is not possible."""

    run: str
    plan: str
    decision: str
    possible: bool
    proven: bool = Field(description="where not possible: no plan whatever could have it")
    reasons: list[str]
    cost_before: float | None
    cost_after: float | None
    extra_cost: float | None
    extra_cost_at_least: float | None
    extra_cost_at_most: float | None
    stages: list[StageChangeModel]
    not_replanned: list[str] = Field(description="stages whose cost is not in these figures")
    service: list[MeasureModel]
    co2: list[MeasureModel]
    moves: list[MoveModel]
    notes: list[str]
    wall_seconds: float


class WhatIfPending(Wire):
    """The answer is not there yet: ask again with the same decision, or follow the run."""

    run: RunModel


__all__ = ["WhatIfAnswer", "WhatIfPending", "WhatIfRequest"]
