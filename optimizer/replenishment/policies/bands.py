"""Optimal (s, S) policies: at or under s at a review, order up to S.

The cost of a policy with S - s = n cells is c = (K + sum_{j<n} m_j G(S - j)) / M_n, with m the
renewal density of one period's demand and M_n = sum_{j<n} m_j (Zheng & Federgruen 1991, equations
3-6). Where their algorithm walks through the levels pair by pair, here every (s, S) within the grid
is priced, for a batch of pairs at once: the same optimum, and no path that depends on the data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replenishment.policies.grid import CycleCosts, Grid, grids
from optimizer.replenishment.policies.laws import DemandLaw, Floats, Ints


@dataclass(frozen=True, slots=True)
class Bands:
    """Parameters (s, S) of each pair.

    Attributes
    ----------
    low : (n,) units: at or under it an order is placed (s)
    high : (n,) units: what the order lifts the position to (S)
    cost : (n,) money a period
    step : (n,) units by which levels were tried; 1: the optimum over all whole levels
    """

    low: Floats
    high: Floats
    cost: Floats
    step: Floats


def best_bands(costs: CycleCosts, least: Floats) -> Bands:
    """Return the (s, S) of least cost, (n,) pairs; all means and costs above 0.

    Parameters
    ----------
    least : (n,) units, smallest S - s (MOQ); as far as the grid of levels reaches

    Source: Zheng & Federgruen (1991), Operations Research 39(4).
    """
    count = len(costs.order)
    low, high, cost, step = np.zeros(count), np.zeros(count), np.zeros(count), np.ones(count)
    for grid in grids(costs):
        rows, part = grid.rows, costs.take(grid.rows)
        found, place, span = _cheapest(grid, part, least[rows])
        each = np.arange(len(rows))
        high[rows] = grid.level[each, place]
        low[rows] = high[rows] - span * grid.step
        cost[rows], step[rows] = found, grid.step
    return Bands(low, high, cost, step)


def _cheapest(grid: Grid, costs: CycleCosts, least: Floats) -> tuple[Floats, Ints, Floats]:
    """Return least cost, column of S, and S - s in cells, of each pair of a batch."""
    width = grid.level.shape[1]
    density = renewals(costs.period, grid.step, width)
    spent = np.repeat(costs.order[:, None], width, axis=1)
    time = np.zeros(len(least))
    best = np.full(len(least), np.inf)
    place, span = np.zeros(len(least), np.int64), np.ones(len(least))
    each = np.arange(len(least))
    most = np.minimum(np.ceil(least / grid.step), width)
    for cells in range(1, width + 1):
        weight = density[:, cells - 1]
        # column S uses G(S - cells + 1): S from cells - 1 on
        spent[:, cells - 1 :] += weight[:, None] * grid.cost[:, : width - cells + 1]
        time += weight
        column = spent[:, cells - 1 :].argmin(axis=1) + cells - 1
        cost = spent[each, column] / time
        better = (cost < best * (1.0 - 1e-12)) & (cells >= most)
        best = np.where(better, cost, best)
        place = np.where(better, column, place)
        span = np.where(better, float(cells), span)
    return best, place, span


def renewals(period: DemandLaw, step: Floats, count: int) -> Floats:
    """Return the renewal density of demand per period, (n, count), by cell.

    m_0 = 1 / (1 - p_0), m_j = sum_{i=1..j} p_i m_(j-i) / (1 - p_0): how many periods the position
    is expected to stay j cells under S.
    """
    mass = cell_masses(period, step, count)
    moving = 1.0 - mass[:, 0]
    density = np.zeros((len(moving), count))
    density[:, 0] = 1.0 / moving
    for cell in range(1, count):
        back = density[:, cell - 1 :: -1] if cell > 1 else density[:, :1]
        density[:, cell] = np.einsum("ij,ij->i", mass[:, 1 : cell + 1], back) / moving
    return density


def cell_masses(period: DemandLaw, step: Floats, count: int) -> Floats:
    """Return the demand of a period in cells of `step` units, (n, count); its mean is kept.

    Demand between two cells is shared between them: the mass of a cell is the second difference of
    E[(D - y)+] over the step. With steps of one unit that is the law itself.
    """
    level = step[:, None] * np.arange(count + 1)
    short = period.short(level)
    short[:, 0] = period.mean  # nothing is sold back
    fall = (short[:, :-1] - short[:, 1:]) / step[:, None]
    mass = np.empty((len(step), count))
    mass[:, 0] = 1.0 - fall[:, 0]
    mass[:, 1:] = fall[:, :-1] - fall[:, 1:]
    return np.clip(mass, 0.0, 1.0)
