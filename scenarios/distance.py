"""Distances between places: a measured table where there is one, else the great circle."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8  # mean radius of the sphere
DETOUR = 1.3  # road over great circle
DEFAULT_SPEED_KM_H = 30.0

Floats = NDArray[np.float64]
Metres = NDArray[np.int64]
Seconds = NDArray[np.int64]


class DistanceProvider(Protocol):
    """Says how far places are from each other."""

    def matrix(self, lonlat: Floats, ids: list[str]) -> tuple[Metres, Seconds]:
        """Return metres and seconds between all places.

        Parameters
        ----------
        lonlat : (n, 2) float64, longitude and latitude, degrees
        ids : n ids, for providers that know places by name

        Returns
        -------
        metres, seconds : (n, n) int64
        """


def great_circle_m(lonlat_from: Floats, lonlat_to: Floats) -> Floats:
    """Return great-circle metres between two arrays of places, element by element.

    Parameters
    ----------
    lonlat_from, lonlat_to : (..., 2) float64, longitude and latitude, degrees; they broadcast
    """
    return arc_m(on_sphere(lonlat_from), on_sphere(lonlat_to))


def on_sphere(lonlat: Floats) -> Floats:
    """Return places as points of the unit sphere, (..., 3) float64."""
    angle = np.radians(lonlat)
    lon, lat = angle[..., 0], angle[..., 1]
    level = np.cos(lat)
    return np.stack([level * np.cos(lon), level * np.sin(lon), np.sin(lat)], axis=-1)


def arc_m(start: Floats, end: Floats) -> Floats:
    """Return great-circle metres between points of the unit sphere, by their chord.

    After the points nothing but the four operations and roots: compiled code that takes them in
    the same order finds the same bits.
    """
    step = end - start
    x, y, z = step[..., 0], step[..., 1], step[..., 2]
    half = np.minimum(0.5 * np.sqrt(x * x + y * y + z * z), 1.0)
    steep = half > 0.5
    angle = flat_arcsine(np.where(steep, np.sqrt(0.5 * (1.0 - half)), half))
    result: Floats = 2.0 * EARTH_RADIUS_M * np.where(steep, 0.5 * np.pi - 2.0 * angle, angle)
    return result


def flat_arcsine(x: Any) -> Any:
    """Return the arcsine of numbers from 0 to 0.5, to the last bit or so.

    Source: the rational approximation of fdlibm's `asin`, Sun Microsystems (1993).
    """
    z = x * x
    above = 3.47933107596021167570e-05
    for term in (
        7.91534994289814532176e-04,
        -4.00555345006794114027e-02,
        2.01212532134862925881e-01,
        -3.25565818622400915405e-01,
        1.66666666666666657415e-01,
    ):
        above = term + z * above
    below = 7.70381505559019352791e-02
    for term in (
        -6.88283971605453293e-01,
        2.02094576023350569e00,
        -2.4033949117344142e00,
    ):
        below = term + z * below
    return x + x * (z * above / (1.0 + z * below))


class GreatCircle:
    """Great circle on a sphere times a detour factor, driven at one speed."""

    def __init__(self, detour: float = DETOUR, speed_km_h: float = DEFAULT_SPEED_KM_H) -> None:
        self.detour = detour
        self.speed_km_h = speed_km_h

    def matrix(self, lonlat: Floats, ids: list[str]) -> tuple[Metres, Seconds]:
        """Return metres and seconds, each rounded to the nearest whole number."""
        points = on_sphere(lonlat)
        metres = self.detour * arc_m(points[:, None, :], points[None, :, :])
        seconds = metres / (self.speed_km_h / 3.6)
        return np.rint(metres).astype(np.int64), np.rint(seconds).astype(np.int64)


class MeasuredDistances:
    """The `distances` table where it has the pair, another provider where it has not."""

    def __init__(self, distances: pd.DataFrame, otherwise: DistanceProvider) -> None:
        self.distances = distances
        self.otherwise = otherwise

    def matrix(self, lonlat: Floats, ids: list[str]) -> tuple[Metres, Seconds]:
        """Return metres and seconds, measured ones put over the others."""
        metres, seconds = self.otherwise.matrix(lonlat, ids)
        place = pd.Index(ids)
        start = place.get_indexer(pd.Index(self.distances["origin_id"]))
        end = place.get_indexer(pd.Index(self.distances["destination_id"]))
        known = (start >= 0) & (end >= 0)
        at = (start[known], end[known])
        metres[at] = np.rint(self.distances["distance_m"].to_numpy()[known]).astype(np.int64)
        seconds[at] = np.rint(self.distances["duration_s"].to_numpy()[known]).astype(np.int64)
        return metres, seconds
