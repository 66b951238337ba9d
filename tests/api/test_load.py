"""What many at once cost: statements, threads and memory by count, whatever the machine does."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from sqlalchemy import event, select
from sqlalchemy.engine import Engine

from api.runs import child, chunk_child
from api.runs.states import end, note
from api.security import keys as key_store
from api.security.keys import KEY, Keys, Principal, Scope
from api.services import following
from api.services.following import MOST_HELD
from api.store.rows import RunRow, ScenarioRow, TenantRow

from .conftest import Door, settings_for

PATIENCE = 120.0  # a hang is told after it
FOLLOWERS = 50
EVENTS = 20


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A service without a worker, with the corner shop."""
    made = Door(settings_for(tmp_path_factory.mktemp("load"), max_queued=10_000), works=False)
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(door: Door) -> str:
    """Id of the corner shop."""
    return str(door.http.post("/v1/demo-scenarios/corner-shop").json()["id"])


def check_of(scenario: str) -> dict[str, object]:
    """Return a run that ends as soon as it is handed in."""
    options = {"validate_only": True}
    return {"kind": "replenishment", "scenario": scenario, "options": options}


@contextlib.contextmanager
def statements(*engines: Engine) -> Iterator[list[str]]:
    """Collect the statements that engines send meanwhile."""
    sent: list[str] = []

    def note_down(_to: object, _cursor: object, statement: str, *_more: object) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    for engine in engines:
        event.listen(engine, "before_cursor_execute", note_down)
    yield sent
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note_down)


def test_a_poll_is_one_statement_and_writes_nothing(door: Door, shop: str) -> None:
    """The key was good a moment ago, the run's row is read, and nobody's lock is asked for."""
    run = door.http.post("/v1/runs", json=check_of(shop)).json()["id"]
    database = door.house.database
    with patch.object(key_store, "KNOWN_SECONDS", PATIENCE):
        door.house.keys.known(door.secret)
        with statements(database.engine) as read, statements(database.writer) as written:
            assert door.http.get(f"/v1/runs/{run}").status_code == 200
    assert len(read) == 1, read
    assert written == []


def test_a_check_is_eight_statements(door: Door, shop: str) -> None:
    """Revision; tenant, runs that wait, webhooks, last record; then run, event and record."""
    database = door.house.database
    with patch.object(key_store, "KNOWN_SECONDS", PATIENCE):
        door.house.keys.known(door.secret)
        with statements(database.engine, database.writer) as sent:
            assert door.http.post("/v1/runs", json=check_of(shop)).status_code == 202
    assert len(sent) == 8, sent


def test_who_reads_does_not_wait_for_those_who_write(door: Door, shop: str) -> None:
    """Sixty runs wait for the lock on their tenant; a poll is answered all the same."""
    run = door.http.post("/v1/runs", json=check_of(shop)).json()["id"]
    tenant = door.desk.who.tenant_id

    async def main() -> tuple[int, list[int]]:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(door.app), base_url="http://testserver",
            headers={"Authorization": f"Bearer {door.secret}"}, timeout=None,
        )  # fmt: skip
        async with client as http:
            with door.house.database.begin() as session:
                session.execute(
                    select(TenantRow.id).where(TenantRow.id == tenant).with_for_update()
                )
                waiting = [
                    asyncio.create_task(http.post("/v1/runs", json=check_of(shop)))
                    for _ in range(60)
                ]
                await asyncio.sleep(0.5)
                poll = await asyncio.wait_for(http.get(f"/v1/runs/{run}"), PATIENCE)
                assert not any(task.done() for task in waiting)
            return poll.status_code, [answer.status_code for answer in await _all(waiting)]

    status, submitted = asyncio.run(main())
    assert status == 200
    assert submitted == [202] * 60


async def _all(tasks: list[asyncio.Task[httpx.Response]]) -> list[httpx.Response]:
    return list(await asyncio.gather(*tasks))


def test_an_event_is_read_once_for_all_who_follow(door: Door, shop: str) -> None:
    """Fifty streams get twenty events each: each reads what was before it, once; the rest is told.

    Without that they were fifty times twenty reads.
    """
    body = {"kind": "replenishment", "scenario": shop}
    run = door.http.post("/v1/runs", json=body).json()["id"]
    database = door.house.database

    def happen() -> None:
        deadline = time.monotonic() + PATIENCE
        while begun.call_count < FOLLOWERS and time.monotonic() < deadline:
            time.sleep(0.02)
        for _ in range(EVENTS - 2):
            with database.begin() as session:
                note(session, run, "progress", {"stage": "x", "share": 0.5})
            time.sleep(0.02)
        with database.begin() as session:
            row = session.get(RunRow, run)
            assert row is not None
            end(session, row, "succeeded", "")

    async def main() -> list[str]:
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(door.app), base_url="http://testserver",
            headers={"Authorization": f"Bearer {door.secret}"}, timeout=None,
        )  # fmt: skip
        async with client as http, asyncio.timeout(PATIENCE):
            streams = [
                asyncio.create_task(http.get(f"/v1/runs/{run}/events")) for _ in range(FOLLOWERS)
            ]
            await asyncio.to_thread(happen)
            return [answer.text for answer in await _all(streams)]

    follow = following._Looker.add
    with (
        patch.object(following, "POLL_SECONDS", 0.01),
        patch.object(following._Looker, "add", autospec=True, side_effect=follow) as begun,
        statements(database.engine) as read,
    ):
        texts = asyncio.run(main())
    for text in texts:
        numbers = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
        assert numbers == list(range(1, EVENTS + 1))
    events = [text for text in read if "run_events.data" in text]
    assert len(events) <= FOLLOWERS + EVENTS


