"""One attempt at a chunk of a run, in a process of its own."""

from __future__ import annotations

import logging
import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from api.operations.logs import tell
from api.runs import chunk_child
from api.runs.chunks import Chunks, Told
from api.settings import ServiceSettings

if TYPE_CHECKING:
    from api.runs.supervision import Supervisor

POLL_SECONDS = 0.1
LOOK_SECONDS = 0.25
Word = Told | str  # what came of it; or why it was put back: a death, or blank for a stop


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

    def attempt(self, run_id: str, key: str, number: int) -> None:
        """Make an attempt at a chunk; nothing is done if it is not this attempt's turn."""
        persist, mine = self.supervisor.persist, (run_id, key, number)
        worker_id = self.supervisor.worker_id
        row = persist(lambda: self.chunks.begin(*mine, worker_id))
        if row is None:
            return
        task = chunk_child.ChunkTask(
            self.settings.home / "blobs", row.work, row.chunk, self.settings.max_run_memory_mib
        )
        try:
            word = self._follow(run_id, key, number, task)
        except Exception as error:  # noqa: BLE001 - whatever breaks here, the run must hear of it
            tell("chunk broke", level=logging.ERROR, error=True, run=run_id, chunk=key)
            word = Told(key, None, f"{type(error).__name__}: {error}")
        if isinstance(word, Told):
            persist(lambda: self.chunks.finish(*mine, word))
        elif word is not None:
            persist(lambda: self.chunks.put_back(*mine, word))

    def _follow(
        self, run_id: str, key: str, number: int, task: chunk_child.ChunkTask
    ) -> Word | None:
        """Start the child and wait for its word; None: nobody wants the chunk any more."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=chunk_child.main, args=(theirs, task))
        process.start()
        theirs.close()
        try:
            return self._listen((run_id, key, number), ours)
        finally:
            process.kill()
            process.join(timeout=5.0)
            ours.close()

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
