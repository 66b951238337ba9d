"""Why each route and stop is as it is: its price itemised, what binds, the next-best choice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.routing.insertion import best_insertion, gaps_of, without_stop
from optimizer.routing.problem import FOREVER, KG, M3, RoutingProblem, vans_left
from optimizer.routing.schedule import Timed, price, with_van
from optimizer.routing.solve import Driven
from optimizer.routing.timing import STOP

MOST_STOPS = 3_000  # stops of one problem that are explained
TRIES = 3  # feasible places that are priced for the next-best route


@dataclass(frozen=True, slots=True)
class Explanation:
    """One row of `explanations`."""

    decision_id: str
    table: str
    terms: str
    binding: str
    alternative: str
    extra_cost: float


def explain_routes(
    driven: Driven, names: Sequence[str], stop_now: Callable[[], bool] = lambda: False
) -> list[Explanation]:
    """Explain each route: what it costs, which limit it is closest to, the next-best van.

    Ends early when `stop_now` says so.

    Parameters
    ----------
    names : route_id of each route
    """
    problem = driven.problem
    left = vans_left(problem, tuple(t.route for t in driven.timed))
    rows = []
    for name, timed in zip(names, driven.timed, strict=True):
        if stop_now():
            break
        terms = timed.terms
        others = [
            found
            for van in range(len(problem.vans))
            if van != timed.route.van and left[van] > 0
            if not isinstance(found := price(problem, with_van(timed.route, van)), str)
        ]
        best = min(others, key=lambda found: (found.cost, found.route.van), default=None)
        alternative = "no other van is free that could drive it"
        extra = float("nan")
        if best is not None:
            van = best.route.van
            alternative = f"{problem.vans.vehicle_type[van]} at {problem.vans.depot_id[van]}"
            extra = best.cost - timed.cost
        binding = _binding(problem, timed)
        rows.append(
            Explanation(
                f"routes:{name}", "routes", _json(terms), _json(binding), alternative, extra
            )
        )
    return rows


def explain_stops(
    driven: Driven, names: Sequence[str], stop_now: Callable[[], bool] = lambda: False
) -> list[Explanation]:
    """Explain each stop: what it costs where it is, and on the next-best route.

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
            saved = _saved(problem, timed, node.stop)
            elsewhere = best_insertion(
                problem, driven.timed, node.stop, gaps, skip_route=number, tries=TRIES
            )
            loss = float(problem.stops.loss[node.stop])
            alternative, extra = "no other place was found", float("nan")
            if elsewhere is not None:
                if elsewhere.route >= 0:
                    alternative = f"route {names[elsewhere.route]}"
                else:
                    van = elsewhere.timed.route.van
                    kind, depot = problem.vans.vehicle_type[van], problem.vans.depot_id[van]
                    alternative = f"a further {kind} at {depot}"
                extra = elsewhere.extra_cost - sum(saved.values())
            if problem.stops.optional[node.stop]:
                without = loss - sum(saved.values())
                if not extra <= without:
                    offer = driven.offers.get(node.stop)
                    taken = offer is not None and offer.cost <= loss
                    alternative = f"carrier {offer.name}" if offer and taken else "left out"
                    extra = without
            slack = _slack(problem, timed, seq)
            rows.append(
                Explanation(f"stops:{name}/{seq}", "stops", _json(saved), slack, alternative, extra)
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
        alternative, extra = "no van that could serve it was found", float("nan")
        if place is not None:
            van = place.timed.route.van
            alternative = f"{problem.vans.vehicle_type[van]} at {problem.vans.depot_id[van]}"
            extra = place.extra_cost - offer.cost
        binding = _json({"rule": "tariff", "value": offer.tariff, "carrier": offer.name})
        rows.append(
            Explanation(
                f"handed_over:{name}",
                "handed_over",
                _json(offer.terms),
                binding,
                alternative,
                extra,
            )
        )
    return rows


# ---- inside ---------------------------------------------------------------------------------


def _saved(problem: RoutingProblem, timed: Timed, stop: int) -> dict[str, float]:
    """Return what a route costs less without a stop, by term."""
    shorter = without_stop(timed.route, stop)
    rest = None if shorter is None else price(problem, shorter)
    if rest is None or isinstance(rest, str):
        return timed.terms
    return {term: money - rest.terms[term] for term, money in timed.terms.items()}


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
