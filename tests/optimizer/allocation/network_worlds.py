"""Small networks whose best design can be worked out by hand or by trying every set of sites."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.settings import Settings

START = dt.date(2026, 10, 12)


def hand_made(
    *,
    demand: Sequence[float] = (70.0, 70.0),
    outbound: float | None = None,
    limits: Sequence[Mapping[str, object]] = (),
    cases: Mapping[str, Sequence[float]] | None = None,
    transit: float = 1.0,
    more: Mapping[str, pd.DataFrame] | None = None,
    penalty: float = 100.0,
    **settings: object,
) -> Scenario:
    """Return two sites and two zones over seven days.

    OLD is open (1 a day), NEW a candidate (2 a day, opening 365 over 5 years: 1.4 over the week).
    Per unit: OLD to NORTH 1, to SOUTH 3; NEW to NORTH 4, to SOUTH 1.
    """
    sites = pd.DataFrame(
        {
            "site_id": ["OLD", "NEW"],
            "kind": "warehouse",
            "name": ["Old", "New"],
            "status": ["open", "candidate"],
            "fixed_cost_per_day": [1.0, 2.0],
            "opening_cost": [0.0, 365.0],
            "closing_cost": [730.0, 0.0],
            "outbound_units_per_day": outbound,
        }
    )
    costs = {
        ("OLD", "NORTH"): 1.0,
        ("OLD", "SOUTH"): 3.0,
        ("NEW", "NORTH"): 4.0,
        ("NEW", "SOUTH"): 1.0,
    }
    lanes = pd.DataFrame(
        [
            {"origin_id": a, "destination_id": b, "mode": "road", "transit_mean_days": transit,
             "cost_per_unit": cost, "distance_km": 100.0}
            for (a, b), cost in costs.items()
        ]
    )  # fmt: skip
    wanted = cases or {"": demand}
    forecasts = pd.DataFrame(
        [
            {"product_id": "TEA", "location_id": zone, "bucket": START, "qty": qty,
             "demand_case": case or None}
            for case, units in wanted.items()
            for zone, qty in zip(("NORTH", "SOUTH"), units, strict=True)
        ]
    )  # fmt: skip
    tables = {
        "products": pd.DataFrame(
            {"product_id": ["TEA"], "name": ["Tea"], "unit_cost": [2.0], "unit_price": [penalty],
             "weight_kg": [1.0], "volume_m3": [0.01]}
        ),
        "sites": sites,
        "zones": pd.DataFrame(
            {"zone_id": ["NORTH", "SOUTH"], "name": ["N", "S"], "promise_days": [2.0, 2.0]}
        ),
        "lanes": lanes,
        "forecasts": forecasts,
    }  # fmt: skip
    if cases:
        tables["demand_cases"] = pd.DataFrame(
            {"demand_case": list(cases), "probability": [1.0 / len(cases)] * len(cases)}
        )
    if limits:
        tables["limits"] = pd.DataFrame(list(limits))
    tables |= dict(more or {})
    return Scenario(
        Settings(
            name="two sites",
            currency="EUR",
            timezone="Europe/London",
            start_date=START,
            bucket="week",
            horizon_buckets=1,
            **settings,  # type: ignore[arg-type]
        ),
        tables,
    )


def random_network(seed: int, n_sites: int = 4, n_zones: int = 5, n_products: int = 2) -> Scenario:
    """Return suppliers, candidate and open sites, two modes to each zone, limits that bind."""
    rng = np.random.default_rng(seed)
    products = [f"P{at}" for at in range(n_products)]
    sites = [f"W{at}" for at in range(n_sites)]
    zones = [f"Z{at}" for at in range(n_zones)]
    suppliers = ("V0", "V1")
    lanes = [
        {"origin_id": site, "destination_id": zone, "mode": mode,
         "transit_mean_days": float(rng.uniform(0.5, 3.5)),
         "cost_per_kg": float(rng.uniform(0.2, 3)),
         "distance_km": float(rng.uniform(20, 900))}
        for site in sites for zone in zones for mode in ("road", "air")
    ]  # fmt: skip
    lanes += [
        {"origin_id": supplier, "destination_id": site, "mode": "road", "transit_mean_days": 2.0,
         "cost_per_kg": float(rng.uniform(0.05, 0.3)), "distance_km": 500.0}
        for supplier in suppliers for site in sites
    ]  # fmt: skip
    tables = {
        "products": pd.DataFrame(
            {"product_id": products, "name": products, "unit_cost": 5.0, "unit_price": 60.0,
             "weight_kg": rng.uniform(0.2, 3, n_products), "volume_m3": 0.01}
        ),
        "suppliers": pd.DataFrame({"supplier_id": suppliers, "name": suppliers}),
        "supplier_products": pd.DataFrame(
            [
                {"supplier_id": supplier, "product_id": product, "lead_time_mean_days": 5.0,
                 "unit_cost": float(rng.uniform(2, 9)),
                 "capacity_per_week": float(rng.uniform(100, 400))}
                for supplier in suppliers for product in products
            ]
        ),
        "sites": pd.DataFrame(
            {"site_id": sites, "kind": "warehouse", "name": sites,
             "status": ["open", "open", *["candidate"] * (n_sites - 2)],
             "outbound_units_per_day": rng.uniform(15, 60, n_sites),
             "fixed_cost_per_day": rng.uniform(5, 60, n_sites),
             "opening_cost": rng.uniform(1e3, 1e4, n_sites),
             "closing_cost": rng.uniform(1e2, 1e3, n_sites),
             "handling_cost_per_unit": rng.uniform(0.2, 0.6, n_sites)}
        ),
        "zones": pd.DataFrame({"zone_id": zones, "name": zones, "promise_days": 3.0}),
        "lanes": pd.DataFrame(lanes),
        "forecasts": pd.DataFrame(
            [
                {"product_id": product, "location_id": zone, "bucket": START,
                 "qty": float(rng.integers(0, 60))}
                for zone in zones for product in products
            ]
        ),
        "inventory": pd.DataFrame(
            [
                {"site_id": site, "product_id": product, "on_hand": 100.0}
                for site in sites[:2] for product in products
            ]
        ),
    }  # fmt: skip
    return Scenario(
        Settings(
            name="random network",
            currency="EUR",
            timezone="Europe/London",
            start_date=START,
            bucket="week",
            horizon_buckets=2,
            co2_price_per_tonne=80.0,
        ),
        tables,
    )


def with_weeks(
    scenario: Scenario, units: Mapping[str, Sequence[float]], **settings: object
) -> Scenario:
    """Return a scenario whose demand of TEA is stated week by week, the horizon as long."""
    weeks = len(next(iter(units.values())))
    rows = [
        {"product_id": "TEA", "location_id": zone, "bucket": START + dt.timedelta(weeks=week),
         "qty": qty}
        for zone, of_zone in units.items() for week, qty in enumerate(of_zone)
    ]  # fmt: skip
    changed = scenario.settings.model_copy(update={"horizon_buckets": weeks, **settings})
    return Scenario(changed, {**scenario.tables, "forecasts": pd.DataFrame(rows)})


def supplied(capacity_per_week: float, life_days: float | None = None) -> Scenario:
    """Return the two sites, with tea bought at 2 a unit from a supplier that makes so many."""
    base = hand_made()
    return hand_made(
        more={
            "products": base.table("products").assign(shelf_life_days=life_days),
            "suppliers": pd.DataFrame({"supplier_id": ["GARDEN"], "name": ["Garden"]}),
            "supplier_products": pd.DataFrame(
                {"supplier_id": ["GARDEN"], "product_id": ["TEA"], "lead_time_mean_days": [5.0],
                 "unit_cost": [2.0], "capacity_per_week": [capacity_per_week]}
            ),
        }
    )  # fmt: skip


def seasonal_network(
    seed: int, weeks: int = 3, n_sites: int = 4, n_zones: int = 5, **settings: object
) -> Scenario:
    """Return a random network in which each product has a season of its own.

    The two suppliers together make 1.2 times the mean week of a product.
    """
    base = random_network(seed, n_sites, n_zones)
    rng = np.random.default_rng(1000 + seed)
    means = base.table("forecasts")[["product_id", "location_id", "qty"]]
    season = {
        product: rng.dirichlet(np.ones(weeks)) * weeks for product in means["product_id"].unique()
    }
    rows = [
        means.assign(
            bucket=START + dt.timedelta(weeks=week),
            qty=means["qty"] * means["product_id"].map({p: s[week] for p, s in season.items()}),
        )
        for week in range(weeks)
    ]
    offers = base.table("supplier_products")
    weekly = means.groupby("product_id")["qty"].sum()
    offers = offers.assign(capacity_per_week=0.6 * offers["product_id"].map(weekly))
    changed = base.settings.model_copy(update={"horizon_buckets": weeks, **settings})
    forecasts = pd.concat(rows, ignore_index=True)
    return Scenario(changed, {**base.tables, "forecasts": forecasts, "supplier_products": offers})
