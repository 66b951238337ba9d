"""Opens trips that pay: lane by lane, the one that saves most beyond its cost first."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Ints
from optimizer.allocation.positioning.repair import paid, weights


def open_trips(state: PlanState, here: Floats, least: Floats) -> bool:
    """Open one further trip after the other while one saves more than it costs; say if any was."""
    lanes = state.problem.lanes
    candidates = np.flatnonzero(lanes.trip_cost > 0.0)
    saving = np.full(len(lanes), -np.inf)
    load: dict[int, tuple[Ints, Ints]] = {}
    stale = set(candidates.tolist())
    opened = False
    while True:
        for a in sorted(stale):
            saving[a], load[a] = _worth(state, a, here, least)
        best = int(np.argmax(saving)) if len(saving) else 0
        if not len(candidates) or not saving[best] > 1e-9 * lanes.trip_cost[best]:
            return opened
        product, qty = load[best]
        state.cut(product, np.full(len(product), best), -qty)
        opened = True
        touched = {lanes.origin[best], lanes.destination[best]}
        near = np.isin(lanes.origin, list(touched)) | np.isin(lanes.destination, list(touched))
        stale = set(candidates[near[candidates]].tolist())


def _worth(
    state: PlanState, a: int, here: Floats, least: Floats
) -> tuple[float, tuple[Ints, Ints]]:
    """Return what one further trip on a lane saves beyond its cost, and what it carries."""
    problem = state.problem
    lanes, rows = problem.lanes, problem.rows
    i = lanes.origin[a]
    leaves = np.flatnonzero(lanes.origin == i)
    stay = problem.free[:, i] - state.moved[:, leaves].sum(axis=1) - state.across[:, i].sum(axis=1)
    product = np.flatnonzero((stay > 0) & problem.in_time(a))
    none = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    if not len(product):
        return -np.inf, none
    lane = np.full(len(product), a)
    sizes = [problem.kg[product] / lanes.trip_kg[a], problem.m3[product] / lanes.trip_m3[a]]
    size = np.maximum(*sizes)
    most = np.minimum(stay[product], 1.0 / np.maximum(size, 1e-12) + 1e-9).astype(np.int64)

    def change(qty: Ints) -> Floats:
        moved: Floats = state.cost_of_cutting(product, lane, -qty, here, least)
        return moved + paid(problem, product, lane, qty)

    chosen = np.zeros(len(product), np.int64)
    while (chosen < most).any():  # convex in units: halve to where a unit more saves nothing
        half = (chosen + most) // 2
        more = (change(half + 1) < change(half)) & (half < most)
        chosen, most = np.where(more, half + 1, chosen), np.where(more, most, half)
    best = change(chosen)
    some = best < 0.0
    product, lane, chosen, best = product[some], lane[some], chosen[some], best[some]
    sizes = [part[some] for part in sizes]
    if not len(product):
        return -np.inf, none
    order = np.argsort(best / np.maximum(size[some] * chosen, 1e-12), kind="stable")
    fits = np.ones(len(order), bool)
    for part in sizes:
        fits &= np.cumsum((part * chosen)[order]) <= 1.0
    now = state.load()[:, a]
    room = rows.room - rows.loads(state.load())
    for row in np.flatnonzero(rows.units[:, a] + rows.kg[:, a] + rows.m3[:, a] > 0.0).tolist():
        taken = weights(problem, row, product, lane) * chosen
        fits &= np.cumsum(taken[order]) <= room[row]
    order = order[fits]
    product, chosen = product[order], chosen[order]
    filled = max(float((part[order] * chosen).sum()) for part in sizes)
    if not len(product) or filled < lanes.trip_fill[a]:
        return -np.inf, none
    before = lanes.trips(*_of_lane(state, a, now, np.zeros(3)))[a]
    extra = np.array(
        [chosen.sum(), problem.kg[product] @ chosen, problem.m3[product] @ chosen], np.float64
    )
    after = lanes.trips(*_of_lane(state, a, now, extra))[a]
    cost = lanes.trip_cost[a] * float(after - before)
    return -float(best[order].sum()) - cost, (product, chosen)


def _of_lane(state: PlanState, a: int, now: Floats, extra: Floats) -> tuple[Floats, Floats, Floats]:
    """Return kg, m3 and units on every lane, but only this one's."""
    loads = np.zeros((3, len(state.problem.lanes)))
    loads[:, a] = now + extra
    return loads[1], loads[2], loads[0]
