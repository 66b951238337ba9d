"""/v1/plans/{id}/risks: what may go wrong, and a simulation of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Response

from api.errors import responses
from api.routes.context import Planner, Reader
from api.schemas.risks import RiskRequest
from api.schemas.runs import RunModel
from api.schemas.wire import TablePage
from api.services.filters import FilterText, SortText, read_filter, read_sort
from api.services.paging import PageSize, PageToken
from api.services.risks import simulate_risk
from api.services.tables import page
from api.services.wired import run_model
from optimizer.plan_tables import PLAN_TABLES

router = APIRouter(prefix="/v1", tags=["plans"])


@router.get("/plans/{plan_id}/risks", responses=responses(404, 422))
def risks(
    plan_id: str,
    here: Reader,
    page_size: PageSize = 100,
    page_token: PageToken = None,
    filter_text: FilterText = None,
    sort_text: SortText = None,
) -> TablePage:
    """Read the risk register by pages: raised ones first, by expected loss, unless sorted."""
    rows = here.table(PLAN_TABLES, here.plan(plan_id).manifest, "risks")
    where, sorts = read_filter(filter_text, rows.contract), read_sort(sort_text, rows.contract)
    return page(rows, page_size, page_token, where, sorts)


@router.post(
    "/plans/{plan_id}/risks:simulate", status_code=202, responses=responses(404, 409, 422, 429)
)
def simulate(
    plan_id: str,
    body: RiskRequest,
    response: Response,
    here: Planner,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> RunModel:
    """Queue a stress run in which a risk happens, without and with its playbook.

    Its plan is this one with the tables of the stress test; `drills` says what the playbook saved.
    """
    row = simulate_risk(here.runs, here.blobs, here.plan(plan_id), body, idempotency_key)
    response.headers["Location"] = f"/v1/runs/{row.id}"
    response.headers["Retry-After"] = "1"
    return run_model(row)
