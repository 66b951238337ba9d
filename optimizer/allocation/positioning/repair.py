"""Makes flows keep what they share: cuts what is worth least, drops trips that do not pay."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Flags, Floats, Ints, Problem

ROUNDS = 60
SHARE = 4  # a quarter of a move is cut at a time
FITS = 1e-9


def cut_overloads(state: PlanState, here: Floats, least: Floats) -> None:
    """Cut moves until every row fits; those that lose least per unit of room go first."""
    problem = state.problem
    rows = problem.rows
    for turn in range(ROUNDS):
        over = rows.loads(state.load()) - rows.room
        worst = np.flatnonzero(over > FITS * np.maximum(rows.room, 1.0))
        if not len(worst):
            return
        product, lane = np.nonzero(state.moved)
        qty = state.moved[product, lane]
        if turn < ROUNDS - 1:
            qty = np.maximum(-(-qty // SHARE), 1)
        loss = state.cost_of_cutting(product, lane, qty, here, least) - _paid(
            problem, product, lane, qty
        )
        open_ones = np.ones(len(product), bool)
        for row in worst:
            frees = qty * _weights(problem, int(row), product, lane)
            able = np.flatnonzero(open_ones & (frees > 0.0))
            order = able[np.argsort(loss[able] / frees[able], kind="stable")]
            reached = np.cumsum(frees[order])
            excess = float(over[row])
            count = int(np.searchsorted(reached, excess - FITS)) + 1
            chosen = order[:count]
            state.cut(product[chosen], lane[chosen], qty[chosen])
            open_ones[chosen] = False


def _paid(problem: Problem, product: Ints, lane: Ints, qty: Ints) -> Floats:
    """Return what each move costs on its lane, shares of trips left out."""
    lanes = problem.lanes
    per_unit = lanes.per_unit[lane] + lanes.handling[lane]
    per_unit = per_unit + (lanes.per_kg + lanes.co2)[lane] * problem.kg[product]
    cost: Floats = qty * (per_unit + lanes.per_m3[lane] * problem.m3[product])
    return cost


def _weights(problem: Problem, row: int, product: Ints, lane: Ints) -> Floats:
    """Return what one unit of each move takes of a row."""
    rows = problem.rows
    weight: Floats = (
        rows.units[row, lane]
        + rows.kg[row, lane] * problem.kg[product]
        + rows.m3[row, lane] * problem.m3[product]
    )
    return weight


def drop_trips(state: PlanState, here: Floats, least: Floats) -> bool:
    """Drop the last trips of lanes where that costs less than the trip; say if any was dropped.

    A lane whose last trip is not filled as far as it must be loses that trip in any case.
    """
    lanes = state.problem.lanes
    dropped = False
    for a in np.flatnonzero(lanes.trip_cost > 0.0).tolist():
        dropped |= _drop_on(state, a, here, least)
    for a in np.flatnonzero((lanes.trip_cost <= 0.0) & (lanes.trip_fill > 0.0)).tolist():
        dropped |= _drop_on(state, a, here, least)
    return dropped


def _drop_on(state: PlanState, a: int, here: Floats, least: Floats) -> bool:
    problem = state.problem
    lanes = problem.lanes
    product = np.flatnonzero(state.moved[:, a] > 0)
    if not len(product):
        return False
    lane = np.full(len(product), a)
    sizes = np.stack([problem.kg[product] / lanes.trip_kg[a], problem.m3[product] / lanes.trip_m3[a]])
    qty = state.moved[product, a]
    filled = sizes @ qty
    trips = max(float(np.ceil(filled.max() - FITS)), 1.0)
    excess = filled - (trips - 1.0)  # of a trip, by kg and by m3
    unfilled = bool(filled.max() < trips * lanes.trip_fill[a] - FITS)
    loss = state.cost_of_cutting(product, lane, qty, here, least) - _paid(
        problem, product, lane, qty
    )
    binding = int(np.argmax(excess))
    taken = sizes[binding] * qty
    order = np.argsort(loss / np.maximum(taken, 1e-12), kind="stable")
    gone = np.cumsum((sizes * qty)[:, order], axis=1)
    enough = (gone >= excess[:, None] - FITS).all(axis=0)
    count = int(np.argmax(enough)) + 1 if enough.any() else len(order)
    if trips <= 1.0:
        count = len(order)
    chosen = order[:count]
    amount = qty[chosen].copy()
    if trips > 1.0:
        amount[-1] = _needed(sizes[:, chosen[-1]], gone[:, count - 1] - excess, int(amount[-1]))
    total = float(loss[chosen[:-1]].sum()) + float(
        (
            state.cost_of_cutting(product[chosen[-1:]], lane[:1], amount[-1:], here, least)
            - _paid(problem, product[chosen[-1:]], lane[:1], amount[-1:])
        )[0]
    )
    if not unfilled and total >= lanes.trip_cost[a] - 1e-9:
        return False
    state.cut(product[chosen], lane[: len(chosen)], amount)
    return True


def _needed(size: Floats, spare: Floats, qty: int) -> int:
    """Return how many units of the last move must go, when `spare` is freed beyond need."""
    keep = np.divide(spare, size, out=np.full(2, np.inf), where=size > 0.0).min()
    return max(qty - int(np.floor(max(keep, 0.0) + FITS)), 1) if np.isfinite(keep) else qty


def overfull(problem: Problem, load: Floats) -> Flags:
    """Say which rows are loaded beyond their room."""
    rows = problem.rows
    over: Flags = rows.loads(load) > rows.room + 1e-6 * np.maximum(rows.room, 1.0)
    return over
