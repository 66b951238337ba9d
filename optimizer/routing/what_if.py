"""What a decision of the planner's own would cost: a stop forced onto a route, or off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from optimizer.outcome import Limits
from optimizer.plan import Plan
from optimizer.routing.from_scenario import OFF, Reading, read_problems
from optimizer.routing.problem import Route, RoutingProblem, Vans
from optimizer.routing.reinsertion import settle
from optimizer.routing.schedule import ROUTE_TERMS, Timed
from optimizer.routing.solo import CODES, FINE, solo_tests
from scenarios import InputError, NotFound, Scenario

SERVE, LEAVE, ONTO, OFF_ROUTE = "serve", "leave", "onto", "off"
KINDS = (SERVE, LEAVE, ONTO, OFF_ROUTE)
FORCED = 1e9  # money for leaving out a stop that is to be served
SETS_SECONDS = 0.5  # of looking at all sets of stops, for a bound
BOUND_WORK = 0.2  # of a bound by prices, where that by sets leaves a gap
WORK = 4.0  # of each of the two searches, where no limit is given


@dataclass(frozen=True, slots=True)
class Move:
    """A stop that is served otherwise than before; "" for nobody."""

    order_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What a decision would change.

    Attributes
    ----------
    kind, order_id, route_id : the decision
    possible : a plan with it was found
    proven : where not possible: no plan whatever could have it; else the search found none
    reason : where not possible: the rule that stands against it
    cost_before, cost_after : money of the day's routes and of stops left out, after the same
        search without and with the decision, from the plan at hand; NaN where not possible
    terms : what each term costs more
    moves : which other stops change their route; served otherwise or no longer
    unserved_before, unserved_after : stops of the part that nobody serves
    g_co2e_before, g_co2e_after : grams of the day's routes; NaN where not possible
    bound_before, bound_after : money that no plan without, with the decision costs less than, where
        the stops are so few that all sets of them can be looked at; else NaN
    """

    kind: str
    order_id: str
    route_id: str
    possible: bool
    proven: bool
    reason: str
    cost_before: float
    cost_after: float
    terms: Mapping[str, float]
    moves: tuple[Move, ...]
    unserved_before: int
    unserved_after: int
    g_co2e_before: float = float("nan")
    g_co2e_after: float = float("nan")
    bound_before: float = float("nan")
    bound_after: float = float("nan")

    @property
    def extra_cost(self) -> float:
        """Money that the decision costs."""
        return self.cost_after - self.cost_before

    def document(self) -> dict[str, Any]:
        """Return plain JSON values; an unknown cost is null."""
        document = asdict(self) | {"extra_cost": self.extra_cost}
        return {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in document.items()}


def what_if(
    scenario: Scenario,
    plan: Plan,
    kind: str,
    order_id: str,
    route_id: str = "",
    limits: Limits | None = None,
) -> WhatIf:
    """Say what a decision on one stop would cost, and what else would move.

    Only the routes that share vans or stops with it are searched, from the plan at hand.

    Parameters
    ----------
    plan : with routes
    kind : "serve" it whatever it costs, "leave" it out, put it "onto" a route, or take it "off" one
    route_id : of the plan, with onto and off
    limits : of both searches together; None: a fixed amount of work, so that the answer is the
        same every time

    Raises
    ------
    InputError
        No such kind, or a route where none is needed or the other way round.
    NotFound
        The order is no stop of the vans, or the plan has no such route.
    """
    if kind not in KINDS:
        raise InputError(f"a decision is one of {', '.join(KINDS)}, not {kind!r}")
    if (kind in (ONTO, OFF_ROUTE)) != bool(route_id):
        raise InputError("onto and off need a route_id, serve and leave take none")
    case = read_case(scenario, plan, kind, order_id, route_id)
    problem, stop, start, chosen = case.problem, case.stop, case.start, case.chosen
    limits = Limits(work=2.0 * WORK) if limits is None else limits
    half = replace(
        limits,
        seconds=None if limits.seconds is None else limits.remaining / 2.0,
        work=None if limits.work is None else limits.work / 2.0,
        started=limits.clock(),
    )
    none = np.zeros(problem.allowed.shape)
    home = np.zeros(len(problem.vans), dtype=bool)
    before = settle(problem, start, chosen, none, home, half).timed
    forced = case.forced
    wanted = [s for s in chosen if s != stop or kind != LEAVE]
    again = replace(half, started=limits.clock())
    still = kind == LEAVE or bool(forced.allowed[stop].any())
    after = settle(forced, start, wanted, none, home, again).timed if still else ()
    if kind != LEAVE and not any(stop in timed.route.stops for timed in after):
        return _impossible(problem, stop, kind, order_id, route_id, forced)
    first, second = _money(problem, before, chosen), _money(problem, after, chosen)
    bounds = [
        _bound(one, chosen, sum(terms.values()), timed, limits)
        for one, terms, timed in ((problem, first, before), (forced, second, after))
    ]
    return WhatIf(
        kind=kind,
        order_id=order_id,
        route_id=route_id,
        possible=True,
        proven=False,
        reason="",
        cost_before=sum(first.values()),
        cost_after=sum(second.values()),
        terms={term: second[term] - first[term] for term in first},
        moves=_moves(problem, _vans(before), _vans(after), case.routes, stop),
        unserved_before=len(set(chosen) - set(_vans(before))),
        unserved_after=len(set(chosen) - set(_vans(after))),
        g_co2e_before=sum(timed.g_co2e for timed in before),
        g_co2e_after=sum(timed.g_co2e for timed in after),
        bound_before=bounds[0],
        bound_after=bounds[1],
    )


