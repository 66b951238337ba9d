"""Rules that planners use to move stock, and the model handed to HiGHS as it is."""

from __future__ import annotations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array

from optimizer.allocation.positioning.costs import expected_short
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Ints, Moves, Problem
from optimizer.allocation.positioning.repair import drop_trips, settle
from optimizer.allocation.positioning.search import stay_put

POINTS = 12  # tangents of each expected shortage in the model for HiGHS


def lanes_by_price(problem: Problem) -> Ints:
    """Return lanes, cheapest per kg of a full shipment first."""
    lanes = problem.lanes
    size = np.where(np.isfinite(lanes.trip_kg), lanes.trip_kg, 1.0)
    order: Ints = np.argsort(lanes.trip_cost / size + lanes.per_kg + lanes.per_unit, kind="stable")
    return order


def shift(problem: Problem, spare: Floats, need: Floats) -> Moves:
    """Send what is spare to where it is needed, lane by lane, within limits.

    Trips that save less than they cost are dropped, by our own arithmetic.
    """
    spare, need = np.floor(spare).astype(np.int64), np.ceil(need).astype(np.int64)
    parts = []
    for a in lanes_by_price(problem).tolist():
        i, j = problem.lanes.origin[a], problem.lanes.destination[a]
        qty = np.where(problem.in_time(a), np.minimum(spare[:, i], need[:, j]), 0)
        spare[:, i] -= qty
        need[:, j] -= qty
        some = np.flatnonzero(qty > 0)
        parts.append((some, np.full(len(some), a), qty[some]))
    product, lane, qty = (np.concatenate([part[at] for part in parts]) for at in range(3))
    none = np.zeros(0, np.int64)
    state = PlanState(problem, Moves(product, lane, qty, none, none, none, none))
    least, _ = problem.across()
    settle(state, least, least)
    drop_trips(state, least, least)
    settle(state, least, least)
    return state.moves()


def nearest(problem: Problem) -> Moves:
    """Cover mean demand and one standard deviation from the cheapest lane with stock to spare."""
    wish = problem.mean + problem.sd
    have = problem.fixed + problem.free
    spare = np.minimum(np.maximum(have - wish, 0.0), problem.free)
    return shift(problem, spare, np.maximum(problem.mean - have, 0.0))


def fair_share(problem: Problem) -> Moves:
    """Share all stock of a product in proportion to mean demand."""
    have = problem.fixed + problem.free
    wanted = problem.mean.sum(axis=1, keepdims=True)
    share = np.divide(problem.mean, wanted, out=np.zeros(problem.shape), where=wanted > 0.0)
    goal = np.where(wanted > 0.0, have.sum(axis=1, keepdims=True) * share, have)
    spare = np.minimum(np.maximum(have - goal, 0.0), problem.free)
    return shift(problem, spare, np.maximum(goal - have, 0.0))


RULES = {"stay put": lambda _: stay_put(), "nearest": nearest, "fair share": fair_share}


