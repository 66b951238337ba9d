"""Whose run is next: tenants take turns, and none has more under way than its share.

A run is held beside the queue while its tenant has as many queued or under way as it may have; the
queue holds what may begin. Among runs of one priority the turn decides: a tenant's next run stands
behind its own, but beside the first that waits of anybody else. So a thousand runs of one tenant
are passed by the first run of another.

Source: start-time fair queueing, Goyal, Vin and Cheng, SIGCOMM 1996.
"""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.runs.backend import JobBackend
from api.store.rows import RunRow, TenantRow

OPEN = ("queued", "running", "cancelling")


def next_turn(session: Session, tenant_id: str, priority: int) -> int:
    """Return the turn of a tenant's next run; the session may see that tenant only."""
    queued = select(RunRow.turn).where(RunRow.state == "queued", RunRow.priority == priority)
    whole = session.connection()
    first = whole.scalar(queued.order_by(RunRow.turn).limit(1))
    own = queued.where(RunRow.tenant_id == tenant_id)
    last = whole.scalar(own.order_by(RunRow.turn.desc()).limit(1))
    return max(0 if first is None else first, 0 if last is None else last + 1)


def admit(session: Session, tenant_id: str, backend: JobBackend, usual: int) -> None:
    """Queue held runs of a tenant as far as it has room, within the caller's transaction.

    Parameters
    ----------
    usual : runs under way of a tenant that has no limit of its own; 0: no limit
    """
    locked = select(TenantRow).where(TenantRow.id == tenant_id).with_for_update()
    tenant = session.scalar(locked)
    if tenant is None:
        return
    session.flush()
    most = usual if tenant.max_running is None else tenant.max_running
    own = (RunRow.tenant_id == tenant_id, RunRow.state.in_(OPEN))
    held = select(RunRow).where(*own, RunRow.held.is_(True), RunRow.state == "queued")
    held = held.order_by(RunRow.priority, RunRow.turn, RunRow.created_at)
    if most:
        counted = select(func.count()).select_from(RunRow).where(*own, RunRow.held.is_(False))
        room = most - (session.scalar(counted) or 0)
        if room <= 0:
            return
        held = held.limit(room)
    # whoever has one locked is ending it, and may wait for the lock on the tenant
    for row in session.scalars(held.with_for_update(skip_locked=True)).all():
        row.held = False
        backend.enqueue(session, row)


def tenants_held(session: Session) -> list[str]:
    """Return the tenants that have held runs."""
    held = select(RunRow.tenant_id).where(RunRow.held.is_(True), RunRow.state == "queued")
    return list(session.scalars(held.distinct()))
