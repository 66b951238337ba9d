"""What comes back from customers and is sold again, as the referee counts it.

Built from the scenario's facts, row by row of sales; nothing is shared with the engine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.offers import PAIR
from optimizer.audit.report import Rules
from scenarios import Scenario
from scenarios.semantics.returns import recent_sales, resold_shares

Floats = NDArray[np.float64]
Demand = Callable[[pd.DataFrame, Floats], tuple[Floats, Floats]]

NEAR = 1e-6  # relative, on units


def coming_back(
    scenario: Scenario, pairs: pd.DataFrame, days: Floats, demand: Demand
) -> tuple[Floats, Floats]:
    """Return mean and variance of the units that come back in the first days of each pair.

    Parameters
    ----------
    pairs : site_id, product_id
    days : (n_pairs,)
    demand : mean and variance of demand of some pairs in their first days
    """
    mean, variance = np.zeros(len(pairs)), np.zeros(len(pairs))
    asked = pairs[PAIR].reset_index(drop=True).assign(at=np.arange(len(pairs)), days=days)
    rows = asked.merge(resold_shares(scenario), on="product_id")
    if not len(rows):
        return mean, variance
    rows = rows.assign(row=np.arange(len(rows)))
    delay, until = rows["delay_days"].to_numpy(float), rows["days"].to_numpy(float)
    # sold from `delay` days ago on, and so late at most that it is back in time
    begin, end = -delay, np.minimum(until - delay, 0.0)
    sales = rows.assign(begin=begin, end=end)[[*PAIR, "row", "begin", "end"]].merge(
        recent_sales(scenario).rename(columns={"days": "length"}), on=PAIR
    )
    last = sales["day"] + sales["length"]
    overlap = np.minimum(last, sales["end"]) - np.maximum(sales["day"], sales["begin"])
    part = sales["qty"] * overlap.clip(lower=0.0) / sales["length"]
    sold = part.groupby(sales["row"]).sum().reindex(rows["row"]).fillna(0.0).to_numpy(float)
    asks, spread = np.zeros(len(rows)), np.zeros(len(rows))
    for _, same in rows.groupby(rows.groupby("at").cumcount()):
        at = same["row"].to_numpy(np.int64)
        asks[at], spread[at] = demand(same[PAIR], np.maximum(until - delay, 0.0)[at])
    chance = rows["rate"].to_numpy(float)
    units = sold + asks
    np.add.at(mean, rows["at"].to_numpy(np.int64), chance * units)
    both = chance * (1.0 - chance) * units + chance * chance * spread
    np.add.at(variance, rows["at"].to_numpy(np.int64), both)
    return mean, variance


def check_returns(rules: Rules, table: str, stated: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """Hold what a table says of expected returns against the referee's own count.

    Parameters
    ----------
    stated : site_id, product_id, expected_returns [units; blank: none are counted]
    pairs : counted pairs with expected_returns [units]
    """
    if "expected_returns" not in stated.columns:
        return
    both = stated[[*PAIR, "expected_returns"]].merge(
        pairs[[*PAIR, "expected_returns"]], on=PAIR, suffixes=("", "_own")
    )
    own = both["expected_returns_own"].to_numpy(float)
    told = np.nan_to_num(both["expected_returns"].to_numpy(float))
    wrong = np.abs(told - own) > NEAR * np.maximum(1.0, own)
    rules.add(table, "expected_returns_differ", wrong, both["product_id"] + "@" + both["site_id"])
