"""The search of the rerouting stage: problems tied to the morning's plan, solved one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer.outcome import Limits, Outcome, proven_status
from optimizer.routing.bounds import BY_SHARES, lower_bound
from optimizer.routing.problem import DELIVERY, Flags, Floats, Route, RoutingProblem, left_out
from optimizer.routing.reinsertion import ReinsertionEngine, settle
from optimizer.routing.relaxation.relaxed import applies, best_bound
from optimizer.routing.rest_of_day import RestOfDay, Van
from optimizer.routing.solo import SoloTests, solo_tests
from optimizer.routing.solve import (
    BOUND_SECONDS,
    BOUND_WORK,
    LEAST_BOUND_WORK,
    Driven,
    in_order,
    objective_of,
)
from optimizer.routing.under_way import Call, calls_of

STAGE = "rerouting"
SOLVING_SHARE = 0.85  # of the wall time; the rest reads, prices and explains


@dataclass(frozen=True, slots=True)
class Tied:
    """A problem with what ties it to the morning.

    Attributes
    ----------
    calls : of its stops
    owner : the van of the morning's plan that each vehicle type stands for
    surcharge : (n, m) money for a stop on a van that is not the morning's
    must_home : (m,) bool, under way
    """

    problem: RoutingProblem
    calls: list[Call]
    owner: list[Van | None]
    tests: SoloTests
    surcharge: Floats
    must_home: Flags


def tie(problem: RoutingProblem, rest: RestOfDay, price_per_move: float) -> Tied:
    """Start vans under way on the spot, let them load nothing, and price what leaves its van."""
    vans, types = problem.vans, problem.vans.vehicle_type
    calls = calls_of(problem.stops.order_id, problem.stops.part.tolist())
    owner = [rest.vans.get(name) for name in types]
    must_home = np.array([van is not None and van.under_way for van in owner], dtype=bool)
    may_load = rest.under_way.may_load(calls, problem.stops.kind == DELIVERY, types)
    problem = replace(
        problem,
        vans=replace(
            vans, latest_start_s=np.where(must_home, vans.shift[:, 0], vans.latest_start_s)
        ),
        allowed=problem.allowed & (may_load | rest.under_way.is_aboard(calls)),
    )
    morning = rest.van_of
    moves = [[morning.get(call, name) != name for name in types] for call in calls]
    surcharge = np.where(np.array(moves, dtype=bool).reshape(len(calls), -1), price_per_move, 0.0)
    return Tied(problem, calls, owner, solo_tests(problem), surcharge, must_home)


def solve_all(parts: Sequence[Tied], limits: Limits) -> list[Outcome[Driven]]:
    """Solve problem by problem, each with its share of the limits by its number of stops."""
    outcomes = []
    sizes = [len(part.problem.stops) for part in parts]
    work_left = limits.work
    for number, part in enumerate(parts):
        share = sizes[number] / max(sum(sizes[number:]), 1)
        seconds = None
        if limits.seconds is not None:
            seconds = share * max(0.0, SOLVING_SHARE * limits.seconds - limits.elapsed)
        mine = replace(
            limits,
            seconds=seconds,
            work=None if work_left is None else share * work_left,
            started=limits.clock(),
        )
        outcome = _solve(part, mine)
        outcomes.append(outcome)
        if work_left is not None:
            work_left = max(work_left - outcome.work, 0.0)
        if outcome.objective is not None:
            done = sum(sizes[: number + 1]) / max(sum(sizes), 1)
            limits.progress(STAGE, done, f"{part.problem.name}: {outcome.objective:,.2f}")
    return outcomes


# ---- inside ---------------------------------------------------------------------------------


def _solve(part: Tied, limits: Limits) -> Outcome[Driven]:
    """Search from the morning's routes; what is aboard and not served keeps its room."""
    problem, tests = part.problem, part.tests
    whole, relaxing = limits, applies(part.problem, limits)
    if relaxing and limits.seconds is not None:
        limits = replace(limits, seconds=(1.0 - BOUND_SECONDS) * limits.seconds)
    chosen = [int(stop) for stop in np.flatnonzero(~tests.hopeless)]
    place = {call: stop for stop, call in enumerate(part.calls)}
    start = []
    for van, owner in enumerate(part.owner):
        stops = [place[call] for call in (owner.ahead if owner else ()) if call in place]
        if stops:
            start.append(Route(van, (tuple(stops),)))
    spent, seen = 0.0, np.zeros(len(problem.stops), dtype=bool)
    while True:
        stays = _kept_aboard(part, seen)
        room = np.maximum(problem.vans.capacity - stays, 0.0)
        tight = replace(problem, vans=replace(problem.vans, capacity=room))
        found = settle(tight, start, chosen, part.surcharge, part.must_home, limits)
        spent += found.work
        plan = in_order(found.timed)
        unserved = tuple(left_out(problem, tuple(timed.route for timed in plan)))
        now = seen.copy()
        now[list(unserved)] = True
        if not (_kept_aboard(part, now) > stays).any():
            break
        seen = now
        start = [timed.route for timed in plan]
    driven = Driven(problem, plan, unserved, tests, ReinsertionEngine())
    cost = objective_of(problem, plan, unserved)
    bound, how = lower_bound(problem, tests), BY_SHARES
    if relaxing:
        effort = max(BOUND_WORK * spent, LEAST_BOUND_WORK)
        bound, how = best_bound(problem, tests, unserved, cost, effort, whole)
    return Outcome(
        proven_status(cost, bound),
        found.termination,
        ReinsertionEngine.name,
        solution=driven,
        objective=cost,
        bound=min(bound, cost),
        wall_seconds=limits.elapsed,
        work=spent,
        detail=how,
    )


def _kept_aboard(part: Tied, unserved: Flags) -> Floats:
    """Return kg and m3 that each van has loaded and does not deliver, (m, 2) float64."""
    kept = np.zeros((len(part.owner), 2))
    for van, owner in enumerate(part.owner):
        if owner is not None and owner.aboard:
            mine = np.array([call in owner.aboard for call in part.calls], dtype=bool)
            kept[van] = part.problem.stops.load[mine & unserved].sum(axis=0)
    return kept
