"""How a run's state changes, always together with the event that tells of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.runs.chunks import forget_chunks
from api.runs.webhooks import announce
from api.store.rows import EventRow, RunRow, utc_now

UNDER_WAY = ("running", "cancelling")
ENDED = ("succeeded", "failed", "cancelled")


def note(session: Session, run_id: str, kind: str, data: dict[str, Any]) -> None:
    """Add an event to a run; the run's row is locked until the caller commits."""
    session.execute(select(RunRow.id).where(RunRow.id == run_id).with_for_update())
    last = session.scalar(select(func.max(EventRow.number)).where(EventRow.run_id == run_id))
    session.add(EventRow(run_id=run_id, number=(last or 0) + 1, kind=kind, data=data))
    session.flush()


def end(session: Session, row: RunRow, state: str, reason: str) -> None:
    """End a run."""
    row.state, row.reason, row.ended_at, row.worker_id = state, reason, utc_now(), None
    forget_chunks(session, row.id)
    announce(session, row)
    note(session, row.id, "done", {"state": state, "reason": reason, "plan": row.plan_id})


def end_new(session: Session, row: RunRow, state: str, reason: str) -> None:
    """Add a run that has ended as soon as it was handed in: it has no events and no chunks."""
    row.state, row.reason, row.ended_at = state, reason, utc_now()
    session.add(row)
    session.flush()
    announce(session, row)
    data = {"state": state, "reason": reason, "plan": None}
    session.add(EventRow(run_id=row.id, number=1, kind="done", data=data))


def put_back(session: Session, row: RunRow, reason: str) -> None:
    """Return a run under way to the queue; the caller enqueues its next attempt."""
    row.state, row.worker_id, row.stage, row.share = "queued", None, "", 0.0
    note(session, row.id, "state", {"state": "queued", "reason": reason})
