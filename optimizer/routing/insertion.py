"""Putting single stops into routes: the cheapest place that keeps every rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.routing.problem import (
    DELIVERY,
    FOREVER,
    KG,
    LOAD_TOLERANCE,
    OPEN_END,
    Flags,
    Floats,
    Ints,
    Route,
    RoutingProblem,
    vans_left,
)
from optimizer.routing.schedule import Timed, price, route_nodes
from optimizer.routing.timing import Node

NEW = -1  # a route that is not there yet


@dataclass(frozen=True, slots=True)
class Insertion:
    """A place for a stop.

    Attributes
    ----------
    route : position in the list of routes; NEW for a van that is not used yet
    timed : the route with the stop in it
    extra_cost : money, against the route without it
    """

    stop: int
    route: int
    timed: Timed
    extra_cost: float


@dataclass(frozen=True, slots=True)
class Gaps:
    """Every place between two things that a route does, g of them.

    Attributes
    ----------
    route, trip, at, van, before, after : (g,) int64; the stop would stand at index `at` of the
        trip; before and after are places, after OPEN_END where nothing follows
    room : (g, 2) float64, kg and m3 that the fullest moment of the trip leaves
    metres_left, stops_left : (g,) int64, of the van's limits
    ready : (g,) int64, seconds; the earliest that the van can leave the place before
    due : (g,) int64, seconds; the latest that it may arrive at the place after
    done, left : (g,) int64, seconds of driving and service up to leaving the place before, and from
        beginning at the place after to the end
    latest : (g,) int64, seconds; the latest start that keeps the windows up to the place before
    ends : (g,) int64, seconds; the earliest that the route can end for its windows after the gap
    """

    route: Ints
    trip: Ints
    at: Ints
    van: Ints
    before: Ints
    after: Ints
    room: Floats
    metres_left: Ints
    stops_left: Ints
    ready: Ints
    due: Ints
    done: Ints
    left: Ints
    latest: Ints
    ends: Ints


def gaps_of(problem: RoutingProblem, routes: Sequence[Timed]) -> Gaps:
    """List the gaps of all routes."""
    rows: list[tuple[int, ...]] = []
    rooms: list[Floats] = []
    stops, vans = problem.stops, problem.vans
    for number, timed in enumerate(routes):
        van = timed.route.van
        depot, end = int(vans.start_place[van]), int(vans.end_place[van])
        limits = (
            int(vans.max_metres[van]) - timed.metres,
            int(vans.max_stops[van]) - len(timed.route.stops),
        )
        nodes = route_nodes(problem, timed.route)
        clock = iter(zip(*ready_and_due(nodes), *_spans(nodes), strict=True))
        for t, trip in enumerate(timed.route.trips):
            last = t == len(timed.route.trips) - 1
            path = [depot, *stops.place[list(trip)].tolist(), end if last else depot]
            rows += [
                (number, t, k, van, path[k], path[k + 1], *limits, *next(clock))
                for k in range(len(trip) + 1)
            ]
            load = stops.load[list(trip)]
            brought = stops.kind[list(trip)] == DELIVERY
            most = np.maximum(load[brought].sum(axis=0), load[~brought].sum(axis=0))
            rooms += [vans.capacity[van] - most] * (len(trip) + 1)
    table = np.array(rows, dtype=np.int64).reshape(-1, 14)
    room = np.array(rooms, dtype=np.float64).reshape(-1, 2)
    c = [table[:, k] for k in range(14)]
    return Gaps(
        c[0], c[1], c[2], c[3], c[4], c[5], room,
        c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13],
    )  # fmt: skip


def ready_and_due(nodes: Sequence[Node]) -> tuple[list[int], list[int]]:
    """Return, for each pair of neighbours, the earliest leaving and the latest arriving.

    Whatever is put between the two keeps all windows if it leaves and arrives within them.
    """
    ready = [nodes[0].windows[0][0]]
    for node in nodes[1:-1]:
        now = ready[-1] + node.travel_s
        now = next((max(now, opens) for opens, closes in node.windows if now <= closes), now)
        ready.append(now + node.service_s)
    due: list[int] = []
    latest = FOREVER  # at which the node may begin
    for node, before in zip(nodes[:0:-1], nodes[-2::-1], strict=True):
        reach = [min(closes, latest) for opens, closes in node.windows if opens <= latest]
        due.append(max(reach, default=-FOREVER) if node.windows else latest)
        latest = due[-1] - node.travel_s - before.service_s
    return ready, due[::-1]


def _spans(nodes: Sequence[Node]) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return done, left, latest and ends of `Gaps` for each pair of neighbours."""
    done, latest = [0], [nodes[0].windows[0][1]]
    for node in nodes[1:-1]:
        arrive = done[-1] + node.travel_s
        latest.append(min(latest[-1], node.windows[-1][1] - arrive))
        done.append(arrive + node.service_s)
    left, ends = [0], [0]  # nothing is left when the route ends
    for node, after in zip(nodes[-2:0:-1], nodes[:1:-1], strict=True):
        left.append(left[-1] + after.travel_s + node.service_s)
        ends.append(max(ends[-1], node.windows[0][0] + left[-1]))
    return done, left[::-1], latest, ends[::-1]


