"""/v1/plans/{id}/promotions and /v1/promotions: what if this promotion ran."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import JSONResponse

from api.errors import responses
from api.routes.context import Planner, Reader
from api.runs.states import ENDED
from api.schemas.promotions import PromotionModel, PromotionPending, PromotionRequest
from api.schemas.runs import PromotionOptions, RunModel, RunOptions, RunRequest
from api.services.run_answers import answer_kept
from api.services.what_if import refuse_failed
from api.services.wired import run_model
from scenarios import NotFound

router = APIRouter(prefix="/v1", tags=["promotions"])

ANSWER: Final = "promotion.json"


@router.post(
    "/plans/{plan_id}/promotions:simulate", status_code=202, responses=responses(404, 409, 422, 429)
)
def simulate(
    plan_id: str,
    body: PromotionRequest,
    response: Response,
    here: Planner,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> RunModel:
    """Queue a run of kind `promotion`: uplift x stock x capacity, simulated, itemised.

    `GET /v1/promotions/{run}` returns what it found.
    """
    plan = here.plan(plan_id)
    own = set(PromotionOptions.model_fields)
    options = RunOptions(replications=body.replications, seed=body.seed, work=body.work)
    row = here.runs.submit(
        RunRequest(
            kind="promotion",
            scenario=plan.scenario_id,
            revision=plan.revision,
            plan=plan.id,
            promotion=PromotionOptions.model_validate(body.model_dump(include=own)),
            options=options,
        ),
        idempotency_key,
    )
    response.headers["Location"] = f"/v1/promotions/{row.id}"
    response.headers["Retry-After"] = "1"
    return run_model(row)


@router.get(
    "/promotions/{run_id}",
    response_model=PromotionModel,
    responses={**responses(404, 422), 202: {"model": PromotionPending}},
)
def show(run_id: str, here: Reader) -> dict[str, Any] | JSONResponse:
    """Return what a promotion would do, or 202 while its run goes on."""
    run = here.runs.row(run_id)
    if run.kind != "promotion":
        raise NotFound(f"no promotion run {run_id!r}")
    if run.state not in ENDED:
        document = PromotionPending(run=run_model(run)).model_dump(mode="json")
        headers = {"Location": f"/v1/promotions/{run.id}", "Retry-After": "2"}
        return JSONResponse(document, 202, headers)
    refuse_failed(run)
    return {"run": run.id, **answer_kept(here.blobs, here.plan(str(run.plan_id)), ANSWER)}
