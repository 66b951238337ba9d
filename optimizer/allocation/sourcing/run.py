"""The sourcing stage: problem, prices, plan, improvement, tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from optimizer.allocation.sourcing import tables as rows
from optimizer.allocation.sourcing.co2_caps import Use, read_caps
from optimizer.allocation.sourcing.decided import broken_decisions
from optimizer.allocation.sourcing.explain import explain_unserved, explanations
from optimizer.allocation.sourcing.intake import build_problem
from optimizer.allocation.sourcing.placement import parcels_of, terms_of
from optimizer.allocation.sourcing.search import Found
from optimizer.allocation.sourcing.start import start_placement
from optimizer.allocation.sourcing.unserved import OF_PIECES, held_orders, unserved_rows
from optimizer.allocation.sourcing.within import search_within
from optimizer.outcome import Limits, Status, gap_pct, proven_status
from optimizer.stage import Certificate, StageResult
from scenarios import InputError, Scenario

STAGE = "sourcing"


def run(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    limits: Limits,
    *,
    stock_value: str = "",
) -> StageResult:
    """Source the accepted delivery orders of a scenario.

    Parameters
    ----------
    upstream : orders are facts; the search begins from shipments of the same batch, if there are
    limits : seconds, or work of which one unit is about a second of one core
    stock_value : yes or no; yes: the stock that is shipped counts at what it costs

    Raises
    ------
    InputError
        `stock_value` is neither.
    """
    if (stock_value or "no").lower() not in ("yes", "no"):
        raise InputError(f"stock_value is yes or no, not {stock_value!r}")
    problem = build_problem(scenario, stock_value=stock_value.lower() == "yes")
    if not problem.n_orders:
        notes = (*problem.notes, "No accepted delivery order has lines: nothing to source.")
        return StageResult({}, None, notes=notes)
    limits.progress(STAGE, 0.05, f"{problem.n_orders} orders from {problem.n_sites} sites")
    caps, told = read_caps(scenario, problem)
    problem = replace(problem, notes=(*problem.notes, *told))
    within = search_within(problem, caps, limits, start_placement(problem, upstream))
    found = within.found
    seconds = limits.elapsed
    placement = found.ledger.placement
    parcels = parcels_of(problem, placement)
    terms = terms_of(problem, placement, parcels)
    ids = rows.shipment_ids(problem, parcels)
    unserved = unserved_rows(found.ledger, within.uses)
    broken, proven = broken_decisions(problem, placement, unserved)
    if within.over:
        broken = [*broken, *_beyond(within.uses)]
    if broken:
        status = Status.INFEASIBLE if proven else Status.NO_SOLUTION_FOUND
        certificate = Certificate(
            STAGE, found.engine, status, found.termination, None, None, seconds
        )
        notes = (*problem.notes, *broken)
        return StageResult({}, certificate, (), notes, found.work, found.solver_versions)
    tables = {
        "shipments": rows.shipments(problem, parcels, ids),
        "shipment_lines": rows.shipment_lines(problem, parcels, ids),
        "unserved": unserved.drop(columns=OF_PIECES, errors="ignore"),
        "held_orders": held_orders(unserved),
        "marginal_prices": rows.marginal_prices(problem, found.prices, within.uses),
        "explanations": pd.concat(
            [
                explanations(found.ledger, found.catalogue, parcels, ids, within.uses),
                explain_unserved(unserved),
            ],
            ignore_index=True,
        ),
        "carrier_scores": rows.carrier_scores(scenario, problem, parcels),
    }
    certificate = Certificate(
        stage=STAGE,
        engine=found.engine,
        status=proven_status(terms.total, found.bound),
        termination=found.termination,
        objective=terms.total,
        bound=found.bound,
        wall_seconds=seconds,
    )
    return StageResult(
        tables={name: frame for name, frame in tables.items() if len(frame)},
        certificate=certificate,
        kpis=rows.kpis(problem, placement, parcels, terms),
        notes=(*problem.notes, *_said(found, terms.total), *_at_work(within.uses)),
        work=found.work,
        solver_versions=found.solver_versions,
    )


def _said(found: Found, objective: float) -> list[str]:
    """Return what a planner should know of the search."""
    notes = []
    if len(found.catalogue.large):
        notes.append(
            f"{len(found.catalogue.large)} orders of more than {found.catalogue.exact} lines are"
            " placed by a heuristic; their part of the bound is weaker."
        )
    gap = gap_pct(objective, found.bound)
    if gap is not None and gap > 1e-4:
        notes.append(f"No plan can be more than {gap:.2f} % cheaper than this one.")
    return notes


def _beyond(uses: tuple[Use, ...]) -> list[str]:
    """Say which limits on CO2e were not kept, since what must ship emits too much."""
    return [
        f"Limit {use.cap.limit_id} on CO2e: what has to ship was not found to emit less than"
        f" {use.used:,.0f} g; it allows {use.cap.grams:,.0f} g."
        for use in uses
        if use.cap.broken(use.used)
    ]


def _at_work(uses: tuple[Use, ...]) -> list[str]:
    """Return a note on every limit on CO2e that decides."""
    return [
        f"Limit {use.cap.limit_id} on CO2e decides: {use.used:,.0f} of {use.cap.grams:,.0f} g are"
        f" emitted; a tonne more would save about {1e6 * use.price:,.0f}."
        for use in uses
        if use.price > 0.0
    ]
