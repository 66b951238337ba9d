"""Hard limits on what the routes emit: a price per gram, found by bisection, then omissions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from optimizer.bracket import STEEPER, Bracket
from optimizer.outcome import Limits, Outcome
from optimizer.routing.bounds import lower_bound
from optimizer.routing.from_scenario import Reading
from optimizer.routing.insertion import without_stop
from optimizer.routing.problem import Flags, Floats, Route, RoutingProblem
from optimizer.routing.schedule import Timed, price
from optimizer.routing.solve import Driven
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits

FIRST_SHARE = 0.3  # of the budget, for the plan without a price of the limits
ROUNDS = 6  # plans that are made at most
GRAM = 1e-6  # relative; sums of floats that should be equal

Solver = Callable[[Sequence[RoutingProblem], Limits], list[Outcome[Driven]]]


@dataclass(frozen=True, slots=True)
class Cap:
    """A hard limit on grams.

    Attributes
    ----------
    depot_id : of the routes that count; "" for all
    first, behind : days on which they start, the last one not included; NaT for any
    """

    limit_id: str
    depot_id: str
    first: np.datetime64
    behind: np.datetime64
    grams: float

    def counts(self, problem: RoutingProblem) -> Flags:
        """Say of each van whether its routes count, (m,) bool."""
        today = bool(np.isnat(self.first) or self.first <= problem.day < self.behind)
        mine = [not self.depot_id or depot == self.depot_id for depot in problem.vans.depot_id]
        return np.array(mine, dtype=bool) & today

    def emitted(self, solved: Sequence[Driven]) -> float:
        """Return the grams that count."""
        return sum(
            timed.g_co2e
            for driven in solved
            for counted in [self.counts(driven.problem)]
            for timed in driven.timed
            if counted[timed.route.van]
        )

    def broken(self, solved: Sequence[Driven]) -> bool:
        """Say whether routes emit more."""
        return self.emitted(solved) > self.grams * (1.0 + GRAM)


@dataclass(frozen=True, slots=True)
class _Prices:
    caps: tuple[Cap, ...]
    brackets: dict[str, Bracket] = field(default_factory=dict)

    def raise_for(self, problem: RoutingProblem) -> RoutingProblem:
        """Return a problem whose vans pay for what the caps count."""
        extra = np.zeros(len(problem.vans))
        for cap in self.caps:
            extra += self.brackets[cap.limit_id].tried * cap.counts(problem)
        vans = problem.vans
        empty: Floats = vans.co2_cost_per_km + extra * vans.g_co2e_per_km
        loaded: Floats = vans.co2_cost_per_tkm + extra * vans.g_co2e_per_tkm
        vans = replace(vans, co2_cost_per_km=empty, co2_cost_per_tkm=loaded)
        return replace(problem, vans=vans)


def read_caps(scenario: Scenario) -> tuple[tuple[Cap, ...], tuple[str, ...]]:
    """Return the hard limits on grams that routes are held to, and notes on soft ones.

    Scope `all`, `stage:routing` or `site:ID` (routes that start there); a bucket means routes that
    start in it, none all routes of the plan together.
    """
    limits, notes = co2_limits(scenario, "routing")
    caps = []
    for limit in limits:
        first, behind = (
            np.datetime64("NaT" if day is None else day, "D") for day in (limit.first, limit.behind)
        )
        caps.append(Cap(limit.limit_id, limit.name, first, behind, limit.grams))
    return tuple(caps), notes


def solve_within(
    reading: Reading, caps: tuple[Cap, ...], limits: Limits, solve: Solver
) -> tuple[list[Outcome[Driven]], tuple[str, ...]]:
    """Solve all problems so that every cap holds.

    Plans are made at prices of a gram for each cap, found by bisection; the cheapest plan that
    keeps all caps is taken. Where none does, the one with the least grams too many leaves stops
    out, those first that save most grams for the money.

    Parameters
    ----------
    solve : problems and limits to outcomes

    Returns
    -------
    outcomes : objective and bound are of the problems as they are
    notes : which caps were at work
    """
    if not caps:
        return solve(reading.problems, limits), ()
    prices = _Prices(caps, {cap.limit_id: Bracket() for cap in caps})
    best: tuple[tuple[float, float], list[Outcome[Driven]]] | None = None
    bounds: list[float] = []
    spent, at_work, work = 0.0, set[str](), 0.0
    for number in range(ROUNDS):
        share = FIRST_SHARE if not number else (1.0 - FIRST_SHARE) / (ROUNDS - 1)
        if number == 1 and not at_work:
            share = 1.0 - FIRST_SHARE  # the caps do not bind: all the rest on one plan
        if number and (limits.cancelled() or limits.remaining <= 0.0):
            break
        mine = limits.share(share / (1.0 - spent))
        if limits.work is not None:
            mine = replace(mine, work=share * limits.work)
        spent += share
        found = solve([prices.raise_for(problem) for problem in reading.problems], mine)
        work += sum(outcome.work for outcome in found)
        if not number:
            bounds = [outcome.bound or 0.0 for outcome in found]
        found = [
            _as_it_is(problem, outcome, bound)
            for problem, outcome, bound in zip(reading.problems, found, bounds, strict=True)
        ]
        solved = [outcome.solution for outcome in found if outcome.solution is not None]
        over = sum(max(cap.emitted(solved) - cap.grams, 0.0) for cap in caps)
        broken = {cap.limit_id for cap in caps if cap.broken(solved)}
        at_work |= broken
        rank = (over if broken else 0.0, sum(outcome.objective or 0.0 for outcome in found))
        if best is None or rank < best[0]:
            best = (rank, found)
        money, grams = _money_and_grams(solved)
        for cap in caps:
            if cap.limit_id in at_work:
                cap_broken = cap.limit_id in broken
                prices.brackets[cap.limit_id].move(cap_broken, money / max(grams, 1.0) / STEEPER)
        if spent >= 1.0 - GRAM:
            break
    assert best is not None
    outcomes = best[1]
    notes = [f"Limit {name} on CO2e decides on routes." for name in sorted(at_work)]
    solved = [outcome.solution for outcome in outcomes if outcome.solution is not None]
    if at_work:
        solved = [replace(driven, co2_limits=tuple(sorted(at_work))) for driven in solved]
    if best[0][0] > 0.0:
        left_out = _leave_out(solved, caps)
        notes.append(f"No plan with all stops was found within it: {left_out} are left out.")
        outcomes = [_with_less(outcome) for outcome in outcomes]
    again = iter(solved)
    outcomes = [
        outcome if outcome.solution is None else _with_solution(outcome, next(again))
        for outcome in outcomes
    ]
    if outcomes:
        outcomes[0] = replace(outcomes[0], work=work - sum(o.work for o in outcomes[1:]))
    return outcomes, tuple(notes)


# ---- inside ---------------------------------------------------------------------------------


def _money_and_grams(solved: Sequence[Driven]) -> tuple[float, float]:
    """Return what all routes cost and emit."""
    pairs = [(t.cost, t.g_co2e) for driven in solved for t in driven.timed]
    return sum(money for money, _ in pairs), sum(grams for _, grams in pairs)


def _as_it_is(problem: RoutingProblem, outcome: Outcome[Driven], bound: float) -> Outcome[Driven]:
    """Return an outcome at the problem's own prices."""
    if outcome.solution is None:
        return outcome
    timed = tuple(_priced(problem, t.route) for t in outcome.solution.timed)
    solution = replace(outcome.solution, problem=problem, timed=timed)
    return _with_solution(replace(outcome, bound=bound), solution)


