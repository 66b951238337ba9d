"""Chinese map coordinates to WGS84: GCJ02 (Amap, Tencent, Google China) and BD09 (Baidu).

By law, maps sold in mainland China shift every point by some hundred metres by a fixed
function; unshifted and shifted points on one map put vans into rivers. The functions are public
through their many re-implementations; the constants are those of the Krasovsky 1940 ellipsoid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SEMI_MAJOR_AXIS_M = 6_378_245.0
ECCENTRICITY_SQUARED = 0.00669342162296594323
BAIDU_FACTOR = np.pi * 3000.0 / 180.0
SHIFTED_LON = (72.004, 137.8347)
SHIFTED_LAT = (0.8293, 55.8271)
DECIMALS = 7  # about a centimetre; keeps the same bits on every machine
ROUNDS = 12


def is_shifted(lat: FloatArray, lon: FloatArray) -> NDArray[np.bool_]:
    """Say where the shift applies: a box around China.

    Parameters
    ----------
    lat, lon : (n,) float64, degrees
    """
    inside_lon = (lon >= SHIFTED_LON[0]) & (lon <= SHIFTED_LON[1])
    return inside_lon & (lat >= SHIFTED_LAT[0]) & (lat <= SHIFTED_LAT[1])


def _shift(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return by how much the shift moves WGS84 points: two (n,) float64, degrees."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    common = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    phi = np.radians(lat)
    magic = 1.0 - ECCENTRICITY_SQUARED * np.sin(phi) ** 2
    meridian_m = SEMI_MAJOR_AXIS_M * (1.0 - ECCENTRICITY_SQUARED) / (magic * np.sqrt(magic))
    parallel_m = SEMI_MAJOR_AXIS_M / np.sqrt(magic) * np.cos(phi)
    return np.degrees(north / meridian_m), np.degrees(east / parallel_m)


def wgs84_to_gcj02(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shift points: (n,) float64 degrees in, the same out; outside the box they stay."""
    d_lat, d_lon = _shift(lat, lon)
    inside = is_shifted(lat, lon)
    return np.where(inside, lat + d_lat, lat), np.where(inside, lon + d_lon, lon)


def gcj02_to_wgs84(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Take the shift off again.

    Parameters
    ----------
    lat, lon : (n,) float64, degrees GCJ02; blanks stay blank

    Returns
    -------
    lat, lon : (n,) float64, degrees WGS84 to seven decimals; found by fixed-point iteration,
        which gains about two digits a round
    """
    inside = is_shifted(lat, lon)
    found_lat, found_lon = lat.copy(), lon.copy()
    for _ in range(ROUNDS):
        d_lat, d_lon = _shift(found_lat, found_lon)
        found_lat, found_lon = lat - d_lat, lon - d_lon
    return (
        np.where(inside, np.round(found_lat, DECIMALS), lat),
        np.where(inside, np.round(found_lon, DECIMALS), lon),
    )


def gcj02_to_bd09(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Apply Baidu's second shift: (n,) float64 degrees in, the same out."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * BAIDU_FACTOR)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * BAIDU_FACTOR)
    inside = is_shifted(lat, lon)
    return (
        np.where(inside, radius * np.sin(angle) + 0.006, lat),
        np.where(inside, radius * np.cos(angle) + 0.0065, lon),
    )


def bd09_to_gcj02(lat: FloatArray, lon: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Take Baidu's second shift off: (n,) float64 degrees in, the same out."""
    inside = is_shifted(lat, lon)
    found_lat, found_lon = lat - 0.006, lon - 0.0065
    for _ in range(ROUNDS):
        back_lat, back_lon = gcj02_to_bd09(found_lat, found_lon)
        found_lat, found_lon = found_lat + lat - back_lat, found_lon + lon - back_lon
    return np.where(inside, found_lat, lat), np.where(inside, found_lon, lon)


def to_wgs84(lat: FloatArray, lon: FloatArray, system: str) -> tuple[FloatArray, FloatArray]:
    """Convert points of a coordinate system to WGS84.

    Parameters
    ----------
    lat, lon : (n,) float64, degrees; blanks stay blank
    system : "WGS84", "GCJ02" or "BD09"
    """
    if system == "BD09":
        lat, lon = bd09_to_gcj02(lat, lon)
    return gcj02_to_wgs84(lat, lon) if system in {"BD09", "GCJ02"} else (lat, lon)
