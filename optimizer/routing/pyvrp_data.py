"""The routing problem in PyVRP's words and whole numbers (:mod:`rounding`), its routes in ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    OPEN_END,
    Ints,
    Route,
    Routes,
    RoutingProblem,
)
from optimizer.routing.rounding import Room, money_scale, must_serve_prize, whole_loads
from optimizer.routing.schedule import Timed
from optimizer.routing.timing import STOP

if TYPE_CHECKING:
    import pyvrp

FAR = 1 << 40  # metres of an arc that must not be driven


@dataclass(frozen=True, slots=True)
class Translation:
    """PyVRP's data and how to read its answers.

    Attributes
    ----------
    data : the problem in PyVRP's words
    stop_of_client : (c,) index of the stop that each client stands for
    client_of : clients of each stop, one per window, in their order
    van_of_type : index of the van type that each vehicle type stands for
    reload_depot : by van type, the depot at which it reloads, -1 if never
    scale : scaled money per unit of money
    highest_loss : scaled money lost with the stop that is dearest to lose
    mean_cost : scaled money that a stop may cost, for the proportions of penalties
    mean_arc : mean seconds and metres from a stop to its near neighbours
    """

    data: pyvrp.ProblemData
    stop_of_client: tuple[int, ...]
    client_of: dict[int, tuple[int, ...]]
    van_of_type: tuple[int, ...]
    reload_depot: tuple[int, ...]
    scale: float
    highest_loss: int
    mean_cost: float
    mean_arc: tuple[float, float]


def translate(
    problem: RoutingProblem, chosen: Sequence[int], *, complete: bool, cost_per_stop: float
) -> Translation:
    """Say some stops of the problem in PyVRP's words.

    Parameters
    ----------
    chosen : the stops to plan
    complete : routes that serve every stop without a prize are known, so that these stops can be
        required; else they carry a prize above every cost
    cost_per_stop : money that a stop costs in a plan at hand, or a guess
    """
    import pyvrp

    stops, vans = problem.stops, problem.vans
    used = [van for van in range(len(vans)) if vans.count[van] > 0]
    scale = money_scale(problem)
    spots, spot_of = _spots(problem, chosen, used)
    places = [*spots[:, 0].tolist()]
    location_of_depot: dict[int, int] = {}
    for van in used:
        for place in (int(vans.start_place[van]), int(vans.end_place[van])):
            if place not in location_of_depot:
                location_of_depot[place] = len(places)
                places.append(place)
    locations = [
        pyvrp.Location(*(problem.lonlat[p].tolist() if p != OPEN_END else (0.0, 0.0)))
        for p in places
    ]
    depots, depot_of = _depots(problem, used, location_of_depot)
    horizon = _horizon(problem)
    profiles = sorted({_profile_key(problem, van, spots) for van in used})
    matrices = [_matrices(problem, places, spots, key, horizon) for key in profiles]

    loads, room = whole_loads(problem, chosen, used)
    must_lose = must_serve_prize(problem, chosen, used)
    clients: list[pyvrp.Client] = []
    groups: list[pyvrp.ClientGroup] = []
    stop_of: list[int] = []
    client_of: dict[int, tuple[int, ...]] = {}
    highest_loss = 0
    for k, stop in enumerate(chosen):
        released = int(stops.release_s[stop])
        windows = [w for w in _usable_windows(problem, stop, horizon) if w[1] >= released]
        loss = stops.loss[stop] if stops.optional[stop] else stops.loss[stop] + must_lose
        required = complete and not stops.optional[stop]
        prize = 0 if required else round(scale * float(loss))
        highest_loss = max(highest_loss, prize)
        group = len(groups) if len(windows) > 1 else None
        brought = stops.kind[stop] == DELIVERY
        counted, carried = _split_pickup(loads[k], room)
        mine = []
        for opens, closes in windows:
            mine.append(len(clients))
            timing: dict[str, Any] = {} if closes >= horizon else {"tw_late": closes}
            clients.append(
                pyvrp.Client(
                    location=int(spot_of[k]),
                    delivery=loads[k] if brought else counted,
                    pickup=[0] * len(loads[k]) if brought else carried,
                    service_duration=int(stops.service_s[stop]),
                    tw_early=opens,
                    release_time=released,
                    prize=prize,
                    required=required and group is None,
                    group=group,
                    **timing,
                )
            )
            stop_of.append(stop)
        if group is not None:
            groups.append(pyvrp.ClientGroup(clients=mine, required=required))
        client_of[stop] = tuple(mine)
    types = [
        _vehicle_type(
            problem,
            van,
            depot_of,
            profiles.index(_profile_key(problem, van, spots)),
            room.capacity[position],
            scale,
            len(chosen),
        )
        for position, van in enumerate(used)
    ]
    data = pyvrp.ProblemData(
        locations,
        clients,
        depots,
        types,
        [metres for metres, _ in matrices],
        [seconds for _, seconds in matrices],
        groups,
    )
    reload_of = tuple(kind.reload_depots[0] if kind.reload_depots else -1 for kind in types)
    return Translation(
        data,
        tuple(stop_of),
        client_of,
        tuple(used),
        reload_of,
        scale,
        highest_loss,
        scale * cost_per_stop,
        _near_arcs(problem, chosen),
    )


def to_pyvrp(translation: Translation, routes: Sequence[Timed]) -> pyvrp.Solution:
    """Return routes as a PyVRP solution; a stop with several windows takes the one it begins in."""
    import pyvrp

    written = []
    for timed in routes:
        begin = {
            node.stop: int(at)
            for node, at in zip(timed.nodes, timed.begin, strict=True)
            if node.what == STOP
        }
        kind = translation.van_of_type.index(timed.route.van)
        visits: list[pyvrp.Activity] = []
        for number, trip in enumerate(timed.route.trips):
            if number:
                reload = translation.reload_depot[kind]
                visits.append(pyvrp.Activity(pyvrp.ActivityType.DEPOT, reload))
            for stop in trip:
                client = _client_at(translation, stop, begin[stop])
                visits.append(pyvrp.Activity(pyvrp.ActivityType.CLIENT, client))
        written.append(pyvrp.Route(translation.data, visits, kind))
    return pyvrp.Solution(translation.data, written)


def from_pyvrp(translation: Translation, solution: pyvrp.Solution) -> Routes:
    """Return the routes of a PyVRP solution, empty trips left out."""
    routes = []
    for route in solution.routes():
        trips: list[list[int]] = [[]]
        for activity in route:
            if activity.is_depot():
                trips.append([])
            else:
                trips[-1].append(translation.stop_of_client[activity.idx])
        kept = tuple(tuple(trip) for trip in trips if trip)
        if kept:
            routes.append(Route(translation.van_of_type[route.vehicle_type()], kept))
    return tuple(routes)


# ---- inside ---------------------------------------------------------------------------------


def _split_pickup(load: list[int], room: Room) -> tuple[list[int], list[int]]:
    """Return what a pickup takes from the start of its trip (a stop) and what it brings."""
    if not room.counts_stops:
        return [0] * len(load), load
    return [0] * (len(load) - 1) + [load[-1]], [*load[:-1], 0]


def _spots(
    problem: RoutingProblem, chosen: Sequence[int], used: Sequence[int]
) -> tuple[Ints, Ints]:
    """Return the distinct spots (place, is backhaul, who may come ...) and the spot of each stop.

    Stops share a spot where no matrix has to tell them apart.
    """
    at = list(chosen)
    place = problem.stops.place[at]
    backhaul = (problem.stops.kind[at] == BACKHAUL).astype(np.int64)
    who = problem.allowed[np.ix_(at, list(used))].astype(np.int64)
    table = np.column_stack([place, backhaul, who])
    spots, spot_of = np.unique(table, axis=0, return_inverse=True)
    return spots, spot_of.ravel()


def _profile_key(problem: RoutingProblem, van: int, spots: Ints) -> tuple[int, tuple[int, ...]]:
    """Return what tells a van's matrix from others: speed, and the spots it may not visit."""
    used = [v for v in range(len(problem.vans)) if problem.vans.count[v] > 0]
    column = 2 + used.index(van)
    return int(problem.vans.profile[van]), tuple(np.flatnonzero(spots[:, column] == 0).tolist())


