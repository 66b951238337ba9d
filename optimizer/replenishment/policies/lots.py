"""Optimal (r, Q) policies: at or under r at a review, order Q (or as many Q as lift it above r).

After ordering the position is uniform on r + 1 .. r + Q, so that the cost is
(K rate + sum_{y=r+1..r+Q} G(y)) / Q. G is convex: the best window of Q levels holds the Q cheapest
ones (Federgruen & Zheng 1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.policies.grid import CycleCosts, grids
from optimizer.replenishment.policies.laws import Flags, Floats, smallest_level


@dataclass(frozen=True, slots=True)
class Lots:
    """Parameters (r, Q) of each pair.

    Attributes
    ----------
    point : (n,) units: at or under it an order is placed (r)
    lot : (n,) units (Q)
    cost : (n,) money a period, before lots are fitted to multiples and MOQ
    """

    point: Floats
    lot: Floats
    cost: Floats


def best_lots(costs: CycleCosts, least: Floats, multiple: Floats) -> Lots:
    """Return the (r, Q) of least cost, (n,) pairs; all means and costs above 0.

    Parameters
    ----------
    least, multiple : (n,) units; Q is the nearest multiple of at least `least`

    Source: Federgruen & Zheng (1992), Operations Research 40(4).
    """
    count = len(costs.order)
    point, lot, cost = np.zeros(count), np.zeros(count), np.zeros(count)
    for grid in grids(costs):
        rows, step = grid.rows, grid.step
        order = (costs.order * costs.period.mean)[rows]
        ranked = np.argsort(grid.cost, axis=1, kind="stable")
        sums = np.cumsum(np.take_along_axis(grid.cost, ranked, axis=1), axis=1)
        cells = np.arange(1, sums.shape[1] + 1)
        each = np.arange(len(rows))
        total = (order[:, None] / step[:, None] + sums) / cells
        best = total.argmin(axis=1)
        chosen = np.where(cells[None, :] <= best[:, None] + 1, ranked, sums.shape[1])
        point[rows] = grid.level[each, chosen.min(axis=1)] - 1.0
        lot[rows] = (best + 1) * step
        cost[rows] = total[each, best]
    fitted = np.maximum(np.round(lot / multiple), np.ceil(least / multiple - 1e-9)) * multiple
    fitted = np.maximum(fitted, multiple)
    changed = np.flatnonzero(fitted != lot)
    point[changed] = best_point(costs.take(changed), fitted[changed])
    return Lots(point, fitted, cost)


def best_point(costs: CycleCosts, lot: Floats) -> Floats:
    """Return the reorder point that is best for a given lot, (n,) units, at least -1.

    The window r + 1 .. r + Q moves up as long as its next level is cheaper than its first.
    """

    def reached(level: Floats, rows: NDArray[np.intp]) -> Flags:
        part = costs.take(rows)
        enough: Flags = part.at(level) <= part.at(level + lot[rows])
        return enough

    return smallest_level(reached, costs.law.mean - 0.5 * lot) - 1.0
