"""One contract over everybody who does chunks: processes of this machine, workers of a service."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import func, select

from api.runs.chunk_supervision import ChunkSupervisor
from api.runs.chunks import Chunks, Told
from api.runs.parcels import pack, unpack
from api.runs.process import WorkerProcess
from api.runs.queue import RunQueue
from api.runs.sharing import DirectDesk, QueueExecutor
from api.runs.states import end
from api.runs.supervision import Supervisor
from api.schemas.runs import RunRequest
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.documents import get_plan, put_plan
from api.store.rows import ChunkRow, PlanRow, RunRow, TenantRow, new_id
from benchmarks.driving_days import driving_days
from optimizer.executor import Cancelled, Executor, Work
from optimizer.pipeline import plan
from optimizer.plan import Plan
from optimizer.processes import LocalProcesses
from scenarios import EngineError, InputError
from scenarios.library import demo_scenario
from simulation.stress import stress

from .conftest import settings_for

WORKS = Path(__file__).parent / "works"
SECONDS = 400.0


class Floor:
    """A service whose workers do chunks; its runs are rows only."""

    def __init__(self, home: Path, workers: int, **more: Any) -> None:
        self.settings = settings_for(
            home, beat_seconds=0.5, queue_poll_seconds=0.1, max_chunks=2, **more
        )
        self.blobs = FolderBlobs(home / "blobs")
        self.database = Database(self.settings.url)
        self.queue = RunQueue(self.settings.url)
        self.chunks = Chunks(self.database, self.queue, self.settings.max_attempts)
        with self.database.begin() as session:
            session.add(TenantRow(id="tenant_a", name="a"))
        own = ScenarioService(self.database.of("tenant_a"), self.blobs)
        self.scenario = own.keep(demo_scenario("corner-shop"))
        self.workers = [WorkerProcess(self.settings) for _ in range(workers)]
        for worker in self.workers:
            worker.start()

    def executor(self, run_id: str = "") -> QueueExecutor:
        """Return the executor of a run; of a new one, where none is named."""
        desk = DirectDesk(self.chunks, run_id or self.new_run())
        return QueueExecutor(self.blobs, desk, width=4, least=0.0)

    def new_run(self) -> str:
        """Return the id of a run that no queue knows."""
        run = RunRow(
            id=new_id("run"), tenant_id="tenant_a", kind="stress", state="running", request={},
            scenario_id=self.scenario.id, revision=self.scenario.head, labels={},
        )  # fmt: skip
        with self.database.begin() as session:
            session.add(run)
        return str(run.id)

    def close(self) -> None:
        """End all."""
        for worker in self.workers:
            worker.stop()
        self.queue.close()
        self.database.close()


@contextlib.contextmanager
def reachable_works() -> Iterator[None]:
    """Let other processes find the test's own works."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(WORKS), *([before] if before else [])])
    sys.path.insert(0, str(WORKS))
    try:
        yield
    finally:
        sys.path.remove(str(WORKS))
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@pytest.fixture(scope="module")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Floor]:
    """A service with one worker that does two chunks at a time."""
    with reachable_works():
        floor = Floor(tmp_path_factory.mktemp("floor"), 1)
        yield floor
        floor.close()


