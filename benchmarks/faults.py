"""What a service loses when its parts die: ``python -m benchmarks faults [--short] [--rounds N]``.

``--page docs/benchmarks/service.md`` puts the table there.

Each round starts runs of the corner shop on a service of its own process, lets one thing go wrong
at a random moment, and then looks: every run that was accepted has ended, once, with a plan
whose tables can all be read, or has failed and says why. Exit 1 where anything is lost, doubled
or half there. With HOLDFAST_TEST_DATABASE_URL on PostgreSQL, else on SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import math
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from sqlalchemy import select

from api.runs.queue import RunQueue
from api.runs.schedules import start_due
from api.security.keys import Keys
from api.security.trail import verified
from api.settings import ServiceSettings
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.documents import get_plan
from api.store.rows import PlanRow, RunRow
from benchmarks.databases import fresh_database
from benchmarks.machine import describe_machine
from benchmarks.page import put

SERVE = "import sys; from api.cli import main; sys.argv = ['holdfast', 'serve']; main()"
RESTART = "HOLDFAST_TEST_DATABASE_RESTART"
WAIT_SECONDS = 900.0  # so that what is slow on a busy machine is not taken for lost
WORK = 0.5  # of a run
AFTER_SECONDS = 3.0  # a kill comes within so long after two runs were handed in
PACKAGES = ("sqlalchemy", "dbos", "fastapi")
ENDED = ("succeeded", "failed", "cancelled")
TARGETS = ("API", "worker", "child")


@dataclass
class Row:
    """What was seen of one kind of fault."""

    fault: str
    rounds: int = 0
    runs: int = 0
    again: int = 0
    failed: int = 0
    lost: int = 0
    doubled: int = 0
    half: int = 0
    reasons: set[str] = field(default_factory=set)

    def line(self) -> str:
        """Return it as a line of a table."""
        told = "; ".join(sorted(self.reasons))
        return (
            f"| {self.fault} | {self.rounds} | {self.runs} | {self.again} | {self.failed} |"
            f" {self.lost} | {self.doubled} | {self.half} | {told} |"
        )


class Service:
    """A `holdfast serve` in a folder, with a key; it can be killed and started again."""

    def __init__(self, home: Path, **settings: object) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        more = {"database_url": fresh_database(), **settings}
        self.settings = ServiceSettings.model_validate({"home": home, "port": port, **more})
        home.mkdir(parents=True, exist_ok=True)
        self.database = Database(self.settings.url)
        key = Keys(self.database).first()
        assert key is not None
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key.secret}"},
            timeout=180.0,
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.scenario = self.http.post("/v1/demo-scenarios/corner-shop").json()["id"]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        given = self.settings.model_dump(mode="json", exclude_none=True)
        named = {k: ",".join(v) if isinstance(v, list) else str(v) for k, v in given.items()}
        environment = {f"HOLDFAST_{name.upper()}": value for name, value in named.items()}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVE],
            env={**os.environ, **environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if self.http.get("/readyz").status_code == 200:
                    return
            time.sleep(0.1)
        raise TimeoutError("the service does not answer")

    def stop(self) -> None:
        """Stop it in good order."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        self.http.close()
        self.database.close()

    def submit(self) -> str | None:
        """Hand a run in as a careful client does: again, with the same key, until it is told."""
        body = {"kind": "replenishment", "scenario": self.scenario, "options": {"work": WORK}}
        name = {"Idempotency-Key": secrets.token_hex(8)}
        for _ in range(40):
            with contextlib.suppress(httpx.HTTPError):
                answer = self.http.post("/v1/runs", json=body, headers=name)
                if answer.status_code == 202:
                    return str(answer.json()["id"])
            time.sleep(0.25)
        return None

    def names(self) -> set[str]:
        """Return the ids of all runs."""
        with self.database.session() as session:
            return set(session.scalars(select(RunRow.id)))

    def ended(self, names: list[str]) -> dict[str, RunRow]:
        """Wait for runs to end; those that do not are left out."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            with contextlib.suppress(Exception), self.database.session() as session:
                rows = session.scalars(select(RunRow).where(RunRow.id.in_(names)))
                found = {row.id: row for row in rows if row.state in ENDED}
                if len(found) == len(names) or time.monotonic() > deadline:
                    return found
            time.sleep(0.1)

    def worker(self) -> int | None:
        """Return the worker's process id."""
        assert self.process is not None
        for pid in below(self.process.pid):
            with contextlib.suppress(OSError):
                if b"api.runs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def child(self) -> int | None:
        """Return the process id of a solving child: what has no child and is no tracker."""
        worker = self.worker()
        if worker is None:
            return None
        for pid in reversed(below(worker)):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"forkserver" in line and not below(pid) and parent(pid) != worker:
                    return pid
        return None


