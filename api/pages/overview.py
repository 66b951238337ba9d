"""A plan: what it costs, what each stage proved, and all of its tables."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.pages.grids import grid_columns
from api.pages.view import language_of, page, plan_view
from api.routes.context import Reader
from optimizer.plan_tables import PLAN_TABLES
from scenarios import NotFound

router = APIRouter()
OBJECTIVE: Final = "objective"


@router.get("/plans/{plan_id}", response_class=HTMLResponse)
def overview(request: Request, plan_id: str, here: Reader) -> HTMLResponse:
    """Show a plan's key figures, certificates and what its objectives are made of."""
    view = plan_view(here, plan_id, "certificates", "kpis", "alerts")
    kpis = view.table("kpis")
    terms = kpis[kpis["variant"].fillna("").str.endswith(OBJECTIVE)]
    figures = kpis[~kpis.index.isin(terms.index) & (kpis["scope"] == "all")]
    of_forecast = figures["kpi"].str.startswith("forecast_")
    by_stage: dict[str, list[dict[str, Any]]] = {}
    for row in terms.to_dict("records"):
        stage = str(row["variant"]).removesuffix(OBJECTIVE).strip()
        by_stage.setdefault(stage, []).append(row)
    return page(
        request,
        "overview.html",
        here,
        current="overview",
        view=view,
        certificates=view.table("certificates").to_dict("records"),
        terms=by_stage,
        kpis=figures[~of_forecast].to_dict("records"),
        forecast=figures[of_forecast].to_dict("records"),
        notes=view.plan.notes,
    )


@router.get("/plans/{plan_id}/tables", response_class=HTMLResponse)
def tables(
    request: Request,
    plan_id: str,
    here: Reader,
    table: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """Show any table of a plan, by pages from the server, to filter, sort and take away."""
    view = plan_view(here, plan_id)
    filled = [name for name, count in view.rows.items() if count]
    shown = table or next(iter(filled), "")
    if shown and shown not in PLAN_TABLES:
        raise NotFound(f"no table {shown!r}; there are {', '.join(filled)}")
    columns = grid_columns(language_of(request), PLAN_TABLES[shown]) if shown else []
    return page(
        request, "tables.html", here, current="tables", view=view, filled=filled, shown=shown,
        columns=columns,
    )  # fmt: skip
