"""/v1/plans/{id}:what-if: what forcing or forbidding one decision of a plan would change."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api.errors import responses
from api.routes.context import Planner
from api.runs.states import ENDED
from api.schemas.what_if import WhatIfAnswer, WhatIfPending, WhatIfRequest
from api.services.what_if import answer_of, refuse_failed, submit, wait_for
from api.services.wired import run_model

router = APIRouter(prefix="/v1", tags=["plans"])


@router.post(
    "/plans/{plan_id}:what-if",
    response_model=WhatIfAnswer,
    responses={**responses(404, 409, 422, 429), 202: {"model": WhatIfPending}},
)
def what_if(
    plan_id: str, body: WhatIfRequest, response: Response, here: Planner
) -> dict[str, Any] | JSONResponse:
    """Force or forbid one decision: change of cost, service and CO2e, and what else moves.

    It is a run of kind `what_if`. The request waits for it; where it takes longer, 202 names it,
    and its plan has the answer as file `what_if.json`.
    """
    run = submit(here.runs, here.plan(plan_id), body)
    run = wait_for(here.runs, run.id, body.wait_seconds)
    response.headers["Location"] = f"/v1/runs/{run.id}"
    if run.state not in ENDED:
        document = WhatIfPending(run=run_model(run)).model_dump(mode="json")
        headers = {"Location": f"/v1/runs/{run.id}", "Retry-After": "1"}
        return JSONResponse(document, 202, headers)
    refuse_failed(run)
    return answer_of(here.blobs, run, here.plan(str(run.plan_id)))
