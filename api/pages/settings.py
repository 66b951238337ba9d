"""Settings: keys, schedules, webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.pages.view import page
from api.routes.context import Admin, Context, Planner, Reader
from api.runs.schedules import Schedules
from api.runs.webhooks import EVENTS, Webhooks
from api.schemas.runs import RunRequest
from api.security.keys import Scope
from scenarios import InputError

router = APIRouter()
Name = Annotated[str, Form(min_length=1, max_length=200)]


@router.get("/settings", response_class=HTMLResponse)
def settings(request: Request, here: Reader) -> HTMLResponse:
    """Show what a visitor may set."""
    return _page(request, here)


@router.post("/settings/keys", response_class=HTMLResponse)
def make_key(
    request: Request, here: Admin, name: Name, scopes: Annotated[list[Scope] | None, Form()] = None
) -> HTMLResponse:
    """Make a key and show its secret, this once."""
    try:
        made = here.house.keys.make(here.database, name, scopes or [])
    except InputError as error:
        return _page(request, here, 422, wrong=str(error))
    return _page(request, here, secret=made.secret, secret_of=name)


@router.post("/settings/keys/{key_id}/revoke")
def revoke_key(key_id: str, here: Admin) -> Response:
    """Take a key back."""
    here.house.keys.revoke(here.database, key_id)
    return RedirectResponse("/settings", 303)


@router.post("/settings/schedules")
def make_schedule(
    request: Request,
    here: Planner,
    name: Name,
    cron: Annotated[str, Form(max_length=100)],
    timezone: Annotated[str, Form(max_length=60)],
    scenario: Annotated[str, Form(max_length=80)],
    kind: Annotated[str, Form(pattern="^(nightly|pipeline|stress)$")] = "nightly",
) -> Response:
    """Start a run at each time of a calendar."""
    try:
        here.scenarios.row(scenario)
        run = RunRequest.model_validate({"kind": kind, "scenario": scenario})
        Schedules(here.database).make(name, cron, timezone, run)
    except InputError as error:
        asked = {"name": name, "cron": cron, "timezone": timezone, "scenario": scenario}
        return _page(request, here, 422, wrong=str(error), asked={**asked, "kind": kind})
    return RedirectResponse("/settings", 303)


@router.post("/settings/schedules/{schedule_id}/delete")
def delete_schedule(schedule_id: str, here: Planner) -> Response:
    """Delete a schedule."""
    Schedules(here.database).delete(schedule_id)
    return RedirectResponse("/settings", 303)


@router.post("/settings/webhooks", response_class=HTMLResponse)
def make_webhook(
    request: Request,
    here: Admin,
    url: Annotated[str, Form(max_length=2000)],
    events: Annotated[list[str] | None, Form()] = None,
) -> HTMLResponse:
    """Tell an address how runs end; show the secret of the signatures, this once."""
    try:
        row, secret = Webhooks(here.database, here.settings).make(url, events or [])
    except InputError as error:
        return _page(request, here, 422, wrong=str(error))
    return _page(request, here, secret=secret, secret_of=row.url)


@router.post("/settings/webhooks/{webhook_id}/delete")
def delete_webhook(webhook_id: str, here: Admin) -> Response:
    """Delete a webhook."""
    Webhooks(here.database, here.settings).delete(webhook_id)
    return RedirectResponse("/settings", 303)


def _page(
    request: Request,
    here: Context,
    status: int = 200,
    *,
    secret: str = "",
    secret_of: str = "",
    wrong: str = "",
    asked: Mapping[str, str] | None = None,
) -> HTMLResponse:
    admin = here.who.may(Scope.ADMIN)
    answer = page(
        request,
        "settings.html",
        here,
        status,
        keys=here.house.keys.listed(here.database) if admin else [],
        scopes=[str(scope) for scope in Scope],
        schedules=Schedules(here.database).listed(),
        webhooks=Webhooks(here.database, here.settings).listed() if admin else [],
        webhook_hosts=here.settings.webhook_hosts,
        events=EVENTS,
        scenarios=here.scenarios.newest(100),
        secret=secret,
        secret_of=secret_of,
        wrong=wrong,
        asked=asked or {},
    )
    if secret:
        answer.headers["Cache-Control"] = "no-store"
    return answer
