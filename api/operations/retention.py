"""Deletion: of what is old, and of a tenant with all that is its own."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete, func, select
from sqlalchemy.orm import aliased

from api.runs.states import ENDED
from api.security.trail import record
from api.store.database import Database, TenantDatabase
from api.store.rows import (
    ApiKeyRow,
    BookRow,
    ChunkRow,
    ConfirmationRow,
    DecisionRow,
    DeliveryRow,
    EventRow,
    IdempotencyRow,
    PlanRow,
    PublicationRow,
    RevisionRow,
    RowDecisionRow,
    RunRow,
    ScenarioRow,
    ScheduleRow,
    TenantRow,
    TrailRow,
    VisitRow,
    WebhookRow,
    utc_now,
)
from scenarios import Conflict

OWNED = (ConfirmationRow, DeliveryRow, WebhookRow, ScheduleRow, VisitRow, DecisionRow, BookRow,
         IdempotencyRow, RowDecisionRow, PublicationRow, PlanRow, ChunkRow, RunRow, RevisionRow,
         ScenarioRow, ApiKeyRow, TrailRow)  # fmt: skip


def forget_old_runs(database: TenantDatabase, days: int) -> int:
    """Delete a tenant's runs that ended so many days ago, with their events and plans.

    A plan stays that holds online decisions, and so do the newest plan of each scenario and the
    one that is published.

    Returns
    -------
    runs : how many are gone
    """
    before = utc_now() - dt.timedelta(days=days)
    with database.begin() as session:
        newest = select(func.max(PlanRow.created_at)).group_by(PlanRow.scenario_id)
        later = aliased(PublicationRow)
        is_superseded = (
            select(later.plan_id)
            .where(
                later.scenario_id == PublicationRow.scenario_id,
                later.number > PublicationRow.number,
            )
            .exists()
        )
        published = select(PublicationRow.plan_id).where(
            PublicationRow.number.is_not(None), ~is_superseded
        )
        kept = select(PlanRow.run_id).where(
            PlanRow.created_at.in_(newest)
            | PlanRow.id.in_(select(DecisionRow.plan_id))
            | PlanRow.id.in_(published)
        )
        old = list(
            session.scalars(
                select(RunRow.id).where(
                    RunRow.state.in_(ENDED), RunRow.ended_at < before, RunRow.id.not_in(kept)
                )
            )
        )
        for run_id in old:
            plans = select(PlanRow.id).where(PlanRow.run_id == run_id)
            for beside in (RowDecisionRow, PublicationRow):
                session.execute(delete(beside).where(beside.plan_id.in_(plans)))
            for row in (EventRow, PlanRow, IdempotencyRow):
                session.execute(delete(row).where(row.run_id == run_id))
            session.execute(delete(RunRow).where(RunRow.id == run_id))
        if old:
            record(session, "runs.deleted", database.tenant_id, {"days": days, "runs": len(old)})
    return len(old)


def forget_old_visits(database: Database, days: int) -> int:
    """Delete visits of browsers that ended so many days ago; return how many.

    A visit that has ended opens nothing; one whose key is gone went with it.
    """
    before = utc_now() - dt.timedelta(days=days)
    with database.begin() as session:
        old = delete(VisitRow).where(VisitRow.ends_at < before)
        return len(session.scalars(old.returning(VisitRow.token_hash)).all())


def delete_tenant(database: Database, tenant_id: str) -> None:
    """Delete a tenant and every row of it; its blobs go with the next sweep.

    Raises
    ------
    Conflict
        It has runs that have not ended.
    """
    with database.begin() as session:
        session.execute(select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update())
        own = select(RunRow.id).where(RunRow.tenant_id == tenant_id)
        busy = list(session.scalars(own.where(RunRow.state.not_in(ENDED))))
        if busy:
            raise Conflict(f"{len(busy)} runs have not ended, as {busy[0]}; cancel them first")
        session.execute(delete(EventRow).where(EventRow.run_id.in_(own)))
        for row in OWNED:
            session.execute(delete(row).where(row.tenant_id == tenant_id))
        session.execute(delete(TenantRow).where(TenantRow.id == tenant_id))
