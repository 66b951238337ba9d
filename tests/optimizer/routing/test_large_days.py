"""A day of 10,000 stops, from tables to routes, without a matrix of distances."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.audit.routing import check
from optimizer.outcome import Limits
from optimizer.routing import explain, lengths, problem, run
from optimizer.routing.from_scenario import read_problems
from optimizer.routing.lengths import MOST_DENSE, Computed, Ints, Lengths, dense

from .conftest import small_scenario

N = 10_000


def towns(n: int) -> np.ndarray:
    """Return n points, lat and lon, in sixty towns around the depot."""
    rng = np.random.default_rng(5)
    centre = rng.normal((31.0, 121.0), 0.2, (60, 2))
    return centre[rng.integers(0, 60, n)] + rng.normal(0.0, 0.01, (n, 2))


@pytest.mark.slow
def test_ten_thousand_orders_are_routed_without_a_matrix(monkeypatch):
    """Every stop is served, the referee agrees, and nobody asks for all distances at once."""

    def few(between: Lengths, places: Ints | None = None) -> Ints:
        assert len(places if places is not None else between[0]) <= MOST_DENSE
        return dense(between, places)

    orders = [
        {"order_id": f"O{k:05d}", "lat": lat, "lon": lon, "placed_at": "2026-01-04 10:00"}
        for k, (lat, lon) in enumerate(towns(N))
    ]
    lines = [
        {"order_id": order["order_id"], "line_id": "1", "product_id": "P", "qty": 1.0}
        for order in orders
    ]
    van = {
        "vehicle_type": "van", "depot_id": "D", "count": 150.0, "capacity_kg": 200.0,
        "shift_start": "08:00", "shift_end": "18:00", "fixed_cost": 20.0,
        "cost_per_km": 1.0, "cost_per_hour": 30.0, "speed_km_h": 36.0,
    }  # fmt: skip
    scenario = small_scenario(orders=orders, order_lines=lines, vehicles=[van])
    monkeypatch.setattr(lengths, "dense", few)
    monkeypatch.setattr(explain, "MOST_STOPS", 50)
    monkeypatch.setattr(problem, "dense", few)
    (day,) = read_problems(scenario, {}).problems
    assert isinstance(day.metres, Computed)
    result = run(scenario, {}, Limits(work=1.0))
    assert int((result.tables["stops"]["kind"] == "delivery").sum()) == N
    report = check(scenario, dict(result.tables))
    assert report.violations == ()
    assert report.objective == pytest.approx(result.certificate.objective, abs=1e-4)
