"""Zones, who serves them, carriers, their rates and the vans: assumed, on Brunel's figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.distance import DETOUR, great_circle_m
from scenarios.importers.online_retail import figures
from scenarios.importers.online_retail.countries import (
    EUROPE,
    HOME_COUNTRY,
    LONDON,
    LONDON_ZONE,
    NATIONAL,
    country,
)
from scenarios.importers.online_retail.figures import pounds
from scenarios.importers.online_retail.lanes import PLACES
from scenarios.importers.online_retail.places import LONDON_LAT, LONDON_LON
from scenarios.importers.online_retail.sales import Sales, known_countries

VANS, PARCELS, PALLETS = "OWN-VANS", "PARCEL-POST", "PALLET-NET"


@dataclass(frozen=True, slots=True)
class Band:
    """Prices and times by road distance from the site to the zone.

    Attributes
    ----------
    most_km : great circle x 1.3, up to which the band holds
    parcel, pallet : (base pounds, kg in the base, pounds per further kg, days)
    promise_days : what customers of a zone so far from its site are promised
    """

    most_km: float
    parcel: tuple[float, float, float, float]
    pallet: tuple[float, float, float, float]
    promise_days: float
    parcel_g_co2e: float
    pallet_g_co2e: float


_PARCEL, _PALLET = pounds(figures.AIR_MINIMUM_USD_P50), pounds(figures.GROUND_MINIMUM_USD_P50)
_FAR = pounds(figures.AIR_MINIMUM_USD_P90)
BANDS = (
    Band(
        900.0,
        (_PARCEL, 5.0, pounds(figures.RATE_USD_PER_KG_P25), 1.0),
        (_PALLET, 30.0, pounds(figures.RATE_USD_PER_KG_P10), 2.0),
        3.0, 600.0, 9_000.0,
    ),
    Band(
        1_800.0,
        (_PARCEL, 2.0, pounds(figures.RATE_USD_PER_KG_P50), 3.0),
        (2 * _PALLET, 30.0, pounds(figures.RATE_USD_PER_KG_P25), 4.0),
        6.0, 1_500.0, 25_000.0,
    ),
    Band(
        5_000.0,
        (_FAR, 2.0, pounds(figures.RATE_USD_PER_KG_P75), 4.0),
        (3 * _PALLET, 30.0, pounds(figures.RATE_USD_PER_KG_P50), 6.0),
        8.0, 5_000.0, 60_000.0,
    ),
    Band(
        np.inf,
        (_FAR, 0.5, pounds(figures.RATE_USD_PER_KG_P90), 5.0),
        (4 * _PALLET, 30.0, pounds(figures.RATE_USD_PER_KG_P75), 8.0),
        12.0, 40_000.0, 400_000.0,
    ),
)  # fmt: skip
PARCEL_MOST_KG, PALLET_MOST_KG, VAN_MOST_KG = 30.0, 2_500.0, 900.0
VOLUMETRIC_KG_PER_M3 = 200.0
VAN_BASE, VAN_INCLUDED_KG, VAN_PER_KG = 2.5, 20.0, 0.03
VANS_PARCELS_PER_DAY = 45.0


def build_zones(sales: Sales) -> pd.DataFrame:
    """Return the `zones` table: a zone per country that bought, and London."""
    rows = []
    for name in known_countries(sales):
        place = country(name)
        days = band_of(place.site_id, place.lat, place.lon).promise_days
        rows.append((place.zone_id, name, place.lat, place.lon, place.city, place.region, days))
        if name == HOME_COUNTRY:
            days = BANDS[0].promise_days
            rows.append(
                (LONDON_ZONE, "London", LONDON_LAT, LONDON_LON, "London", place.region, days)
            )
    frame = pd.DataFrame(
        rows, columns=["zone_id", "name", "lat", "lon", "city", "region", "promise_days"]
    )
    return frame.assign(city=frame["city"].where(frame["city"] != ""))


def build_zone_sites(sales: Sales) -> pd.DataFrame:
    """Return the `zone_sites` table: every zone is served by one site."""
    rows = []
    for name in known_countries(sales):
        place = country(name)
        rows.append((place.zone_id, place.site_id, 100.0))
        if name == HOME_COUNTRY:
            rows.append((LONDON_ZONE, LONDON, 100.0))
    return pd.DataFrame(rows, columns=["zone_id", "site_id", "share_pct"])


def band_of(site_id: str, lat: float, lon: float) -> Band:
    """Return the band of a place seen from a site; a place that is not known lies overseas."""
    if np.isnan(lat) or np.isnan(lon):
        return BANDS[-1]
    _, site_lat, site_lon, _, _ = PLACES[site_id]
    metres = DETOUR * float(great_circle_m(np.array([site_lon, site_lat]), np.array([lon, lat])))
    return next(band for band in BANDS if metres / 1000.0 <= band.most_km)


def build_carriers(sales: Sales) -> pd.DataFrame:
    """Return the `carriers` table; the parcel carrier's limit is twice an ordinary busy day."""
    per_day = sales.lines.groupby("day")["invoice"].nunique()
    busy = float(np.ceil(2.0 * per_day.quantile(0.95) / 10.0) * 10.0)
    return pd.DataFrame(
        {
            "carrier_id": [VANS, PARCELS, PALLETS],
            "kind": ["own", "third_party", "shared"],
            "capacity_per_day": [VANS_PARCELS_PER_DAY, busy, np.nan],
            "on_time_rate": [0.985, 0.96, 0.94],
            "damage_rate": [0.002, 0.006, 0.004],
        }
    )


