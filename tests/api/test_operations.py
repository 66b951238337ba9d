"""Copies come back whole, or are refused whole; what is deleted is gone, and nothing else."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.operations.backup import check_backup, make_backup, restore_backup
from api.operations.blobs import sweep
from api.operations.logs import JsonLines
from api.operations.retention import delete_tenant, forget_old_runs
from api.security.keys import Scope
from api.security.trail import verified
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.documents import put_plan
from api.store.rows import Base, EventRow, PlanRow, RunRow, TenantRow, new_id, utc_now
from optimizer.plan import Plan, Provenance
from scenarios import Conflict, InputError
from scenarios.library import demo_scenario

from .conftest import Door, settings_for


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    """A service with a scenario, an old run with a plan, and a new one."""
    door = Door(settings_for(tmp_path / "home"), works=False)
    desk = door.desk
    scenario = desk.scenarios.keep(demo_scenario("corner-shop"))
    for days in (90, 40, 1):
        made = Plan(Provenance(scenario.head, str(days), {}, 1, {}), {}, {})
        manifest = put_plan(door.house.blobs, made)
        at = utc_now() - dt.timedelta(days=days)
        with desk.database.begin() as session:
            run = RunRow(id=new_id("run"), kind="pipeline", state="succeeded", created_at=at,
                         ended_at=at, scenario_id=scenario.id, revision=scenario.head, request={},
                         labels={"days": str(days)})  # fmt: skip
            session.add(run)
            session.flush()
            session.add(EventRow(run_id=run.id, number=1, kind="done", data={"ü": [1.5, None]}))
            plan = PlanRow(id=new_id("plan"), run_id=run.id, scenario_id=scenario.id,
                           revision=scenario.head, manifest=manifest, created_at=at)  # fmt: skip
            session.add(plan)
    yield door
    door.close()


def rows_of(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of all tables."""
    with database.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in Base.metadata.sorted_tables
        }


def test_a_copy_comes_back_as_it_was(door: Door, tmp_path: Path) -> None:
    """Every row of every table, every blob, keys that open and a trail that is whole."""
    place = tmp_path / "copy.zip"
    blobs = FolderBlobs(door.house.settings.home / "blobs")
    contents = make_backup(door.house.database, blobs, place)
    assert contents.rows["runs"] == 3
    other = settings_for(tmp_path / "other")
    restored, folder = Database(other.url), FolderBlobs(other.home / "blobs")
    assert restore_backup(place, restored, folder) == check_backup(place) == contents
    assert rows_of(restored) == rows_of(door.house.database)
    assert all(not result.breaks for result in verified(restored))
    again = Door(other, door.secret, works=False)
    scenario = again.desk.scenarios.newest(1)[0]
    loaded = again.desk.scenarios.load(again.desk.scenarios.revision(scenario.id))
    assert loaded.content_hash == scenario.head
    restored.close()
    again.close()


@pytest.mark.slow
def test_a_copy_does_not_come_over_another_service(door: Door, tmp_path: Path) -> None:
    """Restoring needs an empty service, copying a name that is free."""
    place = tmp_path / "copy.zip"
    blobs = FolderBlobs(door.house.settings.home / "blobs")
    make_backup(door.house.database, blobs, place)
    with pytest.raises(Conflict, match="tenants already"):
        restore_backup(place, door.house.database, blobs)
    with pytest.raises(Conflict, match="exists already"):
        make_backup(door.house.database, blobs, place)


@pytest.mark.parametrize("hurt", ["cut", "row", "blob"])
@pytest.mark.slow
def test_a_damaged_copy_is_refused(door: Door, tmp_path: Path, hurt: str) -> None:
    """Cut off, a row edited, a blob exchanged: found before anything is restored."""
    place, bad = tmp_path / "copy.zip", tmp_path / "bad.zip"
    blobs = FolderBlobs(door.house.settings.home / "blobs")
    make_backup(door.house.database, blobs, place)
    if hurt == "cut":
        bad.write_bytes(place.read_bytes()[:-2000])
    else:
        with zipfile.ZipFile(place) as whole, zipfile.ZipFile(bad, "w") as changed:
            for name in whole.namelist():
                content = whole.read(name)
                if (hurt == "row" and name == "rows/tenants.jsonl") or (
                    hurt == "blob" and name.startswith("blobs/")
                ):
                    content = content.replace(b"local", b"lokal") if hurt == "row" else b"x"
                changed.writestr(name, content)
    other = settings_for(tmp_path / "other")
    restored = Database(other.url)
    with pytest.raises(InputError, match="no whole copy"):
        restore_backup(bad, restored, FolderBlobs(other.home / "blobs"))
    with restored.session() as session:
        assert session.scalar(select(func.count()).select_from(TenantRow)) == 0
    restored.close()


