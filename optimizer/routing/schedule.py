"""Exact timing and price of one route: the start that makes its hours least, waits, breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    KG,
    LOAD_TOLERANCE,
    OPEN_END,
    Floats,
    Ints,
    Route,
    RoutingProblem,
    Windows,
)

START, STOP, RELOAD, BREAK, END = "start", "stop", "reload", "break", "end"
MOST_BREAKS = 4


@dataclass(frozen=True, slots=True)
class Node:
    """A thing that a van does at a place.

    Attributes
    ----------
    what : start, stop, reload, break or end
    stop : index of the stop, -1 for the others
    place : where
    travel_s : driving to it from the node before
    service_s : what it takes
    windows : in one of which it begins; none for any time, except at a stop
    late_after_s, late_cost_per_h : beginning later than that costs money per hour
    """

    what: str
    stop: int
    place: int
    travel_s: int
    service_s: int
    windows: Windows
    late_after_s: int = FOREVER
    late_cost_per_h: float = 0.0


@dataclass(frozen=True, slots=True)
class Timed:
    """A route with its clock and its price.

    Attributes
    ----------
    nodes : what it does, in order
    arrive, begin, depart : (k,) int64 per node, seconds from midnight
    load_kg, load_m3 : (k,) float64 per node, on board on leaving it
    peak : (2,) float64, the most kg and m3 on board at any moment
    metres, duration_s : driven; from start to end
    fixed, distance, time, co2, late : money
    needs_break : it is on duty longer than its van's break rule allows, and no break fits
    """

    route: Route
    nodes: tuple[Node, ...]
    arrive: Ints
    begin: Ints
    depart: Ints
    load_kg: Floats
    load_m3: Floats
    peak: Floats
    metres: int
    duration_s: int
    fixed: float
    distance: float
    time: float
    co2: float
    late: float
    needs_break: bool = False

    @property
    def terms(self) -> dict[str, float]:
        """Money by term of the objective."""
        return {
            "fixed": self.fixed,
            "distance": self.distance,
            "time": self.time,
            "co2": self.co2,
            "late": self.late,
        }

    @property
    def cost(self) -> float:
        """Money for the route."""
        return self.fixed + self.distance + self.time + self.co2 + self.late


def price(problem: RoutingProblem, route: Route) -> Timed | str:
    """Time and price a route, or say which rule it breaks.

    Returns
    -------
    timed : or the code of the first rule that is broken: skill, count, capacity, distance,
        window, shift
    """
    broken = broken_untimed(problem, route)
    if broken:
        return broken
    vans, van = problem.vans, route.van
    nodes = route_nodes(problem, route)
    per_hour = float(vans.cost_per_hour[van])
    best = _best_clock(nodes, int(vans.max_duration_s[van]), per_hour)
    if isinstance(best, str):
        return best
    times = best
    needs_break = False
    if times[2][-1] - times[1][0] > vans.break_after_s[van]:
        rested = _with_breaks(problem, route, nodes)
        needs_break = rested is None
        if rested is not None:
            nodes, times = rested
    arrive, begin, depart = (np.asarray(part, dtype=np.int64) for part in times)
    on_board = _loads(problem, route, nodes)
    metres = route_metres(problem, route)
    duration = int(depart[-1] - begin[0])
    return Timed(
        route,
        tuple(nodes),
        arrive,
        begin,
        depart,
        on_board[:, KG],
        on_board[:, 1],
        peak_load(problem, route),
        metres,
        duration,
        float(vans.fixed_cost[van]),
        float(vans.cost_per_km[van]) * metres / 1000.0,
        per_hour * duration / 3600.0,
        float(vans.co2_cost_per_km[van]) * metres / 1000.0,
        late_money(nodes, begin.tolist()),
        needs_break,
    )


def broken_untimed(problem: RoutingProblem, route: Route) -> str:
    """Return the rule that a route breaks whatever its clock says, or ""."""
    vans, van = problem.vans, route.van
    stops = list(route.stops)
    if not stops or any(not trip for trip in route.trips):
        return "count"
    if not problem.allowed[stops, van].all():
        return "skill"
    if len(route.trips) > vans.max_trips[van] or len(stops) > vans.max_stops[van]:
        return "count"
    if any(_backhaul_too_early(problem, trip) for trip in route.trips):
        return "capacity"
    if (peak_load(problem, route) > vans.capacity[van] + LOAD_TOLERANCE).any():
        return "capacity"
    if route_metres(problem, route) > vans.max_metres[van]:
        return "distance"
    return ""


def route_metres(problem: RoutingProblem, route: Route) -> int:
    """Return the metres that a route drives."""
    path = route_places(problem, route)
    return int(problem.metres[path[:-1], path[1:]].sum())


def route_places(problem: RoutingProblem, route: Route) -> list[int]:
    """Return the places that a route passes, depots included; an open end is left out."""
    vans = problem.vans
    depot, end = int(vans.start_place[route.van]), int(vans.end_place[route.van])
    path = [depot]
    for number, trip in enumerate(route.trips):
        if number:
            path.append(depot)
        path.extend(problem.stops.place[list(trip)].tolist())
    if end != OPEN_END:
        path.append(end)
    return path


def route_nodes(problem: RoutingProblem, route: Route) -> list[Node]:
    """Return what a route does, in order, with the windows of each thing."""
    stops, vans, van = problem.stops, problem.vans, route.van
    seconds = problem.travel_s(van)
    opens, closes = (int(value) for value in vans.shift[van])
    depot, end = int(vans.start_place[van]), int(vans.end_place[van])
    nodes: list[Node] = []
    here = depot
    path = np.array(route_places(problem, route))
    legs = iter(seconds[path[:-1], path[1:]].tolist())
    for number, trip in enumerate(route.trips):
        released = int(stops.release_s[list(trip)].max())
        if number:
            reload_s = int(vans.reload_s[van])
            window = ((released, FOREVER),)
            nodes.append(Node(RELOAD, -1, depot, next(legs), reload_s, window))
        else:
            latest = min(closes, int(vans.latest_start_s[van]))
            nodes.append(Node(START, -1, depot, 0, 0, ((max(opens, released), latest),)))
        here = depot
        for stop in trip:
            place = int(stops.place[stop])
            service = int(stops.service_s[stop])
            late = int(stops.late_after_s[stop]), float(stops.late_cost_per_h[stop])
            windows = stops.windows[stop]
            nodes.append(Node(STOP, stop, place, next(legs), service, windows, *late))
            here = place
    last, leg = (here, 0) if end == OPEN_END else (end, next(legs))
    nodes.append(Node(END, -1, last, leg, 0, ((0, closes),)))
    return nodes


def earliest(nodes: Sequence[Node], start: int | None = None) -> tuple[int, str]:
    """Run through the nodes as early as can be.

    Returns
    -------
    end : seconds from midnight at which the route ends
    broken : "" or window, shift: what cannot be met
    """
    now = nodes[0].windows[0][0] if start is None else start
    if now > nodes[0].windows[0][1]:
        return now, "shift"
    for node in nodes[1:]:
        now += node.travel_s
        if node.windows:
            for opens, closes in node.windows:
                if now <= closes:
                    now = max(now, opens)
                    break
            else:
                return now, "shift" if node.what == END else "window"
        elif node.what == STOP:
            return now, "window"
        now += node.service_s
    return now, ""


def peak_load(problem: RoutingProblem, route: Route) -> Floats:
    """Return the most kg and m3 on board at any moment, (2,) float64."""
    most: Floats = np.max([_trip_loads(problem, trip).max(axis=0) for trip in route.trips], axis=0)
    return most


# ---- inside ---------------------------------------------------------------------------------


def _backhaul_too_early(problem: RoutingProblem, trip: tuple[int, ...]) -> bool:
    kinds = problem.stops.kind[list(trip)]
    deliveries = np.flatnonzero(kinds == DELIVERY)
    backhauls = np.flatnonzero(kinds == BACKHAUL)
    return bool(len(deliveries) and len(backhauls) and backhauls[0] < deliveries[-1])


def _trip_loads(problem: RoutingProblem, trip: tuple[int, ...]) -> Floats:
    """Return what is on board on leaving the depot and each stop, (1 + k, 2) float64."""
    at = list(trip)
    load = problem.stops.load[at]
    brought = (problem.stops.kind[at] == DELIVERY)[:, None]
    at_start = np.where(brought, load, 0.0).sum(axis=0)
    change = np.where(brought, -load, load).cumsum(axis=0)
    on_board: Floats = np.maximum(np.vstack([at_start, at_start + change]), 0.0)
    return on_board


def _loads(problem: RoutingProblem, route: Route, nodes: Sequence[Node]) -> Floats:
    """Return what is on board on leaving each node, (k, 2) float64."""
    trips = [_trip_loads(problem, trip) for trip in route.trips]
    rows: list[Floats] = []
    trip, seen = 0, 0
    for node in nodes:
        if node.what == RELOAD:
            trip, seen = trip + 1, 0
        elif node.what == STOP:
            seen += 1
        rows.append(np.zeros(2) if node.what == END else trips[trip][seen])
    if problem.vans.end_place[route.van] == OPEN_END:
        rows[-1] = trips[-1][-1]
    return np.array(rows)


Clock = tuple[list[int], list[int], list[int]]


def _best_clock(nodes: Sequence[Node], longest_s: int, cost_per_hour: float) -> Clock | str:
    """Return the clock of the earliest start that costs least, or the broken rule.

    The end is a rising step function of the start; start to end shrinks only while something
    waits, so the least duration begins at the earliest or the latest start or where the route
    reaches some window as it opens or closes without having waited before. Where being late
    costs money, the money is linear in between once the moments at which lateness begins, and
    those from which on the route is short enough, are among the starts.
    """
    end, broken = earliest(nodes)
    if broken:
        return broken
    first, latest = nodes[0].windows[0]
    candidates = {first, latest} if latest < FOREVER - 1 else {first}
    cumulated = 0
    for node in nodes[1:]:
        cumulated += node.travel_s
        for window in node.windows:
            candidates.update(
                edge - cumulated for edge in window if first < edge - cumulated <= latest
            )
        if node.late_cost_per_h > 0.0 and first < node.late_after_s - cumulated <= latest:
            candidates.add(node.late_after_s - cumulated)
        cumulated += node.service_s
    driving = cumulated
    pays = [node for node in nodes if node.late_cost_per_h > 0.0]
    if pays:
        start = _cheapest_start(nodes, sorted(candidates), longest_s, cost_per_hour)
    elif end - first == driving or len(candidates) == 1:
        start = first
    else:
        starts = np.array(sorted(candidates), dtype=np.int64)
        durations = _ends(nodes, starts) - starts
        start = int(starts[int(np.argmin(durations))])
    clock = _clock(nodes, start)
    return clock if clock[2][-1] - start <= longest_s else "shift"


def _cheapest_start(
    nodes: Sequence[Node], starts: list[int], longest_s: int, cost_per_hour: float
) -> int:
    """Return the start at which hours and lateness cost least; of equal ones the shortest."""
    ends = _ends(nodes, np.array(starts, dtype=np.int64)).tolist()
    for k in range(1, len(starts)):
        shortened = ends[k] - longest_s
        if starts[k - 1] < shortened < starts[k] and ends[k] < FOREVER:
            starts.append(shortened)  # from here on the route is short enough
    best: tuple[float, int, int] | None = None
    for start in starts:
        clock = _clock(nodes, start)
        duration = clock[2][-1] - start
        if duration > longest_s or _ends(nodes, np.array([start]))[0] >= FOREVER:
            continue
        money = cost_per_hour * duration / 3600.0 + late_money(nodes, clock[1])
        if best is None or (money, duration, start) < best:
            best = (money, duration, start)
    return starts[0] if best is None else best[2]


def late_money(nodes: Sequence[Node], begin: Sequence[int]) -> float:
    """Return what beginning late costs, added up in order."""
    hours = (
        node.late_cost_per_h * max(at - node.late_after_s, 0) / 3600.0
        for node, at in zip(nodes, begin, strict=True)
        if node.late_cost_per_h > 0.0
    )
    return sum(hours, 0.0)


def _ends(nodes: Sequence[Node], starts: Ints) -> Ints:
    """Return when the route ends for each start; FOREVER x 2 where a window is missed."""
    now = starts.copy()
    for node in nodes[1:]:
        now += node.travel_s
        if node.windows:
            begin = np.full(len(now), 2 * FOREVER)
            for opens, closes in reversed(node.windows):
                begin = np.where(now <= closes, np.maximum(now, opens), begin)
            now = begin
        now += node.service_s
    return np.where(now >= FOREVER, 4 * FOREVER, now)


def _clock(nodes: Sequence[Node], start: int) -> Clock:
    arrive, begin, depart = [start], [start], [start]
    now = start
    for node in nodes[1:]:
        now += node.travel_s
        arrive.append(now)
        now = next((max(now, opens) for opens, closes in node.windows if now <= closes), now)
        begin.append(now)
        now += node.service_s
        depart.append(now)
    return arrive, begin, depart


def _with_breaks(
    problem: RoutingProblem, route: Route, nodes: list[Node]
) -> tuple[list[Node], Clock] | None:
    """Put breaks where that costs least; None where no choice of places is feasible.

    One break is tried behind every node; where more are due, each further one is put where the
    stretch before it is longest.
    """
    vans, van = problem.vans, route.van
    per_hour = float(vans.cost_per_hour[van])
    limit, rest_s = int(vans.break_after_s[van]), int(vans.break_s[van])
    longest = int(vans.max_duration_s[van])
    base = nodes
    for _ in range(MOST_BREAKS):
        best: tuple[tuple[float, int], list[Node], Clock] | None = None
        fallback: tuple[int, list[Node]] | None = None
        for behind in range(len(base) - 1):
            pause = Node(BREAK, -1, base[behind].place, 0, rest_s, ())
            tried = [*base[: behind + 1], pause, *base[behind + 1 :]]
            clock = _best_clock(tried, longest, per_hour)
            if isinstance(clock, str):
                continue
            overdue = _worst_stretch(tried, clock) - limit
            duration = clock[2][-1] - clock[1][0]
            key = (per_hour * duration / 3600.0 + late_money(tried, clock[1]), duration)
            if overdue <= 0 and (best is None or key < best[0]):
                best = (key, tried, clock)
            if fallback is None or overdue < fallback[0]:
                fallback = (overdue, tried)
        if best is not None:
            return best[1], best[2]
        if fallback is None:
            return None
        base = fallback[1]
    return None


def _worst_stretch(nodes: Sequence[Node], clock: Clock) -> int:
    """Return the longest time on duty without a break, seconds."""
    worst, since = 0, clock[1][0]
    for k, node in enumerate(nodes):
        if node.what == BREAK:
            worst, since = max(worst, clock[1][k] - since), clock[2][k]
    return max(worst, clock[2][-1] - since)


def with_van(route: Route, van: int) -> Route:
    """Return the same trips driven by a van of another type."""
    return replace(route, van=van)
