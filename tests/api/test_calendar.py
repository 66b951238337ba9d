"""Runs by the clock start once each, and webhooks are told at least once."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.nightly.calendar import last_time
from api.runs.schedules import start_due
from api.runs.webhooks import MOST_TRIES, send_due, signature
from api.store.rows import DeliveryRow, RunRow, ScheduleRow, TenantRow
from scenarios import InputError
from scenarios.library import demo_scenario

from .conftest import Door, settings_for


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now

    def __call__(self) -> dt.datetime:
        """Return its time."""
        return self.now


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    """Return a time of January 2027, UTC."""
    return dt.datetime(2027, 1, day, hour, minute, tzinfo=dt.UTC)


class Desk:
    """A service with a scenario, a schedule at 02:30 in Shanghai and a webhook."""

    def __init__(self, home: Path) -> None:
        self.door = Door(settings_for(home, webhook_hosts=("hooks.test",)), works=False)
        self.scenario = self.door.desk.scenarios.keep(demo_scenario("corner-shop")).id
        self.told: list[httpx.Request] = []
        self.status = 200

    def due(self, now: dt.datetime) -> int:
        """Start what is due."""
        house = self.door.house
        return start_due(house.database, house.blobs, house.queue, house.settings, Clock(now))

    def send(self, now: dt.datetime) -> int:
        """Send what webhooks are to be told."""

        def answer(request: httpx.Request) -> httpx.Response:
            self.told.append(request)
            return httpx.Response(self.status)

        house = self.door.house
        transport = httpx.MockTransport(answer)
        return send_due(house.database, house.settings, Clock(now), transport)

    def runs(self) -> list[RunRow]:
        """Return all runs."""
        with self.door.house.database.session() as session:
            return list(session.scalars(select(RunRow)))

    def schedule(self, **more: Any) -> dict[str, Any]:
        """Make the schedule of the night."""
        run = {"kind": "pipeline", "scenario": self.scenario, "options": {"validate_only": True}}
        body = {"name": "night", "cron": "30 2 * * *", "timezone": "Asia/Shanghai", "run": run}
        answer = self.door.http.post("/v1/schedules", json=body | more)
        assert answer.status_code == 201, answer.text
        with self.door.house.database.begin() as session:
            session.get(ScheduleRow, answer.json()["id"]).done_until = at(1, 0)
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.door.close()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A service in which nothing is kept: every webhook is refused."""
    made = Desk(tmp_path_factory.mktemp("quiet"))
    yield made
    made.door.close()


@pytest.mark.parametrize(
    ("cron", "zone", "now", "expected"),
    [
        ("30 2 * * *", "Asia/Shanghai", at(2, 0), at(1, 18, 30)),  # 02:30 in Shanghai, UTC+8
        ("30 2 * * *", "Asia/Shanghai", at(1, 18, 30), at(1, 18, 30)),
        ("0 6 * * 1", "Europe/Berlin", at(7, 0), at(4, 5)),  # Monday the 4th, UTC+1
    ],
)
def test_the_last_time_is_of_the_places_clock(
    cron: str, zone: str, now: dt.datetime, expected: dt.datetime
) -> None:
    """Times are those of the zone; the minute itself counts."""
    assert last_time(cron, zone, now) == expected


@pytest.mark.parametrize(
    ("cron", "zone", "told"),
    [("30 2 * *", "UTC", "five parts"), ("61 2 * * *", "UTC", "61 2"),
     ("30 2 * * *", "Asia/Nowhere", "no time zone")],
)  # fmt: skip
def test_times_that_make_no_sense_are_refused(cron: str, zone: str, told: str) -> None:
    """The error says what is wrong and shows how it should look."""
    with pytest.raises(InputError, match=told):
        last_time(cron, zone, at(1, 0))


def test_each_time_starts_one_run(desk: Desk) -> None:
    """Looked at again and again, by several workers, a night has one run."""
    desk.schedule()
    assert [desk.due(at(1, 18, minute)) for minute in (29, 30, 31, 45)] == [0, 1, 0, 0]
    assert desk.due(at(2, 18, 30)) == 1
    assert len(desk.runs()) == 2


