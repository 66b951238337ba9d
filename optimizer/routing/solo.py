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
CHUNK = 64  # places through which paths are looked at together
CODES = ("", "skill", "capacity", "window", "shift", "distance")


@dataclass(frozen=True, slots=True)
class SoloTests:
    """What stands against each stop on each van, were it the only one.

    Attributes
    ----------
    direct : (n, m) int64, FINE or the first test that fails, driving straight there and back
    relaxed : (n, m) int64, FINE or a test that fails over shortest paths too, and so on every
        route
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
    straight = [_direct(problem, van) for van in range(len(problem.vans))]
    direct = np.array(straight, np.int64).reshape(-1, len(problem.stops)).T
    relaxed = direct.copy()
    shortest = _ShortestPaths(problem)
    for van in range(len(problem.vans)):
        rows = np.flatnonzero(np.isin(direct[:, van], (DISTANCE, SHIFT, WINDOW)))
        if len(rows):  # the way decides; what goes straight goes over shortest paths too
            relaxed[rows, van] = shortest.test(van, rows, direct[rows, van])
    return SoloTests(direct, relaxed)


def shortest_from(lengths: Lengths, source: int) -> Floats:
    """Return the length of the shortest path from a place to every place.

    Bellman and Ford's: most direct ways are shortest, so that few rounds do.

    Parameters
    ----------
    lengths : (p, p), not negative; transposed for paths *to* a place
    """
    if isinstance(lengths, Computed):
        return shortest_computed(lengths, source)
    best = np.array(lengths[source], dtype=np.float64)
    best[source] = 0
    shorter = np.arange(len(best))
    while len(shorter):
        before = best.copy()
        for at in range(0, len(shorter), CHUNK):
            rows = shorter[at : at + CHUNK]
            through = best[rows, None] + lengths[rows]
            best = np.minimum(best, through.min(axis=0))
        shorter = np.flatnonzero(best < before)
    return best


class _ShortestPaths:
    """Tests over shortest paths; those of metres are found once for all vans of a place."""

    def __init__(self, problem: RoutingProblem) -> None:
        self.problem = problem
        self.metres: dict[tuple[int, bool], Floats] = {}
        lengths = problem.metres
        if isinstance(lengths, Computed):
            self.two_way = not len(lengths.measured.key)
        else:
            matrix = np.asarray(lengths)
            self.two_way = np.array_equal(matrix, matrix.T)

    def test(self, van: int, rows: Ints, direct: Ints) -> Ints:
        """Return FINE or a test that some stops fail, given what they fail going straight."""
        problem = self.problem
        code = np.full(len(rows), FINE, dtype=np.int64)
        start, end = int(problem.vans.start_place[van]), int(problem.vans.end_place[van])
        places = problem.stops.place[rows]
        metres = self._metres(start, to=False)[places]
        if end != OPEN_END:
            metres = metres + self._metres(end, to=True)[places]
        far = metres > problem.vans.max_metres[van]
        code[far] = DISTANCE
        late = np.flatnonzero(~far & (direct != DISTANCE))
        if len(late):
            seconds = problem.travel_s(van)
            out = shortest_from(seconds, start)[places]
            back = np.zeros(len(rows)) if end == OPEN_END else shortest_from(seconds.T, end)[places]
            code[late] = _late(problem, van, rows[late], out[late], back[late])
        return code

    def _metres(self, place: int, *, to: bool) -> Floats:
        key = (place, to and not self.two_way)
        if key not in self.metres:
            lengths = self.problem.metres.T if key[1] else self.problem.metres
            self.metres[key] = shortest_from(lengths, place)
        return self.metres[key]


def _direct(problem: RoutingProblem, van: int) -> Ints:
    """Return the first test that each stop fails on a van straight there and back, (n,) int64."""
    stops, vans = problem.stops, problem.vans
    start, end = int(vans.start_place[van]), int(vans.end_place[van])
    seconds, places = problem.travel_s(van), stops.place
    metres, back = 1.0 * problem.metres[start, places], np.zeros(len(stops))
    if end != OPEN_END:
        metres = metres + problem.metres[places, end]
        back = 1.0 * seconds[places, end]
    code = np.full(len(stops), FINE, dtype=np.int64)
    code[metres > vans.max_metres[van]] = DISTANCE
    rows = np.flatnonzero(problem.allowed[:, van])
    late = _late(problem, van, rows, 1.0 * seconds[start, places[rows]], back[rows])
    code[rows] = np.where(late == FINE, code[rows], late)
    code[(stops.load > vans.capacity[van] + LOAD_TOLERANCE).any(axis=1)] = CAPACITY
    code[~problem.allowed[:, van]] = SKILL
    return code


def _late(problem: RoutingProblem, van: int, rows: Ints, out: Floats, back: Floats) -> Ints:
    """Return FINE, SHIFT or WINDOW for some stops, given the seconds there and back."""
    stops, vans = problem.stops, problem.vans
    opens, closes = vans.shift[van]
    leave = np.maximum(opens, stops.release_s[rows])
    arrive = leave + out
    begin = np.full(len(rows), FOREVER, dtype=np.float64)
    for k, stop in enumerate(rows.tolist()):
        at = arrive[k]
        begin[k] = next((max(at, a) for a, b in stops.windows[stop] if at <= b), FOREVER)
    alone_s = out + stops.service_s[rows] + back
    end = begin + stops.service_s[rows] + back
    code = np.full(len(rows), FINE, dtype=np.int64)
    code[
        (end > closes) | (leave > vans.latest_start_s[van]) | (alone_s > vans.max_duration_s[van])
    ] = SHIFT
    code[begin >= FOREVER] = WINDOW
    return code
