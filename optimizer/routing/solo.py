"""Can a van serve a stop at all: the test of one stop alone, per stop and van."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.routing.lengths import Computed, Lengths, shortest_computed
from optimizer.routing.problem import (
    FOREVER,
    LOAD_TOLERANCE,
    OPEN_END,
    Flags,
    Floats,
    Ints,
    RoutingProblem,
)

FINE, SKILL, CAPACITY, WINDOW, SHIFT, DISTANCE = range(6)
CODES = ("", "skill", "capacity", "window", "shift", "distance")


@dataclass(frozen=True, slots=True)
class SoloTests:
    """What stands against each stop on each van, were it the only one.

    Attributes
    ----------
    direct : (n, m) int64, FINE or the first test that fails, driving straight there and back
    relaxed : (n, m) int64, the same over shortest paths: what fails here fails on every route
    """

    direct: Ints
    relaxed: Ints

    @property
    def possible(self) -> Flags:
        """Return which van might serve which stop on some route, (n, m) bool."""
        fine: Flags = self.relaxed == FINE
        return fine

    @property
    def hopeless(self) -> Flags:
        """Return the stops that no route whatever can serve, (n,) bool."""
        return np.asarray(~self.possible.any(axis=1), dtype=bool)


def solo_tests(problem: RoutingProblem) -> SoloTests:
    """Test every stop alone on every van."""
    n, m = problem.allowed.shape
    direct, relaxed = np.empty((n, m), np.int64), np.empty((n, m), np.int64)
    places = problem.stops.place
    for van in range(m):
        start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
        seconds = problem.travel_s(van)
        out = [1.0 * seconds[start, places], 1.0 * problem.metres[start, places]]
        least_out = [
            shortest_from(seconds, start)[places],
            shortest_from(problem.metres, start)[places],
        ]
        if end == OPEN_END:
            back = least_back = [np.zeros(n), np.zeros(n)]
        else:
            back = [1.0 * seconds[places, end], 1.0 * problem.metres[places, end]]
            least_back = [
                shortest_from(seconds.T, end)[places],
                shortest_from(problem.metres.T, end)[places],
            ]
        direct[:, van] = _test(problem, van, out, back)
        relaxed[:, van] = _test(problem, van, least_out, least_back)
    return SoloTests(direct, relaxed)


def shortest_from(lengths: Lengths, source: int) -> Floats:
    """Return the length of the shortest path from a place to every place (Dijkstra).

    Parameters
    ----------
    lengths : (p, p), not negative; transposed for paths *to* a place
    """
    if isinstance(lengths, Computed):
        return shortest_computed(lengths, source)
    best = np.array(lengths[source], dtype=np.float64)
    best[source] = 0
    left = np.ones(len(best), dtype=bool)
    left[source] = False
    candidates = np.where(left, best, np.inf)
    for _ in range(len(best) - 1):
        at = int(np.argmin(candidates))
        candidates[at] = np.inf
        left[at] = False
        through = best[at] + lengths[at]
        nearer = left & (through < best)
        best[nearer] = through[nearer]
        candidates[nearer] = through[nearer]
    return best


def _test(problem: RoutingProblem, van: int, out: list[Floats], back: list[Floats]) -> Ints:
    """Return the first test that each stop fails on a van, (n,) int64."""
    stops, vans = problem.stops, problem.vans
    opens, closes = vans.shift[van]
    leave = np.maximum(opens, stops.release_s)
    arrive = leave + out[0]
    begin = np.full(len(stops), FOREVER, dtype=np.float64)
    for k, windows in enumerate(stops.windows):
        at = arrive[k]
        begin[k] = next((max(at, a) for a, b in windows if at <= b), FOREVER)
    end = begin + stops.service_s + back[0]
    alone_s = out[0] + stops.service_s + back[0]
    code = np.full(len(stops), FINE, dtype=np.int64)
    code[out[1] + back[1] > vans.max_metres[van]] = DISTANCE
    code[
        (end > closes) | (leave > vans.latest_start_s[van]) | (alone_s > vans.max_duration_s[van])
    ] = SHIFT
    code[begin >= FOREVER] = WINDOW
    code[(stops.load > vans.capacity[van] + LOAD_TOLERANCE).any(axis=1)] = CAPACITY
    code[~problem.allowed[:, van]] = SKILL
    return code
