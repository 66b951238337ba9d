"""The rerouting stage: the rest of a day under way, near the plan that is being driven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.outcome import Limits, Outcome, proven_status
from optimizer.plan import Plan
from optimizer.routing.bounds import lower_bound
from optimizer.routing.explain import explain_stops
from optimizer.routing.from_scenario import OFF, Refused, read_problems
from optimizer.routing.problem import DELIVERY, Flags, Floats, Route, RoutingProblem, left_out
from optimizer.routing.reinsertion import ReinsertionEngine, homeward, settle
from optimizer.routing.relaxation.relaxed import applies, relaxed_bound
from optimizer.routing.rest_of_day import RestOfDay, Van, read_rest_of_day
from optimizer.routing.solo import SoloTests, solo_tests
from optimizer.routing.solve import (
    BOUND_SECONDS,
    BOUND_WORK,
    BY_PRICES,
    BY_SHARES,
    LEAST_BOUND_WORK,
    Driven,
    in_order,
    objective_of,
)
from optimizer.routing.stage import ROUTE_TERMS, WORST_FIRST, bound_note, not_explained
from optimizer.routing.tables import (
    explanations_table,
    moment,
    routes_table,
    stops_table,
    unserved_table,
)
from optimizer.routing.unserved import reasons
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import InputError, Scenario

STAGE = "rerouting"
SOLVING_SHARE = 0.85  # of the wall time; the rest reads, prices and explains


@dataclass(frozen=True, slots=True)
class _Part:
    """A problem with what ties it to the morning."""

    problem: RoutingProblem
    tests: SoloTests
    surcharge: Floats
    must_home: Flags


def run(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    limits: Limits,
    previous: str = "",
    move_price: str = "",
) -> StageResult:
    """Plan what is left of a day whose vans are under way.

    Parameters
    ----------
    previous : folder of the plan that is being driven
    move_price : money for every stop that goes to another van than there; blank: 0

    Returns
    -------
    result : tables routes, stops, unserved, explanations; routes begin where vans are

    Raises
    ------
    InputError
        No such plan, a price that is none, or states that do not fit the plan.
    """
    del upstream
    price_per_move = read_price(move_price)
    if not previous:
        raise InputError("rerouting needs the plan that is being driven: --previous PLAN")
    rest = read_rest_of_day(scenario, Plan.load(previous))
    reading = read_problems(rest.scenario, {}, OFF)
    midnight = np.datetime64(rest.day, "D")
    parts, refused = [], list(reading.refused)
    for problem in reading.problems:
        if problem.day == midnight:
            parts.append(_tied(problem, rest, price_per_move))
        else:
            refused += [_too_late(problem, stop) for stop in range(len(problem.stops))]
    outcomes = _solve_all(parts, rest, limits)
    solved = [outcome.solution for outcome in outcomes if outcome.solution is not None]
    names = _names(solved, rest)
    routes = routes_table(solved, names)
    stops = stops_table(solved, names)
    idle, ways = _homeward(parts, solved, rest)
    routes = _as_in_the_morning(pd.concat([routes, idle[0]], ignore_index=True), rest)
    said = []

    def over() -> bool:
        return limits.remaining <= 0.0 or limits.cancelled()

    for driven, ids in zip(solved, names, strict=True):
        said += explain_stops(driven, ids, over)
    moved = _moved(solved, rest)
    terms = {t: float(sum(d.terms[t] for s in solved for d in s.timed)) for t in ROUTE_TERMS}
    for term, money in ways.items():
        terms[term] += money
    terms["moved"] = price_per_move * len(moved)
    terms["unserved"] = float(sum(item.loss for item in refused)) + float(
        sum(d.problem.stops.loss[list(d.unserved)].sum() for d in solved)
    )
    total = _together(outcomes, float(sum(terms.values())), refused, limits)
    tables = {
        "routes": routes,
        "stops": pd.concat([stops, idle[1]], ignore_index=True),
        "unserved": unserved_table(solved, [reasons(d, over) for d in solved], refused),
        "explanations": explanations_table(said),
    }
    currency = scenario.settings.currency
    served = int(tables["stops"]["order_id"].notna().sum())
    return StageResult(
        {name: frame for name, frame in tables.items() if len(frame)},
        Certificate.of(STAGE, total),
        kpis=(
            *(Kpi(name, value, currency, "objective") for name, value in terms.items()),
            Kpi("routes", float(len(routes)), "routes"),
            Kpi("stops served", float(served), "stops"),
            Kpi("stops not served", float(len(tables["unserved"])), "orders"),
            Kpi("stops moved to another van", float(len(moved)), "stops"),
        ),
        notes=(
            *reading.notes,
            *_notes(rest),
            *not_explained(solved, names, {row.decision_id for row in said}),
            *bound_note(outcomes),
        ),
        work=total.work,
    )


def read_price(text: str) -> float:
    """Read a price from an option; blank is 0.

    Raises
    ------
    InputError
        It is no number of at least 0.
    """
    try:
        value = float(text or 0.0)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float("inf"):
        raise InputError(f"move_price must be a number of at least 0, not {text!r}")
    return value


# ---- inside ---------------------------------------------------------------------------------


def _van_of(problem: RoutingProblem, van: int, rest: RestOfDay) -> Van | None:
    """Return the van of the morning's plan that a vehicle type stands for."""
    return rest.vans.get(problem.vans.vehicle_type[van])


