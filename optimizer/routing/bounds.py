"""Lower bounds of the whole plan: what each stop must cost, whatever the routes are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from optimizer.routing.lengths import Computed, is_symmetric, unmeasured
from optimizer.routing.nearest import nearest
from optimizer.routing.problem import DELIVERY, FOREVER, OPEN_END, Floats, Ints, RoutingProblem
from optimizer.routing.solo import SoloTests, shortest_from

ANY = "any"  # every stop an equal part of all there are: weak, but always valid
NEAR_ARCS = 8  # places to which arcs are looked at where lengths are computed
MOST_COSTS = 4  # matrices of money that are kept, one for each set of prices
BY_SHARES = "sharing costs out among stops"
BY_PRICES = "prices of stops on relaxed routes"
BY_SETS = "the cheapest trip over every set of stops"
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
    arcs = LeastArcs(problem)
    uses = [uses_of(problem, van, arcs) for van in range(len(problem.vans))]
    halves = [_half_arcs(problem, van, arcs) for van in range(len(problem.vans))]
    paths = ShortestPaths(problem)
    radii = [_radii(problem, van, paths) for van in range(len(problem.vans))]
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


def as_served(
    problem: RoutingProblem, tests: SoloTests, unserved: Sequence[int], at_least: Floats | float
) -> RoutingProblem:
    """Return the problem of all plans that a plan is held against, for its bound.

    A stop that is not optional is left out only where there is no place for it, whatever serving it
    costs. So where the plan serves all of them that a van can reach, it is held against plans that
    do too, and what leaving one out costs may be any money. Elsewhere it costs its loss.

    Parameters
    ----------
    unserved : stops that the plan leaves out
    at_least : money that leaving a stop out costs, of those that all these plans serve
    """
    stops = problem.stops
    must = ~stops.optional & ~tests.hopeless
    if must[list(unserved)].any():
        return problem
    loss = np.where(must, np.maximum(stops.loss, at_least), stops.loss)
    return replace(problem, stops=replace(stops, loss=loss))


def first_prices(problem: RoutingProblem, tests: SoloTests) -> Floats:
    """Return money per stop, (n,), about what serving it costs; inf where no van can."""
    prices = np.full(len(problem.stops), np.inf)
    paths, arcs = ShortestPaths(problem), LeastArcs(problem)
    for van in range(len(problem.vans)):
        can = tests.possible[:, van]
        use = uses_of(problem, van, arcs)
        main = max(use, key=lambda name: (name != ANY, float(use[name][1][can].sum())))
        per_route, per_trip = use[main]
        stop_part, _ = _half_arcs(problem, van, arcs)
        service = problem.vans.cost_per_hour[van] / 3600.0 * problem.stops.service_s
        fixed = problem.vans.fixed_cost[van] * per_route
        mine = stop_part + service + fixed + _radii(problem, van, paths) * per_trip
        prices[can] = np.minimum(prices, mine)[can]
    return prices


def uses_of(
    problem: RoutingProblem, van: int, arcs: LeastArcs | None = None
) -> dict[str, tuple[Floats, Floats]]:
    """Return which part of a van's route, and of a trip, each stop takes, by dimension.

    Over the stops of a feasible route (trip) each part adds up to 1 at most.

    Parameters
    ----------
    arcs : of the same problem, so that nothing is found twice for several vans
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
        inward, outward = (arcs or LeastArcs(problem)).seconds(van)
        busy = (stops.service_s + (inward + outward) / 2.0) / longest
        found["hours"] = (busy, busy)
    every = np.full(len(stops), 1.0 / max(len(stops), 1))
    found[ANY] = (every, every)
    return found


def _half_arcs(problem: RoutingProblem, van: int, arcs: LeastArcs) -> tuple[Floats, float]:
    """Return half of the cheapest arcs into and out of each stop, and the depot's halves."""
    inward, outward = arcs.money(van)
    places = problem.stops.place
    start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
    depot = float(problem.arcs(van, start, places).min())
    depot += 0.0 if end == OPEN_END else float(problem.arcs(van, places, end).min())
    return (inward + outward) / 2.0, depot / 2.0


Cost = Callable[[RoutingProblem, int, Any, Any], Floats]


def _seconds(problem: RoutingProblem, van: int, start: Any, end: Any) -> Floats:
    return np.asarray(problem.travel_s(van)[start, end], dtype=np.float64)


