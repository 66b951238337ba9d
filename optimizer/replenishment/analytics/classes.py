"""Classes of products: ABC by contribution, XYZ by variability."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.cover import own_demand
from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]
Words = NDArray[np.object_]

ABC_SHARES = (0.8, 0.95)  # of the contribution, largest first
XYZ_EDGES = (0.5, 1.0)  # coefficient of variation of a bucket's demand


def abc_of_pairs(facts: Facts) -> Words:
    """Return A, B or C of each pair's product, by its forecast over the horizon."""
    rate = own_demand(facts)[0].sum(axis=1) / facts.scenario.settings.horizon_days
    return abc_classes(facts, rate)


def abc_classes(facts: Facts, rate: Floats) -> Words:
    """Return the class that the product states, else by its share of forecast contribution.

    Parameters
    ----------
    rate : (n_pairs,) units per day
    """
    products = facts.scenario.table("products").set_index("product_id")
    names = facts.pairs["product_id"]
    margin = (products["unit_price"] - products["unit_cost"]).clip(lower=0.0)
    value = rate * margin.reindex(names).to_numpy(np.float64)
    by_product = pd.Series(value).groupby(names.to_numpy()).sum()
    ranked = by_product.sort_values(ascending=False, kind="stable")
    before = ranked.cumsum() - ranked
    share = before / max(float(ranked.sum()), 1e-12)
    letter = pd.Series(
        np.select([share < ABC_SHARES[0], share < ABC_SHARES[1]], ["A", "B"], "C"),
        index=ranked.index,
    )
    stated = products["abc_class"].reindex(names).to_numpy(object)
    computed = letter.reindex(names).to_numpy(object)
    letters: Words = np.where(pd.notna(stated), stated, computed)
    return letters


def xyz_classes(mean: Floats, variance: Floats) -> Words:
    """Return X, Y or Z by the variability of a bucket's demand; blank without demand.

    Parameters
    ----------
    mean, variance : (n_pairs, n_buckets) units
    """
    level = mean.mean(axis=1)
    sd = np.sqrt(variance.mean(axis=1))
    ratio = np.divide(sd, level, out=np.full(len(level), np.nan), where=level > 0.0)
    letters = np.select([ratio < XYZ_EDGES[0], ratio < XYZ_EDGES[1]], ["X", "Y"], "Z")
    result: Words = letters.astype(object)
    result[np.isnan(ratio)] = None
    return result
