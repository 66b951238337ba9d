"""The rows of the metadata: tenants and keys, scenarios, runs, plans, and who did what.

A row that belongs to a tenant is seen only through that tenant's sessions (`database`).
"""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def new_id(kind: str) -> str:
    """Return a new id that cannot be guessed, as in run_3f0c..."""
    return f"{kind}_{secrets.token_hex(10)}"


def utc_now() -> dt.datetime:
    """Return the time now, UTC, to the millisecond."""
    now = dt.datetime.now(dt.UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class Base(DeclarativeBase):
    """All tables of the metadata."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}  # noqa: RUF012


class TenantRow(Base):
    """Whose scenarios, runs and plans they are."""

    __tablename__ = "tenants"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    max_queued: Mapped[int | None]
    max_running: Mapped[int | None]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class TenantOwned:
    """A row that belongs to one tenant."""

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), index=True)


class ApiKeyRow(TenantOwned, Base):
    """A key of the service; its secret is known to its holder only.

    A partner's key has no scopes; it sees what is its own of one scenario.
    """

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    revoked_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    partner_kind: Mapped[str | None] = mapped_column(String(20))
    partner_id: Mapped[str | None] = mapped_column(String(200))
    partner_scenario: Mapped[str | None] = mapped_column(String(40))


class VisitRow(TenantOwned, Base):
    """A browser that has shown a key; its cookie is as good as the key until it ends."""

    __tablename__ = "visits"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    key_id: Mapped[str] = mapped_column(ForeignKey("api_keys.id"))
    ends_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))


class TrailRow(TenantOwned, Base):
    """Who did what: numbered from 1 for each tenant, each record hashed over the one before."""

    __tablename__ = "audit_trail"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str] = mapped_column(String(200))
    action: Mapped[str] = mapped_column(String(60))
    target: Mapped[str] = mapped_column(String(200))
    detail: Mapped[dict[str, Any]]
    hash_before: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ScenarioRow(TenantOwned, Base):
    """A scenario: a name and the revision that is newest."""

    __tablename__ = "scenarios"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str]
    head: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class RevisionRow(TenantOwned, Base):
    """One content of a scenario."""

    __tablename__ = "revisions"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    manifest: Mapped[str] = mapped_column(String(64))
    parent: Mapped[str | None] = mapped_column(String(64))
    deltas: Mapped[list[Any]]
    findings: Mapped[list[Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class RunRow(TenantOwned, Base):
    """A run: what was asked for, and how it goes."""

    __tablename__ = "runs"
    __table_args__ = (Index("runs_by_state", "state", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))
    revision: Mapped[str] = mapped_column(String(64))
    request: Mapped[dict[str, Any]]
    labels: Mapped[dict[str, Any]]
    priority: Mapped[int] = mapped_column(default=5)
    turn: Mapped[int] = mapped_column(default=0)
    held: Mapped[bool] = mapped_column(default=False)
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(String(60), index=True)
    partial: Mapped[dict[str, Any] | None]
    steps: Mapped[dict[str, Any] | None]
    stage: Mapped[str] = mapped_column(default="")
    share: Mapped[float] = mapped_column(default=0.0)
    reason: Mapped[str] = mapped_column(default="")
    plan_id: Mapped[str | None] = mapped_column(String(40))
    certificates: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    started_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))


class ChunkRow(TenantOwned, Base):
    """A part of a run that any worker may do; named by the hash of what it is made of."""

    __tablename__ = "run_chunks"
    __table_args__ = (Index("chunks_by_state", "state", "turn"),)

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    work: Mapped[str] = mapped_column(String(64))
    chunk: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(20))
    turn: Mapped[int]
    attempt: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    worker_id: Mapped[str | None] = mapped_column(String(60), index=True)
    result: Mapped[str | None] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(default="")


class WorkerRow(Base):
    """A worker that is alive as long as `beats` goes up."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    beats: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class EventRow(Base):
    """Something that happened in a run; numbered from 1 in each run."""

    __tablename__ = "run_events"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class PlanRow(TenantOwned, Base):
    """A plan that a run made."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))
    revision: Mapped[str] = mapped_column(String(64))
    manifest: Mapped[str] = mapped_column(String(64))
    decision: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class PublicationRow(TenantOwned, Base):
    """A plan that was approved, published or both; the published one of the highest number holds.

    `number` counts what was published of a scenario; blank: approved only.
    """

    __tablename__ = "publications"
    __table_args__ = (Index("publications_by_number", "scenario_id", "number", unique=True),)

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))
    plan_hash: Mapped[str] = mapped_column(String(64))
    judgement: Mapped[dict[str, Any]]
    number: Mapped[int | None]
    published_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    published_by: Mapped[str] = mapped_column(String(300), default="")
    approved_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    approved_by: Mapped[str] = mapped_column(String(300), default="")


class RowDecisionRow(TenantOwned, Base):
    """What somebody decided about one row of a plan; the plan itself never changes."""

    __tablename__ = "row_decisions"

    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"), primary_key=True)
    table_name: Mapped[str] = mapped_column(String(60), primary_key=True)
    row_key: Mapped[str] = mapped_column(String(400), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(20))
    qty: Mapped[float | None]
    note: Mapped[str] = mapped_column(String(500), default="")
    decided_by: Mapped[str] = mapped_column(String(300))
    decided_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class ConfirmationRow(TenantOwned, Base):
    """What a partner says of an order line: it comes as ordered, or when and how much else.

    A supplier's waits until a planner applies or rejects it; a later one about the same line takes
    its place. A carrier's is noted.
    """

    __tablename__ = "confirmations"
    __table_args__ = (Index("confirmations_by_line", "scenario_id", "order_id", "line"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))
    partner_kind: Mapped[str] = mapped_column(String(20))
    partner_id: Mapped[str] = mapped_column(String(200))
    key_id: Mapped[str] = mapped_column(String(40))
    order_id: Mapped[str] = mapped_column(String(200))
    line: Mapped[str] = mapped_column(String(200))
    product_id: Mapped[str] = mapped_column(String(200))
    site_id: Mapped[str] = mapped_column(String(200))
    ordered_on: Mapped[dt.date | None]
    ordered_qty: Mapped[float | None]
    ordered_due_on: Mapped[dt.date | None]
    qty: Mapped[float | None]
    due_on: Mapped[dt.date]
    note: Mapped[str] = mapped_column(String(500), default="")
    state: Mapped[str] = mapped_column(String(20), default="pending")
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    decided_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    decided_by: Mapped[str] = mapped_column(String(300), default="")
    revision: Mapped[str | None] = mapped_column(String(64))


class IdempotencyRow(TenantOwned, Base):
    """The first answer to an Idempotency-Key."""

    __tablename__ = "idempotency_keys"

    tenant_id: Mapped[str] = mapped_column(ForeignKey("tenants.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))


class BookRow(TenantOwned, Base):
    """How many online decisions a scenario has had; its lock makes them follow each other."""

    __tablename__ = "sourcing_books"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    decided: Mapped[int] = mapped_column(default=0)


class DecisionRow(TenantOwned, Base):
    """What an order was promised online; it holds its stock until a plan knows the order."""

    __tablename__ = "sourcing_decisions"
    __table_args__ = (Index("decisions_by_number", "scenario_id", "number", unique=True),)

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[int]
    plan_id: Mapped[str] = mapped_column(ForeignKey("plans.id"))
    channel_id: Mapped[str] = mapped_column(String(200), default="")
    ready_on: Mapped[dt.date]
    body_hash: Mapped[str] = mapped_column(String(64))
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class ScheduleRow(TenantOwned, Base):
    """A run that is started again and again, by the clock of a place."""

    __tablename__ = "schedules"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    cron: Mapped[str] = mapped_column(String(100))
    timezone: Mapped[str] = mapped_column(String(60))
    request: Mapped[dict[str, Any]]
    paused: Mapped[bool] = mapped_column(default=False)
    done_until: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True))
    reason: Mapped[str] = mapped_column(default="")
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class WebhookRow(TenantOwned, Base):
    """An address that is told how runs end."""

    __tablename__ = "webhooks"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    events: Mapped[list[Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class DeliveryRow(TenantOwned, Base):
    """Something that an address is to be told; told at least once, or given up on."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("deliveries_by_time", "state", "next_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    webhook_id: Mapped[str] = mapped_column(ForeignKey("webhooks.id"), index=True)
    body: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(String(20), default="waiting")
    tries: Mapped[int] = mapped_column(default=0)
    answer: Mapped[str] = mapped_column(String(300), default="")
    next_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
