"""What sells before it expires: the most that is ordered of a product with a shelf life."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]


def sellable_units(facts: Facts, offers: pd.DataFrame) -> Floats:
    """Return the most units of each offer that mean demand sells before they expire.

    What is there and on its way is sold first. So an order lasts until the position after it is
    sold, and has until its lead time and shelf life are over.

    Parameters
    ----------
    offers : pair, product_id, lead_days, order_multiple, fill_rate, defect_rate

    Returns
    -------
    units : (n_offers,) whole multiples, at least 0; inf for products that keep
    """
    units = np.full(len(offers), np.inf)
    products = facts.scenario.table("products").set_index("product_id")["shelf_life_days"]
    if products.isna().all():
        return units
    life = products.reindex(offers["product_id"]).to_numpy(np.float64)
    at = np.flatnonzero(~np.isnan(life))
    rows = offers.iloc[at]
    pair = rows["pair"].to_numpy(np.int64)
    days = rows["lead_days"].to_numpy(np.float64) + life[at]
    position = facts.pairs["echelon_position"].to_numpy(np.float64)[pair]
    left = np.maximum(_echelon_mean(facts, pair, days) - position, 0.0)
    usable = (rows["fill_rate"] * (1.0 - rows["defect_rate"])).to_numpy(np.float64)
    multiple = rows["order_multiple"].to_numpy(np.float64)
    most = np.divide(left, usable, out=np.full(len(at), np.inf), where=usable > 0.0)
    units[at] = np.floor(most / multiple + 1e-9) * multiple
    return units


def _echelon_mean(facts: Facts, pair: NDArray[np.int64], days: Floats) -> Floats:
    """Return mean demand of pairs in their first days, with that of the pairs they feed, units."""
    root = facts.pairs["root"].to_numpy(np.int64)
    order = np.argsort(root, kind="stable")
    begin, end = (np.searchsorted(root[order], pair, side=side) for side in ("left", "right"))
    count = end - begin
    asked = np.repeat(np.arange(len(pair)), count)
    within = np.arange(len(asked)) - np.repeat(np.cumsum(count) - count, count)
    member = order[np.repeat(begin, count) + within]
    row = facts.pairs["forecast_row"].to_numpy(np.int64)[member]
    mean, _ = facts.forecast.over(row, days[asked])
    total: Floats = np.bincount(asked, mean, minlength=len(pair)).astype(np.float64)
    return total


def shelf_life_notes(facts: Facts, offers: pd.DataFrame, low: Floats, most: Floats) -> list[str]:
    """Say of which product-locations no lot is small enough to be sold before it expires.

    Parameters
    ----------
    offers : those that can be ordered tonight
    low, most : (n_offers,) units: least lot; `sellable_units`
    """
    fits = np.zeros(len(facts.pairs), bool)
    fits[offers["pair"].to_numpy(np.int64)[low <= most]] = True
    none = offers[~fits[offers["pair"].to_numpy(np.int64)]].drop_duplicates("pair")
    short = facts.pairs.iloc[none["pair"].to_numpy(np.int64)]
    wanted = (short["mean"] > short["echelon_position"]).to_numpy(bool)
    names = (short["product_id"] + "@" + short["site_id"])[wanted].tolist()
    if not names:
        return []
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    note = (
        f"{len(names)} product-locations that need stock are not ordered, because the least lot of"
        f" every offer outlasts the shelf life: {', '.join(names[:3])}{rest}."
    )
    return [note]
