"""Uses the room that is left: re-routes lots while rows and paid trips have room."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from optimizer.allocation.positioning.flows import REACH, STEPS, Flows
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Ints, Problem


def fill(state: PlanState, flows: Flows, here: Floats, row_price: Floats, lot: Ints) -> int:
    """Re-route lots that save more than their lanes and the prices of rows cost.

    Trips that are paid for cost nothing more; further trips are not opened.

    Parameters
    ----------
    here : (n_products, n_sites) money per unit that the own site cannot serve
    row_price : (n_rows,) money per unit of room
    lot : (n_products,) units re-routed at a time
    """
    problem = state.problem
    lanes, rows = problem.lanes, problem.rows
    load = state.load()
    units, kg, m3 = load
    trips = lanes.trips(kg, m3, units)
    paid = lanes.trip_cost > 0.0
    weights, room = _entries(problem, np.where(paid, trips, np.inf), load)
    start, row, per_unit, per_kg, per_m3 = weights
    return int(
        _compiled(compiled=flows.compiled)(
            np.arange(problem.shape[0]),
            lot,
            problem.free,
            problem.mean,
            problem.sd,
            here,
            problem.holding,
            problem.holding + problem.shortage - flows.least,
            flows.beyond,
            problem.wait_days,
            problem.kg,
            problem.m3,
            lanes.origin,
            lanes.destination,
            lanes.transit_days,
            problem.barred,
            lanes.per_unit + lanes.handling + row_price @ rows.units,
            lanes.per_kg + lanes.co2 + row_price @ rows.kg,
            lanes.per_m3 + row_price @ rows.m3,
            start,
            row,
            per_unit,
            per_kg,
            per_m3,
            flows.table,
            STEPS,
            REACH,
            room,
            state.moved,
            state.across,
            state.local,
            state.total,
        )
    )


def _entries(
    problem: Problem, trips: Floats, load: Floats
) -> tuple[tuple[Ints, Ints, Floats, Floats, Floats], Floats]:
    """Return each lane's weights on rows, trips that are paid for among them, and the room left."""
    lanes, rows = problem.lanes, problem.rows
    count = len(lanes)
    every = np.arange(count)
    none = np.zeros((count, count))
    parts = [(rows.units, rows.kg, rows.m3, rows.room - rows.loads(load))]
    load = load + lanes.carried
    for weight, size, used in ((1, lanes.trip_kg, load[1]), (2, lanes.trip_m3, load[2])):
        here = np.zeros((count, count))
        sized = np.isfinite(size)
        here[every[sized], every[sized]] = 1.0
        left = np.where(
            sized & np.isfinite(trips), trips * np.where(sized, size, 1.0) - used, np.inf
        )
        parts.append((none, here, none, left) if weight == 1 else (none, none, here, left))
    opened = np.where(trips > 0.0, np.inf, 0.0)  # no units on a lane without a trip
    parts.append((np.eye(count), none, none, opened))
    units, kg, m3 = (np.concatenate([part[at] for part in parts]) for at in range(3))
    room = np.concatenate([part[3] for part in parts])
    used = (units != 0.0) | (kg != 0.0) | (m3 != 0.0)
    used &= np.isfinite(room)[:, None]
    lane, row = np.nonzero(used.T)
    start = np.concatenate([[0], np.cumsum(np.bincount(lane, minlength=count))]).astype(np.int64)
    return (start, row, units[row, lane], kg[row, lane], m3[row, lane]), room


@lru_cache(maxsize=2)
def _compiled(*, compiled: bool) -> Callable[..., Any]:
    from optimizer.allocation.positioning import fill_compiled

    if not compiled:
        return fill_compiled.fill_room
    from numba import njit

    made: Callable[..., Any] = njit(cache=True, nogil=True)(fill_compiled.fill_room)
    return made
