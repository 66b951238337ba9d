"""Demand, costs and order terms of each product-location over its own reorder interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from optimizer.replenishment.demand.calibration import CLASSES, volume_class
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.grid import CycleCosts
from optimizer.replenishment.policies.laws import DemandLaw, Flags, Floats
from optimizer.replenishment.targets import wishes


@dataclass(frozen=True, slots=True)
class Intervals:
    """What a reorder rule of each pair is made from; fed pairs are counted at their root.

    A pair that is bought (or cannot be) covers its protection interval; one that another site
    feeds covers review_days + transit.

    Attributes
    ----------
    law, lead, period : demand over the whole interval, over its lead time, over one review
    holding, shortage : (n,) money per unit left over or short at the end of a review period;
        where the past was replayed, the shortage cost that the replayed fractile stands for
    order : (n,) money per order of the primary option, as though the product came alone
    least, multiple : (n,) units, MOQ and order multiple of the primary option
    """

    law: DemandLaw
    lead: DemandLaw
    period: DemandLaw
    holding: Floats
    shortage: Floats
    order: Floats
    least: Floats
    multiple: Floats

    def costs(self, rows: NDArray[np.intp]) -> CycleCosts:
        """Return the costs of some pairs."""
        return CycleCosts(
            self.law.take(rows),
            self.period.take(rows),
            self.holding[rows],
            self.shortage[rows],
            self.order[rows],
        )


def _replayed_shortage(facts: Facts, mean: Floats, holding: Floats) -> Floats:
    """Return the shortage cost at which the fractile of theory is the replayed one, (n,) money.

    p' = h t / (1 - t), t = F(F^-1(p / (p + h)) + shift of the pair's volume class). A cost that a
    target of the planner implies stays.
    """
    stated = facts.pairs["shortage_cost"].to_numpy(np.float64)
    shifts = np.zeros(len(CLASSES))
    for name, shift in zip(
        facts.calibration.get("segment", ()), facts.calibration.get("shift", ()), strict=True
    ):
        shifts[CLASSES.index(str(name))] = float(shift)
    moved = np.where(wishes(facts.scenario, facts.pairs), 0.0, shifts[volume_class(mean)])
    at = (moved != 0.0) & (stated > 0.0) & (holding > 0.0)
    fractile = np.divide(stated, stated + holding, out=np.full(len(stated), 0.5), where=at)
    replayed = ndtr(ndtri(fractile) + moved)
    result: Floats = np.where(at, holding * replayed / (1.0 - replayed), stated)
    return result


def is_fed(facts: Facts) -> Flags:
    """Return the pairs that another site feeds."""
    fed: Flags = ~facts.counted
    return fed


def read_intervals(facts: Facts) -> Intervals:
    """Read every pair's interval from the facts."""
    pairs = facts.pairs
    fed = is_fed(facts)
    review = pairs["review_days"].to_numpy(np.float64)
    wait = np.where(fed, pairs["transit_days"], pairs["lead_days"]).astype(np.float64)
    spread = np.where(fed, 0.0, pairs["lead_variance"]).astype(np.float64)
    mean, plain = demand_in(facts, wait + review)
    lead_mean, lead_plain = demand_in(facts, wait)
    law = DemandLaw.of(mean, np.sqrt(plain + _rate(mean, wait + review) ** 2 * spread))
    lead = DemandLaw.of(lead_mean, np.sqrt(lead_plain + _rate(lead_mean, wait) ** 2 * spread))
    period = DemandLaw.of(
        np.maximum(mean - lead_mean, 0.0), np.sqrt(np.maximum(plain - lead_plain, 0.0))
    )
    order, least, multiple = _terms(facts)
    holding = pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * review
    return Intervals(
        law,
        lead,
        period,
        holding,
        _replayed_shortage(facts, mean, holding),
        order,
        least,
        multiple,
    )


def demand_in(facts: Facts, days: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of demand in the first days of each pair, (n,) units.

    A root takes the demand of the pairs it feeds over its own days and those on the road to them.
    """
    pairs = facts.pairs
    rows, root = pairs["forecast_row"].to_numpy(np.int64), pairs["root"].to_numpy(np.int64)
    fed, count = is_fed(facts), len(pairs)
    own_mean, own_variance = facts.forecast.over(rows, days)
    if not fed.any():
        return own_mean, own_variance
    mean, variance = facts.forecast.over(rows, days[root] + pairs["road_days"].to_numpy(np.float64))
    joined_mean = np.bincount(root, mean, minlength=count).astype(np.float64)
    joined_variance = np.bincount(root, variance, minlength=count).astype(np.float64)
    return np.where(fed, own_mean, joined_mean), np.where(fed, own_variance, joined_variance)


def _rate(mean: Floats, days: Floats) -> Floats:
    rate: Floats = np.divide(mean, days, out=np.zeros(len(mean)), where=days > 0.0)
    return rate


def _terms(facts: Facts) -> tuple[Floats, Floats, Floats]:
    """Return order cost, MOQ and multiple of each pair's primary option; 0, 1, 1 without one."""
    count = len(facts.pairs)
    order, least, multiple = np.zeros(count), np.ones(count), np.ones(count)
    primary = facts.offers[facts.offers["primary"]]
    at = primary["pair"].to_numpy(np.int64)
    order[at] = primary["order_cost"].to_numpy(np.float64)
    multiple[at] = primary["order_multiple"].to_numpy(np.float64)
    least[at] = np.maximum(primary["moq"].to_numpy(np.float64), multiple[at])
    return order, least, multiple
