"""A start by savings: join the ends of routes where that saves most, windows respected.

Source: Clarke and Wright (1964), Operations Research 12(4), 568-581; with windows, directed:
Solomon (1987), Operations Research 35(2), 254-265.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.routing.insertion import insert_all
from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    LOAD_TOLERANCE,
    OPEN_END,
    Floats,
    Ints,
    Route,
    RoutingProblem,
)
from optimizer.routing.schedule import Timed, price
from optimizer.routing.solo import FINE, SoloTests

NEIGHBOURS = 80  # partners looked at per stop
WAIT_WEIGHT = 0.3  # of a second that must be waited against a second driven


def savings_start(
    problem: RoutingProblem,
    tests: SoloTests,
    stop_now: Callable[[], bool] = lambda: False,
    *,
    insert: bool = True,
) -> list[Timed]:
    """Return feasible routes; stops that found no place are on none.

    Every stop goes to the van type that would serve it cheapest alone; savings join the stops of
    a type; the routes are handed to the vans there are, as further trips where there are too
    few; what is left over is inserted one by one, if that is asked for.
    """
    alone = _cost_alone(problem, tests)
    wanted = np.flatnonzero(np.isfinite(alone).any(axis=1) & ~_not_worth_it(problem, alone))
    chains: list[tuple[int, list[int]]] = []
    type_of = np.argmin(alone, axis=1)
    for van in range(len(problem.vans)):
        mine = wanted[type_of[wanted] == van]
        if len(mine):
            chains += [(van, chain) for chain in join_by_savings(problem, van, mine)]
    routes, pending = _hand_out(problem, chains)
    served = {stop for timed in routes for stop in timed.route.stops}
    rest = [s for s in range(len(problem.stops)) if s not in served and s not in set(pending)]
    pending += [stop for stop in rest if tests.possible[stop].any()]
    return insert_all(problem, routes, sorted(pending), stop_now) if insert else routes


def join_by_savings(problem: RoutingProblem, van: int, chosen: Ints) -> list[list[int]]:
    """Join stops into trips of one van type, count of vans aside.

    Parameters
    ----------
    chosen : (k,) stops, each feasible alone on that van

    Returns
    -------
    chains : stops in order; each keeps capacity, windows, shift, kilometres and stops
    """
    stops, vans = problem.stops, problem.vans
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    cost, seconds = problem.arc_cost(van), problem.travel_s(van)
    if not cost.any():
        cost = problem.metres.astype(np.float64)  # nothing is paid for: the shortest will do
    place = stops.place[chosen]
    out = cost[start, place]
    back = np.zeros(len(chosen)) if end == OPEN_END else cost[place, end]
    between = cost[np.ix_(place, place)]
    chain = _Chains(problem, van, chosen)
    wait = chain.least_wait(seconds[np.ix_(place, place)])
    per_second = cost.sum() / max(float(seconds.sum()), 1.0)
    possible = np.isfinite(wait)
    score = np.where(
        possible, between + WAIT_WEIGHT * per_second * np.where(possible, wait, 0.0), np.inf
    )
    np.fill_diagonal(score, np.inf)
    first, second = _near_pairs(score)
    gain = back[first] + out[second] - score[first, second] + vans.fixed_cost[van]
    for pair in np.argsort(-gain, kind="stable"):
        if gain[pair] <= 0.0:
            break
        chain.join(int(first[pair]), int(second[pair]))
    return [[int(chosen[k]) for k in part] for part in chain.parts()]


class _Chains:
    """Chains of stops of one van type while they are being joined; indices are local."""

    def __init__(self, problem: RoutingProblem, van: int, chosen: Ints) -> None:
        stops, vans = problem.stops, problem.vans
        self.vans, self.van = vans, van
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        place = stops.place[chosen]
        seconds = problem.travel_s(van)
        self.travel = seconds[np.ix_(place, place)]
        self.metres = problem.metres[np.ix_(place, place)]
        n = len(chosen)
        self.back_s = np.zeros(n, np.int64) if end == OPEN_END else seconds[place, end]
        self.out_m = problem.metres[start, place]
        self.back_m = np.zeros(n, np.int64) if end == OPEN_END else problem.metres[place, end]
        self.service = stops.service_s[chosen].tolist()
        self.windows = [stops.windows[s] for s in chosen]
        brought = (stops.kind[chosen] == DELIVERY)[:, None]
        self.delivered = np.where(brought, stops.load[chosen], 0.0)
        self.fetched = np.where(brought, 0.0, stops.load[chosen])
        self.backhaul = (stops.kind[chosen] == BACKHAUL).tolist()
        self.mixed = bool(brought.any() and not brought.all())
        release = stops.release_s[chosen]
        leave = np.maximum(int(vans.shift[van, 0]), release)
        self.closes = int(vans.shift[van, 1])
        self.begin = [self._enter(k, int(leave[k] + seconds[start, place[k]])) for k in range(n)]
        self.release = release
        self.out_s = seconds[start, place]
        self.members: dict[int, list[int]] = {k: [k] for k in range(n)}
        self.chain_of = list(range(n))
        trivial = all(w[0][0] <= 0 and w[-1][1] >= self.closes for w in self.windows if w)
        symmetric = np.array_equal(self.travel, self.travel.T) and np.array_equal(
            self.metres, self.metres.T
        )
        self.reversible = trivial and symmetric and not self.mixed and not release.any()

    def least_wait(self, travel: Ints) -> Floats:
        """Return the seconds that must be waited when b follows a, (k, k)."""
        opens = np.array([w[0][0] if w else FOREVER for w in self.windows], dtype=np.float64)
        latest = np.array([w[-1][1] if w else -FOREVER for w in self.windows], dtype=np.float64)
        begin = np.array(self.begin, dtype=np.float64)
        service = np.array(self.service, dtype=np.float64)
        wait = np.maximum(opens[None, :] - (latest + service)[:, None] - travel, 0.0)
        too_late = (begin + service)[:, None] + travel > latest[None, :]
        wait[too_late] = np.inf
        return wait

    def join(self, a: int, b: int) -> None:
        """Join the chain that ends with a and the chain that begins with b, if rules allow."""
        one, two = self.chain_of[a], self.chain_of[b]
        if one == two:
            return
        head, tail = self.members[one], self.members[two]
        if self.reversible:
            if head[-1] != a and head[0] == a:
                head = head[::-1]
            if tail[0] != b and tail[-1] == b:
                tail = tail[::-1]
        if head[-1] != a or tail[0] != b:
            return
        both = head + tail
        if not self._fits(both):
            return
        begins = self._run(both)
        if begins is None:
            return
        for stop, at in zip(both, begins, strict=True):
            self.begin[stop] = at
            self.chain_of[stop] = one
        self.members[one] = both
        del self.members[two]

    def parts(self) -> list[list[int]]:
        """Return the chains in order of their first member's id."""
        return [self.members[key] for key in sorted(self.members)]

    def _fits(self, both: list[int]) -> bool:
        """Say whether load, stops, kilometres and the order of kinds are kept."""
        vans, van = self.vans, self.van
        room = vans.capacity[van] + LOAD_TOLERANCE
        delivered = self.delivered[both].sum(axis=0)
        fetched = self.fetched[both].sum(axis=0)
        if (delivered > room).any() or (fetched > room).any() or len(both) > vans.max_stops[van]:
            return False
        if self.mixed:
            on_board = delivered + np.cumsum(self.fetched[both] - self.delivered[both], axis=0)
            if (on_board > room).any():
                return False
            backhauls = [self.backhaul[k] for k in both]
            if backhauls != sorted(backhauls):
                return False
        if vans.max_metres[van] < FOREVER:
            metres = self.out_m[both[0]] + self.back_m[both[-1]]
            metres += self.metres[both[:-1], both[1:]].sum()
            if metres > vans.max_metres[van]:
                return False
        return True

    def _run(self, both: list[int]) -> list[int] | None:
        """Return when service begins at each stop, as early as can be; None if it cannot."""
        leave = max(int(self.vans.shift[self.van, 0]), int(self.release[both].max()))
        now = leave + int(self.out_s[both[0]])
        begins, previous, driven = [], -1, int(self.out_s[both[0]])
        for stop in both:
            if previous >= 0:
                leg = int(self.travel[previous, stop])
                now += self.service[previous] + leg
                driven += self.service[previous] + leg
            now = self._enter(stop, now)
            if now >= FOREVER:
                return None
            begins.append(now)
            previous = stop
        last = self.service[previous] + int(self.back_s[previous])
        longest = int(self.vans.max_duration_s[self.van])
        return begins if now + last <= self.closes and driven + last <= longest else None

    def _enter(self, stop: int, now: int) -> int:
        for opens, closes in self.windows[stop]:
            if now <= closes:
                return max(now, int(opens))
        return FOREVER


