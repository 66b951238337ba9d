"""A night, from the facts to a decision: each step is kept when it has ended and not done again.

Nothing is published here: what runs the night does that, together with its own records.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from api.nightly.shelf import Kept, Shelf
from optimizer.code import code_version
from optimizer.gates import Dated, Evidence, GateSet, Judgement, audited_again, judge
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Findings, InputError, Scenario, Severity
from scenarios.validation import validate

if TYPE_CHECKING:
    from optimizer.executor import Executor
    from optimizer.outcome import Progress
    from simulation.suites import Suite

MOST_FINDINGS: Final = 200  # listed in a report; all are counted


@dataclass(frozen=True, slots=True)
class NightTask:
    """What one night is to do.

    Attributes
    ----------
    scenario : tonight's facts
    findings : what was noticed while they were read
    gates : what the plan must pass
    previous : the plan that is published; None: there is none
    on_order : what of published plans counts as on order, as the report tells it
    stages, seconds, work, seed, options : as `plan` takes them
    replications : of each stress suite; None: as many as usual
    stresses : whether to stress-test at all
    """

    scenario: Scenario
    gates: GateSet
    findings: Findings = field(default_factory=Findings)
    previous: Dated | None = None
    on_order: Mapping[str, Any] = field(default_factory=dict)
    stages: Sequence[str] | None = None
    seconds: float | None = None
    work: float | None = None
    seed: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    replications: int | None = None
    stresses: bool = True

    @property
    def key(self) -> str:
        """Hash of all that tonight's plan depends on but the machine."""
        told = [
            self.scenario.content_hash, code_version(), self.stages, self.seconds, self.work,
            self.seed, dict(self.options), self.replications, self.stresses,
            [dict(suite) for suite in self.gates.suites],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Step:
    """How long a step took, and whether it had been done before this attempt."""

    name: str
    seconds: float
    resumed: bool


@dataclass(frozen=True, slots=True)
class Night:
    """What a night has come to.

    Attributes
    ----------
    plan : with the results of the stress test among its tables
    is_cut_short : somebody ended it early: the plan is what there was, and is not for publishing
    findings : counts by (code, table, severity) and the first of them as JSON has them
    """

    plan: Plan
    judgement: Judgement
    counts: Mapping[tuple[str, str, str], int]
    findings: tuple[Mapping[str, Any], ...]
    steps: tuple[Step, ...]
    is_cut_short: bool = False


class _Steps:
    """Does steps that are not on the shelf, and notes how long each took."""

    def __init__(self, shelf: Shelf, key: str, cancelled: Callable[[], bool] | None) -> None:
        self.shelf = shelf
        self.key = key
        self.noted: list[Step] = []
        self._cancelled = cancelled

    @property
    def is_cut_short(self) -> bool:
        """Whether somebody has asked for the night to end."""
        return self._cancelled is not None and self._cancelled()

    def do(self, name: str, work: Callable[[], Kept]) -> Kept:
        """Return what a step made before, or do it and keep it."""
        kept = self.shelf.load(name)
        if kept is not None and kept.key == self.key:
            self.noted.append(Step(name, float(kept.document.get("seconds", 0.0)), resumed=True))
            return kept
        began = time.monotonic()
        made = work()
        seconds = time.monotonic() - began
        made = Kept(self.key, {**made.document, "seconds": seconds}, made.plan)
        if not self.is_cut_short:
            self.shelf.keep(name, made)
        self.noted.append(Step(name, seconds, resumed=False))
        return made


def run_night(
    task: NightTask,
    shelf: Shelf,
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    executor: Executor | None = None,
) -> Night:
    """Validate, plan, stress and judge; steps on the shelf are not done again.

    Raises
    ------
    InputError
        The facts have errors (all findings are told), or a suite is wrong.
    EngineError
        The referee rejects the plan, or the simulator broke conservation.
    """
    steps = _Steps(shelf, task.key, cancelled)
    checked = steps.do("validate", lambda: _validate(task))
    counts = {tuple(row[:3]): int(row[3]) for row in checked.document["counts"]}
    suites = _suites(task)
    planned = steps.do("plan", lambda: _plan(task, shelf, steps.key, progress, cancelled, executor))
    made = planned.plan
    assert made is not None, "step plan always makes one"
    for name, suite in suites:
        if steps.is_cut_short:
            break
        told = steps.do(
            f"stress {name}",
            lambda made=made, suite=suite: _stress(  # type: ignore[misc]
                task, made, suite, progress, cancelled, executor
            ),
        )
        assert told.plan is not None, "step stress always makes one"
        made = told.plan
    began = time.monotonic()
    evidence = Evidence(
        Dated.of(made, task.scenario.settings),
        task.previous,
        counts,
        audited_again(task.scenario, made),
    )
    judgement = judge(task.gates, evidence)
    steps.noted.append(Step("gates", time.monotonic() - began, resumed=False))
    listed = tuple(checked.document["findings"])
    return Night(made, judgement, counts, listed, tuple(steps.noted), steps.is_cut_short)


def _validate(task: NightTask) -> Kept:
    from optimizer.gates import finding_counts

    found = Findings()
    found.extend(task.findings)
    found.extend(validate(task.scenario))
    errors = found.total(Severity.ERROR)
    if errors:
        raise InputError(f"the scenario has {errors} errors; nothing was planned", [*found])
    order = list(reversed(Severity))
    listed = sorted(found, key=lambda finding: order.index(finding.severity))[:MOST_FINDINGS]
    return Kept(
        "",
        {
            "counts": [[*key, count] for key, count in finding_counts(found).items()],
            "findings": [finding.document() for finding in listed],
        },
    )


def _suites(task: NightTask) -> list[tuple[str, Suite | None]]:
    """Return the suites to run, read before anything is planned; None: the usual one."""
    if not task.stresses:
        return []
    if not task.gates.suites:
        return [("default", None)]
    from simulation.suites import read_suite

    made = [(str(told["name"]), read_suite(told, task.scenario)) for told in task.gates.suites]
    return list(made)


def _plan(
    task: NightTask,
    shelf: Shelf,
    key: str,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
    executor: Executor | None,
) -> Kept:
    part = shelf.load("stages")
    made = plan(
        task.scenario,
        task.stages,
        seconds=task.seconds,
        work=task.work,
        seed=task.seed,
        options=dict(task.options) or None,
        progress=progress,
        cancelled=cancelled,
        executor=executor,
        staged=lambda part: shelf.keep("stages", Kept(key, {}, part)),
        begun=part.plan if part is not None and part.key == key else None,
    )
    return Kept("", {}, made)


def _stress(
    task: NightTask,
    made: Plan,
    suite: Suite | None,
    progress: Progress | None,
    cancelled: Callable[[], bool] | None,
    executor: Executor | None,
) -> Kept:
    from simulation.stress import stress

    result = stress(
        task.scenario,
        made,
        suite,
        replications=task.replications,
        seed=task.seed,
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    told = made.notes.get("stress", ())
    notes = {**made.notes, "stress": tuple(dict.fromkeys((*told, *result.notes)))}
    tables = {**made.tables, **_joined(made, result.tables)}
    return Kept("", {"suite": result.suite}, Plan(made.provenance, tables, notes))


def _joined(made: Plan, more: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Return tables of suites one below the other; a case of two suites is there once."""
    joined = {}
    for name, frame in more.items():
        before = made.tables.get(name)
        if before is None or not len(before):
            joined[name] = frame
            continue
        new = frame if "suite" in frame else frame[~frame["case"].isin(set(before["case"]))]
        joined[name] = pd.concat([before, new], ignore_index=True) if len(new) else before
    return joined
