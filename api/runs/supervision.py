"""One attempt at a run, from its start to its one visible end.

Every write says whose attempt it is. A worker that was taken for dead and is not finds that its
attempt is over: it ends its child and leaves the run to whoever has it now.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from api.operations import traces
from api.operations.logs import tell
from api.runs import child
from api.runs.backend import JobBackend
from api.runs.chunks import Chunks, GoBetween
from api.runs.publishing import night_order, publish_night
from api.runs.states import UNDER_WAY, end, note, put_back
from api.runs.turns import admit
from api.runs.webhooks import announce
from api.security.trail import record_of
from api.settings import ServiceSettings
from api.store.database import Database
from api.store.rows import PlanRow, RevisionRow, RunRow, new_id, utc_now

STAGES_OF_KIND = {
    "forecasting": ["forecasting"],
    "replenishment": ["forecasting", "replenishment"],
    "allocation": ["allocation"],
    "routing": ["sourcing", "routing"],
}
NAMED = (
    "scope",
    "measure",
    "periods",
    "solver",
    "until",
    "move_price",
)  # options that stages take as they are
SWITCHES = ("single_source", "stock_value")  # options that are on or off
NIGHTLY = "nightly"
PRELOAD = ["pandas", "pyarrow", "scipy.optimize", "scipy.stats", "api.runs.child",
           "api.runs.chunk_child"]  # once, not by every child  # fmt: skip
LOOK_SECONDS = 0.25  # how often the run's row is looked at for a cancel or another attempt
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 0.2, 5.0  # between writes while the database is away

Value = TypeVar("Value")


LastWord = tuple[
    str, dict[str, Any]
]  # done, failed, crashed, cancelled, stopped or lost; with what


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has begun."""

    run_id: str
    number: int
    task: child.Task
    trace: str = ""


