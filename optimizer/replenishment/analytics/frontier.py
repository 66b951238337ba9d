"""Stock value against fill rate: what more or less service would cost in stock."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.analytics.classes import abc_of_pairs
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.stock_cost import best_level, units_short
from optimizer.replenishment.targets import lead_demand

Floats = NDArray[np.float64]

# of the cost of a unit short; 1 is what is planned for
PRICE_FACTORS = (1 / 64, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


def stock_frontier(facts: Facts) -> pd.DataFrame:
    """Return the stock_frontier table: the best stock at every price of service.

    Each point multiplies the shortage cost of every product-location by a factor and gives each
    the level that is best at that price. Levels that are best at one price for all are the least
    stock cost for their total of units short: so the points lie on the efficient frontier.
    The chosen point is the one at the costs that the plan uses; all points are charged with
    those.
    """
    counted = np.flatnonzero(facts.counted & (facts.pairs["mean"].to_numpy(np.float64) > 0.0))
    if not len(counted):
        return pd.DataFrame()
    pairs, lead = facts.pairs.iloc[counted], lead_demand(facts.pairs, facts.forecast)
    mean, sd = pairs["mean"].to_numpy(np.float64), pairs["sd"].to_numpy(np.float64)
    lead_mean, lead_sd = lead.mean[counted], lead.sd[counted]
    review = pairs["review_days"].to_numpy(np.float64)
    holding = pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * review
    shortage = pairs["shortage_cost"].to_numpy(np.float64)
    worth = facts.scenario.table("products").set_index("product_id")["unit_cost"]
    unit_cost = worth.reindex(pairs["product_id"]).to_numpy(np.float64)
    classes = abc_of_pairs(facts)[counted]
    letters = sorted({str(letter) for letter in classes})
    which = np.searchsorted(letters, classes.astype(str))
    rows: list[dict[str, object]] = []
    for place, factor in enumerate(PRICE_FACTORS, start=1):
        level = best_level(mean, sd, holding, factor * shortage, np.zeros(len(mean)))
        level = np.clip(level, 0.0, mean + 12.0 * sd)
        at_end, at_start = units_short(level, mean, sd), units_short(level, lead_mean, lead_sd)
        cycle = np.maximum(at_end - at_start, 0.0)
        left = np.maximum(level - mean + at_end, 0.0)
        stock = 0.5 * (left + np.maximum(level - lead_mean + at_start, 0.0))
        figures = {
            "demand": np.maximum(mean - lead_mean, 0.0) / review,
            "short_units_per_day": cycle / review,
            "stock_value": stock * unit_cost,
            "cost_per_day": (holding * left + shortage * at_end) / review,
        }
        sums = {
            name: np.bincount(which, values, minlength=len(letters))
            for name, values in figures.items()
        }
        for scope, pick in _scopes(letters):
            total = {name: float(values[pick].sum()) for name, values in sums.items()}
            demand = total.pop("demand")
            served = 1.0 - total["short_units_per_day"] / demand if demand > 0.0 else np.nan
            rows.append(
                {
                    "scope": scope,
                    "point": place,
                    "price_factor": factor,
                    "fill_rate": float(np.clip(served, 0.0, 1.0)),
                    **total,
                    "chosen": factor == 1.0,
                }
            )
    frame = pd.DataFrame(rows)
    return frame.sort_values(["scope", "point"], kind="stable", ignore_index=True)


def _scopes(letters: list[str]) -> list[tuple[str, slice]]:
    """Return every scope and the classes that it adds up."""
    each = [(f"abc:{letter}", slice(at, at + 1)) for at, letter in enumerate(letters)]
    return [("all", slice(None)), *each]
