"""Reads the file and builds the scenario: stops, stations, couriers' vehicles."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scenarios.distance import great_circle_m
from scenarios.errors import InputError
from scenarios.findings import Findings, Severity
from scenarios.importers.lade.figures import (
    COURIERS_PER_VAN,
    LOST_PICKUP,
    MOTORCYCLE,
    PARCELS,
    SERVICE_S,
    SHIFT_END,
    SHIFT_START,
    TRICYCLE,
    VAN,
    Vehicle,
)
from scenarios.importers.lade.report import City, ImportReport
from scenarios.importers.lade.source import read_pickups
from scenarios.importers.seeded import picks, uniforms
from scenarios.scenario import Scenario
from scenarios.settings import Settings

SOURCE = "lade"
DEFAULT_YEAR = 2022


@dataclass(frozen=True, slots=True)
class Imported:
    """A scenario made from the file, and what was found in it."""

    scenario: Scenario
    report: ImportReport


def read(path: str | Path, *, seed: int = 0, year: int = DEFAULT_YEAR) -> Scenario:
    """Read a pickup file of LaDe as a scenario.

    Parameters
    ----------
    path : .csv with LaDe's headings
    seed : of the sizes of the parcels; the same seed gives the same content hash
    year : of all dates, which the file does not state

    Raises
    ------
    InputError
        The file cannot be read, is not a pickup file of LaDe, or has no stop with a place.
    """
    return import_file(path, seed=seed, year=year).scenario


def import_file(path: str | Path, *, seed: int = 0, year: int = DEFAULT_YEAR) -> Imported:
    """Read a pickup file of LaDe as a scenario together with a report; see :func:`read`."""
    rows = read_pickups(Path(path), year)
    kept = rows[~rows["order_id"].duplicated()].sort_values("order_id", kind="stable")
    kept = kept.assign(station=[station_id(c, r) for c, r in zip(kept["city"], kept["region_id"])])
    report = _report(len(rows), kept)
    if report.unplaced == len(kept):
        raise InputError(f"{Path(path).name} has no stop with usable coordinates")
    findings = Findings()
    _note(report, findings)
    settings = Settings(
        name="LaDe pickups",
        currency="CNY",
        timezone="Asia/Shanghai",
        start_date=kept["time_window_start"].min().date(),
        bucket="day",
        horizon_buckets=1,
        seed=seed,
    )
    stations = build_stations(kept)
    tables = {
        "products": _build_products(),
        "sites": stations,
        "orders": _build_orders(kept),
        "order_lines": _build_lines(kept, seed),
        "vehicles": build_vehicles(kept, stations),
    }
    return Imported(Scenario(settings, tables, findings), report)


def station_id(city: str, region: str) -> str:
    """Return the site of a region, as in "yantai-016"."""
    return f"{_slug(city)}-{region.zfill(3)}"


def build_stations(pickups: pd.DataFrame) -> pd.DataFrame:
    """Return the `sites` table: a station per region, at its most central stop.

    The stop is one from which the others are nearest on average, so that it stands in a street.
    """
    rows = []
    placed = pickups[pickups["lng"].notna() & pickups["lat"].notna()]
    for station, stops in placed.groupby("station", sort=True):
        lonlat = stops[["lng", "lat"]].to_numpy(np.float64)
        total = great_circle_m(lonlat[:, None, :], lonlat[None, :, :]).sum(axis=1)
        lon, lat = lonlat[int(np.argmin(total))]
        first = stops.iloc[0]
        name = f"{first['city']}, region {first['region_id']}"
        rows.append((station, "cross_dock", name, lat, lon, first["city"], "open"))
    columns = ["site_id", "kind", "name", "lat", "lon", "region", "status"]
    return pd.DataFrame(rows, columns=columns)


def build_vehicles(pickups: pd.DataFrame, stations: pd.DataFrame) -> pd.DataFrame:
    """Return the `vehicles` table: as many as couriers worked, for work in their own city.

    Of a region's couriers half ride tricycles (rounded up), half motorcycles; for every twenty of
    a city there is a van besides, at the station in the middle of the city.
    """
    rows: list[tuple[object, ...]] = []
    for city, here in stations.groupby("region", sort=True):
        lonlat = here[["lon", "lat"]].to_numpy(np.float64)
        middle = np.median(lonlat, axis=0)
        hub = here["site_id"].iloc[int(np.argmin(great_circle_m(lonlat, middle)))]
        mine = pickups[pickups["city"] == city]
        couriers = mine.groupby("station")["courier_id"].nunique()
        rows.append(_vehicles(VAN, hub, max(1, int(couriers.sum()) // COURIERS_PER_VAN), city))
        for station in here["site_id"]:
            count = int(couriers[station])
            rows.append(_vehicles(TRICYCLE, station, -(-count // 2), city))
            if count > 1:
                rows.append(_vehicles(MOTORCYCLE, station, count // 2, city))
    columns = [
        "vehicle_type", "depot_id", "count", "capacity_kg", "capacity_m3", "shift_start",
        "shift_end", "max_km", "fixed_cost", "cost_per_km", "cost_per_hour", "speed_km_h",
        "g_co2e_per_km", "skills",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


# ---- inside ---------------------------------------------------------------------------------


def _slug(city: object) -> str:
    return str(city).lower().replace(" ", "-")


def _vehicles(kind: Vehicle, station: str, count: int, city: object) -> tuple[object, ...]:
    return (
        kind.vehicle_type, station, float(count), kind.capacity_kg, kind.capacity_m3, SHIFT_START,
        SHIFT_END, kind.max_km, kind.fixed_cost, kind.cost_per_km, kind.cost_per_hour,
        kind.speed_km_h, kind.g_co2e_per_km, _slug(city),
    )  # fmt: skip


def _build_products() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "product_id": [size.product_id for size in PARCELS],
            "name": [size.name for size in PARCELS],
            "unit_cost": [0.0] * len(PARCELS),
            "unit_price": [0.0] * len(PARCELS),
            "weight_kg": [size.weight_kg for size in PARCELS],
            "volume_m3": [size.volume_m3 for size in PARCELS],
            "unserved_penalty": [LOST_PICKUP] * len(PARCELS),
        }
    )


def _build_orders(pickups: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "order_id": pickups["order_id"],
            "kind": "pickup",
            "status": "accepted",
            "lat": pickups["lat"],
            "lon": pickups["lng"],
            "placed_at": pickups["accept_time"],
            "due_from": pickups["time_window_start"],
            "due_to": pickups["time_window_end"],
            "service_s": SERVICE_S,
            "skills": [_slug(city) for city in pickups["city"]],
        }
    ).reset_index(drop=True)


def _build_lines(pickups: pd.DataFrame, seed: int) -> pd.DataFrame:
    weights = np.array([size.per_cent for size in PARCELS])
    drawn = picks(uniforms(seed, "parcel", pickups["order_id"]), weights)
    return pd.DataFrame(
        {
            "order_id": pickups["order_id"].to_numpy(),
            "line_id": "1",
            "product_id": [PARCELS[k].product_id for k in drawn],
            "qty": 1.0,
        }
    )


def _report(read_rows: int, kept: pd.DataFrame) -> ImportReport:
    cities = []
    for city, stops in kept.groupby("city", sort=True):
        opens, closes = stops["time_window_start"], stops["time_window_end"]
        cities.append(
            City(
                city=str(city),
                day=f"{stops['day'].min():%Y-%m-%d}",
                stops=len(stops),
                regions=int(stops["region_id"].nunique()),
                couriers=int(stops["courier_id"].nunique()),
                other_days=int((opens.dt.normalize() != stops["day"]).sum()),
                early=int((stops["pickup_time"] < opens).sum()),
                late=int((stops["pickup_time"] > closes).sum()),
            )
        )
    unplaced = int((kept["lng"].isna() | kept["lat"].isna()).sum())
    return ImportReport(read_rows, read_rows - len(kept), unplaced, tuple(cities))


def _note(report: ImportReport, findings: Findings) -> None:
    """Make a finding of what the file shows."""
    told = {
        "repeated_order": (report.repeated, "the first row of each order_id stays"),
        "unplaced_stop": (report.unplaced, "no usable coordinates: no van can come for it"),
        "window_on_another_day": (
            sum(city.other_days for city in report.cities),
            "the window opens on another date than the couriers' day; planned by its window",
        ),
    }
    for code, (count, hint) in told.items():
        if count:
            severity = Severity.WARNING if code == "unplaced_stop" else Severity.INFO
            findings.add(code, severity, hint, table=SOURCE, value=f"{count:,} rows", count=count)
