"""HTML by which a plan shows itself in a notebook: what was proven, and how much it decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.plan_tables import PLAN_TABLES
from scenarios.showing import html_block, html_notes, html_table

if TYPE_CHECKING:
    from optimizer.plan import Plan

STAGE_COLUMNS = ("stage", "status", "objective", "bound", "gap_pct")
NO_DECISIONS = ("certificates", "kpis", "explanations")


def plan_html(plan: Plan) -> str:
    """Return stages with objective and bound, the tables of the plan, and its notes."""
    proven = plan.table("certificates")
    rows = proven[list(STAGE_COLUMNS)].itertuples(index=False, name=None)
    tables = [
        (name, len(frame), PLAN_TABLES[name].help)
        for name, frame in plan.tables.items()
        if len(frame) and name not in NO_DECISIONS
    ]
    made = plan.provenance
    audited = bool(len(proven)) and bool(proven["audited"].all())
    line = (
        f"{'feasible' if plan.feasible else 'not feasible'},"
        f" {'' if audited else 'not '}audited; scenario {made.scenario_hash[:12]}, seed {made.seed}"
    )
    notes = [note for lines in plan.notes.values() for note in lines]
    return html_block(
        "Plan",
        line,
        html_table("", STAGE_COLUMNS, rows),
        html_table("", ["table", "rows", "what it says"], tables, most=len(tables)),
        html_notes(notes[:5]),
    )
