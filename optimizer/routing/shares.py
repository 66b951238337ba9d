"""Which part of a route's CO2e each of its stops answers for."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.problem import KG, RoutingProblem
from optimizer.routing.schedule import Timed

Floats = NDArray[np.float64]


def shared_grams(problem: RoutingProblem, timed: Timed) -> dict[int, float]:
    """Return grams by stop of one route; they add up to what the route emits.

    Each stop's part is as its transport activity: kg x km on the direct way from where the van
    starts, not the km that it rode along (ISO 14083:2023, allocation by tonne-kilometres of the
    shortest feasible distance). Where no stop has both, all answer alike.
    """
    stops = list(timed.route.stops)
    start = int(problem.vans.start_place[timed.route.van])
    place = problem.stops.place[stops]
    direct = np.where(place == start, 0.0, problem.metres[np.full(len(place), start), place])
    return dict(
        zip(stops, split(timed.g_co2e, problem.stops.load[stops, KG] * direct), strict=True)
    )


def split(whole: float, weights: Floats) -> list[float]:
    """Return parts in proportion to weights whose exact sum rounds to the whole."""
    if not len(weights):
        return []
    total = float(weights.sum())
    ratio = weights / total if total > 0.0 else np.full(len(weights), 1.0 / len(weights))
    parts: list[float] = (whole * ratio).tolist()
    largest = int(np.argmax(ratio))
    parts[largest] = 0.0
    parts[largest] = whole - math.fsum(parts)
    for at in np.argsort(ratio, kind="stable").tolist():  # half a last digit may be left over
        if math.fsum(parts) == whole:
            break
        towards = math.inf if math.fsum(parts) < whole else 0.0
        parts[at] = math.nextafter(parts[at], towards) if parts[at] else 0.0
    return parts
