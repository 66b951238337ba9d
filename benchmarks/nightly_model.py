"""Tonight's decision as one mixed-integer program, as a modeller would hand it to a solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from optimizer.engines.linear_problem import LinearProblem
from optimizer.replenishment.stock_cost import best_level
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TANGENTS = 14  # of each pair's expected cost


@dataclass(frozen=True, slots=True)
class DirectModel:
    """The program; columns are packs, switches of lines, switches of orders, cost of pairs.

    Attributes
    ----------
    linear : the program
    multiple : (n_options,) units in a pack; the first n_options columns are packs
    """

    linear: LinearProblem
    multiple: Floats


class _Rows:
    """Rows as they are gathered."""

    def __init__(self) -> None:
        self.column: list[Ints] = []
        self.value: list[Floats] = []
        self.lower: list[float] = []
        self.upper: list[float] = []

    def add(self, column: Ints, value: Floats, lower: float, upper: float) -> None:
        self.column.append(column)
        self.value.append(value)
        self.lower.append(lower)
        self.upper.append(upper)


def direct_model(problem: Problem) -> DirectModel:
    """Write the decision down: no price breaks, no lanes, which the benchmark's cases lack.

    min sum_i c_i + premiums + order costs; c_i above tangents of expected cost;
    low z <= q <= high z; z <= g; value of an order >= minimum g; limits.
    """
    options, pairs, groups = problem.options, problem.pairs, problem.groups
    n, n_groups, n_pairs = len(options), len(groups), len(pairs)
    price = problem.segments.price[options.segment_start[:-1]]
    packs, switch, order, cost = (
        np.arange(n), n + np.arange(n), 2 * n + np.arange(n_groups),
        2 * n + n_groups + np.arange(n_pairs),
    )  # fmt: skip
    rows = _Rows()
    for at in range(n):
        step = options.multiple[at]
        both = np.array([packs[at], switch[at]])
        rows.add(both, np.array([step, -options.low[at]]), 0.0, np.inf)
        rows.add(both, np.array([step, -options.high[at]]), -np.inf, 0.0)
        pair = np.array([switch[at], order[options.group[at]]])
        rows.add(pair, np.array([1.0, -1.0]), -np.inf, 0.0)
    by_group = np.argsort(options.group, kind="stable")
    edges = np.searchsorted(options.group[by_group], np.arange(n_groups + 1))
    for group in range(n_groups):
        inside = by_group[edges[group] : edges[group + 1]]
        columns = np.r_[packs[inside], order[group]]
        values = np.r_[price[inside] * options.multiple[inside], -groups.minimum[group]]
        rows.add(columns, values, 0.0, np.inf)
    by_pair = np.argsort(options.pair, kind="stable")
    starts = np.searchsorted(options.pair[by_pair], np.arange(n_pairs + 1))
    for pair in range(n_pairs):
        inside = by_pair[starts[pair] : starts[pair + 1]]
        for slope, constant in _tangents(problem, pair):
            columns = np.r_[packs[inside], cost[pair]]
            values = np.r_[-slope * options.usable[inside] * options.multiple[inside], 1.0]
            rows.add(columns, values, constant, np.inf)
    money, units = problem.rows.money.tocsr(), problem.rows.units.tocsr()
    for row in range(len(problem.rows)):
        weight = money[[row], :].toarray().ravel() * price + units[[row], :].toarray().ravel()
        used = np.flatnonzero(weight)
        rows.add(
            packs[used], (weight * options.multiple)[used], -np.inf, float(problem.rows.room[row])
        )
    premium = (price - options.cheapest) * options.multiple
    count = np.array([len(column) for column in rows.column])
    linear = LinearProblem(
        cost=np.r_[premium, np.zeros(n), groups.cost, np.ones(n_pairs)],
        lower=np.zeros(2 * n + n_groups + n_pairs),
        upper=np.r_[
            options.high / options.multiple, np.ones(n + n_groups), np.full(n_pairs, np.inf)
        ],
        integer=np.r_[np.ones(2 * n + n_groups, bool), np.zeros(n_pairs, bool)],
        row_start=np.r_[0, np.cumsum(count)].astype(np.int64),
        column=np.concatenate(rows.column).astype(np.int64),
        value=np.concatenate(rows.value),
        row_lower=np.array(rows.lower),
        row_upper=np.array(rows.upper),
    )
    return DirectModel(linear, options.multiple)


def orders_of(model: DirectModel, x: Floats) -> Floats:
    """Return the units of each option in a solution, (n_options,)."""
    result: Floats = np.rint(x[: len(model.multiple)]) * model.multiple
    return result


def _tangents(problem: Problem, pair: int) -> list[tuple[float, float]]:
    """Return slope and constant of tangents of a pair's expected cost, in units ordered."""
    pairs = problem.pairs
    mean, sd = float(pairs.mean[pair]), max(float(pairs.sd[pair]), 1e-9)
    holding, shortage = float(pairs.holding[pair]), float(pairs.shortage[pair])
    position = float(pairs.position[pair])
    least = mean + sd * ndtri(np.linspace(0.02, 0.98, TANGENTS - 1))
    best = best_level(*(np.array([v]) for v in (mean, sd, holding, shortage, 0.0)))
    levels = np.r_[least, best[np.isfinite(best)]]
    slopes = (holding + shortage) * ndtr((levels - mean) / sd) - shortage
    whole = np.full(len(levels), 0.0)
    for place, level in enumerate(levels.tolist()):
        z = (level - mean) / sd
        short = sd * (np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) - z * ndtr(-z))
        whole[place] = holding * (level - mean + short) + shortage * short
    constants = whole + slopes * (position - levels)
    return list(zip(slopes.tolist(), constants.tolist(), strict=True))
