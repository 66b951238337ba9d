"""Orders to place: what to buy tonight and later, why, and what to take away."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.pages.grids import grid_columns
from api.pages.tonight import tonights_orders
from api.pages.view import language_of, page, plan_view
from api.routes.context import Reader
from api.services.publishing import PublishingService
from optimizer.plan_tables import PLAN_TABLES

router = APIRouter()
COLUMNS: Final = (
    "supplier_id", "product_id", "site_id", "qty", "unit_cost", "cost", "latest_safe_on", "due_on",
    "status", "order_on", "order_id", "line",
)  # fmt: skip


@router.get("/plans/{plan_id}/orders", response_class=HTMLResponse)
def orders(
    request: Request,
    plan_id: str,
    here: Reader,
    supplier_id: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show purchase orders, those of tonight first."""
    view = plan_view(here, plan_id, "purchase_orders", "unserved")
    tonight = tonights_orders(view)
    every = view.table("purchase_orders")
    unserved = view.table("unserved")
    publishing = PublishingService(here.database, here.blobs)
    standing = publishing.standing(plan_id)
    judgement = publishing.judgement(standing)
    return page(
        request,
        "orders.html",
        here,
        current="orders",
        view=view,
        standing=standing,
        gates=[dict(gate) for gate in judgement.document()["results"]],
        holding=judgement.document()["holding"],
        supplier=supplier_id,
        lines=len(tonight),
        spend=float(tonight["cost"].sum()),
        orders=int(tonight["order_id"].nunique()),
        later=len(every) - len(tonight),
        suppliers=sorted(every["supplier_id"].dropna().unique()),
        nobody=unserved[unserved["kind"] == "demand"].to_dict("records"),
        columns=grid_columns(language_of(request), PLAN_TABLES["purchase_orders"], COLUMNS),
    )
