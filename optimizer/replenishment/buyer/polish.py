"""The master with whole plans: a mixed-integer program over the best plans seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import Rows
from optimizer.outcome import Limits
from optimizer.replenishment.buyer.coupling import Columns, Coupling
from optimizer.replenishment.buyer.pool import Pool
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem

MOST_PLANS = 6000  # in one program
ENOUGH = 1e-7  # relative gap at which the program stops
ROUNDING = 1e-7  # relative; a program's bound is stated so much lower


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a program over the plans of a pool found.

    Attributes
    ----------
    qty : (n_slots,) None where there is nothing better than the incumbent
    bound : money that every choice among the pool's plans within the gap costs; -inf: none is known
    work : done
    """

    qty: Ints | None
    bound: float
    work: float


def reduced_costs(problem: Problem, columns: Columns, price: Floats) -> Floats:
    """Return how much dearer each plan is than its item's cheapest at the prices, (n_columns,)."""
    use = np.bincount(
        columns.column, columns.value * price[columns.row], minlength=len(columns.item)
    )
    total = columns.cost + use
    least = np.full(len(problem.items.opening), np.inf)
    np.minimum.at(least, columns.item, total)
    reduced: Floats = total - least[columns.item]
    return reduced


def pool_columns(coupling: Coupling, pool: Pool) -> Columns:
    """Return every plan of the pool as a column."""
    problem = coupling.problem
    start = problem.slots.start
    rank = np.zeros(len(pool.item), np.int64)
    count: dict[int, int] = {}
    for at, item in enumerate(pool.item):
        rank[at] = count.get(item, 0)
        count[item] = rank[at] + 1
    parts, where = [], []
    for wave in range(int(rank.max(initial=-1)) + 1):
        members = np.flatnonzero(rank == wave)
        qty = np.zeros(len(problem.slots.item), np.int64)
        for at in members.tolist():
            item = pool.item[at]
            qty[start[item] : start[item + 1]] = pool.qty[at]
        items = np.array([pool.item[at] for at in members.tolist()], np.int64)
        parts.append(coupling.columns(qty, items))
        where.append(members)
    return Columns(
        np.array(pool.item, np.int64),
        np.array(pool.cost),
        np.concatenate([at[part.column] for at, part in zip(where, parts, strict=True)]),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.value for part in parts]),
    )


def polish(
    coupling: Coupling, pool: Pool, price: Floats, incumbent: Ints, gap: float, limits: Limits
) -> Chosen:
    """Choose one plan per item of the pool, all limits kept, starting from the incumbent.

    Parameters
    ----------
    price : of the coupling rows; plans that are too dear at them are left out
    incumbent : (n_slots,) a feasible plan whose item plans are in the pool
    gap : money between the incumbent and the bound; a plan dearer than that by itself cannot help
    """
    problem = coupling.problem
    columns = pool_columns(coupling, pool)
    reduced = reduced_costs(problem, columns, price)
    start, slots = problem.slots.start, problem.slots
    mine = np.array(
        [
            np.array_equal(incumbent[start[item] : start[item + 1]], plan)
            for item, plan in zip(pool.item, pool.qty, strict=True)
        ]
    )
    rank = np.where(mine, -1.0, reduced)
    keep = np.flatnonzero((rank <= gap) | mine)
    whole = len(keep) <= MOST_PLANS
    keep = np.sort(keep[np.argsort(rank[keep], kind="stable")][:MOST_PLANS])
    place = np.full(len(pool.item), -1, np.int64)
    place[keep] = np.arange(len(keep))
    count, extras = len(keep), len(coupling.extra_cost)
    real = np.flatnonzero(np.isfinite(coupling.room))
    row_at = np.full(len(coupling.room), -1, np.int64)
    row_at[real] = np.arange(len(real))
    inside = place[columns.column] >= 0
    entry = row_at[coupling.extra_row] >= 0
    rows = Rows()
    rows.add(
        np.r_[row_at[columns.row[inside]], row_at[coupling.extra_row[entry]]],
        np.r_[place[columns.column[inside]], count + coupling.extra_column[entry]],
        np.r_[columns.value[inside], coupling.extra_value[entry]],
        np.full(len(real), -np.inf),
        coupling.room[real],
    )
    items = len(problem.items.opening)
    rows.add(columns.item[keep], np.arange(count), np.ones(count), np.ones(items), np.ones(items))
    program = rows.problem(
        np.r_[columns.cost[keep], coupling.extra_cost],
        np.zeros(count + extras),
        np.r_[np.ones(count), coupling.extra_upper],
        np.ones(count + extras, bool),
    )
    begin = np.r_[mine[keep].astype(np.float64), _extras(problem, incumbent)]
    outcome = solve_linear(program, limits, begin, gap=ENOUGH)
    bound = -np.inf
    if whole and outcome.bound is not None:
        bound = outcome.bound - ROUNDING * abs(outcome.bound)
    if outcome.solution is None:
        return Chosen(None, bound, outcome.work)
    qty = np.zeros(len(slots.item), np.int64)
    for at in keep[np.flatnonzero(outcome.solution.x[:count] > 0.5)].tolist():
        item = pool.item[at]
        qty[start[item] : start[item + 1]] = pool.qty[at]
    return Chosen(qty if problem.feasible(qty) else None, bound, outcome.work)


def _extras(problem: Problem, qty: Ints) -> Floats:
    """Return y and n of a plan."""
    placed = problem.by_order((qty > 0).astype(np.float64)) > 0.0
    values: Floats = np.r_[placed.astype(np.float64).ravel(), problem.shipments(qty).ravel()]
    return values
