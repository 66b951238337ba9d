"""Wire models of `/v1/plans/{id}/risks`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.schemas.wire import Wire


class RiskRequest(Wire):
    """A risk that is to happen in the simulator."""

    risk: Annotated[
        str,
        Field(
            min_length=1, max_length=400, description="risk_id, as supplier_lateness:supplier:S1"
        ),
    ]
    replications: Annotated[int | None, Field(ge=2, le=100_000)] = None
    seed: Annotated[int | None, Field(ge=0, lt=2**53)] = None
