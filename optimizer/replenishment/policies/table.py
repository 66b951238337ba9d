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
    pairs, intervals = facts.pairs, rules.intervals
    kind = pairs["policy"].to_numpy(object)
    lots = rules.even
    given = {name: pairs[name].to_numpy(np.float64) for name in ("s", "S", "r", "Q")}

    def unless_given(name: str, computed: Floats) -> Floats:
        return np.where(np.isnan(given[name]), computed, given[name])

    point = np.where(lots, unless_given("r", rules.own_point), unless_given("s", rules.own_point))
    top = np.where(lots, np.nan, unless_given("S", rules.own_top))
    lot = np.where(lots, unless_given("Q", rules.gap), np.nan)
    gap = np.maximum(np.where(lots, lot, top - point), 1.0)
    # what the planner moves at a site moves the echelon that it stands for
    highest = np.where(lots, point + lot, top) - rules.own_top + rules.top
    reached = service(intervals, highest, np.rint(gap).astype(np.float64), lots)
    stated = np.where(lots, ~np.isnan(given["r"]) & ~np.isnan(given["Q"]), ~np.isnan(given["S"]))
    stated = np.where(
        (kind == "s_S") | (kind == "min_max"), stated & ~np.isnan(given["s"]), stated
    ).astype(bool)
    level = np.where(kind == "base_stock", highest, highest - gap)
    return pd.DataFrame(
        {
            "site_id": pairs["site_id"],
            "product_id": pairs["product_id"],
            "policy": pairs["policy"],
            "s": np.where(lots, given["s"], point),
            "S": np.where(lots, given["S"], top),
            "r": np.where(lots, point, given["r"]),
            "Q": np.where(lots, lot, given["Q"]),
            "review_days": pairs["review_days"],
            "safety_stock": level - intervals.law.mean,
            "cycle_service": reached.cycle,
            "expected_fill_rate": reached.fill,
            "demand_law": LAW_NAMES[intervals.law.kind],
            "decided_by": np.where(stated, "planner", rules.decided_by),
        }
    )
