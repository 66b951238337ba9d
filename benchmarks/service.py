"""A `holdfast serve` of its own process, to measure and to maltreat."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.runs.states import ENDED
from api.security.keys import Keys
from api.settings import ServiceSettings
from api.store.database import Database
from api.store.rows import RunRow
from benchmarks.databases import fresh_database

SERVE = "import sys; from api.cli import main; sys.argv = ['holdfast', 'serve']; main()"
WAIT_SECONDS = 900.0  # so that what is slow on a busy machine is not taken for lost
LOOK_SECONDS = 0.2
WORK = 0.5  # of a run
MAKING = threading.Lock()  # Alembic makes one database at a time in a process


class Service:
    """A `holdfast serve` in a folder, with a key; it can be killed and started again."""

    def __init__(self, home: Path, **settings: object) -> None:
        port = free_port()
        more = {"database_url": fresh_database(), **settings}
        self.settings = ServiceSettings.model_validate({"home": home, "port": port, **more})
        home.mkdir(parents=True, exist_ok=True)
        with MAKING:
            self.database = Database(self.settings.url)
        key = Keys(self.database).first()
        assert key is not None
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Bearer {key.secret}"},
            timeout=180.0,
        )
        self.log = home / "log"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()
        self.scenario = self.http.post("/v1/demo-scenarios/corner-shop").json()["id"]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        given = self.settings.model_dump(mode="json", exclude_none=True)
        named = {k: ",".join(v) if isinstance(v, list) else str(v) for k, v in given.items()}
        environment = {f"HOLDFAST_{name.upper()}": value for name, value in named.items()}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE],
                env={**os.environ, **environment},
                stdout=subprocess.DEVNULL,
                stderr=log,
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

    def submit(self, kind: str = "replenishment", *, tries: int = 40) -> str | None:
        """Hand a run in as a careful client does: again, with the same key, until it is told."""
        body = {"kind": kind, "scenario": self.scenario, "options": {"work": WORK}}
        name = {"Idempotency-Key": secrets.token_hex(8)}
        for _ in range(tries):
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

    def ended(
        self,
        names: list[str],
        meanwhile: Callable[[Session], None] | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> dict[str, RunRow]:
        """Wait for runs to end, looking `meanwhile`; those that do not are left out."""
        deadline = time.monotonic() + wait_seconds
        found: dict[str, RunRow] = {}
        while True:
            with contextlib.suppress(SQLAlchemyError), self.database.session() as session:
                if meanwhile is not None:
                    meanwhile(session)
                rows = session.scalars(select(RunRow).where(RunRow.id.in_(names)))
                found = {row.id: row for row in rows if row.state in ENDED}
                if len(found) == len(names):
                    break
            if time.monotonic() > deadline:
                break
            time.sleep(LOOK_SECONDS)
        return found

    def worker(self) -> int | None:
        """Return the worker's process id."""
        assert self.process is not None
        for pid in below(self.process.pid):
            with contextlib.suppress(OSError):
                if b"api.runs.worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return None

    def child(self) -> int | None:
        """Return the process id of a solving child: one that the forkserver has started."""
        forkserver = self.forkserver()
        found = [] if forkserver is None else below(forkserver)
        return found[-1] if found else None

    def forkserver(self) -> int | None:
        """Return the process id of what starts the worker's children."""
        worker = self.worker()
        for pid in [] if worker is None else below(worker):
            with contextlib.suppress(OSError):
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"forkserver" in line and parent(pid) == worker:
                    return pid
        return None


def free_port() -> int:
    """Return a free port below those that the kernel gives to clients.

    While a service is down, no client that calls it is given its port.
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as free, contextlib.suppress(OSError):
            free.bind(("127.0.0.1", port))
            return port


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


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Service]:
    """Run a service, and stop it."""
    service = Service(folder, **settings)
    try:
        yield service
    finally:
        service.stop()
