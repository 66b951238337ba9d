"""Sheets to print: orders to place by supplier, and one page for the driver of each van."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.pages.view import page, plan_view
from api.routes.context import Reader
from api.services.approvals import ApprovalService

router = APIRouter()
MOST_LINES: Final = 2000  # that one sheet holds
MOST_VANS: Final = 100
COLUMNS: Final = ("product_id", "site_id", "qty", "unit_cost", "cost", "due_on", "verdict")


@router.get("/plans/{plan_id}/orders/print", response_class=HTMLResponse)
def orders_sheet(
    request: Request,
    plan_id: str,
    here: Reader,
    supplier_id: Annotated[str, Query(max_length=200)] = "",
) -> HTMLResponse:
    """Show tonight's lines by supplier with decisions applied: rejected ones out."""
    view = plan_view(here, plan_id)
    lines = ApprovalService(here.database, here.blobs).purchase_orders(plan_id, "all")
    lines = lines[(lines["order_on"].dt.date == view.start) & (lines["verdict"] != "rejected")]
    if supplier_id:
        lines = lines[lines["supplier_id"] == supplier_id]
    lines = lines.sort_values(["supplier_id", "order_id", "line"])
    return page(
        request,
        "orders_sheet.html",
        here,
        current="orders",
        view=view,
        hidden=max(0, len(lines) - MOST_LINES),
        spend=float(lines["cost"].sum()),
        suppliers=[
            {
                "supplier_id": supplier,
                "orders": sorted(rows["order_id"].unique()),
                "cost": float(rows["cost"].sum()),
                "lines": rows[[*COLUMNS]].to_dict("records"),
            }
            for supplier, rows in lines.head(MOST_LINES).groupby("supplier_id", sort=False)
        ],
    )


@router.get("/plans/{plan_id}/routes/print", response_class=HTMLResponse)
def drivers_sheets(
    request: Request,
    plan_id: str,
    here: Reader,
    depot: Annotated[str, Query(max_length=200)] = "",
    day: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """Show, for each van of a depot on a day, its stops in order with room for a signature."""
    view = plan_view(here, plan_id, "routes", "stops")
    routes, stops = view.table("routes"), view.table("stops")
    routes = routes[
        (routes["depot_id"] == depot) & (routes["start"].dt.strftime("%Y-%m-%d") == day)
    ]
    revision = here.scenarios.revision(view.row.scenario_id, view.row.revision)
    zones = _zones(here.scenarios.load(revision).table("orders"))
    return page(
        request,
        "drivers_sheets.html",
        here,
        current="routes",
        view=view,
        depot=depot,
        hidden=max(0, len(routes) - MOST_VANS),
        vans=[
            {
                "route": row,
                "stops": [
                    stop | {"zone": zones.get(str(stop["order_id"]), "")}
                    for stop in stops[stops["route_id"] == row["route_id"]]
                    .sort_values("seq")
                    .to_dict("records")
                ],
            }
            for row in routes.head(MOST_VANS).to_dict("records")
        ],
    )


def _zones(orders: Any) -> dict[str, str]:
    """Return the zone of each order that names one."""
    known = orders[orders["zone_id"].notna()]
    return dict(zip(known["order_id"].astype(str), known["zone_id"].astype(str), strict=True))
