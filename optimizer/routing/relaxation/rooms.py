"""What a van's route may use up, in whole layers: load, stops or hours, or the time of the day."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.bounds import ANY, LeastArcs, uses_of
from optimizer.routing.problem import (
    DELIVERY,
    FOREVER,
    OPEN_END,
    Flags,
    Ints,
    RoutingProblem,
)
from optimizer.routing.solo import shortest_from

MOST_LAYERS = 1000
FEWEST_LAYERS = 200
MOST_STATES = 1_000_000  # layers x stops
MOST_TIMES = 400_000  # the same by time, where a layer takes longer
FACTORS = (1.0, 10.0, 100.0, 1000.0)  # that may make loads whole
WHOLE = 1e-9
ROUNDED_DOWN = 1e-4  # of a layer; what is this close below a whole layer counts as whole


NEVER = np.iinfo(np.int32).max // 2


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


def load_room(
    problem: RoutingProblem, van: int, can: Flags, arcs: LeastArcs | None = None
) -> LoadRoom | None:
    """Return whole parts of a van's room, or None where too many stops take none of it.

    Rounded down, so that every feasible trip fits; a stop that rounds to nothing takes one part,
    and there are as many parts more as there are such stops.

    Parameters
    ----------
    arcs : of the same problem, so that nothing is found twice for several vans
    """
    n = len(problem.stops)
    uses = uses_of(problem, van, arcs)
    parts = {name: trip for name, (_, trip) in uses.items() if (trip[can] > 0).any()}
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

    Steps are NEVER where windows rule the arc out. None where there are no windows, or where two
    stops are closer than the shortest step.
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
    back = np.zeros(n, np.int64) if end == OPEN_END else seconds[places, end]
    latest = max((w[-1][1] for w in stops.windows if w), default=opens)
    latest += int((stops.service_s + back).max())
    horizon = min(closes, latest) - opens
    closest = float(between[np.ix_(can, can)].min(initial=np.inf))
    most = int(min(MOST_LAYERS, max(MOST_TIMES // n, FEWEST_LAYERS)))
    step = max(int(min(-(-horizon // most), closest)), 1)
    if horizon <= 0 or closest < step or horizon > step * min(MOST_LAYERS, MOST_STATES // n):
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
    first = np.where(may.any(axis=0), may.argmax(axis=0), layers)
    last = layers - 1 - may[::-1].argmax(axis=0)
    steps[first[:, None] + steps > last[None, :]] = NEVER
    if vans.max_trips[van] > 1:
        back = np.minimum(back, seconds[places, start])
    ends = ((stops.service_s + back) // step).astype(np.int64)
    begins = (seconds[start, places] // step).astype(np.int64)
    return TimeRoom(may, begins, ends), steps


# ---- inside ---------------------------------------------------------------------------------


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
