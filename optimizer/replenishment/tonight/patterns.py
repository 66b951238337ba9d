"""What a pair may order tonight, as a list to choose from: the columns of the polishing program.

A pattern is one way to serve a pair: a quantity from one option on one mode, or from two options
at once. Small problems get every pattern there is; larger ones get the quantities that are best
at some prices around the best ones, and their neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.stock_cost import stock_cost
from optimizer.replenishment.tonight.bounds import Bound, BoundEvaluator
from optimizer.replenishment.tonight.lines import make_lines
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# near the bound's prices: wider ones double the program for about the same orders
PRICE_SCALES = (0.9, 1.0, 1.1)
SUBSIDY_SHARES = (0.1, 0.2, 0.3)
EVERY_PATTERN_UP_TO = 10_000
MOST_PATTERNS = 20_000


@dataclass(frozen=True, slots=True)
class Patterns:
    """Patterns and what they are made of.

    Attributes
    ----------
    pair, cost : (n_patterns,); money that the pattern changes, against ordering nothing
    pattern, option, arm : (n_parts,) int64
    qty, money : (n_parts,) units; purchase cost
    complete : every pattern of every pair is among them
    """

    pair: Ints
    cost: Floats
    pattern: Ints
    option: Ints
    arm: Ints
    qty: Floats
    money: Floats
    complete: bool


def make_patterns(
    evaluator: BoundEvaluator, bound: Bound, arm: Ints, found: list[Floats]
) -> Patterns | None:
    """Return the patterns to choose from; None where they are too many.

    Parameters
    ----------
    arm : (n_groups,) mode on which each order is taken to come where not every pattern is made
    found : orders found so far; their quantities are always among the patterns
    """
    problem = evaluator.problem
    if _count_all(problem) <= EVERY_PATTERN_UP_TO:
        return _every_pattern(problem)
    option, qty = _around_prices(evaluator, bound, arm, found)
    if len(option) > MOST_PATTERNS:
        return None
    singles = _singles(problem, option, arm[problem.options.group[option]], qty)
    return _with_found_splits(problem, singles, found)


def _count_all(problem: Problem) -> float:
    """Return how many patterns there are in all; infinity where pairs have over two options."""
    options = problem.options
    arms = np.bincount(problem.arms.group, minlength=len(problem.groups))[options.group]
    each = ((options.high - options.low) / options.multiple + 1.0) * arms
    count = np.bincount(options.pair, minlength=len(problem.pairs))
    if (count > 2).any():
        return np.inf
    both = np.ones(len(problem.pairs))
    np.multiply.at(both, options.pair, each)
    return float(each.sum() + both[count == 2].sum())


def _every_pattern(problem: Problem) -> Patterns:
    options = problem.options
    arm_start = problem.arm_start
    arms = np.bincount(problem.arms.group, minlength=len(problem.groups))
    parts = []
    for at in range(len(options)):
        steps = np.arange(options.low[at], options.high[at] + 1e-9, options.multiple[at])
        parts += [
            np.column_stack([np.full(len(steps), at), np.full(len(steps), arm), steps])
            for arm in arm_start[options.group[at]] + np.arange(arms[options.group[at]])
        ]
    table = np.concatenate(parts)
    singles = _singles(
        problem, table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), table[:, 2]
    )
    every = np.ones(len(singles.pair), bool)
    return replace(_doubles(problem, singles, every), complete=True)


def _with_found_splits(problem: Problem, singles: Patterns, found: list[Floats]) -> Patterns:
    """Add patterns of two options around the splits in the orders found so far."""
    options = problem.options
    key = singles.option * 1e6 + np.rint(singles.qty * 1e3) / 1e3
    part_of_split = np.zeros(len(singles.pair), bool)
    for orders in found:
        some = orders > 0.0
        in_use = np.bincount(options.pair, some, len(problem.pairs))
        split = np.flatnonzero(some & (in_use[options.pair] == 2))
        part_of_split |= np.isin(key, split * 1e6 + np.rint(orders[split] * 1e3) / 1e3)
    return _doubles(problem, singles, part_of_split) if part_of_split.any() else singles


def _doubles(problem: Problem, singles: Patterns, around: NDArray[np.bool_]) -> Patterns:
    """Add patterns that serve a pair from two options, one part of which is in `around`."""
    first, second = [], []
    order = np.argsort(singles.pair, kind="stable")
    edges = np.searchsorted(singles.pair[order], np.arange(len(problem.pairs) + 1))
    for pair in np.unique(singles.pair[around]):
        at = order[edges[pair] : edges[pair + 1]]
        here, there = np.meshgrid(at, at, indexing="ij")
        keep = (singles.option[here] < singles.option[there]) & (around[here] | around[there])
        first.append(here[keep])
        second.append(there[keep])
    one, two = np.concatenate(first), np.concatenate(second)
    n = len(singles.pair)
    number = n + np.arange(len(one))
    pairs, options = problem.pairs, problem.options
    pair = singles.pair[one]
    usable = options.usable[singles.option] * singles.qty
    level = pairs.position[pair] + usable[one] + usable[two]
    shape = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
    bought = [_beside_stock(problem, singles, part) for part in (one, two)]
    before = stock_cost(pairs.position[pair], *shape)
    cost = stock_cost(level, *shape) - before + bought[0] + bought[1]
    joined = np.concatenate
    return Patterns(
        joined([singles.pair, pair]),
        joined([singles.cost, cost]),
        joined([singles.pattern, number, number]),
        joined([singles.option, singles.option[one], singles.option[two]]),
        joined([singles.arm, singles.arm[one], singles.arm[two]]),
        joined([singles.qty, singles.qty[one], singles.qty[two]]),
        joined([singles.money, singles.money[one], singles.money[two]]),
        complete=False,
    )


def _beside_stock(problem: Problem, patterns: Patterns, part: Ints) -> Floats:
    """Return premium and linear transport of parts, money."""
    options, arms = problem.options, problem.arms
    option, arm, qty = patterns.option[part], patterns.arm[part], patterns.qty[part]
    freight = (
        arms.per_kg[arm] * options.kg[option]
        + arms.per_m3[arm] * options.m3[option]
        + arms.per_unit[arm]
    )
    cost: Floats = patterns.money[part] + (freight - options.cheapest[option]) * qty
    return cost


def _singles(problem: Problem, option: Ints, arm: Ints, qty: Floats) -> Patterns:
    """Return patterns of one option each, priced exactly."""
    options, pairs = problem.options, problem.pairs
    pair = options.pair[option]
    money = problem.money_of(option, qty)
    number = np.arange(len(option))
    bare = Patterns(pair, qty, number, option, arm, qty, money, complete=False)
    shape = (pairs.mean[pair], pairs.sd[pair], pairs.holding[pair], pairs.shortage[pair])
    start = pairs.position[pair]
    stock = stock_cost(start + options.usable[option] * qty, *shape) - stock_cost(start, *shape)
    cost = stock + _beside_stock(problem, bare, number)
    return Patterns(pair, cost, number, option, arm, qty, money, complete=False)


def _around_prices(
    evaluator: BoundEvaluator, bound: Bound, arm: Ints, found: list[Floats]
) -> tuple[Ints, Floats]:
    """Return options and quantities that are best at prices around the bound's, and neighbours."""
    problem = evaluator.problem
    lines = make_lines(problem)
    lines = lines.take(arm[problem.arms.group[lines.arm]] == lines.arm)
    group = problem.arms.group[lines.arm]
    in_money = (evaluator.pricing.money_rows @ bound.prices.row)[lines.option]
    in_units = (evaluator.pricing.unit_rows @ bound.prices.row)[lines.option]
    load = lines.transport + bound.prices.shipment[lines.arm] * lines.truck - lines.cheapest
    slope = lines.price + load + lines.holding * lines.usable
    top = np.full(len(problem.groups), np.inf)
    np.minimum.at(top, group, slope / np.maximum(lines.price, 1e-12))
    top = np.where(problem.groups.minimum > 0.0, np.maximum(top, 0.0), 0.0)[group]
    scarce = in_money * lines.price + in_units
    own = lines.price + load
    prices = [scale * scarce + own for scale in PRICE_SCALES]
    prices += [scarce + own - share * top * lines.price for share in SUBSIDY_SHARES]
    option, qty = [], []
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
    return both[:, 0].astype(np.int64), both[:, 1]
