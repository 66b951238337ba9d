"""Why a stop is not served: the test that fails, and the smallest change that would help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from optimizer.routing.insertion import NEW, Insertion, best_insertion, driving_cost, gaps_of
from optimizer.routing.problem import (
    KG,
    M3,
    OPEN_END,
    Floats,
    Ints,
    Route,
    RoutingProblem,
    vans_left,
)
from optimizer.routing.schedule import Timed, price
from optimizer.routing.solo import (
    CAPACITY,
    CODES,
    DISTANCE,
    FINE,
    SHIFT,
    SKILL,
    WINDOW,
    SoloTests,
    shortest_from,
)
from optimizer.routing.solve import Driven

MOST_GAPS = 200  # gaps whose failing rule is counted
NOT_LOOKED_AT = "the search found no place, and the time was over before its places were looked at"
RULES = {
    "capacity": "capacity",
    "window": "windows",
    "shift": "the shift",
    "distance": "max_km",
    "count": "stops or trips",
    "skill": "skills",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a stop is on no route.

    Attributes
    ----------
    code : capacity, window, skill, shift, distance, count, co2, prize; time: not looked at
    proven : no plan whatever could serve it; else the search found no place
    detail, relaxation : sentences for the planner
    cost : money of serving it so; NaN: not known
    """

    stop: int
    code: str
    proven: bool
    detail: str
    relaxation: str
    cost: float = float("nan")


def reasons(driven: Driven, stop_now: Callable[[], bool] = lambda: False) -> list[Reason]:
    """Explain every stop that a plan leaves out, in order.

    Once `stop_now` says so, places are looked for no more; what no van can serve is still told.
    """
    alone = _Alone(driven.problem, driven.tests)
    found = []
    for stop in driven.unserved:
        if driven.tests.hopeless[stop]:
            found.append(alone.reason(stop, proven=True))
        elif stop_now():
            found.append(Reason(stop, "time", False, NOT_LOOKED_AT, "more time for the plan"))
        else:
            found.append(_crowded_out(driven, alone, stop))
    return found


def clock_text(second: float) -> str:
    """Return a time of day; a later date is marked by +1 and so on."""
    whole = int(second)
    days, rest = divmod(whole, 86_400)
    text = f"{rest // 3600:02d}:{rest % 3600 // 60:02d}"
    text += f":{rest % 60:02d}" if rest % 60 else ""
    return text if not days else f"{text} (+{days} d)"


def _crowded_out(driven: Driven, alone_tests: _Alone, stop: int) -> Reason:
    """Explain a stop that could be served, but found no place or is not worth it."""
    problem, tests = driven.problem, driven.tests
    stops = problem.stops
    place = best_insertion(problem, driven.timed, stop)
    if place is not None:
        cost, loss = place.extra_cost, float(stops.loss[stop])
        if driven.co2_limits and (cost <= loss or not stops.optional[stop]):
            return _too_dirty(driven, place)
        detail = f"the cheapest place found costs {cost:.2f}, leaving it out {loss:.2f}"
        return Reason(stop, "prize", False, detail, f"a prize above {cost:.2f}", cost)
    left = vans_left(problem, tuple(t.route for t in driven.timed))
    alone = [van for van in np.flatnonzero(tests.direct[stop] == FINE) if left[van] == 0]
    if not alone:
        return alone_tests.reason(stop, proven=False)
    fails = _failing_rules(problem, driven.timed, stop)
    why = ", ".join(f"{RULES[code]} {count}" for code, count in fails)
    van = min(alone, key=lambda v: (_cost_alone(problem, int(v), stop), v))
    name = f"{problem.vans.vehicle_type[van]} at {problem.vans.depot_id[van]}"
    detail = "every van that could come is used"
    detail += f"; its routes are kept from it by {why}" if why else ""
    cost = _cost_alone(problem, int(van), stop)
    relaxation = f"one more {name} (costs {cost:.2f} for it alone)"
    return Reason(stop, "count", False, detail, relaxation, cost)


def _too_dirty(driven: Driven, place: Insertion) -> Reason:
    """Explain a stop that is left out so that a limit on CO2e holds."""
    before = driven.timed[place.route].g_co2e if place.route != NEW else 0.0
    grams = place.timed.g_co2e - before
    limits = ", ".join(driven.co2_limits)
    detail = f"its cheapest place would emit {grams:.0f} g more than limit {limits} leaves room for"
    relaxation = f"{grams:.0f} g more in limit {limits}"
    return Reason(place.stop, "co2", False, detail, relaxation, place.extra_cost)


def _failing_rules(
    problem: RoutingProblem, routes: tuple[Timed, ...], stop: int
) -> list[tuple[str, int]]:
    """Count which rule fails at the gaps of the routes, most frequent first."""
    gaps = gaps_of(problem, routes)
    if not len(gaps.route):
        return []
    counted: Counter[str] = Counter()
    allowed = problem.allowed[stop, gaps.van]
    counted["skill"] = int((~allowed).sum())
    full = allowed & (problem.stops.load[stop] > gaps.room).any(axis=1)
    counted["capacity"] = int(full.sum())
    cost = driving_cost(problem, gaps, stop)
    open_gaps = np.flatnonzero(np.isfinite(cost))
    for gap in open_gaps[np.argsort(cost[open_gaps], kind="stable")][:MOST_GAPS]:
        route = routes[int(gaps.route[gap])].route
        trip, at = int(gaps.trip[gap]), int(gaps.at[gap])
        longer = (*route.trips[trip][:at], stop, *route.trips[trip][at:])
        tried = Route(route.van, (*route.trips[:trip], longer, *route.trips[trip + 1 :]))
        outcome = price(problem, tried)
        if isinstance(outcome, str):
            counted[outcome] += 1
    return [(code, count) for code, count in counted.most_common() if count]


