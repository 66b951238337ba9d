"""From a problem to arcs and rooms, one network per van type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    OPEN_END,
    Floats,
    RoutingProblem,
)
from optimizer.routing.relaxation.layers import Arcs, Flags
from optimizer.routing.relaxation.rooms import NEVER
from optimizer.routing.solo import SoloTests

MOST_ARCS = 10_000_000  # kept, over all networks
FEWEST_ARCS = 20  # per stop


@dataclass(frozen=True, slots=True)
class Network:
    """What one van type may drive.

    Attributes
    ----------
    van : index
    fixed : money of every trip
    visit : (n,) float64, money of a visit (hours of service)
    can : (n,) bool, stops that it might serve
    into, out_of : arcs towards the stop, from the depot and (backwards) from the end
    symmetric : both are the same
    """

    van: int
    fixed: float
    visit: Floats
    can: Flags
    into: Arcs
    out_of: Arcs
    symmetric: bool


def distinct_vans(problem: RoutingProblem, tests: SoloTests) -> list[int]:
    """Return one van type of all that are alike in rules and prices, but for their number."""
    vans = problem.vans
    seen: dict[object, int] = {}
    for van in range(len(vans)):
        facts = [
            vans.start_place, vans.end_place, vans.capacity, vans.shift, vans.max_duration_s,
            vans.max_stops, vans.max_trips, vans.fixed_cost, vans.driving_cost_per_km,
            vans.cost_per_hour, vans.profile,
        ]  # fmt: skip
        key = (*(fact[van].tobytes() for fact in facts), tests.possible[:, van].tobytes())
        if vans.count[van] > 0 and tests.possible[:, van].any():
            seen.setdefault(key, van)
    return sorted(seen.values())


def networks_of(
    problem: RoutingProblem,
    tests: SoloTests,
    vans: Sequence[int],
    steps: Sequence[NDArray[np.int32]] = (),
) -> list[Network]:
    """Return arcs and prices of van types.

    Parameters
    ----------
    steps : (n, n) per van, layers from stop to stop, where the arc counts
    """
    n, fleet = len(problem.stops), problem.vans
    kept = int(min(n - 1, max(MOST_ARCS // (2 * len(vans) * n), FEWEST_ARCS)))
    between: dict[object, tuple[Arcs, Arcs]] = {}
    networks = []
    for at, van in enumerate(vans):
        can = tests.possible[:, van]
        mine = steps[at] if steps else None
        prices = (fleet.driving_cost_per_km[van], fleet.cost_per_hour[van], fleet.profile[van])
        key = (*prices, can.tobytes(), None if mine is None else mine.tobytes())
        if key not in between:
            money = _between(problem, van, can)
            if mine is not None:
                money[mine >= NEVER] = np.inf
                pair = _arcs(money.T, kept, mine.T), _arcs(money, kept, mine)
            else:
                into = _arcs(money.T, kept, None)
                same = np.array_equal(money, money.T)
                pair = into, into if same else _arcs(money, kept, None)
            between[key] = pair
        networks.append(_network(problem, van, can, *between[key]))
    return networks


# ---- inside ---------------------------------------------------------------------------------


def _network(problem: RoutingProblem, van: int, can: Flags, into: Arcs, out_of: Arcs) -> Network:
    """Add what depends on the depot."""
    stops, vans = problem.stops, problem.vans
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    outward = problem.arcs(van, start, stops.place)
    homeward = np.zeros(len(stops))
    if end != OPEN_END:
        homeward = problem.arcs(van, stops.place, end)
    if vans.max_trips[van] > 1:
        homeward = np.minimum(homeward, problem.arcs(van, stops.place, start))
    return Network(
        van=van,
        fixed=float(vans.fixed_cost[van]) / float(vans.max_trips[van]),
        visit=vans.cost_per_hour[van] / 3600.0 * stops.service_s,
        can=can,
        into=into._replace(ends=outward),
        out_of=out_of._replace(ends=homeward),
        symmetric=into is out_of and np.array_equal(outward, homeward),
    )


def _between(problem: RoutingProblem, van: int, can: Flags) -> Floats:
    """Return money from stop to stop, (n, n); inf where the van cannot or may not drive so."""
    stops = problem.stops
    money = problem.arcs(van, stops.place[:, None], stops.place[None, :])
    money[~can, :] = np.inf
    money[:, ~can] = np.inf
    money[np.ix_(stops.kind == BACKHAUL, stops.kind == DELIVERY)] = np.inf
    np.fill_diagonal(money, np.inf)
    return money


def _arcs(rows: Floats, kept: int, steps: NDArray[np.int32] | None) -> Arcs:
    """Keep the cheapest arcs of each row, (n, n), with the row's stop at one end."""
    n = len(rows)
    near, beyond = np.empty((n, kept), np.int32), np.full(n, np.inf)
    cost = np.empty((n, kept))
    for i in range(n):
        row = rows[i]
        if kept < n - 1:
            some = np.sort(np.argpartition(row, kept)[: kept + 1])
            order = some[np.argsort(row[some], kind="stable")]
            beyond[i] = row[order[kept]]
        else:
            order = np.argsort(row, kind="stable")
        near[i], cost[i] = order[:kept], row[order[:kept]]
    length = np.empty((n, 0), np.int32)
    if steps is not None:
        length = np.take_along_axis(steps, near.astype(np.int64), axis=1)
    return Arcs(near, cost, beyond, np.zeros(n), np.ascontiguousarray(length))
