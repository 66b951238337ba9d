"""Who sells what to the regional warehouses, at which terms, and how punctual they were."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.demand import Demand
from scenarios.library.double_eleven.festivals import START
from scenarios.library.double_eleven.places import MAKERS, WAREHOUSES, Maker, road_km
from scenarios.library.double_eleven.streams import between, gamma_days, stream

REGIONAL = tuple(site for site in WAREHOUSES if not site.parent)
IMPORTER = "S12"


def suppliers() -> pd.DataFrame:
    """Return the twelve suppliers."""
    return pd.DataFrame(
        [
            {
                "supplier_id": maker.code,
                "name": maker.name,
                "lat": maker.lat,
                "lon": maker.lon,
                "region": maker.region,
                "currency": "USD" if maker.code == IMPORTER else "CNY",
                "calendar_id": "休周日" if maker.code in ("S02", "S06", "S09", "S10") else None,
                "payment_days": maker.payment_days,
                "credit_score": maker.credit,
                "recovery_days": maker.recovery_days,
            }
            for maker in MAKERS
        ]
    )


def calendars() -> pd.DataFrame:
    """Return the days off: Sundays, for the suppliers that keep them."""
    days = [START - dt.timedelta(days=14) + dt.timedelta(days=day) for day in range(140)]
    rows = [("休周日", day, False) for day in days if day.isoweekday() == 7]
    return pd.DataFrame(
        [(name, pd.Timestamp(day), open_) for name, day, open_ in rows],
        columns=["calendar_id", "date", "is_working"],
    )


def supplier_products(seed: int, catalogue: Catalogue, demand: Demand) -> pd.DataFrame:
    """Return one to three sources of every product at both regional warehouses."""
    rng = stream(seed, "supplier_products")
    facts = catalogue.products
    weekly = regional_need(catalogue, demand)
    rows = []
    for at, product in enumerate(facts.to_dict("records")):
        if product["category"] == "礼盒":
            continue
        makers = [maker for maker in MAKERS if product["category"] in maker.categories]
        order = [makers[int(place)] for place in rng.permutation(len(makers))]
        if order[0].code == IMPORTER and len(order) > 1:
            order[0], order[1] = order[1], order[0]
        wanted = 1 + int(rng.random() < 0.5) + int(rng.random() < 0.15)
        for rank, maker in enumerate(order[:wanted]):
            rows += _offers(rng, maker, rank, product, weekly[at])
    return pd.DataFrame(rows)


def regional_need(catalogue: Catalogue, demand: Demand) -> dict[int, dict[str, float]]:
    """Return units a week that each regional warehouse ships itself or feeds to its cities."""
    need: dict[int, dict[str, float]] = {
        at: {site.code: 0.0 for site in REGIONAL} for at in range(len(catalogue.products))
    }
    for at, site_at, rate in zip(demand.product_at, demand.site_at, demand.rate, strict=True):
        site = WAREHOUSES[site_at]
        need[int(at)][site.parent or site.code] += float(rate)
    return need


def _offers(
    rng: np.random.Generator,
    maker: Maker,
    rank: int,
    product: dict[str, Any],
    weekly: dict[str, float],
) -> list[dict[str, object]]:
    """Return one supplier's offer of one product to each regional warehouse."""
    case, cost = product["case_qty"], product["unit_cost"]
    factor = 1.0 if rank == 0 else 1.02 + 0.09 * round(rng.random(), 2)
    speed = 1.0 if rank == 0 else 0.6 + 0.4 * round(rng.random(), 2)
    cv = min(0.8, max(0.2, maker.variation + 0.2 * (round(rng.random(), 2) - 0.5)))
    cases = float(rng.integers(1, 4))
    limited = rng.random() < 0.5
    slack = 1.5 + 2.0 * round(rng.random(), 2)
    fill = 1.0 if rng.random() < 0.7 else 0.95
    rows: list[dict[str, object]] = []
    for site in REGIONAL:
        kilometres = road_km((maker.lat, maker.lon), (site.lat, site.lon))
        sea = maker.code == IMPORTER
        days = round(maker.lead_days * speed) + (0 if sea else round(kilometres / 800.0))
        need = weekly[site.code]
        rows.append(
            {
                "supplier_id": maker.code,
                "product_id": product["product_id"],
                "site_id": site.code,
                "unit_cost": round(cost * factor, 2),
                "duty_pct": 8.0 if sea else 0.0,
                "order_cost": maker.order_cost,
                "lead_time_mean_days": float(max(days, 2)),
                "lead_time_sd_days": round(max(days, 2) * cv, 1),
                "moq": case * cases,
                "order_multiple": case,
                "capacity_per_week": _capacity(need * slack, case) if limited else np.nan,
                "min_order_value": maker.min_order_value,
                "fill_rate": fill,
                "defect_rate": 0.01 if product["category"] in ("服饰", "数码") else 0.0,
                "order_weekdays": maker.weekdays or None,
                "priority": float(rank + 1),
                "index_id": "USDCNY" if sea else ("铜价" if maker.code == "S08" else None),
                "index_share_pct": 90.0 if sea else (15.0 if maker.code == "S08" else 0.0),
            }
        )
    return rows


