"""Improves tonight's orders by a mixed-integer program over patterns.

    minimise  sum_k cost_k x_k + sum_a (order_cost y_a + per_shipment_a n_a)
    sum of x over a pair's patterns <= 1            one pattern a pair
    sum of x over an option's parts on an arm <= y_a    only in an order that is placed
    sum of y over a group's arms <= 1               one mode an order
    sum of money x over an order >= minimum y_a     its least value
    n_a >= y_a, n_a size >= load                    whole shipments
    rows                                            every limit

x and y are 0 or 1, n whole. cost_k is what the pattern changes in expected holding and shortage,
premium and linear transport, exactly. Where the patterns are complete, the program is the
problem, and its bound is one of the problem.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.linear import LinearSolution, solve_linear
from optimizer.engines.linear_problem import LinearProblem, Rows
from optimizer.outcome import Limits, Outcome, Status
from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.patterns import Patterns, make_patterns
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_SHIPMENTS = 1e5


@dataclass(frozen=True, slots=True)
class Polished:
    """What the program made of the orders.

    Attributes
    ----------
    qty : (n_options,) units; None where nothing feasible is known
    bound : of the whole problem, money; None where the patterns are not complete
    impossible : proven that no orders keep every rule
    outcome : how the search went
    """

    qty: Floats | None
    bound: float | None
    impossible: bool
    outcome: Outcome[LinearSolution]


def polish(
    evaluator: BoundEvaluator,
    bound: Bound,
    best: Floats | None,
    found: list[Floats],
    limits: Limits,
) -> Polished | None:
    """Return the better of `best` and what the program finds; None where it is too large.

    Parameters
    ----------
    best : (n_options,) units, feasible; None where nothing is known
    found : other orders whose quantities are worth a look
    """
    problem = evaluator.problem
    known = np.zeros(len(problem.options)) if best is None else best
    arm = _arms_of(problem, bound, known)
    patterns = make_patterns(evaluator, bound, arm, found)
    if patterns is None or not len(patterns.pair):
        return None
    linear = program(problem, patterns)
    start = None if best is None else _start(problem, patterns, arm, best, len(linear.cost))
    outcome = solve_linear(linear, limits, start, gap=1e-6)
    proven = outcome.bound if patterns.complete else None
    if outcome.solution is None:
        impossible = patterns.complete and outcome.status == Status.INFEASIBLE
        return Polished(best, proven, impossible and best is None, outcome)
    x = outcome.solution.x[: len(patterns.pair)]
    qty = np.bincount(
        patterns.option, patterns.qty * x[patterns.pattern], len(problem.options)
    ).astype(np.float64)
    worse = best is not None and problem.objective(qty) >= problem.objective(best)
    return Polished(best if worse or problem.broken(qty) else qty, proven, False, outcome)


def program(problem: Problem, patterns: Patterns) -> LinearProblem:
    """Return the mixed-integer program over the patterns: x, then y, then n."""
    groups, arms = problem.groups, problem.arms
    n, m = len(patterns.pair), len(arms)
    y, ships = n + np.arange(m), n + m + np.arange(m)
    part = patterns.pattern
    rows = Rows()
    up = np.inf

    def at_most(row: Ints, column: Ints, value: Floats, count: int, most: float) -> None:
        rows.add(row, column, value, np.full(count, -up), np.full(count, most))

    def at_least(row: Ints, column: Ints, value: Floats, count: int) -> None:
        rows.add(row, column, value, np.zeros(count), np.full(count, up))

    used_pairs, row = np.unique(patterns.pair, return_inverse=True)
    at_most(row, np.arange(n), np.ones(n), len(used_pairs), 1.0)
    key = patterns.option * m + patterns.arm
    used, row = np.unique(key, return_inverse=True)
    k = len(used)
    at_most(
        np.r_[row, np.arange(k)], np.r_[part, y[used % m]], np.r_[np.ones(len(row)), -np.ones(k)],
        k, 0.0,
    )  # fmt: skip
    at_most(arms.group, y, np.ones(m), len(groups), 1.0)
    each = np.arange(m)
    at_least(
        np.r_[patterns.arm, each],
        np.r_[part, y],
        np.r_[patterns.money, -groups.minimum[arms.group]],
        m,
    )
    at_least(np.r_[each, each], np.r_[ships, y], np.r_[np.ones(m), -np.ones(m)], m)
    for size, weight in (
        (arms.shipment_kg, problem.options.kg),
        (arms.shipment_m3, problem.options.m3),
    ):
        finite = np.isfinite(size) & (arms.per_shipment > 0.0)
        at = np.flatnonzero(finite)
        if not len(at):
            continue
        place = np.full(m, -1)
        place[at] = np.arange(len(at))
        inside = finite[patterns.arm]
        load = (weight[patterns.option] * patterns.qty)[inside] / size[patterns.arm[inside]]
        at_least(
            np.r_[place[patterns.arm[inside]], np.arange(len(at))],
            np.r_[part[inside], ships[at]],
            np.r_[-load, np.ones(len(at))],
            len(at),
        )
    if len(problem.rows):
        money = problem.rows.money[:, patterns.option].multiply(patterns.money[None, :]).tocoo()
        units = problem.rows.units[:, patterns.option].multiply(patterns.qty[None, :]).tocoo()
        rows.add(
            np.r_[money.coords[0], units.coords[0]],
            part[np.r_[money.coords[1], units.coords[1]]],
            np.r_[money.data, units.data],
            np.full(len(problem.rows), -up),
            problem.rows.room,
        )
    return rows.problem(
        np.r_[patterns.cost, groups.cost[arms.group], arms.per_shipment],
        np.zeros(n + 2 * m),
        np.r_[np.ones(n + m), np.full(m, MOST_SHIPMENTS)],
        np.ones(n + 2 * m, bool),
        float(problem.pairs.cost(problem.pairs.position).sum()),
    )


def _arms_of(problem: Problem, bound: Bound, best: Floats) -> Ints:
    """Return the mode of each order: the one that is cheapest for `best`, else for the bound."""
    arms = problem.arms
    order = np.lexsort((np.arange(len(arms)), -bound.gain, arms.group))
    by_bound = order[np.unique(arms.group[order], return_index=True)[1]]
    order = np.lexsort((np.arange(len(arms)), problem.cost_by_arm(best), arms.group))
    by_load = order[np.unique(arms.group[order], return_index=True)[1]]
    placed = np.bincount(problem.options.group, best, len(problem.groups)) > 0.0
    chosen: Ints = np.where(placed, by_load, by_bound)
    return chosen


def _start(problem: Problem, patterns: Patterns, arm: Ints, best: Floats, size: int) -> Floats:
    """Return `best` as a point of the program."""
    n, m = len(patterns.pair), len(problem.arms)
    options = problem.options
    point = np.zeros(size)
    fits = np.abs(best[patterns.option] - patterns.qty) < 1e-9
    fits &= arm[options.group[patterns.option]] == patterns.arm
    parts = np.bincount(patterns.pattern, minlength=n)
    in_use = np.bincount(options.pair, best > 0.0, len(problem.pairs))
    whole = np.bincount(patterns.pattern, fits, n) == parts
    point[:n] = whole & (parts == in_use[patterns.pair])
    placed = np.bincount(options.group, best, len(problem.groups)) > 0.0
    on = arm[placed]
    point[n + on] = 1.0
    kg, m3, _ = problem.load(best)
    arms, group = problem.arms, problem.arms.group[on]
    shipments = np.maximum(
        np.ceil(kg[group] / arms.shipment_kg[on] - 1e-9),
        np.ceil(m3[group] / arms.shipment_m3[on] - 1e-9),
    )
    point[n + m + on] = np.maximum(shipments, 1.0)
    return point
