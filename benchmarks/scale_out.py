"""How workers share work: ``python -m benchmarks scale-out [--short] [--workers 1,2,4]``.

Three measurements on a service of its own, on PostgreSQL where HOLDFAST_TEST_DATABASE_URL names a
server (`.ci/with-postgres python -m benchmarks scale-out`), else on SQLite: a Monte Carlo run
alone, in processes of this machine and over 1, 2, 4 workers, whether the bits are the same; how
many attempts per second workers take from the queue; how long a cancel takes to end every process.
Exit 1 where bits differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from api.runs.chunks import Chunks
from api.runs.process import WorkerProcess
from api.runs.queue import ARGUMENTS_VERSION, CHUNK_QUEUE, CHUNK_WORKFLOW, RunQueue
from api.runs.sharing import DirectDesk, QueueExecutor
from api.services.scenarios import ScenarioService
from api.settings import ServiceSettings
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import RunRow, TenantRow, WorkerRow, new_id
from benchmarks.databases import fresh_database
from benchmarks.machine import describe_machine
from benchmarks.shops import SEED, shop
from optimizer.executor import Cancelled, Executor
from optimizer.processes import LocalProcesses
from scenarios.library import demo_scenario
from simulation.experiment import Case, Setup, run_cases
from simulation.ledger import Record

CHUNKS = 16
SKUS, DAYS = 1000, 365
START_SECONDS = 120.0
QUICK = {"queue_poll_seconds": 0.02, "max_chunks": 16}


class Floor:
    """A service with some workers, and a run whose chunks they do."""

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
        for worker in self.workers:
            worker.start()
        deadline = time.monotonic() + START_SECONDS
        while self.alive() < workers and time.monotonic() < deadline:
            time.sleep(0.1)

    def alive(self) -> int:
        """Return how many workers have beaten."""
        with self.database.session() as session:
            return session.query(WorkerRow).count()

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


def simulate(count: int, executor: Executor | None) -> tuple[dict[str, Record], float]:
    """Return the figures of a Monte Carlo run and its wall seconds."""
    world = shop(SKUS, DAYS)
    _ = world.demand
    processes = 1 if executor is None else CHUNKS
    chunk = -(-count // CHUNKS)
    began = time.monotonic()
    found = run_cases(
        world, [Case("calm")], Setup(count, SEED, processes=processes, chunk=chunk),
        executor=executor,
    )  # fmt: skip
    return found, time.monotonic() - began


def same(one: dict[str, Record], other: dict[str, Record]) -> bool:
    """Say whether all figures are the same bits."""
    return all(
        getattr(one[case], name).tobytes() == getattr(other[case], name).tobytes()
        for case in one
        for name in Record.__dataclass_fields__
    )


def speed_up(folder: Path, counts: Sequence[int], replications: int) -> bool:
    """Print seconds alone, in processes, and over workers; return whether all bits are equal."""
    print(f"\n{replications} replications x {SKUS} SKUs x {DAYS} days in {CHUNKS} chunks\n")
    print("| who | wall s | CPU s | times as fast as one worker | same bits | load |")
    print("|---|---|---|---|---|---|")
    cpu = cpu_seconds()
    alone, wall = simulate(replications, None)
    print(f"| this process | {wall:.1f} | {cpu_seconds() - cpu:.1f} | | | {load()} |")
    fine = True
    for count in counts:
        cpu = cpu_seconds()
        found, wall = simulate(replications, LocalProcesses(count))
        fine &= same(alone, found)
        told = f"{cpu_seconds() - cpu:.1f} | | {same(alone, found)} | {load()} |"
        print(f"| {count} processes | {wall:.1f} | {told}")
    one = None
    for count in counts:
        cpu = cpu_seconds()
        with opened(folder / f"share-{count}", count) as floor:
            found, wall = simulate(replications, floor.executor)
        one = one or wall
        fine &= same(alone, found)
        told = f"{cpu_seconds() - cpu:.1f} | {one / wall:.2f} | {same(alone, found)} | {load()} |"
        print(f"| {count} workers | {wall:.1f} | {told}")
    return fine


def dequeues(folder: Path, counts: Sequence[int], tickets: int) -> None:
    """Print how many attempts per second workers take: of chunks that are not there any more."""
    print("\n| workers | slots each | poll s | attempts | per second | CPU ms each | load |")
    print("|---|---|---|---|---|---|---|")
    usual = {"queue_poll_seconds": 0.25, "max_chunks": 1}
    for settings, share in ((usual, 10), (QUICK, 1)):
        for workers in counts:
            count = max(tickets // share, 10)
            name = f"queue-{workers}-{settings['max_chunks']}"
            cpu = cpu_seconds()
            with opened(folder / name, workers, **settings) as floor:
                client = floor.queue._client  # noqa: SLF001 - tickets that no row stands behind
                begun_cpu = cpu_seconds()
                for number in range(count):
                    ticket = {
                        "workflow_name": CHUNK_WORKFLOW, "queue_name": CHUNK_QUEUE,
                        "workflow_id": f"ticket-{number}", "app_version": ARGUMENTS_VERSION,
                    }  # fmt: skip
                    client.enqueue(ticket, "run_none", "none", 1)
                filled = cpu_seconds() - begun_cpu
                before, began = left(floor, count), time.monotonic()
                while left(floor, count):
                    time.sleep(0.05)
                seconds = time.monotonic() - began
            each = 1000.0 * (cpu_seconds() - cpu - filled) / count
            print(
                f"| {workers} | {settings['max_chunks']} | {settings['queue_poll_seconds']} |"
                f" {before} | {before / seconds:.0f} | {each:.0f} | {load()} |"
            )


def left(floor: Floor, count: int) -> int:
    """Return how many tickets have not been done."""
    return len(floor.queue.waiting(f"ticket-{number}" for number in range(count)))


def cancel(folder: Path) -> None:
    """Print how long a cancel takes until it is raised and every chunk's process is idle."""
    with opened(folder / "cancel", 2) as floor:
        asked = [0.0]

        def stop() -> bool:
            with floor.database.session() as session:
                busy = any(row.state == "running" for row in session.query(RunRow))
            if busy and not asked[0] and floor.executor.desk.ended():
                asked[0] = time.monotonic()
            return bool(asked[0])

        world = shop(SKUS, DAYS)
        with contextlib.suppress(Cancelled):
            run_cases(
                world, [Case("calm")], Setup(20_000, SEED, processes=CHUNKS, chunk=100),
                executor=floor.executor, cancelled=stop,
            )  # fmt: skip
        print(f"\nA cancel is raised {time.monotonic() - asked[0]:.2f} s after it was asked for.")


def cpu_seconds() -> float:
    """Return CPU seconds of this process and of those of its children that have ended."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    spent = [resource.getrusage(kind) for kind in kinds]
    return sum(each.ru_utime + each.ru_stime for each in spent)


def load() -> str:
    """Return the load of the machine now."""
    return f"{os.getloadavg()[0]:.1f}"


def main(arguments: Sequence[str]) -> int:
    """Run the measurements; return 1 where bits differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale-out", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the work")
    parser.add_argument("--workers", default="1,2,4", help="joined by commas")
    parser.add_argument("--replications", type=int, default=0)
    parser.add_argument("--tickets", type=int, default=0, help="attempts to take from the queue")
    options = parser.parse_args(arguments)
    counts = [int(text) for text in options.workers.split(",")]
    kind = "PostgreSQL" if os.environ.get("HOLDFAST_TEST_DATABASE_URL") else "SQLite"
    print(f"{describe_machine(('numpy', 'numba', 'dbos', 'sqlalchemy'))}; {kind}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fine = speed_up(folder, counts, options.replications or (400 if options.short else 4000))
        dequeues(folder, counts, options.tickets or (200 if options.short else 2000))
        if not options.short:
            cancel(folder)
    return int(not fine)
