"""Reports of nights: kept beside the plan; of a night without one, made of what its run says."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from api.nightly.report import Told, report_document
from api.runs.nights import REPORT_FILE
from api.runs.states import ENDED
from api.services.publishing import PublishingService
from api.store.blobs import BlobStore
from api.store.database import TenantDatabase
from api.store.documents import plan_files
from api.store.rows import RunRow
from scenarios import Conflict, NotFound


def night_report(database: TenantDatabase, blobs: BlobStore, row: RunRow) -> dict[str, Any]:
    """Return the report of a run of kind nightly.

    What became of the plan afterwards is told: published on somebody's word, or superseded.

    Raises
    ------
    NotFound
        The run is no night.
    Conflict
        It has not ended.
    """
    if row.kind != "nightly":
        raise NotFound(f"run {row.id!r} is of kind {row.kind}; only nights have reports")
    if row.state not in ENDED:
        raise Conflict(f"run {row.id} is {row.state}; its report is there when it has ended")
    if row.plan_id is not None:
        publishing = PublishingService(database, blobs)
        standing = publishing.standing(row.plan_id)
        files = plan_files(blobs, standing.plan.manifest)
        if REPORT_FILE in files:
            document: dict[str, Any] = json.loads(blobs.get(files[REPORT_FILE]))
            return document | _standing_of(publishing, row)
    began = row.started_at or row.created_at
    told = Told(
        f"{row.created_at:%Y-%m-%d}",
        "cancelled" if row.state == "cancelled" else "failed",
        _utc(began),
        _utc(row.ended_at or began),
        reason=row.reason,
        findings=tuple(row.request.get("errors", [])),
    )
    return report_document(told, None, None) | {"run": row.id, "plan": row.plan_id}


def _standing_of(publishing: PublishingService, row: RunRow) -> dict[str, Any]:
    assert row.plan_id is not None, "asked for of a run with a plan"
    standing = publishing.standing(row.plan_id)
    told: dict[str, Any] = {"run": row.id, "plan": row.plan_id, "state": standing.state}
    if standing.publication is None:
        if row.reason:
            told |= {"outcome": "cancelled" if row.state == "cancelled" else "held"}
            told |= {"reason": row.reason}
        return told
    told["gates"] = standing.publication.judgement
    if standing.publication.number is not None:
        told |= {"outcome": "published", "reason": ""}
    return told


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
