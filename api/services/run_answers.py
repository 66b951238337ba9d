"""What a run has answered: a document beside its plan; and the runs that asked about a plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from api.store.documents import plan_files
from api.store.rows import PlanRow, RunRow

if TYPE_CHECKING:
    from api.store.blobs import BlobStore
    from api.store.database import TenantDatabase

LOOKED_AT: Final = 200  # newest runs of a kind, of which some may be about the same plan


def answer_kept(blobs: BlobStore, kept: PlanRow, name: str) -> dict[str, Any]:
    """Return the document of that name that a run has kept.

    Parameters
    ----------
    kept : the plan row of the run
    """
    document: dict[str, Any] = json.loads(blobs.get(plan_files(blobs, kept.manifest)[name]))
    return document


def runs_about(database: TenantDatabase, kind: str, plan_id: str) -> list[RunRow]:
    """Return the newest runs of a kind that are about a plan, newest first."""
    query = select(RunRow).where(RunRow.kind == kind).order_by(RunRow.created_at.desc())
    with database.session() as session:
        rows = session.scalars(query.limit(LOOKED_AT))
        return [row for row in rows if row.request.get("plan") == plan_id]
