"""The routing stage: all days one by one, one certificate over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from optimizer.outcome import Limits, Outcome, Termination, proven_status
from optimizer.routing.co2 import read_caps, solve_within
from optimizer.routing.explain import (
    MOST_STOPS,
    explain_given,
    explain_routes,
    explain_stops,
    explain_unserved,
)
from optimizer.routing.from_scenario import ANY, OFF, REST, Reading, read_problems
from optimizer.routing.handing import hand_over, key_of, losses_if_refused
from optimizer.routing.offers import Key, Offer
from optimizer.routing.ortools_engine import OrToolsEngine
from optimizer.routing.problem import KG, M3, RoutingProblem
from optimizer.routing.schedule import ROUTE_TERMS, Timed
from optimizer.routing.sharing import STAGE, share_out
from optimizer.routing.solve import Driven, balance_money, had_to_be_compiled, solve
from optimizer.routing.tables import (
    explanations_table,
    handed_table,
    part_lines_table,
    route_names,
    routes_table,
    stops_table,
    unserved_table,
)
from optimizer.routing.timing import STOP
from optimizer.routing.unserved import reasons
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import InputError, Scenario

SOLVING_SHARE = 0.92  # of the wall time; the rest explains
CARRIER_TERMS = ("tariff", "late", "risk", "co2")
WORST_FIRST = (
    Termination.CANCELLED,
    Termination.TIME_LIMIT,
    Termination.WORK_LIMIT,
    Termination.CONVERGED,
)


def run(
    scenario: Scenario,
    upstream: Mapping[str, pd.DataFrame],
    limits: Limits,
    carriers: str = "",
    balance_cost_per_h: str = "",
) -> StageResult:
    """Plan the routes of every day that has stops.

    Parameters
    ----------
    upstream : `shipments` and `shipment_lines` where the sourcing stage ran
    limits : shared among the days by their number of stops
    carriers : which stops carriers without vans may take at their tariff: any, rest (those that
        no van serves) or off; blank: any, or rest where the sourcing stage has chosen carriers
    balance_cost_per_h : money per hour by which a day's longest route exceeds the mean of its
        routes; blank: 0

    Returns
    -------
    result : tables routes, stops, handed_over, unserved, explanations; without any stop no
        certificate

    Raises
    ------
    InputError
        No such option.
    """
    if carriers not in ("", OFF, REST, ANY):
        raise InputError(f"carriers is {ANY}, {REST} or {OFF}, not {carriers}")
    chosen = carriers or (REST if "shipments" in upstream else ANY)
    balance = _balance(balance_cost_per_h)
    reading = read_problems(scenario, upstream, chosen, balance)
    if not reading.problems and not reading.refused:
        return StageResult({}, None, notes=(*reading.notes, "No order is for the vans to drive."))
    caps, on_limits = read_caps(scenario)
    outcomes, at_work = solve_within(reading, caps, limits, solve_all)
    reading, outcomes, taken = hand_over(scenario, upstream, reading, outcomes, limits)
    solved = [outcome.solution for outcome in outcomes if outcome.solution is not None]
    given = dict(taken)
    for driven in solved:
        given |= {key_of(driven.problem, stop): offer for stop, offer in driven.given.items()}
    names = route_names(solved)
    said = []

    def over() -> bool:
        return limits.remaining <= 0.0 or limits.cancelled()

    why = [reasons(driven, over) for driven in solved]
    for driven, ids in zip(solved, names, strict=True):
        said += explain_routes(driven, ids, over)
    for driven, ids in zip(solved, names, strict=True):
        said += explain_stops(driven, ids, over)
        said += explain_given(driven, over)
    said += explain_unserved(solved, why)
    tables = {
        "routes": routes_table(solved, names),
        "stops": stops_table(solved, names),
        "part_lines": part_lines_table(reading.part_lines),
        "handed_over": handed_table(given),
        "unserved": unserved_table(solved, why, reading.refused),
        "explanations": explanations_table(said),
    }
    kpis = _kpis(scenario.settings.currency, solved, reading, tables, given)
    total = _together(outcomes, reading, taken, limits)
    return StageResult(
        {name: frame for name, frame in tables.items() if len(frame)},
        Certificate.of(STAGE, total),
        kpis=kpis,
        notes=(
            *reading.notes,
            *on_limits,
            *at_work,
            *_notes(solved, reading),
            *not_explained(solved, names, {row.decision_id for row in said}),
            *bound_note(outcomes),
        ),
        work=total.work,
        solver_versions={
            name: release for driven in solved for name, release in driven.engine.versions().items()
        }
        | (OrToolsEngine.versions() if OrToolsEngine.name in total.engine else {}),
    )


def _balance(cell: str) -> float:
    """Return money per hour out of an option."""
    try:
        money = float(cell or 0.0)
    except ValueError:
        money = -1.0
    if not 0.0 <= money < float("inf"):
        raise InputError(f"balance_cost_per_h is money per hour, 0 or more, not {cell}")
    return money


def solve_all(problems: Sequence[RoutingProblem], limits: Limits) -> list[Outcome[Driven]]:
    """Solve the problems, each with its share of the limits by its number of stops.

    Of the work, that is a share of all, so that it does not matter who solves the others; of the
    seconds, a share of those that are left. What others have not solved is solved here.
    """
    found = share_out(problems, limits, until=SOLVING_SHARE)
    rest = [number for number in range(len(problems)) if number not in found]
    sizes = [len(problem.stops) for problem in problems]
    total, left = max(sum(sizes), 1), sum(sizes[number] for number in rest)
    for number in rest:
        problem = problems[number]
        seconds = None
        if limits.seconds is not None:
            open_s = max(0.0, SOLVING_SHARE * limits.seconds - limits.elapsed)
            seconds = sizes[number] / max(left, 1) * open_s
        mine = replace(
            limits,
            seconds=seconds,
            work=None if limits.work is None else sizes[number] / total * limits.work,
            started=limits.clock(),
        )
        done = 1.0 - left / total

        def better(cost: float, name: str = problem.name, share: float = done) -> None:
            limits.progress(STAGE, share, f"{name}: {cost:,.2f}")

        found[number] = solve(problem, mine, on_better=better)
        left -= sizes[number]
    return [found[number] for number in range(len(problems))]


def bound_note(outcomes: Sequence[Outcome[Driven]]) -> list[str]:
    """Say how the bound was found."""
    ways = sorted({outcome.detail for outcome in outcomes if outcome.detail})
    return [f"The lower bound is by {' and '.join(ways)}."] if ways else []


def not_explained(
    solved: Sequence[Driven], names: Sequence[Sequence[str]], said: set[str]
) -> list[str]:
    """Say on which routes stops were not looked at, for want of time or because of their number."""
    routes, stops = [], 0
    for driven, ids in zip(solved, names, strict=True):
        for name, timed in zip(ids, driven.timed, strict=True):
            missing = sum(
                node.what == STOP and f"stops:{name}/{seq}" not in said
                for seq, node in enumerate(timed.nodes)
            )
            stops += missing
            routes += [name] if missing else []
    if not stops:
        return []
    which = routes[0] if len(routes) == 1 else f"{routes[0]} to {routes[-1]}"
    note = (
        f"{stops} stops on {len(routes)} routes ({which}) were not explained: the time was over,"
        f" or the day has more than {MOST_STOPS:,}. Their next-best routes were not looked for."
    )
    return [note]


# ---- inside ---------------------------------------------------------------------------------


def _together(
    outcomes: Sequence[Outcome[Driven]],
    reading: Reading,
    taken: Mapping[Key, Offer],
    limits: Limits,
) -> Outcome[object]:
    """Return one outcome over all days; what is refused is lost in plan and bound alike."""
    lost = losses_if_refused(reading.refused, taken)
    objective = lost + float(sum(outcome.objective or 0.0 for outcome in outcomes))
    least = sum(min(offer.cost, reading.losses[key][0]) for key, offer in taken.items())
    bound = losses_if_refused(reading.refused, {}) + float(least)
    bound += float(sum(outcome.bound or 0.0 for outcome in outcomes))
    ended = [outcome.termination for outcome in outcomes]
    engines = sorted({outcome.engine for outcome in outcomes if outcome.solution is not None})
    return Outcome(
        proven_status(objective, bound),
        next((state for state in WORST_FIRST if state in ended), Termination.CONVERGED),
        "+".join(engines) or "rules",
        objective=objective,
        bound=bound,
        wall_seconds=limits.elapsed,
        work=float(sum(outcome.work for outcome in outcomes)),
    )


def _kpis(
    currency: str,
    solved: Sequence[Driven],
    reading: Reading,
    tables: Mapping[str, pd.DataFrame],
    given: Mapping[Key, Offer],
) -> tuple[Kpi, ...]:
    """Return the terms of the objective and the figures a planner asks for first."""
    timed = [t for driven in solved for t in driven.timed]
    lost = sum(item.loss for item in reading.refused) + sum(
        float(driven.problem.stops.loss[list(driven.unserved)].sum()) for driven in solved
    )
    terms = {term: float(sum(t.terms[term] for t in timed)) for term in ROUTE_TERMS}
    for term in CARRIER_TERMS:
        terms[term] = terms.get(term, 0.0) + float(sum(o.terms[term] for o in given.values()))
    terms["balance"] = float(sum(balance_money(d.problem, d.timed) for d in solved))
    terms["unserved"] = float(lost)
    rows = [Kpi(name, float(value), currency, "objective") for name, value in terms.items()]
    n_stops = sum(len(t.route.stops) for t in timed)
    km = sum(t.metres for t in timed) / 1000.0
    by_day: dict[object, int] = {}
    for driven in solved:
        day = driven.problem.day
        by_day[day] = by_day.get(day, 0) + len(driven.timed)
    rows += [
        Kpi("routes", float(len(timed)), "routes"),
        Kpi("vans used", float(max(by_day.values(), default=0)), "vans", "most on a day"),
        Kpi("stops served", float(n_stops), "stops"),
        Kpi("stops given to carriers", float(len(given)), "stops"),
        Kpi("stops not served", float(len(tables["unserved"])), "orders"),
        Kpi("distance driven", km, "km"),
        Kpi("longest route", max((t.duration_s for t in timed), default=0) / 3600.0, "h"),
        Kpi("hours on duty", sum(t.duration_s for t in timed) / 3600.0, "h"),
        Kpi("route emissions", float(tables["routes"]["g_co2e"].sum()) / 1000.0, "kg CO2e"),
    ]
    served = {order for d in solved for t in d.timed for order in _orders(d, t)}
    served |= {order for order, _ in given}
    if served:
        grams = float(tables["routes"]["g_co2e"].sum()) + sum(o.g_co2e for o in given.values())
        rows.append(Kpi("CO2e per order", grams / len(served), "g", "routing"))
    if n_stops:
        driving = sum(t.cost for t in timed)
        rows.append(Kpi("cost per stop", driving / n_stops, currency))
    for dimension, name in ((KG, "kg"), (M3, "m3")):
        fill = _fill(solved, dimension)
        if fill is not None:
            rows.append(Kpi("vehicle fill", fill, "share", name))
    return tuple(rows)


def _orders(driven: Driven, timed: Timed) -> list[str]:
    return [driven.problem.stops.order_id[stop] for stop in timed.route.stops]


def _fill(solved: Sequence[Driven], dimension: int) -> float | None:
    """Return largest loads over capacities, all routes together; None without a capacity."""
    load = room = 0.0
    for driven in solved:
        for timed in driven.timed:
            capacity = float(driven.problem.vans.capacity[timed.route.van, dimension])
            if capacity < float("inf"):
                load += float(timed.peak[dimension])
                room += capacity
    return load / room if room > 0 else None


def _notes(solved: Sequence[Driven], reading: Reading) -> list[str]:
    """Say what was planned without, and what to look at."""
    notes = []
    days = sorted({str(driven.problem.day) for driven in solved})
    if len(days) > 1:
        notes.append(
            f"Routes are planned for {len(days)} days, {days[0]} to {days[-1]}, one by one."
        )
    missing = sorted(
        {why for driven in solved if (why := driven.engine.supports(driven.problem)) is not None}
    )
    notes += [
        f"The fast search was not told of {what}; the last part of the search was, and every route"
        " is priced with it."
        for what in missing
    ]
    if any(had_to_be_compiled(driven) for driven in solved):
        notes.append(
            "PyVRP searched, for our own search is not compiled on this machine and the limits"
            " leave no time for it: run `python -m optimizer.routing.ruin.prepare` once."
        )
    restless = sum(t.needs_break for driven in solved for t in driven.timed)
    if restless:
        notes.append(
            f"{restless} routes are longer than break_after_h and have no room for a break."
        )
    proven = len(reading.refused) + sum(
        int(driven.tests.hopeless[list(driven.unserved)].sum()) for driven in solved
    )
    left = len(reading.refused) + sum(len(driven.unserved) for driven in solved)
    if left:
        notes.append(f"{left} stops are not served, {proven} of them because no van ever could.")
    return notes
