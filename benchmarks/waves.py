"""A warehouse-day of picking: ``python -m benchmarks waves [--parcels N] [--load L ...]``.

One site, six cut-offs from 12:00 to 22:00, hours from 08:00 to 22:00, units of 1 to 8 a parcel;
a third of the orders come in during the day. Load is work over what the day's hours hold.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from optimizer.allocation import run_waves
from optimizer.audit.report import certificate_violations
from optimizer.audit.waves import check
from optimizer.outcome import Limits, gap_pct
from optimizer.plan import conform
from scenarios import Scenario
from scenarios.settings import Settings

START = pd.Timestamp("2026-03-02")
CUTOFFS = ("12:00", "14:00", "16:00", "18:00", "20:00", "22:00")
HOURS = range(8, 22)
UNITS, UNIT_SHARES = (1, 2, 3, 5, 8), (0.50, 0.25, 0.15, 0.07, 0.03)


def warehouse_day(
    parcels: int, pick_load: float, dock_load: float, seed: int
) -> tuple[Scenario, dict[str, pd.DataFrame]]:
    """Return the scenario of one site and the tables that sourcing would have written."""
    rng = np.random.default_rng(seed)
    units = rng.choice(UNITS, parcels, p=UNIT_SHARES).astype(np.float64)
    ids = np.array([f"O{number:06d}" for number in range(parcels)], dtype=object)
    zone = rng.integers(0, len(CUTOFFS), parcels)
    early = rng.random(parcels) < 2 / 3
    placed = START + pd.to_timedelta(np.where(early, 0, rng.integers(0, 18 * 3600, parcels)), "s")
    zones = [f"Z{number}" for number in range(len(CUTOFFS))]
    money = np.round(rng.lognormal(3.0, 0.8, 500), 2)
    products = [f"P{number:03d}" for number in range(500)]
    product = rng.integers(0, 500, parcels)
    pick = units.sum() / pick_load / len(HOURS)
    dock = parcels / dock_load / len(HOURS)
    names = np.array(zones, dtype=object)[zone]
    goods = np.array(products, dtype=object)[product]
    rate = {"carrier_id": "C", "service": "std", "origin": "A", "max_weight_kg": 30.0, "base": 5.0}
    tables: dict[str, object] = {
        "products": {"product_id": products, "name": products, "unit_cost": 5.0,
                     "unit_price": money, "weight_kg": 0.1, "volume_m3": 0.001},
        "sites": [{"site_id": "A", "kind": "warehouse", "name": "A", "status": "open"}],
        "zones": {"zone_id": zones, "name": zones},
        "inventory": {"site_id": "A", "product_id": products, "on_hand": 1e6},
        "carriers": [{"carrier_id": "C", "kind": "third_party"}],
        "carrier_rates": [rate | {"destination": name, "cutoff_time": at, "promise_days": 1.0}
                          for name, at in zip(zones, CUTOFFS, strict=True)],
        "work_capacity": [{"site_id": "A", "weekday": weekday, "hour": hour, "pick_units": pick,
                           "dock_parcels": dock} for weekday in range(1, 8) for hour in HOURS],
        "orders": {"order_id": ids, "zone_id": names, "placed_at": placed,
                   "priority": rng.integers(1, 9, parcels)},
        "order_lines": {"order_id": ids, "line_id": "1", "product_id": goods, "qty": units},
    }  # fmt: skip
    settings = Settings(
        name="a warehouse-day", currency="CNY", timezone="Asia/Shanghai",
        start_date=START.date(), bucket="day", horizon_buckets=7,
    )  # fmt: skip
    shipments = pd.DataFrame(
        {"shipment_id": ids, "order_id": ids, "site_id": "A", "carrier_id": "C", "service": "std",
         "ship_on": START, "promised_on": START + pd.Timedelta(days=1), "weight_kg": 0.1 * units,
         "cost": 5.0, "g_co2e": 0.0}
    )  # fmt: skip
    lines = pd.DataFrame({"shipment_id": ids, "order_id": ids, "line_id": "1",
                          "product_id": goods, "qty": units})  # fmt: skip
    scenario = Scenario(settings, {name: pd.DataFrame(rows) for name, rows in tables.items()})
    return scenario, {
        "shipments": conform("shipments", shipments),
        "shipment_lines": conform("shipment_lines", lines),
    }


def main(arguments: list[str]) -> int:
    """Plan days of several loads; print what came out, what is proven, and the time."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks waves", description=__doc__)
    parser.add_argument("--parcels", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--load", nargs="+", default=["0.7/0.6", "0.95/0.8", "1.1/0.8", "0.8/1.1", "1.3/1.3"],
        help="pick/dock, share of what the hours hold",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    print(f"{options.parcels} parcels, seed {options.seed}; {describe_machine(['highspy'])}")
    print("| pick / dock load | late | cost | bound | gap % | waves | CPU s | wall s | referee |")
    print("|---|---|---|---|---|---|---|---|---|")
    for load in options.load:
        pick, dock = (float(part) for part in load.split("/"))
        scenario, tables = warehouse_day(options.parcels, pick, dock, options.seed)
        cpu, wall = time.process_time(), time.perf_counter()
        result = run_waves(scenario, tables, Limits(seconds=30.0))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        certificate = result.certificate
        if certificate is None or certificate.objective is None:
            raise RuntimeError("the stage had nothing to do")
        made = {name: conform(name, frame) for name, frame in result.tables.items()}
        report = check(scenario, tables | made)
        broken = [*report.violations, *certificate_violations(certificate, report)]
        late = len(made["missed_cutoffs"]) if "missed_cutoffs" in made else 0
        gap = gap_pct(certificate.objective, certificate.bound)
        print(
            f"| {load} | {late} | {certificate.objective:,.2f} | {certificate.bound:,.2f}"
            f" | {gap:.4f} | {len(made['waves'])} | {cpu:.1f} | {wall:.1f}"
            f" | {'; '.join(map(str, broken)) or 'accepts'} |",
            flush=True,
        )
    return 0
