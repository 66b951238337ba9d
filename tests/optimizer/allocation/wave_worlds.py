"""Small days at one warehouse, with the parcels that sourcing would have sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from optimizer.allocation import run_waves
from optimizer.audit.report import AuditReport, certificate_violations
from optimizer.audit.waves import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.stage import StageResult
from scenarios import Scenario
from scenarios.settings import Settings

START = pd.Timestamp("2026-03-02")  # a Monday
Rows = dict[str, list[dict[str, Any]]]


def day(
    hours: Sequence[tuple[int, float | None, float | None]], cutoff: str | None = "10:00"
) -> Rows:
    """Return one site that works the given hours (hour, units, parcels) from Monday to Sunday."""
    return {
        "products": [
            {"product_id": "P", "name": "P", "unit_cost": 10.0, "unit_price": 16.0,
             "weight_kg": 0.1, "volume_m3": 0.01}
        ],
        "sites": [{"site_id": "A", "kind": "warehouse", "name": "A", "status": "open"}],
        "zones": [{"zone_id": "Z", "name": "Z"}],
        "inventory": [{"site_id": "A", "product_id": "P", "on_hand": 1000.0}],
        "carriers": [{"carrier_id": "C", "kind": "third_party"}],
        "carrier_rates": [
            {"carrier_id": "C", "service": "std", "origin": "A", "destination": "Z",
             "max_weight_kg": 30.0, "base": 5.0, "promise_days": 1.0}
            | ({"cutoff_time": cutoff} if cutoff else {})
        ],
        "work_capacity": [
            {"site_id": "A", "weekday": weekday, "hour": hour, "pick_units": pick,
             "dock_parcels": dock}
            for weekday in range(1, 8)
            for hour, pick, dock in hours
        ],
        "orders": [],
        "order_lines": [],
    }  # fmt: skip


def order(rows: Rows, name: str, units: float, **facts: Any) -> None:
    """Add an order of one line."""
    rows["orders"].append({"order_id": name, "zone_id": "Z", "placed_at": START} | facts)
    rows["order_lines"].append(
        {"order_id": name, "line_id": "1", "product_id": "P", "qty": float(units)}
    )


def scenario_of(rows: Rows) -> Scenario:
    """Build the scenario; a unit not shipped costs 30."""
    settings = Settings(
        name="waves", currency="CNY", timezone="Asia/Shanghai", start_date=START.date(),
        bucket="day", horizon_buckets=7, unserved_penalty_per_unit=30.0,
    )  # fmt: skip
    return Scenario(settings, {name: pd.DataFrame(part) for name, part in rows.items() if part})


def sent(scenario: Scenario) -> dict[str, pd.DataFrame]:
    """Return every order as one parcel from A by C on the day of its release, due the next day."""
    orders = scenario.table("orders")
    lines = scenario.table("order_lines")
    ship_on = orders["release_at"].fillna(START).dt.normalize().clip(lower=START)
    shipments = pd.DataFrame(
        {
            "shipment_id": orders["order_id"].astype(object) + ".1",
            "order_id": orders["order_id"],
            "site_id": "A", "carrier_id": "C", "service": "std",
            "ship_on": ship_on, "promised_on": ship_on + pd.Timedelta("1D"),
            "weight_kg": 0.1 * lines["qty"].to_numpy(), "cost": 5.0, "g_co2e": 0.0,
        }
    )  # fmt: skip
    packed = lines.assign(shipment_id=lines["order_id"].astype(object) + ".1")
    return {
        "shipments": conform("shipments", shipments),
        "shipment_lines": conform("shipment_lines", packed),
    }


def plan_day(
    facts: Rows | Scenario, upstream: dict[str, pd.DataFrame] | None = None
) -> tuple[StageResult, AuditReport]:
    """Run the stage; the referee must accept what comes out."""
    scenario = facts if isinstance(facts, Scenario) else scenario_of(facts)
    upstream = sent(scenario) if upstream is None else upstream
    result = run_waves(scenario, upstream, Limits(work=5.0))
    tables = upstream | {name: conform(name, frame) for name, frame in result.tables.items()}
    report = check(scenario, tables)
    assert result.certificate is not None
    broken = [*report.violations, *certificate_violations(result.certificate, report)]
    assert not broken, [str(violation) for violation in broken]
    return result, report
