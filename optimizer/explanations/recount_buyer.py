"""Lines of a buyer's plan worked out again, from the referee's stock by bucket."""

from __future__ import annotations

import numpy as np

from optimizer.audit.buyer import STAGE, lines_in_play, stock_through, until_next_arrival
from optimizer.audit.buyer_facts import read_buyer
from optimizer.audit.offers import PAIR
from optimizer.audit.report import Rules
from optimizer.plan import Plan
from scenarios import Scenario

Known = dict[tuple[str, str], float]


def recount_buyer(scenario: Scenario, plan: Plan) -> Known:
    """Return the balance of each line, from its arrival to its item's next, by (id, step)."""
    known: Known = {}
    orders = plan.table("purchase_orders")
    orders = orders[orders["order_id"].str.startswith("BP-")]
    if not len(orders) or STAGE not in set(plan.table("certificates")["stage"]):
        return known
    tables = {name: plan.table(name) for name in ("forecast", "calibration") if name in plan.tables}
    listed = plan.table("inventory_projection")[PAIR].drop_duplicates(ignore_index=True)
    scope = str(plan.provenance.options.get("scope") or "")
    facts = read_buyer(scenario, tables, scope, listed)
    lines = lines_in_play(Rules(STAGE), scenario, facts, orders)
    closing, lost, _ = stock_through(facts, lines)
    spans = until_next_arrival(facts, lines)
    item = np.array([at for at, _ in spans], np.int64)
    opening = facts.items["opening"].to_numpy(np.float64)
    floor = facts.items["floor"].to_numpy(np.float64)
    arrival = lines["arrival"].to_numpy(np.int64)
    usable = lines["usable"].to_numpy(np.float64)
    names = "purchase_orders:" + lines["order_id"] + "/" + lines["line"].astype(int).astype(str)
    for row, (name, (at, part)) in enumerate(zip(names, spans, strict=True)):
        own, begin = item == at, part.start
        before = closing[at, begin - 1] if begin else opening[at]
        after = closing[at, part.stop - 1]
        beside = usable[own & (arrival == begin)].sum() - usable[row]
        steps = {
            "forecast_until_next_arrival": facts.demand[at, part].sum(),
            "not_served": -lost[at, part].sum(),
            "stock_before": -before,
            "open_orders": -(facts.receipts - facts.returned)[at, part].sum(),
            "expected_returns": -facts.returned[at, part].sum(),
            "other_lines_of_the_same_bucket": -beside,
            "safety_stock_left": min(after, floor[at]),
            "lot_beyond_need": max(after - floor[at], 0.0),
            "losses_on_the_way": float(lines["qty"].iloc[row]) - usable[row],
        }
        known |= {(str(name), step): float(value) for step, value in steps.items()}
    return known
