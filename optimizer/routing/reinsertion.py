"""Search that starts from the routes at hand and stays near them: take out, put back, keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from optimizer.outcome import Limits, Termination
from optimizer.routing.insertion import Gaps, driving_cost, gaps_of, least_wait, without_stop
from optimizer.routing.problem import OPEN_END, Flags, Floats, Route, RoutingProblem, vans_left
from optimizer.routing.schedule import Timed, price
from optimizer.routing.timing import BREAK

MOST_OUT = 8  # stops taken out at once
TRIES = 8  # feasible places that are priced for a stop
STEPS_PER_WORK = 40  # about a second of one core
ROUNDING = 1e-6  # money
IDLE = 400  # steps without a better plan after which the search has converged


class ReinsertionEngine:
    """Names the search in certificates."""

    name = "reinsertion"

    def supports(self, problem: RoutingProblem) -> str | None:
        """Return None: every route is priced by the rules themselves."""
        del problem
        return None

    def versions(self) -> Mapping[str, str]:
        """Return no solver: the search is our own."""
        return {}


@dataclass(frozen=True, slots=True)
class Settled:
    """What the search found.

    Attributes
    ----------
    timed : routes, one a van
    termination, work : why it ended, and steps taken in units of work
    """

    timed: tuple[Timed, ...]
    termination: Termination
    work: float


def homeward(problem: RoutingProblem, van: int) -> float:
    """Return money for driving from a van's start straight to its end."""
    vans = problem.vans
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    if end == OPEN_END:
        return 0.0
    km = float(problem.metres[start, end]) / 1000.0
    hours = float(problem.travel_s(van)[start, end]) / 3600.0
    per_km = float(vans.cost_per_km[van]) + float(vans.co2_cost_per_km[van])
    return per_km * km + float(vans.cost_per_hour[van]) * hours


class _Search:
    """Routes by van, and what they cost beside each other."""

    def __init__(
        self, problem: RoutingProblem, surcharge: Floats, must_home: Flags, chosen: Sequence[int]
    ) -> None:
        self.problem = problem
        self.surcharge = surcharge
        self.chosen = list(chosen)
        m = len(problem.vans)
        self.home = np.array([homeward(problem, v) if must_home[v] else 0.0 for v in range(m)])
        self._gaps: dict[Route, Gaps] = {}
        self._single: dict[Route, Timed | str] = {}

    def cost(self, routes: Sequence[Timed]) -> float:
        """Return money: routes beyond the ways home, moves, and stops left out."""
        problem = self.problem
        served = [stop for timed in routes for stop in timed.route.stops]
        total = sum(timed.cost - self.home[timed.route.van] for timed in routes)
        total += sum(self.surcharge[s, t.route.van] for t in routes for s in t.route.stops)
        out = sorted(set(self.chosen) - set(served))
        return float(total + problem.stops.loss[out].sum())

    def missing(self, routes: Sequence[Timed]) -> int:
        """Return how many stops that must be served are left out."""
        served = {stop for timed in routes for stop in timed.route.stops}
        return sum(not self.problem.stops.optional[s] for s in self.chosen if s not in served)

    def put_in(self, routes: list[Timed], stop: int) -> None:
        """Put a stop where it costs least; leave it out if no place is feasible or worth it."""
        problem, extra = self.problem, self.surcharge[stop]
        best: tuple[float, int, Timed] | None = None
        if routes:
            gaps = self._all_gaps(routes)
            least = self._least_cost(routes, gaps, stop)
            fine = 0
            for gap in np.argsort(least, kind="stable"):
                dear = best is not None and least[gap] >= best[0]
                if not np.isfinite(least[gap]) or fine >= TRIES or dear:
                    break
                number, at = int(gaps.route[gap]), int(gaps.at[gap])
                old = routes[number]
                trip = old.route.trips[int(gaps.trip[gap])]
                trips = list(old.route.trips)
                trips[int(gaps.trip[gap])] = (*trip[:at], stop, *trip[at:])
                timed = price(problem, Route(old.route.van, tuple(trips)))
                if isinstance(timed, str):
                    continue
                fine += 1
                value = timed.cost - old.cost + float(extra[old.route.van])
                if best is None or value < best[0] - 1e-12:
                    best = (value, number, timed)
        left = vans_left(problem, tuple(timed.route for timed in routes))
        for van in np.flatnonzero((left > 0) & problem.allowed[stop]):
            timed = self._alone(stop, int(van))
            if isinstance(timed, str):
                continue
            value = timed.cost - float(self.home[van]) + float(extra[van])
            if best is None or value < best[0] - 1e-12:
                best = (value, len(routes), timed)
        if best is None:
            return
        value, number, timed = best
        if problem.stops.optional[stop] and value > problem.stops.loss[stop]:
            return
        routes[number : number + 1] = [timed]

    def _alone(self, stop: int, van: int) -> Timed | str:
        route = Route(van, ((stop,),))
        if route not in self._single:
            self._single[route] = price(self.problem, route)
        return self._single[route]

    def _least_cost(self, routes: Sequence[Timed], gaps: Gaps, stop: int) -> Floats:
        """Return money that a stop costs at least at each gap, (g,); inf where it cannot be."""
        problem = self.problem
        per_second = problem.vans.cost_per_hour / 3600.0
        wait = per_second[gaps.van] * least_wait(problem, gaps, stop)
        beside = np.array([_beside_driving(problem, timed) for timed in routes])
        cost = driving_cost(problem, gaps, stop) + wait - beside[gaps.route]
        least: Floats = cost + self.surcharge[stop][gaps.van] - ROUNDING
        return least

    def take_out(self, routes: Sequence[Timed], stops: set[int]) -> list[Timed] | None:
        """Return routes without some stops; None where a shorter route breaks a rule."""
        kept = []
        for timed in routes:
            route: Route | None = timed.route
            for stop in timed.route.stops:
                if stop in stops and route is not None:
                    route = without_stop(route, stop)
            if route is timed.route:
                kept.append(timed)
            elif route is not None:
                shorter = price(self.problem, route)
                if isinstance(shorter, str):
                    return None
                kept.append(shorter)
        return kept

    def _all_gaps(self, routes: Sequence[Timed]) -> Gaps:
        parts = []
        for timed in routes:
            if timed.route not in self._gaps:
                self._gaps[timed.route] = gaps_of(self.problem, [timed])
            parts.append(self._gaps[timed.route])
        sizes = [len(part.route) for part in parts]
        joined = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Gaps)
            if field.name != "route"
        }
        return Gaps(route=np.repeat(np.arange(len(parts)), sizes), **joined)


