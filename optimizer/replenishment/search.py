"""Looks for tonight's best orders under every limit, and bounds how much better any could be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.outcome import Limits, Outcome, Status, Termination, proven_status
from optimizer.replenishment.bounds import Bound, BoundEvaluator, Prices
from optimizer.replenishment.orders_at_prices import OrderBuilder
from optimizer.replenishment.prices import ascend, ascend_with_alpha
from optimizer.replenishment.problem import Problem
from optimizer.replenishment.repair import Repairer

if TYPE_CHECKING:
    from optimizer.replenishment.polish import Polished

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ENGINE = "price decomposition"
WORK_PER_LINE = 2.5e-6  # work of one evaluation, about a second of one core a unit
WORK_PER_EVALUATION = 1e-3
SHARE_OF_PRICES = 0.5  # of all limits, by when the first prices must be found
SHARE_OF_ROUNDS = 0.75
SHARE_OF_ALPHA = 0.85
ROUNDS = 4
TRIES = 4
STEPS = 60
RESTRICTED_STEPS = 25
GOOD_ENOUGH_PCT = 0.02
POLISH_LINES = 12_000
POLISH_WORK = 0.03  # of a linear engine's work that counts as one unit here


@dataclass(frozen=True, slots=True)
class Orders:
    """What was found: quantity of each option, (n_options,) units, and the best bound."""

    qty: Floats
    bound: Bound


class _Budget:
    """Counts the work of evaluations and says when the limits are reached."""

    def __init__(self, limits: Limits, lines: int) -> None:
        self.limits = limits
        self.price = WORK_PER_EVALUATION + WORK_PER_LINE * lines
        self.work = 0.0
        self.stopped: Termination | None = None
        self.cut_short: Termination | None = None  # a part of the search ended at its share

    def part(self, share: float) -> Callable[[], bool]:
        """Return a `may_go_on` that also ends when that share of all limits is used."""

        def may_go_on() -> bool:
            limits = self.limits
            if limits.work is not None and self.work + self.price > share * limits.work:
                self.cut_short = Termination.WORK_LIMIT
                return False
            if limits.seconds is not None and limits.elapsed > share * limits.seconds:
                self.cut_short = Termination.TIME_LIMIT
                return False
            return self.may_go_on()

        return may_go_on

    def unless_cancelled(self) -> bool:
        """Count one evaluation whatever the limits: what must be done for any orders at all."""
        self.work += self.price
        if self.limits.cancelled():
            self.stopped = Termination.CANCELLED
        return self.stopped != Termination.CANCELLED

    def may_go_on(self) -> bool:
        """Count one evaluation, unless a limit is reached."""
        limits = self.limits
        if limits.cancelled():
            self.stopped = Termination.CANCELLED
        elif limits.work is not None and self.work + self.price > limits.work:
            self.stopped = Termination.WORK_LIMIT
        elif limits.remaining <= 0.0:
            self.stopped = Termination.TIME_LIMIT
        else:
            self.work += self.price
        return self.stopped is None


def search(problem: Problem, limits: Limits, warm: Prices | None = None) -> Outcome[Orders]:
    """Return the best orders found.

    Parameters
    ----------
    warm : prices to begin from, such as `bound.prices` of another night's Orders; they are left
        aside where that night had other limits or modes. None: nothing is scarce

    Prices are learned on the whole problem; orders are built at them, repaired and filled. The
    orders that were placed then get prices of their own, and the round repeats. Where the
    problem is small, a mixed-integer program over candidate quantities has the last word.
    """
    before = limits.elapsed
    evaluator = BoundEvaluator(problem)
    budget = _Budget(limits, evaluator.size)
    if not len(problem.options):
        return _nothing_to_choose(evaluator, budget, before)
    start = warm if warm is not None and _fits(problem, warm) else None
    bound = ascend(evaluator, budget.part(SHARE_OF_PRICES), STEPS, start)
    found = _rounds(evaluator, bound, budget)
    best = found[0] if found else None
    if best is None and bound.value > _dearest(problem):
        return _outcome(problem, None, bound, bound.value, True, budget, before)
    if best is not None:
        go = budget.part(SHARE_OF_ALPHA)
        bound = ascend_with_alpha(evaluator, go, bound, problem.objective(best))
    value, impossible = bound.value, False
    if _worth_polishing(problem, best, bound, budget):
        polished = _polished(evaluator, bound, best, found, budget)
        if polished is not None:
            best, impossible = polished.qty, polished.impossible
            value = value if polished.bound is None else max(value, polished.bound)
    return _outcome(problem, best, bound, value, impossible, budget, before)


def _fits(problem: Problem, prices: Prices) -> bool:
    """Say whether prices are of as many rows and arms as the problem has."""
    same = len(prices.row) == len(problem.rows), len(prices.shipment) == len(problem.arms)
    return all(same)


def _dearest(problem: Problem) -> float:
    """Return more than any orders can cost; a bound above it proves that there are none."""
    options, arms, segments = problem.options, problem.arms, problem.segments
    most = options.high
    reach = np.bincount(options.pair, options.usable * most, minlength=len(problem.pairs))
    level = problem.pairs.position
    stock = np.maximum(problem.pairs.cost(level), problem.pairs.cost(level + reach)).sum()
    price = np.zeros(len(options))
    np.maximum.at(price, segments.option, segments.price + segments.offset)
    kg, m3, units = (load[arms.group] for load in problem.load(most))
    shipments = 1.0 + kg / arms.shipment_kg + m3 / arms.shipment_m3
    freight = shipments * arms.per_shipment + kg * arms.per_kg + m3 * arms.per_m3
    freight = (freight + units * arms.per_unit).sum()
    return float(stock + (price * most).sum() + problem.groups.cost.sum() + freight)


def _rounds(evaluator: BoundEvaluator, bound: Bound, budget: _Budget) -> list[Floats]:
    """Return the feasible orders found, best first."""
    problem = evaluator.problem
    builder = OrderBuilder(evaluator)
    found: list[tuple[float, int, Floats]] = []

    def keep(qty: Floats) -> None:
        if not problem.broken(qty):
            found.append((problem.objective(qty), len(found), qty))

    keep(np.zeros(len(problem.options)))
    now, allowed = bound, np.ones(len(problem.groups), bool)
    go = budget.part(SHARE_OF_ROUNDS)
    for number in range(ROUNDS):
        if number and not go():
            break
        for qty in _tries(builder, now, allowed, budget, go if number else None):
            keep(qty)
        if not found:
            break
        best, _, qty = min(found, key=lambda entry: entry[:2])
        if best - bound.value <= GOOD_ENOUGH_PCT / 100.0 * abs(best) or not go():
            break
        open_now = (problem.group_value(qty) > 0.0) | _would_open(
            problem, evaluator.evaluate(now.prices)
        )
        if number and (open_now == allowed).all():
            break
        allowed = open_now
        now = ascend(evaluator, go, RESTRICTED_STEPS, now.prices, allowed)
    return [entry[2] for entry in sorted(found, key=lambda entry: entry[:2])]


def _tries(
    builder: OrderBuilder,
    bound: Bound,
    allowed: Flags,
    budget: _Budget,
    may_go_on: Callable[[], bool] | None,
) -> Iterator[Floats]:
    """Build orders at the bound's prices, then at prices moved by what was used too much.

    Parameters
    ----------
    may_go_on : None: the first try is made whatever the limits
    """
    problem = builder.problem
    room = np.maximum(np.abs(problem.rows.room), 1e-9)
    for number in range(TRIES):
        go = may_go_on or (budget.part(SHARE_OF_ROUNDS) if number else budget.unless_cancelled)
        raw = builder.build(bound, allowed)
        repairer = Repairer(problem, bound.prices.row)
        repaired = repairer.repair(raw, go)
        yield repairer.fill(repaired, go)
        used = problem.usage(raw) / room
        over = used > 1.0 + 1e-9
        wasted = (used < 0.98) & (bound.prices.row > 0.0)
        if not (over | wasted).any() or not budget.part(SHARE_OF_ROUNDS)():
            return
        least = 0.02 * max(abs(bound.value), 1e-9) / room
        price = np.where(over, np.maximum(bound.prices.row, least), bound.prices.row)
        price = price * np.where(over | wasted, np.clip(used, 0.8, 1.25), 1.0)
        bound = replace(bound, prices=Prices(price, bound.prices.shipment))


def _would_open(problem: Problem, bound: Bound) -> Flags:
    """Say which orders save something at the bound's prices."""
    result: Flags = np.maximum.reduceat(bound.gain, problem.arm_start) > 0.0
    return result


