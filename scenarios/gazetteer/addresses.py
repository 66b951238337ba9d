"""Addresses taken apart: province, city and district, however they are run together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from scenarios.gazetteer.names import bare
from scenarios.gazetteer.places import Place, candidates
from scenarios.gazetteer.regions import CHINA, chinese_provinces

MUNICIPALITIES: Final = ("北京", "上海", "天津", "重庆")
BEYOND: Final = ("香港", "澳门", "台湾")
PROVINCE_ENDINGS: Final = (
    "维吾尔自治区", "壮族自治区", "回族自治区", "特别行政区", "自治区", "省", "市",
)  # fmt: skip
_CITY = re.compile(r"^.{1,11}?(?:自治州|地区|盟|市)")
_DISTRICT = re.compile(r"^[^镇乡街道路号村]{1,9}?(?:自治县|自治旗|新区|区|县|旗|市)")
_DIRECT = re.compile(r"^(?:省|自治区|市)?(?:直辖县级行政区划|直辖县|市辖区)")
_PREFECTURE = re.compile(r"^[^市县区]{0,12}自治州")
_SPACES = re.compile(r"[\s,，]+")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an address lies.

    Attributes
    ----------
    province, city, district : in Chinese for China, without endings but for districts; outside
        China the country's two letters, the city and ""
    place : the district, where the gazetteer has it, else the city
    city_place : the city
    """

    province: str
    city: str
    district: str
    place: Place
    city_place: Place


@lru_cache(maxsize=200_000)
def split_address(text: str) -> Address | None:
    """Take an address apart; None where no city of it is known.

    >>> split_address("吉林省 通化市 柳河县 柳河镇紫御府").district
    '柳河县'
    >>> found = split_address("江西南昌市青山湖区昌东工业区")
    >>> found.province, found.city, found.district
    ('江西', '南昌', '青山湖区')
    >>> split_address("北京北京市朝阳区四环到五环之间").city
    '北京'
    >>> split_address("nowhere at all") is None
    True
    """
    spelt = _SPACES.sub("", text).removeprefix("中国")
    province, rest = _province(spelt)
    if province in MUNICIPALITIES:
        return _made(province, province, _without(rest, province))
    city, behind = _city(rest, province)
    if city:
        return _made(province or _province_of(city), city, behind)
    if province in BEYOND:
        return _made(province, province, rest)
    if province:
        return _by_district(province, rest)
    found = candidates(text.strip())
    if not found:
        return None
    best = found[0]
    chinese = best.country == "CN" and bool(best.name_zh)
    name = bare(best.name_zh) if chinese else best.name
    return Address(_region(best) if chinese else best.country, name, "", best, best)


def _province(spelt: str) -> tuple[str, str]:
    for name in (*chinese_provinces(), *BEYOND):
        if spelt.startswith(name):
            rest = spelt[len(name) :]
            ending = next((end for end in PROVINCE_ENDINGS if rest.startswith(end)), "")
            if ending == "市" and name not in MUNICIPALITIES:
                continue  # 吉林市 without its province in front
            return name, _DIRECT.sub("", rest[len(ending) :])
    return "", spelt


def _without(rest: str, name: str) -> str:
    """Return what is left after a municipality that is named again as a city."""
    again = rest.removeprefix(name)
    if again != rest:
        rest = again.removeprefix("市")
    return _DIRECT.sub("", rest)


def _city(rest: str, province: str) -> tuple[str, str]:
    """Return the city that a text begins with and what follows; "" where none is known."""
    match = _CITY.match(rest)
    if match and _known(match.group(), province):
        return bare(match.group()), rest[match.end() :]
    for size in range(min(7, len(rest)), 1, -1):
        head = rest[:size]
        if _known(head, province):
            return bare(head), _PREFECTURE.sub("", rest[size:])
    return "", rest


def _by_district(province: str, rest: str) -> Address | None:
    """Return an address whose city is not known by its district."""
    match = _CITY.match(rest)
    behind = rest[match.end() :] if match else rest
    district = _DISTRICT.match(behind)
    found = _known(district.group(), province) if district else None
    if found is None or district is None:
        return None
    city = bare(match.group()) if match else bare(district.group())
    return Address(province, city, district.group() if match else "", found, found)


def _made(province: str, city: str, behind: str) -> Address | None:
    place = _known(city, "" if city == province else province)
    if place is None:
        return None
    match = _DISTRICT.match(behind)
    district = match.group() if match else ""
    nearer = _known(district, province) if district else None
    if nearer is not None and not _near(nearer, place):
        nearer = None  # a district of the same name elsewhere in the province
    return Address(province, city, district, nearer or place, place)


def _near(one: Place, other: Place) -> bool:
    return abs(one.lat - other.lat) < 2.0 and abs(one.lon - other.lon) < 2.0


@lru_cache(maxsize=50_000)
def _known(name: str, province: str) -> Place | None:
    """Return a city of China by its Chinese name."""
    if not name or name.isascii():
        return None
    found = candidates(name, province or None)
    if not province:
        found = [place for place in found if place.country in ("CN", "HK", "MO", "TW")]
    return found[0] if found else None


def _province_of(city: str) -> str:
    place = _known(city, "")
    return _region(place) if place is not None else ""


def _region(place: Place) -> str:
    """Return the Chinese name of a place's province."""
    names = {row.split()[0]: row.split()[2] for row in CHINA.split("|")}
    return names.get(place.region, place.country)
