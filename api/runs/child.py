"""What a run's own process does: read the scenario, solve, keep the plan, say how it goes.

The process holds no database connection. It answers over one pipe, and ends when the other end
of the pipe is gone, so that no solver outlives the service.
"""

from __future__ import annotations

import os
import queue
import resource
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from api.runs.incumbents import incumbent_told

if TYPE_CHECKING:
    from api.runs.chunks import Told
    from api.runs.nights import NightOrder
    from api.runs.sharing import QueueExecutor
    from optimizer.plan import Plan
    from scenarios import Scenario

PROGRESS_SECONDS = 0.2  # at most so often is progress told, but for new stages
EXIT_ORPHANED = 3
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Task:
    """What one run is to do.

    Attributes
    ----------
    blobs : folder of the blobs
    kind : pipeline, a stage or group of stages, stress, harden, what_if, comparison or nightly
    scenario : hash of the scenario's manifest
    plan : hash of the plan's manifest, for stress, harden and what_if
    previous : hash of the manifest of the plan that is being driven, for stage rerouting
    deltas : what-if changes to apply first
    options : of stages, by name, as the planner takes them
    decision : of a what-if, in words
    risk : of stress, the risk of the plan that happens; None: the default suite
    comparison : of a comparison, how; `sides`: name, scenario and plan of each, the baseline first
    promotion : of kind promotion, what would run
    hardening : of harden, the suite or the service to hold, and what may be changed
    export : lp or mps, to keep the problem of stage network beside the plan
    memory_mib : the process may take so much; 0: no limit
    nice : it steps back so far: a plan may take longer, an answer may not
    width : chunks that large work is cut into for all workers; 0: it is done here
    share_from : steps of work from which it is large
    night : of kind nightly: gates, the plan before, and what earlier attempts have done
    """

    run_id: str
    blobs: Path
    kind: str
    scenario: str
    plan: str | None = None
    previous: str | None = None
    deltas: list[dict[str, Any]] = field(default_factory=list)
    stages: list[str] | None = None
    seconds: float | None = None
    work: float | None = None
    seed: int | None = None
    replications: int | None = None
    options: dict[str, str] = field(default_factory=dict)
    export: str | None = None
    decision: str | None = None
    risk: str | None = None
    comparison: dict[str, Any] | None = None
    promotion: dict[str, Any] | None = None
    hardening: dict[str, Any] | None = None
    sides: list[tuple[str, str, str]] = field(default_factory=list)
    memory_mib: int = 0
    nice: int = 0
    width: int = 0
    share_from: float = 0.0
    night: NightOrder | None = None


class _Line:
    """The child's end of the pipe; safe to use from several threads."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._lock = threading.Lock()
        self._told: dict[str, float] = {}
        self.cancelled = threading.Event()
        self.told: queue.SimpleQueue[list[Told]] = queue.SimpleQueue()

    def say(self, kind: str, **data: Any) -> None:
        """Send one message."""
        with self._lock:
            self._pipe.send((kind, data))

    def progress(self, stage: str, share: float, message: str) -> None:
        """Tell progress, not too often, and every better plan."""
        better = incumbent_told(stage, message)
        if better is not None:
            self.say("incumbent", stage=stage, part=better[0], cost=better[1])
        now = time.monotonic()
        last = self._told.get(stage)
        if last is None or share >= 1.0 or now - last >= PROGRESS_SECONDS:
            self._told[stage] = now
            self.say(
                "progress", stage=stage, share=float(min(max(share, 0.0), 1.0)), message=message
            )

    def listen(self) -> None:
        """Wait for the word to cancel; end the process when nobody is there any more."""
        while True:
            try:
                word = self._pipe.recv()
                if word == "cancel":
                    self.cancelled.set()
                else:
                    self.told.put(word)
            except (EOFError, OSError):
                os._exit(EXIT_ORPHANED)


class _PipedDesk:
    """Asks for chunks over the pipe: this process reaches no database."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def ask(self, work: str, chunks: Sequence[str]) -> None:
        """Ask for chunks of a work."""
        self._line.say("chunks", work=work, chunks=list(chunks))

    def ended(self) -> list[Told]:
        """Return the chunks that have ended since the last call."""
        try:
            return self._line.told.get_nowait()
        except queue.Empty:
            return []

    def drop(self) -> None:
        """Forget all chunks."""
        self._line.say("chunks", work="", chunks=[])


def main(pipe: Connection, task: Task) -> None:
    """Run a task and say how it ended: done, or failed with a reason."""
    os.nice(task.nice)
    from scenarios import HoldfastError, InputError

    line = _Line(pipe)
    threading.Thread(target=line.listen, daemon=True).start()
    if task.memory_mib:  # behind the thread: one that finds no memory never starts, and hangs
        limit = task.memory_mib * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        line.say("done", **run(task, line))
    except HoldfastError as error:
        findings = error.findings if isinstance(error, InputError) else ()
        line.say(
            "failed",
            code=type(error).__name__,
            detail=str(error),
            errors=[finding.document() for finding in findings[:100]],
        )
    except MemoryError:
        detail = "the run needs more memory than there is"
        line.say("failed", code="MemoryError", detail=detail, errors=[])
    except Exception as error:  # noqa: BLE001 - the last resort: a run fails visibly
        import traceback

        traceback.print_exc()
        detail = f"{type(error).__name__}: {error}"
        line.say("failed", code="InternalError", detail=detail, errors=[])