def _beside_driving(problem: RoutingProblem, timed: Timed) -> float:
    """Return money of a route for waiting, breaks, being late and the CO2e of its load."""
    vans, van = problem.vans, timed.route.van
    busy = sum(node.travel_s + node.service_s for node in timed.nodes if node.what != BREAK)
    idle = float(vans.cost_per_hour[van]) * (timed.duration_s - busy) / 3600.0
    empty = float(vans.co2_cost_per_km[van]) * timed.metres / 1000.0
    return idle + timed.late + timed.co2 - empty


def settle(
    problem: RoutingProblem,
    start: Sequence[Route],
    chosen: Sequence[int],
    surcharge: Floats,
    must_home: Flags,
    limits: Limits,
) -> Settled:
    """Improve routes step by step within the limits.

    Parameters
    ----------
    start : routes at hand, one a van; what no longer fits in them is put elsewhere
    chosen : stops that some van might serve
    surcharge : (n, m) money for a stop on a van, beyond what the van costs
    must_home : (m,) bool, a van that drives home even without a stop

    Returns
    -------
    settled : keeps every rule; of two plans the one that leaves out fewer stops that must be
        served is better, then the cheaper one
    """
    search = _Search(problem, surcharge, must_home, chosen)
    wanted = set(chosen)
    routes: list[Timed] = []
    for route in start:
        fits = _what_fits(problem, route, wanted)
        if fits is not None:
            routes.append(fits)
    served = {stop for timed in routes for stop in timed.route.stops}
    loss = problem.stops.loss
    for stop in sorted(wanted - served, key=lambda s: (-loss[s], s)):
        search.put_in(routes, stop)
    return _improve(search, routes, limits)


def _what_fits(problem: RoutingProblem, route: Route, wanted: set[int]) -> Timed | None:
    """Return a route with the stops that are wanted, as it is; else those that fit, in one trip."""
    trips = (tuple(stop for stop in trip if stop in wanted) for trip in route.trips)
    kept = tuple(trip for trip in trips if trip)
    if not kept:
        return None
    whole = price(problem, Route(route.van, kept))
    if not isinstance(whole, str):
        return whole
    fits: Timed | None = None
    for stop in (stop for trip in kept for stop in trip):
        before = () if fits is None else fits.route.trips[0]
        tried = price(problem, Route(route.van, ((*before, stop),)))
        fits = fits if isinstance(tried, str) else tried
    return fits


def _improve(search: _Search, routes: list[Timed], limits: Limits) -> Settled:
    """Take stops out that lie together and put them back, as long as it pays."""
    problem = search.problem
    rng = np.random.default_rng(limits.seed)
    most = np.inf if limits.work is None else limits.work * STEPS_PER_WORK
    best = (search.missing(routes), search.cost(routes))
    steps, idle = 0, 0
    ended = Termination.CONVERGED
    while search.chosen and idle < IDLE:
        if limits.cancelled():
            ended = Termination.CANCELLED
            break
        if limits.remaining <= 0.0 or steps >= most:
            ended = Termination.WORK_LIMIT if steps >= most else Termination.TIME_LIMIT
            break
        steps, idle = steps + 1, idle + 1
        seed = search.chosen[int(rng.integers(len(search.chosen)))]
        count = int(rng.integers(2, MOST_OUT + 1))
        others = np.array(search.chosen)
        near = problem.metres[problem.stops.place[seed], problem.stops.place[others]]
        out = set(others[np.argsort(near, kind="stable")[:count]].tolist())
        out |= set(search.chosen) - {stop for timed in routes for stop in timed.route.stops}
        tried = search.take_out(routes, out)
        if tried is None:
            continue
        for stop in rng.permutation(sorted(out)).tolist():
            search.put_in(tried, stop)
        rank = (search.missing(tried), search.cost(tried))
        if rank[0] < best[0] or (rank[0] == best[0] and rank[1] < best[1] - 1e-9):
            routes, best, idle = tried, rank, 0
    return Settled(tuple(routes), ended, steps / STEPS_PER_WORK)