def _matrices(
    problem: RoutingProblem,
    places: list[int],
    spots: Ints,
    key: tuple[int, tuple[int, ...]],
    horizon: int,
) -> tuple[Any, Any]:
    """Return metres and seconds between locations, forbidden arcs made impossible."""
    profile, closed = key
    at = np.array(places)
    metres = problem.metres[np.ix_(at, at)].copy()
    seconds = problem.seconds[profile][np.ix_(at, at)].copy()
    nowhere = at == OPEN_END
    for matrix in (metres, seconds):
        matrix[nowhere] = 0
        matrix[:, nowhere] = 0
    never = 4 * horizon
    far = int(min(FAR, 100 * max(int(metres.max()), 1)))
    n_spots = len(spots)
    shut = np.zeros(metres.shape, dtype=bool)
    if closed:
        shut[:, list(closed)] = True
        shut[list(closed)] = True
    backhaul = np.zeros(len(at), dtype=bool)
    backhaul[:n_spots] = spots[:, 1] == 1
    if backhaul.any():
        before = np.zeros(len(at), dtype=bool)
        before[:n_spots] = spots[:, 1] == 0
        shut[np.ix_(backhaul, before)] = True
    metres[shut], seconds[shut] = far, never
    np.fill_diagonal(metres, 0)
    np.fill_diagonal(seconds, 0)
    return metres, seconds


