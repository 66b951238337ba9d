"""Raises prices of stops step by step, so that no plan can cost less than what they pay."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.routing.problem import Floats
from optimizer.routing.relaxation.shares import Relaxation

NEAREST = 15  # arcs per stop that are tried while prices are still far off
FAR_OFF = 0.4  # share of the budget with these alone
KEPT = 0.7  # of the last direction
PATIENCE = 8  # steps without a better bound, then smaller ones
SMALLER = 0.7
SMALLEST = 0.01
ROUNDING = 1e-9  # of what stops pay: more than sums of floats lose
NO_MORE = 1e-7  # of the target: closer is there


@dataclass(frozen=True, slots=True)
class Ascent:
    """The best of an ascent.

    Attributes
    ----------
    bound : money, proven; -inf if there was no work for a proof
    prices : (n,) float64, of the best hope
    tried : arcs
    """

    bound: float
    prices: Floats
    tried: int


def ascend(
    relaxation: Relaxation,
    start: Floats,
    loss: Floats,
    target: float,
    used: Callable[[int], float],
) -> Ascent:
    """Step along subgradients towards a target, and prove what was reached.

    Parameters
    ----------
    start : (n,) float64, prices
    loss : (n,) float64, money of not visiting a stop
    target : money of a plan
    used : share of the budget that is used when so many arcs have been tried; 1 ends the ascent

    Source: Polyak (1969) for the length of a step; Camerini, Fratta and Maffioli (1975) for the
    direction.
    """
    n = len(start)
    prices, best_prices = start.copy(), start.copy()
    hope, proof, tried = -math.inf, -math.inf, 0
    direction, pace, waited = np.zeros(n), 1.0, 0
    every, reach, last = n - 1 <= NEAREST, NEAREST, 0
    while used(tried) < 1.0:
        found = relaxation.shares(prices, loss, reach, every=every)
        tried += found.tried
        last = found.tried
        hoped = np.minimum(found.hoped, loss)
        value = float(hoped.sum())
        if every:
            proof = max(proof, _money(found.proven, loss))
        if value > hope:
            hope, waited, best_prices = value, 0, hoped
        else:
            waited += 1
            if waited > PATIENCE:
                waited, pace = 0, SMALLER * pace
        done = (
            pace < SMALLEST
            or proof >= (1.0 - NO_MORE) * target
            or used(tried + (1 + relaxation.settles) * last) > 1.0
        )
        if not every and (done or used(tried) > FAR_OFF):
            every, reach, hope = True, n, -math.inf
            prices, direction = best_prices.copy(), np.zeros(n)
            pace = max(pace, SMALLER**4)
            continue
        if done:
            break
        slope = np.where(found.counted, 1.0, 0.0) - found.visits
        direction = slope + KEPT * direction
        length = float(direction @ direction)
        if length == 0.0:
            break
        prices = prices + pace * max(target - value, NO_MORE * target) / length * direction
        prices = np.minimum(prices, loss)
    for _ in range(relaxation.settles if every else 0):
        if used(tried) >= 1.0:
            break
        found = relaxation.shares(best_prices, loss, reach, every=True)
        tried += found.tried
        proof = max(proof, _money(found.proven, loss))
        best_prices = np.minimum(found.hoped, loss)
    return Ascent(proof, best_prices, tried)


def _money(paid: Floats, loss: Floats) -> float:
    """Add up, a little less than floats do."""
    served = paid < loss
    spare = ROUNDING * float(np.abs(paid[served]).sum())
    return float(np.minimum(paid, loss).sum()) - spare
