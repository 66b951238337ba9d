"""Which workers are alive, and what becomes of the runs of those that are not.

No clock is compared with another: a worker counts its beats in its row, and another takes it for
dead after it has looked LOST_LOOKS times, a beat apart, and seen the same count. On the same
machine a lock on a file tells sooner: the kernel lets go of it when the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol, TextIO

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from api.operations.logs import tell
from api.runs.backend import JobBackend
from api.runs.chunks import Chunks
from api.runs.states import UNDER_WAY, note
from api.runs.supervision import end_early, try_again
from api.runs.turns import admit, tenants_held
from api.settings import ServiceSettings
from api.store.database import Database
from api.store.rows import RunRow, WorkerRow, new_id

if TYPE_CHECKING:
    from collections.abc import Iterable

LOST_LOOKS: Final = 5
NO_ROW: Final = (
    -1
)  # beats of a worker that has runs and no row: taken for dead once, and not back yet


class Queue(JobBackend, Protocol):
    """What the queue tells of attempts."""

    def taken_by(self, worker_id: str) -> list[str]:
        """Return the attempts that a worker has taken from the queue and not ended."""

    def waiting(self, names: Iterable[str]) -> set[str]:
        """Return which of these attempts are queued or have been taken, and have not ended."""

    def drop(self, names: list[str]) -> None:
        """Take attempts off the queue for good."""


class Workers:
    """One worker's beat, and its eye on the others.

    Parameters
    ----------
    database : of the runs' and workers' rows
    settings : how often it beats, how often a run may die
    queue : of the attempts
    chunks : of the runs
    """

    def __init__(
        self, database: Database, settings: ServiceSettings, queue: Queue, chunks: Chunks
    ) -> None:
        self.chunks = chunks
        self.id = new_id("worker")
        self.database = database
        self.settings = settings
        self.queue = queue
        self._folder = settings.home / "workers"
        self._seen: dict[str, tuple[int, int]] = {}  # worker: its beats, looks that saw just them
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._live, name="beat", daemon=True)
        self._lock: TextIO | None = None

    def start(self) -> None:
        """Say that this worker is there, and take up what dead ones left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self._folder / self.id).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._beat()
        self.look()
        self._thread.start()

    def stop(self) -> None:
        """Say that this worker is gone."""
        self._stopping.set()
        self._thread.join(timeout=10.0)
        with contextlib.suppress(SQLAlchemyError):
            self._bury(self.id)
        if self._lock is not None:
            self._lock.close()
            (self._folder / self.id).unlink(missing_ok=True)

    def _live(self) -> None:
        while not self._stopping.wait(self.settings.beat_seconds):
            try:
                self._beat()
                self.look()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next beat is tried
                tell("beat missed", worker=self.id, why=f"{type(error).__name__}: {error}"[:300])

    def _beat(self) -> None:
        with self.database.begin() as session:
            row = session.get(WorkerRow, self.id, with_for_update=True)
            if row is None:  # new, or taken for dead: its attempts are over, it is not
                row = WorkerRow(id=self.id, host=socket.gethostname(), pid=os.getpid(), beats=0)
                session.add(row)
            row.beats += 1

    def look(self) -> None:
        """Look at all workers; bury the dead, and queue again what nobody has."""
        with self.database.session() as session:
            has_run = select(RunRow.worker_id).where(RunRow.state.in_(UNDER_WAY)).distinct()
            beats = {worker_id: NO_ROW for worker_id in session.scalars(has_run) if worker_id}
            beats |= dict.fromkeys(self.chunks.holders(session), NO_ROW)
            rows = session.execute(select(WorkerRow.id, WorkerRow.beats, WorkerRow.host)).all()
        beats |= {worker_id: count for worker_id, count, _ in rows}
        here = {worker_id for worker_id, _, host in rows if host == socket.gethostname()}
        beats.pop(self.id, None)
        for worker_id, count in beats.items():
            before, looks = self._seen.get(worker_id, (NO_ROW, 0))
            looks = looks + 1 if count == before else 0
            self._seen[worker_id] = (count, looks)
            if looks >= LOST_LOOKS or (worker_id in here and self._lock_is_free(worker_id)):
                self._bury(worker_id)
        self._seen = {worker_id: self._seen[worker_id] for worker_id in beats}
        self._take_up_unqueued()
        self._take_up_chunks()
        self._admit_held()

    def _lock_is_free(self, worker_id: str) -> bool:
        """Say whether a worker of this machine and home has ended."""
        path = self._folder / worker_id
        if not path.exists():
            return False
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
        path.unlink(missing_ok=True)
        return True

    def _bury(self, worker_id: str) -> None:
        """Put back what a dead worker had, and forget the worker, in one commit."""
        left = self.queue.taken_by(worker_id)
        with self.database.begin() as session:
            mine = select(RunRow).where(RunRow.worker_id == worker_id, RunRow.state.in_(UNDER_WAY))
            for row in session.scalars(mine.with_for_update()):
                if row.state == "cancelling":
                    end_early(
                        session, row, "cancelled", "its worker was lost while it was cancelled"
                    )
                else:
                    most = self.settings.max_attempts
                    try_again(session, row, self.queue, most, "its worker was lost")
            self.chunks.bury(session, worker_id)
            session.execute(delete(WorkerRow).where(WorkerRow.id == worker_id))
        self.queue.drop(left)
        if worker_id != self.id:
            tell("worker buried", worker=worker_id, by=self.id, attempts=len(left))

    def _take_up_unqueued(self) -> None:
        """Queue waiting runs that the queue does not know.

        A worker that dies between taking an attempt and beginning it leaves such a run.
        """
        with self.database.session() as session:
            rows = session.execute(
                select(RunRow.id, RunRow.attempt).where(
                    RunRow.state == "queued", RunRow.held.is_(False)
                )
            ).all()
        names = {f"{run_id}/{attempt + 1}": run_id for run_id, attempt in rows}
        if not names:
            return
        for name in names.keys() - self.queue.waiting(names):
            with self.database.begin() as session:
                row = session.get(RunRow, names[name], with_for_update=True)
                if row is None or row.state != "queued" or name != f"{row.id}/{row.attempt + 1}":
                    continue
                row.attempt += 1
                note(session, row.id, "state", {"state": "queued", "reason": "was taken by nobody"})
                self.queue.enqueue(session, row)

    def _take_up_chunks(self) -> None:
        """Queue waiting chunks that the queue does not know, as those of runs."""
        names = self.chunks.waiting()
        if names:
            for name in names.keys() - self.queue.waiting(names):
                self.chunks.take_up(*names[name])

    def _admit_held(self) -> None:
        """Queue held runs of tenants that have room: a run may have ended in other hands."""
        with self.database.session() as session:
            held = tenants_held(session)
        for tenant_id in held:
            with self.database.begin() as session:
                admit(session, tenant_id, self.queue, self.settings.max_running_per_tenant)


def beats_here(database: Database, beat_seconds: float) -> bool:
    """Say whether a worker of this machine beats: its count goes up while we look."""
    here = select(WorkerRow.id, WorkerRow.beats).where(WorkerRow.host == socket.gethostname())
    seen: dict[str, int] = {}
    for look in range(LOST_LOOKS):
        if look:
            time.sleep(beat_seconds)
        with database.session() as session:
            found = {str(worker_id): int(count) for worker_id, count in session.execute(here)}
        if any(count > seen[worker_id] for worker_id, count in found.items() if worker_id in seen):
            return True
        if not found:
            return False
        seen = seen | found
    return False
