"""A worker: takes attempts from the queue and sees them through, until it is told to stop."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Any, Final

from api.operations import traces
from api.operations.logs import configure, tell
from api.operations.retention import forget_old_visits
from api.runs.chunk_supervision import ChunkSupervisor
from api.runs.chunks import Chunks
from api.runs.queue import (
    APPLICATION,
    ARGUMENTS_VERSION,
    CHUNK_QUEUE,
    CHUNK_WORKFLOW,
    QUEUE,
    WORKFLOW,
    RunQueue,
    dbos_url,
    plain_json,
)
from api.runs.schedules import start_due
from api.runs.supervision import Supervisor
from api.runs.webhooks import send_due
from api.runs.workers import Workers
from api.settings import ServiceSettings, settings_from
from api.store.blobs import FolderBlobs
from api.store.database import Database

STOP_SECONDS: Final = 10
CHUNK_POLLS: Final = 4.0  # looks for runs to one for chunks: the next is taken without a look
CHORES_SECONDS: Final = 1.0
TIDY_SECONDS: Final = 600.0


class Worker:
    """Takes runs; there is at most one in a process, since DBOS has one application in it.

    Parameters
    ----------
    settings : of the service whose runs it takes
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.database = Database(settings.url)
        self.queue = RunQueue(settings.url)
        chunks = Chunks(self.database, self.queue, settings.max_attempts)
        self.workers = Workers(self.database, settings, self.queue, chunks)
        self.supervisor = Supervisor(self.database, settings, self.queue, self.workers.id, chunks)
        self.chunk_supervisor = ChunkSupervisor(chunks, settings, self.supervisor)
        self._chores = threading.Thread(target=self._do_chores, name="chores", daemon=True)

    def start(self) -> None:
        """Take up what dead workers left, then what is queued."""
        from dbos import DBOS

        self.workers.start()
        self._chores.start()
        _register(self.supervisor, self.chunk_supervisor)
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": dbos_url(self.settings.url),
                "application_version": ARGUMENTS_VERSION,
                "executor_id": self.workers.id,
                "serializer": plain_json(),
                "log_level": "ERROR",
            }
        )
        DBOS.launch()
        DBOS.register_queue(
            QUEUE,
            worker_concurrency=self.settings.max_running,
            polling_interval_sec=self.settings.queue_poll_seconds,
        )
        if self.settings.max_chunks:
            DBOS.register_queue(
                CHUNK_QUEUE,
                worker_concurrency=self.settings.max_chunks,
                polling_interval_sec=CHUNK_POLLS * self.settings.queue_poll_seconds,
            )

    def stop(self) -> None:
        """End all children; their runs go back to the queue."""
        from dbos import DBOS

        self.supervisor.stopping.set()
        self._chores.join(timeout=STOP_SECONDS)
        DBOS.destroy(workflow_completion_timeout_sec=STOP_SECONDS)
        self.chunk_supervisor.close()
        self.workers.stop()
        self.queue.close()
        self.database.close()

    def _do_chores(self) -> None:
        """Start runs whose time has come and send what webhooks are to be told."""
        blobs = FolderBlobs(self.settings.home / "blobs")
        tidy_at = time.monotonic()
        while not self.supervisor.stopping.wait(CHORES_SECONDS):
            try:
                start_due(self.database, blobs, self.queue, self.settings)
                send_due(self.database, self.settings)
                if time.monotonic() >= tidy_at:
                    tidy_at = time.monotonic() + TIDY_SECONDS
                    forget_old_visits(self.database, self.settings.visit_days)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                tell("chores put off", why=f"{type(error).__name__}: {error}"[:300])


def _register(supervisor: Supervisor, chunk_supervisor: ChunkSupervisor) -> None:
    from dbos import DBOS

    @DBOS.step(name="supervise")
    def supervise(run_id: str, number: int) -> None:
        supervisor.attempt(run_id, number)

    @DBOS.workflow(name=WORKFLOW)
    def attempt(run_id: str, number: int) -> None:
        supervise(run_id, number)

    @DBOS.step(name="supervise_chunk")
    def supervise_chunk(run_id: str, key: str, number: int) -> None:
        chunk_supervisor.attempt(run_id, key, number)

    @DBOS.workflow(name=CHUNK_WORKFLOW)
    def chunk(run_id: str, key: str, number: int) -> None:
        supervise_chunk(run_id, key, number)


def work(settings: ServiceSettings, *, lifeline: bool = False) -> None:
    """Work until a signal to end comes, or the other end of the standard input is gone.

    Parameters
    ----------
    settings : of the service whose runs it takes
    lifeline : watch the standard input, of which the parent holds the other end
    """
    ended = threading.Event()

    def end(*_: Any) -> None:
        ended.set()

    def watch() -> None:
        while os.read(sys.stdin.fileno(), 1):
            pass
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if lifeline:
        threading.Thread(target=watch, name="lifeline", daemon=True).start()
    configure(settings.log_format)
    traces.configure(settings)
    worker = Worker(settings)
    worker.start()
    tell("worker started", worker=worker.workers.id)
    ended.wait()
    worker.stop()
    traces.stop()
    tell("worker stopped", worker=worker.workers.id)


if __name__ == "__main__":
    work(settings_from(), lifeline=True)
