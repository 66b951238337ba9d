"""Warehouses, cities, the ways between them, carriers and vans."""

# ruff: noqa: E501 - rows of facts
from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.places import (
    CITIES,
    MAKERS,
    WAREHOUSES,
    City,
    Warehouse,
    road_km,
    serving_site,
)

OWN, THIRD_PARTY, CROWD = "ZYCD", "SDKD", "LLZB"
SAME_DAY = {("C1", "Z01"), ("R1", "Z01"), ("R1", "Z11"), ("C2", "Z02")}
CROWD_SITES = {"C1": "Z01", "C2": "Z02", "C3": "Z05", "C4": "Z07", "C5": "Z08"}
REMOTE = ("Z27", "Z29", "Z30")


def _km(site: Warehouse, city: City) -> float:
    return road_km((site.lat, site.lon), (city.lat, city.lon))


def _parcel_days(kilometres: float, remote: bool) -> float:
    """Return the days that a parcel takes by road."""
    days = 1 + sum(kilometres > limit for limit in (120, 800, 1700))
    return float(days + (1 if remote else 0))


def sites(storage: dict[str, float]) -> pd.DataFrame:
    """Return the warehouses; storage in m3 by site."""
    rows = []
    for site in WAREHOUSES:
        regional = not site.parent
        rows.append(
            {
                "site_id": site.code,
                "kind": "warehouse",
                "name": site.name,
                "lat": site.lat,
                "lon": site.lon,
                "city": site.city,
                "region": site.region,
                "status": "open",
                "storage_m3": storage[site.code],
                "inbound_units_per_day": 12000.0 if regional else 4000.0,
                "outbound_units_per_day": 4000.0
                if regional
                else (480.0 if site.code == "C1" else 900.0),
                "fixed_cost_per_day": 9000.0 if regional else 2600.0,
                "handling_cost_per_unit": 0.9 if regional else 1.2,
                "recovery_days": 21.0 if regional else 10.0,
            }
        )
    return pd.DataFrame(rows)


def zones() -> pd.DataFrame:
    """Return the thirty cities; the promise is what a parcel from the serving site needs."""
    by_code = {site.code: site for site in WAREHOUSES}
    rows = []
    for city in CITIES:
        days = _parcel_days(_km(by_code[serving_site(city)], city), city.code in REMOTE)
        rows.append(
            {
                "zone_id": city.code,
                "name": city.name,
                "lat": city.lat,
                "lon": city.lon,
                "city": city.name,
                "region": city.region,
                "population": round(city.millions * 1_000_000),
                "promise_days": days + (1.0 if city.millions < 12 else 0.0),
            }
        )
    return pd.DataFrame(rows)


def zone_sites() -> pd.DataFrame:
    """Return which warehouse serves each city: the nearest, with the regional one behind it."""
    rows = [(city.code, serving_site(city), 100.0) for city in CITIES]
    return pd.DataFrame(rows, columns=["zone_id", "site_id", "share_pct"])


def item_sources() -> pd.DataFrame:
    """Return what feeds the city warehouses: their regional warehouse, then the other one."""
    rows = []
    for site in WAREHOUSES:
        if site.parent:
            other = "R2" if site.parent == "R1" else "R1"
            rows += [(site.code, site.parent, 1.0), (site.code, other, 2.0)]
    return pd.DataFrame(rows, columns=["site_id", "source_id", "priority"])


def lanes() -> pd.DataFrame:
    """Return trucks and trains between warehouses, the importer's ships, parcels to cities."""
    rows: list[dict[str, object]] = []
    for origin in WAREHOUSES:
        if not origin.parent:
            for end in WAREHOUSES:
                if end.code != origin.code:
                    rows += _trunk(origin, end)
    importer = next(maker for maker in MAKERS if maker.code == "S12")
    for code, kilometres, days in (("R1", 1050.0, 5.0), ("R2", 2450.0, 8.0)):
        rows.append(
            _lane(importer.code, code, "sea", days, round(days * 0.35, 1), kilometres)
            | {"cost_per_shipment": 900.0, "cost_per_m3": 95.0, "shipment_m3": 28.0,
               "shipment_kg": 20000.0, "recovery_days": 14.0}
        )  # fmt: skip
    for site in WAREHOUSES:
        for city in CITIES:
            kilometres = _km(site, city)
            days = _parcel_days(kilometres, city.code in REMOTE)
            base, per_kg = _tariff(kilometres, city.code in REMOTE)
            rows.append(
                _lane(site.code, city.code, "parcel", days, round(0.25 * days, 2), kilometres)
                | {"cost_per_shipment": base, "cost_per_kg": per_kg, "recovery_days": 2.0}
            )
    return pd.DataFrame(rows)


