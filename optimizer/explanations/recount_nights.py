"""Lines of later nights worked out again, from the referee's view of every night."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.rolling import options_by_period, with_terms
from optimizer.audit.rolling_nights import DemandAhead, night_demand, night_of
from optimizer.audit.rolling_stock import project
from optimizer.audit.tonight import read_tonight
from optimizer.explanations.levels import best_level
from optimizer.moved import with_transfers
from optimizer.plan import Plan
from scenarios import Scenario

Floats = NDArray[np.float64]
Known = dict[tuple[str, str], float]


def recount_nights(scenario: Scenario, plan: Plan) -> Known:
    """Return the steps of the lines of later nights by (decision_id, step)."""
    known: Known = {}
    orders, stock = plan.table("purchase_orders"), plan.table("inventory_projection")
    start = pd.Timestamp(scenario.settings.start_date)
    if "rolling" not in set(plan.table("certificates")["stage"]):
        return known
    moves = plan.table("transfers")
    early = moves["transfer_id"].str.startswith("TP-")
    later = with_transfers(scenario, moves[early])
    tables = {name: plan.table(name) for name in ("forecast", "calibration") if name in plan.tables}
    tables |= {"purchase_orders": orders, "transfers": moves[~early], "inventory_projection": stock}
    facts = read_tonight(later, tables)
    planned = int(stock["bucket"].nunique())
    periods = options_by_period(later, facts, planned)
    bucket = (orders["order_on"] - start).dt.days // scenario.settings.bucket_days
    lines = with_terms(later, facts, periods, orders.assign(bucket=bucket))
    found = project(later, tables, facts, lines, planned)
    demand = DemandAhead(later, tables, facts)
    for at in range(planned):
        night = night_of(later, facts, periods, at)
        rows = lines[(lines["order_on"] > start) & (lines["bucket"] == at)]
        if night is None or not len(rows):
            continue
        pair = rows["pair"].to_numpy(np.int64)
        mean, sd, position, held, short, back = (
            values[pair] for values in night_demand(later, facts, demand, found, night)
        )
        qty = rows["qty"].to_numpy(np.float64)
        usable = rows["usable"].to_numpy(np.float64) / qty
        brought = rows["usable"].groupby(rows["pair"]).transform("sum").to_numpy(np.float64)
        elsewhere = brought - usable * qty
        premium = (rows["landed"] - rows["least"]).to_numpy(np.float64)
        wish = best_level(mean, sd, held, short, premium / usable)
        net = wish - position - elsewhere
        free = np.maximum(net, 0.0)
        steps = {
            "forecast": mean + back,
            "safety_stock": wish - mean,
            "expected_stock": -position,
            "expected_returns": -back,
            "ordered_elsewhere": -elsewhere,
            "never_below_zero": free - net,
            "losses_on_the_way": free / usable - free,
            "limits_and_lots": qty - free / usable,
        }
        number = rows["line"].astype(int).astype(str)
        names = ("purchase_orders:" + rows["order_id"] + "/" + number).tolist()
        for step, values in steps.items():
            known |= {(name, step): v for name, v in zip(names, values.tolist(), strict=True)}
    return known
