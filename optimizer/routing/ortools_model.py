"""The routing problem in OR-Tools' words: one node per stop, one vehicle per van, whole numbers."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.routing.lengths import Lengths
from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    OPEN_END,
    Ints,
    Route,
    Routes,
    RoutingProblem,
    vans_left,
)
from optimizer.routing.rounding import money_scale, must_serve_prize, whole_loads
from optimizer.routing.schedule import Timed

SPARE_SHARE = 0.2  # unused vans that are laid out, against those in use
LEAST_SPARE = 2  # of each type
NEVER = 2**40  # scaled money of an arc that must not be driven
WEEK_S = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Model:
    """OR-Tools' model and how to read its answers.

    Attributes
    ----------
    routing, manager : of OR-Tools
    stop_of : the stop that each node stands for
    van_of : the van type that each vehicle is
    """

    routing: Any
    manager: Any
    stop_of: tuple[int, ...]
    van_of: tuple[int, ...]

    def routes(self) -> Routes:
        """Return the routes of the solution at hand."""
        found = []
        for vehicle, van in enumerate(self.van_of):
            at = self.routing.NextVar(self.routing.Start(vehicle)).Value()
            stops = []
            while not self.routing.IsEnd(at):
                stops.append(self.stop_of[self.manager.IndexToNode(at)])
                at = self.routing.NextVar(at).Value()
            if stops:
                found.append(Route(van, (tuple(stops),)))
        return tuple(found)

    def written(self, start: Sequence[Timed]) -> list[list[int]]:
        """Return routes as nodes per vehicle."""
        node_of = {stop: node for node, stop in enumerate(self.stop_of)}
        free: dict[int, list[int]] = {}
        for vehicle, van in enumerate(self.van_of):
            free.setdefault(van, []).append(vehicle)
        rows: list[list[int]] = [[] for _ in self.van_of]
        for timed in start:
            vehicle = free[timed.route.van].pop(0)
            rows[vehicle] = [node_of[stop] for stop in timed.route.stops]
        return rows


def lay_out(problem: RoutingProblem, chosen: Sequence[int], start: Sequence[Timed]) -> Model:
    """Say some stops of a problem in OR-Tools' words, each van one trip.

    Parameters
    ----------
    start : routes at hand; of vans that they do not use a few are laid out
    """
    from ortools.constraint_solver import pywrapcp

    van_of = _vehicles(problem, start)
    vans, n = problem.vans, len(chosen)
    used = sorted(set(van_of))
    ends = [int(p) for van in used for p in (vans.start_place[van], vans.end_place[van])]
    depots = list(dict.fromkeys(ends))
    node_of = {place: n + k for k, place in enumerate(depots)}
    places = np.concatenate([problem.stops.place[list(chosen)], np.array(depots, dtype=np.int64)])
    manager = pywrapcp.RoutingIndexManager(
        len(places),
        len(van_of),
        [node_of[int(vans.start_place[van])] for van in van_of],
        [node_of[int(vans.end_place[van])] for van in van_of],
    )
    routing = pywrapcp.RoutingModel(manager)
    model = Model(routing, manager, tuple(chosen), tuple(van_of))
    scale = money_scale(problem)
    _price_arcs(problem, model, places, scale)
    _limit_loads(problem, model, len(places))
    _limit_metres(problem, model, places)
    _keep_time(problem, model, places, scale)
    dear = must_serve_prize(problem, chosen, used)
    for node, stop in enumerate(chosen):
        loss = float(problem.stops.loss[stop])
        loss += 0.0 if problem.stops.optional[stop] else dear
        index = manager.NodeToIndex(node)
        routing.AddDisjunction([index], round(min(scale * loss, 2.0**50)))
        if not problem.allowed[stop, used].all():
            mine = [k for k, van in enumerate(van_of) if problem.allowed[stop, van]]
            routing.SetAllowedVehiclesForIndex(mine, index)
    return model


# ---- inside ---------------------------------------------------------------------------------


def _vehicles(problem: RoutingProblem, start: Sequence[Timed]) -> list[int]:
    """Return the van type of each vehicle: those in use, then some spare ones of each type."""
    in_use = [timed.route.van for timed in start]
    left = vans_left(problem, tuple(timed.route for timed in start))
    most = max(LEAST_SPARE, round(SPARE_SHARE * len(in_use)))
    spare = [van for van in range(len(problem.vans)) for _ in range(min(int(left[van]), most))]
    return sorted(in_use + spare)


def _between(whole: Lengths, places: Ints) -> Ints:
    """Return a matrix between places; an open end is no distance from anywhere."""
    part: Ints = whole[np.ix_(places, places)].copy()
    part[places == OPEN_END] = 0
    part[:, places == OPEN_END] = 0
    return part


def _price_arcs(problem: RoutingProblem, model: Model, places: Ints, scale: float) -> None:
    """Set the money of an arc for each van type, and of each van; time is priced as a span."""
    vans, stops = problem.vans, list(model.stop_of)
    metres = _between(problem.metres, places)
    backhaul = np.zeros(len(places), dtype=bool)
    backhaul[: len(stops)] = problem.stops.kind[stops] == BACKHAUL
    delivery = np.zeros(len(places), dtype=bool)
    delivery[: len(stops)] = problem.stops.kind[stops] == DELIVERY
    service = np.zeros(len(places), dtype=np.int64)
    service[: len(stops)] = problem.stops.service_s[stops]
    evaluators: dict[int, int] = {}
    for vehicle, van in enumerate(model.van_of):
        if van not in evaluators:
            per_metre = scale * float(vans.driving_cost_per_km[van]) / 1000.0
            per_second = scale * float(vans.cost_per_hour[van]) / 3600.0
            seconds = _between(problem.travel_s(van), places) + service[:, None]
            money = np.rint(per_metre * metres + per_second * seconds).astype(np.int64)
            if not per_metre and not per_second:
                money = metres.copy()
            money[np.ix_(backhaul, delivery)] = NEVER
            evaluators[van] = model.routing.RegisterTransitMatrix(money.tolist())
        model.routing.SetArcCostEvaluatorOfVehicle(evaluators[van], vehicle)
        fixed = round(scale * float(vans.fixed_cost[van]))
        model.routing.SetFixedCostOfVehicle(fixed, vehicle)


def _limit_loads(problem: RoutingProblem, model: Model, nodes: int) -> None:
    """Bound what is delivered and what is fetched, each by itself: none are mixed on a trip."""
    stops = list(model.stop_of)
    used = sorted(set(model.van_of))
    loads, room = whole_loads(problem, stops, used)
    brought = problem.stops.kind[stops] == DELIVERY
    table = np.array(loads, dtype=np.int64)
    for dimension in range(table.shape[1]):
        counts = room.counts_stops and dimension == table.shape[1] - 1
        sides = [np.ones(len(stops), dtype=bool)] if counts else [brought, ~brought]
        most = [int(room.capacity[used.index(van)][dimension]) for van in model.van_of]
        for side, here in enumerate(sides):
            if not here.any():
                continue
            taken = np.zeros(nodes, dtype=np.int64)
            taken[: len(stops)] = np.where(here, table[:, dimension], 0)
            evaluator = model.routing.RegisterUnaryTransitVector(taken.tolist())
            name = f"load {dimension} {side}"
            model.routing.AddDimensionWithVehicleCapacity(evaluator, 0, most, True, name)


def _limit_metres(problem: RoutingProblem, model: Model, places: Ints) -> None:
    most = [int(problem.vans.max_metres[van]) for van in model.van_of]
    if min(most) >= FOREVER:
        return
    metres = _between(problem.metres, places)
    evaluator = model.routing.RegisterTransitMatrix(metres.tolist())
    model.routing.AddDimensionWithVehicleCapacity(evaluator, 0, most, True, "metres")


def _keep_time(problem: RoutingProblem, model: Model, places: Ints, scale: float) -> None:
    """Set clocks: travel and service, windows, shifts, hours, lateness."""
    vans, stops, routing = problem.vans, problem.stops, model.routing
    n = len(model.stop_of)
    service = np.zeros(len(places), dtype=np.int64)
    service[:n] = stops.service_s[list(model.stop_of)]
    by_profile: dict[int, int] = {}
    evaluators = []
    for van in model.van_of:
        profile = int(vans.profile[van])
        if profile not in by_profile:
            seconds = _between(problem.seconds[profile], places) + service[:, None]
            by_profile[profile] = routing.RegisterTransitMatrix(seconds.tolist())
        evaluators.append(by_profile[profile])
    horizon = int(min(vans.shift[:, 1].max(), 4 * WEEK_S))
    routing.AddDimensionWithVehicleTransits(evaluators, horizon, horizon, False, "time")
    time = routing.GetDimensionOrDie("time")
    for node, stop in enumerate(model.stop_of):
        _set_windows(problem, time.CumulVar(model.manager.NodeToIndex(node)), stop, horizon)
        rate = float(stops.late_cost_per_h[stop])
        if rate > 0.0:
            late = max(int(stops.late_after_s[stop]), 0)
            per_second = max(1, round(scale * rate / 3600.0))
            time.SetCumulVarSoftUpperBound(model.manager.NodeToIndex(node), late, per_second)
    for vehicle, van in enumerate(model.van_of):
        opens, closes = (int(value) for value in vans.shift[van])
        latest = int(min(vans.latest_start_s[van], closes, horizon))
        time.CumulVar(routing.Start(vehicle)).SetRange(min(opens, latest), latest)
        time.CumulVar(routing.End(vehicle)).SetRange(opens, min(closes, horizon))
        longest = int(min(vans.longest_with_breaks(van), closes - opens, horizon))
        time.SetSpanUpperBoundForVehicle(longest, vehicle)
    _keep_releases(problem, model, time)


def _set_windows(problem: RoutingProblem, at: Any, stop: int, horizon: int) -> None:
    """Let a stop begin within its windows only."""
    windows = [(a, min(b, horizon)) for a, b in problem.stops.windows[stop] if a <= horizon]
    at.SetRange(max(windows[0][0], 0), windows[-1][1])
    for (_, closes), (opens, _) in itertools.pairwise(windows):
        if opens - 1 >= closes + 1:
            at.RemoveInterval(closes + 1, opens - 1)


def _keep_releases(problem: RoutingProblem, model: Model, time: Any) -> None:
    """Let no van leave before the latest release of what it brings."""
    routing, solver = model.routing, model.routing.solver()
    released = [
        (node, int(problem.stops.release_s[stop]))
        for node, stop in enumerate(model.stop_of)
        if problem.stops.release_s[stop] > 0
    ]
    if not released:
        return
    leave = [solver.IntConst(FOREVER)]  # of a stop that is left out
    leave += [time.CumulVar(routing.Start(vehicle)) for vehicle in range(len(model.van_of))]
    for node, release in released:
        whose = routing.VehicleVar(model.manager.NodeToIndex(node)) + 1
        solver.Add(solver.Element(leave, whose) >= release)
