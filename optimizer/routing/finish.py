"""The last part of a search: rules that the fast engines are not told, on exact prices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from optimizer.outcome import Limits
from optimizer.routing.ortools_engine import OrToolsEngine
from optimizer.routing.polish import Rank, polish
from optimizer.routing.problem import Routes, RoutingProblem
from optimizer.routing.schedule import Timed, price

LARGE_SHARE, SMALL_SHARE = 0.4, 0.2  # of the budget: soft windows or balance; breaks, loads
WORST = (float("inf"),)  # of routes that break a rule
ORTOOLS_SHARE = 0.5  # of that, where windows are soft


def finishing_share(problem: RoutingProblem) -> float:
    """Return the share of the budget that is kept for the last part, 0 where nothing needs it."""
    if is_soft(problem) or problem.balance_cost_per_h > 0.0:
        return LARGE_SHARE
    vans = problem.vans
    rests = (vans.break_s > 0) & (vans.max_duration_s > vans.break_after_s) & (vans.count > 0)
    return SMALL_SHARE if rests.any() or vans.pays_for_load else 0.0


def is_soft(problem: RoutingProblem) -> bool:
    """Say whether some stop may be late for money."""
    return bool((problem.stops.late_cost_per_h > 0.0).any())


def untold(problem: RoutingProblem) -> list[str]:
    """Return the rules that neither `ruin` nor PyVRP is told; windows are hard for them."""
    missing = []
    if (problem.vans.break_s > 0).any():
        missing.append("driver breaks")
    if is_soft(problem):
        missing.append("soft windows")
    if problem.balance_cost_per_h > 0.0:
        missing.append("balance of work")
    if problem.vans.pays_for_load:
        missing.append("emissions of the load")
    return missing


def finish(
    problem: RoutingProblem,
    plan: Sequence[Timed],
    chosen: Sequence[int],
    limits: Limits,
    rank: Callable[[Sequence[Timed]], Rank],
    *,
    on_better: Callable[[Sequence[Timed]], None] = lambda _plan: None,
) -> tuple[list[Timed], float, tuple[str, ...]]:
    """Improve a plan on the rules as they are: OR-Tools for soft windows, then `polish`.

    Returns
    -------
    plan : at least as good by `rank`
    work : done
    names : of what searched
    """
    best, names, work = list(plan), [], 0.0
    engine = OrToolsEngine()

    def worth(routes: Routes) -> Rank:
        timed = _priced(problem, routes)
        return rank(timed) if len(timed) == len(routes) else WORST

    if is_soft(problem) and engine.serves(problem) and best:
        mine = limits.share(ORTOOLS_SHARE)
        found = engine.solve(problem, mine, best, chosen, worth=worth)
        work += found.work
        names.append(engine.name)
        tried = [] if found.solution is None else _priced(problem, found.solution)
        if tried and rank(tried) < rank(best):
            best = tried
            on_better(best)
    if limits.work is not None:
        limits = replace(limits, work=max(limits.work - work, 0.0))
    if problem.vans.pays_for_load:
        best = [turned(problem, timed) for timed in best]
    best, more = polish(problem, best, chosen, limits, rank, on_better=on_better)
    return best, work + more, (*names, "polish")


def turned(problem: RoutingProblem, timed: Timed) -> Timed:
    """Return a route with each of its trips driven in the direction that costs least."""
    best = timed
    for at, trip in enumerate(timed.route.trips):
        trips = list(best.route.trips)
        trips[at] = trip[::-1]
        other = price(problem, replace(best.route, trips=tuple(trips)))
        if not isinstance(other, str) and (other.needs_break, other.cost) < (
            best.needs_break,
            best.cost,
        ):
            best = other
    return best


# ---- inside ---------------------------------------------------------------------------------


def _priced(problem: RoutingProblem, routes: Routes) -> list[Timed]:
    """Return the routes that keep all rules, priced."""
    return [timed for route in routes if not isinstance(timed := price(problem, route), str)]
