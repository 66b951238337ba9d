"""What promotions did to demand, and what planned ones will do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.forecasting.panel import Floats
from optimizer.forecasting.prices import uplift_of

Ints = NDArray[np.int64]

PRIOR_BUCKETS = 4.0  # buckets of evidence that weigh as much as what stands above it
PRIOR_UNITS = 20.0  # units on top that the depth would say, with which buckets count half
MOST_UPLIFT = 20.0
MOST_CANNIBALISED = 0.5
UNSTATED_DISCOUNT_PCT = 20.0  # depth of a promotion that states none, when depths are compared
LEAST_SHARE = 0.05  # of a bucket, below which a promotion does not count as running


@dataclass(frozen=True, slots=True)
class Promotion:
    """One promotion, past or planned.

    Attributes
    ----------
    name, category : ids
    sort : kind and channel; promotions of another sort are no evidence
    rows : series that it touches; `losers`: series whose demand it takes
    columns, shares : buckets in which it runs, and the share of each that it runs
    planner : extra demand that the planner expects (1 = twice as much); NaN: not said
    default : extra demand of its discount by elasticity; NaN: no discount stated
    """

    name: str
    category: str
    sort: str
    rows: Ints
    losers: Ints
    columns: Ints
    shares: Floats
    planner: float
    default: float

    @property
    def depth(self) -> float:
        """What its effect is compared by: the default uplift, or that of a usual discount."""
        return self.default if self.default > 0.0 else uplift_of(UNSTATED_DISCOUNT_PCT, -1.5)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What past promotions sold on top of usual, over what their depth would say.

    Attributes
    ----------
    everyone : (3,) float64: units on top, units that the depth would say, buckets
    category : {category: the same}
    product : (3, n_products) the same by product
    """

    everyone: Floats
    category: dict[str, Floats]
    product: Floats


def learn_uplifts(
    promotions: list[Promotion], sales: Floats, usual: Floats, product: Ints
) -> dict[str, Evidence]:
    """Add up what past promotions of each sort did, over all, by category and by product.

    Parameters
    ----------
    sales, usual : (n_buckets, n_series) units; NaN where not known
    product : (n_series,) product of each series
    """
    n_products = int(product.max(initial=0)) + 1
    by_sort: dict[str, Evidence] = {}
    for promotion in promotions:
        within = promotion.columns < len(sales)
        columns, shares = promotion.columns[within], promotion.shares[within]
        if not len(columns):
            continue
        cells = np.ix_(columns, promotion.rows)
        known = ~np.isnan(sales[cells]) & ~np.isnan(usual[cells])
        base = np.where(known, usual[cells], 0.0) * shares[:, None]
        more = np.where(known, sales[cells] - usual[cells], 0.0).sum(axis=0)
        told = base.sum(axis=0) * promotion.depth
        if not told.sum() > 0.0:
            continue
        count = float(shares.sum())
        whole = np.array([more.sum(), told.sum(), count])
        nothing = Evidence(np.zeros(3), {}, np.zeros((3, n_products)))
        found = by_sort.setdefault(promotion.sort, nothing)
        found.everyone[:] += whole
        seen = found.category.setdefault(promotion.category, np.zeros(3))
        seen += whole
        own = product[promotion.rows]
        np.add.at(found.product[0], own, more)
        np.add.at(found.product[1], own, told)
        found.product[2, np.unique(own)] += count
    return by_sort


def uplift(promotion: Promotion, evidence: Evidence | None, product: Ints) -> tuple[Floats, str]:
    """Return the extra demand that a promotion brings each of its series, and where from.

    What was seen is drawn towards the planner's number, else the default of the discount, else
    nothing: the product's own evidence through its category's through that of all.

    Parameters
    ----------
    product : (n_series,) product of each series

    Returns
    -------
    uplift : (n_rows,) float64, 1 = twice as much; rule : history, planner, elasticity or default
    """
    said = not np.isnan(promotion.planner)
    towards, rule = 0.0, "default"
    if said:
        towards, rule = promotion.planner / promotion.depth, "planner"
    elif not np.isnan(promotion.default):
        towards, rule = promotion.default / promotion.depth, "elasticity"
    multiple = np.full(len(promotion.rows), towards)
    if evidence is None:
        return np.clip(multiple * promotion.depth, -1.0, MOST_UPLIFT), rule
    if not said:
        multiple = _drawn(multiple, evidence.everyone[:, None])
    seen = evidence.category.get(promotion.category, np.zeros(3))
    multiple = _drawn(multiple, seen[:, None])
    own = evidence.product[:, product[promotion.rows]]
    multiple = _drawn(multiple, own)
    if (own[1] > 0.0).any() or seen[1] > 0.0 or (not said and evidence.everyone[1] > 0.0):
        rule = "history"
    return np.clip(multiple * promotion.depth, -1.0, MOST_UPLIFT), rule


def _drawn(towards: Floats, seen: Floats) -> Floats:
    """Draw what was seen (units on top, units told, buckets) towards what stands above it."""
    more, told, count = seen
    own = np.divide(more, told, out=np.zeros_like(more), where=told > 0.0)
    count = count * told / (told + PRIOR_UNITS)
    found: Floats = (count * np.maximum(own, 0.0) + PRIOR_BUCKETS * towards) / (
        count + PRIOR_BUCKETS
    )
    return found


def learn_cannibalised(promotions: list[Promotion], sales: Floats, usual: Floats) -> float:
    """Return the share of demand that flagged promotions took from others, drawn towards none."""
    lost, exposed, count = 0.0, 0.0, 0.0
    for promotion in promotions:
        within = promotion.columns < len(sales)
        columns, shares = promotion.columns[within], promotion.shares[within]
        if not len(columns) or not len(promotion.losers):
            continue
        cells = np.ix_(columns, promotion.losers)
        known = ~np.isnan(sales[cells]) & ~np.isnan(usual[cells])
        lost += float(np.where(known, usual[cells] - sales[cells], 0.0).sum())
        exposed += float((np.where(known, usual[cells], 0.0) * shares[:, None]).sum())
        count += float(shares.sum())
    if not exposed > 0.0:
        return 0.0
    share = lost / exposed * count / (count + PRIOR_BUCKETS)
    return float(np.clip(share, 0.0, MOST_CANNIBALISED))


def planned_table(rows: list[tuple[str, float, str]]) -> pd.DataFrame:
    """Return promotion_id, uplift, rule of promotions ahead."""
    return pd.DataFrame(rows, columns=["promotion_id", "uplift", "rule"])
