"""A scenario: its tables, what was noticed beside its cells, its changes and versions."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from api.pages.change_words import changes_said
from api.pages.grids import grid_columns
from api.pages.view import language_of, page
from api.routes.context import Context, Planner, Reader
from api.services.uploads import received
from api.store.rows import RevisionRow
from api.words.finding_words import findings_said
from scenarios import HoldfastError, InputError, NotFound
from scenarios.tables import TABLES

router = APIRouter()
EDITABLE_ROWS: Final = 200_000  # a change of a larger table is better made in its file
CHANGES_SHOWN: Final = 50


@router.post("/scenarios")
async def upload(request: Request, here: Planner) -> Response:
    """Take an uploaded scenario, or show every finding about it."""
    try:
        async with received(request, here.settings.max_upload_bytes) as path:
            row = await run_in_threadpool(here.scenarios.take, path)
    except HoldfastError as error:
        found = error.findings if isinstance(error, InputError) else ()
        listed = [
            {name: getattr(finding, name) for name in
             ("code", "severity", "table", "row", "column", "value", "hint")}
            for finding in found
        ]  # fmt: skip
        said = findings_said(language_of(request), listed)
        return page(request, "refused.html", here, 422, message=str(error), findings=said)
    return RedirectResponse(f"/scenarios/{row.id}", 303)


@router.post("/demo-scenarios/{name}")
def take_demo(name: str, here: Planner) -> Response:
    """Take a built-in scenario in."""
    from scenarios.library import demo_scenario

    row = here.scenarios.keep(demo_scenario(name))
    return RedirectResponse(f"/scenarios/{row.id}", 303)


@router.get("/scenarios/{scenario_id}", response_class=HTMLResponse)
def scenario(
    request: Request,
    scenario_id: str,
    here: Reader,
    table: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """Show a scenario: findings, one of its tables to edit, runs, changes."""
    revision = here.scenarios.revision(scenario_id)
    content = here.scenarios.load(revision)
    rows = {name: len(frame) for name, frame in content.tables.items()}
    if table and table not in TABLES:
        raise NotFound(f"no table {table!r}; there are {', '.join(rows)}")
    findings = revision.findings
    shown = table or next((f["table"] for f in findings if f["table"] in rows), next(iter(rows)))
    contract = TABLES[shown]
    language = language_of(request)
    editable = bool(contract.key) and rows.get(shown, 0) <= EDITABLE_ROWS
    runs = [run for run in here.runs.newest(200, None) if run.scenario_id == scenario_id]
    return page(
        request,
        "scenario.html",
        here,
        row=here.scenarios.row(scenario_id),
        settings=content.settings,
        findings=findings_said(language, findings[:300]),
        counts={s: sum(f["severity"] == s for f in findings) for s in ("warning", "info")},
        rows=rows,
        shown=shown,
        editable=editable,
        columns=grid_columns(language, contract, editable=editable),
        marks=[
            {"row": f["row"], "column": f["column"], "severity": f["severity"], "said": f["said"]}
            for f in findings_said(language, [f for f in findings if f["table"] == shown])
            if f["row"] is not None
        ],
        runs=runs[:20],
        versions=[
            {"row": each, "changes": changes_said(language, each.deltas[:CHANGES_SHOWN])}
            for each in _versions(here, scenario_id)
        ],
    )


def _versions(here: Context, scenario_id: str) -> list[RevisionRow]:
    """Return the contents that a scenario has had, newest first."""
    query = select(RevisionRow).where(RevisionRow.scenario_id == scenario_id)
    with here.database.session() as session:
        found: list[Any] = list(session.scalars(query.order_by(RevisionRow.created_at.desc())))
    return found
