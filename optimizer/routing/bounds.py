"""Lower bounds of the whole plan: what each stop must cost, whatever the routes are."""

from __future__ import annotations

import numpy as np

from optimizer.routing.problem import DELIVERY, FOREVER, OPEN_END, Floats, RoutingProblem
from optimizer.routing.solo import SoloTests, shortest_from

ANY = "any"  # every stop an equal part of all there are: weak, but always valid
SAFETY = 1e-9  # relative; keeps sums of floats on the right side


def lower_bound(problem: RoutingProblem, tests: SoloTests) -> float:
    """Return money that no plan can undercut.

    Every route pays its fixed cost and its arcs. Both are shared out among the stops of the
    route so that no route gives away more than it costs; the least share of a stop over the vans
    that might serve it, or its loss if that is less, adds up to a bound. Ways of sharing:

    - arcs: each arc half to either end; the depot's halves and the fixed cost by use of the
      van's scarcest dimension (kg, m3, stops, hours);
    - radius: a trip drives at least to its farthest stop and back, so at least the average of
      the radii of its stops weighted by use of the van.

    The bound is the best of them. Source: Haimovich and Rinnooy Kan (1985), Mathematics of
    Operations Research 10(4), 527-542, for the radius.

    Parameters
    ----------
    tests : of every stop alone; what no van can serve costs its loss
    """
    if not len(problem.stops):
        return 0.0
    best = 0.0
    uses = [_uses(problem, van) for van in range(len(problem.vans))]
    halves = [_half_arcs(problem, van) for van in range(len(problem.vans))]
    radii = [_radii(problem, van) for van in range(len(problem.vans))]
    names = sorted({name for use in uses for name in use})
    for name in names:
        for half in (True, False):
            shares = np.full(problem.allowed.shape, np.inf)
            for van, use in enumerate(uses):
                per_route, per_trip = use.get(name, use[ANY])
                service = problem.vans.cost_per_hour[van] / 3600.0 * problem.stops.service_s
                if half:
                    stop_part, depot_part = halves[van]
                    fixed = problem.vans.fixed_cost[van] + depot_part
                    shares[:, van] = stop_part + service + fixed * per_route
                else:
                    fixed = problem.vans.fixed_cost[van] * per_route
                    shares[:, van] = radii[van] * per_trip + service + fixed
            shares[~tests.possible] = np.inf
            least = np.minimum(shares.min(axis=1), problem.stops.loss)
            best = max(best, float(least.sum()))
    return best * (1.0 - SAFETY)


def _uses(problem: RoutingProblem, van: int) -> dict[str, tuple[Floats, Floats]]:
    """Return which part of a van's route, and of a trip, each stop takes, by dimension.

    Over the stops of a feasible route (trip) each part adds up to 1 at most.
    """
    stops, vans = problem.stops, problem.vans
    trips = float(vans.max_trips[van])
    found: dict[str, tuple[Floats, Floats]] = {}
    for dimension, name in enumerate(("kg", "m3")):
        capacity = vans.capacity[van, dimension]
        if not np.isfinite(capacity):
            continue
        for brought, word in ((True, "out"), (False, "back")):
            here = (stops.kind == DELIVERY) == brought
            part = np.where(here, stops.load[:, dimension], 0.0) / (capacity + 1e-5)
            found[f"{name} {word}"] = (part / trips, part)
    if vans.max_stops[van] < FOREVER:
        one = np.full(len(stops), 1.0 / float(vans.max_stops[van]))
        found["stops"] = (one, one)
    longest = float(min(vans.max_duration_s[van], vans.shift[van, 1] - vans.shift[van, 0]))
    if 0 < longest < FOREVER / 2:
        inward, outward = _least_arcs(problem, problem.travel_s(van).astype(np.float64), van)
        busy = (stops.service_s + (inward + outward) / 2.0) / longest
        found["hours"] = (busy, busy)
    every = np.full(len(stops), 1.0 / max(len(stops), 1))
    found[ANY] = (every, every)
    return found


def _half_arcs(problem: RoutingProblem, van: int) -> tuple[Floats, float]:
    """Return half of the cheapest arcs into and out of each stop, and the depot's halves."""
    cost = problem.arc_cost(van)
    inward, outward = _least_arcs(problem, cost, van)
    places = problem.stops.place
    start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
    depot = float(cost[start, places].min())
    depot += 0.0 if end == OPEN_END else float(cost[places, end].min())
    return (inward + outward) / 2.0, depot / 2.0


def _least_arcs(problem: RoutingProblem, cost: Floats, van: int) -> tuple[Floats, Floats]:
    """Return the cheapest arc into and out of each stop, (n,) each.

    Between two stops, or from and to the van's depots. A place with several stops may be left
    for itself at the cost of its own arc.
    """
    places, counts = np.unique(problem.stops.place, return_counts=True)
    start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
    between = cost[np.ix_(places, places)]
    alone = counts == 1
    between[alone, alone] = np.inf
    inward = np.minimum(between.min(axis=0), cost[start, places])
    back = np.zeros(len(places)) if end == OPEN_END else cost[places, end]
    outward = np.minimum(between.min(axis=1), back)
    if problem.vans.max_trips[van] > 1:
        outward = np.minimum(outward, cost[places, start])
    position = np.searchsorted(places, problem.stops.place)
    return inward[position], outward[position]


def _radii(problem: RoutingProblem, van: int) -> Floats:
    """Return the least driving cost of a trip that visits each stop, (n,) float64."""
    cost = problem.arc_cost(van)
    start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
    out = shortest_from(cost, start)
    back = np.zeros(len(cost)) if end == OPEN_END else shortest_from(cost.T, end)
    if problem.vans.max_trips[van] > 1:
        back = np.minimum(back, shortest_from(cost.T, start))
    radii: Floats = (out + back)[problem.stops.place]
    return radii
