"""Runs stages in order: each reads the scenario and the stages before it, and is audited."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from optimizer.code import code_digest, code_version, machine
from optimizer.draft import Draft
from optimizer.moved import with_transfers
from optimizer.outcome import Limits, Progress
from optimizer.plan import Plan, Provenance
from optimizer.stage import Stage, StageResult, Violation
from optimizer.stages import STAGES, choose_stages, options_by_stage
from scenarios import AuditError, InputError, Scenario
from scenarios.gazetteer import fill_coordinates

if TYPE_CHECKING:
    from optimizer.audit.report import AuditReport
    from optimizer.executor import Executor

MOST_PLACES_TOLD = 20  # notes on cities that were looked up
DEFAULT_WORK = 30.0  # units of work; one is about a second of one core


def plan(
    scenario: Scenario,
    stages: Sequence[str] | None = None,
    *,
    seconds: float | None = None,
    work: float | Mapping[str, float] | None = None,
    seed: int | None = None,
    options: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
    executor: Executor | None = None,
    staged: Callable[[Plan], None] | None = None,
    begun: Plan | None = None,
) -> Plan:
    """Plan a scenario.

    Parameters
    ----------
    scenario : the facts; it is not changed
    stages : names out of STAGES or GROUPS, in any order; None: every stage that the scenario
        has the tables for
    seconds : wall seconds for the solving of all stages together
    work : deterministic work for all stages together, or by stage; without `seconds` and `work`
        it is DEFAULT_WORK, so that the same call gives the same plan
    seed : of every random choice; None: the scenario's
    options : of single stages, by name, as their Room lists them
    progress : called with (stage, share done, message)
    cancelled : asked often; True ends the search with what there is
    executor : who shares what is large and falls apart; None: nobody. The plan is the same
    staged : called with what there is after every stage but the last
    begun : what `staged` was given by the same call before it was cut short: its stages are not
        run again. The plan of another call, or one that moved stock first, is not gone on with

    Returns
    -------
    plan : audited; `notes` say what was planned without

    Raises
    ------
    InputError
        A stage was asked for whose tables are missing, or an option makes no sense.
    AuditError
        The referee rejects what a stage found; nothing of it is shown.
    """
    if seconds is not None and not seconds > 0:
        raise InputError(f"seconds must be above 0, is {seconds:g}")
    if isinstance(work, (int, float)) and not work > 0:
        raise InputError(f"work must be above 0, is {work:g}")
    chosen, notes = choose_stages(scenario, stages)
    wishes = options_by_stage(chosen, options or {})
    scenario_hash = scenario.content_hash
    scenario, placed = fill_coordinates(scenario)
    if len(placed):
        notes["scenario"] = tuple(finding.hint for finding in placed)[:MOST_PLACES_TOLD]
    if seconds is None and work is None:
        work = DEFAULT_WORK
    seed = scenario.settings.seed if seed is None else seed
    total = Limits(seconds=seconds, seed=seed)
    recorded: dict[str, Any] = {"stages": chosen, "seconds": seconds, "work": work}
    recorded |= dict(options or {})
    provenance = Provenance(
        scenario_hash,
        code_version(),
        {},
        seed,
        recorded,
        code_digest=code_digest(),
        machine=machine(),
    )
    if begun is not None and _goes_on(begun, provenance):
        draft = Draft.resumed(begun)
        notes = draft.notes
    else:
        draft = Draft(provenance, notes)
    for position, name in enumerate(chosen):
        if name in draft.work:
            continue
        left = sum(STAGES[stage].weight for stage in chosen[position:])
        limits = _limits(total, name, STAGES[name].weight, left, chosen, work, seed)
        limits = replace(limits, executor=executor)
        if progress is not None:
            limits = replace(limits, progress=progress)
        if cancelled is not None:
            limits = replace(limits, cancelled=cancelled)
            if cancelled():
                notes[name] = ("Not planned: the run was cancelled before this stage.",)
                continue
        limits.progress(name, 0.0, "started")
        result = run_stage(name, scenario, draft.tables, limits, wishes[name])
        draft.take(name, result)
        if result.certificate is not None:
            audit_stage(name, scenario, draft.tables, result, wishes[name])
            draft.certificates.append(replace(result.certificate, audited=True).row())
        if name == "positioning":  # what moves tonight is a fact for the stages that follow
            scenario = with_transfers(scenario, draft.hold_back("transfers"))
        limits.progress(name, 1.0, "done")
        if staged is not None and position < len(chosen) - 1:
            staged(draft.assemble())
    _state_together(scenario, draft)
    return draft.assemble()


def _state_together(scenario: Scenario, draft: Draft) -> None:
    """State what all stages emit together under limits that each keeps by itself."""
    from optimizer.audit.co2_together import together

    kpis, notes = together(scenario, draft.assemble().tables, list(draft.work))
    draft.kpis += kpis
    draft.tell("plan", notes)


def _goes_on(begun: Plan, wanted: Provenance) -> bool:
    """Say whether a plan holds the first stages of what is wanted, and can be gone on with."""
    has = begun.provenance
    same = all(
        getattr(has, name) == getattr(wanted, name)
        for name in ("scenario_hash", "code_version", "code_digest", "machine", "seed", "options")
    )
    return same and "positioning" not in has.work


def run_stage(
    name: str,
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    limits: Limits,
    options: Mapping[str, str] | None = None,
) -> StageResult:
    """Run one stage; its solver is imported here and nowhere earlier."""
    run: Stage = _load(STAGES[name].run)
    return run(scenario, dict(upstream), limits, **(options or {}))


def audit_stage(
    name: str,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    result: StageResult,
    options: Mapping[str, str] | None = None,
) -> None:
    """Hold a stage's tables and certificate against the facts.

    Raises
    ------
    AuditError
        A rule is broken, a cost does not add up, or the certificate claims too much.
    """
    from optimizer.audit.report import certificate_violations

    if result.certificate is None:
        return
    check: Callable[..., AuditReport] = _load(STAGES[name].check)
    report = check(scenario, tables, **(options or {}))
    found: list[Violation] = [
        *report.violations,
        *certificate_violations(result.certificate, report),
    ]
    if found:
        listed = "\n  ".join(str(violation) for violation in found[:20])
        raise AuditError(f"the referee rejects the plan of stage {name}:\n  {listed}", found)


def _load(place: str) -> Any:
    module, function = place.split(":")
    return getattr(importlib.import_module(module), function)


def _limits(
    total: Limits,
    name: str,
    weight: float,
    weights_left: float,
    chosen: Sequence[str],
    work: float | Mapping[str, float] | None,
    seed: int,
) -> Limits:
    """Share what is left of the time, and all of the work, by weight."""
    if isinstance(work, Mapping):
        spend = work.get(name)
    elif work is None:
        spend = None
    else:
        spend = work * weight / sum(STAGES[stage].weight for stage in chosen)
    seconds = None if total.seconds is None else total.remaining * weight / weights_left
    return Limits(seconds=seconds, work=spend, seed=seed)