def least_wait(problem: RoutingProblem, gaps: Gaps, stop: int) -> Ints:
    """Return the seconds that a van waits at least with a stop at each gap, (g,) int64.

    Exact where nothing has several windows and nothing is released later: a van that starts as
    late as its windows allow waits for nothing else.
    """
    place, service = int(problem.stops.place[stop]), int(problem.stops.service_s[stop])
    windows = problem.stops.windows[stop]
    wait = np.zeros(len(gaps.route), dtype=np.int64)
    for profile in np.unique(problem.vans.profile):
        here = np.flatnonzero(problem.vans.profile[gaps.van] == profile)
        seconds, after = problem.seconds[int(profile)], gaps.after[here]
        there = seconds[gaps.before[here], place]
        onward = service + np.where(after == OPEN_END, 0, seconds[place, after])
        arrive = gaps.done[here] + there
        latest = np.minimum(gaps.latest[here], gaps.due[here] - arrive - onward)
        latest = np.minimum(latest, windows[-1][1] - arrive)
        leave = np.maximum(gaps.ready[here] + there, windows[0][0]) + onward
        ends = np.maximum(gaps.ends[here], leave + gaps.left[here])
        wait[here] = ends - latest - (arrive + onward + gaps.left[here])
    return np.maximum(wait, 0)


def driving_cost(problem: RoutingProblem, gaps: Gaps, stop: int) -> Floats:
    """Return money for the detour through a stop at each gap; inf where it cannot be.

    Driving and service only: waiting may make it dearer or, where a van waits already, cheaper.
    """
    place = int(problem.stops.place[stop])
    cost = np.full(len(gaps.route), np.inf)
    for van in np.unique(gaps.van):
        if not problem.allowed[stop, van]:
            continue
        here = np.flatnonzero(gaps.van == van)
        before, after = gaps.before[here], gaps.after[here]
        there = problem.arcs(int(van), place, after) - problem.arcs(int(van), before, after)
        cost[here] = problem.arcs(int(van), before, place) + np.where(after == OPEN_END, 0.0, there)
        cost[here] += problem.vans.cost_per_hour[van] / 3600.0 * problem.stops.service_s[stop]
    cost[_impossible(problem, gaps, stop)] = np.inf
    return cost


def _impossible(problem: RoutingProblem, gaps: Gaps, stop: int) -> Flags:
    """Return the gaps at which a rule is broken for certain, (g,) bool."""
    place, stops = int(problem.stops.place[stop]), problem.stops
    full = (stops.load[stop] > gaps.room + LOAD_TOLERANCE).any(axis=1) | (gaps.stops_left < 1)
    onward = gaps.after != OPEN_END
    metres = problem.metres[gaps.before, place] + onward * (
        problem.metres[place, gaps.after] - problem.metres[gaps.before, gaps.after]
    )
    full |= metres > gaps.metres_left
    for profile in np.unique(problem.vans.profile):
        here = np.flatnonzero(problem.vans.profile[gaps.van] == profile)
        seconds = problem.seconds[int(profile)]
        arrive = gaps.ready[here] + seconds[gaps.before[here], place]
        begin = np.full(len(here), FOREVER)
        for opens, closes in reversed(stops.windows[stop]):
            begin = np.where(arrive <= closes, np.maximum(arrive, opens), begin)
        leg = np.where(onward[here], seconds[place, gaps.after[here]], 0)
        full[here] |= begin + stops.service_s[stop] + leg > gaps.due[here]
    return np.asarray(full, dtype=bool)


