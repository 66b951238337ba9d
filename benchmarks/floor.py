"""A service with workers and a run whose chunks they do, and what they take of the cores."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from api.runs.chunks import Chunks
from api.runs.process import WorkerProcess
from api.runs.queue import RunQueue
from api.runs.sharing import DirectDesk, QueueExecutor
from api.services.scenarios import ScenarioService
from api.settings import ServiceSettings
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import RunRow, TenantRow, WorkerRow, new_id
from benchmarks.databases import SERVER, fresh_database
from scenarios.library import demo_scenario

CHUNKS = 16
START_SECONDS = 120.0
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Floor:
    """A service with workers, each held to one core so that it stands for a machine of one core.

    Parameters
    ----------
    home : folder of the service; it is made
    workers : how many; the k-th is held to core k modulo the cores there are
    more : settings of the service
    """

    def __init__(self, home: Path, workers: int, **more: object) -> None:
        home.mkdir(parents=True)
        given = {"home": home, "database_url": fresh_database(), **more}
        self.settings = ServiceSettings.model_validate(given)
        self.blobs = FolderBlobs(home / "blobs")
        self.database = Database(self.settings.url)
        self.queue = RunQueue(self.settings.url)
        chunks = Chunks(self.database, self.queue, self.settings.max_attempts)
        with self.database.begin() as session:
            session.add(TenantRow(id="tenant_a", name="a"))
        own = ScenarioService(self.database.of("tenant_a"), self.blobs)
        scenario = own.keep(demo_scenario("corner-shop"))
        run = RunRow(
            id=new_id("run"), tenant_id="tenant_a", kind="stress", state="running", request={},
            scenario_id=scenario.id, revision=scenario.head, labels={},
        )  # fmt: skip
        with self.database.begin() as session:
            session.add(run)
        self.executor = QueueExecutor(self.blobs, DirectDesk(chunks, run.id), CHUNKS, 0.0)
        self.workers = [WorkerProcess(self.settings) for _ in range(workers)]
        for number, worker in enumerate(self.workers):
            with held_to_core(number):
                worker.start()
        deadline = time.monotonic() + START_SECONDS
        while self.alive() < workers and time.monotonic() < deadline:
            time.sleep(0.1)

    def alive(self) -> int:
        """Return how many workers have beaten."""
        with self.database.session() as session:
            return session.query(WorkerRow).count()

    def worker_cpu_seconds(self) -> float:
        """Return CPU seconds that the workers and their processes have taken so far."""
        return sum(_with_children(worker.pid) for worker in self.workers if worker.pid)

    def close(self) -> None:
        """End all."""
        for worker in self.workers:
            worker.stop()
        self.queue.close()
        self.database.close()


@contextlib.contextmanager
def opened(folder: Path, workers: int, **more: object) -> Iterator[Floor]:
    """Run a service with workers, and end it."""
    floor = Floor(folder, workers, **more)
    try:
        yield floor
    finally:
        floor.close()


@contextlib.contextmanager
def held_to_core(number: int) -> Iterator[None]:
    """Let what is started meanwhile run on one core only, where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def server_cpu_seconds() -> float:
    """Return CPU seconds of the PostgreSQL server of `.ci/with-postgres`; 0 without one."""
    host = make_url(os.environ.get(SERVER, "sqlite://")).query.get("host", "")
    if not host:
        return 0.0
    total = 0.0
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str((place / "cwd").readlink()) == f"{host}/data":
                total += _own(place)
    return total


def load() -> str:
    """Return the load of the machine now."""
    return f"{os.getloadavg()[0]:.1f}"


def _with_children(pid: int) -> float:
    """Return CPU seconds of a process, of all that live below it, and of those that have ended."""
    place = Path("/proc") / str(pid)
    total = 0.0
    with contextlib.suppress(OSError):
        total += _own(place)
        for task in (place / "task").iterdir():
            for child in (task / "children").read_text().split():
                total += _with_children(int(child))
    return total


def _own(place: Path) -> float:
    """Return CPU seconds of a process and of those of its children that it has seen end."""
    fields = (place / "stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS_PER_SECOND
