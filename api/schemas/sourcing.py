"""Wire models of online sourcing: an order that asks now, and what it is promised."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from api.schemas.wire import Moment, Wire

Name = Annotated[str, Field(min_length=1, max_length=200)]


class LineRequest(Wire):
    """What a line asks for."""

    line_id: Annotated[
        str | None, Field(max_length=200, description="blank: its number, from 1")
    ] = None
    product_id: Name
    qty: Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class OrderRequest(Wire):
    """An order; columns as in the table `orders`. Times without an offset are the scenario's."""

    order_id: Name
    zone_id: Name
    lines: Annotated[list[LineRequest], Field(min_length=1, max_length=200)]
    placed_at: Annotated[dt.datetime | None, Field(description="blank: now")] = None
    due_to: dt.datetime | None = None
    late_cost_per_h: Annotated[float | None, Field(ge=0, le=1e9, allow_inf_nan=False)] = None
    channel_id: Annotated[str, Field(max_length=200)] = ""
    allow_split: bool = True
    priority: Annotated[int, Field(ge=1, le=1000, description="1 counts five times as much")] = 5


class DecideRequest(Wire):
    """Which order to promise, by which plan's prices and out of what it left."""

    plan: Annotated[str | None, Field(max_length=80, description="a plan with parcels")] = None
    scenario: Annotated[
        str | None, Field(max_length=80, description="its newest plan with parcels")
    ] = None
    order: OrderRequest

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.plan is None) == (self.scenario is None):
            raise ValueError("name either the plan or the scenario")
        return self


class LineModel(Wire):
    """A line in a parcel."""

    line_id: str
    product_id: str
    qty: float


class ParcelModel(Wire):
    """A parcel that is promised; `cost` is the carrier's, `priced` is never paid."""

    shipment_id: str
    site_id: str
    carrier_id: str
    service: str
    ship_on: dt.date
    promised_on: dt.date
    weight_kg: float
    cost: float
    handling: float
    late: float
    co2: Annotated[float, Field(description="CO2 price x what the parcel emits")] = 0.0
    risk: Annotated[float, Field(description="chance that the carrier refuses x what that costs")]
    stock_value: Annotated[
        float, Field(description="what its goods cost, where the plan counts that")
    ] = 0.0
    priced: Annotated[float, Field(description="what its goods and hours are worth to others")]
    g_co2e: Annotated[
        float, Field(description="what it emits, grams; 0 where its rate states nothing")
    ] = 0.0
    lines: list[LineModel]


class UnservedModel(Wire):
    """A line that is not promised, and why; codes as in the table `unserved`."""

    line_id: str
    qty: float
    code: str
    detail: str


class ReasonModel(Wire):
    """Why this way: the arithmetic, the next-best way, and what decided."""

    terms: Annotated[
        dict[str, float],
        Field(description="money: parcel, handling, late, co2, risk, unserved, stock_value"),
    ]
    priced: float
    alternative: str
    extra_cost: Annotated[
        float | None,
        Field(description="money that the alternative costs more; below 0: prices decided"),
    ]
    binding: dict[str, Any]
    exact: Annotated[
        bool, Field(description="no other way to split the order is better at these prices")
    ]


class Co2LimitModel(Wire):
    """A hard limit on CO2e that counts the parcels, as the decision leaves it."""

    limit_id: str
    scope: Annotated[str, Field(description="all, or site:ID: parcels that leave it")]
    bucket: Annotated[
        dt.date | None,
        Field(description="parcels ready in the bucket that begins then; null: all parcels"),
    ]
    limit_g: Annotated[float, Field(description="grams that it allows")]
    used_g: Annotated[
        float, Field(description="grams of the last batch and of all promised since, this included")
    ]


class DecisionModel(Wire):
    """What an order is promised."""

    scenario: str
    plan: str
    revision: str
    order_id: str
    number: Annotated[int, Field(description="decisions of the scenario are numbered from 1")]
    promised_on: Annotated[
        dt.date | None, Field(description="all parcels come by the end of it; null: none is sent")
    ]
    cost: float
    parcels: list[ParcelModel]
    unserved: list[UnservedModel]
    reason: ReasonModel
    co2_limits: Annotated[
        list[Co2LimitModel],
        Field(default_factory=list, description="limits on CO2e that it is held to"),
    ]
    notes: Annotated[
        list[str],
        Field(default_factory=list, description="limits that it is not held to, and why"),
    ]
    decided_at: Moment
