"""A plan cut into pieces that are solved one after the other, for solvers that need a matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.outcome import Limits, Outcome, Termination
from optimizer.routing.parts import part_of
from optimizer.routing.problem import (
    Floats,
    Ints,
    Route,
    Routes,
    RoutingProblem,
    left_out,
    vans_left,
)
from optimizer.routing.schedule import Timed, price

LARGEST = 1_000  # stops of a piece
WORST_FIRST = (Termination.CANCELLED, Termination.TIME_LIMIT, Termination.WORK_LIMIT)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some routes of a plan, stops beside them that are on none, and the vans for both.

    Attributes
    ----------
    problem : theirs alone, in numbers of its own
    routes : in its numbers
    stops, vans : the whole problem's numbers
    """

    problem: RoutingProblem
    routes: tuple[Timed, ...]
    stops: Ints
    vans: Ints

    def in_whole(self, routes: Routes) -> list[Route]:
        """Return routes of the piece in numbers of the whole problem."""
        return [
            Route(
                int(self.vans[route.van]),
                tuple(tuple(self.stops[list(trip)].tolist()) for trip in route.trips),
            )
            for route in routes
        ]


Solver = Callable[[RoutingProblem, Limits, Sequence[Timed], Sequence[int]], Outcome[Routes]]


def solve_in_pieces(
    solver: Solver,
    problem: RoutingProblem,
    limits: Limits,
    start: Sequence[Timed],
    chosen: Sequence[int],
    on_better: Callable[[float], None],
) -> Outcome[Routes]:
    """Improve a start piece by piece; each has a share of the limits by its stops.

    Returns
    -------
    outcome : routes; no piece serves fewer of its stops or costs more than in the start
    """
    pieces = list(cut(problem, start, chosen))
    sizes = [len(piece.stops) for piece in pieces]
    routes: list[Route] = []
    cost = rank(problem, start)[1]
    work, ended = 0.0, []
    for number, piece in enumerate(pieces):
        fraction = sizes[number] / sum(sizes[number:])
        mine = replace(
            limits,
            seconds=None if limits.seconds is None else fraction * max(limits.remaining, 0.0),
            work=None if limits.work is None else fraction * max(limits.work - work, 0.0),
            started=limits.clock(),
        )
        found = solver(piece.problem, mine, piece.routes, range(sizes[number]))
        ended.append(found.termination)
        work += found.work
        kept, before = piece.routes, rank(piece.problem, piece.routes)
        priced = [price(piece.problem, route) for route in found.solution or ()]
        better = tuple(timed for timed in priced if not isinstance(timed, str))
        if rank(piece.problem, better) < before:
            kept = better
            cost += rank(piece.problem, better)[1] - before[1]
            on_better(cost)
        routes += piece.in_whole(tuple(timed.route for timed in kept))
    termination = next((t for t in WORST_FIRST if t in ended), Termination.CONVERGED)
    return replace(found, solution=tuple(routes), termination=termination, work=work)


def cut(problem: RoutingProblem, routes: Sequence[Timed], chosen: Sequence[int]) -> Iterator[Piece]:
    """Cut a plan by where its routes are, halving it across its longer side again and again.

    A stop on no route joins the piece whose routes are nearest; unused vans are shared out.
    """
    size = np.array([len(timed.route.stops) for timed in routes])
    return _pieces(problem, routes, chosen, _halves(_middles(problem, routes), size))


def cut_across(
    problem: RoutingProblem, routes: Sequence[Timed], chosen: Sequence[int], angle: float
) -> Iterator[Piece]:
    """Cut a plan in two along a line, half of the stops on either side.

    Parameters
    ----------
    angle : of the line's normal, radians
    """
    key = _middles(problem, routes) @ np.array([math.cos(angle), math.sin(angle)])
    order = np.argsort(key, kind="stable")
    before = np.cumsum([len(routes[int(k)].route.stops) for k in order])
    at = int(np.searchsorted(before, before[-1] / 2))
    at = min(max(at, 1), len(order) - 1)
    return _pieces(problem, routes, chosen, [np.sort(order[:at]), np.sort(order[at:])])


def rank(problem: RoutingProblem, timed: Sequence[Timed]) -> tuple[int, float]:
    """Return what a better plan has less of: stops that must be served but are not, money."""
    missing = left_out(problem, tuple(one.route for one in timed))
    lost = float(problem.stops.loss[missing].sum())
    money = float(sum(one.cost for one in timed)) + lost
    return int((~problem.stops.optional[missing]).sum()), money


# ---- inside ---------------------------------------------------------------------------------


def _middles(problem: RoutingProblem, routes: Sequence[Timed]) -> Floats:
    """Return the mean coordinates of each route, (r, 2) float64."""
    xy = problem.lonlat[problem.stops.place]
    return np.array([xy[list(timed.route.stops)].mean(axis=0) for timed in routes])


def _pieces(
    problem: RoutingProblem, routes: Sequence[Timed], chosen: Sequence[int], groups: Sequence[Ints]
) -> Iterator[Piece]:
    """Return a piece for each group of routes."""
    xy = problem.lonlat[problem.stops.place]
    middle = _middles(problem, routes)
    served = {stop for timed in routes for stop in timed.route.stops}
    pending = np.array([stop for stop in chosen if stop not in served], dtype=np.int64)
    centres = np.array([middle[group].mean(axis=0) for group in groups])
    nearest = np.argmin(((xy[pending, None] - centres[None]) ** 2).sum(axis=2), axis=1)
    left = vans_left(problem, tuple(timed.route for timed in routes))
    for number, group in enumerate(groups):
        mine = [routes[k] for k in group]
        stops = [stop for timed in mine for stop in timed.route.stops]
        rows = np.sort(np.array([*stops, *pending[nearest == number]], dtype=np.int64))
        spare = left // len(groups) + (number < left % len(groups))
        used = np.bincount([timed.route.van for timed in mine], minlength=len(problem.vans))
        count = used + spare
        columns = np.flatnonzero(count > 0)
        part = part_of(problem, rows, columns)
        part = replace(part, vans=replace(part.vans, count=count[columns].astype(np.int64)))
        yield Piece(part, tuple(_in_piece(part, mine, rows, columns)), rows, columns)


def _halves(middle: Floats, size: Ints) -> list[Ints]:
    """Return groups of routes, each of so many stops at most, if it has several routes."""
    todo, done = [np.arange(len(middle))], []
    while todo:
        group = todo.pop()
        if int(size[group].sum()) <= LARGEST or len(group) < 2:
            done.append(group)
            continue
        axis = int(np.argmax(np.ptp(middle[group], axis=0)))
        order = group[np.argsort(middle[group, axis], kind="stable")]
        before = np.cumsum(size[order])
        at = int(np.searchsorted(before, before[-1] / 2))
        at = min(max(at, 1), len(order) - 1)
        todo += [order[at:], order[:at]]
    return done


def _in_piece(
    part: RoutingProblem, routes: Sequence[Timed], rows: Ints, columns: Ints
) -> Iterator[Timed]:
    """Return routes in the numbers of a piece."""
    for timed in routes:
        trips = tuple(
            tuple(np.searchsorted(rows, list(trip)).tolist()) for trip in timed.route.trips
        )
        moved = price(part, Route(int(np.searchsorted(columns, timed.route.van)), trips))
        assert not isinstance(moved, str)
        yield moved
