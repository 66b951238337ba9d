"""What a site gains at best from whole customers: 0-1 knapsacks of all sites at once."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.network.problem import FacilityProblem, Floats, Ints

MOST_CELLS = 3_000_000  # of table steps; beyond it nothing is said


def whole_units(problem: FacilityProblem) -> tuple[Ints, Ints] | None:
    """Return demand and capacity as whole numbers, capacity rounded down; None if demand is not."""
    if problem.demand.max(initial=0.0) > 1e6 or (problem.demand != np.rint(problem.demand)).any():
        return None
    room = np.floor(problem.capacity * (1.0 + 1e-9) + 1e-9)
    return problem.demand.astype(np.int64), room.astype(np.int64)


def best_gains(worth: Floats, demand: Ints, room: Ints) -> Floats | None:
    """Return for each site min sum_j worth_ij x_j, sum_j demand_j x_j <= room_i, x 0 or 1.

    Parameters
    ----------
    worth : (m, n) money; only negative ones are taken

    Returns
    -------
    gain : (m,) at most 0; None where the tables would be too large. Exact but for rounding
    """
    fits = (worth < 0.0) & (demand[None, :] <= room[:, None])
    counts = fits.sum(axis=1)
    deepest, widest = int(counts.max(initial=0)), int(room.max(initial=0)) + 1
    m = len(room)
    if deepest * widest * m > MOST_CELLS:
        return None
    order = np.argsort(~fits, axis=1, kind="stable")[:, :deepest]
    value = np.where(
        np.take_along_axis(fits, order, axis=1), np.take_along_axis(worth, order, 1), 0.0
    )
    weight = np.where(value < 0.0, demand[order], 0)
    table = np.zeros((m, widest))
    places = np.arange(widest)[None, :] + (widest * np.arange(m))[:, None]
    column = np.arange(widest)[None, :]
    for step in range(deepest):
        shift = weight[:, step][:, None]
        source = np.maximum(places - shift, 0)
        moved = table.ravel()[source] + value[:, step][:, None]
        table = np.where((column >= shift) & (moved < table), moved, table)
    gain: Floats = table[np.arange(m), room]
    return gain
