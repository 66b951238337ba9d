"""How workers share work: ``python -m benchmarks scale-out [--short] [--workers 1,2,4]``.

On a service of its own, on PostgreSQL where HOLDFAST_TEST_DATABASE_URL names a server
(`.ci/with-postgres python -m benchmarks scale-out`), else on SQLite. Each worker is held to one
core. Measured: a Monte Carlo run and the routes of a plan alone, in processes of this machine and
over 1, 2, 4 workers, and whether the bits are the same; what a chunk costs besides its work; how
many attempts per second workers take from the queue; how long a cancel takes. Exit 1 where bits
differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pandas as pd

from api.runs.queue import ARGUMENTS_VERSION, CHUNK_QUEUE, CHUNK_WORKFLOW
from api.runs.worker import CHUNK_POLLS
from api.store.rows import RunRow
from benchmarks.driving_days import STOPS_BY_DAY, driving_days
from benchmarks.floor import CHUNKS, Floor, load, opened, server_cpu_seconds
from benchmarks.machine import describe_machine
from benchmarks.shops import SEED, shop
from optimizer.executor import Cancelled, Executor, Work
from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.processes import LocalProcesses
from simulation.experiment import Case, Setup, run_cases
from simulation.ledger import Record

SKUS, DAYS = 1000, 365
QUICK = {"queue_poll_seconds": 0.005, "max_chunks": 16}
EMPTY_CHUNKS = 64
IDLE_SECONDS = 10
WORK = 120.0  # of the routes: about so many seconds of one core
REPLICATIONS = 4000
Result = TypeVar("Result")


def simulate(count: int, executor: Executor | None) -> dict[str, Record]:
    """Return the figures of a Monte Carlo run."""
    world = shop(SKUS, DAYS)
    _ = world.demand
    processes = 1 if executor is None else CHUNKS
    return run_cases(
        world, [Case("calm")], Setup(count, SEED, processes=processes, chunk=-(-count // CHUNKS)),
        executor=executor,
    )  # fmt: skip


def same_figures(one: dict[str, Record], other: dict[str, Record]) -> bool:
    """Say whether all figures are the same bits."""
    return all(
        getattr(one[case], name).tobytes() == getattr(other[case], name).tobytes()
        for case in one
        for name in Record.__dataclass_fields__
    )


def same_tables(one: Plan, other: Plan) -> bool:
    """Say whether all tables of two plans are the same bits, but for the seconds they took."""
    timed = "wall_seconds"
    plain = [
        {name: frame.drop(columns=timed, errors="ignore") for name, frame in made.tables.items()}
        for made in (one, other)
    ]
    try:
        for name, frame in plain[0].items():
            pd.testing.assert_frame_equal(plain[1][name], frame, check_exact=True)
    except (AssertionError, KeyError):
        return False
    return plain[0].keys() == plain[1].keys()


def speed_up(
    folder: Path,
    counts: Sequence[int],
    make: Callable[[Executor | None], Result],
    same: Callable[[Result, Result], bool],
) -> bool:
    """Print seconds alone, in processes, and over workers; return whether all bits are equal."""
    print("\n| who | wall s | CPU s | times as fast as one | same bits | load |")
    print("|---|---|---|---|---|---|")
    cpu, began = cpu_seconds(), time.monotonic()
    alone = make(None)
    wall = time.monotonic() - began
    print(f"| this process | {wall:.1f} | {cpu_seconds() - cpu:.1f} | | | {load()} |", flush=True)
    fine, one = True, None
    for count in counts:
        cpu, began = cpu_seconds(), time.monotonic()
        found = make(LocalProcesses(count, least=0.0))
        wall = time.monotonic() - began
        one, fine = one or wall, fine and same(alone, found)
        told = f"{wall:.1f} | {cpu_seconds() - cpu:.1f} | {one / wall:.2f} | {same(alone, found)}"
        print(f"| {count} processes | {told} | {load()} |", flush=True)
    one = None
    for count in counts:
        cpu = cpu_seconds() + server_cpu_seconds()
        with opened(folder / f"share-{count}", count) as floor:
            began = time.monotonic()
            found = make(floor.executor)
            wall = time.monotonic() - began
        taken = cpu_seconds() + server_cpu_seconds() - cpu
        one, fine = one or wall, fine and same(alone, found)
        told = f"{wall:.1f} | {taken:.1f} | {one / wall:.2f} | {same(alone, found)}"
        print(f"| {count} workers | {told} | {load()} |", flush=True)
    return fine


def overhead(folder: Path) -> None:
    """Print what a chunk costs in which nothing is done: one worker, one slot."""
    with opened(folder / "overhead", 1) as floor:
        before = floor.worker_cpu_seconds(), server_cpu_seconds(), time.process_time()
        time.sleep(IDLE_SECONDS)
        idle = floor.worker_cpu_seconds() - before[0], server_cpu_seconds() - before[1]
        print(f"\nidle: {1000 * idle[0] / IDLE_SECONDS:.0f} CPU ms a second in a worker,"
              f" {1000 * idle[1] / IDLE_SECONDS:.0f} in the server; load {load()}\n")  # fmt: skip
        print("| chunks | bytes | wall s each | CPU ms each: worker | server | asker | load |")
        print("|---|---|---|---|---|---|---|")
        for number, (count, size) in enumerate(((1, 0), (EMPTY_CHUNKS, 0), (CHUNKS, 1_000_000))):
            chunks = [bytes([number, place]) + os.urandom(size) for place in range(count)]
            before = floor.worker_cpu_seconds(), server_cpu_seconds(), time.process_time()
            began = time.monotonic()
            floor.executor.run(Work("benchmarks.echo:echo", None), chunks)
            wall = (time.monotonic() - began) / count
            after = floor.worker_cpu_seconds(), server_cpu_seconds(), time.process_time()
            each = [1000 * (b - a) / count for a, b in zip(before, after, strict=True)]
            told = " | ".join(f"{milliseconds:.0f}" for milliseconds in each)
            print(f"| {count} | {size:,} | {wall:.3f} | {told} | {load()} |", flush=True)


def dequeues(folder: Path, counts: Sequence[int], tickets: int) -> None:
    """Print how many attempts per second workers take: of chunks that are not there any more."""
    print("\n| workers | slots each | poll s | attempts | per second | CPU ms each | load |")
    print("|---|---|---|---|---|---|---|")
    usual = {"queue_poll_seconds": 0.25, "max_chunks": 1}
    for settings, share in ((usual, 50), (QUICK, 1)):
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
            poll = CHUNK_POLLS * settings["queue_poll_seconds"]
            print(
                f"| {workers} | {settings['max_chunks']} | {poll:g} |"
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


def main(arguments: Sequence[str]) -> int:
    """Run the measurements; return 1 where bits differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale-out", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a tenth of the work")
    parser.add_argument("--workers", default="1,2,4", help="joined by commas")
    parser.add_argument("--replications", type=int, default=0)
    parser.add_argument("--work", type=float, default=0.0, help="of the plan's routes")
    parser.add_argument("--tickets", type=int, default=0, help="attempts to take from the queue")
    options = parser.parse_args(arguments)
    counts = [int(text) for text in options.workers.split(",")]
    kind = "PostgreSQL" if os.environ.get("HOLDFAST_TEST_DATABASE_URL") else "SQLite"
    print(f"{describe_machine(('numpy', 'numba', 'dbos', 'sqlalchemy'))}; {kind}")
    tenth = 0.1 if options.short else 1.0
    count = options.replications or round(tenth * REPLICATIONS)
    work = options.work or tenth * WORK
    scenario = driving_days()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        print(f"\nMonte Carlo: {count} replications x {SKUS} SKUs x {DAYS} days, {CHUNKS} chunks")
        simulate(CHUNKS, None)  # what is compiled once and for all, is compiled
        fine = speed_up(folder / "runs", counts, lambda by: simulate(count, by), same_figures)
        print(f"\nRoutes of a plan: days of {STOPS_BY_DAY} stops, work {work:g}")
        plan(scenario, ["routing"], work=0.1)
        fine &= speed_up(
            folder / "plans", counts,
            lambda by: plan(scenario, ["routing"], work=work, executor=by), same_tables,
        )  # fmt: skip
        overhead(folder)
        dequeues(folder, counts, options.tickets or (200 if options.short else 2000))
        if not options.short:
            cancel(folder)
    return int(not fine)