@pytest.fixture(params=[pytest.param("processes", marks=pytest.mark.no_database), "queue"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """Everybody who does chunks, one after another."""
    if request.param == "queue":
        yield request.getfixturevalue("floor").executor()
        return
    with reachable_works():
        yield LocalProcesses(2, least=0.0)


def work(name: str, common: Any = None) -> Work:
    """Return a work of the tests."""
    return Work(f"chunk_works:{name}", common)


def test_results_are_the_same_bits_in_the_order_of_the_chunks(executor: Executor) -> None:
    """Five chunks, done in any order, come back as the plain loop makes them."""
    common = np.linspace(0.1, 0.7, 5)
    chunks = [np.full(5, 1.0 / (3 + place)) for place in range(5)]
    found = executor.run(work("scale", common), chunks)
    assert [each.tobytes() for each in found] == [(common * each).tobytes() for each in chunks]


def test_the_count_of_chunks_that_are_done_never_falls(executor: Executor) -> None:
    """It ends at all of them."""
    counts: list[int] = []
    executor.run(work("scale", 2), [1, 2, 3], done=counts.append)
    assert counts == sorted(counts)
    assert counts[-1] == 3


def test_every_result_is_told_once_with_its_place(executor: Executor) -> None:
    """Told as it comes, in any order: the same as what is returned."""
    told: list[tuple[int, int]] = []
    work_done = executor.run(
        work("scale", 2), [1, 2, 1], found=lambda place, result: told.append((place, result))
    )
    assert sorted(told) == [(0, 2), (1, 4), (2, 2)]
    assert work_done == [2, 4, 2]


def test_equal_chunks_are_each_answered(executor: Executor) -> None:
    """Chunks of the same content are one chunk, and as many results."""
    assert executor.run(work("scale", 3), [1, 2, 1]) == [3, 6, 3]


def test_no_chunks_are_no_work(executor: Executor) -> None:
    """Nothing in, nothing out."""
    assert executor.run(work("scale", 3), []) == []


def test_a_chunk_that_fails_says_which_and_why(executor: Executor) -> None:
    """Kind and message of an error that is not ours, raised where the work was asked for."""
    with pytest.raises(EngineError, match="chunk 2 of 3: ZeroDivisionError: two is too much"):
        executor.run(work("fail_at_two"), [1, 2, 3])


def test_an_error_of_ours_keeps_its_words(executor: Executor) -> None:
    """The message is told as it is."""
    with pytest.raises(EngineError, match="chunk 1 of 1: no 7 here"):
        executor.run(work("refuse"), [7])


def test_a_process_that_dies_costs_its_chunk_nothing(executor: Executor, tmp_path: Path) -> None:
    """Killed once over each of two chunks: both are done by other processes."""
    assert executor.run(work("die_once", str(tmp_path)), [0, 1]) == [0, 1]


def test_a_chunk_that_kills_every_process_fails(executor: Executor) -> None:
    """After three deaths it is given up, and says so."""
    with pytest.raises(EngineError, match="chunk 1 of 1: its process died 3 times"):
        executor.run(work("die"), [0])


def test_a_cancel_ends_every_process(executor: Executor, tmp_path: Path) -> None:
    """Two chunks that would never end: both processes are gone after the cancel."""

    def both_hang() -> bool:
        return len(list(tmp_path.iterdir())) == 2

    with pytest.raises(Cancelled):
        executor.run(work("hang", str(tmp_path)), [0, 1], cancelled=both_hang)
    for name in tmp_path.iterdir():
        wait_for(lambda pid=name.name: not Path(f"/proc/{pid}").exists())


@pytest.mark.parametrize("name", ["chunk_works:unmarked", "chunk_works:none", "no_module:f", "x"])
def test_only_marked_functions_do_chunks(executor: Executor, name: str) -> None:
    """A work names a function that was made for it, or is refused before anything starts."""
    with pytest.raises(EngineError, match=r"no work|does no chunks"):
        executor.run(Work(name, None), [1])


def test_a_plan_is_the_same_bits_whoever_shares_it(executor: Executor) -> None:
    """Three days of routes in chunks: every table of the plan as this process makes it."""
    scenario = driving_days((9, 4, 12))
    alone = plan(scenario, ["routing"], work=0.4)
    told: list[str] = []
    shared = plan(
        scenario, ["routing"], work=0.4, executor=executor,
        progress=lambda _stage, _share, message: told.append(message),
    )  # fmt: skip
    assert "3 of 3 days and depots" in told
    assert_same_tables(shared, alone)


def assert_same_tables(shared: Plan, alone: Plan) -> None:
    """Compare plans cell by cell; but for the seconds that they took."""
    assert shared.tables.keys() == alone.tables.keys()
    for name, frame in alone.tables.items():
        plain = frame.drop(columns="wall_seconds", errors="ignore")
        other = shared.table(name).drop(columns="wall_seconds", errors="ignore")
        pd.testing.assert_frame_equal(other, plain, check_exact=True, obj=name)


def wait_for(holds: Any) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it does not come to hold"
        time.sleep(0.02)


def test_what_is_done_is_not_done_again(floor: Floor, tmp_path: Path) -> None:
    """A second attempt at a run asks for the same chunks and finds them: each was done once."""
    run_id = floor.new_run()
    first = floor.executor(run_id).run(work("note", str(tmp_path)), [1, 2])
    again = floor.executor(run_id).run(work("note", str(tmp_path)), [1, 2])
    assert [each.tobytes() for each in first] == [each.tobytes() for each in again]
    assert sorted((tmp_path / "done").read_text().split()) == ["1", "2"]


def test_an_attempt_at_a_chunk_that_is_over_keeps_nothing(floor: Floor) -> None:
    """Whoever was taken for dead comes back with a result: the other attempt stands."""
    run_id = floor.new_run()
    with floor.database.begin() as session:
        session.add(
            ChunkRow(run_id=run_id, tenant_id="tenant_a", key="k", work="w", chunk="c",
                     state="running", turn=0, attempt=2, worker_id="worker_x")
        )  # fmt: skip
    floor.chunks.finish(run_id, "k", 1, Told("k", "late", ""))
    assert floor.chunks.ended(run_id) == []
    floor.chunks.finish(run_id, "k", 2, Told("k", "right", ""))
    assert floor.chunks.ended(run_id) == [Told("k", "right", "")]


def test_a_chunk_whose_process_does_not_start_is_tried_again(tmp_path: Path) -> None:
    """What starts processes was killed: it counts as a death, of which a chunk may have two."""
    floor = Floor(tmp_path, 0)
    run_id = floor.new_run()
    (key,) = floor.chunks.ask(run_id, "w", ["c"])
    runs = Supervisor(floor.database, floor.settings, floor.queue, "worker_a", floor.chunks)
    chunks = ChunkSupervisor(floor.chunks, floor.settings, runs)
    with patch.object(BaseProcess, "start", side_effect=EOFError):
        chunks.attempt(run_id, key, 1)
    with floor.database.session() as session:
        row = session.get(ChunkRow, (run_id, key))
    assert (row.state, row.attempt, row.deaths) == ("failed", 3, 3)
    assert "its process did not start: EOFError" in row.reason
    floor.close()


def test_chunks_of_two_tenants_take_turns(tmp_path: Path) -> None:
    """A hundred chunks wait; those of another tenant that come later go between the first of them.

    Turns 0..99 of the first; the second's three start at the first one that waits: 0, 1, 2.
    """
    floor = Floor(tmp_path, 0)
    with floor.database.begin() as session:
        session.add(TenantRow(id="tenant_b", name="b"))
    first, second = floor.new_run(), floor.new_run()
    with floor.database.begin() as session:
        session.get(RunRow, second).tenant_id = "tenant_b"
    floor.chunks.ask(first, "w", [f"{place}" for place in range(100)])
    floor.chunks.ask(second, "w", ["a", "b", "c"])
    with floor.database.session() as session:
        rows = session.scalars(select(ChunkRow).where(ChunkRow.run_id == second)).all()
    assert sorted(row.turn for row in rows) == [0, 1, 2]
    floor.close()


def test_who_has_done_a_chunk_takes_the_next_without_the_queue(tmp_path: Path) -> None:
    """The one whose turn it is, of the loaded work up to 4 turns early; its ticket is gone.

    Of work v turn 0, of work w turns 1 to 6. Whoever has w loaded passes v with turns 1 to 3; turn
    4 less 4 is not before 0, so that the fourth is v's.
    """
    floor = Floor(tmp_path, 0)
    run_id = floor.new_run()
    floor.chunks.ask(run_id, "v", ["0"])
    floor.chunks.ask(run_id, "w", [f"{turn}" for turn in range(1, 7)])
    tickets = [f"{run_id}/{key}/1" for key in keys_by_turn(floor, run_id)]
    taken = [floor.chunks.begin_next("worker_x", "w") for _ in range(4)]
    assert [row.turn for row in taken] == [1, 2, 3, 0]
    assert {(row.state, row.attempt, row.worker_id) for row in taken} == {
        ("running", 1, "worker_x")
    }
    left = floor.queue.waiting(tickets)
    assert left == set(tickets) - {f"{row.run_id}/{row.key}/1" for row in taken}
    assert floor.chunks.begin(taken[0].run_id, taken[0].key, 1, "worker_y") is None
    rest = [floor.chunks.begin_next("worker_x", "") for _ in range(4)]
    assert rest[-1] is None
    assert {row.turn for row in (*taken, *rest[:-1])} == set(range(7))
    floor.close()


def keys_by_turn(floor: Floor, run_id: str) -> list[str]:
    """Return the names of a run's chunks."""
    query = select(ChunkRow.key).where(ChunkRow.run_id == run_id).order_by(ChunkRow.turn)
    with floor.database.session() as session:
        return list(session.scalars(query))


def test_a_run_that_has_ended_asks_for_nothing(floor: Floor) -> None:
    """A child that asks late leaves no chunk behind that nobody waits for."""
    run_id = floor.new_run()
    with floor.database.begin() as session:
        session.get(RunRow, run_id).state = "failed"
    floor.chunks.ask(run_id, "w", ["a"])
    with floor.database.session() as session:
        assert session.scalars(select(ChunkRow).where(ChunkRow.run_id == run_id)).all() == []


def test_an_end_takes_the_chunks_with_it(floor: Floor) -> None:
    """Cancelled, failed or done: no row of a chunk is left."""
    run_id = floor.new_run()
    floor.chunks.ask(run_id, "0" * 64, ["1" * 64])
    with floor.database.begin() as session:
        end(session, session.get(RunRow, run_id), "cancelled", "")
    with floor.database.session() as session:
        assert session.scalars(select(ChunkRow).where(ChunkRow.run_id == run_id)).all() == []


@pytest.mark.faults
def test_a_killed_worker_loses_no_chunk(tmp_path: Path) -> None:
    """Kill -9 of one of two workers in the middle of its chunks: all are done, kept once each."""
    with reachable_works():
        floor = Floor(tmp_path / "home", 2)
        run_id = floor.new_run()
        found: list[Any] = []
        thread = threading.Thread(
            target=lambda: found.extend(
                floor.executor(run_id).run(work("note", str(tmp_path)), list(range(12)))
            )
        )
        thread.start()

        def holder() -> str | None:
            with floor.database.session() as session:
                return session.scalar(
                    select(ChunkRow.worker_id).where(ChunkRow.state == "running").limit(1)
                )

        wait_for(lambda: holder() is not None)
        victim = floor.workers[0].pid
        assert victim is not None
        os.kill(victim, signal.SIGKILL)
        thread.join(SECONDS)
        assert [int(each[0]) for each in found] == list(range(12))
        with floor.database.session() as session:
            counted = select(func.count()).select_from(ChunkRow).where(ChunkRow.state == "done")
            assert session.scalar(counted) == 12
        floor.close()


@pytest.mark.parametrize("bad", [os.system, Path("x"), print, threading.Event], ids=str)
def test_a_parcel_holds_no_code(bad: Any) -> None:
    """What names anything but data of ours is refused when it is read."""
    import pickle

    with pytest.raises(InputError, match="is not data"):
        unpack(pickle.dumps((bad, 1)))


@pytest.mark.slow
def test_a_parcel_that_is_cut_is_refused() -> None:
    """Half of the bytes are no parcel."""
    content = pack({"a": np.arange(100)})
    with pytest.raises(InputError, match="no parcel"):
        unpack(content[: len(content) // 2])


@pytest.mark.slow
def test_a_stress_run_that_workers_share_gives_the_same_tables(tmp_path: Path) -> None:
    """Eight replications in four chunks, asked for over the pipe of the run's own process."""
    floor = Floor(tmp_path, 1, share_from=0.0, chunks_per_run=4)
    own = floor.database.of("tenant_a")
    scenarios = ScenarioService(own, floor.blobs)
    runs = RunService(own, scenarios, floor.queue, floor.settings)
    scenario = scenarios.load(scenarios.revision(floor.scenario.id))
    tried = plan(scenario, ["forecasting", "replenishment"], work=1.0)
    made_by = floor.new_run()
    with floor.database.begin() as session:
        session.add(
            PlanRow(id="plan_tried", run_id=made_by, tenant_id="tenant_a",
                    scenario_id=floor.scenario.id, revision=floor.scenario.head,
                    manifest=put_plan(floor.blobs, tried))
        )  # fmt: skip
    body = {"kind": "stress", "scenario": floor.scenario.id, "plan": "plan_tried",
            "options": {"replications": 8}}  # fmt: skip
    run_id = runs.submit(RunRequest.model_validate(body)).id
    wait_for(lambda: runs.ended(run_id))
    row = runs.row(run_id)
    assert row.state == "succeeded", row.reason
    with floor.database.session() as session:
        made = session.get(PlanRow, row.plan_id)
        assert session.scalar(select(func.count()).select_from(ChunkRow)) == 0
    shared = get_plan(floor.blobs, made.manifest)
    chunks = floor.queue._client.list_workflows(name="chunk", load_input=False)
    assert len(chunks) >= 4
    alone = stress(scenario, tried, replications=8)
    for name, frame in alone.tables.items():
        if len(frame):
            pd.testing.assert_frame_equal(shared.table(name), frame, check_exact=True, obj=name)
    floor.close()


@pytest.mark.slow
def test_a_plan_that_workers_share_gives_the_same_tables(tmp_path: Path) -> None:
    """Three days in three chunks, asked for over the pipe of the run's own process."""
    floor = Floor(tmp_path, 1, share_from=0.0, chunks_per_run=4)
    own = floor.database.of("tenant_a")
    scenarios = ScenarioService(own, floor.blobs)
    runs = RunService(own, scenarios, floor.queue, floor.settings)
    scenario = driving_days((9, 4, 12))
    kept = scenarios.keep(scenario)
    body = {
        "kind": "pipeline",
        "scenario": kept.id,
        "stages": ["routing"],
        "options": {"work": 0.4},
    }
    run_id = runs.submit(RunRequest.model_validate(body)).id
    wait_for(lambda: runs.ended(run_id))
    row = runs.row(run_id)
    assert row.state == "succeeded", row.reason
    with floor.database.session() as session:
        made = session.get(PlanRow, row.plan_id)
    assert len(floor.queue._client.list_workflows(name="chunk", load_input=False)) == 3
    assert_same_tables(get_plan(floor.blobs, made.manifest), plan(scenario, ["routing"], work=0.4))
    floor.close()
