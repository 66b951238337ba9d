"""/v1/partner: a supplier's or carrier's own; and what planners make of confirmations."""

from __future__ import annotations

from fastapi import APIRouter

from api.errors import responses
from api.routes.context import AsPartner, Context, Planner, Reader
from api.schemas.partners import (
    ConfirmationList,
    ConfirmationState,
    ConfirmRequest,
    DecideConfirmations,
    PartnerForecast,
    PartnerOrders,
    PartnerPerformance,
)
from api.services.confirmations import ConfirmationService, confirmation_model
from api.services.paging import PageSize, PageToken, make_token, read_row_token
from api.services.partners import page_of

router = APIRouter(prefix="/v1", tags=["partners"])
ALL_PENDING = DecideConfirmations()
AS_ORDERED = ConfirmRequest()


@router.get("/partner/forecast", responses=responses(404, 422))
def forecast(
    here: AsPartner, page_size: PageSize = 100, page_token: PageToken = None
) -> PartnerForecast:
    """Say what the published plan will order from you, or hand to you, by day."""
    plan, rows = here.forecast()
    part, more = page_of(rows, read_row_token(page_token), page_size)
    token = None if more is None else make_token(str(more))
    return PartnerForecast(plan=plan.id, rows=part, next_page_token=token)


@router.get("/partner/orders", responses=responses(404, 422))
def orders(
    here: AsPartner, page_size: PageSize = 100, page_token: PageToken = None
) -> PartnerOrders:
    """List your orders: approved ones to confirm, and those under way."""
    part, more = page_of(here.orders(), read_row_token(page_token), page_size)
    token = None if more is None else make_token(str(more))
    return PartnerOrders(orders=part, next_page_token=token)


@router.post("/partner/orders/{order_id:path}:confirm", responses=responses(404, 422))
def confirm(order_id: str, here: AsPartner, body: ConfirmRequest = AS_ORDERED) -> ConfirmationList:
    """Confirm an order, or correct dates and quantities of its lines; the last word stands.

    A supplier's waits until a planner applies it: then it is the open order that is planned with.
    """
    rows = here.confirm(order_id, body)
    return ConfirmationList(confirmations=[confirmation_model(row) for row in rows])


@router.get("/partner/performance", responses=responses(404, 422))
def performance(here: AsPartner) -> PartnerPerformance:
    """Say how punctual and complete your deliveries were."""
    plan, figures = here.performance()
    return PartnerPerformance(plan=plan.id, figures=figures)


@router.get("/scenarios/{scenario_id}/confirmations", responses=responses(404, 422))
def list_confirmations(
    scenario_id: str, here: Reader, state: ConfirmationState | None = None
) -> ConfirmationList:
    """List what partners confirmed, newest first, 1000 at most."""
    rows = _service(here).listed(scenario_id, state)
    return ConfirmationList(confirmations=[confirmation_model(row) for row in rows])


@router.post("/scenarios/{scenario_id}/confirmations:apply", responses=responses(404, 409, 422))
def apply(
    scenario_id: str, here: Planner, body: DecideConfirmations = ALL_PENDING
) -> ConfirmationList:
    """Make a revision in which open orders are as confirmed; 409: nothing is pending."""
    _, rows = _service(here).apply(scenario_id, body.ids)
    return ConfirmationList(confirmations=[confirmation_model(row) for row in rows])


@router.post("/scenarios/{scenario_id}/confirmations:reject", responses=responses(404, 409, 422))
def reject(
    scenario_id: str, here: Planner, body: DecideConfirmations = ALL_PENDING
) -> ConfirmationList:
    """Put confirmations aside; the orders stay as they are."""
    rows = _service(here).reject(scenario_id, body.ids)
    return ConfirmationList(confirmations=[confirmation_model(row) for row in rows])


def _service(here: Context) -> ConfirmationService:
    return ConfirmationService(here.database, here.scenarios)
