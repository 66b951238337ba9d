"""Small random shops for the benchmark of what-if: every rule is switched on now and then."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.settings import Settings

START = dt.date(2026, 10, 12)
WEEKS = 4
LATITUDE, LONGITUDE = 51.5, -0.1  # of the first site; all places lie within a day's drive
Rows = list[dict[str, object]]


def random_shop(seed: int) -> Scenario:
    """Return two or three sites, two suppliers, two zones, some products and up to eight orders."""
    rng = np.random.default_rng(seed)
    products = [f"P{number}" for number in range(int(rng.integers(2, 5)))]
    sites = [f"W{number}" for number in range(int(rng.integers(2, 4)))]
    rows: dict[str, Rows] = {
        **_goods(rng, products, sites),
        **_places(rng, sites),
        **_stock(rng, products, sites),
        **_orders(rng, products, sites),
    }
    settings = Settings(
        name=f"random shop {seed}",
        currency="GBP",
        timezone="Europe/London",
        start_date=START,
        bucket="week",
        horizon_buckets=WEEKS,
        shortage_rule=str(rng.choice(["lost", "backorder"])),  # type: ignore[arg-type]
        co2_price_per_tonne=float(rng.choice([0.0, 100.0])),
        seed=seed,
    )
    return Scenario(settings, {name: pd.DataFrame(table) for name, table in rows.items() if table})


def random_stores(seed: int) -> Scenario:
    """Return two to four sites with stock in the wrong places, lanes between them, no order yet."""
    rng = np.random.default_rng(seed)
    products = [f"P{number}" for number in range(int(rng.integers(3, 9)))]
    sites = [f"W{number}" for number in range(int(rng.integers(2, 5)))]
    trucks = rng.random() < 0.15  # that cost something by themselves
    lanes: Rows = [
        {"origin_id": origin, "destination_id": goal, "mode": mode, "transit_mean_days": transit,
         "distance_km": float(rng.uniform(20, 400)), "cost_per_unit": float(rng.uniform(0.0, 1.0)),
         "cost_per_kg": float(rng.uniform(0.0, 0.3)),
         "cost_per_shipment": float(rng.uniform(1, 8)) if trucks else 0.0,
         "shipment_kg": 80.0 if trucks else np.nan,
         "capacity_kg_per_day": float(rng.choice([np.nan, 40.0, 120.0]))}
        for origin in sites for goal in sites if origin != goal
        for mode, transit in (("road", float(rng.integers(1, 3))), ("rail", 4.0))
        if rng.random() < (0.85 if mode == "road" else 0.15)
    ]  # fmt: skip
    forecasts: Rows = []
    for product in products:
        for site in sites:
            mean, sd = float(rng.uniform(2, 40)), float(rng.uniform(1, 9))
            for week in range(WEEKS):
                cells = {"product_id": product, "location_id": site,
                         "bucket": START + dt.timedelta(weeks=week)}  # fmt: skip
                forecasts.append(cells | {"qty": mean})
                forecasts.append(cells | {"qty": mean + 1.2815515655446004 * sd, "quantile": 0.9})
    pairs = [(site, product) for site in sites for product in products]
    rows: dict[str, Rows] = {
        "products": [
            {"product_id": product, "name": product, "unit_cost": 3.0,
             "unit_price": float(rng.integers(6, 16)), "weight_kg": float(rng.integers(1, 5)),
             "volume_m3": 0.005}
            for product in products
        ],
        "suppliers": [{"supplier_id": "V0", "name": "V0", "lat": 51.0, "lon": -1.0}],
        "supplier_products": [
            {"supplier_id": "V0", "product_id": product, "unit_cost": 3.0, "priority": 1,
             "lead_time_mean_days": float(rng.integers(3, 20)), "lead_time_sd_days": 1.0,
             "order_multiple": 1.0, "moq": 0.0}
            for product in products
        ],
        "sites": [
            {"site_id": site, "kind": "warehouse", "name": site, "lat": LATITUDE + 0.4 * number,
             "lon": LONGITUDE, "status": "open", "storage_m3": float(rng.choice([2.0, 30.0])),
             "outbound_units_per_day": float(rng.choice([200.0, 999.0])),
             "inbound_units_per_day": 999.0, "handling_cost_per_unit": 0.2}
            for number, site in enumerate(sites)
        ],
        "lanes": lanes,
        "forecasts": forecasts,
        "inventory": [
            {"site_id": site, "product_id": product,
             "on_hand": float(rng.integers(0, 12) if rng.random() < 0.6 else rng.integers(20, 90))}
            for site, product in pairs
        ],
        "inventory_policies": [
            {"site_id": site, "product_id": product, "policy": "base_stock", "review_days": 7.0,
             "shortage_cost": float(rng.uniform(1, 9)),
             "holding_cost_per_unit_day": float(rng.uniform(0.005, 0.05))}
            for site, product in pairs
        ],
    }  # fmt: skip
    settings = Settings(
        name=f"random stores {seed}",
        currency="GBP",
        timezone="Europe/London",
        start_date=START,
        bucket="week",
        horizon_buckets=WEEKS,
        co2_price_per_tonne=float(rng.choice([0.0, 100.0])),
        seed=seed,
    )
    return Scenario(settings, {name: pd.DataFrame(table) for name, table in rows.items() if table})


def _goods(rng: np.random.Generator, products: list[str], sites: list[str]) -> dict[str, Rows]:
    """Return products, suppliers and what they ask."""
    offers, breaks = [], []
    for supplier in ("V0", "V1"):
        order_cost, least = float(rng.uniform(0, 8)), float(rng.choice([0.0, 15.0, 30.0]))
        for product in products:
            if supplier == "V1" and rng.random() < 0.3:
                continue
            price, multiple = float(rng.uniform(1, 6)), float(rng.choice([1, 2, 5, 6]))
            offers.append(
                {"supplier_id": supplier, "product_id": product, "unit_cost": round(price, 2),
                 "duty_pct": float(rng.choice([0.0, 10.0])), "order_cost": round(order_cost, 2),
                 "lead_time_mean_days": float(rng.integers(2, 10)),
                 "lead_time_sd_days": float(rng.choice([0.0, 1.5])),
                 "moq": multiple * float(rng.integers(0, 4)), "order_multiple": multiple,
                 "capacity_per_week": float(rng.choice([30.0, 60.0, np.nan])),
                 "min_order_value": least, "fill_rate": float(rng.choice([1.0, 0.9])),
                 "priority": 1 if supplier == "V0" else 2}
            )  # fmt: skip
            if rng.random() < 0.4:
                breaks.append(
                    {"supplier_id": supplier, "product_id": product, "min_qty": 4.0 * multiple,
                     "unit_cost": round(0.92 * price, 2),
                     "kind": str(rng.choice(["all_units", "incremental"]))}
                )  # fmt: skip
    return {
        "products": [
            {"product_id": product, "name": product, "unit_cost": 3.0,
             "unit_price": float(rng.integers(6, 16)), "weight_kg": float(rng.integers(1, 5)),
             "volume_m3": 0.005, "unserved_penalty": float(rng.integers(3, 20))}
            for product in products
        ],
        "suppliers": [
            {"supplier_id": name, "name": name, "lat": 51.0, "lon": -1.0} for name in ("V0", "V1")
        ],
        "supplier_products": offers,
        "price_breaks": breaks,
        "limits": [
            {"limit_id": "CASH", "kind": "budget", "scope": "all", "sense": "<=", "hard": True,
             "value": float(rng.uniform(150, 600))}
        ] if rng.random() < 0.6 else [],
    }  # fmt: skip


def _places(rng: np.random.Generator, sites: list[str]) -> dict[str, Rows]:
    """Return sites, zones, lanes, and who sells where."""
    candidate = len(sites) == 3
    lanes: Rows = [
        {"origin_id": supplier, "destination_id": site, "mode": mode, "transit_mean_days": transit,
         "distance_km": 120.0, "cost_per_shipment": float(rng.choice([0.0, 4.0])),
         "cost_per_kg": float(rng.uniform(0.0, 0.2)) * (1.0 if mode == "road" else 2.0),
         "shipment_kg": float(rng.choice([40.0, 200.0]))}
        for supplier in ("V0", "V1") for site in sites
        for mode, transit in (("road", 1.0), ("rail", 2.0)) if rng.random() < 0.6
    ]  # fmt: skip
    lanes += [
        {"origin_id": site, "destination_id": zone, "mode": "parcel", "transit_mean_days": 1.0,
         "distance_km": float(rng.uniform(5, 90)), "cost_per_unit": float(rng.uniform(0.5, 4.0))}
        for site in sites for zone in ("Z0", "Z1")
    ]  # fmt: skip
    return {
        "sites": [
            {"site_id": site, "kind": "warehouse", "name": site,
             "lat": LATITUDE + 0.15 * number, "lon": LONGITUDE,
             "status": "candidate" if candidate and number == 2 else "open",
             "storage_m3": float(rng.choice([0.4, 0.8, 3.0])),
             "outbound_units_per_day": float(rng.choice([6.0, 12.0, 99.0])),
             "inbound_units_per_day": 99.0, "fixed_cost_per_day": float(rng.uniform(1, 6)),
             "opening_cost": 300.0, "closing_cost": 200.0,
             "handling_cost_per_unit": float(rng.choice([0.0, 0.4]))}
            for number, site in enumerate(sites)
        ],
        "zones": [{"zone_id": zone, "name": zone, "promise_days": 3.0} for zone in ("Z0", "Z1")],
        "zone_sites": [
            {"zone_id": zone, "site_id": site, "share_pct": 100.0}
            for zone, site in zip(("Z0", "Z1"), sites, strict=False)
        ],
        "lanes": lanes,
    }  # fmt: skip


def _stock(rng: np.random.Generator, products: list[str], sites: list[str]) -> dict[str, Rows]:
    """Return what is expected to sell, what lies there, and what a unit short costs."""
    forecasts: Rows = []
    for product in products:
        for zone in ("Z0", "Z1"):
            mean, sd = float(rng.uniform(1, 14)), float(rng.uniform(0, 4))
            for week in range(WEEKS):
                cells = {"product_id": product, "location_id": zone,
                         "bucket": START + dt.timedelta(weeks=week)}  # fmt: skip
                forecasts.append(cells | {"qty": mean})
                forecasts.append(cells | {"qty": mean + 1.2815515655446004 * sd, "quantile": 0.9})
    pairs = [(site, product) for site in sites[:2] for product in products]
    return {
        "forecasts": forecasts,
        "inventory": [
            {"site_id": site, "product_id": product, "on_hand": float(rng.integers(0, 14))}
            for site, product in pairs
        ],
        "inventory_policies": [
            {"site_id": site, "product_id": product, "policy": "base_stock", "review_days": 7.0,
             "shortage_cost": float(rng.uniform(0.5, 6)),
             "holding_cost_per_unit_day": float(rng.uniform(0.005, 0.05))}
            for site, product in pairs
        ],
    }  # fmt: skip


def _orders(rng: np.random.Generator, products: list[str], sites: list[str]) -> dict[str, Rows]:
    """Return orders, who carries them, and the vans."""
    orders, lines = [], []
    for number in range(int(rng.integers(3, 9))):
        name = f"O{number}"
        orders.append(
            {"order_id": name, "kind": "delivery", "status": "accepted",
             "zone_id": str(rng.choice(["Z0", "Z1"])), "placed_at": pd.Timestamp(START),
             "lat": LATITUDE + float(rng.uniform(-0.1, 0.3)),
             "lon": LONGITUDE + float(rng.uniform(-0.15, 0.15)),
             "allow_split": bool(rng.random() < 0.7), "service_s": 120.0,
             "prize": float(rng.uniform(3, 25)) if rng.random() < 0.3 else np.nan}
        )  # fmt: skip
        count = int(rng.integers(1, min(3, len(products)) + 1))
        for place, product in enumerate(rng.choice(products, count, replace=False)):
            lines.append(
                {"order_id": name, "line_id": str(place + 1), "product_id": str(product),
                 "qty": float(rng.integers(1, 4))}
            )  # fmt: skip
    rates: Rows = [
        {"carrier_id": carrier, "service": "s", "origin": site, "destination": zone,
         "max_weight_kg": most, "base": float(rng.uniform(1, 8)), "per_kg": per_kg,
         "included_kg": 1.0, "step_kg": 0.5, "promise_days": 1.0, "g_co2e_per_parcel": 400.0}
        for carrier in ("OWN", "POST") for site in sites[:2] for zone in ("Z0", "Z1")
        for most, per_kg in ((5.0, 0.8), (30.0, 0.5)) if rng.random() < 0.85
    ]  # fmt: skip
    vans: Rows = [
        {"vehicle_type": "van", "depot_id": site, "carrier_id": "OWN", "count": 2.0,
         "capacity_kg": float(rng.choice([15.0, 60.0])), "shift_start": "08:00",
         "shift_end": "18:00", "fixed_cost": float(rng.uniform(2, 12)), "cost_per_km": 0.4,
         "cost_per_hour": 12.0, "speed_km_h": 36.0, "g_co2e_per_km": 200.0}
        for site in sites[:2]
    ]  # fmt: skip
    return {
        "orders": orders,
        "order_lines": lines,
        "carriers": [
            {"carrier_id": "OWN", "kind": "own"},
            {"carrier_id": "POST", "kind": "third_party",
             "capacity_per_day": float(rng.integers(2, 9))},
        ],
        "carrier_rates": rates,
        "vehicles": vans,
    }  # fmt: skip