def _lane(
    origin: str, end: str, mode: str, days: float, spread: float, kilometres: float
) -> dict[str, object]:
    return {
        "origin_id": origin,
        "destination_id": end,
        "mode": mode,
        "transit_mean_days": days,
        "transit_sd_days": spread,
        "distance_km": kilometres,
    }


def _trunk(origin: Warehouse, end: Warehouse) -> list[dict[str, object]]:
    """Return the truck, and on long ways the slower and cheaper train."""
    kilometres = road_km((origin.lat, origin.lon), (end.lat, end.lon))
    days = 1.0 + np.floor(kilometres / 700.0)
    truck = _lane(origin.code, end.code, "road", days, round(0.2 * days, 2), kilometres) | {
        "cost_per_shipment": round(200.0 + 5.6 * kilometres),
        "shipment_kg": 9000.0,
        "shipment_m3": 52.0,
        "capacity_kg_per_day": 45000.0,
        "g_co2e_per_tkm": 98.0,
        "recovery_days": 3.0,
    }
    if kilometres < 1000:
        return [truck]
    train = _lane(origin.code, end.code, "rail", days + 2.0, 1.0, kilometres) | {
        "cost_per_shipment": round(600.0 + 2.2 * kilometres),
        "shipment_kg": 21000.0,
        "shipment_m3": 66.0,
        "min_fill_pct": 30.0,
        "g_co2e_per_tkm": 22.0,
        "recovery_days": 5.0,
    }
    return [truck, train]


def _tariff(kilometres: float, remote: bool) -> tuple[float, float]:
    """Return what a parcel of one kg costs, and every further kg."""
    if remote:
        return 12.0, 8.0
    for limit, base, per_kg in ((120, 5.0, 1.2), (800, 6.5, 2.0), (1700, 8.0, 3.6)):
        if kilometres <= limit:
            return base, per_kg
    return 9.5, 5.0


def carriers() -> pd.DataFrame:
    """Return own vans, a parcel service and crowd riders."""
    return pd.DataFrame(
        [
            (OWN, "own", 320.0, np.nan, 0.97, 0.002),
            (THIRD_PARTY, "third_party", 6000.0, np.nan, 0.93, 0.006),
            (CROWD, "crowd", 60.0, 0.85, 0.9, 0.01),
        ],
        columns=[
            "carrier_id", "kind", "capacity_per_day", "acceptance_probability", "on_time_rate",
            "damage_rate",
        ],
    )  # fmt: skip


