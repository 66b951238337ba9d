"""Chunks of a run in the database: what is asked for, who has it, what came of it.

A chunk is named by the hashes of its work and content. A run that is tried again asks for the same
chunks and finds those that are done. All chunks of a run go when it ends: whoever still works on
one sees that its row is gone, and stops.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final, Protocol

from sqlalchemy import case, delete, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.store.database import Database
from api.store.rows import ChunkRow, RunRow
from optimizer.executor import died_too_often

TAKEN_UP: Final = 200  # of the chunks that wait, so many are looked after
STAYING: Final = 4  # turns by which a chunk may pass others where its work is loaded


class ChunkQueue(Protocol):
    """Queues attempts at chunks."""

    def enqueue_chunk(self, session: Session, row: ChunkRow) -> None:
        """Queue a chunk's next attempt within the caller's transaction."""

    def drop(self, names: list[str]) -> None:
        """Take attempts off the queue for good."""


@dataclass(frozen=True, slots=True)
class Told:
    """A chunk that has ended: `result` is the hash of its answer, or `reason` says what failed."""

    key: str
    result: str | None
    reason: str


class Chunks:
    """The chunks of all runs.

    Parameters
    ----------
    database : the whole
    queue : where attempts at chunks are queued
    most_deaths : processes that a chunk may take with it
    """

    def __init__(self, database: Database, queue: ChunkQueue, most_deaths: int) -> None:
        self.database = database
        self.queue = queue
        self.most_deaths = most_deaths

    def ask(self, run_id: str, work: str, chunks: Sequence[str]) -> list[str]:
        """Queue those chunks of a run that are not there yet; return the names of all.

        Parameters
        ----------
        work, chunks : hashes of blobs
        """
        keys = [name_of(work, chunk) for chunk in chunks]
        with self.database.begin() as session:
            run = session.get(RunRow, run_id, with_for_update=True)
            if run is None or run.state not in ("running", "cancelling"):
                return keys  # it has ended: nobody waits for them
            known = set(session.scalars(select(ChunkRow.key).where(ChunkRow.run_id == run_id)))
            turn = _first_turn(session, run.tenant_id)
            for key, chunk in zip(keys, chunks, strict=True):
                if key in known:
                    continue
                known.add(key)
                row = ChunkRow(
                    run_id=run_id, key=key, tenant_id=run.tenant_id, work=work, chunk=chunk,
                    state="queued", turn=turn,
                )  # fmt: skip
                turn += 1
                session.add(row)
                self.queue.enqueue_chunk(session, row)
        return keys

    def ended(self, run_id: str) -> list[Told]:
        """Return the chunks of a run that are done or have failed."""
        query = select(ChunkRow.key, ChunkRow.result, ChunkRow.reason)
        query = query.where(ChunkRow.run_id == run_id, ChunkRow.state.in_(("done", "failed")))
        with self.database.session() as session:
            return [Told(key, result, reason) for key, result, reason in session.execute(query)]

    def begin(self, run_id: str, key: str, number: int, worker_id: str) -> ChunkRow | None:
        """Take a chunk, if it waits for just this attempt."""
        with self.database.begin() as session:
            row = session.get(ChunkRow, (run_id, key), with_for_update=True)
            if row is None or row.state != "queued" or row.attempt != number - 1:
                return None
            row.state, row.attempt, row.worker_id = "running", number, worker_id
        taken: ChunkRow = row
        return taken

    def begin_next(self, worker_id: str, work: str) -> ChunkRow | None:
        """Take the chunk whose turn is next; one of the work that is loaded may come a bit earlier.

        The attempt that is queued for it is taken off the queue; where that fails, it does nothing
        when it is taken.
        """
        loaded = case((ChunkRow.work == work, STAYING), else_=0)
        query = select(ChunkRow).where(ChunkRow.state == "queued")
        query = query.order_by(ChunkRow.turn - loaded, ChunkRow.turn)
        with self.database.begin() as session:
            row = session.scalars(query.limit(1).with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            row.state, row.attempt, row.worker_id = "running", row.attempt + 1, worker_id
        taken: ChunkRow = row
        with contextlib.suppress(SQLAlchemyError):
            self.queue.drop([attempt_id(taken.run_id, taken.key, taken.attempt)])
        return taken

    def is_wanted(self, run_id: str, key: str, number: int) -> bool:
        """Say whether an attempt is still the chunk's."""
        with self.database.session() as session:
            row = session.get(ChunkRow, (run_id, key))
        return row is not None and row.attempt == number and row.state == "running"

    def finish(self, run_id: str, key: str, number: int, told: Told) -> None:
        """Keep what came of a chunk, unless another attempt has taken over."""
        with self.database.begin() as session:
            row = _mine(session, run_id, key, number)
            if row is not None:
                row.state = "failed" if told.result is None else "done"
                row.result, row.reason, row.worker_id = told.result, told.reason, None

    def put_back(self, run_id: str, key: str, number: int, death: str = "") -> None:
        """Queue a chunk again that was not finished; `death` says what its process died of."""
        with self.database.begin() as session:
            row = _mine(session, run_id, key, number)
            if row is not None:
                self._again(session, row, death)

    def bury(self, session: Session, worker_id: str) -> None:
        """Queue again what a dead worker had."""
        held = select(ChunkRow).where(ChunkRow.worker_id == worker_id, ChunkRow.state == "running")
        for row in session.scalars(held.with_for_update()).all():
            self._again(session, row, "its worker was lost")

    def holders(self, session: Session) -> set[str]:
        """Return the workers that have chunks."""
        held = select(ChunkRow.worker_id).where(ChunkRow.state == "running").distinct()
        return {worker_id for worker_id in session.scalars(held) if worker_id}

    def waiting(self) -> dict[str, tuple[str, str, int]]:
        """Return the next chunks that wait, by the name of their attempt in the queue."""
        query = select(ChunkRow.run_id, ChunkRow.key, ChunkRow.attempt)
        query = query.where(ChunkRow.state == "queued").order_by(ChunkRow.turn).limit(TAKEN_UP)
        with self.database.session() as session:
            found = session.execute(query).all()
        return {attempt_id(run, key, number + 1): (run, key, number) for run, key, number in found}

    def take_up(self, run_id: str, key: str, attempt: int) -> None:
        """Queue a waiting chunk that the queue does not know."""
        with self.database.begin() as session:
            row = session.get(ChunkRow, (run_id, key), with_for_update=True)
            if row is not None and (row.state, row.attempt) == ("queued", attempt):
                row.attempt += 1
                self.queue.enqueue_chunk(session, row)

    def _again(self, session: Session, row: ChunkRow, death: str) -> None:
        row.deaths += bool(death)
        row.worker_id = None
        if row.deaths >= self.most_deaths:
            row.state, row.reason = "failed", f"{died_too_often(row.deaths)}: {death}"
            return
        row.state = "queued"
        self.queue.enqueue_chunk(session, row)


