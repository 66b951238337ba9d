"""/v1/sourcing: what an order is promised, now."""

from __future__ import annotations

from fastapi import APIRouter

from api.errors import responses
from api.routes.context import Planner
from api.schemas.sourcing import DecideRequest, DecisionModel

router = APIRouter(prefix="/v1", tags=["sourcing"])


@router.post("/sourcing:decide", responses=responses(404, 409, 422))
def decide(body: DecideRequest, here: Planner) -> DecisionModel:
    """Promise one order: date, parcels and the reason, by the prices of the last batch.

    What is promised is reserved in the same transaction. The same order again gets the same
    answer; another order under the same order_id is refused. 409: the plan is not the newest
    with parcels any more, its horizon is over, or it ships the order already.
    """
    return here.decisions.decide(body)
