"""One attempt at a chunk of a run, in a process that does chunks of that run's work."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from api.operations.logs import tell
from api.runs import chunk_child
from api.runs.chunks import Chunks, Told
from api.settings import ServiceSettings
from api.store.rows import ChunkRow

if TYPE_CHECKING:
    from api.runs.supervision import Supervisor

POLL_SECONDS = 0.1
LOOK_SECONDS = 0.25
Word = Told | str  # what came of it; or why it was put back: a death, or blank for a stop


@dataclass(frozen=True, slots=True)
class Child:
    """A process that does chunks of one work."""

    work: str
    process: BaseProcess
    pipe: Connection

    def end(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.join(timeout=5.0)
        self.pipe.close()


class ChunkSupervisor:
    """Sees attempts at chunks through; used by one thread per attempt.

    Parameters
    ----------
    chunks : of all runs
    settings : limits
    supervisor : of the runs of the same worker
    """

    def __init__(self, chunks: Chunks, settings: ServiceSettings, supervisor: Supervisor) -> None:
        self.chunks = chunks
        self.settings = settings
        self.supervisor = supervisor
        self._context = multiprocessing.get_context("forkserver")
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    def attempt(self, run_id: str, key: str, number: int) -> None:
        """Make an attempt at a chunk, then at those that wait, without a way through the queue.

        Nothing is done if it is not this attempt's turn.
        """
        persist, worker_id = self.supervisor.persist, self.supervisor.worker_id
        row = persist(lambda: self.chunks.begin(run_id, key, number, worker_id))
        while row is not None:
            work = row.work
            self._do(row)
            if self.supervisor.stopping.is_set():
                return
            row = persist(lambda work=work: self.chunks.begin_next(worker_id, work))  # type: ignore[misc]

    def _do(self, row: ChunkRow) -> None:
        """Do a chunk that has been begun, and keep what came of it."""
        persist, mine = self.supervisor.persist, (row.run_id, row.key, row.attempt)
        try:
            word = self._follow(mine, row.work, row.chunk)
        except Exception as error:  # noqa: BLE001 - whatever breaks here, the run must hear of it
            tell("chunk broke", level=logging.ERROR, error=True, run=row.run_id, chunk=row.key)
            word = Told(row.key, None, f"{type(error).__name__}: {error}")
        if isinstance(word, Told):
            persist(lambda: self.chunks.finish(*mine, word))
        elif word is not None:
            persist(lambda: self.chunks.put_back(*mine, word))

    def close(self) -> None:
        """End the processes that wait for chunks."""
        with self._lock:
            for child in self._idle:
                child.end()
            self._idle.clear()

    def _follow(self, mine: tuple[str, str, int], work: str, chunk: str) -> Word | None:
        """Hand a chunk to a child and wait for its word; None: nobody wants it any more."""
        try:
            child, fresh = self._child(work)
        except (OSError, EOFError) as error:  # what starts processes has died: next time, another
            return f"its process did not start: {type(error).__name__}"
        word: Word | None = None
        try:
            with contextlib.suppress(OSError):  # of a child that has died, we hear at once
                child.pipe.send(chunk)
            word = self._listen(mine, child.pipe)
            if isinstance(word, str) and not fresh:
                word = ""  # it may have ended for want of chunks: no fault of this one
        finally:
            if isinstance(word, Told) and word.result is not None:
                with self._lock:
                    self._idle.append(child)
            else:
                child.end()
        return word

    def _child(self, work: str) -> tuple[Child, bool]:
        """Return a process that does a work, and whether it is new; those of other works end."""
        with self._lock:
            idle, self._idle = self._idle, []
            fit = [child for child in idle if child.work == work and child.process.is_alive()]
            for child in idle:
                if child not in fit:
                    child.end()
            if fit:
                self._idle = fit[1:]
                return fit[0], False
        ours, theirs = self._context.Pipe()
        memory_mib, nice = self.settings.max_run_memory_mib, self.settings.run_nice
        args = (theirs, self.settings.home / "blobs", work, memory_mib, nice)
        process = self._context.Process(target=chunk_child.main, args=args)
        try:
            process.start()
        finally:
            theirs.close()
        return Child(work, process, ours), True

    def _listen(self, mine: tuple[str, str, int], pipe: Connection) -> Word | None:
        started = looked = time.monotonic()
        while True:
            try:
                if pipe.poll(POLL_SECONDS):
                    result, reason = pipe.recv()
                    return Told(mine[1], result, reason)
            except (EOFError, OSError):
                return "its process ended before its time"
            if self.supervisor.stopping.is_set():
                return ""
            now = time.monotonic()
            if now - looked >= LOOK_SECONDS:
                looked = now
                if not self._is_wanted(mine):
                    return None
            most = self.settings.max_run_seconds
            if now - started > most:
                return Told(mine[1], None, f"it took longer than {most:g} s and was ended")

    def _is_wanted(self, mine: tuple[str, str, int]) -> bool:
        try:
            return self.chunks.is_wanted(*mine)
        except SQLAlchemyError:
            return True  # the database is away: the child goes on
