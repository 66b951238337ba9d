"""Finds prices, subsidies and open orders together where pairs have several options.

The relaxed problem is a saddle: shares y of open orders push the cost down, prices lambda of the
rows, thetas of the least values and shares t of full shipments push it up. All take gradient
steps at once, scaled to what they price, and shrinking; their running averages settle. Every
point gives a valid bound: alpha is the pairs' answer to y (`sharing.py`).

Source: Arrow, Hurwicz, Uzawa (1958), Studies in linear and non-linear programming; averages as in
Nemirovski and Yudin (1978), Cesari convergence of the gradient method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.line_prices import Prices
from optimizer.replenishment.tonight.prices import tunable_shipments

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FIRST_STEP = 0.6
HALVING = 30.0  # steps after which the step is 1 / sqrt(2) of the first
FIRST_SHARE = 0.7  # of every order
ROW_STEP = 0.05  # of the price at which a row is worth the whole cost
TOP_SHARE = 0.999  # of the theta at which stock pays for itself
LOOK_EVERY = 50  # steps between looks at the bound of the averages
PATIENCE = 2  # looks without progress that end the search
STALLED = 1e-5  # progress of the bound, relative, that does not count
TOP_EVERY = 8


@dataclass(frozen=True, slots=True)
class _Point:
    """Prices of rows and shipments, thetas, shares of open orders."""

    row: Floats
    shipment: Floats
    theta: Floats
    share: Floats

    def towards(self, other: _Point, weight: float) -> _Point:
        """Return the point that is `weight` of the way to the other one."""
        return _Point(
            *(
                (1.0 - weight) * mine + weight * theirs
                for mine, theirs in (
                    (self.row, other.row),
                    (self.shipment, other.shipment),
                    (self.theta, other.theta),
                    (self.share, other.share),
                )
            )
        )


def find_saddle(
    evaluator: BoundEvaluator,
    may_go_on: Callable[[], bool],
    steps: int,
    start: Bound | None = None,
    allowed: Flags | None = None,
    first_step: float = FIRST_STEP,
    start_prices: Prices | None = None,
) -> Bound:
    """Return the best bound found, with the shares of open orders that belong to it.

    Parameters
    ----------
    may_go_on : asked before each step; False ends the search with the best so far
    steps : most steps
    start : where to begin; None: nothing is scarce, every order is mostly open
    allowed : (n_groups,) orders that are placed, the others are not; None: free. With it the last
        average is returned, whatever its bound: it is not one of the problem
    start_prices : begin from these prices where `start` is None
    """
    saddle = _Saddle(evaluator, allowed)
    point = saddle.begin(start, start_prices)
    average, total, best, stalls = point, 0.0, None, 0
    for number in range(steps):
        if not may_go_on():
            break
        step = first_step / np.sqrt(1.0 + number / HALVING)
        weight = float((number + 1) ** 2)
        total += weight
        average = average.towards(point, weight / total)
        if number % LOOK_EVERY == LOOK_EVERY - 1 and allowed is None:
            found = saddle.bound(average)
            better = best is None or found.value > best.value + STALLED * abs(best.value)
            stalls = 0 if better else stalls + 1
            best = found if best is None or found.value > best.value else best
            if stalls >= PATIENCE:
                return best
        point = saddle.move(point, float(step), number)
    found = saddle.bound(average)
    if best is None or found.value > best.value or allowed is not None:
        best = found
    return best


class _Saddle:
    """Gradient steps on one problem."""

    def __init__(self, evaluator: BoundEvaluator, allowed: Flags | None) -> None:
        self.evaluator = evaluator
        problem = self.problem = evaluator.problem
        self.arms = problem.arms
        self.tunable = tunable_shipments(evaluator)
        self.fixed_share = None
        if allowed is not None:
            self.fixed_share = allowed[self.arms.group].astype(np.float64)
        room = np.abs(problem.rows.room)
        money = max(float(evaluator.nothing.sum()), 1e-9)
        self.row_scale = ROW_STEP * money / np.where(room > 0.0, room, money)
        self.top = np.zeros(len(self.arms))
        self.one_arm_each = len(self.arms) == len(problem.groups)

    def begin(self, start: Bound | None, prices: Prices | None) -> _Point:
        """Return the first point."""
        n_arms = len(self.arms)
        if start is not None:
            share = start.share if self.fixed_share is None else self.fixed_share
            return _Point(start.prices.row, start.prices.shipment, start.theta, share)
        prices = prices or self.evaluator.zero()
        share = np.full(n_arms, FIRST_SHARE) if self.fixed_share is None else self.fixed_share
        return _Point(prices.row, prices.shipment, np.zeros(n_arms), self._whole(share))

    def bound(self, point: _Point) -> Bound:
        """Return the bound of a point."""
        prices = Prices(point.row, point.shipment)
        return self.evaluator.evaluate(prices, theta=point.theta, share=point.share)

    def move(self, point: _Point, step: float, number: int) -> _Point:
        """Return the next point."""
        evaluator, arms, rows = self.evaluator, self.arms, self.problem.rows
        prices = Prices(point.row, point.shipment)
        unit, offset = evaluator.pricing.at(prices, point.theta)
        if number % TOP_EVERY == 0:
            at_zero = unit + point.theta[evaluator.lines.arm] * evaluator.lines.price
            self.top = TOP_SHARE * evaluator.top_theta(at_zero)
        answer = evaluator.answer(unit, offset)
        alpha, served = evaluator.sharing.serve(answer.benefit, point.share[evaluator.entry_arm])
        weight = np.zeros(len(evaluator.lines))
        weight[answer.chosen] = served * answer.qty[answer.chosen]
        room = rows.room
        used = evaluator.usage(weight)
        slope = (used - room) / np.where(np.abs(room) > 0.0, np.abs(room), np.abs(used) + 1e-9)
        row = np.maximum(point.row + step * self.row_scale * np.clip(slope, -1.0, 1.0), 0.0)
        shipment = point.shipment
        if self.tunable.any():
            full = evaluator.load(weight) / np.maximum(arms.per_shipment, 1e-9)
            pull = np.clip(full - point.share, -1.0, 1.0)
            shipment = np.where(self.tunable, np.clip(shipment + step * pull, 0.0, 1.0), 0.0)
        money = evaluator.lines.price * weight
        if evaluator.pricing.has_offsets:
            part = evaluator.lines.offset[answer.chosen]
            money[answer.chosen] += np.where(weight[answer.chosen] > 0.0, part * served, 0.0)
        value = evaluator.by_arm(money[answer.chosen])
        missing = (evaluator.least * point.share - value) / np.maximum(evaluator.least, 1e-9)
        theta = point.theta + 0.5 * step * self.top * np.clip(missing, -2.0, 1.0)
        theta = np.where(evaluator.least > 0.0, np.clip(theta, 0.0, self.top), 0.0)
        share = point.share
        if self.fixed_share is None:
            over = np.maximum(answer.benefit - alpha[evaluator.entry_pair], 0.0)
            gain = evaluator.by_arm(over)
            cost = evaluator.fixed_cost(prices) + point.theta * evaluator.least
            pull = (gain - cost) / np.maximum(gain + cost, 1e-9)
            share = self._whole(np.clip(share + step * pull, 0.0, 1.0))
        return _Point(row, shipment, theta, share)

    def _whole(self, share: Floats) -> Floats:
        """Bring the shares of a group's modes down to 1 in all."""
        if self.one_arm_each:
            return share
        total = np.bincount(self.arms.group, share, len(self.problem.groups))
        result: Floats = share / np.maximum(total, 1.0)[self.arms.group]
        return result
