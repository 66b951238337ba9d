"""Made-up networks of warehouses whose stock lies where it is not asked for."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.settings import Settings

START = dt.date(2026, 10, 12)
Z90 = 1.2815515655446004
ZONES_PER_SITE = 2
WEEKS = 3


def positioning_case(products: int, sites: int, seed: int, orders: int = 20_000) -> Scenario:
    """Return a scenario: every warehouse is bought for, and lanes join all of them.

    Stock is what two thirds to four thirds of the waiting time ask for in all, spread over the
    warehouses by shares that are off. Docks, lanes and some storage are scarce.
    """
    draw = np.random.default_rng(seed)
    ids = [f"P{n:05d}" for n in range(products)]
    names = [f"W{n:02d}" for n in range(sites)]
    place = draw.uniform([100.0, 24.0], [122.0, 42.0], (sites, 2))
    km = np.hypot(*(place[:, None, :] - place[None, :, :]).transpose(2, 0, 1)) * 120.0
    weight = np.round(draw.lognormal(-0.3, 0.8, products), 3) + 0.02
    volume = np.round(weight * draw.uniform(0.003, 0.009, products), 6) + 1e-5
    cost = np.round(draw.lognormal(3.0, 0.9, products), 2) + 0.5
    facts = pd.DataFrame(
        {"product_id": ids, "name": ids, "unit_cost": cost,
         "unit_price": np.round(cost * draw.uniform(1.25, 1.9, products), 2),
         "weight_kg": weight, "volume_m3": volume}
    )  # fmt: skip
    size = draw.dirichlet(np.full(sites, 4.0))
    weekly = draw.lognormal(2.2, 1.3, products)[:, None] * size * sites / 4.0
    weekly = weekly * draw.lognormal(0.0, 0.35, (products, sites))
    sd = np.sqrt(weekly) * draw.uniform(1.0, 2.0, (products, 1))
    lead = draw.integers(4, 22, products)
    wanted = weekly * (lead / 7.0)[:, None]
    total = wanted.sum(axis=1) * draw.uniform(0.67, 1.33, products)
    shares = draw.dirichlet(np.full(sites, 1.2), products)
    stock = np.floor(total[:, None] * (0.4 * shares + 0.6 * wanted / wanted.sum(axis=1)[:, None]))
    moving = wanted.sum(axis=0)
    rows = {"product_id": np.repeat(ids, sites), "site_id": names * products}
    tables = {
        "products": facts,
        "sites": pd.DataFrame(
            {"site_id": names, "kind": "warehouse", "name": names, "status": "open",
             "lon": place[:, 0], "lat": place[:, 1],
             "storage_m3": np.ceil(volume @ stock * draw.uniform(1.01, 1.4, sites)),
             "inbound_units_per_day": np.ceil(moving * draw.uniform(0.05, 0.3, sites)),
             "outbound_units_per_day": np.ceil(
                 weekly.sum(axis=0) / 7.0 + moving * draw.uniform(0.05, 0.3, sites)
             ),
             "handling_cost_per_unit": np.round(draw.uniform(0.2, 0.6, sites), 2)}
        ),
        "inventory": pd.DataFrame(rows | {"on_hand": stock.ravel()}),
        "suppliers": pd.DataFrame({"supplier_id": ["S"], "name": ["Supplier"]}),
        "supplier_products": pd.DataFrame(
            {"supplier_id": "S", "product_id": ids, "unit_cost": cost,
             "lead_time_mean_days": lead.astype(float)}
        ),
        "forecasts": _forecasts(rows, weekly, sd),
        "lanes": _lanes(names, km, draw),
        **_deliveries(names, km, draw),
        **_orders(ids, weekly.sum(axis=1), orders, draw),
    }  # fmt: skip
    settings = Settings.model_validate(
        {"name": f"positions-{products}x{sites}-{seed}", "currency": "CNY", "timezone": "UTC",
         "start_date": START, "bucket": "week", "horizon_buckets": WEEKS}
    )  # fmt: skip
    return Scenario(settings, tables)


def _forecasts(rows: dict[str, object], weekly: np.ndarray, sd: np.ndarray) -> pd.DataFrame:
    parts = []
    for week in range(WEEKS):
        bucket = pd.Timestamp(START) + pd.Timedelta(weeks=week)
        for quantile, qty in ((np.nan, weekly), (0.9, weekly + Z90 * sd)):
            parts.append(
                pd.DataFrame(
                    {"product_id": rows["product_id"], "location_id": rows["site_id"],
                     "bucket": bucket, "quantile": quantile, "qty": qty.ravel()}
                )
            )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _lanes(names: list[str], km: np.ndarray, draw: np.random.Generator) -> pd.DataFrame:
    count = len(names)
    pairs = [(i, j) for i in range(count) for j in range(count) if i != j]
    return pd.DataFrame(
        [
            {"origin_id": names[i], "destination_id": names[j], "mode": "road",
             "transit_mean_days": float(np.ceil(km[i, j] / 700.0)), "distance_km": km[i, j],
             "cost_per_shipment": round(60.0 + 1.4 * km[i, j], 2), "shipment_kg": 1500.0,
             "shipment_m3": 10.0, "cost_per_kg": round(float(draw.uniform(0.02, 0.1)), 3),
             "capacity_kg_per_day": float(draw.choice([3000.0, 6000.0, 15000.0]))}
            for i, j in pairs
        ]
    )  # fmt: skip


def _deliveries(
    names: list[str], km: np.ndarray, draw: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return zones beside the warehouses that serve them, and what parcels cost."""
    zones, serves, rates = [], [], []
    for at, name in enumerate(names):
        for part in range(ZONES_PER_SITE):
            zone = f"Z{at:02d}{part}"
            zones.append({"zone_id": zone, "name": zone, "promise_days": 3.0})
            serves.append({"zone_id": zone, "site_id": name})
            for origin, source in enumerate(names):
                far = float(km[origin, at] + draw.uniform(10.0, 80.0))
                rates.append(
                    {"carrier_id": "C", "service": "std", "origin": source, "destination": zone,
                     "max_weight_kg": 50.0, "base": round(3.0 + far / 250.0, 2), "included_kg": 1.0,
                     "step_kg": 1.0, "per_kg": round(0.6 + far / 1500.0, 2),
                     "promise_days": float(np.ceil(far / 600.0))}
                )  # fmt: skip
    return {
        "zones": pd.DataFrame(zones),
        "zone_sites": pd.DataFrame(serves),
        "carriers": pd.DataFrame({"carrier_id": ["C"], "kind": ["third_party"]}),
        "carrier_rates": pd.DataFrame(rates),
    }


def _orders(
    ids: list[str], demand: np.ndarray, orders: int, draw: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return orders of one to four products; half of the products have one that goes with them."""
    count = len(ids)
    partner = draw.permutation(count)
    lines = []
    size = 1 + draw.binomial(3, 0.25, orders)
    first = draw.choice(count, orders, p=demand / demand.sum())
    for order in range(orders):
        chosen = {int(first[order])}
        if size[order] > 1 and first[order] % 2 == 0:
            chosen.add(int(partner[first[order]]))
        while len(chosen) < size[order]:
            chosen.add(int(draw.integers(count)))
        lines += [(f"O{order}", str(at), ids[product]) for at, product in enumerate(sorted(chosen))]
    table = pd.DataFrame(lines, columns=["order_id", "line_id", "product_id"]).assign(qty=1.0)
    names = [f"O{order}" for order in range(orders)]
    placed = pd.Timestamp(START) - pd.Timedelta(days=1)
    heads = pd.DataFrame({"order_id": names, "zone_id": "Z000", "placed_at": placed})
    return {"orders": heads, "order_lines": table}
