"""Raises the bound in few evaluations by Newton steps on the rows' prices.

Beside the quantity that is best at its price, demand bends the cost of a line with curvature
(p + h) phi(z) / s; one more money of price takes u^-2 s / ((p + h) phi(z)) units away. Summed over
the lines that are bought this is the bound's curvature, but for orders and multiples that come
and go; what those add is learned from step to step.

Source: Bertsekas (1982), Projected Newton methods for optimization problems with simple
constraints.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from optimizer.replenishment.stock_cost import ROOT_TWO_PI, SMALLEST_SD, best_level
from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.line_prices import Prices

Floats = NDArray[np.float64]

ENOUGH = 2e-4  # of the bound: a step that promises less is not taken
STIFFNESS = 1.3  # of the bound against its lines alone
SWEEPS = 60
FARTHEST = 1.5  # a step multiplies price and margin by e to this at most
TINY = 1e-100
LEAST_MARGIN = 1e-6  # of the largest


def climb(
    evaluator: BoundEvaluator, start: Bound, may_go_on: Callable[[], bool], steps: int
) -> Bound:
    """Return the best bound found.

    Parameters
    ----------
    start : bound to begin from
    may_go_on : asked before every evaluation
    steps : most evaluations
    """
    best = now = start
    if not len(evaluator.problem.rows):
        return best
    low, high = np.zeros(len(now.row_slope)), np.full(len(now.row_slope), np.inf)
    for _ in range(steps):
        curvature, margin = _curvature(evaluator, now)
        price = now.prices.row
        rises = now.row_slope > 0.0
        low = np.where(rises, price, np.where(low >= price, 0.0, low))
        high = np.where(rises, np.where(high <= price, np.inf, high), price)
        reach = price + margin
        step = _newton(now.row_slope, STIFFNESS * curvature, price, reach)
        wished = reach * np.exp(np.clip(step / reach, -FARTHEST, FARTHEST)) - margin
        middle = np.sqrt((low + margin) * (np.where(np.isinf(high), price, high) + margin)) - margin
        beyond = np.where(rises, wished >= high, (wished <= low) & (low > 0.0))
        wished = np.maximum(np.where(beyond, middle, wished), 0.0)
        wished = np.where(~rises & (price == 0.0), 0.0, wished)
        promised = float(now.row_slope @ (wished - price))
        if promised < ENOUGH * max(abs(best.value), 1e-9) or not may_go_on():
            break
        now = evaluator.evaluate(Prices(wished, best.prices.shipment), guess=now.theta)
        best = now if now.value > best.value else best
    return best


def _curvature(evaluator: BoundEvaluator, bound: Bound) -> tuple[Floats, Floats]:
    """Return how the lines bend the bound, and what a unit of each row costs besides its price.

    Returns
    -------
    curvature : (n_rows, n_rows) minus the second derivative by the prices
    margin : (n_rows,) money per unit of the row: holding and the other rows' prices of the
        lines in it, above 0
    """
    problem, lines = evaluator.problem, evaluator.lines
    unit, _ = evaluator.pricing.at(bound.prices, bound.theta)
    level = best_level(lines.mean, lines.sd, lines.holding, lines.shortage, unit / lines.usable)
    free = (level - lines.position) / lines.usable
    bought = (free > 0.5 * lines.low) & (free < lines.high) & (bound.gain > 0.0)[lines.arm]
    at = np.flatnonzero(bought & (bound.theta == 0.0)[lines.arm])
    part = lines.take(at)
    sd = np.maximum(part.sd, SMALLEST_SD)
    z = (level[at] - part.mean) / sd
    density = np.exp(-0.5 * z * z) / ROOT_TWO_PI
    bend = (part.holding + part.shortage) * np.maximum(density, 1e-6) / sd * part.usable**2
    uses = csr_array(
        problem.rows.money[:, part.option] @ diags_array(part.price)
        + problem.rows.units[:, part.option]
    )
    curvature: Floats = (uses @ diags_array(1.0 / bend) @ uses.T).toarray()
    paid = (unit[at] + part.holding * part.usable) / bend
    margin = (uses @ paid) / np.maximum(np.diagonal(curvature), TINY) - bound.prices.row
    least = LEAST_MARGIN * max(float(np.abs(margin).max(initial=0.0)), TINY)
    return curvature, np.maximum(margin, np.maximum(least, 0.1 * bound.prices.row))


def _newton(slope: Floats, curvature: Floats, price: Floats, reach: Floats) -> Floats:
    """Return the step d that maximises slope d - d curvature d / 2 with price + d >= 0.

    By coordinates: each in turn is set to its best, which raises the value every time. Where no
    line bends, the step is `reach`.
    """
    diagonal = np.diagonal(curvature)
    flat = np.abs(slope) / np.maximum(reach, TINY) + TINY
    diagonal = np.where(diagonal > 0.0, diagonal, flat)
    step, rest = np.zeros(len(slope)), slope.copy()
    active = np.flatnonzero((slope > 0.0) | (price > 0.0))
    for _ in range(SWEEPS):
        moved = 0.0
        for at in active.tolist():
            change = max(rest[at] / diagonal[at], -price[at] - step[at])
            if change != 0.0:
                step[at] += change
                rest -= change * curvature[:, at]
                moved = max(moved, abs(change) * diagonal[at] / max(abs(slope[at]), TINY))
        if moved < 1e-3:
            break
    return step
