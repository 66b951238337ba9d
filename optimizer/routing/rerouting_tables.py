"""Tables of the rerouting stage: routes under the morning's names, and ways home without stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.routing.reinsertion import homeward
from optimizer.routing.rerouting_search import Tied
from optimizer.routing.rest_of_day import RestOfDay
from optimizer.routing.solve import Driven
from optimizer.routing.tables import moment, routes_table, stops_table
from optimizer.routing.under_way import Call, calls_of


@dataclass(frozen=True, slots=True)
class Rerouted:
    """What the stage states of its routes.

    Attributes
    ----------
    routes, stops : tables
    names : route_ids of the routes with stops, by problem
    homeward : money of the ways home without stops, by term of the objective
    """

    routes: pd.DataFrame
    stops: pd.DataFrame
    names: list[list[str]]
    homeward: dict[str, float]


def state(parts: Sequence[Tied], solved: Sequence[Driven], rest: RestOfDay) -> Rerouted:
    """Return routes under the names, vehicle types and depots that the morning's plan has."""
    names = _names(solved, rest)
    driving = {d.problem.vans.vehicle_type[t.route.van] for d in solved for t in d.timed}
    routes, stops = [], []
    money = dict.fromkeys(("distance", "time", "co2"), 0.0)
    for part in parts:
        for van in np.flatnonzero(part.must_home).tolist():
            name = part.problem.vans.vehicle_type[van]
            if name in driving:
                continue
            driving.add(name)
            route, end, terms = _way_home(part, van, rest.day)
            routes.append(route)
            stops.append(end)
            for term, amount in terms.items():
                money[term] += amount
    all_routes = pd.concat([routes_table(solved, names), pd.DataFrame(routes)], ignore_index=True)
    all_stops = pd.concat([stops_table(solved, names), pd.DataFrame(stops)], ignore_index=True)
    return Rerouted(_as_in_the_morning(all_routes, rest), all_stops, names, money)


def moved(solved: Sequence[Driven], rest: RestOfDay) -> list[Call]:
    """Return the calls that another van serves than in the morning's plan."""
    morning, found = rest.van_of, []
    for driven in solved:
        stops = driven.problem.stops
        calls = calls_of(stops.order_id, stops.part.tolist())
        for timed in driven.timed:
            name = driven.problem.vans.vehicle_type[timed.route.van]
            mine = [calls[stop] for stop in timed.route.stops]
            found += [call for call in mine if morning.get(call, name) != name]
    return found


# ---- inside ---------------------------------------------------------------------------------


def _names(solved: Sequence[Driven], rest: RestOfDay) -> list[list[str]]:
    """Return route_ids: those of the morning, and new ones for vans that had no route."""
    taken, count = set(rest.vans), 0
    names = []
    for driven in solved:
        mine = []
        for timed in driven.timed:
            name = driven.problem.vans.vehicle_type[timed.route.van]
            if name not in rest.vans:
                count += 1
                while f"{rest.day:%Y-%m-%d}/{count:03d}" in taken:
                    count += 1
                name = f"{rest.day:%Y-%m-%d}/{count:03d}"
            mine.append(name)
        names.append(mine)
    return names


def _way_home(
    part: Tied, van: int, day: pd.Timestamp
) -> tuple[dict[str, object], dict[str, object], dict[str, float]]:
    """Return a row of `routes` and one of `stops` for a van that only drives home, and its money.

    A van of an open route ends where it is.
    """
    problem, vans = part.problem, part.problem.vans
    name = vans.vehicle_type[van]
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    last = end if end >= 0 else start
    seconds = int(problem.travel_s(van)[start, last]) if end >= 0 else 0
    km = float(problem.metres[start, end]) / 1000.0 if end >= 0 else 0.0
    begins = moment(day.to_datetime64(), int(vans.shift[van, 0]))
    ends = begins + pd.Timedelta(seconds=seconds)
    route = {
        "route_id": name, "vehicle_type": name, "depot_id": vans.depot_id[van],
        "start": begins, "end": ends, "stops": 0.0, "distance_km": km,
        "duration_s": float(seconds), "load_kg": 0.0, "load_m3": 0.0,
        "cost": homeward(problem, van), "g_co2e": km * float(vans.g_co2e_per_km[van]),
        "tonne_km": 0.0,
    }  # fmt: skip
    lon, lat = problem.lonlat[last]
    stop = {
        "route_id": name, "seq": 1.0, "kind": "end", "arrive": ends, "begin": ends,
        "depart": ends, "load_kg": 0.0, "lat": lat, "lon": lon, "tonne_km": 0.0,
    }  # fmt: skip
    terms = {
        "distance": float(vans.cost_per_km[van]) * km,
        "time": float(vans.cost_per_hour[van]) * seconds / 3600.0,
        "co2": float(vans.co2_cost_per_km[van]) * km,
    }
    return route, stop, terms


def _as_in_the_morning(routes: pd.DataFrame, rest: RestOfDay) -> pd.DataFrame:
    """Return routes with the vehicle types and depots of the fleet."""
    if not len(routes):
        return routes
    kinds, depots = routes["vehicle_type"].tolist(), routes["depot_id"].tolist()
    known = [rest.vans.get(str(kind)) for kind in kinds]
    return routes.assign(
        vehicle_type=[k if van is None else van.vehicle_type for van, k in zip(known, kinds)],
        depot_id=[d if van is None else van.depot_id for van, d in zip(known, depots)],
    )
