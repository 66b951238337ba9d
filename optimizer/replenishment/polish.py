"""Improves tonight's orders by a mixed-integer program over a few quantities of each option.

    minimise  sum_c cost_c x_c + sum_g order_cost_g y_g + sum_g per_shipment n_g
    sum of x over a pair's candidates <= 1          one quantity from one option
    sum of x over an option's candidates <= y_g     only in an order that is placed
    sum of money x over an order >= minimum y_g     its least value
    n_g >= y_g, n_g size >= load                    whole shipments
    rows                                            every limit

A candidate is an option and a quantity; cost_c is what it changes in expected holding and
shortage, premium and linear transport, exactly. The result can only be as good as the
candidates: its bound is not one of the whole problem, and is not used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.engines.linear import LinearSolution, solve_linear
from optimizer.engines.linear_problem import LinearProblem, Rows
from optimizer.outcome import Limits, Outcome
from optimizer.replenishment.bounds import Bound, BoundEvaluator
from optimizer.replenishment.lines import make_lines
from optimizer.replenishment.problem import Problem
from optimizer.replenishment.stock_cost import stock_cost

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRICE_SCALES = (0.0, 0.7, 1.0, 1.3, 2.0)
SUBSIDY_SHARES = (0.3, 0.6, 0.9)
MOST_CANDIDATES = 40_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Quantities to choose from: option (n,), qty (n,) units, cost and money (n,)."""

    option: Ints
    qty: Floats
    cost: Floats
    money: Floats


def candidates(
    evaluator: BoundEvaluator, bound: Bound, arm: Ints, found: list[Floats]
) -> Candidates:
    """Return quantities that are best at some prices around the best ones, and neighbours.

    Parameters
    ----------
    arm : (n_groups,) mode on which each order is taken to come
    found : orders found so far; their quantities are always among the candidates
    """
    problem = evaluator.problem
    lines = make_lines(problem, relaxed=False)
    lines = lines.take(arm[problem.arms.group[lines.arm]] == lines.arm)
    group = problem.arms.group[lines.arm]
    in_money = (evaluator.money_rows @ bound.prices.row)[lines.option]
    in_units = (evaluator.unit_rows @ bound.prices.row)[lines.option]
    load = lines.transport + bound.prices.shipment[lines.arm] * lines.truck - lines.cheapest
    slope = lines.price + load + lines.holding * lines.usable
    top = np.full(len(problem.groups), np.inf)
    np.minimum.at(top, group, slope / np.maximum(lines.price, 1e-12))
    top = np.where(problem.groups.minimum > 0.0, np.maximum(top, 0.0), 0.0)[group]
    option, qty = [], []
    prices = [
        scale * (in_money * lines.price + in_units) + lines.price + load for scale in PRICE_SCALES
    ]
    base = in_money * lines.price + in_units + lines.price + load
    prices += [base - share * top * lines.price for share in SUBSIDY_SHARES]
    for price in prices:
        amount, _ = lines.best(price)
        for shift in (-1.0, 0.0, 1.0):
            near = amount + shift * lines.multiple
            ok = (near >= lines.low - 1e-9) & (near <= lines.high + 1e-9)
            option.append(lines.option[ok])
            qty.append(near[ok])
    for orders in found:
        some = np.flatnonzero(orders > 0.0)
        option.append(some)
        qty.append(orders[some])
    both = np.unique(np.column_stack([np.concatenate(option), np.concatenate(qty)]), axis=0)
    chosen, amount = both[:, 0].astype(np.int64), both[:, 1]
    return _priced(problem, arm, chosen, amount)


def _priced(problem: Problem, arm: Ints, option: Ints, qty: Floats) -> Candidates:
    """Price candidates exactly: each alone in its pair."""
    options, pairs, arms = problem.options, problem.pairs, problem.arms
    pair = options.pair[option]
    money = _money_of(problem, option, qty)
    nothing = pairs.cost(pairs.position)
    part = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
    stock = stock_cost(pairs.position[pair] + options.usable[option] * qty, *part) - nothing[pair]
    on = arm[options.group[option]]
    freight = (
        arms.per_kg[on] * options.kg[option]
        + arms.per_m3[on] * options.m3[option]
        + arms.per_unit[on]
    ) * qty
    cost = stock + money - options.cheapest[option] * qty + freight
    return Candidates(option, qty, cost, money)


def _money_of(problem: Problem, option: Ints, qty: Floats) -> Floats:
    """Return the purchase cost of quantities of options, money."""
    segments, start = problem.segments, problem.options.segment_start
    at = start[option]
    count = start[option + 1] - start[option]
    for step in range(1, int(count.max(initial=1))):
        next_one = np.minimum(start[option] + step, len(segments.low) - 1)
        reached = (step < count) & (qty >= segments.low[next_one] - 1e-9)
        at = np.where(reached, next_one, at)
    money: Floats = segments.offset[at] + segments.price[at] * qty
    return money


