"""How sure an uplift is: what past promotions of its sort did, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from scipy import special

from optimizer.forecasting.effects import product_codes, read_movers, yardstick
from optimizer.forecasting.panel import Floats
from optimizer.forecasting.problem import read_history
from optimizer.forecasting.promotions import (
    Promotion,
    learn_cannibalised,
    learn_uplifts,
    uplift,
)
from scenarios import NotFound, Scenario

FEWEST_PAST: Final = 3  # promotions, below which their spread says nothing
LEAST_SEEN: Final = -0.9  # of an uplift, so that a week without a sale has a logarithm
SURE: Final = 0.8  # that the next promotion's uplift lies between low and high


@dataclass(frozen=True, slots=True)
class PastPromotion:
    """What a promotion that is over did: extra demand over usual demand."""

    promotion_id: str
    sort: str
    usual_units: float
    extra_units: float

    @property
    def uplift(self) -> float:
        """Extra demand, 1 = twice as much."""
        return self.extra_units / self.usual_units


@dataclass(frozen=True, slots=True)
class Expected:
    """What a promotion ahead brings.

    Attributes
    ----------
    goods : product_id, location_id, uplift (1 = twice as much) of the series that it touches
    shares : bucket (0 is the first of the horizon), share of it that the promotion runs
    uplift : mean of the goods, by usual demand
    low, high : the same, between which the next one lies with probability SURE; None: not known
    rule : history, planner, elasticity or default
    past : promotions that tell how far uplifts spread
    same_sort : those are of the same kind and channel; else of any
    losers : product_id, location_id of the series whose demand it takes
    taken : share of their demand; None: no past promotion tells
    """

    goods: pd.DataFrame
    shares: pd.DataFrame
    uplift: float
    low: float | None
    high: float | None
    rule: str
    past: tuple[PastPromotion, ...]
    same_sort: bool
    losers: pd.DataFrame
    taken: float | None


def expected_uplift(scenario: Scenario, promotion_id: str) -> Expected:
    """Return what the history and the planner say of a promotion in the horizon.

    1 + low and 1 + high are (1 + expected) x exp(-+ t s sqrt(1 + 1/n)), with s the standard
    deviation of log((1 + seen) / (1 + told)) of n past promotions, told being what their depth
    says at the multiple of them all, and t Student's with n - 1 degrees of freedom: the interval in
    which the next one of a normal sample lies.

    Raises
    ------
    NotFound
        No demand is known of what the promotion touches, or it does not run in the horizon.
    """
    history = read_history(scenario)
    horizon, n_known = scenario.settings.horizon_buckets, history.sales.shape[1]
    movers = read_movers(scenario, history, horizon)
    named = [one for one in movers.promotions if one.name == promotion_id]
    if not named or not (named[0].columns >= n_known).any():
        raise NotFound(
            f"nothing is known of promotion {promotion_id!r}: it touches no product with demand"
            " history in the horizon"
        )
    one = named[0]
    sales, usual, _ = yardstick(movers, history, n_known)
    product = product_codes(history)
    evidence = learn_uplifts(movers.promotions, sales, usual, product)
    lift, rule = uplift(one, evidence.get(one.sort), product)
    past = [(_past(p, sales, usual), p.depth) for p in movers.promotions if p is not one]
    told = [(found, depth) for found, depth in past if found is not None]
    same = [(found, depth) for found, depth in told if found.sort == one.sort]
    used = same if len(same) >= FEWEST_PAST else told
    weight = np.nan_to_num(usual[-1, one.rows]) if n_known else np.zeros(len(one.rows))
    mean = float(lift @ weight / weight.sum()) if weight.sum() > 0.0 else float(lift.mean())
    low, high = _spread(used, mean)
    ahead = one.columns >= n_known
    seen = any(len(p.losers) and (p.columns < n_known).any() for p in movers.promotions)
    keys = history.keys[["product_id", "location_id"]]
    return Expected(
        goods=keys.iloc[one.rows].reset_index(drop=True).assign(uplift=lift),
        shares=pd.DataFrame({"bucket": one.columns[ahead] - n_known, "share": one.shares[ahead]}),
        uplift=mean,
        low=low,
        high=high,
        rule=rule,
        past=tuple(found for found, _ in used),
        same_sort=used is same,
        losers=keys.iloc[one.losers].reset_index(drop=True),
        taken=learn_cannibalised(movers.promotions, sales, usual) if seen else None,
    )


def _past(one: Promotion, sales: Floats, usual: Floats) -> PastPromotion | None:
    """Return what a promotion did in the buckets behind; None where nothing is known of it."""
    within = one.columns < len(sales)
    cells = np.ix_(one.columns[within], one.rows)
    known = ~np.isnan(sales[cells]) & ~np.isnan(usual[cells])
    base = float((np.where(known, usual[cells], 0.0) * one.shares[within][:, None]).sum())
    if not base > 0.0:
        return None
    more = float(np.where(known, sales[cells] - usual[cells], 0.0).sum())
    return PastPromotion(one.name, one.sort, base, more)


def _spread(
    used: list[tuple[PastPromotion, float]], mean: float
) -> tuple[float | None, float | None]:
    """Return the uplifts between which the next one lies; None where too few are past."""
    n = len(used)
    if n < FEWEST_PAST:
        return None, None
    seen = np.array([found.uplift for found, _ in used])
    usual = np.array([found.usual_units for found, _ in used])
    depth = np.array([deep for _, deep in used])
    multiple = max(float(seen @ usual) / float(depth @ usual), 0.0)
    errors = np.log((1.0 + np.maximum(seen, LEAST_SEEN)) / (1.0 + multiple * depth))
    width = float(special.stdtrit(n - 1, 0.5 + SURE / 2.0)) * float(np.std(errors, ddof=1))
    part = float(np.exp(width * np.sqrt(1.0 + 1.0 / n)))
    return (1.0 + mean) / part - 1.0, (1.0 + mean) * part - 1.0