class Supervisor:
    """Sees attempts at runs through; used by one thread per attempt.

    Parameters
    ----------
    database : where runs and events are kept
    settings : limits
    backend : where a run that must be tried again is queued
    worker_id : whose attempts these are
    chunks : where the children's chunks are asked for; None: children share nothing
    """

    def __init__(
        self,
        database: Database,
        settings: ServiceSettings,
        backend: JobBackend,
        worker_id: str,
        chunks: Chunks | None = None,
    ) -> None:
        self.chunks = chunks
        self.database = database
        self.settings = settings
        self.backend = backend
        self.worker_id = worker_id
        self.stopping = threading.Event()
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)

    def attempt(self, run_id: str, number: int) -> None:
        """Make an attempt at a run; nothing is done if it is not this attempt's turn."""
        attempt = self.persist(lambda: self.begin(run_id, number))
        if attempt is None:
            return
        tell("attempt began", run=run_id, attempt=number, worker=self.worker_id)
        try:
            with traces.span("run", attempt.trace, run=run_id, attempt=number):
                word = self._follow(attempt)
        except Exception as error:  # noqa: BLE001 - whatever breaks here, the run must end visibly
            tell("attempt broke", level=logging.ERROR, error=True, run=run_id, attempt=number)
            word = "failed", {"detail": f"{type(error).__name__}: {error}"}
        self.persist(lambda: self.finish(attempt, *word))
        tell("attempt ended", run=run_id, attempt=number, worker=self.worker_id, word=word[0])

    def persist(self, write: Callable[[], Value]) -> Value:
        """Do a write, waiting for a database that is away until the worker is stopped."""
        wait = FIRST_RETRY_SECONDS
        while True:
            try:
                return write()
            except SQLAlchemyError:
                if self.stopping.wait(wait):
                    raise
                wait = min(2.0 * wait, LAST_RETRY_SECONDS)

    def begin(self, run_id: str, number: int) -> Attempt | None:
        """Take a run, if it waits for just this attempt."""
        with self.database.begin() as session:
            row = session.get(RunRow, run_id, with_for_update=True)
            if row is None or row.state != "queued" or row.attempt != number - 1:
                return None
            row.state, row.attempt, row.started_at = "running", number, utc_now()
            row.worker_id = self.worker_id
            if row.kind != NIGHTLY:  # a night goes on with what its steps have made
                row.partial = None
            note(session, run_id, "state", {"state": "running", "attempt": number})
            return Attempt(
                run_id, number, self._task(session, row), row.request.get(traces.FIELD, "")
            )

    def _task(self, session: Session, row: RunRow) -> child.Task:
        revision = session.get(RevisionRow, (row.scenario_id, row.revision))
        assert revision is not None, "a run's revision is a foreign fact that is never deleted"
        request, options = row.request, row.request.get("options", {})
        plan = session.get(PlanRow, request["plan"]) if request.get("plan") else None
        driven = session.get(PlanRow, options["previous"]) if options.get("previous") else None
        return child.Task(
            run_id=row.id,
            blobs=self.settings.home / "blobs",
            kind=row.kind,
            scenario=revision.manifest,
            plan=None if plan is None else plan.manifest,
            previous=None if driven is None else driven.manifest,
            deltas=request.get("overrides", []),
            stages=request.get("stages") or STAGES_OF_KIND.get(row.kind),
            seconds=options.get("time_limit_seconds"),
            work=options.get("work"),
            seed=options.get("seed"),
            replications=options.get("replications"),
            options=stage_options(options),
            export=options.get("export"),
            decision=request.get("decision"),
            risk=request.get("risk"),
            comparison=request.get("comparison"),
            promotion=request.get("promotion"),
            hardening=request.get("hardening"),
            sides=self._sides(session, request),
            memory_mib=self.settings.max_run_memory_mib,
            nice=self.settings.run_nice,
            width=0 if self.chunks is None else self.settings.chunks_per_run,
            share_from=self.settings.share_from,
            night=night_order(session, row) if row.kind == NIGHTLY else None,
        )

    @staticmethod
    def _sides(session: Session, request: dict[str, Any]) -> list[tuple[str, str, str]]:
        """Return name and manifests of scenario and plan of all that a comparison compares."""
        comparison = request.get("comparison")
        if not comparison:
            return []
        found = []
        for name in [request["plan"], *comparison["candidates"]]:
            plan = session.get(PlanRow, name)
            assert plan is not None, "plans that a run has named are not deleted"
            revision = session.get(RevisionRow, (plan.scenario_id, plan.revision))
            assert revision is not None, "a plan's revision is never deleted"
            found.append((name, revision.manifest, plan.manifest))
        return found

    def _follow(self, attempt: Attempt) -> LastWord:
        """Start the child and pass on what it says; return its last word."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=child.main, args=(theirs, attempt.task))
        try:
            process.start()
        except (OSError, EOFError) as error:  # what starts processes has died: next time, another
            ours.close()
            return "crashed", {"reason": f"its process did not start: {type(error).__name__}"}
        finally:
            theirs.close()
        stages = traces.StageSpans()
        try:
            return self._listen(attempt, ours, process, stages)
        finally:
            stages.end()
            process.kill()
            process.join(timeout=5.0)
            ours.close()

    def _listen(
        self, attempt: Attempt, pipe: Connection, process: Any, stages: traces.StageSpans
    ) -> LastWord:
        started = time.monotonic()
        looked = started
        asked: float | None = None
        between = None if self.chunks is None else GoBetween(self.chunks, attempt.run_id)
        while True:
            try:
                if pipe.poll(0.1):
                    kind, data = pipe.recv()
                    if kind in ("done", "failed"):
                        return kind, data
                    if kind == "chunks" and between is not None:
                        between.ask(**data)
                        continue
                    stages.told(str(data.get("stage", "")) if kind == "progress" else "")
                    self.pass_on(attempt, kind, data)
            except (EOFError, OSError):
                process.join(timeout=5.0)
                reason = f"its process ended with code {process.exitcode}"
                return "cancelled" if asked else "crashed", {"reason": reason}
            if self.stopping.is_set():
                return "stopped", {}
            now = time.monotonic()
            if now - looked >= LOOK_SECONDS:
                looked = now
                if between is not None:
                    between.serve(pipe)
                state = self._look(attempt)
                if state not in UNDER_WAY:
                    return "lost", {}
                if state == "cancelling" and asked is None:
                    asked = now
                    with contextlib.suppress(OSError):
                        pipe.send("cancel")
            if asked is not None and now - asked > self.settings.cancel_grace_seconds:
                return "cancelled", {}
            most = self.settings.max_run_seconds
            if now - started > most:
                detail = f"it took longer than {most:g} s and was ended"
                return "failed", {"detail": detail}

    def _look(self, attempt: Attempt) -> str:
        """Return the run's state, as long as it is this attempt's; blank if it is not."""
        try:
            with self.database.session() as session:
                row = session.get(RunRow, attempt.run_id)
        except SQLAlchemyError:
            return "running"  # the database is away: the child goes on
        mine = row is not None and row.attempt == attempt.number
        return row.state if row is not None and mine else ""

    def pass_on(self, attempt: Attempt, kind: str, data: dict[str, Any]) -> None:
        """Record progress, a better plan or a finished stage; lost where the database is away."""
        with contextlib.suppress(SQLAlchemyError), self.database.begin() as session:
            row = self._mine(session, attempt)
            if row is None:
                return
            if kind == "staged":
                row.partial = data
            elif kind == "step":
                row.steps = {**(row.steps or {}), data["name"]: data["told"]}
                row.partial = data["kept"] or row.partial
                note(session, row.id, "progress", {"stage": data["name"], "share": 1.0,
                                                   "message": "kept"})  # fmt: skip
            elif kind == "incumbent":
                note(session, row.id, kind, data)
            else:
                row.stage, row.share = data["stage"], data["share"]
                note(session, row.id, "progress", data)

    def _mine(self, session: Session, attempt: Attempt) -> RunRow | None:
        """Return the run's row, locked, if this attempt has it still."""
        row: RunRow | None = session.get(RunRow, attempt.run_id, with_for_update=True)
        if row is None or row.attempt != attempt.number or row.state not in UNDER_WAY:
            return None
        return row

    def finish(self, attempt: Attempt, word: str, data: dict[str, Any]) -> None:
        """Make the result visible in one commit, unless another attempt has taken over."""
        with self.database.begin() as session:
            row = self._mine(session, attempt)
            if row is None:
                return
            cancelled = row.state == "cancelling"
            if word == "done":
                plan = keep_plan(session, row, data)
                row.share, row.steps = 1.0, None
                stopped = data["cancelled"] or cancelled
                judged = None if stopped else data.get("judgement")
                event, reason = publish_night(session, row, plan, judged)
                end(session, row, "cancelled" if stopped else "succeeded", reason)
                if event:
                    announce(session, row, event)
            elif word == "cancelled" or cancelled:
                end_early(session, row, "cancelled", "cancelled while it ran")
            elif word == "stopped":
                put_back(session, row, "its worker was stopped")
                self.backend.enqueue(session, row)
            elif word == "crashed":
                try_again(session, row, self.backend, self.settings.max_attempts, data["reason"])
            else:
                row.request = {**row.request, "errors": data.get("errors", [])}
                end_early(session, row, "failed", str(data.get("detail", "")))
            admit(session, row.tenant_id, self.backend, self.settings.max_running_per_tenant)


