"""Looks for tonight's best orders under every limit, and bounds how much better any could be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.outcome import Limits, Outcome, Status, Termination, proven_status
from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.evaluation_budget import EvaluationBudget
from optimizer.replenishment.tonight.line_prices import Prices
from optimizer.replenishment.tonight.orders_at_prices import OrderBuilder
from optimizer.replenishment.tonight.prices import ascend
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.repair import Repairer
from optimizer.replenishment.tonight.saddle import find_saddle
from optimizer.replenishment.tonight.sample import sample_of

if TYPE_CHECKING:
    from optimizer.replenishment.tonight.polish import Polished

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ENGINE = "price decomposition"
SHARE_OF_PRICES = 0.5  # of all limits, by when the first prices must be found
SHARE_OF_ROUNDS = 0.85
ROUNDS = 4
TRIES = 6
STEPS = 60
SADDLE_STEPS = 800
FIRST_STEPS = 12
LAST_STEPS = 9  # on the whole, after a sample
RESTRICTED_STEPS = 25
TUNING_STEPS = 60
TUNING_STEP = 0.2
OPEN_SHARES = (0.5, 0.25, 0.75)  # an order is placed where it is open at least so far
GOOD_ENOUGH_PCT = 0.02
LARGE = 150_000  # lines, from which on one try is all there is time for
BUILD_EVALUATIONS = 40  # evaluations that building orders takes as long as
CLOSE_USAGE = 2e-3  # of a row's room: near enough for repair and fill
PRICE_RESPONSE = 2.0  # relative change of a row's price per relative change of its use
POLISH_LINES = 12_000
POLISH_WORK = 0.03  # of a linear engine's work that counts as one unit here
LEAST_PRICE = 0.02  # of the price at which a row is worth the whole cost


@dataclass(frozen=True, slots=True)
class Orders:
    """What was found: quantity of each option, (n_options,) units, and the best bound."""

    qty: Floats
    bound: Bound


def search(
    problem: Problem,
    limits: Limits,
    warm: Prices | None = None,
    start: Floats | None = None,
) -> Outcome[Orders]:
    """Return the best orders found.

    Parameters
    ----------
    warm : prices to begin from, such as `bound.prices` of another night's Orders; they are left
        aside where that night had other limits or modes. None: nothing is scarce
    start : (n_options,) units, orders of a plan that may break rules; they are repaired first

    Prices are learned on the whole problem; orders are built at them, repaired and filled. The
    orders that were placed then get prices of their own, and the round repeats. Where the
    problem is small, a mixed-integer program over candidate quantities has the last word.
    """
    before = limits.elapsed
    evaluator = BoundEvaluator(problem)
    budget = EvaluationBudget(limits, evaluator.size)
    if not len(problem.options):
        return _nothing_to_choose(evaluator, budget, before)
    bound = _first_bound(evaluator, budget, warm)
    found = _rounds(evaluator, bound, budget, start)
    best = found[0] if found else None
    if best is None and evaluator.shared_pair.any():
        # whether any orders are possible is a matter of the rows' prices alone
        ray = ascend(evaluator, budget.part(1.0), STEPS)
        bound = max(bound, ray, key=lambda one: one.value)
    if best is None and bound.value > _dearest(problem):
        return _outcome(problem, None, bound, bound.value, True, budget, before)
    value, impossible = bound.value, False
    if _worth_polishing(problem, best, bound, budget):
        polished = _polished(evaluator, bound, best, found, budget)
        if polished is not None:
            best, impossible = polished.qty, polished.impossible
            value = value if polished.bound is None else max(value, polished.bound)
    return _outcome(problem, best, bound, value, impossible, budget, before)


def _first_bound(evaluator: BoundEvaluator, budget: EvaluationBudget, warm: Prices | None) -> Bound:
    """Return the best bound of the whole problem, and its prices."""
    problem = evaluator.problem
    go = budget.part(SHARE_OF_PRICES)
    start = warm if warm is not None and _fits(problem, warm) else None
    if evaluator.shared_pair.any():
        apart = ascend(evaluator, go, FIRST_STEPS, start)
        joint = find_saddle(evaluator, go, SADDLE_STEPS, start_prices=apart.prices)
        return max(joint, apart, key=lambda bound: bound.value)
    learned = _learned_on_a_sample(evaluator, budget, go) if start is None else None
    return ascend(evaluator, go, STEPS if learned is None else LAST_STEPS, learned or start)


def _learned_on_a_sample(
    evaluator: BoundEvaluator, budget: EvaluationBudget, go: Callable[[], bool]
) -> Prices | None:
    """Return prices learned on a part of the orders; None where the whole is small enough."""
    problem = evaluator.problem
    zero = evaluator.zero()
    if evaluator.size < LARGE or not go():
        return None
    unit, offset = evaluator.pricing.at(zero, np.zeros(len(problem.arms)))
    answer = evaluator.answer(unit, offset)
    some = answer.chosen[answer.benefit > 0.0]
    free = np.zeros(len(problem.options))
    np.maximum.at(free, evaluator.lines.option[some], answer.qty[some])
    sampled = sample_of(problem, free, budget.limits.seed)
    if sampled is None:
        return None
    part, arms = sampled
    small = BoundEvaluator(part)
    found = ascend(small, budget.smaller(small.size, go), STEPS)
    shipment = np.zeros(len(problem.arms))
    shipment[arms] = found.prices.shipment
    return Prices(found.prices.row, shipment)


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


def _rounds(
    evaluator: BoundEvaluator, bound: Bound, budget: EvaluationBudget, start: Floats | None
) -> list[Floats]:
    """Return the feasible orders found, best first."""
    problem = evaluator.problem
    builder = OrderBuilder(evaluator)
    found: list[tuple[float, int, Floats]] = []

    def keep(qty: Floats) -> None:
        if not problem.broken(qty):
            found.append((problem.objective(qty), len(found), qty))

    keep(np.zeros(len(problem.options)))
    if start is not None:
        options = problem.options
        fits = np.where(start > 0.0, np.clip(start, options.low, options.high), 0.0)
        repairer = Repairer(problem, bound.prices.row)
        keep(repairer.fill(repairer.repair(fits, budget.unless_cancelled), budget.unless_cancelled))
    if evaluator.shared_pair.any():
        _shared_rounds(builder, bound, budget, keep)
    else:
        _alone_rounds(builder, bound, budget, keep, found)
    return [entry[2] for entry in sorted(found, key=lambda entry: entry[:2])]


def _shared_rounds(
    builder: OrderBuilder, bound: Bound, budget: EvaluationBudget, keep: Callable[[Floats], None]
) -> None:
    """Place the orders that are open far enough, each time with prices tuned for them."""
    evaluator, problem = builder.evaluator, builder.problem
    share = np.maximum.reduceat(bound.share, problem.arm_start)
    seen: list[Flags] = []
    shares: tuple[float, ...] = OPEN_SHARES
    if evaluator.leaning.any() and evaluator.size <= LARGE:
        # pairs that need several suppliers hide which orders they need, and what these cost;
        # a large night has time for one set of orders, and these are not it
        shares = (0.0, *OPEN_SHARES)
    for number, least in enumerate(shares):
        allowed = share >= least
        if any((allowed == other).all() for other in seen):
            continue
        seen.append(allowed)
        go = budget.part(SHARE_OF_ROUNDS)
        if number and (not go() or evaluator.size > LARGE):
            break
        tuned = bound
        if least > 0.0:
            tuned = find_saddle(evaluator, go, TUNING_STEPS, bound, allowed, TUNING_STEP)
        for qty in _tries(builder, tuned, allowed, budget, go if number else None):
            keep(qty)


def _alone_rounds(
    builder: OrderBuilder,
    bound: Bound,
    budget: EvaluationBudget,
    keep: Callable[[Floats], None],
    found: list[tuple[float, int, Floats]],
) -> None:
    """Place the orders that pay; then those that were placed get prices of their own."""
    evaluator, problem = builder.evaluator, builder.problem
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
        enough = best - bound.value <= GOOD_ENOUGH_PCT / 100.0 * abs(best)
        if enough or evaluator.size > LARGE or not go():
            break
        open_now = (problem.group_value(qty) > 0.0) | _would_open(
            problem, evaluator.evaluate(now.prices)
        )
        if number and (open_now == allowed).all():
            break
        allowed = open_now
        now = ascend(evaluator, go, RESTRICTED_STEPS, now.prices, allowed)


def _tries(
    builder: OrderBuilder,
    bound: Bound,
    allowed: Flags,
    budget: EvaluationBudget,
    may_go_on: Callable[[], bool] | None,
) -> Iterator[Floats]:
    """Build orders at the bound's prices, then at prices moved by what was used too much.

    Parameters
    ----------
    may_go_on : None: the first try is made whatever the limits
    """
    problem = builder.problem
    for number in range(TRIES):
        go = may_go_on or (budget.part(SHARE_OF_ROUNDS) if number else budget.unless_cancelled)
        raw = builder.build(bound, allowed)
        budget.add(BUILD_EVALUATIONS)
        repairer = Repairer(problem, bound.prices.row)
        repaired = repairer.repair(raw, go)
        yield repairer.fill(repaired, go)
        if builder.alone and builder.evaluator.size > LARGE and not problem.broken(repaired):
            return
        room = problem.row_scale(raw)
        used = problem.usage(raw) / room + (problem.rows.room == 0.0)  # 1: all of it
        over = used > 1.0 + CLOSE_USAGE
        wasted = (used < 1.0 - 5.0 * CLOSE_USAGE) & (bound.prices.row > 0.0)
        if not (over | wasted).any() or not budget.part(SHARE_OF_ROUNDS)():
            return
        least = LEAST_PRICE * max(abs(bound.value), 1e-9) / room
        price = np.where(over, np.maximum(bound.prices.row, least), bound.prices.row)
        moved = np.clip(1.0 + PRICE_RESPONSE * (used - 1.0), 0.8, 1.25)
        price = price * np.where(over | wasted, moved, 1.0)
        bound = replace(bound, prices=Prices(price, bound.prices.shipment))


def _would_open(problem: Problem, bound: Bound) -> Flags:
    """Say which orders save something at the bound's prices."""
    result: Flags = np.maximum.reduceat(bound.gain, problem.arm_start) > 0.0
    return result


def _worth_polishing(
    problem: Problem, best: Floats | None, bound: Bound, budget: EvaluationBudget
) -> bool:
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
    budget: EvaluationBudget,
) -> Polished | None:
    """Let the mixed-integer program have what is left of the limits."""
    from optimizer.replenishment.tonight.polish import polish

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
    evaluator: BoundEvaluator, budget: EvaluationBudget, before: float
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
    budget: EvaluationBudget,
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
