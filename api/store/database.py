"""Metadata: scenarios and their revisions, runs and their events, plans."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from sqlalchemy import JSON, DateTime, ForeignKey, Index, String, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker


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


class ScenarioRow(Base):
    """A scenario: a name and the revision that is newest."""

    __tablename__ = "scenarios"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    name: Mapped[str]
    head: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class RevisionRow(Base):
    """One content of a scenario."""

    __tablename__ = "revisions"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    content_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    manifest: Mapped[str] = mapped_column(String(64))
    parent: Mapped[str | None] = mapped_column(String(64))
    deltas: Mapped[list[Any]]
    findings: Mapped[list[Any]]
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class RunRow(Base):
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
    attempt: Mapped[int] = mapped_column(default=0)
    stage: Mapped[str] = mapped_column(default="")
    share: Mapped[float] = mapped_column(default=0.0)
    reason: Mapped[str] = mapped_column(default="")
    plan_id: Mapped[str | None] = mapped_column(String(40))
    certificates: Mapped[list[Any]] = mapped_column(default=list)
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)
    started_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))
    ended_at: Mapped[dt.datetime | None] = mapped_column(DateTime(timezone=True))


class EventRow(Base):
    """Something that happened in a run; numbered from 1 in each run."""

    __tablename__ = "run_events"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    data: Mapped[dict[str, Any]]
    at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class PlanRow(Base):
    """A plan that a run made."""

    __tablename__ = "plans"

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"))
    revision: Mapped[str] = mapped_column(String(64))
    manifest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime] = mapped_column(DateTime(timezone=True), default=utc_now)


class KeyRow(Base):
    """The first answer to an Idempotency-Key."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    body_hash: Mapped[str] = mapped_column(String(64))
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))


class BookRow(Base):
    """How many online decisions a scenario has had; its lock makes them follow each other."""

    __tablename__ = "sourcing_books"

    scenario_id: Mapped[str] = mapped_column(ForeignKey("scenarios.id"), primary_key=True)
    decided: Mapped[int] = mapped_column(default=0)


class DecisionRow(Base):
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


class Database:
    """The metadata database; SQLite by default, anything SQLAlchemy speaks by URL."""

    def __init__(self, url: str) -> None:
        connect = {"timeout": 30.0} if url.startswith("sqlite") else {}
        self.engine: Engine = create_engine(url, connect_args=connect)
        if url.startswith("sqlite"):
            event.listen(self.engine, "connect", _careful_sqlite)
        Base.metadata.create_all(self.engine)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    def begin(self) -> Any:
        """Open a session whose changes are committed together, or not at all."""
        return self._sessions.begin()

    def session(self) -> Session:
        """Open a session to read with."""
        return self._sessions()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _careful_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
