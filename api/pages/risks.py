"""The button that lets a risk happen in the simulator."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from api.routes.context import Planner
from api.schemas.risks import RiskRequest
from api.services.risks import simulate_risk

router = APIRouter()


@router.post("/plans/{plan_id}/risks")
def simulate(
    plan_id: str,
    here: Planner,
    risk: Annotated[str, Form(min_length=1, max_length=400)],
) -> Response:
    """Start the stress run of a risk and show it."""
    plan = here.plan(plan_id)
    row = simulate_risk(here.runs, here.blobs, plan, RiskRequest(risk=risk))
    return RedirectResponse(f"/runs/{row.id}", 303)