def carrier_rates() -> pd.DataFrame:
    """Return what parcels cost by carrier, service and way."""
    rows: list[dict[str, object]] = []
    for site in WAREHOUSES:
        for city in CITIES:
            kilometres, remote = _km(site, city), city.code in REMOTE
            days = _parcel_days(kilometres, remote)
            base, per_kg = _tariff(kilometres, remote)
            way: dict[str, object] = {"origin": site.code, "destination": city.code}
            parcel: dict[str, object] = {
                "volumetric_kg_per_m3": 167.0,
                "step_kg": 1.0,
                "included_kg": 1.0,
            }
            rows.append(
                way | parcel | {
                    "carrier_id": THIRD_PARTY, "service": "标快", "max_weight_kg": 30.0, "base": base,
                    "per_kg": per_kg, "cutoff_time": "18:00", "promise_days": days,
                    "g_co2e_per_parcel": round(90.0 + 0.35 * kilometres),
                }
            )  # fmt: skip
            rows.append(
                way | parcel | {
                    "carrier_id": THIRD_PARTY, "service": "重货", "max_weight_kg": 80.0,
                    "base": 26.0 + base, "included_kg": 20.0, "per_kg": round(0.5 * per_kg, 2),
                    "cutoff_time": "16:00", "promise_days": days + 1.0,
                    "g_co2e_per_parcel": round(400.0 + 1.6 * kilometres),
                }
            )  # fmt: skip
            if not site.parent and kilometres > 700 and not remote:
                rows.append(
                    way | parcel | {
                        "carrier_id": THIRD_PARTY, "service": "航空特快", "max_weight_kg": 10.0,
                        "base": 16.0, "per_kg": 10.0, "cutoff_time": "14:00", "promise_days": 1.0,
                        "g_co2e_per_parcel": round(300.0 + 1.4 * kilometres),
                    }
                )  # fmt: skip
            if (site.code, city.code) in SAME_DAY:
                rows.append(
                    way | {
                        "carrier_id": OWN, "service": "当日达", "max_weight_kg": 60.0,
                        "base": 6.5 if site.parent else 8.0, "included_kg": 60.0,
                        "cutoff_time": "09:00", "promise_days": 0.0, "g_co2e_per_parcel": 120.0,
                    }
                )  # fmt: skip
            if CROWD_SITES.get(site.code) == city.code:
                rows.append(
                    way | {
                        "carrier_id": CROWD, "service": "即时送", "max_weight_kg": 8.0, "base": 11.0,
                        "included_kg": 3.0, "step_kg": 1.0, "per_kg": 2.0, "cutoff_time": "20:00",
                        "promise_days": 0.0, "g_co2e_per_parcel": 60.0,
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def vehicles() -> pd.DataFrame:
    """Return the own fleet: electric vans and cargo tricycles at three depots."""
    van = {
        "capacity_kg": 800.0, "capacity_m3": 4.5, "max_stops": 60.0, "shift_start": "08:30",
        "shift_end": "20:30", "max_km": 200.0, "fixed_cost": 180.0, "cost_per_km": 0.65,
        "cost_per_hour": 30.0, "speed_km_h": 28.0, "g_co2e_per_km": 75.0, "skills": "冷链",
    }  # fmt: skip
    trike = {
        "capacity_kg": 180.0, "capacity_m3": 1.3, "max_stops": 40.0, "shift_start": "09:00",
        "shift_end": "19:00", "max_km": 70.0, "fixed_cost": 60.0, "cost_per_km": 0.12,
        "cost_per_hour": 24.0, "speed_km_h": 18.0, "g_co2e_per_km": 15.0,
    }  # fmt: skip
    truck = van | {
        "capacity_kg": 1500.0, "capacity_m3": 9.0, "max_km": 320.0, "fixed_cost": 260.0,
        "cost_per_km": 1.1, "speed_km_h": 40.0, "g_co2e_per_km": 160.0,
    }  # fmt: skip
    fleet = (
        ("电动面包车", "C1", 4.0, van), ("三轮车", "C1", 4.0, trike),
        ("电动面包车", "C2", 4.0, van), ("三轮车", "C2", 4.0, trike),
        ("轻卡", "R1", 2.0, truck),
    )  # fmt: skip
    return pd.DataFrame(
        [
            {"vehicle_type": kind, "depot_id": depot, "count": count, "carrier_id": OWN} | facts
            for kind, depot, count, facts in fleet
        ]
    )


def packagings() -> pd.DataFrame:
    """Return boxes and bags."""
    return pd.DataFrame(
        [
            ("快递袋", 0.006, 3.0, 0.02, 0.18, 60.0),
            ("5号箱", 0.008, 8.0, 0.15, 0.9, 140.0),
            ("3号箱", 0.028, 20.0, 0.4, 2.1, 380.0),
            ("循环箱", 0.055, 30.0, 1.6, 1.5, 45.0),
        ],
        columns=["packaging_id", "volume_m3", "max_kg", "tare_kg", "cost", "g_co2e"],
    )


def work_capacity() -> pd.DataFrame:
    """Return what each warehouse picks and loads by hour, less on Sundays."""
    rows = []
    for site in WAREHOUSES:
        pick = 420.0 if not site.parent else 110.0
        for weekday in range(1, 8):
            for hour in range(8, 21):
                part = (0.6 if weekday == 7 else 1.0) * (0.5 if hour in (12, 18) else 1.0)
                rows.append((site.code, weekday, hour, pick * part, round(0.5 * pick * part)))
    columns = ["site_id", "weekday", "hour", "pick_units", "dock_parcels"]
    return pd.DataFrame(rows, columns=columns)
