"""The routing problem as typed arrays: stops, vans, who may serve whom, how far it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.lengths import Lengths, dense

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

Windows = tuple[tuple[int, int], ...]

FOREVER = 2**40  # seconds; later than any time in a problem
KG, M3 = 0, 1  # dimensions of a load
LOAD_TOLERANCE = 1e-8  # kg or m3: sums of floats that should be equal
DELIVERY, PICKUP, BACKHAUL = range(3)  # kinds of stops; backhauls follow the last delivery
OPEN_END = -1  # end place of a van that need not come back


@dataclass(frozen=True, slots=True)
class Stops:
    """Places to serve, n of them.

    Attributes
    ----------
    order_id, shipment_id : n texts; the shipment is "" where there is none
    part : (n,) int64, number from 1 where it comes in parts, as it is heavier than any van; else 0
    kind : (n,) int64, DELIVERY, PICKUP or BACKHAUL
    place : (n,) int64, index into the places of the problem
    load : (n, 2) float64, kg and m3
    units : (n,) float64, units
    service_s : (n,) int64, seconds
    release_s : (n,) int64, seconds from midnight; the trip that brings it leaves no sooner; 0 for
        what is fetched
    windows : per stop, (opens, closes) in seconds from midnight, sorted and apart; service
        begins within one of them; none: it cannot be served
    loss : (n,) float64, money if it is not served
    optional : (n,) bool, it may be left out where that is cheaper
    late_after_s, late_cost_per_h : (n,) int64, float64; service may begin after the last window
        ends, `late_after_s` seconds from midnight (the window itself does not end), at money per
        hour; FOREVER and 0 where windows are hard
    loss_at_least : (n,) float64, money that no plan without it undercuts; less than `loss` where
        a carrier asks more than its penalty and may have no room
    """

    order_id: tuple[str, ...]
    shipment_id: tuple[str, ...]
    part: Ints
    kind: Ints
    place: Ints
    load: Floats
    units: Floats
    service_s: Ints
    release_s: Ints
    windows: tuple[Windows, ...]
    loss: Floats
    optional: Flags
    late_after_s: Ints
    late_cost_per_h: Floats
    loss_at_least: Floats

    def __len__(self) -> int:
        return len(self.order_id)


@dataclass(frozen=True, slots=True)
class Vans:
    """Vehicle types, m of them; all vans of a type are alike.

    Attributes
    ----------
    vehicle_type, depot_id : m texts
    count : (m,) int64, vans
    start_place, end_place : (m,) int64, index into the places; end OPEN_END for an open route
    capacity : (m, 2) float64, kg and m3; inf without limit
    shift : (m, 2) int64, seconds from midnight
    latest_start_s : (m,) int64, seconds from midnight; a route belongs to the date it starts on
    max_duration_s, max_metres, max_stops : (m,) int64, per route; FOREVER without limit
    max_trips, reload_s : (m,) int64
    fixed_cost, cost_per_km, cost_per_hour : (m,) float64, money
    g_co2e_per_km, co2_cost_per_km : (m,) float64, grams and what they cost, money
    g_co2e_per_tkm, co2_cost_per_tkm : (m,) float64, the same for a tonne on board
    break_after_s, break_s : (m,) int64; FOREVER and 0 without a break rule
    profile : (m,) int64, index into the matrices of seconds
    """

    vehicle_type: tuple[str, ...]
    depot_id: tuple[str, ...]
    count: Ints
    start_place: Ints
    end_place: Ints
    capacity: Floats
    shift: Ints
    latest_start_s: Ints
    max_duration_s: Ints
    max_metres: Ints
    max_stops: Ints
    max_trips: Ints
    reload_s: Ints
    fixed_cost: Floats
    cost_per_km: Floats
    cost_per_hour: Floats
    g_co2e_per_km: Floats
    co2_cost_per_km: Floats
    g_co2e_per_tkm: Floats
    co2_cost_per_tkm: Floats
    break_after_s: Ints
    break_s: Ints
    profile: Ints

    def __len__(self) -> int:
        return len(self.vehicle_type)

    @property
    def driving_cost_per_km(self) -> Floats:
        """Return money per km of an empty van, emissions included, (m,) float64."""
        total: Floats = self.cost_per_km + self.co2_cost_per_km
        return total

    @property
    def pays_for_load(self) -> bool:
        """Say whether what some van emits for its load costs money."""
        return bool((self.co2_cost_per_tkm > 0.0).any())

    def longest_with_breaks(self, van: int) -> int:
        """Return how long a route may be so that a break still fits into the shift, seconds."""
        longest = int(self.max_duration_s[van])
        limit, rest = int(self.break_after_s[van]), int(self.break_s[van])
        return longest if longest <= limit else max(limit, longest - rest)


@dataclass(frozen=True, slots=True)
class RoutingProblem:
    """One day's driving.

    Attributes
    ----------
    name : for notes and progress
    day : midnight from which seconds count
    stops, vans : see there
    allowed : (n, m) bool, the van may serve the stop (carrier, depot, skills)
    lonlat : (p, 2) float64, degrees, or plane coordinates
    metres : (p, p) whole numbers, the same for every van; a matrix or computed
    seconds : the same per profile
    balance_cost_per_h : money per hour by which the longest route exceeds the mean
    """

    name: str
    day: np.datetime64
    stops: Stops
    vans: Vans
    allowed: Flags
    lonlat: Floats
    metres: Lengths
    seconds: tuple[Lengths, ...]
    balance_cost_per_h: float = 0.0

    def travel_s(self, van: int) -> Lengths:
        """Return the seconds of a van between places."""
        return self.seconds[int(self.vans.profile[van])]

    def arcs(self, van: int, start: Ints | int, end: Ints | int) -> Floats:
        """Return money for some arcs of a van, driving only."""
        per_metre = self.vans.driving_cost_per_km[van] / 1000.0
        per_second = self.vans.cost_per_hour[van] / 3600.0
        cost: Floats = (
            per_metre * self.metres[start, end] + per_second * self.travel_s(van)[start, end]
        )
        return cost


def with_matrices(problem: RoutingProblem) -> RoutingProblem:
    """Return the same problem with all lengths in matrices."""
    return replace(
        problem,
        metres=dense(problem.metres),
        seconds=tuple(dense(seconds) for seconds in problem.seconds),
    )


def with_hard_windows(problem: RoutingProblem) -> RoutingProblem:
    """Return a problem in which nothing is late that need not be: for engines without lateness.

    Soft windows end where lateness would begin; a stop whose windows have all passed keeps its own.
    """
    stops = problem.stops
    soft = np.flatnonzero(stops.late_cost_per_h > 0.0)
    if not len(soft):
        return problem
    windows = list(stops.windows)
    for stop in soft.tolist():
        last = int(stops.late_after_s[stop])
        kept = tuple((a, min(b, last)) for a, b in windows[stop] if a <= last)
        windows[stop] = kept or windows[stop]
    return replace(problem, stops=replace(stops, windows=tuple(windows)))


@dataclass(frozen=True, slots=True)
class Route:
    """What one van does: trips of stops, by index; no trip is empty."""

    van: int
    trips: tuple[tuple[int, ...], ...]

    @property
    def stops(self) -> tuple[int, ...]:
        """All stops in order."""
        return tuple(stop for trip in self.trips for stop in trip)


Routes = tuple[Route, ...]


def left_out(problem: RoutingProblem, routes: Routes) -> list[int]:
    """Return the stops on no route, in order."""
    served = np.zeros(len(problem.stops), dtype=bool)
    for route in routes:
        served[list(route.stops)] = True
    return [int(stop) for stop in np.flatnonzero(~served)]


def vans_left(problem: RoutingProblem, routes: Routes) -> Ints:
    """Return how many vans of each type no route uses, (m,) int64."""
    used = np.bincount([route.van for route in routes], minlength=len(problem.vans))
    left: Ints = problem.vans.count - used.astype(np.int64)
    return left