def by_highs(  # noqa: PLR0915 - one model, block by block
    problem: Problem, seconds: float, *, whole: bool
) -> tuple[Moves | None, float]:
    """Hand the model to HiGHS: tangents for expected shortages, whole units and shipments.

    Returns
    -------
    moves : None where it found none, or where units were not asked to be whole
    bound : what HiGHS says of the model; tangents lie below the curves
    """
    products, sites = problem.shape
    lanes, rows, together = problem.lanes, problem.rows, problem.together
    count = len(lanes)
    least, beyond = problem.across()
    sizes = [products * count, products * sites * sites, products * sites, products * sites,
             count, together.cost.size]  # fmt: skip
    u0, y0, t0, n0, w0, end = np.cumsum(sizes).tolist()
    k, a = np.divmod(np.arange(products * count), count)
    origin, goal = lanes.origin[a], lanes.destination[a]
    cost, high = np.zeros(end), np.full(end, np.inf)
    unit = (lanes.per_unit + lanes.handling)[a] + (lanes.per_kg + lanes.co2)[a] * problem.kg[k]
    cost[:u0] = unit + lanes.per_m3[a] * problem.m3[k]
    cost[:u0] += problem.holding[k, goal] - problem.holding[k, origin]
    high[:u0] = np.where(
        np.stack([problem.in_time(lane) for lane in range(count)], axis=1).ravel(),
        problem.free[k, origin],
        0.0,
    )
    flat = beyond.ravel()
    ku, rest = np.divmod(np.arange(products * sites * sites), sites * sites)
    iu, ju = np.divmod(rest, sites)
    cost[u0:y0] = np.where(np.isinf(flat), 0.0, flat)
    cost[u0:y0] += problem.holding[ku, ju] - problem.holding[ku, iu]
    high[u0:y0] = np.where(np.isinf(flat), 0.0, problem.free[ku, iu])
    cost[y0:t0] = least.ravel()
    cost[t0:n0] = (problem.holding + problem.shortage - least).ravel()
    cost[n0:w0] = lanes.trip_cost
    cost[w0:] = together.cost.ravel()
    parts: list[tuple[Ints, Ints, Floats]] = []  # row, column, value
    low_side: list[Floats] = []
    high_side: list[Floats] = []
    next_row = 0

    def add(number: int, entries: list[tuple[Ints, Ints, Floats]], low: Floats, up: Floats) -> None:
        nonlocal next_row
        parts.extend((row + next_row, column, value) for row, column, value in entries)
        low_side.append(np.broadcast_to(low, number))
        high_side.append(np.broadcast_to(up, number))
        next_row += number

    cells = products * sites
    x, u = np.arange(u0), u0 + np.arange(y0 - u0)
    at_origin, at_goal = k * sites + origin, k * sites + goal
    held_at, held_for = ku * sites + iu, ku * sites + ju
    one_x, one_u = np.ones(len(x)), np.ones(len(u))
    add(cells, [(at_origin, x, one_x), (held_at, u, one_u)], np.array(-np.inf),
        problem.free.ravel().astype(np.float64))  # fmt: skip
    have = (problem.fixed + problem.free).ravel()
    mean, sd = problem.mean.ravel(), problem.sd.ravel()
    for z in np.linspace(-2.5, 3.0, POINTS):
        point = np.maximum(mean + z * sd, 0.0)
        value = expected_short(point, mean, sd)
        step = np.maximum(1e-4 * sd, 1e-6)
        slope = (
            expected_short(point + step, mean, sd) - expected_short(point - step, mean, sd)
        ) / (2.0 * step)
        least_right = value + slope * (have - point)
        for start, with_held in ((y0, False), (t0, True)):
            entries = [
                (np.arange(cells), start + np.arange(cells), np.ones(cells)),
                (at_origin, x, slope[at_origin]),
                (at_goal, x, -slope[at_goal]),
                (held_at, u, slope[held_at]),
            ]
            if with_held:
                entries.append((held_for, u, -slope[held_for]))
            add(cells, entries, least_right, np.array(np.inf))
    weights = rows.units[:, a] + rows.kg[:, a] * problem.kg[k] + rows.m3[:, a] * problem.m3[k]
    row, column = np.nonzero(weights)
    add(len(rows.room), [(row, column, weights[row, column])], np.array(-np.inf), rows.room)
    every = np.arange(count)
    most = float(problem.free.sum())
    for weight, limit in ((problem.kg, lanes.trip_kg), (problem.m3, lanes.trip_m3),
                          (np.ones(products), np.full(count, most))):  # fmt: skip
        hold = np.where(np.isfinite(limit), limit, 0.0)
        used = np.where(np.isfinite(limit), 1.0, 0.0)
        entries = [(a, x, weight[k] * used[a]), (every, n0 + every, -hold)]
        add(count, entries, np.array(-np.inf), np.zeros(count))
    for p, pair in enumerate(zip(together.first, together.second, strict=True)):
        sites_at = np.flatnonzero(together.cost[p] > 0.0)
        for product in pair:
            cell = product * sites + sites_at
            entries = [
                (np.arange(len(cell)), w0 + p * sites + sites_at, np.ones(len(cell))),
                (np.arange(len(cell)), y0 + cell, -1.0 / mean[cell]),
            ]
            add(len(cell), entries, np.zeros(len(cell)), np.array(np.inf))
    matrix = csr_array(
        (
            np.concatenate([part[2] for part in parts]),
            (
                np.concatenate([part[0] for part in parts]),
                np.concatenate([part[1] for part in parts]),
            ),
        ),
        shape=(next_row, end),
    )
    integer = np.zeros(end)
    if whole:
        integer[:y0] = 1
        integer[n0:w0] = 1
    found = milp(
        cost,
        constraints=LinearConstraint(matrix, np.concatenate(low_side), np.concatenate(high_side)),
        integrality=integer,
        bounds=Bounds(np.zeros(end), high),
        options={"time_limit": seconds},
    )
    offset = float((problem.holding.ravel() * (have - mean)).sum())
    bound = found.mip_dual_bound if whole else found.fun
    told = -np.inf if bound is None else float(bound) + offset
    if found.x is None or not whole:
        return None, told
    qty = np.round(found.x[:y0]).astype(np.int64)
    moved, held = np.flatnonzero(qty[:u0]), np.flatnonzero(qty[u0:])
    moves = Moves(k[moved], a[moved], qty[moved], ku[held], iu[held], ju[held], qty[u0 + held])
    return moves, told
