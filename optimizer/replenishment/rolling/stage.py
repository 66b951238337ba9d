"""The rolling stage: tonight's orders, the nights after them, tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

import numpy as np
import pandas as pd

from optimizer.outcome import Limits, Status, Termination, proven_status
from optimizer.replenishment.facts import read_facts
from optimizer.replenishment.rolling.explain import later_explanations
from optimizer.replenishment.rolling.horizon import STAGE, Horizon, roll
from optimizer.replenishment.rolling.tables import (
    ENGINE,
    later_prices,
    later_purchases,
    projected,
    rolling_weeks,
)
from optimizer.replenishment.stage import usable_per_unit
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits

HONEST = (
    "The bound of a later night holds for its own decision, from the stock that is expected by"
    " then; it does not bound the best policy over all nights."
)
TERMS = ("holding", "shortage", "order", "transport", "premium", "co2")


def run(scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits) -> StageResult:
    """Decide the nights after tonight's, which stand in `upstream`."""
    settings = scenario.settings
    if settings.horizon_buckets < 2:
        return _nothing("Not planned: the horizon ends with its first bucket.")
    if "policies" not in upstream:
        return _nothing("Not planned: there are no orders of tonight to go on from.")
    facts = read_facts(scenario, upstream)
    start = pd.Timestamp(settings.start_date)
    orders = upstream.get("purchase_orders", pd.DataFrame())
    tonight = orders[orders["order_on"] == start] if len(orders) else orders
    moves = upstream.get("transfers", pd.DataFrame())
    limits.progress(STAGE, 0.0, f"{len(facts.pairs):,} product-locations")
    before = limits.elapsed
    horizon = roll(facts, tonight, usable_per_unit(facts, tonight), moves, limits)
    seconds = limits.elapsed - before
    weeks = rolling_weeks(facts, horizon)
    tables = {
        "purchase_orders": later_purchases(facts, horizon, tonight),
        "inventory_projection": projected(facts, horizon),
        "rolling_weeks": weeks,
        "marginal_prices": later_prices(facts, horizon),
    }
    tables["explanations"] = later_explanations(facts, horizon, tables["purchase_orders"])
    if horizon.moves:
        tables["transfers"] = pd.concat([m.table for m in horizon.moves], ignore_index=True)
        tables["explanations"] = pd.concat(
            [tables["explanations"], *(m.told for m in horizon.moves)], ignore_index=True
        )
    objective, bound = float(weeks["objective"].sum()), float(weeks["bound"].sum())
    certificate = Certificate(
        STAGE,
        ENGINE,
        proven_status(objective, bound) if len(weeks) else Status.NO_SOLUTION_FOUND,
        horizon.termination,
        objective if len(weeks) else None,
        bound if len(weeks) else None,
        seconds,
    )
    return StageResult(
        tables,
        certificate,
        (*_kpis(weeks), *_emitted(tables["purchase_orders"], start)),
        (*_notes(horizon, weeks, settings.horizon_buckets), *co2_limits(scenario, STAGE)[1]),
        horizon.work,
        {"scipy": version("scipy")},
        frozenset({"purchase_orders", "inventory_projection"}),
    )


def _nothing(note: str) -> StageResult:
    return StageResult({}, None, notes=(note,))


def _kpis(weeks: pd.DataFrame) -> tuple[Kpi, ...]:
    """Return the objective's terms over all nights, and the plan's size."""
    terms = [
        Kpi(name, float(weeks[f"{name}_cost"].sum()), "money", "objective", "all") for name in TERMS
    ]
    gap = weeks["gap_pct"].dropna()
    return (
        *terms,
        Kpi("rolling_nights", float(len(weeks)), "nights"),
        Kpi("rolling_buckets_planned", float(weeks["bucket"].nunique()), "buckets"),
        Kpi("rolling_spend", float(weeks["spend"].sum()), "money"),
        Kpi("rolling_lines", float(weeks["lines"].sum()), "lines"),
        Kpi("rolling_worst_gap", float(gap.max()) if len(gap) else 0.0, "%"),
    )


def _emitted(orders: pd.DataFrame, start: pd.Timestamp) -> tuple[Kpi, ...]:
    """Return what the orders of later nights emit on their way, as far as it is known."""
    later = orders[orders["order_on"] > start]
    grams = float(later["g_co2e"].fillna(0.0).sum())
    return (Kpi("rolling_co2e", grams / 1000.0, "kg CO2e"),) if len(later) else ()


def _notes(horizon: Horizon, weeks: pd.DataFrame, buckets: int) -> tuple[str, ...]:
    notes = [HONEST]
    if horizon.stopped is not None:
        why = {
            Termination.CANCELLED: "the run was cancelled",
            Termination.TIME_LIMIT: "the time was used up",
            Termination.WORK_LIMIT: "the work was used up",
        }[horizon.termination]
        left = buckets - horizon.stopped
        notes.append(
            f"{left} of {buckets} buckets were not decided, because {why}: proposed orders and"
            f" the projection of stock end with bucket {horizon.stopped}."
        )
    if horizon.hopeless is not None:
        notes.append(
            f"No orders were found that keep every hard limit in bucket {horizon.hopeless + 1}:"
            " the plan ends before it; see the limits of the kind `>=`."
        )
    if len(weeks) and float(np.nan_to_num(weeks["gap_pct"].max())) > 2.0:
        worst = weeks.loc[weeks["gap_pct"].idxmax()]
        notes.append(
            f"The widest gap of a night is {worst['gap_pct']:.1f} %, on {worst['night']:%Y-%m-%d}."
        )
    return tuple(notes)
