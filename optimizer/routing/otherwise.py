"""The next-best choices of a day's driving: a stop elsewhere, a day without one of its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan

import numpy as np

from optimizer.routing.insertion import Gaps, best_insertion, gaps_of, with_stop, without_stop
from optimizer.routing.problem import KG, OPEN_END, Route, RoutingProblem, vans_left
from optimizer.routing.schedule import ROUTE_TERMS, Timed, price, with_van
from optimizer.routing.solve import Driven

TRIES = 3  # feasible places that are priced for the next-best one
MOST_LOOKS = 200_000  # places that are looked at to drive a day without one of its routes
NOT_WORKED_OUT = "not worked out"


@dataclass(frozen=True, slots=True)
class Choice:
    """A next-best choice.

    Attributes
    ----------
    name : what it is, in words that `explanations` keeps
    terms : money that it costs more than the plan, by what it is for
    """

    name: str
    terms: dict[str, float]

    @property
    def extra_cost(self) -> float:
        """Money more than the plan; NaN: nothing valid can be said."""
        return sum(self.terms.values()) if self.terms else nan


def saved_without(problem: RoutingProblem, timed: Timed, stop: int) -> dict[str, float] | None:
    """Return what a route costs less without a stop, by term; None: it keeps no rules then."""
    shorter = without_stop(timed.route, stop)
    if shorter is None:
        return timed.terms
    rest = price(problem, shorter)
    if isinstance(rest, str):
        return None
    return {term: money - rest.terms[term] for term, money in timed.terms.items()}


def stop_elsewhere(
    driven: Driven,
    names: Sequence[str],
    number: int,
    stop: int,
    saved: dict[str, float] | None,
    gaps: Gaps | None = None,
) -> Choice:
    """Return the cheapest other way for a stop: another route, a further van, a carrier, left out.

    Where no other van may take it, it is said which rule keeps it from the nearest one.

    Parameters
    ----------
    names : route_id of each route
    number : the route that it is on
    saved : what that costs less without the stop
    """
    problem = driven.problem
    if saved is None:
        return Choice(NOT_WORKED_OUT, {})
    gaps = gaps_of(problem, driven.timed) if gaps is None else gaps
    less = sum(saved.values())
    here = {"without_stop": -less} if less else {}
    place = best_insertion(problem, driven.timed, stop, gaps, skip_route=number, tries=TRIES)
    kept = ""
    choices = []
    if place is not None:
        old = driven.timed[place.route].terms if place.route >= 0 else dict.fromkeys(ROUTE_TERMS, 0)
        there = {term: money - old[term] for term, money in place.timed.terms.items()}
        there = {term: money for term, money in there.items() if money}
        if place.route >= 0:
            name = f"route {names[place.route]}"
        else:
            name = f"a further {_van(problem, place.timed.route.van)}"
        choices.append(Choice(name, (there | here) or {"distance": 0.0}))
    else:
        kept = _kept(driven, names, number, stop, gaps)
    for name, term, money in _unserved_ways(driven, stop):
        choices.append(Choice(f"{name}; {kept}" if kept else name, {term: money} | here))
    return min(choices, key=lambda choice: choice.extra_cost)


def day_without(
    driven: Driven, number: int, stop_now: Callable[[], bool] = lambda: False
) -> Choice:
    """Return what a day costs more if one of its routes is not driven.

    Its stops go where they cost least then, one after the other, heaviest first: to other routes,
    to vans of other types that are free, to carriers, or nowhere. It is a plan that keeps the
    rules, not the best of them.
    """
    problem, timed = driven.problem, driven.timed[number]
    gone = [timed.route] * int(problem.vans.count[timed.route.van])  # nor by another such van
    rest = [other for at, other in enumerate(driven.timed) if at != number]
    done = list(rest)
    load, loss = problem.stops.load, problem.stops.loss
    money = {"carrier": 0.0, "left_out": 0.0}
    count = {"carrier": 0, "left_out": 0}
    for stop in sorted(timed.route.stops, key=lambda s: (-loss[s], -load[s, KG], s)):
        if stop_now():
            return Choice(NOT_WORKED_OUT, {})
        used = [*(other.route for other in done), *gone]
        place = best_insertion(problem, done, stop, tries=TRIES, used=used)
        _, term, cost = min(_unserved_ways(driven, stop), key=lambda way: way[2])
        if place is None or place.timed.needs_break or cost < place.extra_cost:
            money[term] += cost
            count[term] += 1
        elif place.route >= 0:
            done[place.route] = place.timed
        else:
            done.append(place.timed)
    others = sum(new.cost - old.cost for new, old in zip(done, rest, strict=False))
    further = sum(new.cost for new in done[len(rest) :])
    moved = len(timed.route.stops) - sum(count.values())
    terms = {"other_routes": others, "further_vans": further, **money}
    return Choice(
        f"not driven: {moved} of its stops with other vans, {count['carrier']} with carriers,"
        f" {count['left_out']} left out",
        {name: value for name, value in terms.items() if value} | {"route": -timed.cost},
    )


def other_van(driven: Driven, number: int) -> Choice | None:
    """Return the cheapest van of another type that is free and could drive a route as it is."""
    problem, timed = driven.problem, driven.timed[number]
    left = vans_left(problem, tuple(t.route for t in driven.timed))
    others = [
        found
        for van in range(len(problem.vans))
        if van != timed.route.van and left[van] > 0
        if not isinstance(found := price(problem, with_van(timed.route, van)), str)
    ]
    best = min(others, key=lambda found: (found.cost, found.route.van), default=None)
    if best is None:
        return None
    terms = {term: money for term, money in best.terms.items() if money}
    return Choice(_van(problem, best.route.van), terms | {"route": -timed.cost})


# ---- inside ---------------------------------------------------------------------------------


def _van(problem: RoutingProblem, van: int) -> str:
    return f"{problem.vans.vehicle_type[van]} at {problem.vans.depot_id[van]}"


def _unserved_ways(driven: Driven, stop: int) -> list[tuple[str, str, float]]:
    """Return the ways without a van: name, term, money."""
    loss, offer = float(driven.problem.stops.loss[stop]), driven.offers.get(stop)
    if offer is not None and offer.cost <= loss:
        return [(f"carrier {offer.name}", "carrier", offer.cost)]
    return [("left out", "left_out", loss)]


def _kept(driven: Driven, names: Sequence[str], number: int, stop: int, gaps: Gaps) -> str:
    """Say which rule keeps a stop from the place with the shortest way; blank: no other van."""
    problem, place = driven.problem, int(driven.problem.stops.place[stop])
    metres = problem.metres
    onward = gaps.after != OPEN_END
    way = metres[gaps.before, place] + onward * (
        metres[place, gaps.after] - metres[gaps.before, gaps.after]
    )
    way = np.where(gaps.route == number, inf, way.astype(np.float64))
    nearest, name, tried = inf, "", None
    if len(way) and np.isfinite(way.min()):
        gap = int(way.argmin())
        nearest, at = float(way[gap]), int(gaps.route[gap])
        name = f"route {names[at]}"
        route = driven.timed[at].route
        tried = with_stop(route, stop, int(gaps.trip[gap]), int(gaps.at[gap]))
    left = vans_left(problem, tuple(timed.route for timed in driven.timed))
    for van in np.flatnonzero(left > 0).tolist():
        out = 2.0 * float(metres[problem.vans.start_place[van], place])
        if out < nearest:
            nearest, name = out, f"a further {_van(problem, van)}"
            tried = Route(van, ((stop,),))
    if tried is None:
        return ""
    rule = price(problem, tried)
    return f"{name} would break {rule}" if isinstance(rule, str) else ""
