"""The buyer stage: scope, problem, search, tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import cast

import numpy as np
import pandas as pd

from optimizer.outcome import Limits, Outcome
from optimizer.replenishment.buyer.case import Case, read_case
from optimizer.replenishment.buyer.case_limits import GRAMS_PER_KG
from optimizer.replenishment.buyer.explain import explanations
from optimizer.replenishment.buyer.problem import Ints
from optimizer.replenishment.buyer.scope import Scope, read_scope
from optimizer.replenishment.buyer.solve import STAGE, BuyersPlan, solve
from optimizer.replenishment.buyer.tables import marginal_prices, projection, purchase_orders
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.stage import unknown_ways
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import InputError, Scenario
from scenarios.semantics.co2_limits import co2_limits
from scenarios.semantics.decisions import purchase_decisions


def run(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, scope: str = ""
) -> StageResult:
    """Plan a buyer's orders over the horizon.

    Parameters
    ----------
    scope : supplier:ID or category:NAME; blank: the supplier with the largest spend
    """
    if len(purchase_decisions(scenario)):
        raise InputError("stage buyer keeps to no `decisions` on purchases: take them out of it")
    facts = read_facts(scenario, upstream)
    chosen = read_scope(facts, scope)
    case = read_case(facts, chosen)
    count, lines = len(case.pair), len(case.problem.slots.item)
    limits.progress(STAGE, 0.05, f"{count} product-locations, {lines:,} possible lines")
    outcome = solve(case.problem, limits)
    assert outcome.solution is not None, "a plan without orders keeps every limit"
    qty = outcome.solution.qty
    orders = purchase_orders(facts, case, qty)
    tables = {
        "purchase_orders": orders,
        "inventory_projection": projection(facts, case, qty),
        "marginal_prices": marginal_prices(facts, case, outcome.solution),
        "explanations": explanations(facts, case, outcome.solution, orders),
    }
    return StageResult(
        {name: table for name, table in tables.items() if len(table)},
        Certificate.of(STAGE, cast("Outcome[object]", outcome)),
        (*_kpis(facts, case, outcome), *_emitted(orders)),
        (*_notes(facts, chosen, case, outcome), *unknown_ways(orders)),
        outcome.work,
        {name: version(name) for name in ("ortools", "highspy")},
    )


def _kpis(facts: Facts, case: Case, outcome: Outcome[BuyersPlan]) -> tuple[Kpi, ...]:
    """Return the objective's terms, which add up to it, and what a buyer asks first."""
    assert outcome.solution is not None
    problem, qty = case.problem, outcome.solution.qty
    terms = _terms(case, qty)
    _, lost = problem.stock(qty)
    unit = case.unit[:, None]
    wanted = float((problem.items.demand * unit).sum())
    served = 1.0 - float((lost * unit).sum()) / wanted if wanted else 1.0
    placed = problem.by_order((qty > 0).astype(np.float64)) > 0.0
    ordered = (qty * case.unit[problem.slots.item])[problem.slots.period == 0]
    goods = float((problem.items.end_value[:, None] * problem.items.demand).sum())
    besides = sum(terms.values()) - goods
    gap = max((outcome.objective or 0.0) - (outcome.bound or 0.0), 0.0)
    return (
        *(Kpi(name, value, "money", "objective") for name, value in terms.items()),
        Kpi("purchase_value", terms["purchase"], "money", STAGE),
        Kpi("orders", float(placed.sum()), "orders", STAGE),
        Kpi("order_lines", float((qty > 0).sum()), "lines", STAGE),
        Kpi("units_ordered_first_bucket", float(ordered.sum()), "units", STAGE),
        Kpi("demand_served", 100.0 * served, "%", STAGE),
        Kpi("saved_against_no_order", _saved(case, outcome), "money", STAGE),
        Kpi("gap_besides_goods", 100.0 * gap / besides if besides > 0.0 else 0.0, "%", STAGE),
        Kpi("product_locations", float(len(case.pair)), "pairs", STAGE),
        Kpi("buckets", float(facts.scenario.settings.horizon_buckets), "buckets", STAGE),
    )


def _terms(case: Case, qty: Ints) -> dict[str, float]:
    """Return money by term of the objective, CO2e apart from transport."""
    slots = case.problem.slots
    terms = case.problem.terms(qty)
    terms.pop("line")  # no fixed cost of a line is known to a scenario
    units = qty * case.unit[slots.item]
    co2 = float((units * case.offers["co2_cost"].to_numpy(np.float64)[slots.option]).sum())
    return terms | {"transport": terms["transport"] - co2, "co2": co2}


def _emitted(orders: pd.DataFrame) -> tuple[Kpi, ...]:
    """Return kg of CO2e of all orders, as far as it is known."""
    if not len(orders):
        return ()
    return (Kpi("buyer_co2e", float(orders["g_co2e"].sum()) / GRAMS_PER_KG, "kg CO2e", STAGE),)


def _saved(case: Case, outcome: Outcome[BuyersPlan]) -> float:
    nothing = case.problem.objective(np.zeros(len(case.problem.slots.item), np.int64))
    return nothing - (outcome.objective or 0.0)


def _notes(facts: Facts, scope: Scope, case: Case, outcome: Outcome[BuyersPlan]) -> tuple[str, ...]:
    unknown = int((facts.pairs["forecast_row"].to_numpy()[case.pair] < 0).sum())
    notes = [*scope.notes, f"Planned: {scope.name}, {len(case.pair)} product-locations."]
    if unknown:
        notes.append(f"{unknown} of them have no forecast: no demand of their own is expected.")
    back = float((case.returned * case.unit[:, None]).sum())
    if back:
        notes.append(
            f"{int(case.returned.any(axis=1).sum())} product-locations expect {back:.0f} units back"
            " from customers within the horizon: they are sold again and need not be bought."
        )
    large = int((case.unit > 1).sum())
    if large:
        notes.append(
            f"{large} product-locations with much demand are planned in units of"
            f" {int(case.unit.min()):,} to {int(case.unit.max()):,}."
        )
    limits = facts.scenario.table("limits")
    hard = limits["hard"].fillna(True).astype(bool)
    at_least = int(((limits["sense"] == ">=") & hard).sum())
    if at_least:
        notes.append(f"{at_least} limits of sense >= are not enforced in this plan.")
    shares = int(((limits["kind"] == "supplier_share_pct") & hard).sum())
    if shares and scope.name.startswith("supplier:"):
        notes.append(f"{shares} limits of kind supplier_share_pct are not enforced: one supplier.")
    notes += co2_limits(facts.scenario, STAGE)[1]
    if facts.scenario.settings.shortage_rule == "backorder":
        notes.append("Demand that is not served is counted as lost in this plan.")
    if outcome.detail:
        notes.append(outcome.detail)
    return tuple(notes)
