"""From a problem to arcs and rooms, one network per van type."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.bounds import ANY, uses_of
from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    OPEN_END,
    Floats,
    Ints,
    RoutingProblem,
)
from optimizer.routing.relaxation.layers import Arcs, Flags
from optimizer.routing.solo import SoloTests, shortest_from

MOST_LAYERS = 1000
FEWEST_LAYERS = 200
MOST_STATES = 1_000_000  # layers x stops
MOST_ARCS = 10_000_000  # kept, over all networks
FEWEST_ARCS = 20  # per stop
FACTORS = (1.0, 10.0, 100.0, 1000.0)  # that may make loads whole
WHOLE = 1e-9
ROUNDED_DOWN = 1e-4  # of a layer; what is this close below a whole layer counts as whole


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


@dataclass(frozen=True, slots=True)
class LoadRoom:
    """Layers that each stop takes of a van type, (n,) int64, and how many there are."""

    weight: Ints
    room: int


@dataclass(frozen=True, slots=True)
class TimeRoom:
    """When service may begin, in steps after the shift opens.

    Attributes
    ----------
    may : (layers, n) bool
    begins, ends : (n,) int64, steps from the depot to the stop and from the stop to the end
    """

    may: Flags
    begins: Ints
    ends: Ints


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


def load_room(problem: RoutingProblem, van: int, can: Flags) -> LoadRoom | None:
    """Return whole parts of a van's room, or None where too many stops take none of it.

    Rounded down, so that every feasible trip fits; a stop that rounds to nothing takes one part,
    and there are as many parts more as there are such stops.
    """
    n = len(problem.stops)
    parts = {
        name: trip for name, (_, trip) in uses_of(problem, van).items() if (trip[can] > 0).any()
    }
    totals = {name: float(part[can].sum()) for name, part in parts.items() if name != ANY}
    if not totals:
        return None
    main = max(sorted(totals), key=lambda name: totals[name])
    most = int(min(MOST_LAYERS, max(MOST_STATES // n, 10)))
    exact = _whole_numbers(problem, van, can, main)
    if exact is not None and exact[1] <= most and (exact[0][can] > 0).all():
        return LoadRoom(np.maximum(exact[0], 1), exact[1])
    part = parts[main]
    if (part[can] <= 0).any():
        everything = sum(totals.values())
        part = sum((totals[name] / everything * parts[name] for name in totals), np.zeros(n))
    smallest = float(part[can].min())
    wanted = math.ceil((1.0 + 1e-6) / smallest) if smallest * most > 1.0 else most
    layers = min(most, max(FEWEST_LAYERS, wanted))
    weight = np.floor(part * layers + ROUNDED_DOWN).astype(np.int64)
    nothing = can & (weight < 1)
    more = int(min(int(nothing.sum()), problem.vans.max_stops[van]))
    if 2 * more > layers:
        return None
    return LoadRoom(np.maximum(weight, 1), layers + more)


def time_room(
    problem: RoutingProblem, van: int, can: Flags
) -> tuple[TimeRoom, NDArray[np.int32]] | None:
    """Return steps of time of a van, and (n, n) steps from stop to stop.

    None where there are no windows, or where two stops are closer than the shortest step.
    """
    stops, vans = problem.stops, problem.vans
    n = len(stops)
    opens, closes = (int(t) for t in vans.shift[van])
    if not any(w and (w[0][0] > opens or w[-1][1] < closes) for w in stops.windows):
        return None
    seconds = problem.travel_s(van)
    places, start, end = stops.place, int(vans.start_place[van]), int(vans.end_place[van])
    between = (stops.service_s[:, None] + seconds[np.ix_(places, places)]).astype(np.float64)
    np.fill_diagonal(between, np.inf)
    last = min(closes, max((w[-1][1] for w in stops.windows if w), default=opens))
    last += int(stops.service_s.max())
    back = np.zeros(n, np.int64) if end == OPEN_END else seconds[places, end]
    if end != OPEN_END:
        last += int(back.max())
    horizon = min(closes, last) - opens
    both = np.ix_(can, can)
    most = int(min(MOST_LAYERS, max(MOST_STATES // n, 10)))
    step = max(-(-horizon // most), 1)
    if horizon <= 0 or float(between[both].min(initial=np.inf)) < step:
        return None
    layers = int(horizon // step) + 1
    np.fill_diagonal(between, 0)
    steps = np.minimum(between // step, layers).astype(np.int32)
    earliest = shortest_from(seconds, start)[places]
    ready = np.where(stops.kind == DELIVERY, stops.release_s + earliest, stops.release_s)
    may = np.zeros((layers, n), dtype=bool)
    for k in np.flatnonzero(can):
        for a, b in stops.windows[k]:
            low = max(a, int(ready[k]), opens)
            if b >= low:
                high = min(int((b - opens) // step), layers - 1)
                may[int((low - opens) // step) : high + 1, k] = True
    if vans.max_trips[van] > 1:
        back = np.minimum(back, seconds[places, start])
    ends = ((stops.service_s + back) // step).astype(np.int64)
    begins = (seconds[start, places] // step).astype(np.int64)
    return TimeRoom(may, begins, ends), steps


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


def _whole_numbers(
    problem: RoutingProblem, van: int, can: Flags, dimension: str
) -> tuple[Ints, int] | None:
    """Return whole layers per stop and of the van, or None where they would not be whole."""
    n = len(problem.stops)
    if dimension == "stops":
        return np.ones(n, np.int64), int(problem.vans.max_stops[van])
    name, *way = dimension.split(maxsplit=1)
    if name not in {"kg", "m3"}:
        return None
    column = int(name == "m3")
    brought = (problem.stops.kind == DELIVERY) == (way == ["out"])
    load = np.where(brought & can, problem.stops.load[:, column], 0.0)
    for factor in FACTORS:
        whole = np.rint(load * factor)
        if np.abs(whole - load * factor).max() <= WHOLE:
            divisor = max(1, math.gcd(*whole.astype(np.int64).tolist()))
            room = problem.vans.capacity[van, column] * factor / divisor
            return whole.astype(np.int64) // divisor, int(min(room + ROUNDED_DOWN, FOREVER))
    return None
