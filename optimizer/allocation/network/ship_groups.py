"""Ship all products from given sites under shared limits: flows, and prices of the limits."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.network.effort import ITERATIONS_PER_WORK, Effort
from optimizer.allocation.network.groups import Groups
from optimizer.allocation.network.problem import Flags, Floats, Ints
from optimizer.allocation.network.stock import shelf_rows
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import Rows

SOURCES = 4  # cheapest open sites of each demand; more where these do not hold it
SMALL = 1e-7


def ship(
    groups: Groups, is_open: Flags, price: Floats, effort: Effort, sources: int = SOURCES
) -> tuple[Floats, Floats, Floats] | None:
    """Ship from the open sites at least cost, over the ways that are cheap at some prices.

    Parameters
    ----------
    price : (n_limits,) of the limits, at which the sources of a demand are ranked
    sources : how many of them are looked at first

    Returns
    -------
    flow : (n_ways,) units; all limits hold
    left : (n_wants,) units not served
    price : (n_limits,) of the limits, at least 0
    """
    y = is_open.astype(np.float64)
    count = int(is_open.sum())
    _, _, serve = groups.costs(y, price)
    rank = np.full(serve.shape, len(is_open) + 1, np.int64)
    shut = np.where(np.append(is_open, False)[None, :], serve, np.inf)
    order = np.argsort(shut, axis=1, kind="stable")
    np.put_along_axis(
        rank, order, np.broadcast_to(np.arange(serve.shape[1]), serve.shape).copy(), axis=1
    )
    while True:
        found = _ship(groups, is_open, rank, sources, effort)
        if found is None or sources >= count or not (found[1] > SMALL).any():
            return found
        sources *= 3


def _ship(
    groups: Groups, is_open: Flags, rank: Ints, sources: int, effort: Effort
) -> tuple[Floats, Floats, Floats] | None:
    ways, network = groups.ways, groups.network
    w = len(groups.demand)
    alive = ((ways.origin < 0) | is_open[ways.origin]) & (
        (ways.destination < 0) | is_open[ways.destination]
    )
    alive &= (ways.want < 0) | (rank[ways.want, ways.origin] < sources)
    kept = np.flatnonzero(alive)
    n = len(kept)
    rows = Rows()
    serving = np.flatnonzero(ways.want[kept] >= 0)
    rows.add(
        np.concatenate([ways.want[kept][serving], np.arange(w)]),
        np.concatenate([serving, n + np.arange(w)]),
        np.ones(len(serving) + w),
        groups.demand,
        groups.demand,
    )
    load = groups.load[:, kept].tocoo()
    own = groups.site >= 0
    room = groups.room * np.where(own, is_open[np.maximum(groups.site, 0)], 1.0)
    rows.add(load.row, load.col, load.data, np.full(len(room), -np.inf), room)
    leaves = np.flatnonzero(ways.origin[kept] >= 0)
    comes = np.flatnonzero(ways.destination[kept] >= 0)
    key = np.concatenate(
        [
            ways.origin[kept][leaves] * groups.p + ways.product[kept][leaves],
            ways.destination[kept][comes] * groups.p + ways.into[kept][comes],
        ]
    )
    bound = ~network.free.ravel()[key]
    nodes, row = np.unique(key[bound], return_inverse=True)
    value = np.concatenate([-np.ones(len(leaves)), np.ones(len(comes))])
    rows.add(
        row,
        np.concatenate([leaves, comes])[bound],
        value[bound],
        np.zeros(len(nodes)),
        np.zeros(len(nodes)),
    )
    row, way, value, shelves = shelf_rows(ways, network.kept)
    inside = alive[way]
    number = np.cumsum(alive) - 1
    rows.add(
        row[inside],
        number[way[inside]],
        value[inside],
        np.full(shelves, -np.inf),
        np.zeros(shelves),
    )
    problem = rows.problem(
        np.concatenate([groups.unit[kept], groups.penalty]),
        np.zeros(n + w),
        np.concatenate([groups.most[kept], groups.demand]),
        np.zeros(n + w, bool),
    )
    outcome = solve_linear(problem, effort.part(1.0))
    effort.add(outcome.work)
    if outcome.solution is None:
        effort.add(1.0 / ITERATIONS_PER_WORK)  # the one that did not fit any more
        return None
    flow = np.zeros(len(ways.origin))
    flow[kept] = outcome.solution.x[:n]
    row_price = outcome.solution.row_price
    price = np.zeros(len(room))
    if row_price is not None:
        price = np.maximum(-row_price[w : w + len(room)], 0.0)
    return flow, outcome.solution.x[n:], price
