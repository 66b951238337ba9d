"""The first page: tonight's run, what is wrong, what to order."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.pages.tonight import Tonight, tonight
from api.pages.view import language_of, page
from api.routes.context import Context, Reader
from api.store.rows import RunRow
from api.words.sentences import alert_text, alert_title

router = APIRouter()
RUNS_SHOWN: Final = 12
WHOLE: Final = ("pipeline", "stress", "nightly")  # kinds of runs that plan everything


@router.get("/", response_class=HTMLResponse)
def home(request: Request, here: Reader) -> HTMLResponse:
    """Show how the newest run went and what its plan, or the last one, asks for."""
    from scenarios.library import DESCRIPTIONS

    runs = here.runs.newest(200, None)
    newest = next((run for run in runs if _is_whole(run)), None)
    found = _last_plan(here, runs)
    language = language_of(request)
    if found is not None:
        for alert in found.alerts:
            alert["title"] = alert_title(language, alert)
            alert["text"] = alert_text(language, alert)
    return page(
        request,
        "home.html",
        here,
        newest=newest,
        took=None if newest is None else _seconds(newest),
        scenario=None if newest is None else here.scenarios.row(newest.scenario_id),
        tonight=found,
        scenarios=here.scenarios.newest(RUNS_SHOWN),
        runs=runs[:RUNS_SHOWN],
        demos=DESCRIPTIONS,
    )


def _last_plan(here: Context, runs: list[RunRow]) -> Tonight | None:
    """Return the plan of the newest run that has one and is not a stage alone."""
    for run in runs:
        if run.plan_id and _is_whole(run):
            return tonight(here, run.plan_id)
    return None


def _is_whole(run: RunRow) -> bool:
    """Say whether a run planned, or stressed, everything: the drill of one risk did not."""
    return run.kind in WHOLE and not run.request.get("risk")


def _seconds(run: RunRow) -> Any:
    if run.started_at is None or run.ended_at is None:
        return None
    return (run.ended_at - run.started_at).total_seconds()
