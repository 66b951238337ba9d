"""Runs on this machine: a queue in the database, a child process for each run."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select, update

from api.runs import child
from api.settings import ServiceSettings
from api.store.database import Database, EventRow, PlanRow, RevisionRow, RunRow, new_id, utc_now

UNDER_WAY = ("running", "cancelling")
ENDED = ("succeeded", "failed", "cancelled")
STAGES_OF_KIND = {
    "forecasting": ["forecasting"],
    "replenishment": ["forecasting", "replenishment"],
    "allocation": ["allocation"],
    "routing": ["sourcing", "routing"],
}
PRELOAD = ["pandas", "pyarrow", "api.runs.child"]


SWITCHES = ("single_source", "stock_value")  # options that are on or off
# options of a run that stages take as they are
NAMED = ("scope", "measure", "periods", "solver", "until")


@dataclass(slots=True)
class _Held:
    """A run under way: its process, its pipe, and whether it was asked to end."""

    cancel: threading.Event = field(default_factory=threading.Event)


class LocalBackend:
    """Takes queued runs, oldest first, at most `max_running` at a time.

    Parameters
    ----------
    database : where runs and events are kept
    blobs : folder of the blobs, shared with the child processes
    settings : limits
    """

    def __init__(self, database: Database, blobs: Path, settings: ServiceSettings) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOAD)
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Take up what an earlier process left, then what is queued."""
        self._recover()
        dispatcher = threading.Thread(target=self._dispatch, name="runs", daemon=True)
        dispatcher.start()
        self._threads.append(dispatcher)

    def stop(self) -> None:
        """End all children; their runs go back to the queue."""
        self._stopping.set()
        self._wake.set()
        for thread in list(self._threads):
            thread.join(timeout=10.0)

    def enqueue(self, run_id: str) -> None:
        """Look at the queue now."""
        self._wake.set()

    def cancel(self, run_id: str) -> None:
        """Ask a run under way to end with what it has."""
        with self._lock:
            held = self._held.get(run_id)
        if held is not None:
            held.cancel.set()

    def _recover(self) -> None:
        """Put runs that a dead process left under way back into the queue, or end them."""
        with self.database.begin() as session:
            for row in session.scalars(select(RunRow).where(RunRow.state.in_(UNDER_WAY))):
                if row.state == "cancelling":
                    _end(session, row, "cancelled", "cancelled while the service was down")
                elif row.attempt >= self.settings.max_attempts:
                    _end(session, row, "failed", f"the service ended {row.attempt} times during it")
                else:
                    row.state = "queued"
                    why = {"state": "queued", "reason": "service restarted"}
                    note(session, row.id, "state", why)

    def _dispatch(self) -> None:
        while not self._stopping.is_set():
            with self._lock:
                free = self.settings.max_running - len(self._held)
            for run_id in self._next(free):
                with self._lock:
                    self._held[run_id] = _Held()
                thread = threading.Thread(target=self._supervise, args=(run_id,), daemon=True)
                self._threads = [other for other in self._threads if other.is_alive()]
                self._threads.append(thread)
                thread.start()
            self._wake.wait(timeout=1.0)
            self._wake.clear()

    def _next(self, free: int) -> list[str]:
        if free <= 0:
            return []
        query = select(RunRow.id).where(RunRow.state == "queued")
        with self.database.session() as session:
            found = session.scalars(query.order_by(RunRow.created_at, RunRow.id).limit(free + 8))
            with self._lock:
                return [run_id for run_id in found if run_id not in self._held][:free]

    def _supervise(self, run_id: str) -> None:
        """See one run through, from its start to its one visible end."""
        held = self._held[run_id]
        try:
            begun = self._begin(run_id)
            if begun is None:
                return
            attempt, task = begun
            kind, data = self._follow(run_id, attempt, task, held)
            self._finish(run_id, attempt, kind, data)
        except Exception as error:  # noqa: BLE001 - whatever breaks here, the run must end visibly
            reason = f"{type(error).__name__}: {error}"
            with self.database.begin() as session:
                row = session.get(RunRow, run_id)
                if row is not None and row.state not in ENDED:
                    _end(session, row, "failed", reason)
        finally:
            with self._lock:
                self._held.pop(run_id, None)
            self._wake.set()

    def _begin(self, run_id: str) -> tuple[int, child.Task] | None:
        with self.database.begin() as session:
            row = session.get(RunRow, run_id)
            if row is None or row.state != "queued":
                return None
            row.state, row.attempt, row.started_at = "running", row.attempt + 1, utc_now()
            note(session, run_id, "state", {"state": "running", "attempt": row.attempt})
            revision = session.get(RevisionRow, (row.scenario_id, row.revision))
            request, options = row.request, row.request.get("options", {})
            plan = session.get(PlanRow, request["plan"]) if request.get("plan") else None
            task = child.Task(
                run_id=run_id,
                blobs=self.blobs,
                kind=row.kind,
                scenario=revision.manifest,
                plan=None if plan is None else plan.manifest,
                deltas=request.get("overrides", []),
                stages=request.get("stages") or STAGES_OF_KIND.get(row.kind),
                seconds=options.get("time_limit_seconds"),
                work=options.get("work"),
                seed=options.get("seed"),
                replications=options.get("replications"),
                options=_stage_options(options),
                export=options.get("export"),
            )
            return row.attempt, task

    def _follow(
        self, run_id: str, attempt: int, task: child.Task, held: _Held
    ) -> tuple[str, dict[str, Any]]:
        """Start the child and pass on what it says; return its last word."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=child.main, args=(theirs, task))
        process.start()
        theirs.close()
        started = time.monotonic()
        asked: float | None = None
        gone = False
        try:
            while True:
                try:
                    if ours.poll(0.1):
                        kind, data = ours.recv()
                        if kind in ("done", "failed"):
                            return kind, data
                        self._progress(run_id, attempt, data)
                        continue
                except (EOFError, OSError):
                    gone = True
                if gone:
                    process.join(timeout=5.0)
                    code = process.exitcode
                    if asked is not None:
                        return "cancelled", {}
                    return "failed", {"detail": f"its process ended with code {code}"}
                if self._stopping.is_set():
                    return "requeued", {}
                now = time.monotonic()
                if held.cancel.is_set() and asked is None:
                    asked = now
                    with contextlib.suppress(OSError):
                        ours.send("cancel")
                if asked is not None and now - asked > self.settings.cancel_grace_seconds:
                    return "cancelled", {}
                if now - started > self.settings.max_run_seconds:
                    most = self.settings.max_run_seconds
                    return "failed", {"detail": f"it took longer than {most:g} s and was ended"}
        finally:
            process.kill()
            process.join(timeout=5.0)
            ours.close()

    def _progress(self, run_id: str, attempt: int, data: dict[str, Any]) -> None:
        with self.database.begin() as session:
            mine = update(RunRow).where(RunRow.id == run_id, RunRow.attempt == attempt)
            session.execute(mine.values(stage=data["stage"], share=data["share"]))
            note(session, run_id, "progress", data)

    def _finish(self, run_id: str, attempt: int, kind: str, data: dict[str, Any]) -> None:
        """Make the result visible in one commit, unless another attempt has taken over."""
        with self.database.begin() as session:
            row = session.get(RunRow, run_id)
            if row is None or row.attempt != attempt or row.state not in UNDER_WAY:
                return
            if kind == "requeued":
                row.state = "queued"
                note(session, run_id, "state", {"state": "queued", "reason": "service stopped"})
                return
            if kind == "done":
                self._keep_plan(session, row, data)
                stopped = data["cancelled"] or row.state == "cancelling"
                _end(session, row, "cancelled" if stopped else "succeeded", "")
            elif kind == "cancelled" or row.state == "cancelling":
                _end(session, row, "cancelled", "ended without a plan")
            else:
                row.request = {**row.request, "errors": data.get("errors", [])}
                _end(session, row, "failed", str(data.get("detail", "")))

    def _keep_plan(self, session: Any, row: RunRow, data: dict[str, Any]) -> None:
        plan = PlanRow(
            id=new_id("plan"),
            run_id=row.id,
            scenario_id=row.scenario_id,
            revision=row.revision,
            manifest=data["manifest"],
        )
        session.add(plan)
        row.plan_id, row.certificates, row.share = plan.id, data["certificates"], 1.0
        for text in data["notes"]:
            note(session, row.id, "warning", {"message": text})


def note(session: Any, run_id: str, kind: str, data: dict[str, Any]) -> None:
    """Add an event to a run."""
    last = session.scalar(select(func.max(EventRow.number)).where(EventRow.run_id == run_id))
    session.add(EventRow(run_id=run_id, number=(last or 0) + 1, kind=kind, data=data))
    session.flush()


def _end(session: Any, row: RunRow, state: str, reason: str) -> None:
    row.state, row.reason, row.ended_at = state, reason, utc_now()
    note(session, row.id, "done", {"state": state, "reason": reason, "plan": row.plan_id})


def _stage_options(options: dict[str, Any]) -> dict[str, str]:
    """Return what stages take by name, without what was left blank."""
    named = {name: str(options[name]) for name in NAMED if options.get(name)}
    return named | {name: "yes" for name in SWITCHES if options.get(name)}