@dataclass(frozen=True, slots=True)
class Case:
    """A decision on a stop as a problem, without and with it.

    Attributes
    ----------
    problem, forced : of the routes that share vans or stops with it; each route of the plan has a
        van type of its own
    stop : position of the stop
    start : the plan's routes
    chosen : stops that these routes may serve and whose cost counts
    routes : id of the plan's route by van type
    """

    problem: RoutingProblem
    forced: RoutingProblem
    stop: int
    start: list[Route]
    chosen: list[int]
    routes: Mapping[int, str]


def read_case(scenario: Scenario, plan: Plan, kind: str, order_id: str, route_id: str = "") -> Case:
    """Return a decision as a problem; see `what_if` for parameters and errors."""
    reading = read_problems(scenario, plan.tables, OFF)
    problem, stop = _find(reading, order_id)
    handed = set(plan.table("handed_over")["order_id"])
    start, names = _routes_of(problem, plan)
    if route_id and route_id not in names:
        raise NotFound(f"no route {route_id} that drives where {order_id} is")
    problem, own_van = _each_its_own(problem, start)
    start = [replace(route, van=van) for route, van in zip(start, own_van, strict=True)]
    tests = solo_tests(problem)
    fine = np.flatnonzero(~tests.hopeless).tolist()
    chosen = [s for s in fine if problem.stops.order_id[s] not in handed or s == stop]
    forced = _decided(problem, stop, kind, own_van, names, route_id)
    return Case(problem, forced, stop, start, chosen, dict(zip(own_van, names, strict=True)))


def among(problem: RoutingProblem, chosen: list[int]) -> RoutingProblem:
    """Return the problem in which the stops that were not chosen cost nothing and nobody comes."""
    out = np.ones(len(problem.stops), dtype=bool)
    out[chosen] = False
    stops = problem.stops
    return replace(
        problem,
        stops=replace(stops, loss=np.where(out, 0.0, stops.loss)),
        allowed=problem.allowed & ~out[:, None],
    )


# ---- inside ---------------------------------------------------------------------------------


def _find(reading: Reading, order_id: str) -> tuple[RoutingProblem, int]:
    for problem in reading.problems:
        if order_id in problem.stops.order_id:
            return problem, problem.stops.order_id.index(order_id)
    for item in reading.refused:
        if item.order_id == order_id:
            raise NotFound(f"no van can ever come for {order_id}: {item.detail}")
    raise NotFound(f"{order_id} is no stop of the vans")


def _routes_of(problem: RoutingProblem, plan: Plan) -> tuple[list[Route], list[str]]:
    """Return the plan's routes of a problem, and their ids."""
    stops, vans = problem.stops, problem.vans
    keys = zip(stops.order_id, stops.shipment_id, stops.part.tolist(), strict=True)
    position = {key: k for k, key in enumerate(keys)}
    van_of = {key: k for k, key in enumerate(zip(vans.vehicle_type, vans.depot_id, strict=True))}
    rows = plan.table("stops").sort_values(["route_id", "seq"])
    by_route = dict(iter(rows.groupby("route_id")))
    found, names = [], []
    for route in plan.table("routes").itertuples():
        trips: list[list[int]] = [[]]
        for row in by_route[route.route_id].to_dict("records"):
            shipment = row["shipment_id"] if isinstance(row["shipment_id"], str) else ""
            key = row["order_id"], shipment, int(np.nan_to_num(row["part"]))
            if row["kind"] == "reload":
                trips.append([])
            elif key in position:
                trips[-1].append(position[key])
        kept = tuple(tuple(trip) for trip in trips if trip)
        van = van_of.get((str(route.vehicle_type), str(route.depot_id)))
        if kept and van is not None:
            found.append(Route(van, kept))
            names.append(str(route.route_id))
    return found, names


