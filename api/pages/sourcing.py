"""Sourcing: parcels, orders in several parcels, what is not served and why."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.pages.grids import grid_columns
from api.pages.view import language_of, page, plan_view
from api.routes.context import Reader
from optimizer.plan_tables import PLAN_TABLES

router = APIRouter()
PARCELS: Final = (
    "shipment_id", "order_id", "site_id", "carrier_id", "service", "ship_on", "promised_on",
    "weight_kg", "cost",
)  # fmt: skip


@router.get("/plans/{plan_id}/sourcing", response_class=HTMLResponse)
def sourcing(request: Request, plan_id: str, here: Reader) -> HTMLResponse:
    """Show which site ships what with whom, splits, and what stays unserved."""
    view = plan_view(
        here, plan_id, "shipments", "unserved", "held_orders", "carrier_scores", "missed_cutoffs"
    )
    parcels, unserved = view.table("shipments"), view.table("unserved")
    lines = unserved[unserved["kind"] == "order_line"]
    per_order = parcels.groupby("order_id").size()
    carriers = parcels.groupby("carrier_id").agg(parcels=("cost", "size"), cost=("cost", "sum"))
    scores = view.table("carrier_scores").set_index("carrier_id")
    carriers = carriers.join(scores[["on_time_rate", "damage_rate", "score"]])
    reasons = lines.groupby("code").agg(lines=("qty", "size"), qty=("qty", "sum"))
    sites = parcels.groupby("site_id").agg(parcels=("cost", "size"), cost=("cost", "sum"))
    missed = view.table("missed_cutoffs")
    return page(
        request,
        "sourcing.html",
        here,
        current="sourcing",
        view=view,
        parcels=len(parcels),
        cost=float(parcels["cost"].sum()),
        orders=len(per_order),
        split=int((per_order > 1).sum()),
        unserved=lines.sort_values("qty", ascending=False).head(200).to_dict("records"),
        unserved_lines=len(lines),
        reasons=reasons.sort_values("lines", ascending=False).reset_index().to_dict("records"),
        held=view.table("held_orders").head(200).to_dict("records"),
        carriers=carriers.sort_values("parcels", ascending=False).reset_index().to_dict("records"),
        sites=sites.sort_values("parcels", ascending=False).reset_index().to_dict("records"),
        missed=missed.sort_values("cost", ascending=False).head(100).to_dict("records"),
        columns=grid_columns(language_of(request), PLAN_TABLES["shipments"], PARCELS),
    )
