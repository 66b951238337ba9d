"""The suppliers, and what each offers at which terms: assumed, on the figures of SCMS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.importers.online_retail.categories import CATEGORIES
from scenarios.importers.online_retail.figures import (
    OCEAN_LATE_SHARE,
    OCEAN_LEAD_TIME_CV,
    TRUCK_LATE_SHARE,
    VENDOR_CV_P25,
    VENDOR_CV_P50,
    VENDOR_LATE_SHARE_P50,
)
from scenarios.importers.online_retail.sales import RECENT_WEEKS, SiteDemand
from scenarios.importers.seeded import uniforms


@dataclass(frozen=True, slots=True)
class Origin:
    """Where goods come from, and the terms that are usual there.

    Attributes
    ----------
    towns : (town, ISO country, lat, lon), one a supplier
    make_days : mean days from order to hand-over to the carrier (to our door without a lane)
    transit_days : mean days of the lane to our sites; None: the supplier delivers, no lane
    cv : of the whole lead time
    transit_variance_share : part of the whole variance that the lane bears
    late_share : deliveries that miss the promised day
    cycle_weeks : weeks between orders in the delivery history
    least_line_value, least_order_value : pounds
    most_line_weeks : a least line is never more than these weeks of sales (one case at least)
    """

    key: str
    region: str
    towns: tuple[tuple[str, str, float, float], ...]
    make_days: float
    transit_days: float | None
    cv: float
    transit_variance_share: float
    late_share: float
    cycle_weeks: int
    order_cost: float
    duty_pct: float
    least_line_value: float
    most_line_weeks: float
    least_order_value: float
    order_weekdays: str | None
    payment_days: float
    recovery_days: float
    fill_rate: tuple[float, float]
    defect_rate: tuple[float, float]

    @property
    def lead_days(self) -> float:
        """Mean days from order to our door."""
        return self.make_days + (self.transit_days or 0.0)


ORIGINS = (
    Origin(
        "CN",
        "East Asia",
        (
            ("Yiwu", "CN", 29.31, 120.08),
            ("Ningbo", "CN", 29.87, 121.54),
            ("Guangzhou", "CN", 23.13, 113.26),
            ("Shantou", "CN", 23.35, 116.68),
            ("Quanzhou", "CN", 24.87, 118.68),
            ("Hanoi", "VN", 21.03, 105.85),
        ),
        28.0, 34.0, OCEAN_LEAD_TIME_CV, 0.1, OCEAN_LATE_SHARE, 4,
        60.0, 4.0, 40.0, 13.0, 750.0, None, 30.0, 60.0, (0.96, 1.0), (0.003, 0.02),
    ),
    Origin(
        "IN",
        "South Asia",
        (
            ("Moradabad", "IN", 28.84, 78.77),
            ("Jaipur", "IN", 26.91, 75.79),
            ("Mumbai", "IN", 19.08, 72.88),
        ),
        26.0, 26.0, OCEAN_LEAD_TIME_CV, 0.1, OCEAN_LATE_SHARE, 4,
        60.0, 4.0, 40.0, 13.0, 750.0, None, 30.0, 45.0, (0.95, 1.0), (0.005, 0.025),
    ),
    Origin(
        "EU",
        "Europe",
        (
            ("Nuremberg", "DE", 49.45, 11.08),
            ("Lyon", "FR", 45.76, 4.84),
            ("Porto", "PT", 41.15, -8.61),
            ("Lodz", "PL", 51.76, 19.46),
            ("Milan", "IT", 45.46, 9.19),
        ),
        11.0, 3.0, VENDOR_CV_P50, 0.1, TRUCK_LATE_SHARE, 3,
        35.0, 0.0, 20.0, 8.0, 300.0, "1,3,5", 45.0, 30.0, (0.97, 1.0), (0.002, 0.01),
    ),
    Origin(
        "UK",
        "British Isles",
        (
            ("Stoke-on-Trent", "GB", 53.02, -2.18),
            ("Birmingham", "GB", 52.48, -1.90),
            ("Manchester", "GB", 53.48, -2.24),
            ("Leeds", "GB", 53.80, -1.55),
            ("Bristol", "GB", 51.46, -2.58),
            ("Norwich", "GB", 52.63, 1.29),
        ),
        6.0, None, VENDOR_CV_P25, 0.0, VENDOR_LATE_SHARE_P50, 2,
        20.0, 0.0, 10.0, 6.0, 120.0, None, 30.0, 21.0, (0.98, 1.0), (0.001, 0.008),
    ),
)  # fmt: skip
CURRENCIES = {"CN": "USD", "VN": "USD", "IN": "USD", "GB": "GBP", "PL": "PLN"}
IMPORTERS = 3  # the first suppliers of the United Kingdom also sell others' goods from stock
SECOND_SOURCE_SHARE = 0.25
SECOND_SOURCE_PREMIUM = 1.18
NEW_YEAR_CALENDAR = "CAL-CN"


def supplier_ids() -> list[tuple[str, Origin, tuple[str, str, float, float]]]:
    """Return (supplier_id, origin, town) of every supplier, in order."""
    return [
        (f"S-{origin.key}-{number:02d}", origin, town)
        for origin in ORIGINS
        for number, town in enumerate(origin.towns, start=1)
    ]


def origin_of(supplier_id: str) -> Origin:
    """Return where a supplier is."""
    return next(origin for origin in ORIGINS if supplier_id.startswith(f"S-{origin.key}-"))


def build_suppliers(seed: int) -> pd.DataFrame:
    """Return the `suppliers` table."""
    listed = supplier_ids()
    ids = [supplier_id for supplier_id, _, _ in listed]
    credit = np.round(60.0 + 35.0 * uniforms(seed, "credit", ids), 0)
    return pd.DataFrame(
        {
            "supplier_id": ids,
            "name": [f"{town[0]} supplier {supplier_id[-2:]}" for supplier_id, _, town in listed],
            "lat": [town[2] for _, _, town in listed],
            "lon": [town[3] for _, _, town in listed],
            "region": [origin.region for _, origin, _ in listed],
            "currency": [CURRENCIES.get(town[1], "EUR") for _, _, town in listed],
            "calendar_id": [NEW_YEAR_CALENDAR if town[1] == "CN" else None for *_, town in listed],
            "payment_days": [origin.payment_days for _, origin, _ in listed],
            "credit_score": credit,
            "recovery_days": [origin.recovery_days for _, origin, _ in listed],
        }
    )


def build_supplier_products(seed: int, products: pd.DataFrame, demand: SiteDemand) -> pd.DataFrame:
    """Return the `supplier_products` table: first sources of all, second sources of some.

    A product's origin is drawn by its category; within the origin a category has a main supplier
    and a second one, and the product draws between them.
    """
    ids = products["product_id"].to_list()
    category = products["category"].to_list()
    edges = {group.name: np.cumsum(group.origins)[:-1] for group in CATEGORIES}
    within = np.stack([edges[name] for name in category])
    draws = uniforms(seed, "origin", ids)
    origin_at = (draws[:, None] >= within).sum(axis=1)
    rank = uniforms(seed, "supplier", ids) >= 0.65
    first, second = [], []
    main = {
        (group, origin.key): int(uniforms(seed, f"main {origin.key}", [group])[0] * 1e9)
        for group in sorted(set(category))
        for origin in ORIGINS
    }
    importer = (uniforms(seed, "importer", ids) * IMPORTERS).astype(np.int64)
    has_second = uniforms(seed, "second source", ids) < SECOND_SOURCE_SHARE
    for row, group in enumerate(category):
        origin = ORIGINS[origin_at[row]]
        number = (main[group, origin.key] + int(rank[row])) % len(origin.towns) + 1
        first.append(f"S-{origin.key}-{number:02d}")
        other = f"S-UK-{importer[row] + 1:02d}"
        second.append(other if has_second[row] and origin.key != "UK" else None)
    recent = demand.bought[:, -RECENT_WEEKS:].mean(axis=1)
    sold = pd.Series(recent, index=pd.Index(demand.pairs["product_id"]))
    weekly = sold.groupby(level=0).sum().reindex(ids).fillna(0.0).to_numpy()
    listed = products.assign(row=np.arange(len(products)), weekly=weekly)
    frame = pd.concat(
        [
            listed.assign(supplier_id=pd.Series(first, dtype="str"), priority=1.0, premium=1.0),
            listed.assign(
                supplier_id=pd.Series(second, dtype="str"),
                priority=2.0,
                premium=SECOND_SOURCE_PREMIUM,
            ),
        ],
        ignore_index=True,
    )
    frame = frame[frame["supplier_id"].notna()].reset_index(drop=True)
    return _terms(seed, frame)


def _terms(seed: int, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with their terms, sorted by supplier and product."""
    origins = [origin_of(supplier_id) for supplier_id in frame["supplier_id"]]
    suppliers = frame["supplier_id"].to_list()

    def of(attribute: str) -> np.ndarray:
        return np.array([getattr(origin, attribute) for origin in origins], np.float64)

    def between(attribute: str, stream: str, whose: list[str]) -> np.ndarray:
        bounds = np.array([getattr(origin, attribute) for origin in origins], np.float64)
        return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) * uniforms(seed, stream, whose)

    make = np.round(of("make_days") * (0.85 + 0.3 * uniforms(seed, "make days", suppliers)), 1)
    transit = np.array([origin.transit_days or 0.0 for origin in origins], np.float64)
    whole_sd = of("cv") * (make + transit)
    sd = np.round(whole_sd * np.sqrt(1.0 - of("transit_variance_share")), 2)
    cost = np.round(frame["unit_cost"].to_numpy() * frame["premium"].to_numpy(), 4)
    case = frame["case_qty"].to_numpy()
    cases = np.ceil(of("least_line_value") / np.maximum(cost, 1e-4) / case)
    most = np.floor(of("most_line_weeks") * frame["weekly"].to_numpy() / case)
    moq = case * np.maximum(1.0, np.minimum(cases, most))
    table = pd.DataFrame(
        {
            "supplier_id": frame["supplier_id"],
            "product_id": frame["product_id"],
            "unit_cost": cost,
            "duty_pct": of("duty_pct"),
            "order_cost": of("order_cost"),
            "lead_time_mean_days": make,
            "lead_time_sd_days": sd,
            "moq": moq,
            "order_multiple": case,
            "min_order_value": of("least_order_value"),
            "fill_rate": np.round(between("fill_rate", "fill rate", suppliers), 3),
            "defect_rate": np.round(between("defect_rate", "defect rate", suppliers), 4),
            "order_weekdays": pd.Series([o.order_weekdays for o in origins], dtype="str"),
            "priority": frame["priority"],
        }
    )
    return table.sort_values(["supplier_id", "product_id"], kind="stable").reset_index(drop=True)
