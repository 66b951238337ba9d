"""Runs outlive the processes that carry them: nothing is lost, nothing is done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from subprocess import PIPE, Popen
from unittest.mock import patch

import pytest
from sqlalchemy import select

from api.runs import process as process_module
from api.runs.chunks import Chunks
from api.runs.process import WorkerProcess
from api.runs.queue import RunQueue
from api.runs.states import ENDED
from api.runs.supervision import Supervisor
from api.runs.workers import LOST_LOOKS, Workers
from api.schemas.runs import RunRequest
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import EventRow, PlanRow, RunRow, TenantRow, WorkerRow
from scenarios.library import demo_scenario

from .conftest import settings_for

SECONDS = 90.0


class House:
    """A service without its web: database, queue, and the means to hand runs in."""

    def __init__(self, home: Path) -> None:
        self.settings = settings_for(
            home, beat_seconds=0.2, queue_poll_seconds=0.05, cancel_grace_seconds=0.5
        )
        blobs = FolderBlobs(home / "blobs")
        self.database = Database(self.settings.url)
        self.queue = RunQueue(self.settings.url)
        with self.database.begin() as session:
            session.add(TenantRow(id="tenant_a", name="a"))
        own = self.database.of("tenant_a")
        scenarios = ScenarioService(own, blobs)
        self.runs = RunService(own, scenarios, self.queue, self.settings)
        self.scenario = scenarios.keep(demo_scenario("corner-shop")).id

    def submit(self, work: float = 2.0) -> str:
        """Queue a small run."""
        body = {"kind": "replenishment", "scenario": self.scenario, "options": {"work": work}}
        return self.runs.submit(RunRequest.model_validate(body)).id

    def until(self, run_id: str, told: Callable[[RunRow], bool]) -> RunRow:
        """Wait for a run to look as told."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            row = self.runs.row(run_id)
            if told(row):
                return row
            time.sleep(0.02)
        raise AssertionError(f"run {run_id} stays {row.state} in attempt {row.attempt}")

    def ended(self, run_id: str) -> RunRow:
        """Wait for a run to end."""
        return self.until(run_id, lambda row: row.state in ENDED)

    def plans(self, run_id: str) -> int:
        """Return how many plans a run has made."""
        with self.database.session() as session:
            return len(session.scalars(select(PlanRow).where(PlanRow.run_id == run_id)).all())

    def events(self, run_id: str) -> list[EventRow]:
        """Return what happened in a run."""
        return self.runs.events(run_id, 0)


@contextlib.contextmanager
def opened(home: Path) -> Iterator[House]:
    """A service, closed in the end."""
    house = House(home)
    yield house
    house.queue.close()
    house.database.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A service whose runs nobody takes."""
    with opened(tmp_path_factory.mktemp("quiet")) as house:
        yield house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A service of its own."""
    with opened(tmp_path) as house:
        yield house


@pytest.fixture
def worker(house: House) -> Iterator[WorkerProcess]:
    """A worker process of the service."""
    process = WorkerProcess(house.settings)
    process.start()
    yield process
    process.stop()


