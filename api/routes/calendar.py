"""/v1/schedules and /v1/webhooks: runs by the clock, and who is told how they end."""

from __future__ import annotations

from fastapi import APIRouter, Response

from api.errors import responses
from api.routes.context import Admin, Planner, Reader
from api.runs.schedules import Schedules
from api.runs.webhooks import Webhooks
from api.schemas.calendar import (
    ScheduleList,
    ScheduleModel,
    ScheduleRequest,
    WebhookList,
    WebhookModel,
    WebhookRequest,
)
from api.store.rows import ScheduleRow, WebhookRow

router = APIRouter(prefix="/v1", tags=["calendar"])


@router.post("/schedules", status_code=201, responses=responses(404, 422))
def make_schedule(body: ScheduleRequest, here: Planner, response: Response) -> ScheduleModel:
    """Start a run at each time of a calendar; a time that was missed is caught up once."""
    here.runs.check(body.run)
    row = Schedules(here.database).make(body.name, body.cron, body.timezone, body.run)
    response.headers["Location"] = f"/v1/schedules/{row.id}"
    return _schedule(row)


@router.get("/schedules", responses=responses())
def list_schedules(here: Reader) -> ScheduleList:
    """List all schedules."""
    return ScheduleList(schedules=[_schedule(row) for row in Schedules(here.database).listed()])


@router.delete("/schedules/{schedule_id}", status_code=204, responses=responses(404, 422))
def delete_schedule(schedule_id: str, here: Planner) -> None:
    """Delete a schedule; the runs that it started stay."""
    Schedules(here.database).delete(schedule_id)


@router.post("/webhooks", status_code=201, responses=responses(422))
def make_webhook(body: WebhookRequest, here: Admin, response: Response) -> WebhookModel:
    """Tell an address how runs end; the answer holds the secret of the signatures, once."""
    row, secret = Webhooks(here.database, here.settings).make(body.url, body.events)
    response.headers["Location"] = f"/v1/webhooks/{row.id}"
    return _webhook(row).model_copy(update={"secret": secret})


@router.get("/webhooks", responses=responses())
def list_webhooks(here: Admin) -> WebhookList:
    """List all webhooks."""
    rows = Webhooks(here.database, here.settings).listed()
    return WebhookList(webhooks=[_webhook(row) for row in rows])


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=responses(404, 422))
def delete_webhook(webhook_id: str, here: Admin) -> None:
    """Delete a webhook; it is told nothing more."""
    Webhooks(here.database, here.settings).delete(webhook_id)


def _schedule(row: ScheduleRow) -> ScheduleModel:
    return ScheduleModel(
        id=row.id,
        name=row.name,
        cron=row.cron,
        timezone=row.timezone,
        run=row.request,
        done_until=row.done_until,
        reason=row.reason,
        created_at=row.created_at,
    )


def _webhook(row: WebhookRow) -> WebhookModel:
    return WebhookModel(id=row.id, url=row.url, events=row.events, created_at=row.created_at)
