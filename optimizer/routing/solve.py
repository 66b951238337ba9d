"""Solve one routing problem: start, search, repair, price, bound."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from optimizer.outcome import Limits, Outcome, Termination, proven_status
from optimizer.routing.bounds import BY_SHARES, lower_bound
from optimizer.routing.finish import finish, finishing_share
from optimizer.routing.insertion import insert_all
from optimizer.routing.offers import Offer
from optimizer.routing.problem import (
    FOREVER,
    Route,
    Routes,
    RoutingProblem,
    left_out,
    vans_left,
    with_hard_windows,
)
from optimizer.routing.pyvrp_engine import LARGEST_WHOLE, PyVrpEngine
from optimizer.routing.reinsertion import ReinsertionEngine
from optimizer.routing.relaxation.relaxed import applies, best_bound
from optimizer.routing.relay import RelayEngine
from optimizer.routing.ruin.engine import COMPILING_S, RuinEngine
from optimizer.routing.savings import savings_start
from optimizer.routing.schedule import Timed, price
from optimizer.routing.solo import SoloTests, solo_tests

BOUND_SECONDS = 0.05  # share of the wall time that is kept for the relaxation
BOUND_WORK = 0.025  # work of the relaxation, of the work of the search
LEAST_BOUND_WORK = 0.5
LONG_ROUTE = 15  # stops per route of the start, where there are windows

Searching = RuinEngine | PyVrpEngine | RelayEngine


@dataclass(frozen=True, slots=True)
class Driven:
    """A solved problem.

    Attributes
    ----------
    timed : routes with clock and price, in a fixed order
    unserved : stops that nobody serves, in order
    tests : of every stop alone
    engine : what searched
    co2_limits : ids of the limits on CO2e that decide on the routes
    given : stops on no route that other carriers take
    offers : the cheapest offer of another carrier for a stop
    """

    problem: RoutingProblem
    timed: tuple[Timed, ...]
    unserved: tuple[int, ...]
    tests: SoloTests
    engine: Searching | ReinsertionEngine
    co2_limits: tuple[str, ...] = ()
    given: Mapping[int, Offer] = field(default_factory=dict)
    offers: Mapping[int, Offer] = field(default_factory=dict)

    @property
    def objective(self) -> float:
        """Money: routes, losses and what other carriers ask."""
        routes = objective_of(self.problem, self.timed, self.unserved)
        return routes + float(sum(offer.cost for offer in self.given.values()))


def solve(
    problem: RoutingProblem,
    limits: Limits,
    *,
    on_better: Callable[[float], None] = lambda _cost: None,
) -> Outcome[Driven]:
    """Plan one problem within the limits.

    Parameters
    ----------
    on_better : told the money of every better plan found

    Returns
    -------
    outcome : always a feasible plan (nothing served is one); objective and bound are our own,
        and the detail says how the bound was found
    """
    whole, relaxing = limits, applies(problem, limits)
    if relaxing and limits.seconds is not None:
        limits = replace(limits, seconds=(1.0 - BOUND_SECONDS) * limits.seconds)
    tests = solo_tests(problem)
    chosen = [int(s) for s in np.flatnonzero(~tests.hopeless)]
    least = replace(problem, stops=replace(problem.stops, loss=problem.stops.loss_at_least))
    bound, how = lower_bound(least, tests), BY_SHARES
    engine: Searching = engine_for(problem, limits)
    termination, work, name = Termination.CONVERGED, 0.0, "savings"
    plan: tuple[Timed, ...] = ()
    if chosen:
        kept = finishing_share(problem)
        mine = limits.share(1.0 - kept) if kept else limits
        engine, found, plan = _search(problem, tests, engine, mine, on_better)
        termination, work, name = found.termination, found.work, engine.name
        plan = _complete(problem, plan, chosen, limits)
        if kept:
            rest = limits.share(1.0)
            if limits.work is not None:
                rest = replace(rest, work=max(limits.work - work, 0.0))
            finished, more, names = finish(
                problem,
                plan,
                chosen,
                rest,
                partial(_rank, problem),
                on_better=lambda better: on_better(_objective(problem, better)),
            )
            plan, work, name = tuple(finished), work + more, "+".join([name, *names])
    plan = in_order(plan)
    driven = Driven(problem, plan, tuple(left_out(problem, _routes(plan))), tests, engine)
    if relaxing:
        effort = max(BOUND_WORK * work, LEAST_BOUND_WORK)
        bound, how = best_bound(least, tests, driven.unserved, driven.objective, effort, whole)
    return Outcome(
        proven_status(driven.objective, bound),
        termination,
        name,
        solution=driven,
        objective=driven.objective,
        bound=min(bound, driven.objective),
        wall_seconds=limits.elapsed,
        work=work,
        detail=how,
    )


def in_order(timed: Sequence[Timed]) -> tuple[Timed, ...]:
    """Return routes by van, start and stops."""
    return tuple(sorted(timed, key=lambda t: (t.route.van, t.begin[0], t.route.stops)))


def engine_for(problem: RoutingProblem, limits: Limits | None = None) -> RuinEngine | PyVrpEngine:
    """Return the engine that searches: our own where it keeps every rule, else PyVRP.

    PyVRP too where our own would first have to be compiled and the limits leave no time for it.
    """
    ruin = RuinEngine()
    if not ruin.serves(problem):
        return PyVrpEngine()
    hurried = limits is not None and limits.remaining < COMPILING_S
    return PyVrpEngine() if hurried and not ruin.is_prepared() else ruin


def engine_after(problem: RoutingProblem, plan: Sequence[Timed]) -> Searching:
    """Return what searches from a start that our own search could take on.

    Windows and long routes: our own, then PyVRP. Windows and prizes: PyVRP alone, for our own
    opens no route for several stops whose prizes pay for it together. Measured on 1,000 stops
    with windows and prizes, 8 and 14 seconds of one core: PyVRP alone 0.5 and 3.7 % above the
    best known, in turn 0.7 and 7.7 %; without prizes, 37 a route, 26 against 40 seconds: in turn
    1.2 %, our own alone 1.6 %.
    """
    windows = any(
        len(w) > 1 or w[0][0] > 0 or w[-1][1] < FOREVER - 1 for w in problem.stops.windows if w
    )
    prizes = bool(problem.stops.optional.any())
    if windows and prizes and len(problem.stops) <= LARGEST_WHOLE:
        return PyVrpEngine()
    long = sum(len(t.route.stops) for t in plan) > LONG_ROUTE * len(plan)
    return RelayEngine() if windows and (long or prizes) else RuinEngine()


def had_to_be_compiled(driven: Driven) -> bool:
    """Say whether PyVRP searched only because our own search was not compiled."""
    problem = driven.problem
    return (
        isinstance(driven.engine, PyVrpEngine)
        and RuinEngine.serves(problem)
        and not isinstance(engine_after(problem, driven.timed), PyVrpEngine)
        and not RuinEngine.is_prepared()
    )


def repair(
    problem: RoutingProblem, routes: Sequence[Route], chosen: Sequence[int]
) -> tuple[Timed, ...]:
    """Price routes; take apart what breaks a rule, and put its stops where they keep all rules."""
    kept: list[Timed] = []
    left = vans_left(problem, ()).copy()
    for route in routes:
        timed = price(problem, route)
        shorter = route
        while isinstance(timed, str) and len(shorter.stops) > 1:
            shorter = _shorter(shorter)
            timed = price(problem, shorter)
        if not isinstance(timed, str) and left[route.van] > 0:
            left[route.van] -= 1
            kept.append(timed)
    served = {stop for timed in kept for stop in timed.route.stops}
    pending = [stop for stop in chosen if stop not in served]
    return tuple(insert_all(problem, kept, pending))


def objective_of(problem: RoutingProblem, timed: Sequence[Timed], unserved: Sequence[int]) -> float:
    """Return money: routes, their balance, and losses, added up in order."""
    routes = float(sum(t.cost for t in timed)) + balance_money(problem, timed)
    return routes + float(problem.stops.loss[list(unserved)].sum())


def balance_money(problem: RoutingProblem, timed: Sequence[Timed]) -> float:
    """Return what it costs that the longest route is longer than the mean."""
    if not timed or problem.balance_cost_per_h <= 0.0:
        return 0.0
    hours = [t.duration_s / 3600.0 for t in timed]
    return problem.balance_cost_per_h * (max(hours) - sum(hours) / len(hours))


# ---- inside ---------------------------------------------------------------------------------


def _search(
    problem: RoutingProblem,
    tests: SoloTests,
    engine: Searching,
    limits: Limits,
    on_better: Callable[[float], None],
) -> tuple[Searching, Outcome[Routes], tuple[Timed, ...]]:
    """Start, search and repair with windows that are hard; what is left is put in late.

    Returns
    -------
    engine, outcome : what searched, and what it says of its search
    plan : priced on the problem as it is
    """
    told = with_hard_windows(problem)
    told_tests = tests if told is problem else solo_tests(told)
    chosen = [int(s) for s in np.flatnonzero(~told_tests.hopeless)]
    late = partial(_out_of_time, limits)
    plan = tuple(savings_start(told, told_tests, late, insert=not isinstance(engine, RuinEngine)))
    if isinstance(engine, RuinEngine):
        engine = engine_after(told, plan)
    on_better(_objective(told, plan))
    found = engine.solve(told, limits, plan, chosen, on_better=on_better)
    if found.solution is not None:
        improved = repair(told, found.solution, chosen)
        if _rank(told, improved) < _rank(told, plan):
            plan = improved
    if told is not problem:
        plan = repair(problem, _routes(plan), np.flatnonzero(~tests.hopeless).tolist())
    return engine, found, plan


def _routes(timed: Sequence[Timed]) -> Routes:
    return tuple(t.route for t in timed)


def _objective(problem: RoutingProblem, timed: Sequence[Timed]) -> float:
    return objective_of(problem, timed, left_out(problem, _routes(timed)))


def _complete(
    problem: RoutingProblem, plan: tuple[Timed, ...], chosen: Sequence[int], limits: Limits
) -> tuple[Timed, ...]:
    """Put in what must be served and was left out for want of time; late rather than not."""
    missing = set(left_out(problem, _routes(plan))) & set(chosen)
    must = [stop for stop in sorted(missing) if not problem.stops.optional[stop]]
    return tuple(insert_all(problem, plan, must, limits.cancelled)) if must else plan


def _rank(problem: RoutingProblem, timed: Sequence[Timed]) -> tuple[float, ...]:
    """Return what a better plan has less of.

    Stops that must be served but are not, routes without a break that is due, money.
    """
    unserved = left_out(problem, _routes(timed))
    missing = int((~problem.stops.optional[unserved]).sum())
    restless = sum(t.needs_break for t in timed)
    return float(missing), float(restless), objective_of(problem, timed, unserved)


def _shorter(route: Route) -> Route:
    """Return a route without its last stop."""
    *first, last = route.trips
    trips = (*first, last[:-1]) if len(last) > 1 else tuple(first)
    return Route(route.van, trips)


def _out_of_time(limits: Limits) -> bool:
    return limits.cancelled() or limits.remaining <= 0.0