class GoBetween:
    """Asks for the chunks of a run's child, and tells the child which have ended.

    Parameters
    ----------
    chunks : of all runs
    run_id : the child's
    """

    def __init__(self, chunks: Chunks, run_id: str) -> None:
        self._chunks = chunks
        self._run_id = run_id
        self._asked: list[tuple[str, list[str]]] = []
        self._open: set[str] = set()

    def ask(self, work: str, chunks: list[str]) -> None:
        """Note what the child asks for; no chunks: it wants none of those before."""
        if chunks:
            self._asked.append((work, chunks))
            return
        self._asked.clear()
        self._open.clear()
        with contextlib.suppress(SQLAlchemyError), self._chunks.database.begin() as session:
            forget_chunks(session, self._run_id)

    def serve(self, pipe: Connection) -> None:
        """Ask for what is noted, and tell the child what is new; tried again where that fails."""
        with contextlib.suppress(SQLAlchemyError):
            while self._asked:
                self._open |= set(self._chunks.ask(self._run_id, *self._asked[0]))
                self._asked.pop(0)
            if not self._open:
                return
            told = [chunk for chunk in self._chunks.ended(self._run_id) if chunk.key in self._open]
            if told:
                with contextlib.suppress(OSError):
                    pipe.send(told)
                self._open -= {chunk.key for chunk in told}


def forget_chunks(session: Session, run_id: str) -> None:
    """Forget the chunks of a run that ends; whoever works on one stops."""
    session.execute(delete(ChunkRow).where(ChunkRow.run_id == run_id))


def name_of(work: str, chunk: str) -> str:
    """Return the name of a chunk: the hash of what it is made of."""
    return hashlib.sha256(f"{work}/{chunk}".encode()).hexdigest()


def attempt_id(run_id: str, key: str, number: int) -> str:
    """Return the name of an attempt at a chunk in the queue."""
    return f"{run_id}/{key}/{number}"


def _mine(session: Session, run_id: str, key: str, number: int) -> ChunkRow | None:
    row: ChunkRow | None = session.get(ChunkRow, (run_id, key), with_for_update=True)
    if row is None or row.attempt != number or row.state != "running":
        return None
    return row


def _first_turn(session: Session, tenant_id: str) -> int:
    """Return the turn of a tenant's next chunk: behind its own, beside the first of others.

    Source: start-time fair queueing, Goyal, Vin and Cheng, SIGCOMM 1996.
    """
    queued = ChunkRow.state == "queued"
    first = session.scalar(select(func.min(ChunkRow.turn)).where(queued))
    own = select(func.max(ChunkRow.turn)).where(queued, ChunkRow.tenant_id == tenant_id)
    last = session.scalar(own)
    return max(0 if first is None else first, 0 if last is None else last + 1)
