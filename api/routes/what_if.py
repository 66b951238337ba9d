"""/v1/plans/{id}:what-if: what forcing or forbidding one decision of a plan would change."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from api.errors import responses
from api.routes.context import Context, Planner
from api.runs.states import ENDED
from api.schemas.what_if import WhatIfAnswer, WhatIfPending, WhatIfRequest
from api.services.what_if import answer_of, refuse_failed, submit, wait_for
from api.services.wired import run_model
from api.store.rows import RunRow

router = APIRouter(prefix="/v1", tags=["plans"])


@router.post(
    "/plans/{plan_id}:what-if",
    response_model=WhatIfAnswer,
    responses={**responses(404, 409, 422, 429), 202: {"model": WhatIfPending}},
)
async def what_if(
    plan_id: str, body: WhatIfRequest, response: Response, here: Planner
) -> dict[str, Any] | JSONResponse:
    """Force or forbid one decision: change of cost, service and CO2e, and what else moves.

    It is a run of kind `what_if`. The request waits for it; where it takes longer, 202 names it,
    and its plan has the answer as file `what_if.json`.
    """
    run = await run_in_threadpool(lambda: submit(here.runs, here.plan(plan_id), body))
    run = await wait_for(here.house.following, here.runs, run.id, body.wait_seconds)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    return await run_in_threadpool(_told, here, run)


def _told(here: Context, run: RunRow) -> dict[str, Any] | JSONResponse:
    if run.state not in ENDED:
        document = WhatIfPending(run=run_model(run)).model_dump(mode="json")
        headers = {"Location": f"/v1/runs/{run.id}", "Retry-After": "1"}
        return JSONResponse(document, 202, headers)
    refuse_failed(run)
    return answer_of(here.blobs, run, here.plan(str(run.plan_id)))
