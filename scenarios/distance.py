"""Distances between places: a measured table where there is one, else the great circle."""

from __future__ import annotations

from typing import Protocol

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
    """Return great-circle metres between two arrays of places, element by element (haversine).

    Parameters
    ----------
    lonlat_from, lonlat_to : (..., 2) float64, longitude and latitude, degrees; they broadcast
    """
    start, end = np.radians(lonlat_from), np.radians(lonlat_to)
    half = (end - start) / 2.0
    lon, lat = half[..., 0], half[..., 1]
    chord = np.sin(lat) ** 2 + np.cos(start[..., 1]) * np.cos(end[..., 1]) * np.sin(lon) ** 2
    result: Floats = 2.0 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(chord, 0.0, 1.0)))
    return result


class GreatCircle:
    """Great circle on a sphere times a detour factor, driven at one speed."""

    def __init__(self, detour: float = DETOUR, speed_km_h: float = DEFAULT_SPEED_KM_H) -> None:
        self.detour = detour
        self.speed_km_h = speed_km_h

    def matrix(self, lonlat: Floats, ids: list[str]) -> tuple[Metres, Seconds]:
        """Return metres and seconds, each rounded to the nearest whole number."""
        metres = self.detour * great_circle_m(lonlat[:, None, :], lonlat[None, :, :])
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
