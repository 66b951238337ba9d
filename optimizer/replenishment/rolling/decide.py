"""Decides one night from the prices of the night before: few evaluations, then whole orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.outcome import Limits, gap_pct
from optimizer.replenishment.rolling.climb import climb
from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.line_prices import Prices
from optimizer.replenishment.tonight.orders_at_prices import OrderBuilder
from optimizer.replenishment.tonight.prices import ascend, tunable_shipments
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.repair import Repairer
from optimizer.replenishment.tonight.search import search

Floats = NDArray[np.float64]

RowKey = tuple[str, ...]

WIDE = 2.0  # times the target: the search is asked only then
STEPS = (8, 16)  # evaluations of each round
SEARCHED = 5_000  # options up to which tonight's search may have the last word


@dataclass(slots=True)
class Memory:
    """Prices of the nights before, by what their rows stand for.

    Attributes
    ----------
    row : latest price by key
    shipment, theta : (n_arms,) of the latest night with the same arms
    """

    row: dict[RowKey, float] = field(default_factory=dict)
    shipment: Floats | None = None
    theta: Floats | None = None

    def prices(self, problem: Problem, keys: tuple[RowKey, ...]) -> Prices | None:
        """Return prices to begin from; None without any."""
        if not self.row and self.shipment is None:
            return None
        shipment = self.shipment
        if shipment is None or len(shipment) != len(problem.arms):
            shipment = np.zeros(len(problem.arms))
        row = np.array([self.row.get(key, 0.0) for key in keys], np.float64)
        return Prices(row, shipment)

    def keep(self, bound: Bound, keys: tuple[RowKey, ...]) -> None:
        """Remember a night's prices."""
        self.row |= dict(zip(keys, bound.prices.row.tolist(), strict=True))
        self.shipment, self.theta = bound.prices.shipment, bound.theta


@dataclass(frozen=True, slots=True)
class Decision:
    """What a night orders.

    Attributes
    ----------
    qty : (n_options,) units; None if no orders were found that keep every rule
    bound : by prices, and the prices
    value : best bound, money
    evaluations : of the bound
    searched : work of tonight's search
    """

    qty: Floats | None
    bound: Bound
    value: float
    evaluations: int
    searched: float

    def gap(self, problem: Problem) -> float | None:
        """Return the gap in percent."""
        return None if self.qty is None else gap_pct(problem.objective(self.qty), self.value)


def decide(
    problem: Problem,
    memory: Memory,
    keys: tuple[RowKey, ...],
    target_pct: float,
    may_go_on: Callable[[], bool],
    rest: Callable[[], Limits | None],
) -> Decision:
    """Return the best orders of one night found until the gap is under the target.

    Parameters
    ----------
    memory : of the nights before; it learns from this one
    keys : (n_rows,) what each row stands for
    may_go_on : asked before every evaluation but the first
    rest : what a small night may spend on tonight's search where the gap stays wide, if anything
    """
    evaluator = BoundEvaluator(problem)
    start = memory.prices(problem, keys)
    builder = OrderBuilder(evaluator)
    count = 0

    def go() -> bool:
        nonlocal count
        count += 1
        return may_go_on()

    qty: Floats | None = None
    nothing = np.zeros(len(problem.options))
    best = np.inf
    if not problem.broken(nothing):
        qty, best = nothing, problem.objective(nothing)
    bound = evaluator.evaluate(start or evaluator.zero(), guess=memory.theta)
    tunable = tunable_shipments(evaluator).any()
    for steps in STEPS:
        bound = climb(evaluator, bound, go, steps)
        if tunable:
            bound = ascend(evaluator, go, steps, bound.prices)
        for tried in _orders(builder, bound, go):
            cost = problem.objective(tried)
            if cost < best and not problem.broken(tried):
                qty, best = tried, cost
            gap = gap_pct(best, bound.value) if qty is not None else None
            if gap is not None and gap <= target_pct:
                break
        if (gap is not None and gap <= target_pct) or not may_go_on():
            break
    memory.keep(bound, keys)
    quick = Decision(qty, bound, bound.value, count, 0.0)
    wide = gap is None or gap > WIDE * target_pct
    limits = rest() if wide and len(problem.options) <= SEARCHED else None
    return quick if limits is None else _searched(problem, quick, limits)


def _searched(problem: Problem, quick: Decision, limits: Limits) -> Decision:
    """Return the better of quick orders and those of tonight's search, with the better bound."""
    outcome = search(problem, limits, quick.bound.prices)
    found = outcome.solution
    qty, bound, value = quick.qty, quick.bound, quick.value
    if found is not None:
        better = qty is None or problem.objective(found.qty) < problem.objective(qty)
        qty = found.qty if better else qty
    if outcome.bound is not None:
        value = max(value, outcome.bound)
    return Decision(qty, bound, value, quick.evaluations, outcome.work)


def _orders(builder: OrderBuilder, bound: Bound, go: Callable[[], bool]) -> Iterator[Floats]:
    """Build orders at the prices, then at prices moved by what was used too much or wasted."""
    problem = builder.problem
    room = np.maximum(np.abs(problem.rows.room), 1e-9)
    for _ in range(2):
        raw = builder.build(bound)
        repairer = Repairer(problem, bound.prices.row)
        yield repairer.fill(repairer.repair(raw, _always), _always)
        used = problem.usage(raw) / room
        over = used > 1.01
        wasted = (used < 0.98) & (bound.prices.row > 0.0)
        if not (over | wasted).any() or not go():
            return
        least = 0.02 * max(abs(bound.value), 1e-9) / room
        price = np.where(over, np.maximum(bound.prices.row, least), bound.prices.row)
        price = price * np.where(over | wasted, np.clip(used, 0.8, 1.25), 1.0)
        bound = replace(bound, prices=Prices(price, bound.prices.shipment))


def _always() -> bool:
    return True