def parent(pid: int) -> int:
    """Return a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def below(pid: int) -> list[int]:
    """Return the processes below a process, nearest first."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = parent(int(entry.name))
    found = [child for child, up in parents.items() if up == pid]
    return found + [deeper for child in found for deeper in below(child)]


def look(service: Service, names: list[str], row: Row) -> None:
    """Add to a row what became of runs."""
    print(f"{time.strftime('%H:%M:%S')} {row.fault}: round {row.rounds + 1}", file=sys.stderr)
    found = service.ended(names)
    row.rounds += 1
    row.runs += len(names)
    row.lost += len(names) - len(found)
    for name in names:
        if name not in found:
            with service.database.session() as session:
                run = session.get(RunRow, name)
                told = "no row" if run is None else f"{run.state}, attempt {run.attempt}"
            row.reasons.add(f"lost: {told}")
    blobs = FolderBlobs(service.settings.home / "blobs")
    with service.database.session() as session:
        for run in found.values():
            row.again += run.attempt > 1
            row.failed += run.state == "failed"
            if run.state == "failed":
                row.reasons.add(run.reason)
            plans = session.scalars(select(PlanRow).where(PlanRow.run_id == run.id)).all()
            row.doubled += len(plans) > 1
            row.half += run.state == "succeeded" and len(plans) != 1
            for plan in plans:
                try:
                    get_plan(blobs, plan.manifest)
                except Exception:  # noqa: BLE001 - whatever it is, the plan is not whole
                    row.half += 1
    row.half += any(result.breaks for result in verified(service.database))


def kills(
    service: Service, rounds: int, rng: random.Random, is_late: Callable[[], bool]
) -> list[Row]:
    """Kill the API, the worker or a child at random moments, in turn, until it is late."""
    rows = {target: Row(f"kill -9 of {target}") for target in TARGETS}
    for number in range(rounds):
        if number >= len(TARGETS) and is_late():
            break
        target = TARGETS[number % len(TARGETS)]
        kill(service, target, rows[target], rng)
    return list(rows.values())


def kill(service: Service, target: str, row: Row, rng: random.Random) -> None:
    """Kill one process while two runs are under way, then hand in a third."""
    names = [name for name in (service.submit(), service.submit()) if name]
    time.sleep(rng.uniform(0.0, AFTER_SECONDS))
    assert service.process is not None
    pid = {"API": service.process.pid, "worker": service.worker(), "child": service.child()}
    if pid[target] is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid[target], signal.SIGKILL)  # type: ignore[arg-type]
    if target == "API":
        service.process.wait()
        service.start()
    late = service.submit()
    look(service, [*names, *([late] if late else [])], row)


def signals(service: Service, fault: str, number: signal.Signals, rounds: int) -> Row:
    """Send a child a signal as soon as it is there."""
    row = Row(fault)
    for _ in range(rounds):
        name = service.submit()
        pid = None
        deadline = time.monotonic() + WAIT_SECONDS
        while pid is None and time.monotonic() < deadline:
            pid = service.child()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        look(service, [name] if name else [], row)
    return row


def full_disk(folder: Path) -> Row:
    """Fill the disk under a service, then make room again."""
    row = Row("disk full")
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], check=False,
        capture_output=True,
    )  # fmt: skip
    if made.returncode:
        row.reasons.add("not run: no file system may be mounted here")
        return row
    try:
        service = Service(folder / "home", min_free_mib=1)
        ballast = folder / "ballast"
        first = service.submit()
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 65536)
        time.sleep(3.0)
        during = service.submit()
        ballast.unlink()
        after = service.submit()
        names = [name for name in (first, during, after) if name]
        look(service, names, row)
        service.stop()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
    return row


