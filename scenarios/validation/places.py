"""Rules on where things are: latitude and longitude, and the lanes between places."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.distance import great_circle_m
from scenarios.gazetteer import candidates
from scenarios.validation.facts import Facts
from scenarios.validation.notice import error, warning

PLACED = ("sites", "zones", "suppliers", "orders", "vehicle_states")
ZERO_DEG = 0.01  # nearer to 0,0 than about a kilometre: an export of blanks
FAR_M = 3_000_000.0  # farther from the middle of all places than this looks wrong ...
NEAR_M = 1_500_000.0  # ... when the mirrored place is nearer than that
CITY_M = 200_000.0  # farther from a city than this is not that city
SLACK = 0.95  # measured roads may be rounded below the great circle by so much
MIDDLE_PLACES = 4  # a middle of fewer says little

LAT_LON_SWAPPED = error(
    "lat_lon_swapped",
    "Latitude and longitude are swapped.",
    "lat {lat} cannot be, and the other way round it can: swap lat and lon",
)
LAT_LON_OUT_OF_RANGE = error(
    "lat_lon_out_of_range",
    "A latitude or longitude is not on the globe.",
    "lat is from -90 to 90 and lon from -180 to 180, in degrees",
)
LAT_LON_LOOK_SWAPPED = warning(
    "lat_lon_look_swapped",
    "A place lies far from where it should be, and near it with lat and lon swapped.",
    "{far} km from {place}, {near} km with lat and lon swapped: check them",
)
AT_ZERO_ZERO = error(
    "at_zero_zero",
    "A place lies at 0,0, in the sea off Africa.",
    "write the real lat and lon, or leave both blank",
)
HALF_A_PLACE = error(
    "half_a_place", "One of lat and lon is blank.", "fill in both or leave both blank"
)
PLACE_UNKNOWN = warning(
    "place_unknown",
    "A site or zone has no place.",
    "write lat and lon{city}: distances from and to it are not known",
)
ORDER_WITHOUT_PLACE = warning(
    "order_without_place",
    "An order says neither its zone nor its lat and lon.",
    "write zone_id, or lat and lon: it cannot be sent",
)
FAR_FROM_ITS_CITY = warning(
    "far_from_its_city",
    "A place lies far from the city that it names.",
    "{far} km from {city}: check lat and lon, or the city",
)
LANE_TO_ITSELF = warning(
    "lane_to_itself", "A lane ends where it begins.", "correct destination_id or delete the row"
)
SHORTER_THAN_STRAIGHT = warning(
    "shorter_than_straight",
    "A distance is shorter than the straight line.",
    "the straight line is {straight} km: check the unit, or the places of both ends",
)


def _lat_lon(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return frame["lat"].to_numpy(np.float64), frame["lon"].to_numpy(np.float64)


def check_lat_lon(facts: Facts) -> None:
    """Places lie on the globe, not at 0,0, and have both coordinates or none."""
    for name in PLACED:
        if not facts.has(name):
            continue
        lat, lon = _lat_lon(facts.table(name))
        off = (np.abs(lat) > 90) | (np.abs(lon) > 180)
        swapped = off & (np.abs(lat) <= 180) & (np.abs(lon) <= 90)
        if swapped.any():
            facts.note(LAT_LON_SWAPPED, name, "lat", swapped, lat=lat[swapped])
        if (off & ~swapped).any():
            column = "lat" if (np.abs(lat[off & ~swapped]) > 90).any() else "lon"
            facts.note(LAT_LON_OUT_OF_RANGE, name, column, off & ~swapped)
        zero = (np.abs(lat) < ZERO_DEG) & (np.abs(lon) < ZERO_DEG)
        if zero.any():
            facts.note(AT_ZERO_ZERO, name, "lat", zero)
        for missing, column in (
            (np.isnan(lat) & ~np.isnan(lon), "lat"),
            (np.isnan(lon) & ~np.isnan(lat), "lon"),
        ):
            if missing.any():
                facts.note(HALF_A_PLACE, name, column, missing)


def check_mirrored(facts: Facts) -> None:
    """No place lies far from all others that would lie near them when mirrored."""
    lats, lons = zip(*(_lat_lon(facts.table(name)) for name in PLACED), strict=True)
    lat, lon = np.concatenate(lats), np.concatenate(lons)
    good = (np.abs(lat) <= 90) & (np.abs(lon) <= 180)
    good &= ~((np.abs(lat) < ZERO_DEG) & (np.abs(lon) < ZERO_DEG))
    if good.sum() < MIDDLE_PLACES:
        return
    middle = np.array([np.median(lon[good]), np.median(lat[good])])
    for name in PLACED:
        frame = facts.table(name)
        lat, lon = _lat_lon(frame)
        able = (np.abs(lat) <= 90) & (np.abs(lon) <= 90)
        if "city" in frame:
            able &= frame["city"].isna().to_numpy()  # a city says more: see check_cities
        far = great_circle_m(middle, np.column_stack([lon, lat]))
        near = great_circle_m(middle, np.column_stack([lat, lon]))
        wrong = able & (far > FAR_M) & (near < NEAR_M)
        if wrong.any():
            terms = {"far": np.rint(far[wrong] / 1000), "near": np.rint(near[wrong] / 1000)}
            place = "the middle of all places"
            facts.note(LAT_LON_LOOK_SWAPPED, name, "lat", wrong, place=place, **terms)


def check_cities(facts: Facts) -> None:
    """Sites and zones lie near the city that they name."""
    for name in ("sites", "zones"):
        frame = facts.table(name)
        lat, lon = _lat_lon(frame)
        able = (np.abs(lat) <= 90) & (np.abs(lon) <= 180) & frame["city"].notna().to_numpy()
        far, near = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
        for city in frame["city"][able].unique():
            found = candidates(city)
            if not found:
                continue
            there = np.array([[place.lon, place.lat] for place in found])
            at = np.flatnonzero(able & (frame["city"] == city).to_numpy())
            here = np.column_stack([lon[at], lat[at]])
            far[at] = great_circle_m(here[:, None, :], there[None, :, :]).min(axis=1)
            near[at] = great_circle_m(here[:, None, ::-1], there[None, :, :]).min(axis=1)
        wrong = far > CITY_M
        swapped = wrong & (near < CITY_M / 2) & (np.abs(lon) <= 90)
        for notice, bad in ((LAT_LON_LOOK_SWAPPED, swapped), (FAR_FROM_ITS_CITY, wrong & ~swapped)):
            if bad.any():
                cities = frame["city"].array[bad]
                kilometres = {"far": np.rint(far[bad] / 1000), "near": np.rint(near[bad] / 1000)}
                facts.note(notice, name, "lat", bad, city=cities, place=cities, **kilometres)


def check_placed(facts: Facts) -> None:
    """Sites, zones and orders can be found on the map."""
    for name in ("sites", "zones"):
        frame = facts.table(name)
        lost = (frame["lat"].isna() & frame["lon"].isna()).to_numpy()
        found = {city: bool(candidates(city)) for city in frame["city"][lost].dropna().unique()}
        lost = lost & ~frame["city"].map(found).eq(True).to_numpy()
        if lost.any():
            told = [
                f" (the city {city} is not in the gazetteer)" if isinstance(city, str) else ""
                for city in frame["city"].array[lost]
            ]
            facts.note(PLACE_UNKNOWN, name, "lat", lost, city=told)
    orders = facts.table("orders")
    lost = orders["zone_id"].isna() & (orders["lat"].isna() | orders["lon"].isna())
    lost &= facts.filled("orders")["status"] == "accepted"
    if lost.any():
        facts.note(ORDER_WITHOUT_PLACE, "orders", "zone_id", lost.to_numpy())


def check_lanes(facts: Facts) -> None:
    """Lanes lead somewhere else and are no shorter than the straight line."""
    lanes = facts.table("lanes")
    itself = (lanes["origin_id"] == lanes["destination_id"]).to_numpy()
    if itself.any():
        facts.note(LANE_TO_ITSELF, "lanes", "destination_id", itself)
    for table, unit_m in (("lanes", 1000.0), ("distances", 1.0)):
        frame = facts.table(table)
        column = "distance_km" if table == "lanes" else "distance_m"
        stated = frame[column].to_numpy(np.float64) * unit_m
        ends = [place_of(facts, frame[end]) for end in ("origin_id", "destination_id")]
        straight = great_circle_m(*ends)
        short = stated < SLACK * straight
        short &= (frame["origin_id"] != frame["destination_id"]).to_numpy()
        if short.any():
            kilometres = np.rint(straight[short] / 100.0) / 10.0
            facts.note(SHORTER_THAN_STRAIGHT, table, column, short, straight=kilometres)


def place_of(facts: Facts, ids: pd.Series) -> NDArray[np.float64]:
    """Return (n, 2) longitude and latitude of sites, zones and suppliers by id; NaN: unknown."""
    place = np.full((len(ids), 2), np.nan)
    for name, key in (("suppliers", "supplier_id"), ("zones", "zone_id"), ("sites", "site_id")):
        for axis, column in enumerate(("lon", "lat")):
            found = facts.attribute(name, key, column).reindex(ids).to_numpy(np.float64)
            place[:, axis] = np.where(np.isnan(found), place[:, axis], found)
    return place


RULES = (check_lat_lon, check_mirrored, check_cities, check_placed, check_lanes)