def _with_solution(outcome: Outcome[Driven], solution: Driven) -> Outcome[Driven]:
    objective = solution.objective
    bound = min(outcome.bound or 0.0, objective)
    return replace(outcome, solution=solution, objective=objective, bound=bound)


def _with_less(outcome: Outcome[Driven]) -> Outcome[Driven]:
    """Return an outcome with a bound that holds for plans that leave stops out, too."""
    if outcome.solution is None:
        return outcome
    problem = outcome.solution.problem
    stops = replace(problem.stops, loss=problem.stops.loss_at_least)
    freer = lower_bound(replace(problem, stops=stops), outcome.solution.tests)
    return replace(outcome, bound=min(outcome.bound or 0.0, freer))


def _priced(problem: RoutingProblem, route: Route) -> Timed:
    timed = price(problem, route)
    assert not isinstance(timed, str), timed
    return timed


def _leave_out(solved: list[Driven], caps: tuple[Cap, ...]) -> int:
    """Take stops off routes until every cap holds; return how many."""
    left_out = 0
    for cap in caps:
        while cap.broken(solved):
            best: tuple[float, int, int, Timed | None, int] | None = None
            for number, driven in enumerate(solved):
                counted = cap.counts(driven.problem)
                for position, timed in enumerate(driven.timed):
                    if not counted[timed.route.van]:
                        continue
                    for stop in timed.route.stops:
                        found = _without(driven.problem, timed, stop)
                        if found is not None and (best is None or found[0] < best[0]):
                            best = (found[0], number, position, found[1], stop)
            if best is None:
                break
            _, number, position, shorter, stop = best
            driven = solved[number]
            kept = [*driven.timed[:position], shorter, *driven.timed[position + 1 :]]
            timed_routes = tuple(t for t in kept if t is not None)
            unserved = tuple(sorted((*driven.unserved, stop)))
            solved[number] = replace(driven, timed=timed_routes, unserved=unserved)
            left_out += 1
    return left_out


def _without(problem: RoutingProblem, timed: Timed, stop: int) -> tuple[float, Timed | None] | None:
    """Return money per gram that leaving a stop out costs, and the rest of its route."""
    rest = without_stop(timed.route, stop)
    shorter = None if rest is None else price(problem, rest)
    if isinstance(shorter, str):
        return None
    grams = timed.g_co2e - (0.0 if shorter is None else shorter.g_co2e)
    if grams <= 0.0:
        return None
    saved = timed.cost - (0.0 if shorter is None else shorter.cost)
    return (float(problem.stops.loss[stop]) - saved) / grams, shorter
