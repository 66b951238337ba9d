"""Small positioning problems, and their exact optimum by enumeration of the model in HiGHS."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import lil_array

from optimizer.allocation.positioning.costs import expected_short
from optimizer.allocation.positioning.problem import Lanes, Problem, Rows, Together
from scenarios import Scenario
from scenarios.settings import Settings


def random_problem(
    seed: int,
    products: int = 3,
    sites: int = 3,
    *,
    pairs: int = 2,
    most_free: int = 8,
    limited: bool = True,
    trips: bool = True,
) -> Problem:
    """Return a problem with scarce docks and room, shipments that cost, and pairs of products."""
    draw = np.random.default_rng(seed)
    shape = (products, sites)
    mean = draw.uniform(0.0, 6.0, shape) * (draw.random(shape) > 0.2)
    sd = np.sqrt(mean) * draw.uniform(0.5, 1.5, shape)
    free = draw.integers(0, most_free + 1, shape) * (draw.random(shape) > 0.3)
    fixed = draw.integers(0, 3, shape) * (draw.random(shape) < 0.3) * 1.0
    price = draw.uniform(10.0, 60.0, (products, 1))
    premium = np.repeat(draw.uniform(1.0, 30.0, (1, sites, sites)), products, axis=0)
    premium[:, draw.random((sites, sites)) < 0.2] = np.inf
    premium[:, np.arange(sites), np.arange(sites)] = np.inf
    kg = draw.uniform(0.2, 3.0, products)
    ends = [(i, j) for i in range(sites) for j in range(sites) if i != j]
    count = len(ends)
    origin, destination = np.array(ends, np.int64).T
    endless = np.full(count, np.inf)
    lanes = Lanes(
        origin,
        destination,
        per_unit=draw.uniform(0.0, 1.0, count),
        per_kg=draw.uniform(0.0, 1.0, count),
        per_m3=np.zeros(count),
        handling=np.full(count, 0.1),
        co2=np.full(count, 0.01),
        trip_cost=draw.uniform(2.0, 10.0, count) if trips else np.zeros(count),
        trip_kg=draw.uniform(5.0, 20.0, count) if trips else endless,
        trip_m3=draw.uniform(0.05, 0.2, count) if trips else endless,
        trip_fill=np.zeros(count),
        transit_days=draw.integers(1, 4, count),
    )
    rows: list[tuple[np.ndarray, np.ndarray, float, str]] = []
    nothing = np.zeros(count)
    for site in range(sites) if limited else ():
        leaves, comes = (origin == site) * 1.0, (destination == site) * 1.0
        rows.append((leaves, nothing, draw.uniform(1.0, 6.0) * products / 3, f"out {site}"))
        rows.append((nothing, comes - leaves, draw.uniform(0.0, 0.05) * products / 3, f"m3 {site}"))
    first = draw.integers(0, products, pairs)
    second = (first + 1 + draw.integers(0, max(products - 1, 1), pairs)) % products
    cost = draw.uniform(0.0, 20.0, (pairs, sites)) * (mean[first] > 0.0) * (mean[second] > 0.0)
    return Problem(
        free.astype(np.int64),
        fixed,
        mean,
        sd,
        np.repeat(price * 0.01, sites, axis=1),
        np.repeat(price * 0.4, sites, axis=1),
        premium,
        draw.uniform(1.0, 6.0, shape),
        kg,
        kg * draw.uniform(0.002, 0.01, products),
        lanes,
        Rows(
            np.array([row[0] for row in rows]).reshape(-1, count),
            np.zeros((len(rows), count)),
            np.array([row[1] for row in rows]).reshape(-1, count),
            np.array([row[2] for row in rows]),
            tuple("dock" if row[3].startswith("out") else "storage" for row in rows),
            tuple(row[3] for row in rows),
            ("",) * len(rows),
        ),
        Together(first, second, cost),
    )


def exact_optimum(
    problem: Problem, held: Mapping[tuple[int, int], tuple[float, float]] | None = None
) -> tuple[float, float]:
    """Return the least cost and HiGHS' own bound on it: the model written out, unit by unit.

    Expected units short are convex in whole units, so they are the largest of the lines through
    neighbouring whole levels.

    Parameters
    ----------
    held : least and most units of a product on a lane
    """
    products, sites = problem.shape
    lanes, rows, together = problem.lanes, problem.rows, problem.together
    least, beyond = problem.across()
    count = len(lanes)
    x0, u0 = 0, products * count
    y0 = u0 + products * sites * sites
    t0 = y0 + products * sites
    n0 = t0 + products * sites
    w0 = n0 + count
    size = w0 + together.cost.size
    low, high = np.zeros(size), np.full(size, np.inf)
    cost, whole = np.zeros(size), np.zeros(size)
    lines: list[tuple[dict[int, float], float, float]] = []
    offset = 0.0
    whole[:y0] = 1
    whole[n0:w0] = 1
    cost[n0:w0] = lanes.trip_cost
    leaving: dict[tuple[int, int], dict[int, float]] = {}
    local: dict[tuple[int, int], dict[int, float]] = {}
    total: dict[tuple[int, int], dict[int, float]] = {}
    for k in range(products):
        for i in range(sites):
            leaving[k, i], local[k, i], total[k, i] = {}, {}, {}
        for a in range(count):
            at, i, j = x0 + k * count + a, lanes.origin[a], lanes.destination[a]
            per_unit = lanes.per_unit[a] + lanes.handling[a] + lanes.per_m3[a] * problem.m3[k]
            cost[at] = per_unit + (lanes.per_kg[a] + lanes.co2[a]) * problem.kg[k]
            if not problem.in_time(a)[k]:
                high[at] = 0.0
            if held and (k, a) in held:
                low[at], high[at] = held[k, a]
            leaving[k, i][at] = 1.0
            for level in (local, total):
                level[k, i][at] = -1.0
                level[k, j][at] = 1.0
        for i in range(sites):
            for j in range(sites):
                at = u0 + (k * sites + i) * sites + j
                if np.isinf(beyond[k, i, j]):
                    high[at] = 0.0
                    continue
                cost[at] = beyond[k, i, j]
                leaving[k, i][at] = 1.0
                local[k, i][at] = -1.0
                total[k, i][at] = total[k, i].get(at, 0.0) - 1.0
                total[k, j][at] = total[k, j].get(at, 0.0) + 1.0
    most = problem.free.sum(axis=1)
    for k in range(products):
        for j in range(sites):
            lines.append((leaving[k, j], -np.inf, float(problem.free[k, j])))
            base = float(problem.fixed[k, j] + problem.free[k, j])
            mean, sd = problem.mean[k, j], problem.sd[k, j]
            beyond_here = problem.holding[k, j] + problem.shortage[k, j] - least[k, j]
            offset += problem.holding[k, j] * (base - mean)
            for at, weight in total[k, j].items():
                cost[at] += problem.holding[k, j] * weight
            for start, level, price in (
                (y0, local[k, j], least[k, j]),
                (t0, total[k, j], beyond_here),
            ):
                epigraph = start + k * sites + j
                cost[epigraph] = price
                points = problem.fixed[k, j] + np.arange(int(most[k]) + 2.0)
                short = expected_short(points, np.full(len(points), mean), np.full(len(points), sd))
                for slope, point, value in zip(np.diff(short), points, short, strict=False):
                    row = {at: -slope * weight for at, weight in level.items()}
                    row[epigraph] = 1.0
                    lines.append((row, value + slope * (base - point), np.inf))
    for r in range(len(rows.room)):
        row = {}
        for k in range(products):
            for a in range(count):
                row[x0 + k * count + a] = (
                    rows.units[r, a] + rows.kg[r, a] * problem.kg[k] + rows.m3[r, a] * problem.m3[k]
                )
        lines.append((row, -np.inf, float(rows.room[r])))
    for a in range(count):
        every = {x0 + k * count + a: 1.0 for k in range(products)}
        every[n0 + a] = -float(most.sum())
        lines.append((every, -np.inf, 0.0))
        for weight, limit in ((problem.kg, lanes.trip_kg[a]), (problem.m3, lanes.trip_m3[a])):
            if np.isfinite(limit):
                row = {x0 + k * count + a: float(weight[k]) for k in range(products)}
                row[n0 + a] = -float(limit)
                lines.append((row, -np.inf, 0.0))
    for p, (k, q) in enumerate(zip(together.first, together.second, strict=True)):
        for j in range(sites):
            if together.cost[p, j] <= 0.0:
                continue
            at = w0 + p * sites + j
            cost[at] = together.cost[p, j]
            for product in (k, q):
                row = {at: 1.0, y0 + product * sites + j: -1.0 / problem.mean[product, j]}
                lines.append((row, 0.0, np.inf))
    matrix = lil_array((len(lines), size))
    for at, (row, _, _) in enumerate(lines):
        for column, weight in row.items():
            matrix[at, column] = weight
    limits = LinearConstraint(
        matrix.tocsr(), [line[1] for line in lines], [line[2] for line in lines]
    )
    found = milp(
        cost,
        constraints=limits,
        integrality=whole,
        bounds=Bounds(low, high),
        options={"mip_rel_gap": 1e-9},
    )
    assert found.x is not None, found.message
    return float(found.fun) + offset, float(found.mip_dual_bound) + offset


def hand_made(
    *,
    stock: Mapping[tuple[str, str], float],
    demand: Mapping[tuple[str, str], float],
    lane: Mapping[str, object] | None = None,
    lead_days: float = 7.0,
    rates: bool = False,
    more: Mapping[str, pd.DataFrame] | None = None,
    sites: Mapping[str, object] | None = None,
    **settings: object,
) -> Scenario:
    """Return warehouses W1 and W2, zones Z1 and Z2 that they serve, and a lane each way.

    Units cost 10 and sell at 14: being short costs 4. Holding costs nothing. A unit weighs 1 kg and
    takes 0.1 m3. Lanes take a day and cost 1 a unit. Demand is certain: so many units a day. With
    `rates` a parcel costs 3 to a site's own zone, 5 to the other one.

    Parameters
    ----------
    stock, demand : units, and units a day, by product and site
    lead_days : of the supplier
    """
    start = dt.date(2026, 10, 12)
    names = sorted({product for product, _ in [*stock, *demand]})
    tables = {
        "products": pd.DataFrame(
            {"product_id": names, "name": names, "unit_cost": 10.0, "unit_price": 14.0,
             "weight_kg": 1.0, "volume_m3": 0.1}
        ),
        "sites": pd.DataFrame(
            {"site_id": ["W1", "W2"], "kind": "warehouse", "name": ["One", "Two"],
             "status": "open"} | dict(sites or {})
        ),
        "zones": pd.DataFrame({"zone_id": ["Z1", "Z2"], "name": ["One", "Two"]}),
        "zone_sites": pd.DataFrame({"zone_id": ["Z1", "Z2"], "site_id": ["W1", "W2"]}),
        "suppliers": pd.DataFrame({"supplier_id": ["S"], "name": ["Supplier"]}),
        "supplier_products": pd.DataFrame(
            {"supplier_id": "S", "product_id": names, "unit_cost": 10.0,
             "lead_time_mean_days": lead_days}
        ),
        "lanes": pd.DataFrame(
            [
                {"origin_id": a, "destination_id": b, "mode": "road", "transit_mean_days": 1.0,
                 "cost_per_unit": 1.0, "distance_km": 100.0} | dict(lane or {})
                for a, b in (("W1", "W2"), ("W2", "W1"))
            ]
        ),
        "inventory": pd.DataFrame(
            [
                {"site_id": site, "product_id": product, "on_hand": qty}
                for (product, site), qty in stock.items()
            ]
        ),
        "forecasts": pd.DataFrame(
            [
                {"product_id": product, "location_id": site, "qty": 7.0 * qty,
                 "bucket": pd.Timestamp(start) + pd.Timedelta(weeks=week)}
                for (product, site), qty in demand.items()
                for week in range(3)
            ]
        ),
    }  # fmt: skip
    if rates:
        tables["carriers"] = pd.DataFrame({"carrier_id": ["C"], "kind": ["third_party"]})
        tables["carrier_rates"] = pd.DataFrame(
            [
                {"carrier_id": "C", "service": "s", "origin": site, "destination": zone,
                 "max_weight_kg": 30.0, "base": 3.0 if site[1] == zone[1] else 5.0,
                 "promise_days": 1.0}
                for site in ("W1", "W2")
                for zone in ("Z1", "Z2")
            ]
        )  # fmt: skip
    basics: dict[str, object] = {
        "name": "hand-made",
        "currency": "EUR",
        "timezone": "UTC",
        "start_date": start,
        "bucket": "week",
        "horizon_buckets": 3,
        "holding_rate_pct_per_year": 0.0,
    }
    return Scenario(Settings.model_validate(basics | settings), tables | dict(more or {}))
