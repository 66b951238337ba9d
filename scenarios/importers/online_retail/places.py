"""Gives customers in the United Kingdom a place, which the file does not tell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scenarios.importers.online_retail.figures import LONDON_SHARE
from scenarios.importers.seeded import normals, picks, uniforms

KM_PER_DEGREE = 111.2
LONDON_LAT, LONDON_LON, LONDON_SD_KM, LONDON_MOST_KM = 51.507, -0.128, 9.0, 25.0
TOWN_SD_KM, TOWN_MOST_KM = 3.0, 6.0

# name, lat, lon, thousand people (built-up areas, census 2011, rounded)
TOWNS = (
    ("Birmingham", 52.48, -1.90, 2441),
    ("Manchester", 53.48, -2.24, 2553),
    ("Leeds", 53.80, -1.55, 1778),
    ("Glasgow", 55.86, -4.25, 1209),
    ("Newcastle upon Tyne", 54.98, -1.65, 775),
    ("Liverpool", 53.41, -2.94, 864),
    ("Nottingham", 52.95, -1.15, 730),
    ("Sheffield", 53.38, -1.47, 685),
    ("Bristol", 51.46, -2.58, 617),
    ("Leicester", 52.64, -1.13, 509),
    ("Edinburgh", 55.93, -3.20, 483),
    ("Belfast", 54.58, -5.94, 595),
    ("Cardiff", 51.50, -3.19, 447),
    ("Stoke-on-Trent", 53.02, -2.18, 373),
    ("Coventry", 52.41, -1.51, 360),
    ("Reading", 51.45, -0.98, 318),
    ("Derby", 52.92, -1.47, 270),
    ("Plymouth", 50.39, -4.12, 260),
    ("Milton Keynes", 52.04, -0.76, 230),
    ("Northampton", 52.24, -0.89, 216),
    ("Luton", 51.89, -0.42, 258),
    ("Norwich", 52.63, 1.29, 213),
    ("Oxford", 51.75, -1.25, 172),
    ("York", 53.96, -1.08, 154),
    ("Cambridge", 52.20, 0.13, 158),
    ("Exeter", 50.72, -3.53, 118),
    ("Swindon", 51.56, -1.78, 185),
    ("Preston", 53.76, -2.70, 313),
    ("Peterborough", 52.57, -0.25, 164),
    ("Lincoln", 53.23, -0.54, 115),
)


def in_london(seed: int, customers: Sequence[str]) -> NDArray[np.bool_]:
    """Say which customers (n,) live in London: a seeded share of them."""
    result: NDArray[np.bool_] = uniforms(seed, "london", customers) < LONDON_SHARE
    return result


def places(seed: int, customers: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return latitude and longitude (n,) of customers in the United Kingdom, degrees.

    In London: normal around Charing Cross. Elsewhere: in a town drawn by its people, near its
    middle.
    """
    home = in_london(seed, customers)
    town = picks(uniforms(seed, "town", customers), np.array([row[3] for row in TOWNS], np.float64))
    lat = np.where(home, LONDON_LAT, np.array([row[1] for row in TOWNS])[town])
    lon = np.where(home, LONDON_LON, np.array([row[2] for row in TOWNS])[town])
    sd = np.where(home, LONDON_SD_KM, TOWN_SD_KM)
    most = np.where(home, LONDON_MOST_KM, TOWN_MOST_KM)
    north = sd * normals(seed, "north", customers)
    east = sd * normals(seed, "east", customers)
    shrink = np.minimum(1.0, most / np.maximum(np.hypot(north, east), 1e-9))
    lat_there = lat + north * shrink / KM_PER_DEGREE
    lon_there = lon + east * shrink / (KM_PER_DEGREE * np.cos(np.radians(lat)))
    return np.round(lat_there, 5), np.round(lon_there, 5)
