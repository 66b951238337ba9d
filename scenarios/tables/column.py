"""What a column and a table promise: the vocabulary in which every contract is written."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property


class Kind(StrEnum):
    """How a column's cells are read, held and written."""

    ID = "id"  # text kept exactly; trimmed at the ends only
    TEXT = "text"
    NUMBER = "number"  # float64
    INTEGER = "integer"  # float64 whose values are whole, so that a blank stays a blank
    FLAG = "flag"  # pandas "boolean"
    DATE = "date"  # datetime64[ms] at midnight
    MOMENT = "moment"  # datetime64[ms], local time of the scenario's time zone
    CLOCK = "clock"  # text "HH:MM" or "HH:MM:SS"
    CHOICE = "choice"  # text out of `choices`


NUMERIC = frozenset({Kind.NUMBER, Kind.INTEGER})
TEMPORAL = frozenset({Kind.DATE, Kind.MOMENT})
TEXTUAL = frozenset({Kind.ID, Kind.TEXT, Kind.CLOCK, Kind.CHOICE})


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : heading in English; a fixed unit is its last word (`_kg`, `_days`)
    zh : heading in Chinese
    kind : how cells are read
    help : one sentence for the template and the reference
    required : the column must be there, and every cell filled
    key : part of the table's key; a key column that is not required may be blank
    default : value that stands for a blank; None when a blank means "not known" or "no limit"
    rule : how a blank is filled when no constant does ("unit_price - unit_cost")
    choices : allowed values of a CHOICE
    references : "table.column" places, in one of which the value must stand
    low, high : allowed range; `above` makes the lower end exclusive
    plausible : (low, high) outside which the unit is probably wrong; a warning
    also : further headings that planners use for it
    """

    name: str
    zh: str
    kind: Kind
    help: str
    required: bool = False
    key: bool = False
    default: float | str | bool | None = None
    rule: str = ""
    choices: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    above: bool = False
    plausible: tuple[float, float] | None = None
    also: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Unit that the name states, or ""."""
        for ending, unit in UNITS.items():
            if self.name.endswith(ending):
                return unit
        return ""


UNITS = {
    "tonne_km": "t km",
    "_g_co2e": "g CO2e",
    "g_co2e_per_tkm": "g CO2e / t km",
    "g_co2e_per_km": "g CO2e / km",
    "g_co2e_per_unit": "g CO2e / unit",
    "g_co2e_per_day": "g CO2e / day",
    "_per_kg": "money / kg",
    "_per_m3": "money / m3",
    "_s_per_unit": "s / unit",
    "_per_unit": "money / unit",
    "_per_unit_day": "money / unit day",
    "_per_hour": "money / h",
    "_per_h": "money / h",
    "_per_km": "money / km",
    "_per_week": "units / week",
    "units_per_day": "units / day",
    "kg_per_day": "kg / day",
    "_cost_per_day": "money / day",
    "_km_h": "km / h",
    "_kg": "kg",
    "_m3": "m3",
    "_km": "km",
    "_m": "m",
    "_days": "days",
    "_s": "s",
    "_min": "min",
    "_pct": "%",
    "_cost": "money",
    "_price": "money",
    "qty": "units",
    "on_hand": "units",
    "reserved": "units",
    "quarantined": "units",
}


@dataclass(frozen=True)
class Table:
    """One table: its columns in order, and what it is for."""

    name: str
    zh: str
    group: str
    help: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", tuple(c.name for c in self.columns if c.key))

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by their English names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def names(self) -> tuple[str, ...]:
        """English names in order."""
        return tuple(column.name for column in self.columns)


# ---- short ways to write a column; each takes the same keywords as Column -------------------


def ident(name: str, zh: str, help: str, **more: object) -> Column:
    """Write an id column."""
    return Column(name, zh, Kind.ID, help, **more)  # type: ignore[arg-type]


def text(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a free-text column."""
    return Column(name, zh, Kind.TEXT, help, **more)  # type: ignore[arg-type]


def number(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a number column; not negative unless `low` says otherwise."""
    return Column(name, zh, Kind.NUMBER, help, **({"low": 0.0} | more))  # type: ignore[arg-type]


def integer(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a whole-number column; not negative unless `low` says otherwise."""
    return Column(name, zh, Kind.INTEGER, help, **({"low": 0.0} | more))  # type: ignore[arg-type]


def percent(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a percentage between 0 and 100, unless `high` says otherwise."""
    limits = {"low": 0.0, "high": 100.0}
    return Column(name, zh, Kind.NUMBER, help, **(limits | more))  # type: ignore[arg-type]


def share(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a fraction between 0 and 1."""
    limits = {"low": 0.0, "high": 1.0}
    return Column(name, zh, Kind.NUMBER, help, **(limits | more))  # type: ignore[arg-type]


def flag(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a yes/no column."""
    return Column(name, zh, Kind.FLAG, help, **more)  # type: ignore[arg-type]


def date(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a date column."""
    return Column(name, zh, Kind.DATE, help, **more)  # type: ignore[arg-type]


def moment(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a date-and-time column."""
    return Column(name, zh, Kind.MOMENT, help, **more)  # type: ignore[arg-type]


def clock(name: str, zh: str, help: str, **more: object) -> Column:
    """Write a time-of-day column."""
    return Column(name, zh, Kind.CLOCK, help, **more)  # type: ignore[arg-type]


def choice(name: str, zh: str, help: str, *choices: str, **more: object) -> Column:
    """Write a column whose values come from a short list."""
    return Column(name, zh, Kind.CHOICE, help, choices=choices, **more)  # type: ignore[arg-type]


def latitude() -> Column:
    """Write the latitude column that every place has."""
    return Column("lat", "纬度", Kind.NUMBER, "Latitude, degrees.", low=-90.0, high=90.0)


def longitude() -> Column:
    """Write the longitude column that every place has."""
    return Column("lon", "经度", Kind.NUMBER, "Longitude, degrees.", low=-180.0, high=180.0)