def database_away(service: Service, command: str, rounds: int) -> Row:
    """Stop the database server under running work and start it again."""
    row = Row("database stopped and started")
    for _ in range(rounds):
        names = [name for name in (service.submit(), service.submit()) if name]
        time.sleep(1.5)
        subprocess.run([command], check=True, capture_output=True)
        late = service.submit()
        look(service, [*names, *([late] if late else [])], row)
    return row


def clock_back(service: Service, rounds: int) -> Row:
    """Let a schedule's time come, set the clock back behind it, and let it come again.

    The clock is handed to what looks for due schedules; the machine's own is left alone, by which
    the service's worker looks all the while. Each time must start one run.
    """
    row = Row("clock set back")
    run = {"kind": "replenishment", "scenario": service.scenario, "options": {"work": WORK}}
    body = {"name": "yearly", "cron": "0 3 1 1 *", "timezone": "Asia/Shanghai", "run": run}
    service.http.post("/v1/schedules", json=body).raise_for_status()
    blobs, queue = FolderBlobs(service.settings.home / "blobs"), RunQueue(service.settings.url)
    for number in range(rounds):
        due = dt.datetime(dt.datetime.now(dt.UTC).year + 2 + number, 1, 1, tzinfo=dt.UTC)
        before = service.names()
        for moved in (0, -1, -3600, 0, -86_400 * 400, 60, -60, 0):
            now = due + dt.timedelta(seconds=moved)
            start_due(service.database, blobs, queue, service.settings, lambda now=now: now)
        names = sorted(service.names() - before)
        row.lost += not names
        row.doubled += len(names) > 1
        look(service, names, row)
    queue.close()
    return row


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Service]:
    """Run a service, and stop it."""
    service = Service(folder, **settings)
    try:
        yield service
    finally:
        service.stop()


def main(arguments: list[str]) -> int:
    """Run all faults and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks faults", description=__doc__)
    parser.add_argument("--short", action="store_true", help="a round or two of each")
    parser.add_argument("--rounds", type=int, default=100, help="kills in all")
    parser.add_argument("--minutes", type=float, help="begin no further kill after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--page", type=Path, help="docs page whose part is replaced")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    rng = random.Random(options.seed)
    kill_rounds = len(TARGETS) if options.short else options.rounds
    most = math.inf if options.minutes is None else 60.0 * options.minutes
    few = 1 if options.short else max(1, min(3, options.rounds // 6))
    quick = {"beat_seconds": 0.5, "queue_poll_seconds": 0.1}
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        with running(folder / "hang", **quick, max_run_seconds=15) as service:
            rows.append(signals(service, "child: hangs (limit 15 s)", signal.SIGSTOP, few))
        with running(folder / "hog", **quick, max_run_memory_mib=60, max_attempts=2) as service:
            row = Row("child: more than 60 MiB")
            for _ in range(few):
                name = service.submit()
                look(service, [name] if name else [], row)
            rows.append(row)
        rows.append(full_disk(folder / "disk"))
        with running(folder / "kills", **quick, max_attempts=20) as service:
            rows.append(signals(service, "child: segmentation fault", signal.SIGSEGV, few))
            rows.append(clock_back(service, few))
            if restart := os.environ.get(RESTART):
                rows.append(database_away(service, restart, few))
            rows = [
                *kills(service, kill_rounds, rng, lambda: time.monotonic() - began > most),
                *rows,
            ]
    kind = "PostgreSQL" if os.environ.get("HOLDFAST_TEST_DATABASE_URL") else "SQLite"
    seconds = time.monotonic() - began
    rounds = sum(row.rounds for row in rows)
    machine = describe_machine(PACKAGES)
    lines = [
        f"{kind}, {rounds} rounds in {seconds:.0f} s; {machine}; seed {options.seed}.",
        "",
        "| fault | rounds | runs | tried again | failed | lost | doubled | half there | reasons |",
        "|---|---|---|---|---|---|---|---|---|",
        *(row.line() for row in rows),
    ]
    text = "\n".join(lines)
    print(text)
    if options.page is not None:
        put(options.page, f"faults {kind}", text)
    return int(any(row.lost or row.doubled or row.half for row in rows))
