"""The pages: hand in a scenario, run it, follow the run, read the plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates
from starlette.concurrency import run_in_threadpool

from api.pages.format import cell, chart
from api.routes.context import COOKIE, Context, Planner, Reader, house_of
from api.schemas.wire import RunOptions, RunRequest
from api.security.keys import VISIT
from api.services.uploads import received
from api.store.documents import get_plan, plan_rows
from optimizer.plan_tables import PLAN_TABLES
from scenarios import HoldfastError, InputError

router = APIRouter(tags=["pages"])
templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
templates.env.filters["cell"] = cell

ROWS = 50
FIRST_TABLES = ("purchase_orders", "shipments", "routes", "unserved", "alerts")


def _page(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    return templates.TemplateResponse(request, name, values, status_code=status)


@router.get("/sign-in", response_class=HTMLResponse)
def sign_in(request: Request) -> HTMLResponse:
    """Ask for a key."""
    return _page(request, "sign_in.html", refused=False)


@router.post("/sign-in")
def show_key(request: Request, key: Annotated[str, Form(max_length=200)]) -> Response:
    """Begin a visit with a key; its cookie is of no use to pages of other sites."""
    token = house_of(request).keys.visit(key.strip())
    if token is None:
        return _page(request, "sign_in.html", 401, refused=True)
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    seconds = int(VISIT.total_seconds())
    answer.set_cookie(
        COOKIE, token, max_age=seconds, httponly=True, samesite="strict", secure=secure
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """End the visit."""
    house_of(request).keys.leave(request.cookies.get(COOKIE, ""))
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/", response_class=HTMLResponse)
def home(request: Request, here: Reader) -> HTMLResponse:
    """Show scenarios and runs, and where to hand one in."""
    from scenarios.library import DESCRIPTIONS

    return _page(
        request,
        "home.html",
        scenarios=here.scenarios.newest(50),
        runs=here.runs.newest(50, None),
        demos=DESCRIPTIONS,
    )


@router.post("/scenarios")
async def upload(request: Request, here: Planner) -> Response:
    """Take an uploaded scenario, or show every finding about it."""
    try:
        async with received(request, here.settings.max_upload_bytes) as path:
            row = await run_in_threadpool(here.scenarios.take, path)
    except HoldfastError as error:
        findings = error.findings if isinstance(error, InputError) else ()
        return _page(request, "refused.html", 422, message=str(error), findings=findings)
    return RedirectResponse(f"/scenarios/{row.id}", 303)


@router.post("/demo-scenarios/{name}")
def take_demo(name: str, here: Planner) -> Response:
    """Take a built-in scenario in."""
    from scenarios.library import demo_scenario

    row = here.scenarios.keep(demo_scenario(name))
    return RedirectResponse(f"/scenarios/{row.id}", 303)


@router.get("/scenarios/{scenario_id}", response_class=HTMLResponse)
def scenario(request: Request, scenario_id: str, here: Reader) -> HTMLResponse:
    """Show a scenario: its tables and what was noticed about it."""
    revision = here.scenarios.revision(scenario_id)
    content = here.scenarios.load(revision)
    return _page(
        request,
        "scenario.html",
        row=here.scenarios.row(scenario_id),
        scenario=content,
        findings=revision.findings,
        runs=[run for run in here.runs.newest(200, None) if run.scenario_id == scenario_id],
    )


@router.post("/scenarios/{scenario_id}/runs")
def start(
    scenario_id: str,
    here: Planner,
    kind: Annotated[str, Form(pattern="^(pipeline|stress)$")] = "pipeline",
    minutes: Annotated[float, Form(ge=0, le=600)] = 0.0,
) -> Response:
    """Start a run and show it."""
    options = RunOptions.model_validate({"time_limit": minutes * 60.0} if minutes else {})
    request = RunRequest.model_validate(
        {"kind": kind, "scenario": scenario_id, "options": options.model_dump()}
    )
    row = here.runs.submit(request)
    return RedirectResponse(f"/runs/{row.id}", 303)


@router.get("/runs/{run_id}", response_class=HTMLResponse)
def run(request: Request, run_id: str, here: Reader) -> HTMLResponse:
    """Show how a run goes; the page follows its events."""
    row = here.runs.row(run_id)
    return _page(
        request,
        "run.html",
        run=row,
        scenario=here.scenarios.row(row.scenario_id),
        events=here.runs.events(run_id, 0),
        last=max((event.number for event in here.runs.events(run_id, 0)), default=0),
    )


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, here: Planner) -> Response:
    """Ask for a run to end."""
    here.runs.cancel(run_id)
    return RedirectResponse(f"/runs/{run_id}", 303)


@router.get("/plans/{plan_id}", response_class=HTMLResponse)
def plan(
    request: Request,
    plan_id: str,
    here: Reader,
    table: Annotated[str, Query(max_length=60)] = "",
    first: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    """Show a plan: certificates, key figures, and one of its tables."""
    row = here.plan(plan_id)
    rows = plan_rows(here.blobs, row.manifest)
    shown = table if table in rows else next((t for t in FIRST_TABLES if rows.get(t)), "")
    wanted = ("certificates", "kpis", "service_curve", shown)
    content = get_plan(here.blobs, row.manifest, tuple(name for name in wanted if name))
    frame = content.table(shown) if shown else pd.DataFrame()
    kpis = content.table("kpis")
    terms = kpis[kpis["variant"].fillna("").str.endswith("objective")]
    return _page(
        request,
        "plan.html",
        plan=row,
        scenario=here.scenarios.row(row.scenario_id),
        currency=_currency(here, row.scenario_id, row.revision),
        content=content,
        certificates=content.table("certificates").to_dict("records"),
        terms=terms.to_dict("records"),
        kpis=kpis[~kpis.index.isin(terms.index) & (kpis["scope"] == "all")].to_dict("records"),
        curve=chart(content.table("service_curve")),
        rows={name: count for name, count in rows.items() if count},
        titles={name: contract.help for name, contract in PLAN_TABLES.items()},
        shown=shown,
        columns=[column for column in frame.columns if frame[column].notna().any()],
        page=frame.iloc[first : first + ROWS].to_dict("records"),
        first=first,
        size=ROWS,
    )


def _currency(here: Context, scenario_id: str, revision: str) -> str:
    found = here.scenarios.load(here.scenarios.revision(scenario_id, revision))
    return found.settings.currency
