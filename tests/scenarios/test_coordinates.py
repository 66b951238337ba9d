"""Chinese map coordinates against published pairs and against themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.coordinates import (
    bd09_to_gcj02,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    is_shifted,
    to_wgs84,
    wgs84_to_gcj02,
)
from scenarios.distance import great_circle_m

# Tiananmen, the pair that most re-implementations print: WGS84 116.404, 39.915
TIANANMEN_WGS84 = (39.915, 116.404)
TIANANMEN_GCJ02 = (39.91640428150164, 116.41024449916938)
# Baidu's second shift of the point 116.404, 39.915 taken as GCJ02, as printed there too
TIANANMEN_BD09 = (39.92133699351022, 116.41036949371029)

chinese_lat = st.floats(18.5, 53.0)
chinese_lon = st.floats(74.0, 134.5)


def metres(lat: float, lon: float, lat2: float, lon2: float) -> float:
    return float(great_circle_m(np.array([lon, lat]), np.array([[lon2, lat2]]))[0])


def one(*pair: float) -> tuple[np.ndarray, np.ndarray]:
    return np.array([pair[0]]), np.array([pair[1]])


def test_the_shift_is_the_published_one() -> None:
    """Tiananmen moves from WGS84 to GCJ02 as the published pair says."""
    lat, lon = wgs84_to_gcj02(*one(*TIANANMEN_WGS84))
    np.testing.assert_allclose([lat[0], lon[0]], TIANANMEN_GCJ02, atol=1e-9)


def test_the_second_shift_is_the_published_one() -> None:
    """A GCJ02 point moves to BD09 as the published pair says."""
    lat, lon = gcj02_to_bd09(*one(*TIANANMEN_WGS84))
    np.testing.assert_allclose([lat[0], lon[0]], TIANANMEN_BD09, atol=1e-9)


def test_tiananmen_comes_back() -> None:
    """The shift of Tiananmen, some 550 m, is taken off to the centimetre."""
    assert 500 < metres(*TIANANMEN_WGS84, *TIANANMEN_GCJ02) < 650
    lat, lon = to_wgs84(*one(*TIANANMEN_GCJ02), "GCJ02")
    assert metres(lat[0], lon[0], *TIANANMEN_WGS84) < 0.02


@settings(max_examples=50, deadline=None)
@given(lat=chinese_lat, lon=chinese_lon)
def test_gcj02_is_inverted_to_the_centimetre(lat: float, lon: float) -> None:
    """Shifting a point in China and taking the shift off leaves it where it was."""
    back_lat, back_lon = gcj02_to_wgs84(*wgs84_to_gcj02(*one(lat, lon)))
    assert metres(lat, lon, back_lat[0], back_lon[0]) < 0.02


@settings(max_examples=50, deadline=None)
@given(lat=chinese_lat, lon=chinese_lon)
def test_bd09_is_inverted(lat: float, lon: float) -> None:
    """Baidu's shift is taken off to a millimetre."""
    back_lat, back_lon = bd09_to_gcj02(*gcj02_to_bd09(*one(lat, lon)))
    assert metres(lat, lon, back_lat[0], back_lon[0]) < 0.001


def test_places_abroad_and_blanks_stay() -> None:
    """London and New York are not shifted, and a blank stays a blank."""
    lat = np.array([51.5, 40.7, np.nan])
    lon = np.array([-0.1, -74.0, np.nan])
    for system in ("WGS84", "GCJ02", "BD09"):
        new_lat, new_lon = to_wgs84(lat, lon, system)
        np.testing.assert_array_equal(new_lat, lat)
        np.testing.assert_array_equal(new_lon, lon)
    assert not is_shifted(lat, lon).any()


def test_swapped_coordinates_are_left_to_validation() -> None:
    """A point with lat and lon swapped lies outside the box, so it is not moved."""
    lat, lon = to_wgs84(*one(121.47, 31.23), "GCJ02")
    assert (lat[0], lon[0]) == (121.47, 31.23)
