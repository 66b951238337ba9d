"""Prices of customers by subgradient steps: cheap and good where the relaxation is large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.network.duals import Prices
from optimizer.allocation.network.effort import CELLS_PER_WORK, Effort
from optimizer.allocation.network.problem import FacilityProblem, Flags, Floats

PATIENCE = 8  # steps without a better bound before the step shrinks
SHRINK = 0.7
MEMORY = 0.9  # of the running mean of what is opened and served
LEAST_STEP = 1e-4
GUESS = 0.05  # how far above the bound the optimum is taken to be without a solution


@dataclass(frozen=True, slots=True)
class Ascent:
    """Where the steps ended.

    Attributes
    ----------
    prices : the best ones seen
    opened : (m,) running mean of how far each site is opened
    share : (m, n) running mean of what each serves
    steps : taken
    """

    prices: Prices
    opened: Floats
    share: Floats
    steps: int


def ascend(
    problem: FacilityProblem,
    start: Floats,
    target: float | None,
    steps: int,
    allowed: Flags,
    effort: Effort,
) -> Ascent:
    """Step along unmet demand (Held, Wolfe and Crowder 1974), remembering the best prices.

    Parameters
    ----------
    start : (n,) first prices of the customers
    target : a cost that the bound will not pass, as the cost of a solution; None: 5 % above
        the best bound seen
    allowed : (m,) sites that may open
    """
    lam = start.copy()
    best, best_prices = -np.inf, None
    scale, stuck = 1.0, 0
    opened = np.zeros(problem.shape[0])
    share = np.zeros(problem.shape)
    step = 0
    for step in range(1, steps + 1):
        gain, served, site_price = _knapsacks(problem, lam, allowed)
        value, chosen, total, count = _choose_sites(problem, gain, allowed)
        bound = float(lam.sum()) + value
        if bound > best + 1e-7 * abs(bound):
            best, stuck = bound, 0
            best_prices = Prices(lam.copy(), site_price, total, count)
        else:
            stuck += 1
            if stuck >= PATIENCE:
                scale, stuck = scale * SHRINK, 0
        weight = 1.0 if step == 1 else 1.0 - MEMORY
        now = served * chosen[:, None]
        opened += weight * (chosen - opened)
        share += weight * (now - share)
        unmet = 1.0 - now.sum(axis=0)
        size = float(unmet @ unmet)
        effort.add(int(allowed.sum()) * problem.shape[1] / CELLS_PER_WORK)
        if size <= 1e-12 or scale < LEAST_STEP or effort.over():
            break
        aim = best + GUESS * abs(best) if target is None else target
        ahead = max(aim - bound, 1e-5 * abs(bound))
        lam = lam + scale * ahead / size * unmet
    if best_prices is None:
        best_prices = Prices(lam, np.zeros(problem.shape[0]), 0.0, 0.0)
    return Ascent(best_prices, opened, share, step)


def first_prices(problem: FacilityProblem) -> Floats:
    """Return the second least cost of serving each customer, a share of fixed cost included."""
    rate = problem.fixed_cost / np.maximum(problem.capacity, 1e-9)
    cost = problem.serve_cost + rate[:, None] * problem.demand[None, :]
    place = min(1, len(cost) - 1)
    second: Floats = np.partition(cost, place, axis=0)[place]
    least = cost.min(axis=0)
    return np.where(np.isfinite(second), second, np.where(np.isfinite(least), least, 0.0))


def _knapsacks(
    problem: FacilityProblem, lam: Floats, allowed: Flags
) -> tuple[Floats, Floats, Floats]:
    """Fill each site with the customers that pay most per unit, the last one in part.

    Returns
    -------
    gain : (m,) at most 0
    served : (m, n) share of each customer taken
    price : (m,) what the last unit of capacity earned
    """
    reduced = problem.serve_cost - lam[None, :]
    m = len(reduced)
    gain, price = np.zeros(m), np.zeros(m)
    served = np.zeros_like(reduced)
    demand = problem.demand
    for site in np.flatnonzero(allowed):
        row = reduced[site]
        wanted = np.flatnonzero(row < 0.0)
        if not len(wanted):
            continue
        units = demand[wanted]
        room = problem.capacity[site]
        filled = units.sum()
        if filled <= room:
            served[site, wanted] = 1.0
            gain[site] = row[wanted].sum()
            continue
        with np.errstate(divide="ignore"):
            ratio = np.where(units > 0.0, row[wanted] / np.where(units > 0.0, units, 1.0), -np.inf)
        order = np.argsort(ratio, kind="stable")
        units = units[order]
        before = np.cumsum(units) - units
        part = np.where(
            units > 0.0, np.clip((room - before) / np.where(units > 0.0, units, 1.0), 0.0, 1.0), 1.0
        )
        served[site, wanted[order]] = part
        gain[site] = float(row[wanted[order]] @ part)
        last = int(np.argmax(part < 1.0))
        price[site] = max(0.0, -float(ratio[order[last]]))
    return gain, served, price


def _choose_sites(
    problem: FacilityProblem, gain: Floats, allowed: Flags
) -> tuple[float, Floats, float, float]:
    """Open sites at least cost so that all demand has room, or so that there are enough of them.

    Both conditions relax the problem; the one that costs more is the better bound.

    Returns
    -------
    value : money
    chosen : (m,) y, 0..1
    total, count : price of a unit of room, and of a site
    """
    worth = problem.fixed_cost + gain
    wanted = ((worth < 0.0) & allowed).astype(np.float64)
    wanted[problem.must_open] = 1.0
    rest = np.flatnonzero((wanted == 0.0) & allowed & (problem.capacity > 0.0))
    number = int(wanted.sum())
    if number > problem.most_sites:
        free = np.flatnonzero((wanted > 0.0) & ~problem.must_open)
        dearest = free[np.argsort(-worth[free], kind="stable")][: number - problem.most_sites]
        wanted[dearest] = 0.0
        return float(worth @ wanted), wanted, 0.0, float(worth[dearest].min(initial=0.0))
    by_room, by_count = wanted, wanted.copy()
    total = count = 0.0
    missing = problem.total_demand - float(problem.capacity @ wanted)
    if missing > 0.0 and len(rest):
        by_room = wanted.copy()
        rate = worth[rest] / problem.capacity[rest]
        order = np.argsort(rate, kind="stable")
        room = problem.capacity[rest[order]]
        part = np.clip((missing - (np.cumsum(room) - room)) / room, 0.0, 1.0)
        by_room[rest[order]] = part
        total = max(0.0, float(rate[order[np.flatnonzero(part > 0.0)[-1]]]))
    lacking = problem.fewest_sites() - number
    if lacking > 0 and len(rest):
        cheapest = rest[np.argsort(worth[rest], kind="stable")][:lacking]
        by_count[cheapest] = 1.0
        count = max(0.0, float(worth[cheapest[-1]]))
    value_room, value_count = float(worth @ by_room), float(worth @ by_count)
    if value_count >= value_room:
        return value_count, by_count, 0.0, count
    return value_room, by_room, total, 0.0