def _cost_alone(problem: RoutingProblem, van: int, stop: int) -> float:
    timed = price(problem, Route(van, ((stop,),)))
    return np.inf if isinstance(timed, str) else timed.cost


class _Alone:
    """Explains stops that not even a van of their own can serve."""

    def __init__(self, problem: RoutingProblem, tests: SoloTests) -> None:
        self.problem = problem
        self.tests = tests
        self.paths: dict[int, tuple[Floats, Floats, Floats]] = {}

    def reason(self, stop: int, *, proven: bool) -> Reason:
        """Explain a stop by the van that passes most tests."""
        codes = self.tests.relaxed[stop] if proven else self.tests.direct[stop]
        van = self._closest_van(codes, stop)
        code = int(codes[van])
        name = f"{self.problem.vans.vehicle_type[van]} at {self.problem.vans.depot_id[van]}"
        texts = {
            SKILL: self._skill,
            CAPACITY: self._capacity,
            WINDOW: self._window,
            SHIFT: self._shift,
            DISTANCE: self._distance,
        }
        detail, relaxation = texts[code](stop, van, name)
        return Reason(stop, CODES[code], proven, detail, relaxation)

    def _closest_van(self, codes: Ints, stop: int) -> int:
        """Return the van that passes most tests; of several the nearest, then the roomiest."""
        vans, place = self.problem.vans, self.problem.stops.place[stop]
        best = [van for van in range(len(vans)) if codes[van] == codes.max()]
        roomiest = codes.max() == CAPACITY
        return min(
            best,
            key=lambda v: (
                -vans.capacity[v, KG] if roomiest else 0.0,
                self.problem.metres[vans.start_place[v], place],
                -vans.capacity[v, KG],
                v,
            ),
        )

    def _legs(self, stop: int, van: int) -> tuple[float, float, float]:
        """Return the least seconds out and back, and metres both ways."""
        if van not in self.paths:
            vans, metres = self.problem.vans, self.problem.metres
            start, end = int(vans.start_place[van]), int(vans.end_place[van])
            seconds = self.problem.travel_s(van)
            out_s, out_m = shortest_from(seconds, start), shortest_from(metres, start)
            if end == OPEN_END:
                self.paths[van] = (out_s, np.zeros(len(out_s)), out_m)
            else:
                both_m = out_m + shortest_from(metres.T, end)
                self.paths[van] = (out_s, shortest_from(seconds.T, end), both_m)
        place = int(self.problem.stops.place[stop])
        out_s, back_s, both_m = self.paths[van]
        return float(out_s[place]), float(back_s[place]), float(both_m[place])

    def _skill(self, stop: int, van: int, name: str) -> tuple[str, str]:
        return f"no van may serve it; {name} lacks what it asks for", "a van with these skills"

    def _capacity(self, stop: int, van: int, name: str) -> tuple[str, str]:
        load, room = self.problem.stops.load[stop], self.problem.vans.capacity[van]
        over = M3 if load[KG] <= room[KG] else KG
        unit = ("kg", "m3")[over]
        detail = f"{load[over]:g} {unit}; {name} holds {room[over]:g} {unit}"
        return detail, f"a van for {load[over]:g} {unit}, or several parcels"

    def _window(self, stop: int, van: int, name: str) -> tuple[str, str]:
        windows = self.problem.stops.windows[stop]
        if not windows:
            return "its windows end before they begin, or before its day", "a window to come"
        leave = max(int(self.problem.vans.shift[van, 0]), int(self.problem.stops.release_s[stop]))
        soonest = clock_text(leave + self._legs(stop, van)[0])
        last = clock_text(windows[-1][1])
        detail = f"{name} is there at {soonest} at the earliest, its last window ends at {last}"
        return detail, f"a window that ends at {soonest} or later"

    def _shift(self, stop: int, van: int, name: str) -> tuple[str, str]:
        problem = self.problem
        out, back, _ = self._legs(stop, van)
        opens, closes = (int(value) for value in problem.vans.shift[van])
        service = int(problem.stops.service_s[stop])
        arrive = max(opens, int(problem.stops.release_s[stop])) + out
        meets = (max(arrive, a) for a, b in problem.stops.windows[stop] if b >= arrive)
        end = next(meets, arrive) + service + back
        if end <= closes:
            hours = (out + service + back) / 3600.0
            return f"{name} would be {hours:.1f} h on duty", f"a shift of {hours:.1f} h"
        done = clock_text(end)
        detail = f"{name} would be done at {done}, its shift ends at {clock_text(closes)}"
        return detail, f"a shift until {done}"

    def _distance(self, stop: int, van: int, name: str) -> tuple[str, str]:
        km = self._legs(stop, van)[2] / 1000.0
        most = float(self.problem.vans.max_metres[van]) / 1000.0
        return f"{km:.1f} km there and back; {name} may drive {most:g} km", f"max_km of {km:.1f}"
