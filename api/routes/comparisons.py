"""/v1/comparisons: plans and their scenarios side by side."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.errors import responses
from api.routes.context import Context, Planner, Reader
from api.runs.states import ENDED
from api.schemas.comparisons import ComparisonModel, ComparisonPending, ComparisonRequest
from api.schemas.runs import ComparisonOptions, RunOptions, RunRequest
from api.services.run_answers import answer_kept
from api.services.what_if import refuse_failed, wait_for
from api.services.wired import run_model
from api.store.rows import RunRow
from scenarios import NotFound

router = APIRouter(prefix="/v1", tags=["comparisons"])

ANSWER: Final = "comparison.json"


@router.post(
    "/comparisons",
    response_model=ComparisonModel,
    responses={**responses(404, 409, 422, 429), 202: {"model": ComparisonPending}},
)
async def compare(
    body: ComparisonRequest, response: Response, here: Planner
) -> dict[str, Any] | JSONResponse:
    """Compare plans: inputs, key figures under the same demand, drivers of cost, robust choice.

    It is a run of kind `comparison`. Unless it is done within `wait_seconds`, 202 names it.
    """
    run = await run_in_threadpool(_submitted, body, here)
    run = await wait_for(here.house.following, here.runs, run.id, body.wait_seconds)
    response.headers["Location"] = f"/v1/comparisons/{run.id}"
    return await run_in_threadpool(_told, here, run)


def _submitted(body: ComparisonRequest, here: Context) -> RunRow:
    plan = here.plan(body.baseline)
    own = set(ComparisonOptions.model_fields)
    return here.runs.submit(
        RunRequest(
            kind="comparison",
            scenario=plan.scenario_id,
            revision=plan.revision,
            plan=plan.id,
            comparison=ComparisonOptions.model_validate(body.model_dump(include=own)),
            options=RunOptions(replications=body.replications, seed=body.seed),
        )
    )


@router.get(
    "/comparisons/{run_id}",
    response_model=ComparisonModel,
    responses={**responses(404, 422), 202: {"model": ComparisonPending}},
)
def show(run_id: str, here: Reader) -> dict[str, Any] | JSONResponse:
    """Return a comparison, or 202 while its run goes on."""
    run = here.runs.row(run_id)
    if run.kind != "comparison":
        raise NotFound(f"no comparison {run_id!r}")
    return _told(here, run)


def _told(here: Context, run: RunRow) -> dict[str, Any] | JSONResponse:
    if run.state not in ENDED:
        document = ComparisonPending(run=run_model(run)).model_dump(mode="json")
        headers = {"Location": f"/v1/comparisons/{run.id}", "Retry-After": "2"}
        return JSONResponse(document, 202, headers)
    refuse_failed(run)
    return {"run": run.id, **answer_kept(here.blobs, here.plan(str(run.plan_id)), ANSWER)}