def test_a_stream_that_resumes_behind_the_end_is_over(door: Door, shop: str) -> None:
    """Nothing comes after `done`, so nothing is waited for."""
    run = door.http.post("/v1/runs", json=check_of(shop)).json()["id"]
    answer = door.http.get(f"/v1/runs/{run}/events", headers={"Last-Event-ID": "1"})
    assert (answer.status_code, answer.text) == (200, "")


def test_events_held_for_who_follows_are_few() -> None:
    """Of a run with a thousand events the newest stay; who needs older ones is told so."""
    run = following._Followed()
    run.followers = 1
    for number in range(1, 1001):
        run.add([following.Happening(number, "progress", "{}")])
    news = following.News(run)
    assert len(run.held) == MOST_HELD
    assert news.after(999) == [following.Happening(1000, "progress", "{}")]
    assert news.after(1000 - MOST_HELD - 1) is None


def test_a_key_taken_back_elsewhere_is_over_within_a_second(door: Door) -> None:
    """What another process takes back is looked up again once KNOWN_SECONDS are over."""
    here, elsewhere = Keys(door.house.database), Keys(door.house.database)
    key = here.make(door.desk.database, "short", [Scope.READ])
    now = [1000.0]
    with patch.object(key_store.time, "monotonic", lambda: now[0]):
        assert here.known(key.secret) is not None
        elsewhere.revoke(door.desk.database, key.id)
        assert here.seen(KEY, key.secret) is not None
        now[0] += key_store.KNOWN_SECONDS + 0.001
        assert here.seen(KEY, key.secret) is None
        assert here.known(key.secret) is None
    assert key_store.KNOWN_SECONDS <= 1.0


def test_a_look_that_began_before_a_key_was_taken_back_is_not_kept() -> None:
    """It may have read what is not so any more."""
    seen, who = key_store._Seen(), Principal("t", "k", "n", frozenset())
    turn = seen.turn
    seen.forget()
    seen.put((KEY, "digest"), who, turn)
    assert seen.get((KEY, "digest")) is None


def test_keys_that_are_remembered_are_few() -> None:
    """However many are used, MOST_KNOWN stay."""
    seen, who = key_store._Seen(), Principal("t", "k", "n", frozenset())
    for number in range(3 * key_store.MOST_KNOWN):
        seen.put((KEY, str(number)), who, seen.turn)
    assert len(seen) == key_store.MOST_KNOWN


def test_a_cookies_token_is_no_key(door: Door) -> None:
    """Nor while it is remembered as a cookie; and a key is no cookie."""
    answer = door.http.post("/sign-in", data={"key": door.secret}, follow_redirects=False)
    token = answer.cookies["holdfast_visit"]
    cookie = {"Cookie": f"holdfast_visit={token}", "Authorization": ""}
    assert door.http.get("/v1/runs", headers=cookie).status_code == 200
    door.http.cookies.clear()
    as_key = {"Authorization": f"Bearer {token}"}
    assert door.http.get("/v1/runs", headers=as_key).status_code == 401
    as_cookie = {"Cookie": f"holdfast_visit={door.secret}", "Authorization": ""}
    assert door.http.get("/v1/runs", headers=as_cookie).status_code == 401


def test_tenants_who_read_at_the_same_time_see_their_own(door: Door) -> None:
    """Eight threads take turns as two tenants; what keeps them apart is shared between threads."""
    database = door.house.database
    names = ("left", "right")
    for name in names:
        with database.begin() as session:
            session.add(TenantRow(id=name, name=name))
        with database.of(name).begin() as session:
            session.add(ScenarioRow(id=f"s-{name}", name=name, head="h"))

    def seen(number: int) -> bool:
        name = names[number % 2]
        with database.of(name).session() as session:
            return list(session.scalars(select(ScenarioRow.id))) == [f"s-{name}"]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(seen, range(200)))


def test_methods_that_are_made_up_do_not_make_the_figures_grow(door: Door) -> None:
    """A hundred names are one line."""
    for number in range(100):
        door.http.request(f"MADEUP{number}", "/healthz")
    lines = door.http.get("/metrics").text.splitlines()
    assert not any("MADEUP" in line for line in lines)
    assert any('method="(other)"' in line for line in lines)


def test_who_solves_stands_behind_who_answers() -> None:
    """The first thing that a run's process does is to step back, as far as it is told."""

    def stepped(by: int) -> None:
        raise InterruptedError(f"back by {by}")

    task = child.Task("run", Path("/nowhere"), "pipeline", "0" * 64, nice=7)
    ours, theirs = multiprocessing.Pipe()
    with patch.object(os, "nice", stepped), pytest.raises(InterruptedError, match="by 7"):
        child.main(theirs, task)
    with patch.object(os, "nice", stepped), pytest.raises(InterruptedError, match="by 7"):
        chunk_child.main(theirs, Path("/nowhere"), "0" * 64, 0, 7)
    ours.close()
    theirs.close()