def _near_pairs(score: Floats) -> tuple[Ints, Ints]:
    """Return pairs (a, b): the best partners behind each a."""
    n = len(score)
    k = min(NEIGHBOURS, n - 1)
    if k < 1:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    near = np.argpartition(score, k - 1, axis=1)[:, :k]
    first = np.repeat(np.arange(n), k)
    second = near.ravel()
    good = np.isfinite(score[first, second]) & (first != second)
    return first[good], second[good]


def _cost_alone(problem: RoutingProblem, tests: SoloTests) -> Floats:
    """Return money for serving each stop alone on each van, its part of the fixed cost only."""
    stops, vans = problem.stops, problem.vans
    alone = np.full(problem.allowed.shape, np.inf)
    for van in range(len(vans)):
        if vans.count[van] < 1:
            continue
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        cost = problem.arc_cost(van)
        back = 0.0 if end == OPEN_END else cost[stops.place, end]
        finite = np.isfinite(vans.capacity[van])
        part = (stops.load[:, finite] / vans.capacity[van][finite]).max(axis=1, initial=0.0)
        alone[:, van] = cost[start, stops.place] + back + vans.fixed_cost[van] * part
    alone[tests.direct != FINE] = np.inf
    return alone


def _not_worth_it(
    problem: RoutingProblem, alone: Floats
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return the stops with a prize below what they would cost alone; insertion sees to them."""
    return np.asarray(problem.stops.optional & (problem.stops.loss < alone.min(axis=1)), dtype=bool)


def _hand_out(
    problem: RoutingProblem, chains: list[tuple[int, list[int]]]
) -> tuple[list[Timed], list[int]]:
    """Give chains to vans: the type they were made for, another that fits, a further trip."""
    left = problem.vans.count.copy()
    weight = [problem.stops.load[chain].sum() + 1e-9 * len(chain) for _, chain in chains]
    routes: list[Timed] = []
    pending: list[int] = []
    for k in sorted(range(len(chains)), key=lambda c: (-weight[c], c)):
        made_for, chain = chains[k]
        trip = tuple(chain)
        timed = _try(problem, Route(made_for, (trip,))) if left[made_for] > 0 else None
        if timed is None:
            options = [
                found
                for van in range(len(problem.vans))
                if left[van] > 0 and (found := _try(problem, Route(van, (trip,)))) is not None
            ]
            timed = min(options, key=lambda found: (found.cost, found.route.van), default=None)
        if timed is not None:
            left[timed.route.van] -= 1
            routes.append(timed)
            continue
        if not _further_trip(problem, routes, trip):
            pending += chain
    return routes, pending


def _further_trip(problem: RoutingProblem, routes: list[Timed], trip: tuple[int, ...]) -> bool:
    """Add a trip to the route that it makes least dearer; False if none can take it."""
    best: tuple[float, int, Timed] | None = None
    for number, timed in enumerate(routes):
        van = timed.route.van
        if len(timed.route.trips) >= problem.vans.max_trips[van]:
            continue
        for trips in ((*timed.route.trips, trip), (trip, *timed.route.trips)):
            found = _try(problem, Route(van, trips))
            if found is not None and (best is None or found.cost - timed.cost < best[0] - 1e-12):
                best = (found.cost - timed.cost, number, found)
    if best is None:
        return False
    routes[best[1]] = best[2]
    return True


def _try(problem: RoutingProblem, route: Route) -> Timed | None:
    found = price(problem, route)
    return None if isinstance(found, str) else found