def _tied(problem: RoutingProblem, rest: RestOfDay, price_per_move: float) -> _Part:
    """Start vans under way on the spot, and price what leaves the van it had."""
    vans = problem.vans
    owner = [_van_of(problem, van, rest) for van in range(len(vans))]
    under_way = np.array([van is not None and van.under_way for van in owner], dtype=bool)
    latest = np.where(under_way, vans.shift[:, 0], vans.latest_start_s)
    aboard = {order for v in rest.vans.values() for order in v.aboard}
    at_the_depot = problem.stops.kind == DELIVERY
    at_the_depot &= np.array([order not in aboard for order in problem.stops.order_id], dtype=bool)
    problem = replace(
        problem,
        vans=replace(vans, latest_start_s=latest),
        allowed=problem.allowed & ~(at_the_depot[:, None] & under_way),
    )
    had = {order: v.route_id for v in rest.vans.values() for order in v.ahead}
    surcharge = np.zeros(problem.allowed.shape)
    for stop, order in enumerate(problem.stops.order_id):
        if order in had:
            others = [name != had[order] for name in vans.vehicle_type]
            surcharge[stop] = np.where(others, price_per_move, 0.0)
    return _Part(problem, solo_tests(problem), surcharge, under_way)


def _too_late(problem: RoutingProblem, stop: int) -> Refused:
    stops = problem.stops
    return Refused(
        stops.order_id[stop],
        stops.shipment_id[stop],
        float(stops.units[stop]),
        float(stops.loss[stop]),
        "shift",
        "no shift that is left of the day meets its window",
        "a later shift today, or another day",
    )


def _solve_all(parts: Sequence[_Part], rest: RestOfDay, limits: Limits) -> list[Outcome[Driven]]:
    """Solve part by part, each with its share of the limits by its number of stops."""
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
        outcome = _solve(part, rest, mine)
        outcomes.append(outcome)
        if work_left is not None:
            work_left = max(work_left - outcome.work, 0.0)
        if outcome.objective is not None:
            done = sum(sizes[: number + 1]) / max(sum(sizes), 1)
            limits.progress(STAGE, done, f"{part.problem.name}: {outcome.objective:,.2f}")
    return outcomes


def _solve(part: _Part, rest: RestOfDay, limits: Limits) -> Outcome[Driven]:
    """Search from the morning's routes; what is aboard and not served keeps its room."""
    problem, tests = part.problem, part.tests
    whole, relaxing = limits, applies(part.problem, limits)
    if relaxing and limits.seconds is not None:
        limits = replace(limits, seconds=(1.0 - BOUND_SECONDS) * limits.seconds)
    chosen = [int(stop) for stop in np.flatnonzero(~tests.hopeless)]
    place = {order: stop for stop, order in enumerate(problem.stops.order_id)}
    start = []
    for van in range(len(problem.vans)):
        owner = _van_of(problem, van, rest)
        stops = [place[order] for order in (owner.ahead if owner else ()) if order in place]
        if stops:
            start.append(Route(van, (tuple(stops),)))
    spent, seen = 0.0, np.zeros(len(problem.stops), dtype=bool)
    while True:
        stays = _kept_aboard(problem, rest, seen)
        room = np.maximum(problem.vans.capacity - stays, 0.0)
        tight = replace(problem, vans=replace(problem.vans, capacity=room))
        found = settle(tight, start, chosen, part.surcharge, part.must_home, limits)
        spent += found.work
        plan = in_order(found.timed)
        unserved = tuple(left_out(problem, tuple(timed.route for timed in plan)))
        now = seen.copy()
        now[list(unserved)] = True
        if not (_kept_aboard(problem, rest, now) > stays).any():
            break
        seen = now
        start = [timed.route for timed in plan]
    driven = Driven(problem, plan, unserved, tests, ReinsertionEngine())
    cost = objective_of(problem, plan, unserved)
    bound, how = lower_bound(problem, tests), BY_SHARES
    if relaxing:
        effort = max(BOUND_WORK * spent, LEAST_BOUND_WORK)
        relaxed = relaxed_bound(problem, tests, cost, effort, whole)
        bound, how = (relaxed, BY_PRICES) if relaxed > bound else (bound, how)
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


def _kept_aboard(problem: RoutingProblem, rest: RestOfDay, unserved: Flags) -> Floats:
    """Return kg and m3 that each van has loaded and does not deliver, (m, 2) float64."""
    kept = np.zeros((len(problem.vans), 2))
    for van in range(len(problem.vans)):
        owner = _van_of(problem, van, rest)
        if owner is None or not owner.aboard:
            continue
        mine = [order in owner.aboard for order in problem.stops.order_id]
        kept[van] = problem.stops.load[np.array(mine, dtype=bool) & unserved].sum(axis=0)
    return kept