def run(task: Task, line: _Line) -> dict[str, Any]:
    """Do the task; return what the service should know of the result."""
    from api.store.blobs import FolderBlobs
    from api.store.documents import get_plan, get_scenario, put_plan

    blobs = FolderBlobs(task.blobs)
    scenario = get_scenario(blobs, task.scenario)
    if task.deltas:
        from scenarios.deltas import Delta, apply

        scenario = apply(scenario, [Delta.model_validate(delta) for delta in task.deltas])
    with tempfile.TemporaryDirectory() as folder:
        problem = Path(folder) / f"network.{task.export}" if task.export else None
        options = dict(task.options)
        answers: dict[str, bytes] = {}
        if problem is not None:
            options["export"] = str(problem)
        if task.previous is not None:
            driven = get_plan(blobs, task.previous)
            options["previous"] = str(driven.save(Path(folder) / "previous"))
        if task.kind == "nightly":
            return _night(task, scenario, line, options)
        if task.kind == "what_if":
            from api.runs.answers import answer_what_if

            plan, answers = answer_what_if(task, scenario, line.cancelled.is_set)
        elif task.kind == "comparison":
            from api.runs.answers import answer_comparison

            plan, answers = answer_comparison(task, line.progress, line.cancelled.is_set)
        elif task.kind == "promotion":
            from api.runs.answers import answer_promotion

            plan, answers = answer_promotion(
                task, scenario, line.progress, line.cancelled.is_set, _executor(task, line)
            )
        elif task.kind == "harden":
            from api.runs.answers import answer_hardening

            plan, answers = answer_hardening(task, scenario, line.progress, line.cancelled.is_set)
        elif task.kind == "stress":
            plan = get_plan(blobs, task.plan) if task.plan else _plan(task, scenario, line, options)
            plan = _stress(task, scenario, plan, line)
        else:
            plan = _plan(task, scenario, line, options)
        files = answers | {
            path.name: path.read_bytes() for path in [problem] if path and path.exists()
        }
    kept = _kept(put_plan(blobs, plan, files), plan)
    return {**kept, "cancelled": line.cancelled.is_set()}


def _night(task: Task, scenario: Scenario, line: _Line, options: dict[str, str]) -> dict[str, Any]:
    from api.runs.nights import do_night
    from api.store.blobs import FolderBlobs

    def say(step: str, told: dict[str, Any], kept: dict[str, Any] | None) -> None:
        line.say("step", name=step, told=told, kept=kept)

    return do_night(
        task,
        scenario,
        FolderBlobs(task.blobs),
        options,
        say=say,
        progress=line.progress,
        cancelled=line.cancelled.is_set,
        executor=_executor(task, line),
    )


def _plan(task: Task, scenario: Scenario, line: _Line, options: dict[str, str]) -> Plan:
    from api.store.blobs import FolderBlobs
    from api.store.documents import put_plan
    from optimizer.pipeline import plan

    return plan(
        scenario,
        task.stages,
        seconds=task.seconds,
        work=task.work,
        seed=task.seed,
        options=options or None,
        progress=line.progress,
        cancelled=line.cancelled.is_set,
        executor=_executor(task, line),
        staged=lambda part: line.say(
            "staged", **_kept(put_plan(FolderBlobs(task.blobs), part), part)
        ),
    )


def _kept(manifest: str, plan: Plan) -> dict[str, Any]:
    """Return what the service should know of a plan that is kept."""
    from optimizer.plan import records

    return {
        "manifest": manifest,
        "certificates": records(plan.table("certificates")),
        "notes": [note for notes in plan.notes.values() for note in notes],
    }


def _executor(task: Task, line: _Line) -> QueueExecutor | None:
    """Return who shares large work; None: nobody does."""
    if not task.width:
        return None
    from api.runs.sharing import QueueExecutor
    from api.store.blobs import FolderBlobs

    blobs = FolderBlobs(task.blobs)
    return QueueExecutor(blobs, _PipedDesk(line), task.width, task.share_from)


def _stress(task: Task, scenario: Scenario, plan: Plan, line: _Line) -> Plan:
    from optimizer.plan import Plan
    from simulation.risk_drill import risk_suite
    from simulation.stress import stress

    result = stress(
        scenario,
        plan,
        None if task.risk is None else risk_suite(scenario, plan, task.risk),
        replications=task.replications,
        seed=task.seed,
        executor=_executor(task, line),
        progress=line.progress,
        cancelled=line.cancelled.is_set,
    )
    notes = {**plan.notes, "stress": tuple(result.notes)}
    return Plan(plan.provenance, {**plan.tables, **result.tables}, notes)