def _capacity(units: float, case: float) -> float:
    """Return a weekly capacity in whole cases, four at least."""
    return max(4.0, float(np.ceil(units / case))) * case


def price_breaks(seed: int, offers: pd.DataFrame) -> pd.DataFrame:
    """Return two steps for a third of those offers whose capacity is limited at every site."""
    rng = stream(seed, "price_breaks")
    limited = offers[offers["capacity_per_week"].notna()]
    rows = []
    pairs = limited.groupby(["supplier_id", "product_id"], sort=True)
    for (supplier, product), part in pairs:
        if rng.random() > 0.33:
            continue
        case, cost = float(part["order_multiple"].iloc[0]), float(part["unit_cost"].iloc[0])
        least = max(float(part["moq"].max()), case)
        kind = "all_units" if rng.random() < 0.75 else "incremental"
        for step, (times, cut) in enumerate(((3.0, 0.03), (8.0, 0.06))):
            units = max(float(np.ceil(least * times / case)) * case, case * (step + 2))
            rows.append((supplier, product, units, round(cost * (1.0 - cut), 2), kind))
    columns = ["supplier_id", "product_id", "min_qty", "unit_cost", "kind"]
    return pd.DataFrame(rows, columns=columns)


def indices() -> pd.DataFrame:
    """Return the exchange rate and the copper price month by month, illustrative figures."""
    dollars = (7.12, 7.18, 7.25, 7.28, 7.27, 7.26, 7.29, 7.22, 7.19, 7.17, 7.16, 7.13, 7.12,
               7.10, 7.08, 7.05, 7.02, 7.01, 6.98, 6.97, 6.99, 7.01, 7.03, 7.02)  # fmt: skip
    copper = (76.5, 75.2, 74.3, 75.8, 77.1, 79.6, 77.4, 78.2, 79.9, 78.8, 79.2, 80.4, 83.1,
              86.5, 88.2, 91.7, 95.4, 97.0, 94.8, 96.1, 98.3, 97.5, 99.2, 101.3)  # fmt: skip
    months = pd.period_range("2024-11", periods=24, freq="M").to_timestamp()
    rows = [("USDCNY", month, value) for month, value in zip(months, dollars, strict=True)]
    rows += [("铜价", month, value) for month, value in zip(months, copper, strict=True)]
    frame = pd.DataFrame(rows, columns=["index_id", "date", "value"])
    frame["date"] = frame["date"].astype("datetime64[ms]")
    return frame[frame["date"] < pd.Timestamp(START)].reset_index(drop=True)


def receipts(seed: int, offers: pd.DataFrame, count: int = 900) -> pd.DataFrame:
    """Return a year of deliveries whose lead times follow the terms' mean and variation."""
    rng = stream(seed, "receipts")
    chosen = offers.iloc[rng.integers(0, len(offers), count)].reset_index(drop=True)
    mean = chosen["lead_time_mean_days"].to_numpy()
    cv = chosen["lead_time_sd_days"].to_numpy() / mean
    taken = np.maximum(gamma_days(rng, mean, cv), 1.0)
    days = np.sort(rng.integers(0, 330, count))
    ordered = np.datetime64("2025-09-22") + days.astype("timedelta64[D]")
    cases = rng.integers(2, 25, count).astype(np.float64)
    qty = cases * chosen["order_multiple"].to_numpy()
    short = rng.random(count) < np.where(chosen["fill_rate"].to_numpy() < 1.0, 0.4, 0.03)
    received = np.where(short, np.floor(qty * between(rng, 0.7, 0.95, count)), qty)
    bad = rng.random(count) < 0.06
    rejected = np.where(bad, np.ceil(received * between(rng, 0.01, 0.08, count)), 0.0)
    frame = pd.DataFrame(
        {
            "order_id": [f"PO25{number:05d}" for number in range(count)],
            "line": "1",
            "supplier_id": chosen["supplier_id"],
            "product_id": chosen["product_id"],
            "site_id": chosen["site_id"],
            "qty_ordered": qty,
            "qty_received": received,
            "qty_rejected": rejected,
            "ordered_on": ordered.astype("datetime64[ms]"),
            "promised_on": (ordered + np.ceil(mean).astype("timedelta64[D]")).astype(
                "datetime64[ms]"
            ),
            "received_on": (ordered + taken.astype("timedelta64[D]")).astype("datetime64[ms]"),
        }
    )
    return frame[frame["received_on"] < pd.Timestamp(START)].reset_index(drop=True)