class LeastArcs:
    """Cheapest arcs into and out of stops; van types of the same prices look between stops once."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.places, self.counts = np.unique(problem.stops.place, return_counts=True)
        self.position = np.searchsorted(self.places, problem.stops.place)
        self.found: dict[tuple[object, ...], tuple[Floats, Floats]] = {}

    def money(self, van: int) -> tuple[Floats, Floats]:
        """Return the cheapest arc into and out of each stop, (n,) each.

        Between two stops, or from and to the van's depots. A place with several stops may be left
        for itself at the cost of its own arc.
        """
        vans = self.problem.vans
        prices = float(vans.driving_cost_per_km[van]), float(vans.cost_per_hour[van])
        return self._least(van, RoutingProblem.arcs, prices)

    def seconds(self, van: int) -> tuple[Floats, Floats]:
        """Return the shortest arcs in the same way, (n,) float64 each."""
        return self._least(van, _seconds, ())

    def _least(self, van: int, cost: Cost, prices: tuple[float, ...]) -> tuple[Floats, Floats]:
        problem, vans, places = self.problem, self.problem.vans, self.places
        key = (int(vans.profile[van]), *prices)
        if key not in self.found:
            self.found[key] = self._among_stops(van, cost)
        inward, outward = self.found[key]
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        inward = np.minimum(inward, cost(problem, van, start, places))
        back = np.zeros(len(places)) if end == OPEN_END else cost(problem, van, places, end)
        outward = np.minimum(outward, back)
        if vans.max_trips[van] > 1:
            outward = np.minimum(outward, cost(problem, van, places, start))
        return inward[self.position], outward[self.position]

    def _among_stops(self, van: int, cost: Cost) -> tuple[Floats, Floats]:
        problem, places = self.problem, self.places
        find = _between_near if isinstance(problem.metres, Computed) else _between
        inward, outward = find(problem, van, cost, places)
        shared = places[self.counts > 1]
        for least in (inward, outward):
            own = cost(problem, van, shared, shared)
            least[self.counts > 1] = np.minimum(least[self.counts > 1], own)
        return inward, outward


def _between(problem: RoutingProblem, van: int, cost: Cost, places: Ints) -> tuple[Floats, Floats]:
    """Return the cheapest arcs from and to other places: all are looked at."""
    between = cost(problem, van, *np.ix_(places, places))
    np.fill_diagonal(between, np.inf)
    return between.min(axis=0), between.min(axis=1)


def _between_near(
    problem: RoutingProblem, van: int, cost: Cost, places: Ints
) -> tuple[Floats, Floats]:
    """Return the same of computed lengths, or less: the nearest places and known arcs do.

    What is further than these costs no less than the last of the nearest if nothing were known.
    """
    metres = problem.metres
    assert isinstance(metres, Computed)
    free = replace(
        problem, metres=unmeasured(metres), seconds=tuple(unmeasured(s) for s in problem.seconds)
    )
    near = places[nearest(free.metres, places, NEAR_ARCS)]
    inward = cost(problem, van, near, places[:, None]).min(axis=1, initial=np.inf)
    outward = cost(problem, van, places[:, None], near).min(axis=1, initial=np.inf)
    if len(metres.measured.key):
        start, end = np.divmod(metres.measured.key, len(metres.points))
        here = np.isin(start, places) & np.isin(end, places)
        start, end = start[here], end[here]
        known = cost(problem, van, start, end)
        np.minimum.at(inward, np.searchsorted(places, end), known)
        np.minimum.at(outward, np.searchsorted(places, start), known)
        last = cost(free, van, places, near[:, -1])
        inward, outward = np.minimum(inward, last), np.minimum(outward, last)
    return inward, outward


def _radii(problem: RoutingProblem, van: int, paths: ShortestPaths) -> Floats:
    """Return the least driving cost of a trip that visits each stop, (n,) float64."""
    start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
    out = paths.cost(van, start, to=False)
    back = np.zeros(len(out)) if end == OPEN_END else paths.cost(van, end, to=True)
    if problem.vans.max_trips[van] > 1:
        back = np.minimum(back, paths.cost(van, start, to=True))
    radii: Floats = (out + back)[problem.stops.place]
    return radii


class ShortestPaths:
    """Least driving cost between a depot and every place; the same path is found once."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.found: dict[tuple[object, ...], Floats] = {}
        self.costs: dict[tuple[object, ...], Floats] = {}
        self.two_way = all(is_symmetric(part) for part in (problem.metres, *problem.seconds))

    def cost(self, van: int, place: int, *, to: bool) -> Floats:
        """Return money from a depot to every place, or to it, (p,); of computed lengths no more.

        There the shortest metres and the shortest seconds are paid for, by whichever paths.
        """
        problem, vans = self.problem, self.problem.vans
        per_metre = float(vans.driving_cost_per_km[van]) / 1000.0
        per_second = float(vans.cost_per_hour[van]) / 3600.0
        back, profile = to and not self.two_way, int(vans.profile[van])
        if isinstance(problem.metres, Computed):
            total = np.zeros(problem.metres.shape[0])
            for price, part in ((per_metre, -1), (per_second, profile)):
                if price:
                    total += price * self._shortest(part, place, back=back)
            return total
        key = (place, back, per_metre, per_second, profile)
        if key not in self.found:
            if key[2:] not in self.costs:
                if len(self.costs) >= MOST_COSTS:
                    self.costs.clear()
                cost = per_metre * np.asarray(problem.metres)
                cost += per_second * np.asarray(problem.seconds[profile])
                self.costs[key[2:]] = cost
            cost = self.costs[key[2:]]
            self.found[key] = shortest_from(cost.T if back else cost, place)
        return self.found[key]

    def _shortest(self, part: int, place: int, *, back: bool) -> Floats:
        """Return the shortest metres (-1) or seconds of a profile."""
        problem = self.problem
        if part >= 0 and problem.seconds[part] is problem.metres:
            part = -1
        key = (place, back, part)
        if key not in self.found:
            lengths = problem.metres if part < 0 else problem.seconds[part]
            self.found[key] = shortest_from(lengths.T if back else lengths, place)
        return self.found[key]
