"""Two APIs and four workers on one database, as processes, as a deployment has them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from api.security.keys import Keys
from api.settings import PREFIX
from api.store.database import Database
from api.store.rows import PlanRow, RunRow

from .conftest import settings_for

MAIN = "import sys; from api.cli import main; sys.argv = ['holdfast', *sys.argv[1:]]; main()"
SECONDS = 400.0
RUNS = 8


class Deployment:
    """Processes of a service in a folder."""

    def __init__(self, home: Path) -> None:
        self.settings = settings_for(home, beat_seconds=0.5, queue_poll_seconds=0.1)
        self.database = Database(self.settings.url)
        first = Keys(self.database).first()
        assert first is not None
        self.key = first.secret
        self.processes: list[subprocess.Popen[bytes]] = []
        self.doors: list[httpx.Client] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command of ours, with the address of the database in a file."""
        address = self.settings.home / "database_url"
        address.write_text(self.settings.url)
        told = {
            "HOME": str(self.settings.home), "DATABASE_URL_FILE": str(address),
            "BEAT_SECONDS": "0.5", "QUEUE_POLL_SECONDS": "0.1",
        }  # fmt: skip
        environment = {PREFIX + name: value for name, value in told.items()}
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *command], env={**os.environ, **environment},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def api(self) -> subprocess.Popen[bytes]:
        """Start an API; its door is the last of `doors`."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        headers = {"Authorization": f"Bearer {self.key}"}
        address = f"http://127.0.0.1:{port}"
        self.doors.append(httpx.Client(base_url=address, headers=headers, timeout=SECONDS))
        return self.start("api", "--port", str(port))

    def close(self) -> None:
        """End all."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()
        for door in self.doors:
            door.close()
        self.database.close()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    """A service that has no process yet."""
    deployment = Deployment(tmp_path)
    yield deployment
    deployment.close()


def wait_for(holds: Callable[[], bool]) -> None:
    """Wait until something holds; an answer that does not come is none."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            if holds():
                return
        time.sleep(0.1)
    raise AssertionError("it does not come to hold")


@pytest.mark.faults
def test_runs_of_two_apis_are_each_done_once_by_four_workers(deployment: Deployment) -> None:
    """Runs handed in at both; an API and a worker are killed; all succeed, each with one plan."""
    apis = [deployment.api() for _ in range(2)]
    workers = [deployment.start("worker") for _ in range(4)]
    for door in deployment.doors:
        wait_for(lambda door=door: door.get("/readyz").json()["status"] == "ok")
    assert deployment.start("worker", "--check").wait() == 0
    scenario = deployment.doors[0].post("/v1/demo-scenarios/corner-shop").json()["id"]
    body = {"kind": "replenishment", "scenario": scenario, "options": {"work": 1.0}}
    runs = []
    for number in range(RUNS):
        told = deployment.doors[number % 2].post("/v1/runs", json=body)
        assert told.status_code == 202
        runs.append(told.json()["id"])
    door = deployment.doors[1]
    wait_for(lambda: any(door.get(f"/v1/runs/{run}").json()["state"] == "running" for run in runs))
    os.kill(apis[0].pid, signal.SIGKILL)
    os.kill(workers[0].pid, signal.SIGKILL)
    for run in runs:
        wait_for(lambda run=run: door.get(f"/v1/runs/{run}").json()["state"] == "succeeded")
    with deployment.database.session() as session:
        plans = select(PlanRow.run_id, func.count()).group_by(PlanRow.run_id)
        assert dict(session.execute(plans).all()) == dict.fromkeys(runs, 1)
        assert session.scalar(select(func.count()).select_from(RunRow)) == RUNS


@pytest.mark.faults
def test_a_machine_without_a_worker_is_told_so(deployment: Deployment) -> None:
    """`holdfast worker --check` fails: what watches the container starts it anew."""
    assert deployment.start("worker", "--check").wait() != 0
