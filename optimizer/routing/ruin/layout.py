"""A routing problem as the compiled search reads it, and its plans in our words again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.nearest import nearest
from optimizer.routing.problem import (
    BACKHAUL,
    FOREVER,
    Ints,
    Route,
    Routes,
    RoutingProblem,
)
from optimizer.routing.rounding import money_scale, must_serve_prize, whole_loads
from optimizer.routing.ruin.changes import measure
from optimizer.routing.ruin.clock import refresh_all
from optimizer.routing.ruin.facts import NONE, Book, Facts, empty_book
from optimizer.routing.ruin.near import near_in_time
from optimizer.routing.ruin.roads import make_roads
from optimizer.routing.schedule import Timed
from optimizer.routing.timing import STOP

WIDTH = 300  # near stops of each stop


@dataclass(frozen=True, slots=True)
class Layout:
    """What the search works on.

    Attributes
    ----------
    facts : rules and prices
    chosen : (n,) int64, the stop of the problem that each of its stops is
    van_of : (types,) int64, the van type of the problem
    must : (n,) bool, stops without a prize
    scale : scaled money per unit of money
    hop : scaled money from a stop to one near it, mean
    xy : (n, 2) float64, where the stops are, for cuts
    """

    facts: Facts
    chosen: Ints
    van_of: Ints
    must: NDArray[np.bool_]
    scale: float
    hop: float
    xy: NDArray[np.float64]

    @property
    def n_stops(self) -> int:
        """Stops."""
        return len(self.chosen)

    @property
    def n_slots(self) -> int:
        """Vans."""
        return len(self.facts.type_of)


def lay_out(problem: RoutingProblem, chosen: Sequence[int]) -> Layout:
    """Lay out some stops of a problem, each van one trip."""
    stops, vans = problem.stops, problem.vans
    at = np.array(chosen, dtype=np.int64)
    used = np.flatnonzero(vans.count > 0)
    n, scale = len(at), money_scale(problem)
    ends = [int(p) for van in used for p in (vans.start_place[van], vans.end_place[van])]
    depots = list(dict.fromkeys(ends))
    node_of = {place: n + k for k, place in enumerate(depots)}
    places = np.concatenate([stops.place[at], np.array(depots, dtype=np.int64)])
    profiles = sorted({int(vans.profile[van]) for van in used})
    seconds = [problem.seconds[k] for k in profiles]
    load, room = whole_loads(problem, chosen, used.tolist())
    windows = [stops.windows[stop] for stop in at]
    must_lose = must_serve_prize(problem, chosen, used.tolist())
    optional = stops.optional[at]
    loss = np.rint(scale * (stops.loss[at] + np.where(optional, 0.0, must_lose)))
    per_metre = np.rint(scale * vans.driving_cost_per_km[used] / 1000.0).astype(np.int64)
    per_second = np.rint(scale * vans.cost_per_hour[used] / 3600.0).astype(np.int64)
    per_metre = np.where((per_metre == 0) & (per_second == 0), 1, per_metre)
    slots = np.minimum(vans.count[used], n)
    backhaul = stops.kind[at] == BACKHAUL
    longest = np.array([vans.longest_with_breaks(int(van)) for van in used], dtype=np.int64)
    trivial = all(len(w) == 1 and w[0][0] <= 0 and w[0][1] >= FOREVER - 1 for w in windows)
    timed = bool(
        not trivial
        or per_second.any()
        or (longest < FOREVER).any()
        or (vans.shift[used, 1] < FOREVER - 1).any()
        or stops.release_s[at].any()
    )
    if trivial:
        near = nearest(problem.metres, stops.place[at], WIDTH)
    else:
        args = (problem.metres, seconds[0], stops.place[at], stops.service_s[at], windows)
        near = near_in_time(*args, WIDTH)
    facts = Facts(
        roads=make_roads(problem.metres, seconds, places),
        near=near,
        load=np.array(load, dtype=np.int64),
        backhaul=backhaul,
        service=stops.service_s[at],
        release=stops.release_s[at],
        loss=np.minimum(loss, 2.0**50).astype(np.int64),
        window_at=np.cumsum([0, *(len(w) for w in windows)]).astype(np.int64),
        opens=np.array([o for w in windows for o, _ in w], dtype=np.int64),
        closes=np.array([c for w in windows for _, c in w], dtype=np.int64),
        allowed=problem.allowed[np.ix_(at, used)],
        start=np.array([node_of[int(vans.start_place[v])] for v in used], dtype=np.int64),
        end=np.array([node_of[int(vans.end_place[v])] for v in used], dtype=np.int64),
        profile=np.array([profiles.index(int(vans.profile[v])) for v in used], dtype=np.int64),
        room=np.array(room.capacity, dtype=np.int64),
        per_metre=per_metre,
        per_second=per_second,
        fixed=np.rint(scale * vans.fixed_cost[used]).astype(np.int64),
        longest_m=vans.max_metres[used].astype(np.int64),
        longest_s=longest,
        most_stops=vans.max_stops[used].astype(np.int64),
        shift_opens=vans.shift[used, 0].astype(np.int64),
        shift_closes=vans.shift[used, 1].astype(np.int64),
        latest_start=np.minimum(vans.latest_start_s[used], vans.shift[used, 1]).astype(np.int64),
        type_of=np.repeat(np.arange(len(used)), slots).astype(np.int64),
        timed=timed,
        mixed=bool(backhaul.any()),
        choosy=not bool(problem.allowed[np.ix_(at, used)].all()),
        typed=len(used) > 1,
    )
    close = places[near[:, : min(10, near.shape[1])]]
    hops = (places[:n, None], close)
    hop = float(per_metre.min() * problem.metres[hops].mean()) if close.size else 1.0
    hop += float(per_second.min() * seconds[0][hops].mean()) if close.size else 0.0
    return Layout(
        facts,
        at,
        np.array(used, np.int64),
        ~optional,
        scale,
        max(hop, 1.0),
        problem.lonlat[stops.place[at]],
    )


def book_of(layout: Layout, routes: Sequence[Timed]) -> Book | None:
    """Write routes of one trip each into a book; None if they break a rule in whole numbers."""
    facts = layout.facts
    book = empty_book(facts)
    index = {int(stop): k for k, stop in enumerate(layout.chosen)}
    kind_of = {int(van): k for k, van in enumerate(layout.van_of)}
    free = [list(np.flatnonzero(facts.type_of == k)[::-1]) for k in range(len(kind_of))]
    d = facts.load.shape[1]
    for timed in routes:
        kind = kind_of[timed.route.van]
        slot = int(free[kind].pop())
        begins = {
            node.stop: int(at)
            for node, at in zip(timed.nodes, timed.begin, strict=True)
            if node.what == STOP
        }
        previous = NONE
        for stop in timed.route.stops:
            k = index[stop]
            if previous == NONE:
                book.first[slot] = k
            else:
                book.following[previous] = k
            book.previous[k], book.route[k] = previous, slot
            for window in range(int(facts.window_at[k]), int(facts.window_at[k + 1])):
                if facts.opens[window] <= begins[stop] <= facts.closes[window]:
                    book.window[k] = window
            side = d if facts.mixed and facts.backhaul[k] else 0
            book.left[side : side + d, slot] -= facts.load[k]
            previous = k
        book.last[slot], book.size[slot] = previous, len(timed.route.stops)
    measure(facts, book)
    if (book.left < 0).any() or (facts.timed and not refresh_all(facts, book)):
        return None
    return book


def routes_of(layout: Layout, following: Ints, first: Ints) -> Routes:
    """Return the routes of a plan as the search keeps its best."""
    routes = []
    for slot in np.flatnonzero(first != NONE):
        stops, at = [], int(first[slot])
        while at != NONE:
            stops.append(int(layout.chosen[at]))
            at = int(following[at])
        routes.append(Route(int(layout.van_of[layout.facts.type_of[slot]]), (tuple(stops),)))
    return tuple(routes)
