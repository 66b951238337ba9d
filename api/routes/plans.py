"""/v1/plans: what runs have made."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.errors import responses
from api.routes.answers import as_json
from api.routes.context import Reader
from api.schemas.explanations import ExplanationPage
from api.schemas.wire import KpiList, PlanModel, TablePage
from api.services.explanations import explanation_page
from api.services.filters import FilterText, SortText, read_filter, read_sort
from api.services.paging import PageSize, PageToken
from api.services.tables import FILES, Form, download, page
from api.services.wired import plan_model
from api.store.documents import get_plan, plan_files
from optimizer.plan import records
from optimizer.plan_tables import PLAN_TABLES
from scenarios import NotFound

router = APIRouter(prefix="/v1", tags=["plans"])


@router.get("/plans/{plan_id}", responses=responses(404, 422))
def show(plan_id: str, here: Reader) -> PlanModel:
    """Show where a plan came from, what it proved and which tables it has."""
    return plan_model(here.plan(plan_id), here.blobs)


@router.get("/plans/{plan_id}/kpis", responses=responses(404, 422))
def kpis(plan_id: str, here: Reader) -> KpiList:
    """Return the key figures of a plan."""
    plan = get_plan(here.blobs, here.plan(plan_id).manifest, ("kpis",))
    return KpiList(kpis=records(plan.table("kpis")))


@router.get(
    "/plans/{plan_id}/tables/{name}",
    response_model=TablePage,
    responses={**responses(404, 422), 200: {"content": FILES}},
)
def table(
    plan_id: str,
    name: str,
    here: Reader,
    form: Annotated[Form, Query(alias="format")] = "json",
    page_size: PageSize = 100,
    page_token: PageToken = None,
    filter_text: FilterText = None,
    sort_text: SortText = None,
) -> Response:
    """Read a result table, by pages of JSON or whole as a file."""
    rows = here.table(PLAN_TABLES, here.plan(plan_id).manifest, name)
    where, sorts = read_filter(filter_text, rows.contract), read_sort(sort_text, rows.contract)
    if form == "json":
        return as_json(page(rows, page_size, page_token, where, sorts))
    return download(rows, form, where, sorts, exact=False)


@router.get(
    "/plans/{plan_id}/files/{name}",
    response_class=Response,
    responses={**responses(404, 422), 200: {"content": {"application/octet-stream": {}}}},
)
def file(plan_id: str, name: str, here: Reader) -> Response:
    """Read a file beside the tables, as network.lp where a run had its problem exported."""
    files = plan_files(here.blobs, here.plan(plan_id).manifest)
    if name not in files:
        raise NotFound(f"plan {plan_id!r} has no file {name!r}; there are {sorted(files)}")
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(here.blobs.get(files[name]), 200, headers, "application/octet-stream")


@router.get("/plans/{plan_id}/explanations", responses=responses(404, 422))
def explanations(
    plan_id: str,
    here: Reader,
    decision_id: Annotated[
        str | None, Query(max_length=400, description="as in purchase_orders:PO-1/1")
    ] = None,
    table: Annotated[
        str | None, Query(max_length=40, description="only decisions of this table")
    ] = None,
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> ExplanationPage:
    """Say why decisions are as they are: sums, rules, prices, next best, in sentences."""
    explainer = here.house.explainers.of(here.plan(plan_id), here.scenarios, here.blobs)
    return explanation_page(explainer, decision_id, table, page_size, page_token)