def best_insertion(
    problem: RoutingProblem,
    routes: Sequence[Timed],
    stop: int,
    gaps: Gaps | None = None,
    *,
    skip_route: int = NEW - 1,
    tries: int = 12,
    used: Sequence[Route] | None = None,
) -> Insertion | None:
    """Return the cheapest feasible place found for a stop, or None.

    Looks at every gap of every route in order of the detour, prices those that keep the rules
    until `tries` of them did, then at a further trip of each route, and at an unused van.

    Parameters
    ----------
    skip_route : a route that is not looked at
    used : the routes that use vans up, if others than `routes`
    """
    gaps = gaps_of(problem, routes) if gaps is None else gaps
    cost = driving_cost(problem, gaps, stop)
    cost[gaps.route == skip_route] = np.inf
    best: Insertion | None = None
    fine = 0
    for gap in np.argsort(cost, kind="stable"):
        if not np.isfinite(cost[gap]) or fine >= tries:
            break
        number = int(gaps.route[gap])
        tried = with_stop(routes[number].route, stop, int(gaps.trip[gap]), int(gaps.at[gap]))
        best, worked = _better(problem, routes[number].cost, number, tried, stop, best)
        fine += worked
    for number, timed in enumerate(routes):
        van = timed.route.van
        more = len(timed.route.trips) < problem.vans.max_trips[van]
        if more and number != skip_route and problem.allowed[stop, van]:
            for trips in ((*timed.route.trips, (stop,)), ((stop,), *timed.route.trips)):
                tried = Route(van, trips)
                best, _ = _better(problem, timed.cost, number, tried, stop, best)
    left = vans_left(problem, tuple(used if used is not None else [t.route for t in routes]))
    for van in range(len(problem.vans)):
        if left[van] > 0 and problem.allowed[stop, van]:
            best, _ = _better(problem, 0.0, NEW, Route(van, ((stop,),)), stop, best)
    return best


def insert_all(
    problem: RoutingProblem,
    routes: Sequence[Timed],
    pending: Sequence[int],
    stop_now: Callable[[], bool] = lambda: False,
) -> list[Timed]:
    """Put stops in one after the other, dearest to lose first.

    A stop with a prize is put in only where that costs less than the prize.

    Parameters
    ----------
    stop_now : asked before each stop; True leaves the rest out
    """
    done = list(routes)
    stops = problem.stops
    weight = stops.load[:, KG]
    order = sorted(pending, key=lambda s: (bool(stops.optional[s]), -stops.loss[s], -weight[s], s))
    for stop in order:
        if stop_now():
            break
        found = best_insertion(problem, done, stop)
        if found is None or (stops.optional[stop] and found.extra_cost > stops.loss[stop]):
            continue
        if found.route == NEW:
            done.append(found.timed)
        else:
            done[found.route] = found.timed
    return done


def with_stop(route: Route, stop: int, trip: int, at: int) -> Route:
    """Return a route with a stop more, at an index of one of its trips."""
    longer = (*route.trips[trip][:at], stop, *route.trips[trip][at:])
    return Route(route.van, (*route.trips[:trip], longer, *route.trips[trip + 1 :]))


def without_stop(route: Route, stop: int) -> Route | None:
    """Return a route without one of its stops; None where nothing is left."""
    trips = tuple(tuple(s for s in trip if s != stop) for trip in route.trips)
    kept = tuple(trip for trip in trips if trip)
    return Route(route.van, kept) if kept else None


# ---- inside ---------------------------------------------------------------------------------


def _better(
    problem: RoutingProblem,
    old_cost: float,
    number: int,
    tried: Route,
    stop: int,
    best: Insertion | None,
) -> tuple[Insertion | None, bool]:
    """Return the better of two places, and whether the new one keeps the rules.

    A place that leaves room for a break that is due is better than one that does not.
    """
    timed = price(problem, tried)
    if isinstance(timed, str):
        return best, False
    extra = timed.cost - old_cost
    rests = best is None or timed.needs_break <= best.timed.needs_break
    if (
        best is None
        or (rests and extra < best.extra_cost - 1e-12)
        or (timed.needs_break < best.timed.needs_break)
    ):
        return Insertion(stop, number, timed, extra), True
    return best, True
