"""/v1/runs: start one, follow it, cancel it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from api.errors import responses
from api.nightly.html import page_policy, report_page
from api.routes.answers import as_json, in_turn
from api.routes.context import Context, Planner, Reader
from api.runs.states import ENDED
from api.schemas.runs import RunKind, RunList, RunModel, RunRequest, RunState
from api.services.following import Happening
from api.services.night_reports import night_report
from api.services.paging import PageSize, PageToken, make_token, read_token
from api.services.runs import MOST_EVENTS
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


@router.post(
    "/runs", status_code=202, response_model=RunModel, responses=responses(404, 409, 422, 429)
)
async def submit(
    body: RunRequest,
    here: Planner,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Response:
    """Queue a run; an Idempotency-Key makes sure that it is queued once."""
    row = await in_turn(here.runs.submit, body, idempotency_key)
    headers = {"Location": f"/v1/runs/{row.id}", "Retry-After": "1"}
    return as_json(run_model(row), 202, headers)


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


@router.get("/runs/{run_id}", response_model=RunModel, responses=responses(404, 422))
def show(run_id: str, here: Reader) -> Response:
    """Show how a run goes."""
    return as_json(run_model(here.runs.row(run_id)))


@router.post("/runs/{run_id}:cancel", status_code=202, responses=responses(404, 409, 422))
async def cancel(run_id: str, here: Planner) -> RunModel:
    """Ask for a run to end; what it has found so far may still come."""
    return run_model(await in_turn(here.runs.cancel, run_id))


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
    ended = (await run_in_threadpool(here.runs.row, run_id)).state in ENDED
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = int(last_event_id)
    return StreamingResponse(
        _past(here, run_id, after) if ended else _stream(request, here, run_id, after),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _past(here: Context, run_id: str, after: int) -> AsyncIterator[str]:
    """Yield the events of a run that has ended."""
    while rows := await run_in_threadpool(here.runs.told, run_id, after):
        yield "".join(map(_framed, rows))
        after = rows[-1].number
        if len(rows) < MOST_EVENTS:
            return


async def _stream(request: Request, here: Context, run_id: str, after: int) -> AsyncIterator[str]:
    """Yield events until the run has ended; `done` is the last of them."""
    quiet = 0.0
    async with here.house.following.run(run_id) as news:
        while True:
            rows = news.after(after)
            if rows is None:
                rows = await run_in_threadpool(here.runs.told, run_id, after)
            if rows:
                quiet, after = 0.0, rows[-1].number
                yield "".join(map(_framed, rows))
                if rows[-1].kind == "done":
                    return
            if await news.beyond(after, LOOK_SECONDS):
                continue
            ended = (await run_in_threadpool(here.runs.row, run_id)).state in ENDED
            if (ended and news.newest <= after) or await request.is_disconnected():
                return
            quiet += LOOK_SECONDS
            if quiet >= KEEP_ALIVE_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"


def _framed(event: Happening) -> str:
    return f"id: {event.number}\nevent: {event.kind}\ndata: {event.data}\n\n"
