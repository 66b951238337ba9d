"""Units in which other systems keep weights, volumes, lengths and times."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Final

from scenarios.normalise.headings import fold_name
from scenarios.tables import Column

FACTORS: Final = {
    "kg": (
        "kg=1 kilogram=1 千克=1 公斤=1 g=0.001 gram=0.001 克=0.001 mg=0.000001 t=1000 tonne=1000"
        " 吨=1000 lb=0.45359237 lbs=0.45359237 pound=0.45359237 oz=0.028349523125"
        " ounce=0.028349523125 斤=0.5 两=0.05"
    ),
    "m3": (
        "m3=1 m³=1 立方米=1 l=0.001 liter=0.001 litre=0.001 升=0.001 dm3=0.001 ml=0.000001"
        " 毫升=0.000001 cm3=0.000001 立方厘米=0.000001 mm3=0.000000001 ft3=0.028316846592"
        " in3=0.000016387064"
    ),
    "km": "km=1 公里=1 千米=1 m=0.001 米=0.001 mi=1.609344 mile=1.609344 里=0.5",
    "m": "m=1 米=1 km=1000 公里=1000 cm=0.01 厘米=0.01 ft=0.3048",
    "days": "day=1 days=1 d=1 天=1 日=1 h=1/24 hour=1/24 hours=1/24 小时=1/24 week=7 weeks=7 周=7",
    "s": (
        "s=1 second=1 seconds=1 秒=1 min=60 minute=60 minutes=60 分钟=60 h=3600 hour=3600"
        " hours=3600 小时=3600"
    ),
    "min": "min=1 minute=1 分钟=1 s=1/60 秒=1/60 h=60 hour=60 小时=60",
    "money": "yuan=1 元=1 major=1 cent=0.01 fen=0.01 分=0.01 角=0.1 千元=1000 万元=10000",
    "%": "%=1 percent=1 fraction=100 share=100 比例=100 ‰=0.1",
}


@cache
def _table(target: str) -> dict[str, Decimal]:
    found = {}
    for word in FACTORS.get(target, "").split():
        name, _, factor = word.rpartition("=")
        above, _, below = factor.partition("/")
        found[_fold(name)] = Decimal(above) / Decimal(below or 1)
    return found


def factor(unit: str, column: Column) -> Decimal | None:
    """Return by what a value in `unit` is multiplied for a column; None if they do not fit.

    >>> from scenarios.tables import TABLES
    >>> factor("克", TABLES["products"].by_name["weight_kg"])
    Decimal('0.001')
    """
    return _table(column.unit).get(_fold(unit))


def known_units(column: Column) -> tuple[str, ...]:
    """Return the units that fit a column; none where it has no unit."""
    return tuple(word.rpartition("=")[0] for word in FACTORS.get(column.unit, "").split())


def _fold(unit: str) -> str:
    return fold_name(unit) or unit.strip()
