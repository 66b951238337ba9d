"""Tiny routing problems and scenarios, written out so that the arithmetic fits in a comment."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from optimizer.routing.problem import FOREVER, OPEN_END, Route, RoutingProblem, Stops, Vans
from optimizer.routing.schedule import price
from scenarios import Scenario, Settings

DAY_S = 86_400
ANY_TIME = ((0, FOREVER - 1),)


def plane_problem(
    stops: Sequence[dict[str, Any]],
    vans: Sequence[dict[str, Any]],
    depots: Sequence[Any] = ((0, 0),),
) -> RoutingProblem:
    """Return a problem on a plane in metres, driven at 10 m/s; blanks take plain defaults.

    A stop: at (x, y), kg, m3, kind, service_s, release_s, windows, late_after_s, late_per_h, loss,
    optional, units, skill.
    A van: depot, end, count, kg, m3, shift, max_km, max_stops, max_trips, reload_s, fixed,
    per_km, per_hour, co2_per_km, g, skill, break_after_s, break_s.
    """
    xy = np.array([*depots, *(stop["at"] for stop in stops)], dtype=np.float64)
    difference = xy[:, None, :] - xy[None, :, :]
    metres = np.rint(np.hypot(difference[..., 0], difference[..., 1])).astype(np.int64)

    def of(rows: Sequence[dict[str, Any]], name: str, default: Any, dtype: Any) -> Any:
        return np.array([row.get(name, default) for row in rows], dtype=dtype)

    n, m = len(stops), len(vans)
    shift = of(vans, "shift", (0, DAY_S), np.int64).reshape(m, 2)
    problem_stops = Stops(
        order_id=tuple(f"O{k}" for k in range(n)),
        shipment_id=("",) * n,
        part=np.zeros(n, dtype=np.int64),
        kind=of(stops, "kind", 0, np.int64),
        place=np.arange(len(depots), len(depots) + n),
        load=np.column_stack([of(stops, "kg", 1.0, float), of(stops, "m3", 0.0, float)]),
        units=of(stops, "units", 1.0, float),
        service_s=of(stops, "service_s", 0, np.int64),
        release_s=of(stops, "release_s", 0, np.int64),
        windows=tuple(tuple(stop.get("windows", ANY_TIME)) for stop in stops),
        loss=of(stops, "loss", 1e4, float),
        optional=of(stops, "optional", False, bool),
        late_after_s=of(stops, "late_after_s", FOREVER, np.int64),
        late_cost_per_h=of(stops, "late_per_h", 0.0, float),
        loss_at_least=of(stops, "loss", 1e4, float),
    )
    start = of(vans, "depot", 0, np.int64)
    fleet = Vans(
        vehicle_type=tuple(f"V{k}" for k in range(m)),
        depot_id=tuple(f"D{d}" for d in start),
        count=of(vans, "count", 1, np.int64),
        start_place=start,
        end_place=np.array([van.get("end", van.get("depot", 0)) for van in vans], dtype=np.int64),
        capacity=np.column_stack([of(vans, "kg", np.inf, float), of(vans, "m3", np.inf, float)]),
        shift=shift,
        latest_start_s=np.minimum(shift[:, 1], DAY_S - 1),
        max_duration_s=shift[:, 1] - shift[:, 0],
        max_metres=np.array([int(1000 * v["max_km"]) if "max_km" in v else FOREVER for v in vans]),
        max_stops=of(vans, "max_stops", FOREVER, np.int64),
        max_trips=of(vans, "max_trips", 1, np.int64),
        reload_s=of(vans, "reload_s", 0, np.int64),
        fixed_cost=of(vans, "fixed", 0.0, float),
        cost_per_km=of(vans, "per_km", 1.0, float),
        cost_per_hour=of(vans, "per_hour", 0.0, float),
        g_co2e_per_km=of(vans, "g", 0.0, float),
        co2_cost_per_km=of(vans, "co2_per_km", 0.0, float),
        g_co2e_per_tkm=of(vans, "g_per_tkm", 0.0, float),
        co2_cost_per_tkm=of(vans, "co2_per_tkm", 0.0, float),
        break_after_s=of(vans, "break_after_s", FOREVER, np.int64),
        break_s=of(vans, "break_s", 0, np.int64),
        profile=np.zeros(m, dtype=np.int64),
    )
    allowed = np.array(
        [[not s.get("skill") or s["skill"] == v.get("skill") for v in vans] for s in stops],
        dtype=bool,
    ).reshape(n, m)
    seconds = np.rint(metres / 10.0).astype(np.int64)
    day = np.datetime64("2026-01-05", "D")
    return RoutingProblem("tiny", day, problem_stops, fleet, allowed, xy, metres, (seconds,))


def brute_force(problem: RoutingProblem) -> float:
    """Return the least money of any plan, by trying every set, order, trip split and van."""
    n, m = problem.allowed.shape
    full = (1 << n) - 1
    alone = [[np.inf] * m for _ in range(full + 1)]  # cheapest route of a van over a set
    for mask in range(1, full + 1):
        members = [k for k in range(n) if mask >> k & 1]
        for order in itertools.permutations(members):
            for trips in _splits(order):
                for van in range(m):
                    timed = price(problem, Route(van, trips))
                    if not isinstance(timed, str):
                        alone[mask][van] = min(alone[mask][van], timed.cost)
    vans = [van for van in range(m) for _ in range(min(int(problem.vans.count[van]), n))]
    loss = [
        sum(float(problem.stops.loss[k]) for k in range(n) if not mask >> k & 1)
        for mask in range(full + 1)
    ]
    best = [np.inf] * (full + 1)
    best[0] = 0.0
    for van in vans:
        new = list(best)
        for mask in range(full + 1):
            part = mask
            while part:
                new[mask] = min(new[mask], best[mask ^ part] + alone[part][van])
                part = (part - 1) & mask
        best = new
    return float(min(best[mask] + loss[mask] for mask in range(full + 1)))


def _splits(order: tuple[int, ...]) -> list[tuple[tuple[int, ...], ...]]:
    """Return every way of cutting an order into trips."""
    if not order:
        return [()]
    return [
        (order[:cut], *rest) for cut in range(1, len(order) + 1) for rest in _splits(order[cut:])
    ]


def small_scenario(**tables: list[dict[str, Any]]) -> Scenario:
    """Return a scenario of one depot, one van and two orders; named tables replace its rows.

    One unit of P weighs 2 kg, fills 0.01 m3, takes 30 s to hand over and sells for 50.
    """
    rows: dict[str, list[dict[str, Any]]] = {
        "products": [
            {
                "product_id": "P", "name": "P", "unit_cost": 20.0, "unit_price": 50.0,
                "weight_kg": 2.0, "volume_m3": 0.01, "service_s_per_unit": 30.0,
            }
        ],
        "sites": [
            {
                "site_id": "D", "kind": "warehouse", "name": "D", "lat": 31.0, "lon": 121.0,
                "status": "open",
            }
        ],
        "vehicles": [
            {
                "vehicle_type": "van", "depot_id": "D", "count": 2.0, "capacity_kg": 100.0,
                "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 20.0,
                "cost_per_km": 1.0, "cost_per_hour": 30.0, "speed_km_h": 36.0,
            }
        ],
        "orders": [
            {"order_id": "A", "lat": 31.05, "lon": 121.0, "placed_at": "2026-01-04 10:00"},
            {"order_id": "B", "lat": 31.0, "lon": 121.05, "placed_at": "2026-01-04 10:00"},
        ],
        "order_lines": [
            {"order_id": "A", "line_id": "1", "product_id": "P", "qty": 2.0},
            {"order_id": "B", "line_id": "1", "product_id": "P", "qty": 1.0},
        ],
    }  # fmt: skip
    rows |= tables
    settings = Settings(
        name="small",
        currency="CNY",
        timezone="Asia/Shanghai",
        start_date="2026-01-05",
        bucket="day",
        horizon_buckets=7,
    )
    return Scenario(
        settings, {name: pd.DataFrame(part) for name, part in rows.items() if len(part)}
    )


@pytest.fixture(scope="session")
def plane() -> Callable[..., RoutingProblem]:
    """Builder of problems on a plane."""
    return plane_problem


@pytest.fixture(scope="session")
def optimum() -> Callable[[RoutingProblem], float]:
    """Brute force, for at most six stops."""
    return brute_force


@pytest.fixture(scope="session")
def small() -> Callable[..., Scenario]:
    """Builder of a scenario with two orders."""
    return small_scenario


@pytest.fixture(scope="session")
def open_end() -> int:
    """End place of an open route."""
    return OPEN_END


@pytest.fixture(scope="session")
def moved() -> Callable[[RoutingProblem, float, float], RoutingProblem]:
    """Shift all coordinates of a problem."""

    def shift(problem: RoutingProblem, dx: float, dy: float) -> RoutingProblem:
        return replace(problem, lonlat=problem.lonlat + np.array([dx, dy]))

    return shift
