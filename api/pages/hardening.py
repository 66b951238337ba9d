"""What would harden a plan: the button that has it searched, and the frontier that was found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final

import pandas as pd
from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from api.routes.context import Context, Planner
from api.schemas.runs import HardenOptions, RunOptions, RunRequest
from api.services.run_answers import answer_kept, runs_about
from api.store.rows import RunRow
from scenarios import NotFound

router = APIRouter()
ANSWER: Final = "harden.json"
USUAL_FLOOR: Final = 90  # % of demand, where nothing was measured


@router.post("/plans/{plan_id}/harden")
def search(
    plan_id: str,
    here: Planner,
    percent: Annotated[float, Form(gt=0, lt=100)],
    minutes: Annotated[float, Form(gt=0, le=600)] = 10.0,
) -> Response:
    """Start the search for what would harden a plan, and show its run."""
    plan = here.plan(plan_id)
    request = RunRequest(
        kind="harden",
        scenario=plan.scenario_id,
        revision=plan.revision,
        plan=plan.id,
        hardening=HardenOptions(fill_rate=percent / 100.0),
        options=RunOptions.model_validate({"time_limit": minutes * 60.0}),
    )
    return RedirectResponse(f"/runs/{here.runs.submit(request).id}", 303)


@router.post("/plans/{plan_id}/harden/changes")
def take(plan_id: str, here: Planner) -> Response:
    """Make the best choice's changes in the scenario, and show its new version."""
    plan = here.plan(plan_id)
    found = hardening_of(here, hardening_run(here, plan_id, found=True))
    if found is None or not found["variant"]["deltas"]:
        raise NotFound(f"no changes were found that harden plan {plan_id!r}")
    here.scenarios.revise(plan.scenario_id, plan.revision, found["variant"]["deltas"])
    return RedirectResponse(f"/scenarios/{plan.scenario_id}", 303)


def hardening_run(here: Context, plan_id: str, *, found: bool = False) -> RunRow | None:
    """Return the newest hardening of a plan: of all, or of those that found something."""
    runs = runs_about(here.database, "harden", plan_id)
    return next((run for run in runs if run.plan_id is not None or not found), None)


def hardening_of(here: Context, run: RunRow | None) -> dict[str, Any] | None:
    """Return what a hardening found; None while it is not there."""
    if run is None or run.plan_id is None:
        return None
    return answer_kept(here.blobs, here.plan(run.plan_id), ANSWER)


def usual_floor(whole: pd.DataFrame, run: RunRow | None) -> float:
    """Return a share of demand in % to ask for.

    What was asked for last, else halfway from the worst case to undisturbed.
    """
    if run is not None and run.request["hardening"]["fill_rate"] is not None:
        return round(100.0 * float(run.request["hardening"]["fill_rate"]), 1)
    rows = whole[whole["kpi"] == "fill_rate"]
    if not len(rows):
        return USUAL_FLOOR
    middle = float(rows["disrupted"].min() + rows["baseline"].max()) / 2.0
    return min(max(math.ceil(100.0 * middle), 1), 99)


def choices(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan as it is and the frontier as pages draw them: cost, and the tightest gate.

    Where all gates ask the same of one figure, that figure is drawn; else by what share of its
    bound the tightest gate is held.
    """
    changed = [option for option in found["frontier"] if option["changes"]]
    margins = [gate["margin"] for gate in found["unchanged"]["gates"]]
    weakest = margins.index(min(margins))
    rows = [
        {
            **option,
            "gate": min(option["gates"], key=lambda gate: gate["margin"]),
            "weakest": option["gates"][weakest],
        }
        for option in (found["unchanged"], *changed)
    ]
    asked = {
        (gate["kpi"], gate["scope"], gate["at_least"], gate["bound"], gate["confidence"])
        for row in rows
        for gate in row["gates"]
    }
    alike = len(asked) == 1 and rows[0]["gate"]["confidence"] is None
    points = [
        {
            "cost": row["cost"],
            "cost_low": row["cost_low"],
            "cost_high": row["cost_high"],
            "value": row["gate"]["value"] if alike else row["margin"],
            "low": row["gate"]["low"] if alike else None,
            "high": row["gate"]["high"] if alike else None,
            "passed": row["passed"],
            "as_it_is": not row["changes"],
        }
        for row in rows
    ]
    return {
        "rows": rows,
        "points": points,
        "weakest": rows[0]["gate"]["case"],
        "figure": rows[0]["gate"]["kpi"] if alike else "",
        "bound": rows[0]["gate"]["bound"] if alike else 0.0,
    }
