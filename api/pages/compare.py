"""Two plans side by side: key figures, costs term by term, and what a comparison measured."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pandas as pd
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from sqlalchemy import select

from api.pages.measured import comparison_of, comparison_run, shown
from api.pages.overview import OBJECTIVE
from api.pages.places import number
from api.pages.view import PlanView, language_of, page, plan_view
from api.routes.context import Context, Planner, Reader
from api.schemas.runs import ComparisonOptions, RunRequest
from api.store.rows import PlanRow, RunRow

router = APIRouter()
PLANS_SHOWN: Final = 200
# kinds of runs whose plans hold an answer alone
ANSWERS: Final = ("what_if", "comparison", "promotion", "harden")
PlanId = Annotated[str, Form(min_length=1, max_length=80)]


@router.get("/compare", response_class=HTMLResponse)
def compare(
    request: Request,
    here: Reader,
    baseline: Annotated[str, Query(max_length=80)] = "",
    candidate: Annotated[str, Query(max_length=80)] = "",
) -> HTMLResponse:
    """Choose two plans and show them beside each other."""
    plans = _newest(here)
    language = language_of(request)
    names = {
        row.id: f"{here.scenarios.row(row.scenario_id).name}, {language.moment(row.created_at)}"
        for row in plans
    }
    sides = [plan_view(here, chosen, "kpis") for chosen in (baseline, candidate) if chosen]
    both = len(sides) == 2
    run = comparison_run(here, baseline, candidate) if both else None
    document = comparison_of(here, run)
    stages = _terms(*sides) if both else []
    return page(
        request,
        "compare.html",
        here,
        plans=plans,
        names=names,
        baseline=baseline,
        candidate=candidate,
        sides=sides,
        stages=[part for part in stages if part["moves"]],
        same=[part for part in stages if not part["moves"]],
        figures=_figures(*sides) if both else [],
        run=run,
        measured=None if document is None else shown(language, document, candidate, names),
        same_money=both and sides[0].currency == sides[1].currency,
    )


@router.post("/compare")
def measure(here: Planner, baseline: PlanId, candidate: PlanId) -> Response:
    """Simulate two plans under the same demand and find what drives their costs; show the run."""
    plan = here.plan(baseline)
    request = RunRequest(
        kind="comparison",
        scenario=plan.scenario_id,
        revision=plan.revision,
        plan=plan.id,
        comparison=ComparisonOptions(candidates=[here.plan(candidate).id]),
    )
    return RedirectResponse(f"/runs/{here.runs.submit(request).id}", 303)


def _newest(here: Context) -> list[PlanRow]:
    with here.database.session() as session:
        query = select(PlanRow).join(RunRow, RunRow.id == PlanRow.run_id)
        query = query.where(RunRow.kind.not_in(ANSWERS)).order_by(PlanRow.created_at.desc())
        return list(session.scalars(query.limit(PLANS_SHOWN)))


def _terms(before: PlanView, after: PlanView) -> list[dict[str, Any]]:
    """Return, for each stage that both plans have, its cost terms before and after.

    Terms that are nought in both are left out.
    """
    sides = []
    for view in (before, after):
        kpis = view.table("kpis")
        terms = kpis[kpis["variant"].fillna("").str.endswith(OBJECTIVE)]
        sides.append(terms.groupby(["variant", "kpi"], sort=False)["value"].sum())
    found = []
    stages = [name for name in sides[0].index.unique(0) if name in sides[1].index.unique(0)]
    for stage in stages:
        table = pd.DataFrame({"before": sides[0][stage], "after": sides[1][stage]}).fillna(0.0)
        table = table[(table != 0.0).any(axis=1)]
        found.append(
            {
                "stage": str(stage).removesuffix(OBJECTIVE).strip(),
                "terms": [
                    {"term": str(row.Index), "before": float(row.before), "after": float(row.after)}
                    for row in table.itertuples()
                ],
                "before": float(table["before"].sum()),
                "after": float(table["after"].sum()),
                "moves": bool((table["before"] != table["after"]).any()),
            }
        )
    return found


def _figures(before: PlanView, after: PlanView) -> list[dict[str, Any]]:
    """Return key figures of the whole that both plans have."""
    sides = []
    for view in (before, after):
        kpis = view.table("kpis")
        whole = kpis[(kpis["scope"] == "all") & ~kpis["variant"].fillna("").str.endswith(OBJECTIVE)]
        sides.append(whole.assign(variant=whole["variant"].fillna("")))
    joined = sides[0].merge(sides[1], on=["kpi", "variant", "unit"], suffixes=("_a", "_b"))
    return [
        {
            "kpi": row.kpi,
            "variant": row.variant,
            "unit": row.unit,
            "before": number(row.value_a),
            "after": number(row.value_b),
        }
        for row in joined.itertuples()
    ]
