"""A start by savings: join the ends of routes where that saves most, windows respected.

Source: Clarke and Wright (1964), Operations Research 12(4), 568-581; with windows, directed:
Solomon (1987), Operations Research 35(2), 254-265.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from optimizer.routing.insertion import insert_all
from optimizer.routing.lengths import is_symmetric
from optimizer.routing.nearest import nearest
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
TIMED_NEIGHBOURS = 400  # from which the best are chosen where there are windows
WORTH = (1.0, math.inf)  # of what a join saves may be waited: where vans are too few, any
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
    served |= set(pending)
    rest = [s for s in range(len(problem.stops)) if s not in served]
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
    free = vans.driving_cost_per_km[van] == 0.0 and vans.cost_per_hour[van] == 0.0

    def cost(here: Ints | int, there: Ints | int) -> Floats:
        if free:  # nothing is paid for: the shortest will do
            return np.asarray(problem.metres[here, there], dtype=np.float64)
        return problem.arcs(van, here, there)

    place = stops.place[chosen]
    out = cost(start, place)
    back = np.zeros(len(chosen)) if end == OPEN_END else cost(place, end)
    chain = _Chains(problem, van, chosen)
    first, second, score = _near_pairs(problem, van, place, chain, cost)
    gain = back[first] + out[second] - score + vans.fixed_cost[van]
    order = np.argsort(-gain, kind="stable")
    order = order[gain[order] > 0.0]
    columns = first[order].tolist(), second[order].tolist(), gain[order].tolist()
    pairs = list(zip(*columns, strict=True))
    for part in WORTH if chain.per_second > 0.0 else WORTH[-1:]:
        for one, two, money in pairs:
            chain.join(one, two, part * money)
        if len(chain.members) <= vans.count[van]:
            break
    return [[int(chosen[k]) for k in part] for part in chain.parts()]


class _Chains:
    """Chains of stops of one van type while they are being joined; indices are local."""

    def __init__(self, problem: RoutingProblem, van: int, chosen: Ints) -> None:
        stops, vans = problem.stops, problem.vans
        self.vans, self.van = vans, van
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        self.place = place = stops.place[chosen]
        self.seconds, self.metres = problem.travel_s(van), problem.metres
        n = len(chosen)
        self.out_s = self.seconds[start, place]
        self.out_m = self.metres[start, place]
        nothing = np.zeros(n, np.int64)
        self.back_s = nothing if end == OPEN_END else self.seconds[place, end]
        self.back_m = nothing if end == OPEN_END else self.metres[place, end]
        self.service = stops.service_s[chosen]
        self.windows = [stops.windows[s] for s in chosen]
        brought = stops.kind[chosen] == DELIVERY
        self.delivered = np.where(brought[:, None], stops.load[chosen], 0.0)
        self.fetched = np.where(brought[:, None], 0.0, stops.load[chosen])
        self.backhaul = (stops.kind[chosen] == BACKHAUL).tolist()
        self.mixed = bool(brought.any() and not brought.all())
        self.release = stops.release_s[chosen]
        self.opens, self.closes = (int(value) for value in vans.shift[van])
        leave = np.maximum(self.opens, self.release) + self.out_s
        self.begin = [self._enter(k, int(leave[k])) for k in range(n)]
        self.members: dict[int, list[int]] = {k: [k] for k in range(n)}
        self.chain_of = list(range(n))
        self.anytime = not self.release.any() and all(
            w[0][0] <= self.opens and w[-1][1] >= self.closes and len(w) == 1
            for w in self.windows
            if w
        )
        self.reversible = (
            self.anytime
            and not self.mixed
            and is_symmetric(self.seconds)
            and is_symmetric(self.metres)
        )
        self.load = np.concatenate([self.delivered, self.fetched], axis=1).tolist()
        self.room = np.tile(vans.capacity[van] + LOAD_TOLERANCE, 2).tolist()
        self.inside_m = [0] * n
        self.inside_s = self.service.tolist()
        per_second = float(vans.cost_per_hour[van]) / 3600.0
        self.per_second = 0.0 if self.anytime else per_second
        self.early = [w[0][0] if w else 0 for w in self.windows]
        self.late = [w[-1][1] if w else FOREVER for w in self.windows]
        self.lasts = self.service.tolist()  # from its first stop's begin, waiting included

    def least_wait(self, first: Ints, second: Ints, travel: Ints) -> Floats:
        """Return the seconds that must be waited when one follows the other; inf if too late."""
        opens = np.array([w[0][0] if w else FOREVER for w in self.windows], dtype=np.float64)
        latest = np.array([w[-1][1] if w else -FOREVER for w in self.windows], dtype=np.float64)
        begin = np.array(self.begin, dtype=np.float64)
        wait = np.maximum(opens[second] - (latest + self.service)[first] - travel, 0.0)
        too_late = (begin + self.service)[first] + travel > latest[second]
        return np.where(too_late, np.inf, wait)

    def join(self, a: int, b: int, most: float) -> None:
        """Join the chain that ends with a and the chain that begins with b, if rules allow.

        Parameters
        ----------
        most : money that the hours waited between the two chains may cost
        """
        one, two = self.chain_of[a], self.chain_of[b]
        if one == two:
            return
        head, tail = self.members[one], self.members[two]
        if self.reversible:
            if head[-1] != a and head[0] == a:
                head = head[::-1]
            if tail[0] != b and tail[-1] == b:
                tail = tail[::-1]
        leg = int(self.seconds[self.place[a], self.place[b]])
        gone = self.lasts[one] + leg
        wait = max(self.early[two] - gone - self.late[one], 0)
        if head[-1] != a or tail[0] != b or self.per_second * wait > most:
            return
        load = [x + y for x, y in zip(self.load[one], self.load[two], strict=True)]
        if any(x > most for x, most in zip(load, self.room, strict=True)):
            return
        both = head + tail
        if len(both) > self.vans.max_stops[self.van] or (self.mixed and not self._in_order(both)):
            return
        here, there = int(self.place[a]), int(self.place[b])
        metres = self.inside_m[one] + self.inside_m[two] + int(self.metres[here, there])
        seconds = self.inside_s[one] + self.inside_s[two] + leg
        ends = both[0], both[-1]
        if metres + self.out_m[ends[0]] + self.back_m[ends[1]] > self.vans.max_metres[self.van]:
            return
        duration = int(seconds + self.out_s[ends[0]] + self.back_s[ends[1]])
        if duration > self.vans.max_duration_s[self.van] or self.opens + duration > self.closes:
            return
        if not self.anytime:
            begins = self._run(both)
            if begins is None:
                return
            for stop, at in zip(both, begins, strict=True):
                self.begin[stop] = at
        for stop in tail:
            self.chain_of[stop] = one
        self.members[one], self.load[one] = both, load
        self.inside_m[one], self.inside_s[one] = metres, seconds
        self.lasts[one] = gone + wait + self.lasts[two]
        self.early[one] = max(self.early[two] - gone, self.early[one]) - wait
        self.late[one] = max(min(self.late[two] - gone, self.late[one]), self.early[one])
        del self.members[two]

    def parts(self) -> list[list[int]]:
        """Return the chains in order of their first member's id."""
        return [self.members[key] for key in sorted(self.members)]

    def _in_order(self, both: list[int]) -> bool:
        """Say whether what is on board never exceeds the room, and backhauls come last."""
        room = self.vans.capacity[self.van] + LOAD_TOLERANCE
        change = np.cumsum(self.fetched[both] - self.delivered[both], axis=0)
        backhauls = [self.backhaul[k] for k in both]
        fits = bool((self.delivered[both].sum(axis=0) + change <= room).all())
        return fits and backhauls == sorted(backhauls)

    def _run(self, both: list[int]) -> list[int] | None:
        """Return when service begins at each stop, as early as can be; None if it cannot."""
        now = max(self.opens, int(self.release[both].max())) + int(self.out_s[both[0]])
        path = self.place[both]
        legs = [0, *(self.service[both[:-1]] + self.seconds[path[:-1], path[1:]]).tolist()]
        begins = []
        for stop, leg in zip(both, legs, strict=True):
            now = self._enter(stop, now + leg)
            if now >= FOREVER:
                return None
            begins.append(now)
        last = int(self.service[both[-1]] + self.back_s[both[-1]])
        return begins if now + last <= self.closes else None

    def _enter(self, stop: int, now: int) -> int:
        for opens, closes in self.windows[stop]:
            if now <= closes:
                return max(now, int(opens))
        return FOREVER


