"""The tables that planners read beside the orders: rules, stock, suppliers, alerts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.alerting import Night, alerts, by_money
from optimizer.replenishment.analytics.frontier import stock_frontier
from optimizer.replenishment.analytics.health import stock_health
from optimizer.replenishment.analytics.projection import projection
from optimizer.replenishment.echelons import safety_stock
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies import policies, reorder_rules
from optimizer.replenishment.risks import linked, risks, warnings
from optimizer.replenishment.suppliers import (
    lead_time_gaps,
    read_lateness,
    supplier_dependency,
    supplier_scores,
)
from optimizer.replenishment.transfers import transfers

Floats = NDArray[np.float64]


def planner_tables(
    facts: Facts,
    purchases: pd.DataFrame,
    usable: pd.Series,
    level: Floats,
    origins: pd.DataFrame | None = None,
    *,
    brief: bool = False,
) -> dict[str, pd.DataFrame]:
    """Return every table that follows from the facts and the orders.

    Parameters
    ----------
    purchases : purchase_orders
    usable : usable units that one ordered unit brings, by row of `purchases`
    level : (n_pairs,) units, position after tonight's orders, fed pairs counted at their root
    origins : forecast_origins; None: no past forecasts are known
    brief : transfers and policies alone
    """
    rules = reorder_rules(facts)
    moved = transfers(facts, purchases, rules)
    moves = moved.table
    ordering = {
        "transfers": moves,
        "explanations": moved.told,
        "policies": policies(facts, rules),
    }
    if brief:
        return ordering
    stock = projection(facts, purchases, usable, moves)
    health = stock_health(facts, rules)
    tonight = purchases
    if len(purchases):
        start = pd.Timestamp(facts.scenario.settings.start_date)
        tonight = purchases[purchases["order_on"] == start]
    scores = supplier_scores(facts, tonight)
    night = Night(
        level=level,
        purchases=purchases,
        usable=usable,
        health=health,
        scores=scores,
        projection=stock,
        lateness=read_lateness(facts),
        gaps=lead_time_gaps(facts),
        seed=facts.scenario.settings.seed,
    )
    register = risks(facts, night, moves, pd.DataFrame() if origins is None else origins)
    raised = [part for part in (alerts(facts, night), warnings(register)) if len(part)]
    return {
        **ordering,
        "safety_stock": safety_stock(facts),
        "stock_frontier": stock_frontier(facts),
        "inventory_projection": stock,
        "stock_health": health,
        "supplier_scores": scores,
        "supplier_dependency": supplier_dependency(facts, tonight),
        "alerts": by_money(linked(facts, pd.concat(raised, ignore_index=True), register))
        if raised
        else pd.DataFrame(),
        "risks": register,
    }
