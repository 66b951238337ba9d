"""The policies table: parameters by which each product-location reorders."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.laws import LAW_NAMES, Floats
from optimizer.replenishment.policies.rules import Reorder
from optimizer.replenishment.policies.service import service


def policies(facts: Facts, rules: Reorder) -> pd.DataFrame:
    """Return the policies table; numbers that the planner set stay as they are."""
    pairs, intervals, lots = facts.pairs, rules.intervals, rules.even
    given = {name: pairs[name].to_numpy(np.float64) for name in ("s", "S", "r", "Q")}

    def unless_given(name: str, computed: Floats) -> Floats:
        return np.where(np.isnan(given[name]), computed, given[name])

    reached = service(intervals, rules.top, np.maximum(np.rint(rules.gap), 1.0), lots)
    base = pairs["policy"].to_numpy(object) == "base_stock"
    order_level = np.where(base, rules.top, rules.point)
    return pd.DataFrame(
        {
            "site_id": pairs["site_id"],
            "product_id": pairs["product_id"],
            "policy": pairs["policy"],
            "s": unless_given("s", np.where(lots, np.nan, rules.own_point)),
            "S": unless_given("S", np.where(lots, np.nan, rules.own_top)),
            "r": unless_given("r", np.where(lots, rules.own_point, np.nan)),
            "Q": unless_given("Q", np.where(lots, rules.gap, np.nan)),
            "review_days": pairs["review_days"],
            "safety_stock": order_level - intervals.law.mean,
            "cycle_service": reached.cycle,
            "expected_fill_rate": reached.fill,
            "demand_law": LAW_NAMES[intervals.law.kind],
            "decided_by": rules.decided_by,
            "expected_returns": pairs["expected_returns"],
        }
    )