def test_old_runs_go_and_the_newest_plan_stays(door: Door) -> None:
    """Of runs 90, 40 and 1 days old, 30 days keep the last; 1 day keeps it too: its plan is new."""
    database = door.desk.database
    assert forget_old_runs(database, 30) == 2
    with database.session() as session:
        assert [row.labels for row in session.scalars(select(RunRow))] == [{"days": "1"}]
        assert session.scalar(select(func.count()).select_from(EventRow)) == 1
        assert session.scalar(select(func.count()).select_from(PlanRow)) == 1
    with database.begin() as session:
        for row in session.scalars(select(RunRow)):
            row.ended_at = utc_now() - dt.timedelta(days=5)
    assert forget_old_runs(database, 1) == 0


@pytest.mark.slow
def test_blobs_that_nothing_names_go_when_they_are_old(door: Door) -> None:
    """A blob of today stays: a run may be about to name it."""
    blobs = FolderBlobs(door.house.settings.home / "blobs")
    old, young = blobs.put(b"of old"), blobs.put(b"of today")
    day_before = dt.datetime.now(dt.UTC).timestamp() - 2 * 24 * 3600
    for path in blobs.folder.glob("??/*"):
        if path.name != young:
            os.utime(path, (day_before, day_before))
    assert sweep(door.house.database, blobs) == 1
    assert blobs.get(young) == b"of today"
    assert not (blobs.folder / old[:2] / old).exists()
    scenario = door.desk.scenarios.newest(1)[0]
    door.desk.scenarios.load(door.desk.scenarios.revision(scenario.id))


@pytest.mark.slow
def test_a_deleted_tenant_leaves_nothing_and_takes_nothing(door: Door) -> None:
    """Its rows are gone from every table; the other tenant's are as they were."""
    keys, whole = door.house.keys, door.house.database
    other = whole.of(keys.new_tenant("other"), "test")
    keys.make(other, "theirs", [Scope.READ])
    own = door.desk.who.tenant_id
    before = {
        name: [row for row in rows if own not in row] for name, rows in rows_of(whole).items()
    }
    delete_tenant(whole, own)
    after = rows_of(whole)
    assert not any(own in row for rows in after.values() for row in rows)
    before["run_events"] = []
    assert after == before


@pytest.mark.slow
def test_a_tenant_with_runs_under_way_is_not_deleted(door: Door) -> None:
    """What a worker has in its hands cannot be pulled away."""
    with door.desk.database.begin() as session:
        session.scalars(select(RunRow)).first().state = "running"
    with pytest.raises(Conflict, match="not ended"):
        delete_tenant(door.house.database, door.desk.who.tenant_id)


def test_figures_tell_requests_and_the_queue(door: Door) -> None:
    """Requests by route template, runs by state; no id and no name of anybody."""
    run = door.http.get("/v1/runs").json()["runs"][0]["id"]
    door.http.get(f"/v1/runs/{run}")
    text = door.http.get("/metrics").text
    named = 'holdfast_http_requests_total{method="GET",route="/v1/runs/{run_id}",status="200"} 1.0'
    assert named in text
    assert 'holdfast_runs{state="succeeded"} 3.0' in text
    assert "holdfast_workers 0.0" in text
    assert run not in text


@pytest.mark.slow
def test_a_log_line_is_json_and_holds_no_key(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Path, status and time of a request; the key it came with is nowhere."""
    logger = logging.getLogger("holdfast")
    logger.propagate = True
    with caplog.at_level(logging.INFO, "holdfast"):
        door.http.get("/v1/runs", params={"state": "failed"})
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert (line["path"], line["status"], line["level"]) == ("/v1/runs", 200, "info")
    assert door.secret not in str(lines)
