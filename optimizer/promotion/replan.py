"""Tonight's orders planned again for another forecast, everything else as in the plan."""

from __future__ import annotations

import pandas as pd

from optimizer.draft import Draft
from optimizer.moved import with_transfers
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, run_stage
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.gazetteer import fill_coordinates

STAGE = "replenishment"
OF_POSITIONING = "TP-"  # how its transfers are named
READS = ("forecast_origins",)
OURS = ("certificates", "kpis", "notes")


def order_for(
    scenario: Scenario, plan: Plan, forecast: pd.DataFrame, work: float | None = None
) -> Plan:
    """Return the plan with its replenishment made for another forecast, audited.

    Parameters
    ----------
    work : deterministic work; None: what the plan's own stage was given and used

    Raises
    ------
    InputError
        No orders can be found.
    AuditError
        The referee rejects them.
    """
    facts, _ = fill_coordinates(scenario)
    moved = plan.table("transfers")
    moved = moved[moved["transfer_id"].str.startswith(OF_POSITIONING).fillna(False).astype(bool)]
    facts = with_transfers(facts, moved)
    used = plan.provenance.work.get(STAGE)
    given = work if work is not None else max(used or 0.0, 1.0)
    reads = {name: plan.tables[name] for name in READS if name in plan.tables}
    reads["forecast"] = forecast
    result = run_stage(STAGE, facts, reads, Limits(work=given, seed=plan.provenance.seed))
    draft = Draft(plan.provenance, {}, tables=dict(reads))
    draft.take(STAGE, result)
    if result.certificate is None or result.certificate.objective is None:
        raise InputError(f"no orders were found for the promotion: {'; '.join(result.notes[-1:])}")
    audit_stage(STAGE, facts, draft.tables, result)
    made = {name: frame for name, frame in draft.tables.items() if name not in OURS}
    kept = {name: plan.tables[name] for name in ("network",) if name in plan.tables}
    if len(moved):
        made["transfers"] = pd.concat(
            [moved, made.get("transfers", moved.iloc[:0])], ignore_index=True
        )
    return Plan(plan.provenance, {**kept, **made}, {STAGE: tuple(result.notes)})


def bound_budgets(plan: Plan) -> tuple[str, ...]:
    """Return the budgets of a plan that bind: one more unit of money would save more."""
    prices = plan.table("marginal_prices")
    short = prices[(prices["kind"] == "budget") & (prices["price"] > 0.0)]
    return tuple(sorted(set(short["entity"].astype(str))))
