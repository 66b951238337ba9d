"""The service says truly whether it can answer, and whether runs get done."""

from __future__ import annotations

import datetime as dt
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import OperationalError

from api.operations.readiness import NotReady, Readiness
from api.operations.retention import forget_old_visits
from api.runs.workers import LOST_LOOKS
from api.store.blobs import FolderBlobs
from api.store.rows import ApiKeyRow, RunRow, VisitRow, WorkerRow, utc_now
from scenarios.library import demo_scenario

from .conftest import Door, settings_for

BEAT = 2.0


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service without a worker."""
    door = Door(settings_for(tmp_path_factory.mktemp("ready"), beat_seconds=BEAT), works=False)
    yield door
    door.close()


@pytest.fixture
def readiness(door: Door) -> Iterator[Readiness]:
    """Its readiness, on a clock of its own; workers and runs are gone afterwards."""
    house = door.house
    assert isinstance(house.blobs, FolderBlobs)
    yield Readiness(house.database, house.blobs, house.settings, Clock())
    with house.database.begin() as session:
        for row in session.scalars(select(WorkerRow)):
            session.delete(row)
        session.execute(update(RunRow).values(state="cancelled"))


def beat(door: Door, count: int) -> None:
    """Have a worker beaten so often."""
    with door.house.database.begin() as session:
        session.merge(WorkerRow(id="worker_x", host="h", pid=1, beats=count))


def test_no_worker_is_a_problem(door: Door, readiness: Readiness) -> None:
    """Requests are answered, but nobody does runs."""
    assert readiness.problems() == ["no worker is alive: runs wait"]
    told = door.http.get("/readyz")
    assert (told.status_code, told.json()["status"]) == (200, "degraded")
    assert told.json()["problems"] == ["no worker is alive: runs wait"]


def test_a_worker_that_beats_is_alive(door: Door, readiness: Readiness) -> None:
    """As long as its count goes up within six beats, all is well."""
    for count in range(4):
        beat(door, count)
        assert readiness.problems() == []
        readiness.clock.now += LOST_LOOKS * BEAT
    assert door.http.get("/readyz").json()["status"] == "ok"


def test_a_worker_whose_count_stands_still_is_not_alive(door: Door, readiness: Readiness) -> None:
    """All workers died at once and nobody buries them: it shows after six beats."""
    beat(door, 7)
    assert readiness.problems() == []
    readiness.clock.now += (LOST_LOOKS + 1) * BEAT + 0.1
    assert readiness.problems() == ["no worker is alive: runs wait"]


def queued(door: Door, minutes: float, **more: Any) -> None:
    """Have a run wait since so many minutes."""
    scenario = door.desk.scenarios.keep(demo_scenario("corner-shop"))
    at = utc_now() - dt.timedelta(minutes=minutes)
    with door.desk.database.begin() as session:
        run = {"id": f"run_{minutes}_{len(more)}", "kind": "pipeline", "state": "queued", **more}
        session.merge(
            RunRow(scenario_id=scenario.id, revision=scenario.head, request={}, labels={},
                   created_at=at, **run)
        )  # fmt: skip


def test_a_queue_that_stands_still_is_a_problem(door: Door, readiness: Readiness) -> None:
    """A worker beats, a run waits for six minutes, none is under way and none began since."""
    beat(door, 1)
    queued(door, 6)
    (problem,) = readiness.problems()
    assert problem.startswith("the queue stands still: runs wait, none began for 36")


@pytest.mark.slow
def test_a_long_queue_that_moves_is_none(door: Door, readiness: Readiness) -> None:
    """The oldest has waited for an hour, but a run began a minute ago."""
    beat(door, 1)
    queued(door, 60)
    began = utc_now() - dt.timedelta(minutes=1)
    queued(door, 61, state="succeeded", started_at=began)
    assert readiness.problems() == []


def test_runs_that_are_held_do_not_make_the_queue_stand(door: Door, readiness: Readiness) -> None:
    """They wait for runs of their own tenant."""
    beat(door, 1)
    queued(door, 60, held=True)
    assert readiness.problems() == []


def test_without_its_database_it_is_not_ready(
    door: Door, readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503, and no word of where the database lies."""

    def away(**_told: str) -> None:
        raise OperationalError("select", {}, Exception("connection to db.internal refused"))

    monkeypatch.setattr(door.house.database, "session", away)
    with pytest.raises(NotReady):
        readiness.problems()
    told = door.http.get("/readyz")
    assert (told.status_code, told.json()["code"]) == (503, "not_ready")
    assert "db.internal" not in told.text


def test_on_a_full_disk_it_is_not_ready(
    door: Door, readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Less than 64 MiB are free: 503, though a small write would still succeed."""
    usage = shutil.disk_usage(door.house.settings.home)
    little = type(usage)(usage.total, usage.total, 63 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: little)
    with pytest.raises(NotReady, match="disk: 63 MiB are free"):
        readiness.problems()
    assert door.http.get("/readyz").status_code == 503


def test_on_a_disk_that_takes_nothing_it_is_not_ready(
    readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quota or a read-only mount: space is free, and a write fails."""

    def full(_handle: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotReady, match="disk: Disk quota exceeded"):
        readiness.problems()


def test_a_new_blob_flushes_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, the folder that names it and the folder that names that one are flushed."""
    flushed: list[Path] = []
    true_fsync = os.fsync

    def fsync(handle: int) -> None:
        flushed.append(Path(f"/proc/self/fd/{handle}").readlink())
        true_fsync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    blobs = FolderBlobs(tmp_path)
    digest = blobs.put(b"content")
    assert flushed[0] == tmp_path
    assert flushed[1].name.startswith(".part-")
    assert flushed[2] == tmp_path / digest[:2]


def test_visits_that_ended_are_forgotten(door: Door) -> None:
    """Of visits that ended 3 days and an hour ago and one that goes on, a day keeps two."""
    database = door.house.database
    with database.begin() as session:
        key = session.scalars(select(ApiKeyRow)).first()
        for hours in (-72, -1, 1):
            ends = utc_now() + dt.timedelta(hours=hours)
            session.add(VisitRow(token_hash=f"{hours}", key_id=key.id, ends_at=ends,
                                 tenant_id=key.tenant_id))  # fmt: skip
    assert forget_old_visits(database, 1) == 1
    with database.session() as session:
        assert {row.token_hash for row in session.scalars(select(VisitRow))} == {"-1", "1"}
