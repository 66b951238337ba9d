"""Prices of what products share, and the lower bound that any prices prove.

The bound is a sum of closed forms (README.md): it does not matter who found the prices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from optimizer.allocation.positioning.costs import expected_short
from optimizer.allocation.positioning.problem import Floats, Problem

ROUNDING = 1e-11  # of the sum of absolute terms: what adding up may lose
FAR = 40.0  # standard deviations


@dataclass(frozen=True, slots=True)
class Prices:
    """Multipliers.

    Attributes
    ----------
    row : (n_rows,) money per unit of room, >= 0
    by_kg : (n_lanes,) 0..1, part of a shipment's cost that is charged by kg, the rest by m3
    first : (n_pairs, n_sites) 0..1, part of the split cost that is charged to the first product
    opening : (n_lanes,) 0..1, part of a shipment's cost that the first unit on a lane pays
    spread : (n_products, n_lanes) >= 0, how the products share that; (0, 0) while nothing opens
    """

    row: Floats
    by_kg: Floats
    first: Floats
    opening: Floats
    spread: Floats

    @classmethod
    def zero(cls, problem: Problem) -> Prices:
        """Return prices to start from."""
        lanes, together = problem.lanes, problem.together
        by_kg = np.where(np.isfinite(lanes.trip_kg), 0.5, 0.0)
        by_kg[np.isfinite(lanes.trip_kg) & ~np.isfinite(lanes.trip_m3)] = 1.0
        units, kg, m3 = lanes.carried
        filled = np.maximum(kg / lanes.trip_kg, m3 / lanes.trip_m3)
        opening = np.where((units > 0.0) & (filled < 1.0), 1.0, 0.0)  # its trip is paid for
        shape = together.cost.shape
        return cls(
            np.zeros(len(problem.rows.room)),
            by_kg,
            np.full(shape, 0.5),
            opening,
            np.zeros((0, 0)),
        )


def lane_costs(problem: Problem, prices: Prices) -> tuple[Floats, Floats, Floats]:
    """Return money per unit, kg and m3 on each lane, shares of shipments and rows included."""
    lanes, rows = problem.lanes, problem.rows
    trip = lanes.trip_cost * (1.0 - prices.opening)
    per_kg = lanes.per_kg + lanes.co2 + trip * prices.by_kg / lanes.trip_kg
    per_m3 = lanes.per_m3 + trip * (1.0 - prices.by_kg) / lanes.trip_m3
    unit = lanes.per_unit + lanes.handling + prices.row @ rows.units
    return unit, per_kg + prices.row @ rows.kg, per_m3 + prices.row @ rows.m3


def here_cost(problem: Problem, prices: Prices, least: Floats) -> Floats:
    """Return money per unit that the own site cannot serve, (n_products, n_sites)."""
    together = problem.together
    shares = np.zeros(problem.shape)
    np.add.at(shares, together.first, together.cost * prices.first)
    np.add.at(shares, together.second, together.cost * (1.0 - prices.first))
    wanted = problem.mean > 0.0
    cost: Floats = least + np.divide(
        shares, problem.mean, out=np.zeros(problem.shape), where=wanted
    )
    return cost


def opening_charges(problem: Problem, prices: Prices, here: Floats, least: Floats) -> Floats:
    """Return money per unit for opening lanes, (n_products, n_lanes); infinite: of no use there.

    A lane pays the opening part of a trip once, however little it carries, and what a decision has
    put aboard pays it alone. No plan that is best at
    these prices moves more than `useful_units` of a product, so charging spread / useful units of
    that part to every unit charges at most all of it. (0, 0) while nothing opens.
    """
    if not prices.spread.size:
        return np.where(problem.barred, np.inf, 0.0)
    charges = np.full(prices.spread.shape, np.inf)
    unit, per_kg, per_m3 = lane_costs(problem, prices)
    for a in range(len(problem.lanes)):
        cost = unit[a] + per_kg[a] * problem.kg + per_m3[a] * problem.m3
        useful = useful_units(problem, a, cost, here, least)
        share = np.where(useful > 0.0, prices.spread[:, a], 0.0)
        whole = float(share.sum())
        if whole <= 0.0:
            share, whole = (useful > 0.0).astype(np.float64), float((useful > 0.0).sum())
        paid = problem.lanes.trip_cost[a] * prices.opening[a] / max(whole, 1e-300)
        if problem.lanes.carried[0, a] > 0.0:
            paid = 0.0  # what is aboard has paid it
        np.divide(share * paid, useful, out=charges[:, a], where=useful > 0.0)
    return charges


def useful_units(problem: Problem, lane: int, cost: Floats, here: Floats, least: Floats) -> Floats:
    """Return the most units of each product that may be worth their cost on a lane, (n_products,).

    A unit that comes on top of what its goal then has is worth at most what the region would lose
    without it; where that is less than its cost on the lane, less what keeping it at its origin
    costs, leaving it there is no dearer.

    Parameters
    ----------
    cost : (n_products,) money per unit on the lane, prices of what is shared included
    """
    i, j = problem.lanes.origin[lane], problem.lanes.destination[lane]
    worth = here[:, j] + problem.holding[:, j] + problem.shortage[:, j] - least[:, j]
    ratio = np.divide(
        cost - problem.holding[:, i] + problem.holding[:, j],
        worth,
        out=np.ones(len(worth)),
        where=worth > 0.0,
    )
    deviations = np.clip(-ndtri(np.clip(ratio, 0.0, 1.0)), -FAR, FAR)
    level = problem.mean[:, j] + problem.sd[:, j] * deviations
    most = problem.free[:, i].astype(np.float64)
    useful = np.clip(np.ceil(level - problem.fixed[:, j] + 1e-9), 0.0, most)
    useful = np.where(ratio >= 1.0, 0.0, np.where(ratio <= 0.0, most, useful))
    units: Floats = np.where(problem.in_time(lane), useful, 0.0)
    return units


@dataclass(frozen=True, slots=True)
class Bound:
    """A proven lower bound.

    Attributes
    ----------
    value : money
    movable : (n_products, n_sites) money that one more movable unit would save at most
    """

    value: float
    movable: Floats


def lower_bound(problem: Problem, prices: Prices, value_here: Floats, value: Floats) -> Bound:
    """Return what no plan can cost less than.

    Parameters
    ----------
    value_here, value : (n_products, n_sites) money per unit, any; those of cheapest flows at the
        prices are best
    """
    least, beyond = problem.across()
    here = here_cost(problem, prices, least)
    lanes = problem.lanes
    unit, per_kg, per_m3 = lane_costs(problem, prices)
    charges = opening_charges(problem, prices, here, least)
    movable = value_here.copy()
    for a in range(len(lanes)):
        i, j = lanes.origin[a], lanes.destination[a]
        gain = value_here[:, j] - (unit[a] + per_kg[a] * problem.kg + per_m3[a] * problem.m3)
        if charges.size:
            gain -= charges[:, a]
        gain[~problem.in_time(a)] = -np.inf
        np.maximum(movable[:, i], gain, out=movable[:, i])
    for i in range(problem.shape[1]):
        gain = (value - beyond[:, i, :]).max(axis=1)
        np.maximum(movable[:, i], gain, out=movable[:, i])
    movable = np.where(problem.free > 0, movable, 0.0)
    most = problem.free.sum(axis=1, keepdims=True).astype(np.float64)
    holding, total = problem.holding, problem.holding + problem.shortage - least
    parts = (
        -movable * problem.free,
        -value_here * problem.fixed,
        _least(problem, most, here, value_here - value),
        _least(problem, most, total, holding + value) - holding * problem.mean,
    )
    rows = prices.row * problem.rows.room
    aboard = trips_aboard(problem, prices)
    sizes = sum(float(np.abs(part).sum()) for part in parts) + float(rows.sum()) + aboard
    total_value = sum(float(part.sum()) for part in parts) - float(rows.sum()) + aboard
    return Bound(total_value - ROUNDING * sizes, movable)


def trips_aboard(problem: Problem, prices: Prices) -> float:
    """Return money for the parts of trips that are charged to what decisions have put aboard."""
    lanes = problem.lanes
    units, kg, m3 = lanes.carried
    filled = prices.by_kg * kg / lanes.trip_kg + (1.0 - prices.by_kg) * m3 / lanes.trip_m3
    opened = prices.opening * (units > 0.0)
    return float((lanes.trip_cost * ((1.0 - prices.opening) * filled + opened)).sum())


def _least(problem: Problem, most: Floats, short_cost: Floats, slope: Floats) -> Floats:
    """Return the least of short_cost E[(D - level)+] + slope level over levels fixed + 0 .. most.

    Levels are whole units above `fixed`; the function is convex, so the two whole levels beside
    its real minimum are tried.
    """
    ratio = np.divide(slope, short_cost, out=np.ones(problem.shape), where=short_cost > 0.0)
    inside = (ratio > 0.0) & (ratio < 1.0)
    deviations = np.clip(-ndtri(np.where(inside, ratio, 0.5)), -FAR, FAR)
    best = problem.mean + problem.sd * deviations - problem.fixed
    best = np.where(ratio <= 0.0, most, np.where(ratio >= 1.0, 0.0, best))
    best = np.where((short_cost <= 0.0) & (slope < 0.0), most, best)
    low = np.clip(np.floor(best), 0.0, most)
    high = np.minimum(low + 1.0, most)
    costs = [
        short_cost * expected_short(problem.fixed + level, problem.mean, problem.sd)
        + slope * (problem.fixed + level)
        for level in (low, high)
    ]
    smallest: Floats = np.minimum(*costs)
    return smallest
