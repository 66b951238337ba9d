"""The best bound of a problem: which relaxation, with how much work."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence

import numpy as np

from optimizer.outcome import OPTIMAL_GAP, Limits
from optimizer.routing.bounds import (
    BY_PRICES,
    BY_SETS,
    BY_SHARES,
    LeastArcs,
    as_served,
    first_prices,
    lower_bound,
)
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.relaxation.networks import distinct_vans, networks_of
from optimizer.routing.relaxation.rooms import load_room, time_room
from optimizer.routing.solo import SoloTests

LARGEST = 4000  # stops
TRIES_PER_WORK = 200_000_000.0  # arcs; about a second of one core
LOAD_SHARE = 0.35  # of the work is by load where there are windows, the rest by time
SCANNED = 0.2  # share of all arcs that a proof by time tries, about
LEAST_PROOFS = 6
MOST_USEFUL = 10.0  # of first prices: what leaving a stop out costs at least; more leads astray
SETUP_S = 1.6e-7  # per arc and van type, before the first price is tried
COMPILING_S = 30.0  # with less time than this it does not begin by compiling


def applies(problem: RoutingProblem, limits: Limits) -> bool:
    """Say whether there is a compiler, a problem of its size, and time."""
    if importlib.util.find_spec("numba") is None or not 0 < len(problem.stops) <= LARGEST:
        return False
    from optimizer.routing.relaxation.prepare import is_prepared

    return limits.remaining >= COMPILING_S or is_prepared()


def best_bound(
    problem: RoutingProblem,
    tests: SoloTests,
    unserved: Sequence[int],
    target: float,
    work: float,
    limits: Limits,
) -> tuple[float, str]:
    """Return money that no plan can undercut that serves what a plan serves, and how it was found.

    In closed form, by the sets of few stops, by prices: whichever proves most (`as_served`).

    The same on every run with the same work, as long as the time does not end it. See
    `relaxed_bound` for the other parameters.

    Parameters
    ----------
    unserved : stops that the plan leaves out
    target : its money
    """
    from optimizer.routing.relaxation.by_sets import fits_sets, sets_bound

    rivals = as_served(problem, tests, unserved, target)
    best = (lower_bound(rivals, tests), BY_SHARES)
    vans = distinct_vans(problem, tests)
    if fits_sets(problem, vans, limits.remaining):
        best = max(best, (sets_bound(rivals, tests, vans), BY_SETS))
    if best[0] < target * (1.0 - OPTIMAL_GAP) and len(problem.stops) > 1:
        useful = MOST_USEFUL * first_prices(problem, tests)
        rivals = as_served(problem, tests, unserved, useful)
        best = max(best, (relaxed_bound(rivals, tests, target, work, limits), BY_PRICES))
    return best


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
    from optimizer.routing.relaxation.by_time import ByTime

    vans = distinct_vans(problem, tests)
    loss, remaining = problem.stops.loss, limits.remaining
    if remaining < SETUP_S * len(vans) * len(loss) ** 2:
        return -math.inf
    prices = np.minimum(first_prices(problem, tests), loss)
    arcs = LeastArcs(problem)
    rooms = [load_room(problem, van, tests.possible[:, van], arcs) for van in vans]
    times = [time_room(problem, van, tests.possible[:, van]) for van in vans]
    by_load = all(room is not None for room in rooms)
    known = [found for found in times if found is not None]
    once = SCANNED * len(loss) * sum(int(room.may.sum()) for room, _ in known)
    by_time = len(known) == len(vans) and LEAST_PROOFS * once < TRIES_PER_WORK * work
    bound, spent = -math.inf, 0
    share = LOAD_SHARE if by_load and by_time else 1.0

    def used(tried: int) -> float:
        if limits.cancelled():
            return math.inf
        clock = 0.0
        if math.isfinite(remaining):
            clock = 1.0 - limits.remaining / max(remaining, 1e-9)
        return max((tried + spent) / (TRIES_PER_WORK * work), clock) / share

    if vans and by_load and used(0) < 1.0:
        roomy = ByLoad.of(networks_of(problem, tests, vans), [r for r in rooms if r is not None])
        found = ascend(roomy, prices, loss, target, used)
        bound, prices, spent = found.bound, found.prices, found.tried
        share = 1.0
    if vans and by_time and used(0) < 1.0:
        networks = networks_of(problem, tests, vans, [steps for _, steps in known])
        timed = ByTime.of(networks, [room for room, _ in known])
        bound = max(bound, ascend(timed, prices, loss, target, used).bound)
    return bound
