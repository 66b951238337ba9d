"""The metadata database: whole transactions, and sessions that see one tenant only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any, Final, Protocol

from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.orm.interfaces import ORMOption

from api.store.migrate import migrate
from api.store.rows import TenantOwned

WAIT_SECONDS: Final = 30.0  # for a connection, or for SQLite's write lock
SQLITE_WRITERS: Final = {"pool_size": 1, "max_overflow": 0}
SERVER_WRITERS: Final = {"pool_size": 4, "max_overflow": 2}
READERS: Final = {"pool_size": 5, "max_overflow": 4}


class Sessions(Protocol):
    """Where sessions come from: of one tenant, or of the whole database."""

    def begin(self) -> AbstractContextManager[Session]:
        """Open a session whose changes are committed together, or not at all."""

    def session(self) -> Session:
        """Open a session to read with."""


class Database:
    """The whole metadata database; SQLite by default, PostgreSQL by URL.

    Sessions of this class see all tenants' rows: they are for workers and commands. What answers
    a request uses `of(tenant_id)`.

    Those who write and those who read have connections of their own, so that no reader waits
    behind writers who wait for each other. On SQLite, which has one write lock, one connection
    writes: who waits for it waits in this process and in turn, not by asking the file again
    and again.

    Attributes
    ----------
    engine : to read with
    writer : to write with
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self.url = url
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self.engine: Engine = _sqlite(parsed, READERS)
            self.writer: Engine = _sqlite(parsed, SQLITE_WRITERS)
        else:
            # each statement sees what is committed, as it does in a transaction: none is begun
            self.engine = _server(parsed, READERS, isolation_level="AUTOCOMMIT")
            self.writer = _server(parsed, SERVER_WRITERS)
        migrate(self.writer)
        writing = self.writer.execution_options(holdfast_writes=True)
        self._writers = sessionmaker(writing, class_=_Session, expire_on_commit=False)
        self._readers = sessionmaker(self.engine, class_=_Session, expire_on_commit=False)

    @contextlib.contextmanager
    def begin(self, **told: str) -> Iterator[Session]:
        """Open a session whose changes are committed together, or not at all.

        On SQLite it holds the one write lock from its start, so that what it reads stays true
        until it commits; on PostgreSQL rows are locked where they are read for update.

        Parameters
        ----------
        told : `tenant` and `actor` of the session, which `of` fills in
        """
        with self._writers(info=told) as session, session.begin():
            yield session

    def session(self, **told: str) -> Session:
        """Open a session to read with."""
        return self._readers(info=told)

    def of(self, tenant_id: str, actor: str = "") -> TenantDatabase:
        """Return what a tenant may see, for somebody who acts for it."""
        return TenantDatabase(self, tenant_id, actor)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
        self.writer.dispose()


class TenantDatabase:
    """The rows of one tenant; others' rows are not there, whatever is asked for.

    Parameters
    ----------
    database : the whole
    tenant_id : whose rows are seen, and whose new rows become
    actor : who acts, for the audit trail
    """

    def __init__(self, database: Database, tenant_id: str, actor: str) -> None:
        self.whole = database
        self.tenant_id = tenant_id
        self.actor = actor

    def begin(self) -> AbstractContextManager[Session]:
        """Open a session whose changes are committed together, or not at all."""
        return self.whole.begin(tenant=self.tenant_id, actor=self.actor)

    def session(self) -> Session:
        """Open a session to read with."""
        return self.whole.session(tenant=self.tenant_id)


class _Session(Session):
    """A session that adds its tenant, where it has one, to all that it reads and writes."""


@event.listens_for(_Session, "do_orm_execute")
def _see_own_rows(state: ORMExecuteState) -> None:
    tenant_id = state.session.info.get("tenant")
    if tenant_id is None or state.is_column_load or state.is_relationship_load:
        return
    state.statement = state.statement.options(_own_rows(tenant_id))


@lru_cache(maxsize=1024)
def _own_rows(tenant_id: str) -> ORMOption:
    """Return what keeps a statement to the rows of one tenant."""
    return with_loader_criteria(
        TenantOwned, lambda row: row.tenant_id == tenant_id, include_aliases=True
    )


@event.listens_for(_Session, "before_flush")
def _write_own_rows(session: Session, _context: Any, _instances: Any) -> None:
    tenant_id = session.info.get("tenant")
    if tenant_id is None:
        return
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned):
            if row.tenant_id in (None, tenant_id):
                row.tenant_id = tenant_id
            else:
                raise RuntimeError(f"a row of another tenant in a session of {tenant_id}")


def _sqlite(url: URL, pool: Mapping[str, int]) -> Engine:
    engine = create_engine(
        url, connect_args={"timeout": WAIT_SECONDS}, pool_timeout=WAIT_SECONDS, **pool
    )
    event.listen(engine, "connect", _careful_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _server(url: URL, pool: Mapping[str, int], **more: Any) -> Engine:
    with_driver = url.set(drivername="postgresql+psycopg")
    return create_engine(with_driver, pool_pre_ping=True, pool_timeout=WAIT_SECONDS, **pool, **more)


def _careful_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where _begin_sqlite says so
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("holdfast_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
