"""Risks of a plan: the run that lets one of them happen, without and with its playbook."""

from __future__ import annotations

from api.schemas.risks import RiskRequest
from api.schemas.runs import RunOptions, RunRequest
from api.services.runs import RunService
from api.store.blobs import BlobStore
from api.store.documents import get_plan
from api.store.rows import PlanRow, RunRow


def simulate_risk(
    runs: RunService, blobs: BlobStore, plan: PlanRow, request: RiskRequest, key: str | None = None
) -> RunRow:
    """Queue the stress run of a risk.

    Raises
    ------
    NotFound
        The plan has no such risk.
    InputError
        The simulator has nothing that stands for it.
    """
    from simulation.risk_drill import risk_document

    risk_document(get_plan(blobs, plan.manifest, ("risks",)), request.risk)
    return runs.submit(
        RunRequest(
            kind="stress",
            scenario=plan.scenario_id,
            revision=plan.revision,
            plan=plan.id,
            risk=request.risk,
            options=RunOptions(replications=request.replications, seed=request.seed),
        ),
        key,
    )