def try_again(session: Session, row: RunRow, backend: JobBackend, most: int, reason: str) -> None:
    """Queue a run again whose process or worker died, or end it where that is too often."""
    row.deaths += 1
    if row.deaths >= most:
        end_early(session, row, "failed", f"{reason}; this was death {row.deaths} of it")
        return
    put_back(session, row, reason)
    backend.enqueue(session, row)


def end_early(session: Session, row: RunRow, state: str, reason: str) -> None:
    """End a run without a result; what stages had finished becomes its plan."""
    if row.partial is None:
        end(session, row, state, f"{reason}; no stage had ended")
    else:
        keep_plan(session, row, row.partial)
        end(session, row, state, f"{reason}; the plan holds the stages that had ended")


def keep_plan(session: Session, row: RunRow, data: dict[str, Any]) -> PlanRow:
    """Give a run its plan."""
    plan = PlanRow(
        id=new_id("plan"),
        tenant_id=row.tenant_id,
        run_id=row.id,
        scenario_id=row.scenario_id,
        revision=row.revision,
        manifest=data["manifest"],
    )
    session.add(plan)
    detail = {"plan_hash": plan.manifest, "run": row.id, "revision": row.revision}
    record_of(session, row.tenant_id, "", "plan.kept", plan.id, detail)
    row.plan_id, row.certificates = plan.id, data["certificates"]
    for text in data["notes"]:
        note(session, row.id, "warning", {"message": text})
    return plan


def stage_options(options: dict[str, Any]) -> dict[str, str]:
    """Return what stages take by name, without what was left blank."""
    named = {name: str(options[name]) for name in NAMED if options.get(name) not in (None, "")}
    return named | {name: "yes" for name in SWITCHES if options.get(name)}
