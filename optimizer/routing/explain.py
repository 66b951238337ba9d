"""Why each route and stop is as it is: its price itemised, what binds, the next-best choice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.routing.insertion import best_insertion, gaps_of
from optimizer.routing.otherwise import (
    MOST_LOOKS,
    NOT_WORKED_OUT,
    TRIES,
    Choice,
    day_without,
    other_van,
    saved_without,
    stop_elsewhere,
)
from optimizer.routing.problem import FOREVER, KG, M3, RoutingProblem
from optimizer.routing.schedule import Timed
from optimizer.routing.solve import Driven
from optimizer.routing.timing import STOP
from optimizer.routing.unserved import Reason

MOST_STOPS = 3_000  # stops of one problem that are explained
NOTHING = Choice(NOT_WORKED_OUT, {})


@dataclass(frozen=True, slots=True)
class Explanation:
    """One row of `explanations`."""

    decision_id: str
    table: str
    terms: str
    binding: str
    alternative: str
    extra_cost: float
    alternative_terms: str = "{}"


def explain_routes(
    driven: Driven, names: Sequence[str], stop_now: Callable[[], bool] = lambda: False
) -> list[Explanation]:
    """Explain each route: what it costs, which limit it is closest to, the day without it.

    The alternative is the cheaper of another van on the same way and of not driving it, which is
    looked at for as many routes as `MOST_LOOKS` allows. Ends early when `stop_now` says so.

    Parameters
    ----------
    names : route_id of each route
    """
    problem = driven.problem
    places = sum(len(timed.route.stops) + 1 for timed in driven.timed)
    looks, rows = 0, []
    for number, (name, timed) in enumerate(zip(names, driven.timed, strict=True)):
        if stop_now():
            break
        choices = [other_van(driven, number)]
        looks += places * len(timed.route.stops)
        if looks <= MOST_LOOKS:
            choices.append(day_without(driven, number, stop_now))
        found = [choice for choice in choices if choice is not None and choice.terms]
        best = min(found, key=lambda choice: choice.extra_cost, default=NOTHING)
        rows.append(
            Explanation(
                f"routes:{name}",
                "routes",
                _json(timed.terms),
                _json(_binding(problem, timed)),
                best.name,
                best.extra_cost,
                json.dumps(best.terms),
            )
        )
    return rows


def explain_stops(
    driven: Driven, names: Sequence[str], stop_now: Callable[[], bool] = lambda: False
) -> list[Explanation]:
    """Explain each stop: what it costs where it is, and in its next-best place.

    `insertion` is what the route costs less without the stop; `extra_cost` is what the plan
    costs more with the stop at the alternative. Ends early when `stop_now` says so.
    """
    problem = driven.problem
    gaps = gaps_of(problem, driven.timed)
    rows: list[Explanation] = []
    for number, (name, timed) in enumerate(zip(names, driven.timed, strict=True)):
        for seq, node in enumerate(timed.nodes):
            if node.what != STOP:
                continue
            if len(rows) >= MOST_STOPS or stop_now():
                return rows
            saved = saved_without(problem, timed, node.stop)
            best = stop_elsewhere(driven, names, number, node.stop, saved, gaps)
            slack = _slack(problem, timed, seq)
            rows.append(
                Explanation(
                    f"stops:{name}/{seq}",
                    "stops",
                    _json(saved or timed.terms),
                    slack,
                    best.name,
                    best.extra_cost,
                    json.dumps(best.terms),
                )
            )
    return rows


def explain_given(
    driven: Driven, stop_now: Callable[[], bool] = lambda: False
) -> list[Explanation]:
    """Explain each stop that a carrier takes: what it asks, and the cheapest place on a route."""
    problem = driven.problem
    gaps = gaps_of(problem, driven.timed)
    rows: list[Explanation] = []
    for stop, offer in driven.given.items():
        if len(rows) >= MOST_STOPS or stop_now():
            break
        name = problem.stops.shipment_id[stop] or problem.stops.order_id[stop]
        place = best_insertion(problem, driven.timed, stop, gaps, tries=TRIES)
        alternative, extra, terms = "no van that could serve it was found", float("nan"), {}
        if place is not None:
            van = place.timed.route.van
            alternative = f"{problem.vans.vehicle_type[van]} at {problem.vans.depot_id[van]}"
            extra = place.extra_cost - offer.cost
            terms = {"van": place.extra_cost, "carrier": -offer.cost}
        binding = _json({"rule": "tariff", "value": offer.tariff, "carrier": offer.name})
        rows.append(
            Explanation(
                f"handed_over:{name}",
                "handed_over",
                _json(offer.terms),
                binding,
                alternative,
                extra,
                json.dumps(terms),
            )
        )
    return rows


def explain_unserved(
    solved: Sequence[Driven], why: Sequence[Sequence[Reason]]
) -> list[Explanation]:
    """Explain each order of which one stop is on no route: the change that would serve it."""
    left = [
        (driven.problem.stops, reason)
        for driven, reasons in zip(solved, why, strict=True)
        for reason in reasons
    ]
    count = Counter(stops.order_id[reason.stop] for stops, reason in left)
    rows = []
    for stops, reason in left:
        order, loss = stops.order_id[reason.stop], float(stops.loss[reason.stop])
        if count[order] > 1 or not np.isfinite(reason.cost):
            continue
        rows.append(
            Explanation(
                f"unserved:stop/{order}",
                "unserved",
                _json({"unserved": loss}),
                "{}",
                "serve it with what would help",
                reason.cost - loss,
                json.dumps({"sending": reason.cost, "penalty": -loss}),
            )
        )
    return rows


# ---- inside ---------------------------------------------------------------------------------


def _binding(problem: RoutingProblem, timed: Timed) -> dict[str, object]:
    """Return the limit of its van that a route uses most of."""
    vans, van = problem.vans, timed.route.van
    used = {
        "capacity_kg": (float(timed.peak[KG]), float(vans.capacity[van, KG])),
        "capacity_m3": (float(timed.peak[M3]), float(vans.capacity[van, M3])),
        "shift": (float(timed.duration_s), float(vans.max_duration_s[van])),
        "max_km": (timed.metres / 1000.0, float(vans.max_metres[van]) / 1000.0),
        "max_stops": (float(len(timed.route.stops)), float(vans.max_stops[van])),
    }
    finite = {
        rule: pair
        for rule, pair in used.items()
        if np.isfinite(pair[1]) and pair[1] < FOREVER / 1000.0
    }
    rule = max(finite, key=lambda key: finite[key][0] / max(finite[key][1], 1e-9), default="")
    if not rule:
        return {}
    return {"rule": rule, "used": round(finite[rule][0], 3), "limit": round(finite[rule][1], 3)}


def _slack(problem: RoutingProblem, timed: Timed, seq: int) -> str:
    """Return how far a stop is from the end of its window, as JSON."""
    node = timed.nodes[seq]
    begin = int(timed.begin[seq])
    if begin > node.late_after_s:
        hours = (begin - node.late_after_s) / 3600.0
        cost = node.late_cost_per_h * hours
        return _json({"rule": "window", "minutes_late": round(60.0 * hours, 1), "cost": cost})
    closes = next((b for a, b in node.windows if a <= begin <= b), FOREVER)
    closes = min(closes, node.late_after_s)
    if closes >= FOREVER - 1:
        return _json({})
    waits = begin - int(timed.arrive[seq])
    return _json(
        {"rule": "window", "minutes_left": round((closes - begin) / 60.0, 1), "waits_s": waits}
    )


def _json(value: dict[str, object] | dict[str, float]) -> str:
    rounded = {k: round(v, 6) if isinstance(v, float) else v for k, v in value.items()}
    return json.dumps(rounded, ensure_ascii=False)