def program(problem: Problem, chosen: Candidates, arm: Ints) -> LinearProblem:
    """Return the mixed-integer program over the candidates: x, then y, then n."""
    options, groups, arms = problem.options, problem.groups, problem.arms
    n, m = len(chosen.option), len(groups)
    pair, group = options.pair[chosen.option], options.group[chosen.option]
    x, y, ships = np.arange(n), n + np.arange(m), n + m + np.arange(m)
    rows = Rows()
    infinite = np.inf
    used_pairs, pair_row = np.unique(pair, return_inverse=True)
    k = len(used_pairs)
    rows.add(pair_row, x, np.ones(n), np.full(k, -infinite), np.ones(k))
    used_options, option_row = np.unique(chosen.option, return_inverse=True)
    k = len(used_options)
    rows.add(
        np.r_[option_row, np.arange(k)],
        np.r_[x, y[options.group[used_options]]],
        np.r_[np.ones(n), -np.ones(k)],
        np.full(k, -infinite),
        np.zeros(k),
    )
    rows.add(
        np.r_[group, np.arange(m)],
        np.r_[x, y],
        np.r_[chosen.money, -groups.minimum],
        np.zeros(m),
        np.full(m, infinite),
    )
    rows.add(
        np.r_[np.arange(m), np.arange(m)],
        np.r_[ships, y],
        np.r_[np.ones(m), -np.ones(m)],
        np.zeros(m),
        np.full(m, infinite),
    )
    for size, weight in (
        (arms.shipment_kg[arm], options.kg[chosen.option]),
        (arms.shipment_m3[arm], options.m3[chosen.option]),
    ):
        finite = np.isfinite(size) & (arms.per_shipment[arm] > 0.0)
        at = np.flatnonzero(finite)
        if not len(at):
            continue
        place = np.full(m, -1)
        place[at] = np.arange(len(at))
        inside = finite[group]
        load = (weight * chosen.qty)[inside] / size[group[inside]]
        rows.add(
            np.r_[place[group[inside]], np.arange(len(at))],
            np.r_[x[inside], ships[at]],
            np.r_[-load, np.ones(len(at))],
            np.zeros(len(at)),
            np.full(len(at), infinite),
        )
    money = problem.rows.money[:, chosen.option].multiply(chosen.money[None, :]).tocoo()
    units = problem.rows.units[:, chosen.option].multiply(chosen.qty[None, :]).tocoo()
    if len(problem.rows):
        rows.add(
            np.r_[money.coords[0], units.coords[0]],
            np.r_[money.coords[1], units.coords[1]],
            np.r_[money.data, units.data],
            np.full(len(problem.rows), -infinite),
            problem.rows.room,
        )
    most = np.full(m, 1e4)
    return rows.problem(
        np.r_[chosen.cost, groups.cost, arms.per_shipment[arm]],
        np.zeros(n + 2 * m),
        np.r_[np.ones(n + m), most],
        np.ones(n + 2 * m, bool),
        float(problem.pairs.cost(problem.pairs.position).sum()),
    )


def polish(
    evaluator: BoundEvaluator,
    bound: Bound,
    best: Floats | None,
    found: list[Floats],
    limits: Limits,
) -> tuple[Floats | None, Outcome[LinearSolution] | None]:
    """Return better orders if the program finds any, else `best`; and how the search went."""
    problem = evaluator.problem
    arm = _arms_of(problem, bound, np.zeros(len(problem.options)) if best is None else best)
    chosen = candidates(evaluator, bound, arm, found)
    if not len(chosen.option) or len(chosen.option) > MOST_CANDIDATES:
        return best, None
    linear = program(problem, chosen, arm)
    start = None if best is None else _start(problem, chosen, arm, best, len(linear.cost))
    outcome = solve_linear(linear, limits, start, gap=1e-6)
    if outcome.solution is None:
        return best, outcome
    x = outcome.solution.x[: len(chosen.option)]
    qty = np.bincount(chosen.option, chosen.qty * x, len(problem.options)).astype(np.float64)
    if problem.broken(qty):
        return best, outcome
    if best is not None and problem.objective(qty) >= problem.objective(best):
        return best, outcome
    return qty, outcome


def _arms_of(problem: Problem, bound: Bound, best: Floats) -> Ints:
    """Return the mode of each order: the one that is cheapest for `best`, else for the bound."""
    arms = problem.arms
    order = np.lexsort((np.arange(len(arms)), -bound.gain, arms.group))
    first = np.unique(arms.group[order], return_index=True)[1]
    by_bound: Ints = order[first]
    kg, m3, units = (load[arms.group] for load in problem.load(best))
    shipments = np.maximum(np.ceil(kg / arms.shipment_kg), np.ceil(m3 / arms.shipment_m3))
    cost = np.maximum(shipments, 1.0) * arms.per_shipment
    cost = cost + kg * arms.per_kg + m3 * arms.per_m3 + units * arms.per_unit
    order = np.lexsort((np.arange(len(arms)), cost, arms.group))
    by_load = order[np.unique(arms.group[order], return_index=True)[1]]
    placed = np.bincount(problem.options.group, best, len(problem.groups)) > 0.0
    return np.where(placed, by_load, by_bound)


def _start(problem: Problem, chosen: Candidates, arm: Ints, best: Floats, size: int) -> Floats:
    """Return `best` as a point of the program."""
    n, m = len(chosen.option), len(problem.groups)
    point = np.zeros(size)
    point[:n] = np.abs(best[chosen.option] - chosen.qty) < 1e-9
    placed = np.bincount(problem.options.group, best, m) > 0.0
    point[n : n + m] = placed
    kg, m3, _ = problem.load(best)
    shipments = np.maximum(
        np.ceil(kg / problem.arms.shipment_kg[arm] - 1e-9),
        np.ceil(m3 / problem.arms.shipment_m3[arm] - 1e-9),
    )
    point[n + m :] = np.where(placed, np.maximum(shipments, 1.0), 0.0)
    return point
