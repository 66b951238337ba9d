"""Lot sizing with set-up times and one capacity: the core without packs, in continuous lots.

Quantities are continuous, demand must be met and a set-up takes time of the shared capacity. An
item plan at prices of capacity is Wagner and Whitin's: a lot covers whole demands up to the next
one. It is a module of its own because those plans need no stock levels and no whole units; the
master is the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replenishment.buyer.problem import Flags, Floats


@dataclass(frozen=True, slots=True)
class SetupProblem:
    """Items made on one resource (Trigeiro, Thomas and McClain 1989).

    Attributes
    ----------
    capacity : (n_periods,) time units
    unit_time, setup_time : (n_items,) time units
    holding, setup_cost : (n_items,) money per unit of closing stock and period; money per set-up
    demand : (n_items, n_periods) float64, units
    """

    capacity: Floats
    unit_time: Floats
    setup_time: Floats
    holding: Floats
    setup_cost: Floats
    demand: Floats

    def cost(self, made: Floats) -> float:
        """Return money of set-ups and closing stock of a production plan."""
        stock = np.maximum(np.cumsum(made - self.demand, axis=1), 0.0)
        return float((self.setup_cost @ (made > 0.0)).sum() + (self.holding @ stock).sum())

    def used(self, made: Floats) -> Floats:
        """Return time used by period, (n_periods,)."""
        time: Floats = self.unit_time @ made + self.setup_time @ (made > 0.0)
        return time

    def feasible(self, made: Floats, tolerance: float = 1e-7) -> bool:
        """Say whether a plan meets demand within capacity."""
        slack = tolerance * (1.0 + self.demand.sum(axis=1, keepdims=True))
        enough = np.cumsum(made - self.demand, axis=1) >= -slack
        fits = self.used(made) <= self.capacity * (1.0 + tolerance)
        return bool(enough.all() and fits.all() and (made >= 0.0).all())


@dataclass(frozen=True, slots=True)
class LotPlans:
    """The cheapest plan of each item in each case.

    Attributes
    ----------
    value : (n_cases, n_items) money at the prices
    setups : (n_cases, n_items, n_periods) bool
    """

    value: Floats
    setups: Flags


def lot_plans(
    problem: SetupProblem, price: Floats, forced: Flags | None = None, barred: Flags | None = None
) -> LotPlans:
    """Return Wagner and Whitin's plans at prices of capacity, for many cases at once.

    Parameters
    ----------
    price : (n_cases, n_periods) >= 0, money per time unit
    forced, barred : (n_cases, n_items, n_periods) set-ups that must be, or must not be; demand that
        only barred periods could make gives an infinite value
    """
    demand, periods = problem.demand, problem.demand.shape[1]
    cases, items = len(price), len(demand)
    shape = (cases, items)
    setup = problem.setup_cost[None, :, None] + problem.setup_time[None, :, None] * price[:, None]
    open_cost = np.where(barred, np.inf, setup) if barred is not None else setup
    make = problem.unit_time[None, :, None] * price[:, None]
    must = np.zeros((*shape, periods)) if forced is None else np.where(forced, setup, 0.0)
    value = np.full((*shape, periods + 1), np.inf)
    begun = np.zeros((*shape, periods + 1), np.int64)
    value[:, :, 0] = 0.0
    running = np.full((*shape, periods), np.inf)
    idle = np.zeros((*shape, periods))  # forced set-ups within the lot that make nothing
    for end in range(periods):
        wanted = demand[:, end]
        running[:, :, end] = value[:, :, end] + open_cost[:, :, end]
        age = np.arange(end, -1, -1.0)
        each = make[:, :, : end + 1] + problem.holding[None, :, None] * age
        running[:, :, : end + 1] += wanted[None, :, None] * each
        if forced is not None and end:
            idle[:, :, :end] += must[:, :, end][:, :, None]
        cost = running[:, :, : end + 1] + idle[:, :, : end + 1]
        at = np.argmin(cost, axis=2)
        best = np.take_along_axis(cost, at[:, :, None], axis=2)[:, :, 0]
        # nothing is wanted: the period may also stand outside any lot
        skip = np.where(wanted[None, :] == 0.0, value[:, :, end] + must[:, :, end], np.inf)
        value[:, :, end + 1] = np.minimum(best, skip)
        begun[:, :, end + 1] = np.where(skip <= best, -1, at)
    setups = np.zeros((*shape, periods), bool) if forced is None else forced.copy()
    at = np.full(shape, periods)
    case, item = np.indices(shape)
    for _ in range(periods):
        live = at > 0
        first = begun[case, item, at]
        lot = live & (first >= 0)
        setups[case[lot], item[lot], first[lot]] = True
        at = np.where(live, np.where(first >= 0, first, at - 1), 0)
    return LotPlans(value[:, :, periods], setups)


def lot_quantities(demand: Floats, setups: Flags) -> Floats:
    """Return production that covers demand up to the next set-up, (..., n_periods) units.

    Parameters
    ----------
    demand : (n_items, n_periods); setups: (n_items, n_periods) bool
    """
    made = np.zeros_like(demand)
    waiting = np.zeros(len(demand))
    for period in range(demand.shape[1] - 1, -1, -1):
        waiting = waiting + demand[:, period]
        made[:, period] = np.where(setups[:, period], waiting, 0.0)
        waiting = np.where(setups[:, period], 0.0, waiting)
    return made
