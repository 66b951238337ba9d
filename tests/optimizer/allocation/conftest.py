"""Small sourcing scenarios, written out so that the arithmetic can be followed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from optimizer.allocation import run_sourcing
from optimizer.audit.report import certificate_violations
from optimizer.audit.sourcing import check
from optimizer.outcome import Limits
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.settings import Settings

sys.path.insert(0, str(Path(__file__).parent))

START = pd.Timestamp("2026-03-02")


def _settings(**changes: Any) -> Settings:
    given: dict[str, Any] = {
        "name": "sourcing",
        "currency": "CNY",
        "timezone": "Asia/Shanghai",
        "start_date": START.date(),
        "bucket": "day",
        "horizon_buckets": 7,
        "unserved_penalty_per_unit": 30.0,
    }
    return Settings(**(given | changes))


def _tables() -> dict[str, list[dict[str, Any]]]:
    """Two sites, one zone, products of 1 kg and 10 litres; a parcel costs 5 from A, 8 from B."""
    return {
        "products": [
            {"product_id": name, "name": name, "unit_cost": 10.0, "unit_price": 16.0,
             "weight_kg": 1.0, "volume_m3": 0.01}
            for name in ("P", "Q")
        ],
        "sites": [
            {"site_id": name, "kind": "warehouse", "name": name, "status": "open"}
            for name in ("A", "B")
        ],
        "zones": [{"zone_id": "Z", "name": "Z"}],
        "inventory": [
            {"site_id": site, "product_id": product, "on_hand": 10.0}
            for site in ("A", "B")
            for product in ("P", "Q")
        ],
        "orders": [
            {"order_id": "O1", "zone_id": "Z", "placed_at": START,
             "due_to": START + pd.Timedelta("2D")}
        ],
        "order_lines": [{"order_id": "O1", "line_id": "1", "product_id": "P", "qty": 1.0}],
        "carriers": [{"carrier_id": "C", "kind": "third_party"}],
        "carrier_rates": [
            {"carrier_id": "C", "service": "std", "origin": site, "destination": "Z",
             "max_weight_kg": 30.0, "base": base, "per_kg": 0.0, "promise_days": 1.0}
            for site, base in (("A", 5.0), ("B", 8.0))
        ],
    }  # fmt: skip


@pytest.fixture(scope="session")
def tables() -> Callable[[], dict[str, list[dict[str, Any]]]]:
    """Give fresh rows of the smallest case, to be changed."""
    return _tables


@pytest.fixture(scope="session")
def scenario() -> Callable[..., Scenario]:
    """Build a scenario from rows, with changes to the settings."""

    def build(rows: dict[str, list[dict[str, Any]]], **settings: Any) -> Scenario:
        frames = {name: pd.DataFrame(part) for name, part in rows.items() if part}
        return Scenario(_settings(**settings), frames)

    return build


@pytest.fixture(scope="session")
def source(scenario: Callable[..., Scenario]) -> Callable[..., StageResult]:
    """Source the orders of rows or of a scenario; the referee must accept what comes out."""

    def run(
        rows: Any, work: float = 2.0, seed: int = 0, stock_value: str = "", **settings: Any
    ) -> StageResult:
        facts = rows if isinstance(rows, Scenario) else scenario(rows, **settings)
        limits = Limits(work=work, seed=seed)
        result = run_sourcing(facts, {}, limits, stock_value=stock_value)
        if result.certificate is not None:
            report = check(facts, result.tables, stock_value=stock_value)
            broken = [*report.violations, *certificate_violations(result.certificate, report)]
            assert not broken, [str(violation) for violation in broken]
            terms = {k.kpi: k.value for k in result.kpis if k.variant == "objective"}
            assert terms == pytest.approx(dict(report.terms), abs=1e-6)
        return result

    return run
