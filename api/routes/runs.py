"""/v1/runs: start one, follow it, cancel it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.errors import responses
from api.nightly.html import page_policy, report_page
from api.routes.context import Context, Planner, Reader
from api.schemas.wire import RunKind, RunList, RunModel, RunRequest, RunState, as_wire
from api.services.night_reports import night_report
from api.services.paging import PageSize, PageToken, make_token, read_token
from api.services.wired import run_model

router = APIRouter(prefix="/v1", tags=["runs"])

LOOK_SECONDS = 5.0  # without news, so often it is seen whether the client is there
KEEP_ALIVE_SECONDS = 15.0
EVENT: dict[str, Any] = {
    "type": "object",
    "description": "one server-sent event; the answer is a stream of them",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "description": "its number in the run"},
        "event": {"enum": ["state", "progress", "incumbent", "warning", "done"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}


@router.post("/runs", status_code=202, responses=responses(404, 409, 422, 429))
def submit(
    body: RunRequest,
    response: Response,
    here: Planner,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> RunModel:
    """Queue a run; an Idempotency-Key makes sure that it is queued once."""
    row = here.runs.submit(body, idempotency_key)
    response.headers["Location"] = f"/v1/runs/{row.id}"
    response.headers["Retry-After"] = "1"
    return run_model(row)


@router.get("/runs", responses=responses(422))
def list_runs(
    here: Reader,
    state: RunState | None = None,
    kind: RunKind | None = None,
    page_size: PageSize = 50,
    page_token: PageToken = None,
) -> RunList:
    """List runs, newest first."""
    rows = here.runs.newest(page_size + 1, read_token(page_token), state=state, kind=kind)
    more = make_token(rows[page_size - 1].id) if len(rows) > page_size else None
    return RunList(runs=[run_model(row) for row in rows[:page_size]], next_page_token=more)


@router.get("/runs/{run_id}", responses=responses(404, 422))
def show(run_id: str, here: Reader) -> RunModel:
    """Show how a run goes."""
    return run_model(here.runs.row(run_id))


@router.post("/runs/{run_id}:cancel", status_code=202, responses=responses(404, 409, 422))
def cancel(run_id: str, here: Planner) -> RunModel:
    """Ask for a run to end; what it has found so far may still come."""
    return run_model(here.runs.cancel(run_id))


@router.get(
    "/runs/{run_id}/report",
    response_model=dict[str, Any],
    responses={
        **responses(404, 409, 422),
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
    },
)
def report(
    run_id: str,
    here: Reader,
    form: Annotated[Literal["html", "json"], Query(alias="format")] = "json",
    language: Annotated[Literal["en", "zh"], Query(description="of the page")] = "en",
) -> Response:
    """Read the report of a night: one self-contained page, or the same as JSON.

    409: the night has not ended.
    """
    document = night_report(here.database, here.blobs, here.runs.row(run_id))
    if form == "json":
        return JSONResponse(document)
    headers = {"Content-Security-Policy": page_policy()}
    return HTMLResponse(report_page(document, language), headers=headers)


@router.get(
    "/runs/{run_id}/events",
    responses={
        **responses(404, 422),
        200: {"content": {"text/event-stream": {"schema": EVENT}}},
    },
    response_class=StreamingResponse,
)
async def events(
    run_id: str,
    request: Request,
    here: Reader,
    after: Annotated[int, Query(ge=0, description="number of the last event seen")] = 0,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> StreamingResponse:
    """Follow a run as server-sent events; Last-Event-ID resumes after that event."""
    await run_in_threadpool(here.runs.row, run_id)
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = int(last_event_id)
    return StreamingResponse(
        _stream(request, here, run_id, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(request: Request, here: Context, run_id: str, after: int) -> AsyncIterator[str]:
    quiet = 0.0
    async with here.house.following.run(run_id) as news:
        while True:
            ended = await run_in_threadpool(here.runs.ended, run_id)
            rows = await run_in_threadpool(here.runs.events, run_id, after)
            for row in rows:
                after = row.number
                data = json.dumps({**row.data, "at": as_wire(row.at)}, ensure_ascii=False)
                yield f"id: {row.number}\nevent: {row.kind}\ndata: {data}\n\n"
            if (ended and not rows) or await request.is_disconnected():
                return
            if rows or await news.beyond(after, LOOK_SECONDS):
                quiet = 0.0
                continue
            quiet += LOOK_SECONDS
            if quiet >= KEEP_ALIVE_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
