"""Stress: what the simulator measured in each case, as heat, curves and rankings."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.pages.hardening import choices, hardening_of, hardening_run, usual_floor
from api.pages.places import number
from api.pages.view import page, plan_view
from api.routes.context import Reader

router = APIRouter()
# figures of the heat map, and whether more of it is worse
FIGURES: Final = {
    "fill_rate": False,
    "worst_day_service": False,
    "service_loss_days": True,
    "recovery_days": True,
    "short_units": True,
    "lost_margin": True,
    "cost_operating": True,
}
SHADES: Final = (0.02, 0.10, 0.25, 0.50)  # of the largest change for the worse


@router.get("/plans/{plan_id}/stress", response_class=HTMLResponse)
def stress(request: Request, plan_id: str, here: Reader) -> HTMLResponse:
    """Show cases by figure, service by day, exposure, and what playbooks saved."""
    view = plan_view(here, plan_id, "stress_results", "service_curve", "exposure", "drills")
    results = view.table("stress_results")
    whole = results[results["scope"] == "all"]
    gated = results[results["passed"].notna()]
    exposure = view.table("exposure").sort_values("impact", ascending=False)
    curve = view.table("service_curve")
    drills = view.table("drills")
    run = hardening_run(here, plan_id)
    hardening = hardening_of(here, hardening_run(here, plan_id, found=True))
    return page(
        request,
        "stress.html",
        here,
        current="stress",
        view=view,
        figures=[name for name in FIGURES if (whole["kpi"] == name).any()],
        heat=_heat(whole),
        gates=gated.to_dict("records"),
        broken=int((gated["passed"] == False).sum()),  # noqa: E712 - a nullable column
        exposure=exposure.head(25).to_dict("records"),
        run=run,
        hardening=hardening,
        choices=None if hardening is None else choices(hardening),
        floor=usual_floor(whole, run),
        drills=drills[drills["scope"] == "all"].head(60).to_dict("records"),
        curves={
            str(case): {
                name: [number(value) for value in rows.sort_values("day")[name]]
                for name in ("day", "mean", "p5", "p95", "baseline")
            }
            for case, rows in curve.groupby("case", sort=False)
        },
    )


def _heat(whole: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a row per case: each figure, with a shade 0 to 4 of how much worse it became."""
    found = []
    table = whole[whole["kpi"].isin(FIGURES)]
    if table.empty:  # its columns may have no type to count with
        return []
    loss = table["disrupted"] - table["baseline"]
    sign = table["kpi"].map({name: 1.0 if up else -1.0 for name, up in FIGURES.items()})
    table = table.assign(worse=(loss * sign).clip(lower=0.0).fillna(0.0))
    most = table.groupby("kpi")["worse"].max()
    for case, rows in table.groupby("case", sort=False):
        cells = {}
        for row in rows.to_dict("records"):
            top = most[row["kpi"]]
            share = row["worse"] / top if top > 0 else 0.0
            gate = row["gate"] if isinstance(row["gate"], str) else ""
            cells[row["kpi"]] = {
                "value": row["disrupted"],
                "low": row["low"],
                "high": row["high"],
                "shade": sum(share >= edge for edge in SHADES),
                "gate": gate,
                "broken": bool(gate) and not bool(row["passed"]),
            }
        found.append({"case": case, "cells": cells})
    return found
