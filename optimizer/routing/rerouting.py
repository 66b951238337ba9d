"""The rerouting stage: the rest of a day under way, near the plan that is being driven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from optimizer.outcome import Limits, Outcome, proven_status
from optimizer.plan import Plan
from optimizer.routing.explain import explain_stops
from optimizer.routing.from_scenario import OFF, Refused, read_problems
from optimizer.routing.problem import RoutingProblem
from optimizer.routing.reinsertion import ReinsertionEngine
from optimizer.routing.rerouting_search import STAGE, solve_all, tie
from optimizer.routing.rerouting_tables import Rerouted, moved, state
from optimizer.routing.rest_of_day import RestOfDay, read_rest_of_day
from optimizer.routing.schedule import ROUTE_TERMS
from optimizer.routing.solve import Driven
from optimizer.routing.stage import WORST_FIRST, bound_note, not_explained
from optimizer.routing.tables import explanations_table, part_lines_table, unserved_table
from optimizer.routing.unserved import reasons
from optimizer.stage import Certificate, Kpi, StageResult
from scenarios import InputError, Scenario


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
    result : tables routes, stops, part_lines, unserved, explanations; routes begin where vans are

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
    reading = read_problems(rest.scenario, {}, OFF, under_way=rest.under_way)
    midnight = np.datetime64(rest.day, "D")
    parts, refused = [], list(reading.refused)
    for problem in reading.problems:
        if problem.day == midnight:
            parts.append(tie(problem, rest, price_per_move))
        else:
            refused += [_too_late(problem, stop) for stop in range(len(problem.stops))]
    outcomes = solve_all(parts, limits)
    solved = [outcome.solution for outcome in outcomes if outcome.solution is not None]
    made = state(parts, solved, rest)
    said = []

    def over() -> bool:
        return limits.remaining <= 0.0 or limits.cancelled()

    for driven, ids in zip(solved, made.names, strict=True):
        said += explain_stops(driven, ids, over)
    n_moved = len(moved(solved, rest))
    terms = _terms(solved, made, refused, price_per_move * n_moved)
    total = _together(outcomes, float(sum(terms.values())), refused, limits)
    tables = {
        "routes": made.routes,
        "stops": made.stops,
        "part_lines": part_lines_table(reading.part_lines),
        "unserved": unserved_table(solved, [reasons(d, over) for d in solved], refused),
        "explanations": explanations_table(said),
    }
    currency = scenario.settings.currency
    served = int(made.stops["order_id"].notna().sum())
    return StageResult(
        {name: frame for name, frame in tables.items() if len(frame)},
        Certificate.of(STAGE, total),
        kpis=(
            *(Kpi(name, value, currency, "objective") for name, value in terms.items()),
            Kpi("routes", float(len(made.routes)), "routes"),
            Kpi("stops served", float(served), "stops"),
            Kpi("stops not served", float(len(tables["unserved"])), "orders"),
            Kpi("stops moved to another van", float(n_moved), "stops"),
        ),
        notes=(
            *reading.notes,
            *_notes(rest),
            *not_explained(solved, made.names, {row.decision_id for row in said}),
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


def _terms(
    solved: Sequence[Driven], made: Rerouted, refused: Sequence[Refused], for_moves: float
) -> dict[str, float]:
    """Return the terms of the objective."""
    terms = {
        term: float(sum(t.terms[term] for d in solved for t in d.timed)) for term in ROUTE_TERMS
    }
    for term, money in made.homeward.items():
        terms[term] += money
    lost = sum(item.loss for item in refused)
    lost += sum(d.problem.stops.loss[list(d.unserved)].sum() for d in solved)
    return terms | {"moved": for_moves, "unserved": float(lost)}


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