def children(pid: int) -> list[int]:
    """Return the processes below a process, all the way down."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
        except OSError:  # it ended while we looked
            continue
    below = [child for child, parent in parents.items() if parent == pid]
    return below + [deeper for child in below for deeper in children(child)]


@pytest.mark.faults
def test_a_killed_worker_loses_no_run(house: House, worker: WorkerProcess) -> None:
    """Kill -9 in the middle of a run: the next worker does it, once, and says why."""
    run_id = house.submit()
    house.until(run_id, lambda row: row.stage != "")
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    row = house.ended(run_id)
    assert (row.state, row.attempt, row.deaths) == ("succeeded", 2, 1)
    assert house.plans(run_id) == 1
    reasons = [event.data.get("reason") for event in house.events(run_id)]
    assert "its worker was lost" in reasons


@pytest.mark.faults
def test_a_killed_child_is_tried_again(house: House, worker: WorkerProcess) -> None:
    """A solver that dies takes neither the worker nor the run with it."""
    run_id = house.submit()
    house.until(run_id, lambda row: row.stage != "")
    assert worker.pid is not None
    for pid in children(worker.pid):
        if b"forkserver" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    before = worker.pid
    os.kill(max(children(before)), signal.SIGKILL)
    row = house.ended(run_id)
    assert (row.state, row.attempt) == ("succeeded", 2)
    assert worker.pid == before


@pytest.mark.faults
def test_a_worker_that_stops_hands_its_run_back(house: House) -> None:
    """A stop in good order is no death: the next worker goes on with the run."""
    first = WorkerProcess(house.settings)
    first.start()
    run_id = house.submit()
    house.until(run_id, lambda row: row.stage != "")
    first.stop()
    assert house.runs.row(run_id).state == "queued"
    second = WorkerProcess(house.settings)
    second.start()
    try:
        row = house.ended(run_id)
    finally:
        second.stop()
    assert (row.state, row.attempt, row.deaths) == ("succeeded", 2, 0)


@pytest.mark.faults
def test_a_cancelled_run_leaves_no_process(house: House, worker: WorkerProcess) -> None:
    """A cancel reaches the child in its own process, which is gone when the run has ended."""
    run_id = house.submit(work=500.0)
    house.until(run_id, lambda row: row.stage != "")
    assert worker.pid is not None
    during = set(children(worker.pid))
    house.runs.cancel(run_id)
    assert house.ended(run_id).state == "cancelled"
    gone = during - set(children(worker.pid))
    assert gone


def watcher_of(house: House) -> Workers:
    """A worker that only looks."""
    chunks = Chunks(house.database, house.queue, house.settings.max_attempts)
    return Workers(house.database, house.settings, house.queue, chunks)


def test_a_run_that_is_not_kept_is_not_queued(quiet: House) -> None:
    """The run and its place in the queue come in one commit: undone together."""
    run_id = quiet.submit()
    row = quiet.runs.row(run_id)
    row.attempt = 5
    with quiet.database.begin() as session:
        quiet.queue.enqueue(session, row)
        session.rollback()
    assert quiet.queue.waiting([f"{run_id}/1", f"{run_id}/6"]) == {f"{run_id}/1"}


def taken(house: House, run_id: str, worker_id: str) -> None:
    """Make a run look taken by a worker."""
    with house.database.begin() as session:
        row = session.get(RunRow, run_id)
        row.state, row.attempt, row.worker_id = "running", row.attempt + 1, worker_id


def test_a_worker_whose_beats_stand_still_is_dead(quiet: House) -> None:
    """It takes LOST_LOOKS looks at the same count; then its run waits again, as attempt two."""
    run_id = quiet.submit()
    with quiet.database.begin() as session:
        session.add(WorkerRow(id="worker_far", host="another-machine", pid=1, beats=7))
    taken(quiet, run_id, "worker_far")
    watcher = watcher_of(quiet)
    for _ in range(LOST_LOOKS):
        watcher.look()
        assert quiet.runs.row(run_id).state == "running"
    watcher.look()
    row = quiet.runs.row(run_id)
    assert (row.state, row.attempt, row.deaths) == ("queued", 1, 1)
    assert quiet.queue.waiting([f"{run_id}/2"]) == {f"{run_id}/2"}


def test_a_worker_that_beats_is_left_alone(quiet: House) -> None:
    """As long as its count goes up, however slowly, a worker keeps its run."""
    run_id = quiet.submit()
    with quiet.database.begin() as session:
        session.add(WorkerRow(id="worker_far", host="another-machine", pid=1, beats=0))
    taken(quiet, run_id, "worker_far")
    watcher = watcher_of(quiet)
    for look in range(3 * LOST_LOOKS):
        watcher.look()
        if look % LOST_LOOKS == LOST_LOOKS - 1:
            with quiet.database.begin() as session:
                session.get(WorkerRow, "worker_far").beats += 1
    assert quiet.runs.row(run_id).state == "running"


def test_a_run_that_keeps_dying_fails_with_its_reason(quiet: House) -> None:
    """After max_attempts deaths a run fails, and says what happened."""
    run_id = quiet.submit()
    watcher = watcher_of(quiet)
    for death in range(quiet.settings.max_attempts):
        taken(quiet, run_id, f"worker_{death}")
        for _ in range(LOST_LOOKS + 1):
            watcher.look()
    row = quiet.runs.row(run_id)
    assert row.state == "failed"
    assert row.reason.startswith("its worker was lost; this was death 3 of it")


def test_an_attempt_that_is_over_publishes_nothing(quiet: House) -> None:
    """A worker that was taken for dead comes back with a result: the other attempt stands."""
    run_id = quiet.submit()
    supervisor = Supervisor(quiet.database, quiet.settings, quiet.queue, "worker_late")
    late = supervisor.begin(run_id, 1)
    assert late is not None
    taken(quiet, run_id, "worker_next")
    result = {"manifest": "0" * 64, "certificates": [], "notes": [], "cancelled": False}
    supervisor.finish(late, "done", result)
    row = quiet.runs.row(run_id)
    assert (row.state, row.attempt, row.plan_id) == ("running", 2, None)


def test_an_attempt_begins_once(quiet: House) -> None:
    """Handed out twice by the queue, an attempt is begun by the first only."""
    run_id = quiet.submit()
    supervisor = Supervisor(quiet.database, quiet.settings, quiet.queue, "worker_a")
    assert supervisor.begin(run_id, 1) is not None
    assert supervisor.begin(run_id, 1) is None


def test_a_run_whose_process_does_not_start_is_tried_again(quiet: House) -> None:
    """What starts processes was killed: no fault of the run, which waits again and says why."""
    run_id = quiet.submit()
    supervisor = Supervisor(quiet.database, quiet.settings, quiet.queue, "worker_a")
    with patch.object(BaseProcess, "start", side_effect=ConnectionRefusedError):
        supervisor.attempt(run_id, 1)
    row = quiet.runs.row(run_id)
    assert (row.state, row.attempt, row.deaths) == ("queued", 1, 1)
    assert quiet.queue.waiting([f"{run_id}/2"]) == {f"{run_id}/2"}
    reasons = [event.data.get("reason") for event in quiet.events(run_id)]
    assert "its process did not start: ConnectionRefusedError" in reasons


def test_a_worker_that_cannot_be_started_is_tried_again(tmp_path: Path) -> None:
    """The machine has no memory for a process just now: later there is a worker again."""
    process = WorkerProcess(settings_for(tmp_path))
    ended = [sys.executable, "-c", ""]
    waits = Popen([sys.executable, "-c", "input()"], stdin=PIPE)
    made = [Popen(ended, stdin=PIPE), OSError("no memory"), waits]
    with (
        patch.object(process_module.subprocess, "Popen", side_effect=made) as popen,
        patch.object(process_module, "FIRST_RESTART_SECONDS", 0.01),
    ):
        process.start()
        deadline = time.monotonic() + SECONDS
        while process.pid != waits.pid and time.monotonic() < deadline:
            time.sleep(0.01)
        assert process.pid == waits.pid
        assert popen.call_count == 3
        process.stop()


def test_a_run_that_nobody_has_is_queued_again(quiet: House) -> None:
    """A worker died between taking an attempt and beginning it: the run does not wait for ever."""
    run_id = quiet.submit()
    quiet.queue.drop([f"{run_id}/1"])
    watcher_of(quiet).look()
    assert quiet.queue.waiting([f"{run_id}/2"]) == {f"{run_id}/2"}


def test_stages_that_had_ended_become_the_plan(quiet: House) -> None:
    """A run that fails in its last stage keeps what came before, and says so."""
    run_id = quiet.submit()
    supervisor = Supervisor(quiet.database, quiet.settings, quiet.queue, "worker_a")
    attempt = supervisor.begin(run_id, 1)
    assert attempt is not None
    part = {"manifest": "0" * 64, "certificates": [{"stage": "forecasting"}], "notes": []}
    supervisor.pass_on(attempt, "staged", part)
    supervisor.finish(attempt, "failed", {"detail": "out of luck"})
    row = quiet.runs.row(run_id)
    assert row.state == "failed"
    assert row.plan_id is not None
    assert row.reason == "out of luck; the plan holds the stages that had ended"
