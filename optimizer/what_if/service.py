"""How much of demand tonight's orders are expected to serve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optimizer.audit.offers import PAIR
from optimizer.audit.replenishment import OPTION, units_short
from optimizer.audit.tonight import Tonight, read_tonight
from optimizer.plan import conform
from scenarios import Scenario


def expected_fill_rates(
    scenario: Scenario,
    plan: Mapping[str, pd.DataFrame],
    orders: Sequence[Mapping[str, pd.DataFrame]],
) -> list[float | None]:
    """Return the share of demand until the next order comes that orders are expected to serve.

    Demand of each product-location's protection interval, less what comes back, Normal; None where
    there is none.

    Parameters
    ----------
    plan : tables with forecast and calibration
    orders : tables with purchase_orders, one after the other
    """
    names = ("forecast", "calibration")
    facts = read_tonight(scenario, {name: plan[name] for name in names if name in plan})
    return [_fill_rate(scenario, facts, one) for one in orders]


def _fill_rate(
    scenario: Scenario, facts: Tonight, orders: Mapping[str, pd.DataFrame]
) -> float | None:
    rows = conform("purchase_orders", orders.get("purchase_orders", pd.DataFrame()))
    rows = rows[rows["order_on"] == pd.Timestamp(scenario.settings.start_date)]
    lines = rows[[*OPTION, "qty"]].merge(
        facts.options[[*OPTION, "fill_rate", "defect_rate"]], on=OPTION, how="inner"
    )
    lines["usable"] = lines["qty"] * lines["fill_rate"] * (1.0 - lines["defect_rate"])
    at = pd.MultiIndex.from_frame(facts.pairs[PAIR])
    added = lines.groupby(PAIR)["usable"].sum().reindex(at).fillna(0.0).to_numpy(np.float64)
    level = (facts.pairs["position"] + facts.pairs["expected_returns"]).to_numpy(np.float64) + added
    mean = facts.pairs["interval_mean"].to_numpy(np.float64)
    variance = facts.pairs["interval_sd"] ** 2 + facts.pairs["returns_variance"]
    short = units_short(level, mean, np.sqrt(variance.to_numpy(np.float64)))
    total = float(mean.sum())
    if not total > 0.0:
        return None
    return 1.0 - float(np.minimum(short, mean).sum()) / total
