"""Wire models of suppliers and carriers: what they see, and what they confirm."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field

from api.schemas.wire import Moment, Wire

ConfirmationState = Literal["pending", "applied", "rejected", "superseded", "noted"]
Id = Annotated[str, Field(min_length=1, max_length=200)]


class PartnerForecastRow(Wire):
    """What is planned with the partner in one bucket: units to order, or parcels to carry."""

    bucket: dt.date
    product_id: str | None = Field(description="of a supplier's rows")
    site_id: str
    service: str | None = Field(description="of a carrier's rows")
    qty: float | None = Field(description="units to order")
    parcels: int | None
    weight_kg: float | None


class PartnerForecast(Wire):
    """The forecast of a partner, out of the plan that is published."""

    plan: str
    rows: list[PartnerForecastRow]
    next_page_token: str | None = None


class ConfirmationModel(Wire):
    """What a partner said of an order line."""

    id: str
    partner_kind: Literal["supplier", "carrier"]
    partner_id: str
    order_id: str
    line: str
    product_id: str
    site_id: str
    ordered_qty: float | None
    ordered_due_on: dt.date | None
    qty: float | None
    due_on: dt.date
    note: str
    state: ConfirmationState
    created_at: Moment
    decided_at: Moment | None
    decided_by: str
    revision: str | None = Field(description="of the scenario in which it was applied")


class ConfirmationList(Wire):
    """Confirmations, newest first."""

    confirmations: list[ConfirmationModel]


class PartnerOrder(Wire):
    """One line of an order: a supplier's units, or a carrier's parcel."""

    order_id: str
    line: str
    product_id: str | None
    site_id: str
    ordered_on: dt.date | None
    due_on: dt.date
    qty: float | None
    unit_cost: float | None
    weight_kg: float | None
    service: str | None
    state: Literal["to_confirm", "open"] = Field(
        description="to_confirm: of the plan; open: under way in the scenario"
    )
    confirmation: ConfirmationModel | None = Field(description="the last one that stands")


class PartnerOrders(Wire):
    """Orders of a partner."""

    orders: list[PartnerOrder]
    next_page_token: str | None = None


class PartnerPerformance(Wire):
    """How a partner did, as the plan that is published measured it; null: not measured."""

    plan: str
    figures: dict[str, float | None]


class LineConfirmation(Wire):
    """One line as it will come; what is left out stays as ordered."""

    line: Annotated[str, Field(max_length=200)] = ""
    qty: Annotated[float | None, Field(ge=0, le=1e12, description="0: it does not come")] = None
    due_on: dt.date | None = None


class ConfirmRequest(Wire):
    """What a partner confirms of an order; without lines all of it, as ordered."""

    lines: Annotated[list[LineConfirmation], Field(max_length=1000)] = Field(default_factory=list)
    note: Annotated[str, Field(max_length=500)] = ""


class DecideConfirmations(Wire):
    """Which confirmations; without ids all that are pending."""

    ids: Annotated[list[Id] | None, Field(max_length=10_000)] = None
