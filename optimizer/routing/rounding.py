"""Whole numbers for solvers, each rounded once and by a named rule.

- *up for loads, down for room*: kg and m3 are multiplied by the smallest power of ten that makes
  them whole, else become whole grams and cubic centimetres, or millionths of the largest capacity
  where that is coarser; loads are rounded up and capacities down, and both divided by their
  greatest common divisor;
- *whole metres and seconds*: as they are in the problem;
- *money by power of ten*: money is multiplied by the smallest power of ten that makes every cost
  per metre, per second and per van whole, or the largest that keeps sums far from overflow; what
  is left over is rounded to nearest and steers the search only, for routes are priced again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.routing.problem import FOREVER, OPEN_END, Floats, Ints, RoutingProblem

PER_UNIT = (1e3, 1e6)  # grams per kg, cubic centimetres per m3
STOP_UNITS = 100  # what one stop counts where stops are limited: room for finer penalties
MOST_ROOM = 1e6  # units of the largest capacity
MOST_MONEY = 1e10  # scaled money of the dearest stop


def money_scale(problem: RoutingProblem) -> float:
    """Return the factor from money to whole numbers: *money by power of ten*."""
    vans = problem.vans
    costs = np.concatenate(
        [vans.driving_cost_per_km / 1000.0, vans.cost_per_hour / 3600.0, vans.fixed_cost]
    )
    prizes = problem.stops.loss[problem.stops.optional]
    dearest = float(dearest_alone(problem).max(initial=0.0)) + float(prizes.max(initial=0.0))
    most = MOST_MONEY / max(4.0 * dearest, 1e-9)
    highest = max(0, min(8, math.floor(math.log10(most))))
    for power in range(highest):
        scaled = costs * 10.0**power
        if np.allclose(scaled, np.rint(scaled), rtol=0.0, atol=1e-9 * 10.0**power):
            return float(10.0**power)
    return float(10.0**highest)


@dataclass(frozen=True, slots=True)
class Room:
    """Whole capacities by used van, and whether the last dimension counts stops."""

    capacity: list[list[int]]
    counts_stops: bool


def whole_loads(
    problem: RoutingProblem, chosen: Sequence[int], used: Sequence[int]
) -> tuple[list[list[int]], Room]:
    """Return loads per stop and capacities per van: *up for loads, down for room*."""
    vans, load = problem.vans, problem.stops.load[list(chosen)]
    columns: list[Ints] = []
    rooms: list[Ints] = []
    for dimension, whole_unit in enumerate(PER_UNIT):
        limits = vans.capacity[list(used), dimension]
        if not np.isfinite(limits).any() or not load[:, dimension].any():
            continue
        finite = limits[np.isfinite(limits)]
        exact = _exact_factor(np.concatenate([load[:, dimension], finite]), whole_unit)
        per_unit = exact or min(whole_unit, MOST_ROOM / float(finite.max()))
        whole = np.ceil(load[:, dimension] * per_unit - 1e-6).astype(np.int64)
        everything = float(whole.sum()) + 1.0
        limit = np.floor(np.minimum(limits * per_unit + 1e-6, everything)).astype(np.int64)
        divisor = max(1, math.gcd(*whole.tolist(), *limit[limit < everything].tolist()))
        columns.append(-(-whole // divisor))
        rooms.append(limit // divisor)
    counted = bool((vans.max_stops[list(used)] < FOREVER).any())
    if counted:
        columns.append(np.full(len(chosen), STOP_UNITS, dtype=np.int64))
        rooms.append(STOP_UNITS * np.minimum(vans.max_stops[list(used)], len(chosen) + 1))
    if not columns:
        columns, rooms = [np.zeros(len(chosen), np.int64)], [np.ones(len(used), np.int64)]
    loads = np.column_stack(columns).tolist()
    return loads, Room(np.column_stack(rooms).tolist(), counted)


def _exact_factor(numbers: Floats, most: float) -> float | None:
    """Return the smallest power of ten, `most` at most, that makes all numbers whole."""
    factor = 1.0
    while factor <= most:
        if np.allclose(numbers * factor, np.rint(numbers * factor), rtol=0.0, atol=1e-6):
            return factor
        factor *= 10.0
    return None


def dearest_alone(problem: RoutingProblem) -> Floats:
    """Return the most money that a van may ask for serving each stop alone, (n,) float64."""
    stops, vans = problem.stops, problem.vans
    most = np.zeros(len(stops))
    for van in range(len(vans)):
        start, end = int(vans.start_place[van]), int(vans.end_place[van])
        alone = problem.arcs(van, start, stops.place) + vans.fixed_cost[van]
        if end != OPEN_END:
            alone = alone + problem.arcs(van, stops.place, end)
        alone = alone + vans.cost_per_hour[van] / 3600.0 * stops.service_s
        most = np.maximum(most, np.where(problem.allowed[:, van], alone, 0.0))
    return most


def must_serve_prize(problem: RoutingProblem, chosen: Sequence[int], used: Sequence[int]) -> float:
    """Return money above what it can pay to drop a stop: more than three times the dearest."""
    hours = max(float(problem.vans.cost_per_hour[van]) for van in used)
    return 3.0 * float(dearest_alone(problem)[list(chosen)].max(initial=0.0)) + 24.0 * hours + 1.0