def _depots(
    problem: RoutingProblem, used: Sequence[int], location_of: dict[int, int]
) -> tuple[list[pyvrp.Depot], dict[tuple[int, int], int]]:
    """Return depots, and their index by (place, seconds to reload); -1 is start or end."""
    import pyvrp

    vans = problem.vans
    wanted: list[tuple[int, int]] = []
    for van in used:
        wanted += [(int(vans.start_place[van]), -1), (int(vans.end_place[van]), -1)]
        if vans.max_trips[van] > 1:
            wanted.append((int(vans.start_place[van]), int(vans.reload_s[van])))
    distinct = list(dict.fromkeys(wanted))
    depots = [
        pyvrp.Depot(location_of[place], service_duration=max(reload_s, 0))
        for place, reload_s in distinct
    ]
    return depots, {key: k for k, key in enumerate(distinct)}


def _horizon(problem: RoutingProblem) -> int:
    """Return seconds after which nothing happens."""
    longest = max((int(np.asarray(s).max(initial=0)) for s in problem.seconds), default=0)
    closes = problem.vans.shift[:, 1]
    last = int(closes.max(initial=0))
    if last >= FOREVER - 1:
        service = int(problem.stops.service_s.sum())
        last = service + (2 * len(problem.stops) + 2) * max(longest, 1)
        ends = [w[-1][1] for w in problem.stops.windows if len(w)]
        last += max((end for end in ends if end < FOREVER - 1), default=0)
    return max(last, 1)


def _usable_windows(problem: RoutingProblem, stop: int, horizon: int) -> list[tuple[int, int]]:
    return [window for window in problem.stops.windows[stop] if window[0] <= horizon]


def _vehicle_type(
    problem: RoutingProblem,
    van: int,
    depot_of: dict[tuple[int, int], int],
    profile: int,
    capacity: list[int],
    scale: float,
    n_stops: int,
) -> pyvrp.VehicleType:
    import pyvrp

    vans = problem.vans
    per_metre = round(scale * float(vans.driving_cost_per_km[van]) / 1000.0)
    per_second = round(scale * float(vans.cost_per_hour[van]) / 3600.0)
    start = int(vans.start_place[van])
    more: dict[str, Any] = {}
    if vans.max_trips[van] > 1:
        more["reload_depots"] = [depot_of[start, int(vans.reload_s[van])]]
        more["max_reloads"] = int(vans.max_trips[van]) - 1
    if vans.shift[van, 1] < FOREVER - 1:
        more["tw_early"], more["tw_late"] = (int(value) for value in vans.shift[van])
        more["start_late"] = int(min(vans.latest_start_s[van], vans.shift[van, 1]))
    if vans.max_metres[van] < FOREVER:
        more["max_distance"] = int(vans.max_metres[van])
    longest = vans.longest_with_breaks(van)
    if longest < min(FOREVER, int(vans.shift[van, 1] - vans.shift[van, 0])):
        more["shift_duration"] = longest
    return pyvrp.VehicleType(
        num_available=int(min(vans.count[van], n_stops)),
        capacity=capacity,
        start_depot=depot_of[start, -1],
        end_depot=depot_of[int(vans.end_place[van]), -1],
        fixed_cost=round(scale * float(vans.fixed_cost[van])),
        unit_distance_cost=per_metre if per_metre or per_second else 1,
        unit_duration_cost=per_second,
        profile=profile,
        **more,
    )


def _near_arcs(problem: RoutingProblem, chosen: Sequence[int]) -> tuple[float, float]:
    """Return mean seconds (service included) and metres from a stop to its five nearest."""
    place = problem.stops.place[list(chosen)]
    means = []
    for matrix in (problem.seconds[0], problem.metres):
        between = matrix[np.ix_(place, place)]
        nearest = min(6, len(place))
        means.append(float(np.partition(between, nearest - 1, axis=1)[:, :nearest].mean()))
    service = float(problem.stops.service_s[list(chosen)].mean())
    return means[0] + service, means[1]


def _client_at(translation: Translation, stop: int, begin: int) -> int:
    """Return the client of a stop whose window holds a moment."""
    mine = translation.client_of[stop]
    for client in mine:
        window = translation.data.client(client)
        if window.tw_early <= begin <= window.tw_late:
            return client
    return mine[0]
