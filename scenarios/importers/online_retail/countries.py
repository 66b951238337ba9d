"""The countries of the file: where their customers are taken to be, and which site serves them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

NATIONAL, LONDON, EUROPE = "UK-NDC", "UK-LON", "EU-NL"
HOME_COUNTRY = "United Kingdom"
LONDON_ZONE = "GB-LON"


@dataclass(frozen=True, slots=True)
class Country:
    """A country as the file names it.

    Attributes
    ----------
    zone_id : ISO 3166 code, or a user-assigned one where the name is not a country's
    city : the capital, at whose place the zone's customers are taken to be
    region : for events and disruptions
    site_id : the warehouse that serves it
    """

    zone_id: str
    city: str
    lat: float
    lon: float
    region: str
    site_id: str


def _europe(zone_id: str, city: str, lat: float, lon: float) -> Country:
    return Country(zone_id, city, lat, lon, "Europe", EUROPE)


def _overseas(zone_id: str, city: str, lat: float, lon: float) -> Country:
    return Country(zone_id, city, lat, lon, "Overseas", NATIONAL)


COUNTRIES = MappingProxyType(
    {
        # the middle of Great Britain's people, not the capital: London is a zone of its own
        "United Kingdom": Country("GB", "", 52.95, -1.45, "British Isles", NATIONAL),
        "Channel Islands": Country("JE", "Saint Helier", 49.19, -2.11, "British Isles", NATIONAL),
        "EIRE": Country("IE", "Dublin", 53.35, -6.26, "British Isles", NATIONAL),
        "Unspecified": Country("ZZ", "", 52.95, -1.45, "British Isles", NATIONAL),
        "Austria": _europe("AT", "Vienna", 48.21, 16.37),
        "Belgium": _europe("BE", "Brussels", 50.85, 4.35),
        "Cyprus": _europe("CY", "Nicosia", 35.17, 33.37),
        "Czech Republic": _europe("CZ", "Prague", 50.09, 14.42),
        "Denmark": _europe("DK", "Copenhagen", 55.68, 12.57),
        "European Community": _europe("EU", "Brussels", 50.85, 4.35),
        "Finland": _europe("FI", "Helsinki", 60.17, 24.94),
        "France": _europe("FR", "Paris", 48.86, 2.35),
        "Germany": _europe("DE", "Berlin", 52.52, 13.41),
        "Greece": _europe("GR", "Athens", 37.98, 23.73),
        "Iceland": _europe("IS", "Reykjavik", 64.15, -21.94),
        "Italy": _europe("IT", "Rome", 41.89, 12.48),
        "Lithuania": _europe("LT", "Vilnius", 54.69, 25.28),
        "Malta": _europe("MT", "Valletta", 35.90, 14.51),
        "Netherlands": _europe("NL", "Amsterdam", 52.37, 4.89),
        "Norway": _europe("NO", "Oslo", 59.91, 10.75),
        "Poland": _europe("PL", "Warsaw", 52.23, 21.01),
        "Portugal": _europe("PT", "Lisbon", 38.72, -9.13),
        "Spain": _europe("ES", "Madrid", 40.42, -3.70),
        "Sweden": _europe("SE", "Stockholm", 59.33, 18.07),
        "Switzerland": _europe("CH", "Bern", 46.95, 7.45),
        "Australia": _overseas("AU", "Canberra", -35.28, 149.13),
        "Bahrain": _overseas("BH", "Manama", 26.23, 50.59),
        "Brazil": _overseas("BR", "Brasilia", -15.78, -47.93),
        "Canada": _overseas("CA", "Ottawa", 45.41, -75.70),
        "Hong Kong": _overseas("HK", "Hong Kong", 22.28, 114.16),
        "Israel": _overseas("IL", "Jerusalem", 31.77, 35.22),
        "Japan": _overseas("JP", "Tokyo", 35.69, 139.69),
        "Lebanon": _overseas("LB", "Beirut", 33.89, 35.50),
        "RSA": _overseas("ZA", "Pretoria", -25.74, 28.19),
        "Saudi Arabia": _overseas("SA", "Riyadh", 24.69, 46.72),
        "Singapore": _overseas("SG", "Singapore", 1.29, 103.85),
        "USA": _overseas("US", "Washington", 38.90, -77.04),
        "United Arab Emirates": _overseas("AE", "Abu Dhabi", 24.47, 54.37),
    }
)


def country(name: str) -> Country:
    """Return a country; one that the table does not know has no place and is served from home."""
    known = COUNTRIES.get(name)
    if known is not None:
        return known
    return Country(name, "", float("nan"), float("nan"), "Overseas", NATIONAL)
