"""Those who follow runs are woken by one look for all, whatever the database does meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from sqlalchemy import event

from api.runs.states import note
from api.services import following
from api.services.following import Following
from api.store.database import Database
from api.store.rows import RevisionRow, RunRow, ScenarioRow, TenantRow

from .conftest import settings_for

LONG = 60.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A database with three runs, that is looked at often."""
    made = Database(settings_for(tmp_path).url)
    own = made.of("t")
    with made.begin() as session:
        session.add(TenantRow(id="t", name="t"))
    with own.begin() as session:
        session.add(ScenarioRow(id="s", name="s", head="h"))
        session.flush()
        session.add(RevisionRow(scenario_id="s", content_hash="h", manifest="m", parent=None,
                                deltas=[], findings=[]))  # fmt: skip
        session.flush()
        for name in ("a", "b", "c"):
            session.add(RunRow(id=name, kind="pipeline", state="running", scenario_id="s",
                               revision="h", request={}, labels={}))  # fmt: skip
    with patch.object(following, "POLL_SECONDS", 0.01):
        yield made
    made.close()


def tell(database: Database, run_id: str) -> None:
    """Add an event to a run."""
    with database.begin() as session:
        note(session, run_id, "progress", {})


def test_who_follows_is_told_of_its_own_run_only(database: Database) -> None:
    """An event of run a wakes those who follow a; who follows b waits on."""
    follows = Following(database)

    async def main() -> list[bool]:
        async with follows.run("a") as one, follows.run("a") as two, follows.run("b") as other:
            waits = [asyncio.create_task(news.beyond(0, LONG)) for news in (one, two)]
            late = asyncio.create_task(other.beyond(0, 0.3))
            await asyncio.to_thread(tell, database, "a")
            return [*(await asyncio.gather(*waits)), await late, await one.beyond(1, 0.05)]

    assert asyncio.run(main()) == [True, True, False, False]


def test_one_look_serves_all_who_follow(database: Database) -> None:
    """Three hundred followers of three runs cost as many queries as one would."""
    asked: list[str] = []
    follows = Following(database)

    @event.listens_for(database.engine, "before_cursor_execute")
    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        asked.append(statement)

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(300):
                group.create_task(wait("abc"[number % 3]))
            for name in "abc":
                await asyncio.to_thread(tell, database, name)

    async def wait(run_id: str) -> None:
        async with follows.run(run_id) as news:
            assert await news.beyond(0, LONG)
            looks.append(sum("max(run_events.number) AS" in text for text in asked))

    looks: list[int] = []
    asyncio.run(main())
    assert len(looks) == 300
    assert max(looks) < 100


def test_a_database_that_fails_is_asked_again(database: Database) -> None:
    """The first looks fail; the news comes all the same."""
    real, failures = Database.session, [OSError("gone"), OSError("gone")]

    def session(self: Database, **told: str) -> object:
        if failures:
            raise failures.pop()
        return real(self, **told)

    async def main() -> bool:
        async with Following(database).run("a") as news:
            return await news.beyond(0, LONG)

    tell(database, "a")
    with patch.object(Database, "session", session):
        assert asyncio.run(main())
    assert failures == []


def test_nobody_looks_when_nobody_follows(database: Database) -> None:
    """The last to leave ends the looking."""
    follows = Following(database)

    async def main() -> set[str]:
        async with follows.run("a"), follows.run("b"):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.05)
        return {task.get_coro().__qualname__ for task in asyncio.all_tasks()}

    assert asyncio.run(main()) == {"test_nobody_looks_when_nobody_follows.<locals>.main"}
