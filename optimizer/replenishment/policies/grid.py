"""Levels worth considering, as a grid of cells per pair, and what each of them costs.

The grid of a pair holds every level whose cost is not above that of a policy at hand: by Jensen's
inequality G(y) >= holding (y - mean) and G(y) >= shortage (mean - y), so that levels outside
mean - c / shortage .. mean + c / holding cannot belong to a policy that costs less than c.
Where that is more than MOST_CELLS units, a cell is several units wide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.policies.laws import NORMAL, DemandLaw, Floats
from optimizer.replenishment.policies.levels import cost_level

MOST_CELLS = 128  # up to here every whole unit is a cell: exact
WIDE_CELLS = 64  # cells of a grid whose cells are several units wide
CHUNK = 200_000  # numbers in one array of a batch of pairs: it stays in the cache
WIDTHS = (8, 16, 24, 32, 48, 64, 96, 128)  # pairs of about the same width share a batch


@dataclass(frozen=True, slots=True)
class CycleCosts:
    """Costs of a pair that is reviewed once a period.

    Attributes
    ----------
    law : demand over the protection interval, review + lead time
    period : demand of one review period
    holding, shortage : (n,) money per unit left over or short at the end of a period
    order : (n,) money per order
    """

    law: DemandLaw
    period: DemandLaw
    holding: Floats
    shortage: Floats
    order: Floats

    def take(self, rows: NDArray[np.intp]) -> CycleCosts:
        """Return the costs of some pairs."""
        return CycleCosts(
            self.law.take(rows),
            self.period.take(rows),
            self.holding[rows],
            self.shortage[rows],
            self.order[rows],
        )

    def at(self, level: Floats) -> Floats:
        """Return G(level) = holding E[(y - D)+] + shortage E[(D - y)+], money a period."""
        shape = (-1,) + (1,) * (level.ndim - 1)
        mean, holding = self.law.mean.reshape(shape), self.holding.reshape(shape)
        total = holding + self.shortage.reshape(shape)
        cost: Floats = holding * (level - mean) + total * self.law.short(level)
        return cost


@dataclass(frozen=True, slots=True)
class Grid:
    """A batch of pairs and their levels.

    Attributes
    ----------
    rows : (k,) places of the pairs
    level : (k, width) units, rising; columns beyond a pair's own range are further levels
    step : (k,) units between levels
    cost : (k, width) money a period
    """

    rows: NDArray[np.intp]
    level: Floats
    step: Floats
    cost: Floats


def grids(costs: CycleCosts) -> Iterator[Grid]:
    """Yield every pair once, in batches of about the same width."""
    low, high = _range(costs)
    count = high - low + 1.0
    step = np.where(count > MOST_CELLS, np.ceil(count / WIDE_CELLS), 1.0)
    cells = np.ceil(count / step)
    width = np.array(WIDTHS)[np.searchsorted(WIDTHS, cells)]
    best = cost_level(costs.law, costs.holding, costs.shortage)
    low = best - np.ceil((best - low) / step) * step  # the best level is one of the cells
    for size in WIDTHS:
        group = np.flatnonzero(width == size)
        for part in _chunks(group, size + 1):
            level = low[part][:, None] + step[part][:, None] * np.arange(size + 1)
            chosen = costs.take(part)
            by_steps = (step[part] == 1.0).all() and (chosen.law.kind != NORMAL).all()
            cost = _costs_by_steps(chosen, level) if by_steps else chosen.at(level)
            yield Grid(part, level, step[part], cost)


def _chunks(rows: NDArray[np.intp], width: int) -> list[NDArray[np.intp]]:
    size = max(CHUNK // width, 1)
    return [rows[at : at + size] for at in range(0, len(rows), size)]


def _range(costs: CycleCosts) -> tuple[Floats, Floats]:
    """Return the lowest and highest level that an optimal policy may use, units."""
    ceiling = ordinary_cost(costs)
    mean = costs.law.mean
    low = np.floor(mean - ceiling / np.maximum(costs.shortage, 1e-12))
    high = np.ceil(mean + ceiling / np.maximum(costs.holding, 1e-12))
    best = cost_level(costs.law, costs.holding, costs.shortage)
    return np.minimum(low, best - 1.0), np.maximum(high, best + 1.0)


def ordinary_cost(costs: CycleCosts) -> Floats:
    """Return what a plain (r, nQ) policy with Harris' lot costs at most, money a period.

    The sum of a convex cost over a window is at most that of the two chords that meet at its
    best level. No (s, S) policy that is optimal costs more.
    """
    holding, shortage = np.maximum(costs.holding, 1e-12), np.maximum(costs.shortage, 1e-12)
    ratio = (holding + shortage) / shortage
    lot = np.sqrt(2.0 * costs.order * costs.period.mean * ratio / holding)
    lot = np.maximum(np.round(lot), 1.0)
    best = cost_level(costs.law, costs.holding, costs.shortage)
    below = np.minimum(np.round(lot * holding / (holding + shortage)), lot - 1.0)
    above = lot - 1.0 - below
    at_best = costs.at(best)
    left = 0.5 * (below + 1.0) * (costs.at(best - below) + at_best)
    right = 0.5 * (above + 1.0) * (costs.at(best + above) + at_best)
    window = left + right - at_best
    cost: Floats = (costs.order * costs.period.mean + window) / lot
    return cost


def _costs_by_steps(costs: CycleCosts, level: Floats) -> Floats:
    """Return G at levels that are a unit apart, each from the one before.

    E[(D - y - 1)+] = E[(D - y)+] - P(D > y), and P(D > y + 1) = P(D > y) - P(D = y + 1).
    """
    law = costs.law
    mass = np.where(level < 0.0, 0.0, law.point(np.maximum(level, 0.0)))
    mass[:, 0] = 0.0
    above = law.above(level[:, 0])[:, None] - np.cumsum(mass, axis=1)
    fallen = np.cumsum(above, axis=1)
    short = law.short(level[:, 0])[:, None] - np.concatenate(
        [np.zeros((len(level), 1)), fallen[:, :-1]], axis=1
    )
    total = (costs.holding + costs.shortage)[:, None]
    cost: Floats = costs.holding[:, None] * (level - law.mean[:, None]) + total * short
    return cost