def _each_its_own(problem: RoutingProblem, start: list[Route]) -> tuple[RoutingProblem, list[int]]:
    """Return the problem with a type of its own for the van of every route, and those types."""
    vans, m = problem.vans, len(problem.vans)
    types = np.concatenate([np.arange(m), [route.van for route in start]]).astype(np.int64)
    used = np.bincount([route.van for route in start], minlength=m)
    count = np.concatenate([np.maximum(vans.count - used, 0), np.ones(len(start), np.int64)])
    taken: dict[str, Any] = {}
    for field in fields(Vans):
        held = getattr(vans, field.name)
        taken[field.name] = (
            held[types] if isinstance(held, np.ndarray) else tuple(held[int(t)] for t in types)
        )
    return (
        replace(
            problem,
            vans=Vans(**(taken | {"count": count.astype(np.int64)})),
            allowed=problem.allowed[:, types],
        ),
        list(range(m, m + len(start))),
    )


def _decided(
    problem: RoutingProblem,
    stop: int,
    kind: str,
    own_van: list[int],
    names: list[str],
    route_id: str,
) -> RoutingProblem:
    """Return the problem with the decision."""
    allowed = problem.allowed.copy()
    if kind in (ONTO, OFF_ROUTE):
        mine = np.zeros(len(problem.vans), dtype=bool)
        mine[own_van[names.index(route_id)]] = True
        allowed[stop] &= mine if kind == ONTO else ~mine
    loss, optional = problem.stops.loss.copy(), problem.stops.optional.copy()
    if kind == LEAVE:
        allowed[stop] = False
    else:
        loss[stop], optional[stop] = FORCED, False
    stops = replace(problem.stops, loss=loss, optional=optional)
    return replace(problem, stops=stops, allowed=allowed)


def _bound(
    problem: RoutingProblem,
    chosen: list[int],
    cost: float,
    timed: tuple[Timed, ...],
    limits: Limits,
) -> float:
    """Return money that no plan costs less than, by sets of stops; NaN where they are too many."""
    from optimizer.routing.relaxation.by_sets import fits_sets
    from optimizer.routing.relaxation.networks import distinct_vans
    from optimizer.routing.relaxation.relaxed import applies, best_bound

    some = among(problem, chosen)
    tests = solo_tests(some)
    if not fits_sets(some, distinct_vans(some, tests), SETS_SECONDS) or not applies(some, limits):
        return float("nan")
    unserved = sorted(set(range(len(some.stops))) - set(_vans(timed)))
    found, _ = best_bound(some, tests, unserved, cost, BOUND_WORK, limits)
    return min(found, cost)


def _impossible(
    problem: RoutingProblem,
    stop: int,
    kind: str,
    order_id: str,
    route_id: str,
    forced: RoutingProblem,
) -> WhatIf:
    """Say which rule stands against a decision."""
    codes = solo_tests(forced).relaxed[stop][problem.allowed[stop]]
    proven = bool((codes != FINE).all())
    named = sorted({CODES[code] for code in codes.tolist() if code != FINE} - {"skill"})
    reason = ", ".join(named) or "skill" if proven else "no feasible place was found"
    nan = float("nan")
    return WhatIf(kind, order_id, route_id, False, proven, reason, nan, nan, {}, (), 0, 0)


def _vans(timed: tuple[Timed, ...]) -> dict[int, int]:
    return {stop: t.route.van for t in timed for stop in t.route.stops}


def _money(
    problem: RoutingProblem, timed: tuple[Timed, ...], chosen: list[int]
) -> dict[str, float]:
    """Return the terms of the objective."""
    left = sorted(set(chosen) - set(_vans(timed)))
    terms = {term: float(sum(t.terms[term] for t in timed)) for term in ROUTE_TERMS}
    return terms | {"unserved": float(problem.stops.loss[left].sum())}


def _moves(
    problem: RoutingProblem,
    before: Mapping[int, int],
    after: Mapping[int, int],
    routes: Mapping[int, str],
    stop: int,
) -> tuple[Move, ...]:
    """Return the other stops whose route changes; a van without a route is called by its type."""

    def name(van: int | None) -> str:
        if van is None:
            return ""
        return routes.get(van, f"a further {problem.vans.vehicle_type[van]}")

    moved = [
        Move(problem.stops.order_id[s], name(before.get(s)), name(after.get(s)))
        for s in sorted(set(before) | set(after))
        if s != stop and before.get(s) != after.get(s)
    ]
    return tuple(moved)
