"""Runs that answer a question about plans: the answer is a file beside a plan of key figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd

from api.store.blobs import FolderBlobs
from api.store.documents import get_plan, get_scenario
from optimizer.plan import Plan

if TYPE_CHECKING:
    from api.runs.child import Task
    from optimizer.executor import Executor
    from optimizer.outcome import Progress
    from scenarios import Scenario

KPI = ["kpi", "variant", "scope", "value", "unit"]


def answer_what_if(
    task: Task, scenario: Scenario, cancelled: Callable[[], bool]
) -> tuple[Plan, dict[str, bytes]]:
    """Answer a what-if; the plan that is kept holds key figures alone, not its decisions."""
    from optimizer.outcome import Limits
    from optimizer.what_if import what_if

    assert task.plan is not None, "the service lets no what-if without a plan in"
    plan = get_plan(FolderBlobs(task.blobs), task.plan)
    limits = None
    if task.seconds is not None or task.work is not None:
        limits = Limits(task.seconds, task.work, cancelled=cancelled)
    answer = what_if(scenario, plan, task.decision or "", limits)
    rows = [
        ["extra_cost", "what-if", "all", answer.extra_cost, "money"],
        ["possible", "what-if", "all", float(answer.possible), "1"],
    ]
    options = {**plan.provenance.options, "decision": answer.decision}
    made = Plan(
        replace(plan.provenance, options=options),
        {"kpis": pd.DataFrame(rows, columns=KPI)},
        {"what_if": (answer.decision, *answer.reasons, *answer.notes)},
    )
    document = json.dumps(answer.document(), ensure_ascii=False)
    return made, {"what_if.json": document.encode()}


def answer_hardening(
    task: Task, scenario: Scenario, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[Plan, dict[str, bytes]]:
    """Search what would harden a plan; the plan that is kept holds the frontier's figures alone."""
    from simulation.default_suite import suite_with_floor
    from simulation.harden import MOST_TRIALS, harden
    from simulation.levers import KINDS
    from simulation.suites import read_suite

    assert task.plan is not None, "the service lets no hardening without a plan in"
    plan = get_plan(FolderBlobs(task.blobs), task.plan)
    how = task.hardening or {}
    told = how.get("suite")
    found = harden(
        scenario,
        plan,
        suite_with_floor(scenario, plan, how["fill_rate"]) if told is None
        else read_suite(told, scenario),
        kinds=how.get("kinds") or KINDS,
        budget=how.get("budget"),
        replications=task.replications,
        most_trials=how.get("trials") or MOST_TRIALS,
        seconds=task.seconds,
        seed=task.seed,
        progress=progress,
        cancelled=cancelled,
    )  # fmt: skip
    rows = [
        [name, f"option {number}", "all", value, unit]
        for number, (trial, _titles) in enumerate(found.frontier, start=1)
        for name, value, unit in (
            ("hardening_cost", trial.cost.mean, "money"),
            ("tightest_gate_margin", trial.margin, "1"),
        )
    ]
    made = Plan(
        plan.provenance,
        {"kpis": pd.DataFrame(rows, columns=KPI)},
        {"harden": (*found.notes,)},
    )
    document = json.dumps(found.document(), ensure_ascii=False, allow_nan=False)
    return made, {"harden.json": document.encode()}


def answer_comparison(
    task: Task, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[Plan, dict[str, bytes]]:
    """Compare plans; the plan that is kept holds the candidates' costs alone."""
    from api.services.comparison import REPLICATIONS, Side, compare

    blobs = FolderBlobs(task.blobs)
    sides = [
        Side(name, get_scenario(blobs, scenario), get_plan(blobs, plan))
        for name, scenario, plan in task.sides
    ]
    how = task.comparison or {}
    document = compare(
        sides,
        replications=task.replications or REPLICATIONS,
        shapley=bool(how.get("shapley")),
        waterfall=bool(how.get("waterfall", True)),
        weights=how.get("weights"),
        seed=task.seed,
        progress=progress,
        cancelled=cancelled,
    )
    rows = [["cost", side["name"], "all", side["cost"], "money"] for side in document["plans"]]
    base = sides[0].plan
    made = Plan(
        base.provenance,
        {"kpis": pd.DataFrame(rows, columns=KPI)},
        {"comparison": tuple(document["notes"])},
    )
    return made, {"comparison.json": json.dumps(document, ensure_ascii=False).encode()}


def answer_promotion(
    task: Task,
    scenario: Scenario,
    progress: Progress,
    cancelled: Callable[[], bool],
    executor: Executor | None,
) -> tuple[Plan, dict[str, bytes]]:
    """Say what a promotion would do; the plan that is kept holds the gain of each way alone."""
    from api.services.comparison import REPLICATIONS
    from api.services.promotion import promotion
    from api.services.promotion_question import read_ask

    assert task.plan is not None, "the service lets no promotion without a plan in"
    assert task.promotion is not None, "the service lets no promotion without its terms in"
    plan = get_plan(FolderBlobs(task.blobs), task.plan)
    document = promotion(
        scenario,
        plan,
        read_ask(task.promotion),
        replications=task.replications or REPLICATIONS,
        weights=task.promotion["weights"],
        seed=task.seed,
        work=task.work,
        executor=executor,
        progress=progress,
        cancelled=cancelled,
    )
    rows = [
        ["gain", f"{cell['stock']} / {cell['capacity']}", cell["uplift"], cell["net"]["mean"],
         "money"]
        for cell in document["cells"]
    ]  # fmt: skip
    made = Plan(
        plan.provenance,
        {"kpis": pd.DataFrame(rows, columns=KPI)},
        {"promotion": tuple(document["notes"])},
    )
    text = json.dumps(document, ensure_ascii=False, default=str)
    return made, {"promotion.json": text.encode()}
