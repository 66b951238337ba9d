"""Tenants take turns, and none has more under way than its share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update
from typer.testing import CliRunner

from api.cli.app import app
from api.runs.chunks import Chunks
from api.runs.queue import RunQueue
from api.runs.supervision import Supervisor
from api.runs.workers import Workers
from api.schemas.runs import RunRequest
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import RunRow, TenantRow, TrailRow
from scenarios.library import demo_scenario

from .conftest import settings_for


class Two:
    """A service of two tenants, whose runs nobody takes but who is asked to."""

    def __init__(self, home: Path) -> None:
        self.settings = settings_for(home)
        self.database = Database(self.settings.url)
        self.queue = RunQueue(self.settings.url)
        self.supervisor = Supervisor(self.database, self.settings, self.queue, "worker_a")
        self.desks: dict[str, tuple[RunService, str]] = {}
        blobs = FolderBlobs(home / "blobs")
        for name in "ab":
            with self.database.begin() as session:
                session.add(TenantRow(id=f"tenant_{name}", name=name))
            own = self.database.of(f"tenant_{name}")
            scenarios = ScenarioService(own, blobs)
            scenario = scenarios.keep(demo_scenario("corner-shop")).id
            self.desks[name] = RunService(own, scenarios, self.queue, self.settings), scenario

    def submit(self, tenant: str, priority: int = 5) -> str:
        """Queue a run."""
        runs, scenario = self.desks[tenant]
        body = {"kind": "pipeline", "scenario": scenario, "priority": priority}
        return runs.submit(RunRequest.model_validate(body)).id

    def order(self) -> list[str]:
        """Return the tenants of the runs in the queue, in the order in which they are taken."""
        with self.database.session() as session:
            rows = session.scalars(select(RunRow).where(RunRow.state == "queued")).all()
        owner = {f"{row.id}/{row.attempt + 1}": row.tenant_id[-1] for row in rows}
        queued = self.queue._client.list_workflows(status="ENQUEUED", load_input=False)
        queued = [each for each in queued if each.workflow_id in owner]
        return [
            owner[each.workflow_id]
            for each in sorted(queued, key=lambda each: (each.priority, each.created_at))
        ]

    def limit(self, tenant: str, most: int) -> None:
        """Limit the runs of a tenant at the same time."""
        with self.database.begin() as session:
            session.get(TenantRow, f"tenant_{tenant}").max_running = most

    def held(self, tenant: str) -> int:
        """Return how many runs of a tenant are held beside the queue."""
        with self.database.session() as session:
            own = select(RunRow).where(RunRow.tenant_id == f"tenant_{tenant}", RunRow.held)
            return len(session.scalars(own).all())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """A service of two tenants."""
    two = Two(tmp_path_factory.mktemp("turns"))
    yield two
    two.queue.close()
    two.database.close()


@pytest.fixture
def two(house: Two) -> Iterator[Two]:
    """The service with nothing queued and no limits."""
    yield house
    with house.database.begin() as session:
        session.execute(update(RunRow).values(state="cancelled", held=False))
        session.execute(update(TenantRow).values(max_running=None, max_queued=None))


@pytest.mark.slow
def test_runs_of_two_tenants_take_turns(two: Two) -> None:
    """Ten of the first wait; three of the second go between its first four.

    Turns of a are 0..9. b starts at the first that waits, 0, and goes on: 0, 1, 2; of two with the
    same turn the older goes first.
    """
    for _ in range(10):
        two.submit("a")
    for _ in range(3):
        two.submit("b")
    assert "".join(two.order()) == "abababaaaaaaa"


def test_who_comes_late_gets_no_more_than_its_turn(two: Two) -> None:
    """What the first has done already does not count against the second, nor for it.

    Turns of a are 0..5, of which 0 to 2 have begun: b's two start at 3, between a's 3, 4 and 5.
    """
    runs = [two.submit("a") for _ in range(6)]
    for run_id in runs[:3]:
        assert two.supervisor.begin(run_id, 1) is not None
    for _ in range(2):
        two.submit("b")
    assert "".join(two.order()) == "ababa"


def test_priority_goes_before_turns(two: Two) -> None:
    """A run of priority 1 is taken before those of 5 that have waited longer."""
    for _ in range(3):
        two.submit("a")
    two.submit("b", priority=1)
    assert "".join(two.order()) == "baaa"


def test_no_more_of_a_tenant_begin_than_it_may_have(two: Two) -> None:
    """Of five runs two are in the queue, three are held; the other tenant's is not held."""
    two.limit("a", 2)
    for _ in range(5):
        two.submit("a")
    two.submit("b")
    assert sorted(two.order()) == ["a", "a", "b"]
    assert (two.held("a"), two.held("b")) == (3, 0)


def test_a_run_that_ends_makes_room_for_the_next(two: Two) -> None:
    """When the one that may run has ended, the next is queued in the same commit."""
    two.limit("a", 1)
    first, second, third = (two.submit("a") for _ in range(3))
    attempt = two.supervisor.begin(first, 1)
    assert attempt is not None
    assert two.order() == []
    two.supervisor.finish(attempt, "failed", {"detail": "out of luck"})
    assert two.queue.waiting([f"{second}/1", f"{third}/1"]) == {f"{second}/1"}


def test_a_cancelled_run_makes_room(two: Two) -> None:
    """Cancelled before it began: the next is queued."""
    two.limit("a", 1)
    first, second = two.submit("a"), two.submit("a")
    two.desks["a"][0].cancel(first)
    assert two.queue.waiting([f"{second}/1"]) == {f"{second}/1"}


def test_held_runs_are_found_by_any_worker(two: Two) -> None:
    """A raised limit, or a run that ended in other hands: a worker's next look queues them."""
    two.limit("a", 1)
    for _ in range(3):
        two.submit("a")
    two.limit("a", 2)
    chunks = Chunks(two.database, two.queue, 3)
    Workers(two.database, two.settings, two.queue, chunks).look()
    assert (two.order(), two.held("a")) == (["a", "a"], 1)


def test_a_held_run_is_not_taken_for_lost(two: Two) -> None:
    """It waits on purpose: no worker queues it, however often it looks."""
    two.limit("a", 1)
    two.submit("a")
    held = two.submit("a")
    watcher = Workers(two.database, two.settings, two.queue, Chunks(two.database, two.queue, 3))
    for _ in range(3):
        watcher.look()
    assert two.queue.waiting([f"{held}/1", f"{held}/2"]) == set()


def test_limits_of_a_tenant_are_set_by_command(two: Two) -> None:
    """`holdfast tenants limit` writes them, and the trail says so."""
    environment = {"HOLDFAST_HOME": str(two.settings.home)}
    if two.settings.database_url:
        environment["HOLDFAST_DATABASE_URL"] = two.settings.database_url
    asked = ["tenants", "limit", "a", "--queued", "7", "--running", "2"]
    told = CliRunner().invoke(app, asked, env=environment)
    assert told.exit_code == 0, told.output
    with two.database.session() as session:
        row = session.get(TenantRow, "tenant_a")
        trail = session.scalars(select(TrailRow).where(TrailRow.tenant_id == "tenant_a")).all()
    assert (row.max_queued, row.max_running) == (7, 2)
    assert trail[-1].action == "tenant.limited"
