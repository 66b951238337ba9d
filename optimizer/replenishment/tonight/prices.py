"""Finds prices of what is scarce: ascends the bound by quasi-Newton steps.

Source: Byrd, Lu, Nocedal, Zhu (1995), A limited memory algorithm for bound constrained
optimization; the bound has kinks, so the best value seen counts, not the last.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize

from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator, Flags, Floats
from optimizer.replenishment.tonight.line_prices import Prices

MOST_STEPS = 60


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
    guess = best.theta
    money = max(abs(best.value), 1e-9)
    # a price of 1 in the scaled variable moves about the whole bound
    unit = money / np.maximum(np.abs(room), np.maximum(np.abs(best.row_slope), 1e-9))

    def step(scaled: Floats) -> tuple[float, Floats]:
        nonlocal best, guess
        if not may_go_on():
            raise _EnoughError
        prices = Prices(np.maximum(scaled[:n_rows], 0.0) * unit, np.clip(scaled[n_rows:], 0.0, 1.0))
        found = evaluator.evaluate(prices, allowed, guess=guess)
        guess = found.theta
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


def tunable_shipments(evaluator: BoundEvaluator) -> Flags:
    """Say of which arms a second shipment can become necessary and costs something."""
    arms = evaluator.problem.arms
    limited = np.isfinite(arms.shipment_kg) | np.isfinite(arms.shipment_m3)
    result: Flags = (arms.per_shipment > 0.0) & limited
    return result