def _names(solved: Sequence[Driven], rest: RestOfDay) -> list[list[str]]:
    """Return route_ids: those of the morning, and new ones for vans that had no route."""
    taken, count = set(rest.vans), 0
    names = []
    for driven in solved:
        mine = []
        for timed in driven.timed:
            name = driven.problem.vans.vehicle_type[timed.route.van]
            if name not in rest.vans:
                count += 1
                while f"{rest.day:%Y-%m-%d}/{count:03d}" in taken:
                    count += 1
                name = f"{rest.day:%Y-%m-%d}/{count:03d}"
            mine.append(name)
        names.append(mine)
    return names


def _homeward(
    parts: Sequence[_Part], solved: Sequence[Driven], rest: RestOfDay
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], dict[str, float]]:
    """Return rows of `routes` and `stops` for vans that only drive home, and their money."""
    driving = {d.problem.vans.vehicle_type[t.route.van] for d in solved for t in d.timed}
    routes, stops = [], []
    money = dict.fromkeys(ROUTE_TERMS, 0.0)
    for part in parts:
        problem, vans = part.problem, part.problem.vans
        for van in np.flatnonzero(part.must_home).tolist():
            name = vans.vehicle_type[van]
            if name in driving:
                continue
            driving.add(name)
            start, end = int(vans.start_place[van]), int(vans.end_place[van])
            last = end if end >= 0 else start
            seconds = int(problem.travel_s(van)[start, last]) if end >= 0 else 0
            km = float(problem.metres[start, last]) / 1000.0 if end >= 0 else 0.0
            begins = moment(rest.day.to_datetime64(), int(vans.shift[van, 0]))
            ends = begins + pd.Timedelta(seconds=seconds)
            routes.append(
                {
                    "route_id": name, "vehicle_type": name, "depot_id": vans.depot_id[van],
                    "start": begins, "end": ends, "stops": 0.0, "distance_km": km,
                    "duration_s": float(seconds), "load_kg": 0.0, "load_m3": 0.0,
                    "cost": homeward(problem, van), "g_co2e": km * float(vans.g_co2e_per_km[van]),
                    "tonne_km": 0.0,
                }
            )  # fmt: skip
            lon, lat = problem.lonlat[last]
            stops.append(
                {
                    "route_id": name, "seq": 1.0, "kind": "end", "arrive": ends, "begin": ends,
                    "depart": ends, "load_kg": 0.0, "lat": lat, "lon": lon, "tonne_km": 0.0,
                }
            )  # fmt: skip
            money["distance"] += float(vans.cost_per_km[van]) * km
            money["time"] += float(vans.cost_per_hour[van]) * seconds / 3600.0
            money["co2"] += float(vans.co2_cost_per_km[van]) * km
    return (pd.DataFrame(routes), pd.DataFrame(stops)), money


def _as_in_the_morning(routes: pd.DataFrame, rest: RestOfDay) -> pd.DataFrame:
    """Return routes with the vehicle types and depots of the fleet."""
    if not len(routes):
        return routes
    known = [rest.vans.get(str(name)) for name in routes["vehicle_type"]]
    kinds = routes["vehicle_type"].tolist()
    depots = routes["depot_id"].tolist()
    return routes.assign(
        vehicle_type=[k if van is None else van.vehicle_type for van, k in zip(known, kinds)],
        depot_id=[d if van is None else van.depot_id for van, d in zip(known, depots)],
    )


def _moved(solved: Sequence[Driven], rest: RestOfDay) -> list[str]:
    """Return the orders that another van serves than in the morning's plan."""
    had = {order: van.route_id for van in rest.vans.values() for order in van.ahead}
    found = []
    for driven in solved:
        for timed in driven.timed:
            name = driven.problem.vans.vehicle_type[timed.route.van]
            orders = [driven.problem.stops.order_id[stop] for stop in timed.route.stops]
            found += [order for order in orders if had.get(order, name) != name]
    return found


def _together(
    outcomes: Sequence[Outcome[Driven]],
    objective: float,
    refused: Sequence[Refused],
    limits: Limits,
) -> Outcome[object]:
    """Return one outcome; what is refused is lost in plan and bound alike."""
    bound = float(sum(item.loss for item in refused))
    bound += float(sum(outcome.bound or 0.0 for outcome in outcomes))
    ended = [outcome.termination for outcome in outcomes]
    return Outcome(
        proven_status(objective, bound),
        next((state for state in WORST_FIRST if state in ended), WORST_FIRST[-1]),
        ReinsertionEngine.name,
        objective=objective,
        bound=min(bound, objective),
        wall_seconds=limits.elapsed,
        work=float(sum(outcome.work for outcome in outcomes)),
    )


def _notes(rest: RestOfDay) -> list[str]:
    """Say how the day was read."""
    under_way = [van for van in rest.vans.values() if van.under_way]
    done = sum(len(van.frozen) for van in rest.vans.values())
    aboard = sum(len(van.aboard) for van in under_way)
    told = f"{len(under_way)} vans are under way: {done} stops stay as they are,"
    notes = [f"{told} {aboard} deliveries are aboard and keep their van."]
    if rest.later:
        notes.append(f"{rest.later} orders open on a later day and are left to it.")
    return notes
