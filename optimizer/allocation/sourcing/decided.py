"""What the planner has decided of orders, as the sourcing problem says it.

A decided order has a zone of its own, with copies of its zone's rates from the sites that the
decision leaves it. One that must ship costs, left out, more than all other orders together.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Bools, Floats
from scenarios.semantics.decisions import OrderDecision

BEYOND = 1.0  # money on top of what all other orders can cost


def own_zones(
    orders: pd.DataFrame, rates: pd.DataFrame, decided: Mapping[str, OrderDecision]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return orders with zones of their own where something is decided, and rates with theirs."""
    at = orders.index[orders["order_id"].isin(set(decided)) & orders["zone_id"].notna()]
    if not len(at):
        return orders, rates
    zones = orders["zone_id"].astype(object).copy()
    extra = []
    for row in at:
        order, zone = str(orders.at[row, "order_id"]), str(orders.at[row, "zone_id"])
        zones[row] = f"{zone} as decided for {order}"
        origins = rates["origin"].map(decided[order].may_ship_from).astype(bool)
        mine = rates[(rates["destination"] == zone) & origins]
        extra.append(mine.assign(destination=zones[row]))
    both = pd.concat([rates, *extra], ignore_index=True)
    return orders.assign(zone_id=zones), both


def must_ship(lines: pd.DataFrame, decided: Mapping[str, OrderDecision]) -> Bools:
    """Say which lines are of orders that must ship, (n_lines,) bool."""
    names = {order for order, decision in decided.items() if decision.ships}
    result: Bools = lines["order_id"].isin(names).to_numpy(bool)
    return result


def raised(penalty: Floats, must: Bools, rates: pd.DataFrame, lines: pd.DataFrame) -> Floats:
    """Return penalties under which no plan leaves what must ship while any plan ships it."""
    if not must.any():
        return penalty
    kg = float(lines["kg"].sum()) + float(
        (rates["volumetric_kg_per_m3"].max() if len(rates) else 0.0) * lines["m3"].sum()
    )
    dearest = float(rates["base"].max() + rates["per_kg"].max() * kg) if len(rates) else 0.0
    beyond = float(penalty.sum()) + dearest * int(must.sum()) + BEYOND
    return np.where(must, penalty + beyond, penalty)


def broken_decisions(
    problem: SourcingProblem, placement: Placement, unserved: pd.DataFrame
) -> tuple[list[str], bool]:
    """Return a sentence on every order that must ship and does not, and whether that is proven."""
    left = problem.pieces.order[placement.site == LEFT]
    missed = {str(problem.orders.order_id[order]) for order in np.unique(left)}
    told, proven = [], False
    for order in sorted(order for order in missed if order in problem.decided):
        decision = problem.decided[order]
        if not decision.ships:
            continue
        why = unserved[unserved["order_id"] == order].iloc[0]
        proven |= bool((unserved.loc[unserved["order_id"] == order, "proof"] == "proven").any())
        where = f" from {decision.only}" if decision.only else ""
        names = ", ".join(decision.decisions)
        told.append(f"Decision {names}: {order} cannot ship{where}: {why['detail']}.")
    return told, proven
