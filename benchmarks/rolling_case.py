"""Draws a scenario for the rolling plan from a seed: weekly budgets, storage and minimums bind."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from scenarios import Scenario
from scenarios.settings import Settings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = dt.date(2026, 3, 2)  # a Monday
Z90 = 1.2815515655446004
REVIEW_DAYS = 7
BUDGET_RANGE = (0.85, 1.05)  # of the week's mean demand at cost, week by week
STORAGE_WEEKS = (2.4, 8.0)  # of mean demand, sites in turn
MINIMUM_RANGE = (0.2, 0.9)  # of the median week's value of a supplier at a site


@dataclass(frozen=True, slots=True)
class _Draw:
    """Random numbers by product-location, and those that they are taken from by product."""

    product: Ints
    site: Ints
    supplier: Ints
    cost: Floats
    volume: Floats
    lead: Ints
    mean: Floats
    high: Floats
    multiple: Ints
    moq: Ints
    on_hand: Ints
    on_order: Ints
    due_days: Ints
    shortage: Floats


def rolling_case(items: int, sites: int, weeks: int, seed: int) -> Scenario:
    """Return a scenario of `items` product-locations with a forecast of `weeks` weeks.

    A random assortment at each site, one supplier a product with a lead time of 3 to 34 days,
    demand with a season of 13 weeks, intermittent tails, stock for 0.4 to 1.2 of the protection
    interval. Each week has a budget; every other site is short of storage; every supplier asks
    for a least order value per site.
    """
    draw = _draw(items, sites, weeks, seed)
    return Scenario(_settings(items, sites, weeks, seed), _tables(draw, sites, seed))


def _draw(items: int, sites: int, weeks: int, seed: int) -> _Draw:
    rng = np.random.default_rng(seed)
    n_suppliers = int(np.clip(items // 2500, 4, 400))
    n_products = max(int(np.ceil(1.4 * items / sites)), 1)
    cell = np.sort(rng.choice(n_products * sites, items, replace=False))
    product, site = np.divmod(cell, sites)
    weight = 1.0 / np.arange(1, n_suppliers + 1) ** 0.7
    supplier = rng.choice(n_suppliers, n_products, p=weight / weight.sum())
    lead = rng.integers(3, 35, n_suppliers)[supplier]
    cost = np.round(np.maximum(rng.lognormal(2.0, 0.8, n_products), 0.2), 2)
    volume = np.round(np.maximum(rng.lognormal(-4.6, 0.7, n_products), 1e-4), 5)
    speed = rng.lognormal(0.6, 1.0, n_products)
    size = rng.lognormal(0.0, 0.3, sites)
    level = speed[product] * size[site] * rng.lognormal(0.0, 0.5, items)
    phase = rng.uniform(0.0, 2.0 * np.pi, n_products)[product]
    season = 1.0 + 0.3 * np.sin(phase[:, None] + 2.0 * np.pi * np.arange(weeks) / 13.0)
    mean = np.round(np.maximum(level[:, None] * season, 0.01), 3)
    spread = 0.35 + 0.9 / np.sqrt(level + 0.25)
    high = np.round(mean * (1.0 + Z90 * spread[:, None]), 3)
    multiple = rng.choice((1, 4, 6, 12, 24), n_products, p=(0.35, 0.15, 0.2, 0.2, 0.1))
    multiple = np.where(multiple > 5.0 * np.maximum(speed, 0.25), 1, multiple)
    moq = multiple * rng.choice((0, 1, 2), n_products, p=(0.6, 0.2, 0.2))
    cover = (REVIEW_DAYS + lead[product]) / 7.0
    stock = np.round(level * cover * rng.uniform(0.4, 1.2, items)).astype(np.int64)
    part = np.where(rng.random(items) < 0.4, rng.uniform(0.2, 0.7, items), 0.0)
    on_order = np.round(stock * part).astype(np.int64)
    return _Draw(
        product, site, supplier, cost, volume, lead, mean, high, multiple, moq,
        on_hand=stock - on_order,
        on_order=on_order,
        due_days=1 + np.floor(rng.random(items) * lead[product]).astype(np.int64),
        shortage=np.round(0.4 * cost[product] * rng.uniform(0.5, 1.5, items), 4),
    )  # fmt: skip


def _settings(items: int, sites: int, weeks: int, seed: int) -> Settings:
    return Settings(
        name=f"rolling-{items}-{sites}-{weeks}-{seed}",
        currency="EUR",
        timezone="UTC",
        start_date=START,
        bucket="week",
        horizon_buckets=weeks,
        seed=seed,
    )


def _tables(draw: _Draw, sites: int, seed: int) -> dict[str, pd.DataFrame]:
    n_suppliers = int(draw.supplier.max()) + 1
    products = _names("P", len(draw.cost), 6)
    places, suppliers = _names("S", sites, 3), _names("V", n_suppliers, 4)
    at = {"site_id": places.take(draw.site), "product_id": products.take(draw.product)}
    from_supplier = suppliers.take(draw.supplier[draw.product])
    cost, volume = draw.cost[draw.product], draw.volume[draw.product]
    weekly = draw.mean.mean(axis=1)
    group = draw.supplier[draw.product] * sites + draw.site
    value = np.bincount(group, weekly * cost, n_suppliers * sites)
    rng = np.random.default_rng([seed, 1])
    minimum = np.round(np.median(value[value > 0.0]) * rng.uniform(*MINIMUM_RANGE, len(value)), 2)
    storage = np.bincount(draw.site, weekly * volume, sites) * np.resize(STORAGE_WEEKS, sites)
    budget = (draw.mean * cost[:, None]).sum(axis=0)
    budget = np.round(budget * rng.uniform(*BUDGET_RANGE, len(budget)), 2)
    coming = np.flatnonzero(draw.on_order)
    start = pd.Timestamp(START)
    lead = draw.lead[draw.product]
    due = start + pd.to_timedelta(draw.due_days[coming], unit="D")
    return {
        "products": pd.DataFrame(
            {
                "product_id": products,
                "name": products,
                "unit_cost": draw.cost,
                "unit_price": np.round(1.7 * draw.cost, 2),
                "weight_kg": np.round(200.0 * draw.volume, 4),
                "volume_m3": draw.volume,
            }
        ),
        "sites": pd.DataFrame(
            {
                "site_id": places,
                "kind": "warehouse",
                "name": places,
                "status": "open",
                "storage_m3": np.round(storage, 3),
            }
        ),
        "suppliers": pd.DataFrame({"supplier_id": suppliers, "name": suppliers}),
        "supplier_products": pd.DataFrame(
            {
                "supplier_id": from_supplier,
                **at,
                "unit_cost": cost,
                "lead_time_mean_days": lead.astype(np.float64),
                "moq": draw.moq[draw.product],
                "order_multiple": draw.multiple[draw.product],
                "min_order_value": minimum[group],
            }
        ),
        "inventory": pd.DataFrame({**at, "on_hand": draw.on_hand}),
        "inventory_policies": pd.DataFrame(
            {
                **at,
                "policy": "base_stock",
                "review_days": REVIEW_DAYS,
                "shortage_cost": draw.shortage,
                "holding_cost_per_unit_day": np.round(0.25 * cost / 365.0 + 0.4 * volume, 6),
            }
        ),
        "open_orders": pd.DataFrame(
            {
                "order_id": _names("O", len(coming), 7),
                "line": 1,
                "kind": "purchase",
                "source_id": from_supplier.take(coming),
                "site_id": at["site_id"].take(coming),
                "product_id": at["product_id"].take(coming),
                "qty": draw.on_order[coming],
                "ordered_on": due - pd.to_timedelta(lead[coming], unit="D"),
                "due_on": due,
            }
        ),
        "limits": pd.DataFrame(
            {
                "limit_id": [f"budget-{week:02d}" for week in range(len(budget))],
                "kind": "budget",
                "scope": "all",
                "bucket": start + pd.to_timedelta(7 * np.arange(len(budget)), unit="D"),
                "sense": "<=",
                "value": budget,
                "hard": True,
            }
        ),
        "forecasts": _forecasts(draw, at, start),
    }


def _forecasts(
    draw: _Draw, at: dict[str, pd.api.extensions.ExtensionArray], start: pd.Timestamp
) -> pd.DataFrame:
    """Return the mean and the 0.9 quantile of every week."""
    items, weeks = draw.mean.shape
    row = np.tile(np.arange(items), 2 * weeks)
    days = start + pd.to_timedelta(7 * np.arange(weeks), unit="D")
    return pd.DataFrame(
        {
            "product_id": at["product_id"].take(row),
            "location_id": at["site_id"].take(row),
            "bucket": np.tile(np.repeat(days.to_numpy("datetime64[ms]"), items), 2),
            "quantile": np.repeat([np.nan, 0.9], items * weeks),
            "qty": np.concatenate([draw.mean.T.ravel(), draw.high.T.ravel()]),
        }
    )


def _names(prefix: str, count: int, digits: int) -> pd.api.extensions.ExtensionArray:
    listed = pa.array([f"{prefix}{number:0{digits}d}" for number in range(count)])
    return pd.array(listed, dtype=pd.StringDtype(storage="pyarrow", na_value=np.nan))
