"""Wire models of /v1/promotions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.comparisons import Interval, RobustChoice
from api.schemas.runs import PromotionOptions, RunModel
from api.schemas.wire import Wire


class PromotionRequest(PromotionOptions):
    """A promotion to try on a plan."""

    replications: Annotated[int | None, Field(ge=2, le=10_000)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**53)] = None
    work: Annotated[
        float | None, Field(gt=0, le=1e6, description="of each plan of orders that is made for it")
    ] = None


class UpliftModel(Wire):
    """Extra demand at a level, 1 = twice as much."""

    name: str
    uplift: float


class StockModel(Wire):
    """A way to stock up: what is ordered tonight, and the budgets that bind."""

    name: str
    units_tonight: float
    cost_tonight: float
    budgets_bound: list[str]


class GainItem(Wire):
    """Part of the gain; costs are negative."""

    item: str
    money: float


class BindingModel(Wire):
    """Why promoted goods go short: how often it is first, on which day, how many units."""

    cause: str
    site_id: str
    first_share: float
    first_day: float | None
    units: float


class PromotionCell(Wire):
    """One uplift, stock and capacity, held against how things stand; `items` add up to `net`."""

    uplift: str
    stock: str
    capacity: str
    figures: dict[str, Interval]
    levels: dict[str, Interval]
    items: list[GainItem]
    net: Interval
    binds_first: str
    bindings: list[BindingModel]


class LatestOrderModel(Wire):
    """By when a supplier must have the orders of goods that are there on the first day."""

    supplier_id: str
    order_by: str | None
    late: bool
    product_locations: int
    in_time_tonight: int


class PromotionModel(Wire):
    """What a promotion would do, and which stock and capacity is robust over its uplifts."""

    run: str
    promotion: dict[str, Any]
    asks: str
    against: str
    deltas: list[dict[str, Any]]
    first_day: str
    last_day: str
    uplifts: list[UpliftModel]
    uplift_source: str
    past_promotions: int
    cannibalised_share: float | None
    pulled_forward_pct: float | None
    product_locations: int
    stocks: list[StockModel]
    capacities: list[str]
    capacity_sites: list[str]
    cells: list[PromotionCell]
    latest_orders: list[LatestOrderModel]
    robust: RobustChoice
    replications: int
    seed: int
    currency: str
    notes: list[str]


class PromotionPending(Wire):
    """It is not done yet: its run has it as file `promotion.json` of its plan."""

    run: RunModel
