"""Makes flows keep what they share: cuts what is worth least, drops trips that do not pay."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

import numpy as np

from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Ints, Problem

ROUNDS = 60
SHARE = 4  # a quarter of a move is cut at a time, in the first rounds
FITS = 1e-9


def settle(state: PlanState, here: Floats, least: Floats) -> None:
    """Cut moves until every row fits and every shipment is filled as far as it must be."""
    lanes = state.problem.lanes
    while True:
        cut_overloads(state, here, least)
        dropped = False
        for a in np.flatnonzero(lanes.trip_fill > 0.0).tolist():
            trip = _last_trip(state, a, here, least)
            if trip is not None and trip.unfilled:
                state.cut(trip.product, trip.lane, trip.qty)
                dropped = True
        if not dropped:
            return


def cut_overloads(state: PlanState, here: Floats, least: Floats) -> None:
    """Cut moves until every row fits; those that lose least per unit of room go first."""
    problem = state.problem
    rows = problem.rows
    for turn in count():
        over = rows.loads(state.load()) - rows.room
        worst = np.flatnonzero(over > FITS * np.maximum(rows.room, 1.0))
        if not len(worst):
            return
        product, lane = np.nonzero(state.moved)
        qty = state.moved[product, lane]
        if turn < ROUNDS:
            qty = np.maximum(-(-qty // SHARE), 1)
        loss = state.cost_of_cutting(product, lane, qty, here, least)
        loss -= paid(problem, product, lane, qty)
        open_ones = np.ones(len(product), bool)
        for row in worst:
            frees = qty * weights(problem, int(row), product, lane)
            able = np.flatnonzero(open_ones & (frees > 0.0))
            order = able[np.argsort(loss[able] / frees[able], kind="stable")]
            reached = np.cumsum(frees[order])
            number = int(np.searchsorted(reached, float(over[row]) - FITS)) + 1
            chosen = order[:number]
            state.cut(product[chosen], lane[chosen], qty[chosen])
            open_ones[chosen] = False


def paid(problem: Problem, product: Ints, lane: Ints, qty: Ints) -> Floats:
    """Return what each move costs on its lane, shares of trips left out."""
    lanes = problem.lanes
    per_unit = lanes.per_unit[lane] + lanes.handling[lane]
    per_unit = per_unit + (lanes.per_kg + lanes.co2)[lane] * problem.kg[product]
    cost: Floats = qty * (per_unit + lanes.per_m3[lane] * problem.m3[product])
    return cost


def weights(problem: Problem, row: int, product: Ints, lane: Ints) -> Floats:
    """Return what one unit of each move takes of a row."""
    rows = problem.rows
    weight: Floats = (
        rows.units[row, lane]
        + rows.kg[row, lane] * problem.kg[product]
        + rows.m3[row, lane] * problem.m3[product]
    )
    return weight


def drop_trips(state: PlanState, here: Floats, least: Floats) -> bool:
    """Drop the last trips of lanes where that costs less than the trip; say if any was dropped."""
    problem = state.problem
    rows, lanes = problem.rows, problem.lanes
    room = rows.room - rows.loads(state.load())
    dropped = False
    for a in np.flatnonzero(lanes.trip_cost > 0.0).tolist():
        trip = _last_trip(state, a, here, least)
        if trip is None or trip.loss >= lanes.trip_cost[a] - FITS:
            continue
        amount = trip.qty.astype(np.float64)
        less = rows.units[:, a] * amount.sum()
        less = less + rows.kg[:, a] * float(problem.kg[trip.product] @ amount)
        less = less + rows.m3[:, a] * float(problem.m3[trip.product] @ amount)
        if np.any((less < 0.0) & (room + less < -FITS)):
            continue  # what leaves makes room for what comes
        state.cut(trip.product, trip.lane, trip.qty)
        room += less
        dropped = True
    return dropped


@dataclass(frozen=True, slots=True)
class _Trip:
    """What must stay behind to save a lane's last trip, what that loses, and whether it must."""

    product: Ints
    lane: Ints
    qty: Ints
    loss: float
    unfilled: bool


def _last_trip(state: PlanState, a: int, here: Floats, least: Floats) -> _Trip | None:
    """Return the units of a lane's last trip that are worth least; None where none may go."""
    problem = state.problem
    lanes = problem.lanes
    product = np.flatnonzero(state.moved[:, a] > 0)
    if not len(product):
        return None
    lane = np.full(len(product), a)
    qty = state.moved[product, a]
    size = np.stack(
        [problem.kg[product] / lanes.trip_kg[a], problem.m3[product] / lanes.trip_m3[a]]
    )
    aboard = lanes.carried[:, a]
    stays = np.array([aboard[1] / lanes.trip_kg[a], aboard[2] / lanes.trip_m3[a]])
    filled = size @ qty + stays
    trips = max(float(np.ceil(filled.max() - FITS)), 1.0)
    needed = max(float(np.ceil(stays.max() - FITS)), 1.0) if aboard[0] > 0.0 else 0.0
    if trips <= needed:
        return None
    unfilled = bool(filled.max() < trips * lanes.trip_fill[a] - FITS)
    if trips > 1.0:
        excess = filled - (trips - 1.0)
        loss = state.cost_of_cutting(product, lane, qty, here, least)
        loss -= paid(problem, product, lane, qty)
        taken = size[int(np.argmax(excess))] * qty
        order = np.argsort(loss / np.maximum(taken, 1e-12), kind="stable")
        gone = np.cumsum((size * qty)[:, order], axis=1)
        enough = (gone >= excess[:, None] - FITS).all(axis=0)
        number = int(np.argmax(enough)) + 1 if enough.any() else len(order)
        product, lane, qty = product[order[:number]], lane[:number], qty[order[:number]]
        spare = gone[:, number - 1] - excess
        keeps = np.divide(spare, size[:, order[number - 1]], out=np.full(2, np.inf),
                          where=size[:, order[number - 1]] > 0.0).min()  # fmt: skip
        if np.isfinite(keeps):
            qty[-1] = max(int(qty[-1]) - int(np.floor(max(keeps, 0.0))), 1)
    loss = state.cost_of_cutting(product, lane, qty, here, least)
    loss -= paid(problem, product, lane, qty)
    return _Trip(product, lane, qty, float(loss.sum()), unfilled)
