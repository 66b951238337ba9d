"""What a service loses when its parts die: ``python -m benchmarks faults [--short] [--rounds N]``.

``--page docs/benchmarks/service.md`` puts the table there, anew after every round; with ``--keep
rounds.json`` what was seen is kept in that file, and the same command goes on from there.

Each round starts runs of the corner shop on a service of its own process, lets one thing go wrong
at a random moment, and then looks: every run that was accepted has ended, once, with a plan
whose tables can all be read, or has failed and says why; and at no look was there a plan that
could not be read, or that belonged to a run that had not ended. Exit 1 where anything is lost,
doubled or half there. With HOLDFAST_TEST_DATABASE_URL on PostgreSQL, else on SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import math
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.runs.queue import RunQueue
from api.runs.schedules import start_due
from api.runs.states import ENDED
from api.security.trail import verified
from api.store.blobs import FolderBlobs
from api.store.documents import get_plan
from api.store.rows import PlanRow, RunRow
from benchmarks.fault_table import Row, Table
from benchmarks.service import WAIT_SECONDS, WORK, Service, below, running

RESTART = "HOLDFAST_TEST_DATABASE_RESTART"
TARGETS = ("API", "worker", "child", "forkserver", "all at once")
QUICK = {"beat_seconds": 1.0, "queue_poll_seconds": 0.5, "run_nice": 0}
HANG_SECONDS = 8.0  # limit of the runs that hang
HANDING_IN_SECONDS = 0.2  # a kill comes within so long after the last run began to be handed in
FIRST_REACH_SECONDS = 3.0
STRIKE_SECONDS = 60.0  # what is to be killed and is not there may come up for so long


class Watch:
    """Looks for half-visible plans of runs, again and again.

    Parameters
    ----------
    service : whose runs
    names : of the runs
    """

    def __init__(self, service: Service, names: list[str]) -> None:
        self.blobs = FolderBlobs(service.settings.home / "blobs")
        self.names = names
        self.half: set[str] = set()
        self._read: set[str] = set()

    def look(self, session: Session) -> None:
        """See runs and plans as they are at one moment."""
        both = select(RunRow.id, RunRow.state, PlanRow.id, PlanRow.manifest)
        joined = both.outerjoin(PlanRow, PlanRow.run_id == RunRow.id)
        for run_id, state, plan_id, manifest in session.execute(
            joined.where(RunRow.id.in_(self.names))
        ):
            if (state == "succeeded" and plan_id is None) or (plan_id and state not in ENDED):
                self.half.add(run_id)
            if plan_id and plan_id not in self._read:
                self._read.add(plan_id)
                try:
                    get_plan(self.blobs, manifest)
                except Exception:  # noqa: BLE001 - whatever it is, the plan is not whole
                    self.half.add(run_id)


def look(service: Service, names: list[str], row: Row) -> dict[str, RunRow]:
    """Add to a row what became of runs; return those that have ended."""
    watch = Watch(service, names)
    found = service.ended(names, watch.look)
    row.runs += len(names)
    row.lost += len(names) - len(found)
    with service.database.session() as session:
        watch.look(session)
        for name in names:
            if name not in found:
                lost = session.get(RunRow, name)
                told = "no row" if lost is None else f"{lost.state}, attempt {lost.attempt}"
                row.reasons.add(f"lost: {told}")
        for run in found.values():
            row.again += run.attempt > 1
            row.failed += run.state == "failed"
            if run.state == "failed":
                row.reasons.add(run.reason)
            plans = session.scalars(select(PlanRow.id).where(PlanRow.run_id == run.id)).all()
            row.doubled += len(plans) > 1
    row.half += len(watch.half)
    row.half += any(result.breaks for result in verified(service.database))
    return found


def kills(service: Service, numbers: list[int], table: Table, is_late: Callable[[], bool]) -> None:
    """Kill each kind of process at random moments, in turn, until it is late."""
    reach = FIRST_REACH_SECONDS
    for number in numbers:
        if number >= len(TARGETS) and is_late():
            break
        reach = kill(service, number, table, reach)


def kill(service: Service, number: int, table: Table, reach: float) -> float:
    """Kill at a random moment while two runs are under way and a third is being handed in.

    Parameters
    ----------
    service : what is killed
    number : of the round
    table : of what was seen
    reach : seconds that two runs take; the kill comes within them, and once both have ended

    Returns
    -------
    Seconds that these two runs took in the end.
    """
    target, rng = TARGETS[number % len(TARGETS)], random.Random(f"{table.seed} {number}")
    row = Row(f"kill -9 of {target}")
    before = service.names()
    kind = "forecasting" if number % 4 else "replenishment"  # of one stage; of two
    handed_in = [service.submit(kind), service.submit("forecasting")]
    service.ended([name for name in handed_in if name], wait_seconds=rng.uniform(0.0, reach))
    with ThreadPoolExecutor(1) as client:
        late = client.submit(service.submit, "forecasting", tries=1200)
        time.sleep(rng.uniform(0.0, HANDING_IN_SECONDS))
        row.rounds += strike(service, target)  # where there is nothing to kill, it is no round
        if target in ("API", "all at once"):
            assert service.process is not None
            service.process.wait()
            service.start()
        handed_in.append(late.result())
    names = [name for name in handed_in if name]
    if len(names) < len(handed_in):
        row.lost += len(handed_in) - len(names)
        row.reasons.add("never accepted")
    found = look(service, names, row)
    row.doubled += len(service.names() - before - set(names))
    table.add(row, service, number)
    ended = [found[name] for name in handed_in[:2] if name in found]
    return sum((run.ended_at - run.started_at).total_seconds() for run in ended)


def strike(service: Service, target: str) -> bool:
    """Kill what there is of a kind of process, as soon as there is one; say whether there was."""
    assert service.process is not None
    root = service.process.pid
    deadline = time.monotonic() + STRIKE_SECONDS
    while time.monotonic() < deadline:
        found: list[int | None] = {
            "API": lambda: [root],
            "worker": lambda: [service.worker()],
            "child": lambda: [service.child()],
            "forkserver": lambda: [service.forkserver()],
            "all at once": lambda: [root, *below(root)],
        }[target]()
        struck = False
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                if pid is not None:
                    os.kill(pid, signal.SIGKILL)
                    struck = True
        if struck:
            return True
        time.sleep(0.01)
    return False


def signals(service: Service, fault: str, number: signal.Signals, table: Table) -> None:
    """Send a child a signal as soon as it is there."""
    row = Row(fault)
    name = service.submit("forecasting")
    pid = None
    deadline = time.monotonic() + WAIT_SECONDS
    while pid is None and time.monotonic() < deadline:
        pid = service.child()
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            row.rounds += 1
    look(service, [name] if name else [], row)
    table.add(row, service)


def hangs(folder: Path, table: Table, rounds: int) -> None:
    """Stop children until their time is over."""
    fault = f"child: hangs (limit {HANG_SECONDS:g} s)"
    if table.rounds(fault) >= rounds:
        return
    with running(folder, **QUICK, max_run_seconds=HANG_SECONDS) as service:
        for _ in range(table.rounds(fault), rounds):
            signals(service, fault, signal.SIGSTOP, table)


def hogs(folder: Path, table: Table, rounds: int) -> None:
    """Let children take more memory than they may."""
    fault = "child: more than 60 MiB"
    if table.rounds(fault) >= rounds:
        return
    with running(folder, **QUICK, max_run_memory_mib=60, max_attempts=2) as service:
        for _ in range(table.rounds(fault), rounds):
            row = Row(fault, 1)
            name = service.submit()
            look(service, [name] if name else [], row)
            table.add(row, service)


def full_disk(folder: Path, table: Table, rounds: int) -> None:
    """Fill the disk under a service, then make room again."""
    if table.rounds("disk full") >= rounds:
        return
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=False,
        capture_output=True,
    )  # fmt: skip
    if made.returncode:
        row = Row("disk full", reasons={"not run: no file system may be mounted here"})
        table.add(row)
        return
    try:
        with running(folder / "home", **QUICK, min_free_mib=1) as service:
            for _ in range(table.rounds("disk full"), rounds):
                row = Row("disk full", 1)
                ballast = folder / "ballast"
                first = service.submit()
                with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                    while True:
                        file.write(b"\0" * 65536)
                time.sleep(3.0)
                during = service.submit("forecasting", tries=8)
                ballast.unlink()
                after = service.submit("forecasting")
                look(service, [name for name in (first, during, after) if name], row)
                table.add(row, service)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)


def database_away(folder: Path, table: Table, rounds: int, command: str) -> None:
    """Stop the database server under running work and start it again."""
    fault = "database stopped and started"
    if table.rounds(fault) >= rounds:
        return
    with running(folder, **QUICK, max_attempts=20) as service:
        for _ in range(table.rounds(fault), rounds):
            row = Row(fault, 1)
            names = [name for name in (service.submit(), service.submit("forecasting")) if name]
            time.sleep(1.5)
            subprocess.run([command], check=True, capture_output=True)
            late = service.submit("forecasting")
            look(service, [*names, *([late] if late else [])], row)
            table.add(row, service)


def clock_back(service: Service, table: Table, rounds: int) -> None:
    """Let a schedule's time come, set the clock back behind it, and let it come again.

    The clock is handed to what looks for due schedules; the machine's own is left alone, by which
    the service's worker looks all the while. Each time must start one run.
    """
    run = {"kind": "forecasting", "scenario": service.scenario, "options": {"work": WORK}}
    body = {"name": "yearly", "cron": "0 3 1 1 *", "timezone": "Asia/Shanghai", "run": run}
    service.http.post("/v1/schedules", json=body).raise_for_status()
    blobs, queue = FolderBlobs(service.settings.home / "blobs"), RunQueue(service.settings.url)
    for number in range(table.rounds("clock set back"), rounds):
        row = Row("clock set back", 1)
        due = dt.datetime(dt.datetime.now(dt.UTC).year + 2 + number, 1, 1, tzinfo=dt.UTC)
        before = service.names()
        for moved in (0, -1, -3600, 0, -86_400 * 400, 60, -60, 0):
            now = due + dt.timedelta(seconds=moved)
            start_due(service.database, blobs, queue, service.settings, lambda now=now: now)
        names = sorted(service.names() - before)
        row.lost += not names
        row.doubled += len(names) > 1
        look(service, names, row)
        table.add(row, service)
    queue.close()


def deaths(folder: Path, table: Table, rounds: int) -> None:
    """Let children die of themselves; then let time go back."""
    fault = "child: segmentation fault"
    if min(table.rounds(fault), table.rounds("clock set back")) >= rounds:
        return
    with running(folder, **QUICK, max_attempts=20) as service:
        for _ in range(table.rounds(fault), rounds):
            signals(service, fault, signal.SIGSEGV, table)
        clock_back(service, table, rounds)


def main(arguments: list[str]) -> int:
    """Run all faults and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of each")
    parser.add_argument("--rounds", type=int, default=100, help="kills in all")
    parser.add_argument("--minutes", type=float, help="begin no further kill after so many")
    parser.add_argument("--side-by-side", type=int, default=1, help="services that are killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="docs page whose part is replaced")
    parser.add_argument("--keep", type=Path, help="file of what was seen, to go on from")
    options = parser.parse_args(arguments)
    kill_rounds = len(TARGETS) if options.short else options.rounds
    most = math.inf if options.minutes is None else time.monotonic() + 60.0 * options.minutes
    few = 1 if options.short else max(1, min(3, options.rounds // 6))
    table = Table(options.seed, options.page, options.keep)
    left = [number for number in range(kill_rounds) if number not in table.killed]
    lanes = max(1, options.side_by_side)

    def lane(number: int) -> None:
        with running(folder / f"kills-{number}", **QUICK, max_attempts=20) as service:
            kills(service, left[number::lanes], table, lambda: time.monotonic() > most)

    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(lanes) as pool:
        folder = Path(place)
        if restart := os.environ.get(RESTART):  # alone: it takes all services' database away
            database_away(folder / "database", table, few, restart)
        jobs = [
            pool.submit(job, folder / job.__name__, table, few)
            for job in (hangs, hogs, full_disk, deaths)
        ]
        jobs += [pool.submit(lane, number) for number in range(min(lanes, len(left)))]
        for job in jobs:
            job.result()
    print(table.text())
    return int(any(row.is_bad for row in table.rows.values()))
