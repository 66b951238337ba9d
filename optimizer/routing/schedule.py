"""What one route does, carries and costs, exactly; or the first rule that it breaks."""

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
)
from optimizer.routing.timing import (
    BREAK,
    END,
    RELOAD,
    START,
    STOP,
    Node,
    best_clock,
    late_money,
    with_breaks,
)

ROUTE_TERMS = ("fixed", "distance", "time", "co2", "late")


@dataclass(frozen=True, slots=True)
class Timed:
    """A route with its clock and its price.

    Attributes
    ----------
    nodes : what it does, in order
    arrive, begin, depart : (k,) int64 per node, seconds from midnight
    load_kg, load_m3 : (k,) float64 per node, on board on leaving it
    peak : (2,) float64, the most kg and m3 on board at any moment
    leg_tonne_km : (k,) float64 per node, km of the way to it x tonnes on board
    metres, duration_s : driven; from start to end
    g_co2e : grams
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
    leg_tonne_km: Floats
    metres: int
    duration_s: int
    g_co2e: float
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
    broken = _broken_order(problem, route)
    if broken:
        return broken
    vans, van = problem.vans, route.van
    trips = [_trip_loads(problem, trip) for trip in route.trips]
    peak: Floats = np.max([on_board.max(axis=0) for on_board in trips], axis=0)
    if (peak > vans.capacity[van] + LOAD_TOLERANCE).any():
        return "capacity"
    path = np.array(route_places(problem, route))
    way = problem.metres[path[:-1], path[1:]]
    if way.sum() > vans.max_metres[van]:
        return "distance"
    nodes = route_nodes(problem, route)
    per_hour = float(vans.cost_per_hour[van])
    best = best_clock(nodes, int(vans.max_duration_s[van]), per_hour)
    if isinstance(best, str):
        return best
    times = best
    needs_break = False
    if times[2][-1] - times[1][0] > vans.break_after_s[van]:
        rested = with_breaks(problem, route, nodes)
        needs_break = rested is None
        if rested is not None:
            nodes, times = rested
    arrive, begin, depart = (np.asarray(part, dtype=np.int64) for part in times)
    on_board = _loads(problem, route, nodes, trips)
    legs = _leg_metres(problem, route, nodes, way)
    metres = sum(legs)
    behind = np.arange(-1, len(nodes) - 1)  # no way leads to the start
    leg_tonne_km = np.array(legs) / 1000.0 * on_board[behind, KG] / 1000.0
    km, tonne_km = metres / 1000.0, float(leg_tonne_km.sum())
    duration = int(depart[-1] - begin[0])
    return Timed(
        route,
        tuple(nodes),
        arrive,
        begin,
        depart,
        on_board[:, KG],
        on_board[:, 1],
        peak,
        leg_tonne_km,
        metres,
        duration,
        float(vans.g_co2e_per_km[van] * km + vans.g_co2e_per_tkm[van] * tonne_km),
        float(vans.fixed_cost[van]),
        float(vans.cost_per_km[van]) * metres / 1000.0,
        per_hour * duration / 3600.0,
        float(vans.co2_cost_per_km[van] * metres / 1000.0)
        + float(vans.co2_cost_per_tkm[van] * tonne_km),
        late_money(nodes, begin.tolist()),
        needs_break,
    )


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
        at = list(trip)
        columns = zip(
            trip,  # its end ends the others: the legs go on
            stops.place[at].tolist(),
            legs,
            stops.service_s[at].tolist(),
            (stops.windows[stop] for stop in trip),
            stops.late_after_s[at].tolist(),
            stops.late_cost_per_h[at].tolist(),
            strict=False,
        )
        nodes += [Node(STOP, *column) for column in columns]
        here = nodes[-1].place
    last, leg = (here, 0) if end == OPEN_END else (end, next(legs))
    nodes.append(Node(END, -1, last, leg, 0, ((0, closes),)))
    return nodes


# ---- inside ---------------------------------------------------------------------------------


def _broken_order(problem: RoutingProblem, route: Route) -> str:
    """Return the rule that a route breaks whatever it weighs and its clock says, or ""."""
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
    return ""


def _leg_metres(
    problem: RoutingProblem, route: Route, nodes: Sequence[Node], way: Ints
) -> list[int]:
    """Return the metres of the way to each node; 0 where the van stays."""
    legs = iter(way.tolist())
    stays = problem.vans.end_place[route.van] == OPEN_END
    still = (START, BREAK, END) if stays else (START, BREAK)
    return [0 if node.what in still else int(next(legs)) for node in nodes]


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


def _loads(
    problem: RoutingProblem, route: Route, nodes: Sequence[Node], trips: Sequence[Floats]
) -> Floats:
    """Return what is on board on leaving each node, (k, 2) float64, given that of the trips."""
    stays = problem.vans.end_place[route.van] == OPEN_END
    rows: Floats = np.vstack([*trips, trips[-1][-1:] if stays else np.zeros((1, 2))])
    left: Floats = rows[np.cumsum([node.what != BREAK for node in nodes]) - 1]
    return left


def with_van(route: Route, van: int) -> Route:
    """Return the same trips driven by a van of another type."""
    return replace(route, van=van)
