"""Rows of the database as wire models."""

from __future__ import annotations

import json

from api.schemas.runs import RunModel
from api.schemas.wire import FindingModel, PlanModel, ScenarioModel
from api.store.blobs import BlobStore
from api.store.documents import get_plan, plan_files, plan_rows, scenario_outline
from api.store.rows import PlanRow, RevisionRow, RunRow, ScenarioRow
from optimizer.plan import records


def scenario_model(row: ScenarioRow, revision: RevisionRow, blobs: BlobStore) -> ScenarioModel:
    """Return a scenario as it goes over the wire."""
    name, rows = scenario_outline(blobs, revision.manifest)
    return ScenarioModel(
        id=row.id,
        name=name,
        revision=revision.content_hash,
        tables=rows,
        findings=[FindingModel.model_validate(finding) for finding in revision.findings],
        created_at=revision.created_at,
    )


def run_model(row: RunRow) -> RunModel:
    """Return a run as it goes over the wire."""
    return RunModel(
        id=row.id,
        kind=row.kind,
        state=row.state,
        scenario=row.scenario_id,
        revision=row.revision,
        attempt=row.attempt,
        stage=row.stage,
        share=row.share,
        reason=row.reason,
        plan=row.plan_id,
        certificates=row.certificates or [],
        labels=row.labels,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def plan_model(row: PlanRow, blobs: BlobStore) -> PlanModel:
    """Return a plan as it goes over the wire."""
    plan = get_plan(blobs, row.manifest, ("certificates",))
    provenance = json.loads(json.dumps(_plain_provenance(plan.provenance), default=str))
    return PlanModel(
        id=row.id,
        run=row.run_id,
        scenario=row.scenario_id,
        revision=row.revision,
        provenance=provenance,
        feasible=plan.feasible,
        certificates=records(plan.table("certificates")),
        tables=plan_rows(blobs, row.manifest),
        files=sorted(plan_files(blobs, row.manifest)),
        notes={stage: list(lines) for stage, lines in plan.notes.items()},
        created_at=row.created_at,
    )


def _plain_provenance(provenance: object) -> dict[str, object]:
    from dataclasses import asdict

    plain: dict[str, object] = asdict(provenance)  # type: ignore[call-overload]
    return plain
