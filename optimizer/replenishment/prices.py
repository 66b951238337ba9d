"""Finds prices of what is scarce: ascends the bound by quasi-Newton steps.

Source: Byrd, Lu, Nocedal, Zhu (1995), A limited memory algorithm for bound constrained
optimization; the bound has kinks, so the best value seen counts, not the last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from optimizer.replenishment.bounds import Bound, BoundEvaluator, Flags, Floats, Prices

MOST_STEPS = 60
MOST_ALPHA_STEPS = 250
PATIENCE = 12  # evaluations without progress before steps are shortened
SMALLEST_FACTOR = 1e-3


class _EnoughError(Exception):
    """Ends the ascent when the limits say so."""


def ascend(
    evaluator: BoundEvaluator,
    may_go_on: Callable[[], bool],
    steps: int = MOST_STEPS,
    start: Prices | None = None,
    allowed: Flags | None = None,
) -> Bound:
    """Return the best bound found.

    Parameters
    ----------
    may_go_on : asked before each evaluation; False ends the ascent with the best so far
    steps : most evaluations
    start : prices to begin from; None: nothing is scarce
    allowed : (n_groups,) orders that may be placed; None: all
    """
    problem = evaluator.problem
    n_rows, n_arms = len(problem.rows), len(problem.arms)
    best = evaluator.evaluate(start or evaluator.zero(), allowed)
    room = problem.rows.room
    tunable = tunable_shipments(evaluator)
    binds = (best.row_slope > 0.0).any() or (best.shipment_slope > 0.0)[tunable].any()
    if start is None and not binds:
        return best  # no limit binds, no order needs a second shipment
    money = max(abs(best.value), 1e-9)
    # a price of 1 in the scaled variable moves about the whole bound
    unit = money / np.maximum(np.abs(room), np.maximum(np.abs(best.row_slope), 1e-9))

    def step(scaled: Floats) -> tuple[float, Floats]:
        nonlocal best
        if not may_go_on():
            raise _EnoughError
        prices = Prices(np.maximum(scaled[:n_rows], 0.0) * unit, np.clip(scaled[n_rows:], 0.0, 1.0))
        found = evaluator.evaluate(prices, allowed)
        if found.value > best.value:
            best = found
        slope = np.r_[found.row_slope * unit, np.where(tunable, found.shipment_slope, 0.0)]
        return -found.value / money, -slope / money

    begin = np.zeros(n_rows + n_arms)
    if start is not None:
        begin = np.r_[start.row / unit, start.shipment]
    box = [(0.0, None)] * n_rows + [(0.0, 1.0 if able else 0.0) for able in tunable]
    options = {"maxfun": steps, "maxiter": steps, "ftol": 1e-12, "gtol": 1e-10}
    with contextlib.suppress(_EnoughError):
        minimize(step, begin, jac=True, method="L-BFGS-B", bounds=box, options=options)
    return best


def ascend_with_alpha(
    evaluator: BoundEvaluator, may_go_on: Callable[[], bool], start: Bound, target: float
) -> Bound:
    """Return a better bound where pairs have several options: their alpha moves with the prices.

    Parameters
    ----------
    start : best bound so far; it is returned if nothing better is found
    target : cost of the best orders known, money; steps are measured against it

    Notes
    -----
    Source: Polyak (1969), Minimization of unsmooth functionals: steps in proportion to the
    distance to the target, shortened whenever the bound stalls.
    """
    best = start
    shared = np.flatnonzero(evaluator.shared_pair)
    if not len(shared) or not target > best.value:
        return best
    problem = evaluator.problem
    n_rows, n_arms = len(problem.rows), len(problem.arms)
    tunable = tunable_shipments(evaluator)
    money = max(abs(best.value), 1e-9)
    alpha_scale = np.maximum(best.alpha[shared], 0.1 * best.alpha[shared].mean() + 1e-9)
    scale = np.r_[
        money / np.maximum(np.abs(problem.rows.room), 1e-9), np.full(n_arms, 0.3), alpha_scale
    ]

    def place(bound: Bound) -> Floats:
        joined: Floats = np.r_[bound.prices.row, bound.prices.shipment, bound.alpha[shared]]
        return joined

    point, factor, stalled = place(best), 1.0, 0
    for _ in range(MOST_ALPHA_STEPS):
        if not may_go_on() or factor < SMALLEST_FACTOR:
            break
        alpha = np.zeros(len(problem.pairs))
        alpha[shared] = point[n_rows + n_arms :]
        prices = Prices(point[:n_rows], point[n_rows : n_rows + n_arms])
        found = evaluator.evaluate(prices, alpha=alpha)
        better = found.value > best.value + 1e-6 * money
        stalled = 0 if better else stalled + 1
        best = found if found.value > best.value else best
        slope = np.r_[
            found.row_slope,
            np.where(tunable, found.shipment_slope, 0.0),
            found.alpha_slope[shared],
        ]
        if stalled >= PATIENCE:
            point, factor, stalled = place(best), 0.6 * factor, 0
            continue
        slope = np.where((point <= 0.0) & (slope < 0.0), 0.0, slope) * scale
        length = factor * max(target - found.value, 0.0) / max(float(slope @ slope), 1e-18)
        point = np.maximum(point + length * slope * scale, 0.0)
        point[n_rows : n_rows + n_arms] = np.minimum(point[n_rows : n_rows + n_arms], 1.0)
    return best


def tunable_shipments(evaluator: BoundEvaluator) -> Flags:
    """Say of which arms a second shipment can become necessary and costs something."""
    arms = evaluator.problem.arms
    limited = np.isfinite(arms.shipment_kg) | np.isfinite(arms.shipment_m3)
    result: Flags = (arms.per_shipment > 0.0) & limited
    return result
