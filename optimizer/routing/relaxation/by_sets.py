"""The relaxation of a day of few stops: all sets of them, each on its cheapest trip."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from optimizer.routing.bounds import SAFETY
from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    LOAD_TOLERANCE,
    OPEN_END,
    Floats,
    Ints,
    RoutingProblem,
)
from optimizer.routing.solo import SoloTests, shortest_from

MOST_STOPS = 20
MOST_TRIES = 100_000_000.0
TRIES_PER_SECOND = 100_000_000.0  # of one core, at least
BLOCKED = 1e15  # money of an arc that may not be driven; finite, so that sums stay numbers


def fits_sets(problem: RoutingProblem, vans: Sequence[int], seconds: float) -> bool:
    """Say whether all sets of its stops can be looked at; by seconds too, where they are few."""
    n = len(problem.stops)
    most = min(MOST_TRIES, TRIES_PER_SECOND * seconds)
    return 0 < n <= MOST_STOPS and len(vans) * 2.0**n * n * n / 4.0 + 3.0 ** (n - 1) <= most


def sets_bound(problem: RoutingProblem, tests: SoloTests, vans: Sequence[int]) -> float:
    """Return money that no plan can undercut.

    A trip over a set keeps loads, skills, stops, windows, releases and the shift; what it costs
    leaves out waiting, lateness and the load's emissions, and it may drive as far as it likes.
    As many trips are driven as there are, of whatever van type is cheapest for the set.

    Parameters
    ----------
    vans : types that are not alike
    """
    from optimizer.routing.relaxation.set_paths import cheapest_trips, cover  # loads a compiler

    n, fleet = len(problem.stops), problem.vans
    size = 1 << n
    cost = np.full(size, np.inf)
    for van in vans:
        taken, room = _rooms(problem, tests, van)
        states = (
            np.empty((size, n)), np.empty((size, n), np.int64), np.empty((size, len(room))),
        )  # fmt: skip
        opens, closes = _windows(problem, van)
        money, seconds = _ways(problem, van)
        fixed = float(fleet.fixed_cost[van]) / float(fleet.max_trips[van])
        shift = (int(fleet.shift[van, 0]), int(fleet.shift[van, 1]))
        service = problem.stops.service_s.astype(np.int64)
        cheapest_trips(
            money, seconds, room, service, opens, closes, taken, fixed, shift, states, cost
        )
    cost[cost >= BLOCKED] = np.inf
    loss = problem.stops.loss.astype(np.float64)
    best, trips = np.empty(size), np.empty(size, np.int64)
    cover(cost, loss, best, best, trips)
    most = int((fleet.count * fleet.max_trips).sum())
    if trips[-1] > most and most * 3.0 ** (n - 1) <= MOST_TRIES:
        lost = np.array([0.0])
        for stop in range(n):
            lost = np.concatenate([lost, lost + loss[stop]])
        best = lost
        for _ in range(most):
            fewer, best = best, np.empty(size)
            cover(cost, loss, fewer, best, trips)
    return float(best[-1]) * (1.0 - SAFETY) if math.isfinite(best[-1]) else -math.inf


# ---- inside ---------------------------------------------------------------------------------


def _ways(problem: RoutingProblem, van: int) -> tuple[Floats, Ints]:
    """Return money and seconds from row to column; the last index is the depot.

    Money has the hours of service at the place that is left.
    """
    stops, vans = problem.stops, problem.vans
    n = len(stops)
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    travel = problem.travel_s(van)
    money, seconds = np.full((n + 1, n + 1), BLOCKED), np.zeros((n + 1, n + 1), np.int64)
    money[:n, :n] = problem.arcs(van, stops.place[:, None], stops.place[None, :])
    seconds[:n, :n] = travel[stops.place[:, None], stops.place[None, :]]
    money[n, :n] = problem.arcs(van, start, stops.place)
    seconds[n, :n] = travel[start, stops.place]
    money[:n, n] = 0.0
    if end != OPEN_END:
        money[:n, n], seconds[:n, n] = problem.arcs(van, stops.place, end), travel[stops.place, end]
    if vans.max_trips[van] > 1:
        money[:n, n] = np.minimum(money[:n, n], problem.arcs(van, stops.place, start))
        seconds[:n, n] = np.minimum(seconds[:n, n], travel[stops.place, start])
    money[:n] += (vans.cost_per_hour[van] / 3600.0 * stops.service_s)[:, None]
    money[:n, :n][np.ix_(stops.kind == BACKHAUL, stops.kind == DELIVERY)] = BLOCKED
    return money, seconds


def _rooms(problem: RoutingProblem, tests: SoloTests, van: int) -> tuple[Floats, Floats]:
    """Return what stops take of a trip's room, (n, 5), and the room: kg and m3 out, in, stops."""
    stops, vans = problem.stops, problem.vans
    brought = (stops.kind == DELIVERY)[:, None]
    taken = np.column_stack(
        [
            np.where(brought, stops.load, 0.0),
            np.where(brought, 0.0, stops.load),
            np.ones(len(stops)),
        ]
    )
    taken[~tests.possible[:, van]] = np.inf
    capacity = vans.capacity[van] + LOAD_TOLERANCE + SAFETY * len(stops)
    room = np.concatenate([capacity, capacity, [float(vans.max_stops[van])]])
    return np.ascontiguousarray(taken), room


def _windows(problem: RoutingProblem, van: int) -> tuple[Ints, Ints]:
    """Return when each stop's service may begin, (n, w): windows cut where goods come later."""
    stops, vans = problem.stops, problem.vans
    away = shortest_from(problem.travel_s(van), int(vans.start_place[van]))[stops.place]
    ready = np.where(stops.kind == DELIVERY, stops.release_s + away, stops.release_s)
    width = max((len(windows) for windows in stops.windows), default=1) or 1
    opens, closes = np.zeros((len(stops), width), np.int64), np.full((len(stops), width), -1)
    for stop, windows in enumerate(stops.windows):
        for at, (start, end) in enumerate(windows):
            opens[stop, at], closes[stop, at] = max(start, int(ready[stop])), end
            if end < ready[stop]:
                closes[stop, at] = -1
    return opens, closes.astype(np.int64)
