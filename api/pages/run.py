"""A run: its stages, how far each is, what it cost so far, its log; and the word to stop."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.pages.view import language_of, page
from api.routes.context import Planner, Reader
from api.runs.states import ENDED
from api.schemas.runs import RunOptions, RunRequest
from api.store.rows import EventRow
from api.words.finding_words import findings_said

router = APIRouter()
LOG_ROWS: Final = 300


@router.post("/scenarios/{scenario_id}/runs")
def start(
    scenario_id: str,
    here: Planner,
    kind: Annotated[str, Form(pattern="^(pipeline|stress)$")] = "pipeline",
    minutes: Annotated[float, Form(ge=0, le=600)] = 0.0,
    work: Annotated[float, Form(ge=0, le=1e6)] = 0.0,
) -> Response:
    """Start a run and show it."""
    given: dict[str, Any] = {"time_limit": minutes * 60.0} if minutes else {}
    if work and not minutes:
        given["work"] = work
    options = RunOptions.model_validate(given)
    request = RunRequest.model_validate(
        {"kind": kind, "scenario": scenario_id, "options": options.model_dump()}
    )
    row = here.runs.submit(request)
    return RedirectResponse(f"/runs/{row.id}", 303)


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def run(request: Request, run_id: str, here: Reader) -> HTMLResponse:
    """Show how a run goes; the page follows its events."""
    row = here.runs.row(run_id)
    events = here.runs.events(run_id, 0, 100_000)
    began = row.started_at or row.created_at
    return page(
        request,
        "run.html",
        here,
        run=row,
        ended=row.state in ENDED,
        scenario=here.scenarios.row(row.scenario_id),
        stages=_stages(events),
        certificates={row["stage"]: row for row in row.certificates or []},
        events=[event for event in events if event.kind != "incumbent"][-LOG_ROWS:],
        last=max((event.number for event in events), default=0),
        incumbents=[
            {**event.data, "seconds": (event.at - began).total_seconds()}
            for event in events
            if event.kind == "incumbent"
        ],
        findings=findings_said(language_of(request), row.request.get("errors") or []),
    )


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, here: Planner) -> Response:
    """Ask for a run to end."""
    here.runs.cancel(run_id)
    return RedirectResponse(f"/runs/{run_id}", 303)


def _stages(events: list[EventRow]) -> list[dict[str, Any]]:
    """Return each stage that has begun: how far it is, and what it said last."""
    found: dict[str, dict[str, Any]] = {}
    for event in events:
        if event.kind == "progress":
            name = str(event.data["stage"])
            found[name] = {"name": name} | event.data
    return list(found.values())