def _worth_polishing(problem: Problem, best: Floats | None, bound: Bound, budget: _Budget) -> bool:
    if budget.stopped is not None or len(problem.options) > POLISH_LINES:
        return False
    if best is None:
        return True
    objective = problem.objective(best)
    return proven_status(objective, bound.value) != Status.OPTIMAL


def _polished(
    evaluator: BoundEvaluator,
    bound: Bound,
    best: Floats | None,
    found: list[Floats],
    budget: _Budget,
) -> Polished | None:
    """Let the mixed-integer program have what is left of the limits."""
    from optimizer.replenishment.polish import polish

    limits = budget.limits
    work = None if limits.work is None else POLISH_WORK * max(limits.work - budget.work, 0.0)
    seconds = None if limits.seconds is None else 0.9 * limits.remaining
    rest = Limits(seconds, work, limits.seed, limits.cancelled, limits.progress, limits.clock)
    polished = polish(evaluator, bound, best, found[:3], rest)
    if polished is not None:
        budget.work += polished.outcome.work / POLISH_WORK
        if polished.outcome.termination != Termination.CONVERGED:
            budget.stopped = polished.outcome.termination
    return polished


def _nothing_to_choose(
    evaluator: BoundEvaluator, budget: _Budget, before: float
) -> Outcome[Orders]:
    """Return the empty order, which is all there is without options."""
    problem = evaluator.problem
    nothing = np.zeros(0)
    bound = evaluator.evaluate(evaluator.zero())
    impossible = bool(problem.broken(nothing))
    best = None if impossible else nothing
    return _outcome(problem, best, bound, bound.value, impossible, budget, before)


def _outcome(
    problem: Problem,
    qty: Floats | None,
    bound: Bound,
    value: float,
    impossible: bool,
    budget: _Budget,
    before: float,
) -> Outcome[Orders]:
    """Return what is known: a bound, the recomputed objective, why the search ended."""
    seconds = budget.limits.elapsed - before
    stopped = budget.stopped or budget.cut_short or Termination.CONVERGED
    if qty is None:
        status = Status.INFEASIBLE if impossible else Status.NO_SOLUTION_FOUND
        return Outcome(status, stopped, ENGINE, None, None, None, seconds, budget.work)
    objective = problem.objective(qty)
    if objective < value <= objective + 1e-6 * max(1.0, abs(objective)):
        value = objective  # they meet but for rounding
    return Outcome(
        proven_status(objective, value),
        stopped,
        ENGINE,
        Orders(qty, bound),
        objective,
        value,
        seconds,
        budget.work,
    )