def build_carrier_rates(zones: pd.DataFrame) -> pd.DataFrame:
    """Return the `carrier_rates` table: parcels and pallets from each site to its zones.

    The national warehouse ships everywhere, the European one to Europe and the British Isles,
    London's depot within the United Kingdom, with its own vans in London alone.
    """
    rows = []
    for zone in zones.itertuples(index=False):
        sites = [NATIONAL]
        if zone.region != "Overseas":
            sites.append(EUROPE)
        if zone.zone_id in ("GB", LONDON_ZONE):
            sites.append(LONDON)
        for site in sites:
            band = band_of(site, float(zone.lat), float(zone.lon))
            for carrier, most, rate, co2e in (
                (PARCELS, PARCEL_MOST_KG, band.parcel, band.parcel_g_co2e),
                (PALLETS, PALLET_MOST_KG, band.pallet, band.pallet_g_co2e),
            ):
                service = "parcel" if carrier == PARCELS else "pallet"
                rows.append((carrier, service, site, zone.zone_id, most, *rate, co2e))
            if (site, zone.zone_id) == (LONDON, LONDON_ZONE):
                rate = (VAN_BASE, VAN_INCLUDED_KG, VAN_PER_KG, 0.0)
                rows.append((VANS, "van", site, zone.zone_id, VAN_MOST_KG, *rate, 0.0))
    frame = pd.DataFrame(
        rows,
        columns=[
            "carrier_id",
            "service",
            "origin",
            "destination",
            "max_weight_kg",
            "base",
            "included_kg",
            "per_kg",
            "promise_days",
            "g_co2e_per_parcel",
        ],
    )
    parcel = frame["carrier_id"] == PARCELS
    return frame.assign(
        step_kg=np.where(parcel, 1.0, np.nan),
        volumetric_kg_per_m3=np.where(parcel, VOLUMETRIC_KG_PER_M3, 0.0),
        cutoff_time=np.where(frame["carrier_id"] == VANS, "07:00", "16:00"),
    )


def build_vehicles() -> pd.DataFrame:
    """Return the `vehicles` table: vans and a lorry at London's depot."""
    return pd.DataFrame(
        {
            "vehicle_type": ["van-3.5t", "lorry-7.5t"],
            "depot_id": [LONDON, LONDON],
            "count": [4.0, 1.0],
            "carrier_id": [VANS, VANS],
            "max_trips": [1.0, 1.0],
            "capacity_kg": [1_100.0, 2_600.0],
            "capacity_m3": [10.0, 32.0],
            "max_stops": [30.0, 30.0],
            "shift_start": ["07:30", "07:00"],
            "shift_end": ["17:30", "17:00"],
            "fixed_cost": [55.0, 110.0],
            "cost_per_km": [0.28, 0.52],
            "cost_per_hour": [13.0, 15.0],
            "speed_km_h": [24.0, 21.0],
            "g_co2e_per_km": [240.0, 520.0],
        }
    )
