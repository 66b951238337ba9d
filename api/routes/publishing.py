"""/v1/plans: which plan holds, who approved it, and decisions about its rows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Query, Response

from api.errors import responses
from api.routes.context import Approver, Context, Reader
from api.schemas.publishing import (
    DecidedTable,
    DecideRowsRequest,
    JudgementModel,
    PlanList,
    PlanState,
    PlanSummary,
    PublicationModel,
    PublishRequest,
    RowDecisionList,
    RowDecisionModel,
)
from api.schemas.wire import TablePage
from api.services.approvals import DECIDED_ORDERS, ApprovalService, Rows
from api.services.paging import PageSize, PageToken, make_token, read_token
from api.services.publishing import PublishingService, Standing
from api.services.tables import FILES, MEDIA, Form, frame_download, frame_page, orders_for
from api.store.rows import RowDecisionRow
from optimizer.purchase_forms import ORDER_FORMS, OrderForm

router = APIRouter(prefix="/v1", tags=["publishing"])
NO_OVERRIDES = PublishRequest()
Wishes = Annotated[PublishRequest, Body(description="may be left out where all gates pass")]


@router.get("/plans", responses=responses(422))
def list_plans(
    here: Reader,
    state: PlanState | None = None,
    scenario: Annotated[str | None, Query(max_length=80)] = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> PlanList:
    """List plans, newest first; `state=published` gives the one that holds of each scenario."""
    found = _publishing(here).listed(page_size + 1, read_token(page_token), state, scenario)
    more = make_token(found[page_size - 1].plan.id) if len(found) > page_size else None
    return PlanList(plans=[_summary(each) for each in found[:page_size]], next_page_token=more)


@router.get("/plans/{plan_id}/publication", responses=responses(404, 422))
def publication(plan_id: str, here: Reader) -> PublicationModel:
    """Say what a plan's gates said, and whether it is approved or published, by whom, when."""
    service = _publishing(here)
    return _publication(service, service.standing(plan_id))


@router.post("/plans/{plan_id}:publish", responses=responses(404, 409, 422))
def publish(plan_id: str, here: Approver, body: Wishes = NO_OVERRIDES) -> PublicationModel:
    """Make a plan the one that holds for its scenario; doing so again changes nothing.

    409: gates hold the plan (`errors` lists them), or a newer plan was published.
    """
    service = _publishing(here)
    return _publication(service, service.publish(plan_id, body.overrides))


@router.post("/plans/{plan_id}:approve", responses=responses(404, 409, 422))
def approve(plan_id: str, here: Approver, body: Wishes = NO_OVERRIDES) -> PublicationModel:
    """Put one's name under a plan; rows that nobody decided about count as approved from then on.

    409: gates hold the plan (`errors` lists them), or a newer plan was published.
    """
    service = _publishing(here)
    return _publication(service, service.approve(plan_id, body.overrides))


@router.post("/plans/{plan_id}:decide-rows", responses=responses(404, 409, 422))
def decide_rows(plan_id: str, body: DecideRowsRequest, here: Approver) -> RowDecisionList:
    """Approve, edit or reject single rows; the plan itself stays as it is.

    Returns all decisions about the table that stand. 409: a newer plan was published.
    """
    rows = ApprovalService(here.database, here.blobs).decide(plan_id, body.table, body.decisions)
    return RowDecisionList(plan=plan_id, decisions=[_decision(row) for row in rows])


@router.get("/plans/{plan_id}/row-decisions", responses=responses(404, 422))
def row_decisions(plan_id: str, here: Reader, table: DecidedTable | None = None) -> RowDecisionList:
    """List what was decided about rows of a plan."""
    rows = ApprovalService(here.database, here.blobs).decisions(plan_id, table)
    return RowDecisionList(plan=plan_id, decisions=[_decision(row) for row in rows])


@router.get(
    "/plans/{plan_id}/purchase-orders",
    response_model=TablePage,
    responses={**responses(404, 422), 200: {"content": FILES}},
)
def purchase_orders(
    plan_id: str,
    here: Reader,
    rows: Rows = "approved",
    form: Annotated[Form | OrderForm, Query(alias="format")] = "json",
    page_size: PageSize = 100,
    page_token: PageToken = None,
) -> TablePage | Response:
    """Export purchase orders with decisions applied: quantities as edited, rejected lines out.

    `rows=all` has every line with its verdict; `format=odoo` and `format=erpnext` are the CSV that
    these systems import.
    """
    frame = ApprovalService(here.database, here.blobs).purchase_orders(plan_id, rows)
    if form in ORDER_FORMS:
        headers = {"Content-Disposition": f'attachment; filename="purchase_orders_{form}.csv"'}
        return Response(orders_for(form, frame), media_type=MEDIA["csv"], headers=headers)
    if form == "json":
        return frame_page(DECIDED_ORDERS, frame, page_size, page_token)
    return frame_download(DECIDED_ORDERS, frame, form)


def _publishing(here: Context) -> PublishingService:
    return PublishingService(here.database, here.blobs)


def _publication(service: PublishingService, found: Standing) -> PublicationModel:
    row = found.publication
    return PublicationModel(
        plan=found.plan.id,
        scenario=found.plan.scenario_id,
        state=found.state,
        plan_hash=found.plan.manifest,
        judgement=JudgementModel.model_validate(service.judgement(found).document()),
        published_at=None if row is None else row.published_at,
        published_by="" if row is None else row.published_by,
        approved_at=None if row is None else row.approved_at,
        approved_by="" if row is None else row.approved_by,
    )


def _summary(found: Standing) -> PlanSummary:
    plan, row = found.plan, found.publication
    return PlanSummary(
        id=plan.id,
        run=plan.run_id,
        scenario=plan.scenario_id,
        revision=plan.revision,
        state=found.state,
        decision=plan.decision,
        plan_hash=plan.manifest,
        created_at=plan.created_at,
        published_at=None if row is None else row.published_at,
        published_by="" if row is None else row.published_by,
        approved_at=None if row is None else row.approved_at,
        approved_by="" if row is None else row.approved_by,
    )


def _decision(row: RowDecisionRow) -> RowDecisionModel:
    return RowDecisionModel(
        table=row.table_name,
        key=row.row_key,
        verdict=row.verdict,
        qty=row.qty,
        note=row.note,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
