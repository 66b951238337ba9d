"""Rounds of two PyVRP searches side by side, in threads: of the halves of a plan, or of all of it.

A long plan of several routes is cut in two along a line in a new direction every round; a small one
is searched twice with different seeds, and both go on from the better. Rounds end after fixed
iterations, so that the plan is the same on any number of cores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from optimizer.outcome import Limits
from optimizer.routing.pieces import Piece, cut_across, rank
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.pyvrp_data import from_pyvrp, to_pyvrp, translate
from optimizer.routing.pyvrp_search import TAIL_SHARE, Budget, iterations_per_work, patience, search
from optimizer.routing.schedule import Timed, price

LANES = 2
SMALLEST_HALF = 100  # stops
FEWEST_ROUTES = 2  # of a half
ITERATIONS_PER_STOP = 0.5  # of a lane in a round, about
MOST_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Improved:
    """What the rounds came to.

    Attributes
    ----------
    routes : priced; never of a worse rank than those at the start
    work : of all lanes together
    converged : they ended for want of progress
    """

    routes: tuple[Timed, ...]
    work: float
    converged: bool


def in_rounds(
    problem: RoutingProblem,
    limits: Limits,
    start: Sequence[Timed],
    chosen: Sequence[int],
    on_better: Callable[[float], None],
) -> Improved:
    """Improve feasible routes until the time, the work or the patience ends.

    Parameters
    ----------
    problem : with matrices
    start : at least one route; may leave stops out
    on_better : told the money of every better plan
    """
    routes = tuple(start)
    best = rank(problem, routes)
    random = np.random.Generator(np.random.Philox(limits.seed % 2**63))
    until = math.inf if limits.seconds is None else (1.0 - TAIL_SHARE) * limits.seconds
    work, idle, speed = 0.0, 0, 1.0
    with ThreadPoolExecutor(LANES) as threads:
        while not limits.cancelled() and limits.elapsed < until:
            lanes = _lanes(problem, routes, chosen, random.uniform(0.0, math.pi))
            left = math.inf if limits.work is None else (limits.work - work) / LANES
            if left * min(lane.rate for lane in lanes) < 1.0:
                break
            ahead = min(left, speed * (until - limits.elapsed))
            rounds = _rounds(lanes, ahead)
            before = limits.elapsed
            deadline = limits.started + before + (until - before) / rounds
            tasks = [
                threads.submit(
                    _search_lane,
                    lane,
                    Budget(
                        None if math.isinf(left) else max(1, round(lane.rate * left / rounds)),
                        deadline,
                        max(1, int(min(lane.rate * ahead / rounds, 1e6))),
                        limits,
                    ),
                    int(seed),
                    patience(len(chosen)) - idle,
                )
                for lane, seed in zip(lanes, random.integers(2**32, size=LANES), strict=True)
            ]
            found = [task.result() for task in tasks]
            done = [one.iterations / lane.rate for one, lane in zip(found, lanes, strict=True)]
            work += sum(done)
            speed = max(done) / max(limits.elapsed - before, 1e-9)
            idle += max(one.iterations for one in found)
            better = _together(problem, lanes, found)
            if rank(problem, better) < best:
                routes, best, idle = better, rank(problem, better), 0
                on_better(best[1])
            if idle >= patience(len(chosen)):
                return Improved(routes, work, converged=True)
    return Improved(routes, work, converged=False)


# ---- inside ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lane:
    """What one thread searches: a half of the plan, or all of it.

    Attributes
    ----------
    chosen : the stops to plan, in the piece's numbers
    rate : iterations of a unit of work
    """

    piece: Piece
    chosen: tuple[int, ...]
    rate: float
    is_half: bool


@dataclass(frozen=True, slots=True)
class _Found:
    """What a lane came to: priced routes in the piece's numbers, its own where none is better."""

    routes: tuple[Timed, ...]
    iterations: int


def _lanes(
    problem: RoutingProblem, routes: tuple[Timed, ...], chosen: Sequence[int], angle: float
) -> list[_Lane]:
    """Return what is searched side by side: two halves, or the whole twice."""
    if len(chosen) >= LANES * SMALLEST_HALF and len(routes) >= LANES * FEWEST_ROUTES:
        halves = cut_across(problem, routes, chosen, angle)
        return [
            _Lane(
                half,
                tuple(range(len(half.stops))),
                iterations_per_work(half.problem, len(half.stops)),
                is_half=True,
            )
            for half in halves
        ]
    stops, vans = np.arange(len(problem.stops)), np.arange(len(problem.vans))
    rate = iterations_per_work(problem, len(chosen))
    return [_Lane(Piece(problem, routes, stops, vans), tuple(chosen), rate, is_half=False)] * LANES


def _rounds(lanes: Sequence[_Lane], ahead: float) -> int:
    """Return into how many rounds what is ahead, in units of work of a lane, is divided."""
    rate = min(lane.rate for lane in lanes)
    wanted = ITERATIONS_PER_STOP * max(len(lane.chosen) for lane in lanes)
    return min(max(round(min(ahead * rate, 1e9) / wanted), 1), MOST_ROUNDS)


def _search_lane(lane: _Lane, budget: Budget, seed: int, patience_left: int) -> _Found:
    """Search a piece from its routes."""
    problem, routes = lane.piece.problem, lane.piece.routes
    served = {stop for timed in routes for stop in timed.route.stops}
    translation = translate(
        problem,
        lane.chosen,
        complete=all(problem.stops.optional[s] or s in served for s in lane.chosen),
        cost_per_stop=sum(timed.cost for timed in routes) / max(len(served), 1),
    )
    found = search(translation, to_pyvrp(translation, routes), seed, budget, patience_left)
    if found.cost is not None:
        priced = [price(problem, route) for route in from_pyvrp(translation, found.solution)]
        kept = tuple(timed for timed in priced if not isinstance(timed, str))
        if rank(problem, kept) < rank(problem, routes):
            routes = kept
    return _Found(routes, found.iterations)


def _together(
    problem: RoutingProblem, lanes: Sequence[_Lane], found: Sequence[_Found]
) -> tuple[Timed, ...]:
    """Return the halves as one plan, or the better of two plans."""
    if not lanes[0].is_half:
        return min((one.routes for one in found), key=lambda routes: rank(problem, routes))
    whole = []
    for lane, one in zip(lanes, found, strict=True):
        for route in lane.piece.in_whole(tuple(timed.route for timed in one.routes)):
            timed = price(problem, route)
            assert not isinstance(timed, str)
            whole.append(timed)
    return tuple(whole)