def _near_pairs(
    problem: RoutingProblem,
    van: int,
    place: Ints,
    chain: _Chains,
    cost: Callable[[Ints, Ints], Floats],
) -> tuple[Ints, Ints, Floats]:
    """Return pairs (a, b), the best partners behind each a, and what the way between costs.

    Where there are windows, waiting counts, and partners are chosen among more of the nearest.
    """
    n = len(place)
    near = nearest(problem.metres, place, NEIGHBOURS if chain.anytime else TIMED_NEIGHBOURS)
    first, second = np.repeat(np.arange(n), near.shape[1]), near.ravel().astype(np.int64)
    if chain.reversible:  # one of both ways
        both = np.unique(np.minimum(first, second) * n + np.maximum(first, second))
        first, second = np.divmod(both, n)
    way = (place[first], place[second])
    score = cost(*way)
    if chain.anytime:
        return first, second, score
    travel = problem.travel_s(van)[way]
    wait = chain.least_wait(first, second, travel)
    per_second = score.sum() / max(float(travel.sum()), 1.0)
    good = np.isfinite(wait)
    score = np.where(good, score + WAIT_WEIGHT * per_second * np.where(good, wait, 0.0), np.inf)
    kept = min(NEIGHBOURS, near.shape[1])
    best = np.argsort(score.reshape(near.shape), axis=1, kind="stable")[:, :kept]
    pair = (best + near.shape[1] * np.arange(n)[:, None]).ravel()
    pair = pair[np.isfinite(score[pair])]
    return first[pair], second[pair], score[pair]


def _cost_alone(problem: RoutingProblem, tests: SoloTests) -> Floats:
    """Return money for serving each stop alone on each van, its part of the fixed cost only."""
    stops, vans = problem.stops, problem.vans
    alone = np.full(problem.allowed.shape, np.inf)
    for van in range(len(vans)):
        if vans.count[van] < 1:
            continue
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        back = 0.0 if end == OPEN_END else problem.arcs(van, stops.place, end)
        finite = np.isfinite(vans.capacity[van])
        part = (stops.load[:, finite] / vans.capacity[van][finite]).max(axis=1, initial=0.0)
        alone[:, van] = problem.arcs(van, start, stops.place) + back + vans.fixed_cost[van] * part
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