def test_missed_nights_are_caught_up_once(desk: Desk) -> None:
    """Three nights without a worker: one run, for the last of them."""
    desk.schedule()
    assert desk.due(at(5, 0)) == 1
    assert len(desk.runs()) == 1
    assert desk.runs()[0].labels == {"schedule": "night"}


@pytest.mark.slow
def test_a_clock_that_is_set_back_starts_nothing_again(desk: Desk) -> None:
    """Back by two days and forward again: nothing; the next night: one."""
    desk.schedule()
    assert desk.due(at(5, 0)) == 1
    assert desk.due(at(3, 0)) == 0
    assert desk.due(at(5, 1)) == 0
    assert desk.due(at(5, 18, 30)) == 1


def test_a_worker_that_dies_in_between_starts_no_second_run(desk: Desk) -> None:
    """Submitted, and gone before the time was marked: the next worker finds the same run."""
    made = desk.schedule()
    assert desk.due(at(2, 0)) == 1
    with desk.door.house.database.begin() as session:
        session.get(ScheduleRow, made["id"]).done_until = at(1, 0)
    desk.due(at(2, 0))
    assert len(desk.runs()) == 1


@pytest.mark.slow
def test_a_schedule_that_cannot_start_says_why(desk: Desk) -> None:
    """Its reason stands in the list; the time is over, the next one is tried."""
    desk.schedule()
    with desk.door.house.database.begin() as session:
        session.execute(update(TenantRow).values(max_queued=0))
    assert desk.due(at(2, 0)) == 0
    (row,) = desk.door.http.get("/v1/schedules").json()["schedules"]
    assert row["reason"].startswith("2027-01-01 18:30 UTC: ")


@pytest.mark.slow
def test_a_webhook_is_told_with_a_signature_that_holds(desk: Desk) -> None:
    """The run's end, its links and nothing of its data; signed over time and body."""
    made = hook(desk)
    desk.schedule()
    desk.due(at(2, 0))
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    assert desk.send(now) == 1
    (request,) = desk.told
    body = json.loads(request.content)
    (run,) = desk.runs()
    assert (body["event"], body["run"]) == ("run.succeeded", run.id)
    assert body["links"] == {"run": f"/v1/runs/{run.id}"}
    expected = signature(made["secret"], int(now.timestamp()), request.content)
    assert request.headers["holdfast-signature"] == expected
    assert desk.send(now + dt.timedelta(days=1)) == 0


@pytest.mark.slow
def test_an_address_that_fails_is_told_again_later(desk: Desk) -> None:
    """After 10 s, 20 s, 40 s ...; after MOST_TRIES it is given up, and said so."""
    hook(desk)
    desk.schedule()
    desk.due(at(2, 0))
    desk.status = 503
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=1)
    assert [desk.send(now + dt.timedelta(seconds=s)) for s in (0, 9, 11, 20, 35)] == [1, 0, 1, 0, 1]
    for day in range(1, MOST_TRIES):
        desk.send(now + dt.timedelta(days=day))
    assert len(desk.told) == MOST_TRIES
    with desk.door.house.database.session() as session:
        (row,) = session.scalars(select(DeliveryRow))
        assert (row.state, row.answer, row.tries) == ("given up", "503", MOST_TRIES)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/x", "http://169.254.169.254/latest", "file:///etc/passwd", "http://hooks.test@evil.test/",
     "https://evil.test/hooks.test", "gopher://hooks.test/"],
)  # fmt: skip
def test_only_hosts_that_are_allowed_are_told(quiet: Desk, url: str) -> None:
    """An address inside the house, another scheme, a name that only looks right: refused."""
    answer = quiet.door.http.post("/v1/webhooks", json={"url": url, "events": ["run.failed"]})
    assert answer.status_code == 422


def hook(desk: Desk) -> dict[str, Any]:
    """Make a webhook for runs that succeed."""
    body = {"url": "https://hooks.test/holdfast", "events": ["run.succeeded"]}
    answer = desk.door.http.post("/v1/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    listed = desk.door.http.get("/v1/webhooks").json()["webhooks"]
    assert listed[0]["secret"] is None
    return made
