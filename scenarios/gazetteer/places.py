"""Cities by name: which one a planner means, and where it lies."""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from functools import cache
from importlib import resources

from scenarios.gazetteer.names import ENDINGS, bare, spelling
from scenarios.gazetteer.regions import Area, areas_named, chinese_provinces


@dataclass(frozen=True, slots=True)
class Place:
    """A city of 15,000 people or more (GeoNames).

    Attributes
    ----------
    name, name_zh : in English or the country's Latin spelling; in Chinese, "" where unknown
    country : two letters, ISO 3166-1
    region : GeoNames code of its first-level region
    lat, lon : degrees, WGS84, to 0.001
    population : people, as GeoNames has it; districts may be counted besides their city
    """

    name: str
    name_zh: str
    country: str
    region: str
    lat: float
    lon: float
    population: int


@dataclass(frozen=True, slots=True)
class _Index:
    places: tuple[Place, ...]
    by_name: dict[str, list[int]]  # its own names
    by_other: dict[str, list[int]]  # names that are looked up only where no city is called so


@cache
def _index() -> _Index:
    packed = resources.files(__package__).joinpath("cities.tsv.xz").read_bytes()
    places: list[Place] = []
    by_name: dict[str, list[int]] = {}
    by_other: dict[str, list[int]] = {}
    for line in lzma.decompress(packed).decode("utf-8").splitlines():
        name, chinese, country, region, lat, lon, people, others = line.split("\t")
        spoken = chinese.split("|") if chinese else []
        at = len(places)
        places.append(
            Place(
                name,
                spoken[0] if spoken else "",
                country,
                region,
                float(lat),
                float(lon),
                int(people),
            )
        )
        for key in {spelling(name), *(bare(spelling(zh)) for zh in spoken)}:
            by_name.setdefault(key, []).append(at)
        for key in {spelling(other) for other in others.split("|") if other}:
            by_other.setdefault(key, []).append(at)
    return _Index(tuple(places), by_name, by_other)


def candidates(city: str, region_or_country: str | None = None) -> list[Place]:
    """Return the cities that a name may mean, most people first.

    Parameters
    ----------
    city : in English or Chinese, simplified or traditional, with or without 市; a province may
        stand in front (广东省广州市) and a region or country after a comma (London, Ontario)
    region_or_country : name or code that narrows the choice; "CA" means Canada, or California
        where Canada has no such city. A name that is no region or country known here (华东)
        is passed over.
    """
    head, _, tail = city.partition(",") if "," in city else city.partition("，")
    found = _named(head)
    for hint in (tail, region_or_country or ""):
        areas = areas_named(hint) if hint.strip() else ()
        if areas:
            found = next((inside for area in areas if (inside := _inside(found, area))), [])
    return found


def _named(city: str) -> list[Place]:
    index = _index()
    spelt = spelling(city)
    if not spelt:
        return []
    for key in (spelt, bare(spelt)):
        for names in (index.by_name, index.by_other):
            if key in names:
                return _largest_first([index.places[at] for at in names[key]])
    for province in chinese_provinces():
        rest = spelt.removeprefix(province)
        if rest != spelt:
            for ending in ENDINGS:
                rest = rest.removeprefix(ending)
            area = areas_named(province)[0]
            inside = [index.places[at] for at in index.by_name.get(bare(rest), [])]
            return _inside(_largest_first(inside), area)
    return []


def _inside(places: list[Place], area: Area) -> list[Place]:
    return [
        place
        for place in places
        if place.country == area.country and area.admin1 in ("", place.region)
    ]


def _largest_first(places: list[Place]) -> list[Place]:
    return sorted(places, key=lambda p: (-p.population, p.country, p.region, p.name, p.lat))


def resolve(city: str, region_or_country: str | None = None) -> Place | None:
    """Return the city that a name most likely means: the one with most people, or None.

    Parameters
    ----------
    city, region_or_country : see :func:`candidates`
    """
    found = candidates(city, region_or_country)
    return found[0] if found else None
