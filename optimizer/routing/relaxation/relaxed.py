"""The bound of a problem by prices of stops: which relaxation, with how much work."""

from __future__ import annotations

import importlib.util
import math

import numpy as np

from optimizer.outcome import Limits
from optimizer.routing.bounds import first_prices
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.relaxation.networks import distinct_vans, load_room, networks_of
from optimizer.routing.solo import SoloTests

LARGEST = 4000  # stops
TRIES_PER_WORK = 200_000_000.0  # arcs; about a second of one core
COMPILING_S = 30.0  # with less time than this it does not begin by compiling


def applies(problem: RoutingProblem, limits: Limits) -> bool:
    """Say whether there is a compiler, a problem of its size, and time."""
    if importlib.util.find_spec("numba") is None or not 1 < len(problem.stops) <= LARGEST:
        return False
    from optimizer.routing.relaxation.prepare import is_prepared

    return limits.remaining >= COMPILING_S or is_prepared()


def relaxed_bound(
    problem: RoutingProblem, tests: SoloTests, target: float, work: float, limits: Limits
) -> float:
    """Return money that no plan can undercut, -inf where nothing is proven.

    The same on every run with the same work, as long as the time does not end it.

    Parameters
    ----------
    target : money of a plan
    work : seconds of one core, about, counted in arcs that are tried
    limits : whose time and cancelling end it
    """
    from optimizer.routing.relaxation.ascent import ascend
    from optimizer.routing.relaxation.by_load import ByLoad

    vans = distinct_vans(problem, tests)
    rooms = [load_room(problem, van, tests.possible[:, van]) for van in vans]
    known = [room for room in rooms if room is not None]
    if not vans or len(known) < len(vans) or limits.cancelled():
        return -math.inf
    loss, remaining = problem.stops.loss, limits.remaining

    def used(tried: int) -> float:
        if limits.cancelled():
            return math.inf
        by_time = 0.0
        if math.isfinite(remaining):
            by_time = 1.0 - limits.remaining / max(remaining, 1e-9)
        return max(tried / (TRIES_PER_WORK * work), by_time)

    start = np.minimum(first_prices(problem, tests), loss)
    relaxation = ByLoad.of(networks_of(problem, tests, vans), known)
    return ascend(relaxation, start, loss, target, used).bound
