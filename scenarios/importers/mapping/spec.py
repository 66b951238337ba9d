"""What a mapping.toml says: whose column is ours, in which unit, and which rows are left out."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from scenarios.errors import InputError, NotFound
from scenarios.findings import Findings, Severity
from scenarios.importers.mapping.units import factor, known_units
from scenarios.normalise import column_names, table_names
from scenarios.tables import TABLES, Column, Kind

READY = ("taobao", "jd", "odoo", "erpnext")
MOST_ROWS_WRITTEN = 1000


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is no regular expression: {error}") from None
    return text


Headings = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    BeforeValidator(_listed),
    Field(min_length=1),
]
Pattern = Annotated[str, AfterValidator(_pattern), Field(max_length=500)]
Constant = str | bool | int | float


class Part(BaseModel):
    """Base of all parts of a mapping: nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FileRule(Part):
    """A file, or sheet of a workbook, known by its headings.

    Attributes
    ----------
    headings : each a heading or several ways to write it; a file that has them all is this one
    optional : the mapping works without it; tables made of it are then left out
    fill_down : headings whose blank cells repeat the row above, as in orders with several lines
    """

    help: str = ""
    headings: tuple[Headings, ...] = Field(min_length=1)
    optional: bool = False
    fill_down: tuple[Headings, ...] = ()


class JoinPair(Part):
    """Columns whose values are the same in rows that belong together."""

    left: Headings
    right: Headings


class JoinRule(Part):
    """Rows of one source with the columns of another beside them.

    Attributes
    ----------
    on : a right row is found by all of these columns
    missing : what becomes of a left row without a right one
    """

    left: str
    right: str
    on: Annotated[tuple[JoinPair, ...], Field(min_length=1)]
    missing: Literal["exclude", "keep"] = "exclude"
    reason: str = "no row to join"


class Condition(Part):
    """Rows that are left out, and why.

    Attributes
    ----------
    column : heading, or several ways to write it
    optional : a file without the column has no such rows
    """

    column: Headings
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    in_: Annotated[tuple[str, ...] | None, Field(alias="in", min_length=1)] = None
    not_in: Annotated[tuple[str, ...] | None, Field(min_length=1)] = None
    matches: Pattern | None = None
    blank: Literal[True] | None = None
    below: float | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_test(self) -> Self:
        tests = (self.in_, self.not_in, self.matches, self.blank, self.below)
        if sum(test is not None for test in tests) != 1:
            raise ValueError("write one of: in, not_in, matches, blank = true, below")
        return self


class ColumnRule(Part):
    """How a column of ours is made; the steps are done in the order of the attributes.

    Attributes
    ----------
    from_ : heading, or several ways to write it, best first
    value : the same in every row
    number_within : rows are numbered 1, 2 ... within each value of this heading
    concat : further headings whose texts are put behind
    extract : regular expression; its first group is kept, a text that does not match as it is
    strip : texts that are taken away, as in 元
    map : values as they are -> values as we have them
    other : what becomes of values that `map` does not name
    default : stands for a blank
    minus, divide_by : headings of numbers
    times : factor
    unit, unit_from : the unit of the numbers, or the heading of a column that names it
    format : of dates, as strptime has it; several are tried in turn
    bucket : dates become the day, or the Monday of the week
    place : an address becomes the zone of its province, city or district
    assumed : nobody said so; told as a warning
    """

    from_: Headings | None = Field(default=None, alias="from")
    value: Constant | None = None
    number_within: Headings | None = None
    concat: tuple[Headings, ...] = ()
    extract: Pattern | None = None
    strip: tuple[str, ...] = ()
    map: dict[str, Constant] = Field(default_factory=dict)
    other: Literal["keep", "error", "blank"] = "keep"
    default: Constant | None = None
    minus: Headings | None = None
    divide_by: Headings | None = None
    times: float | None = None
    unit: str | None = None
    unit_from: Headings | None = None
    format: Annotated[tuple[str, ...], BeforeValidator(_listed)] = ()
    bucket: Literal["day", "week"] | None = None
    place: Literal["province", "city", "district"] | None = None
    assumed: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        origins = (self.from_, self.value, self.number_within)
        if sum(origin is not None for origin in origins) != 1:
            raise ValueError("write one of: from, value, number_within")
        return self


class TableRule(Part):
    """How a table of ours is made.

    Attributes
    ----------
    table : its name
    source : of `files` or `joins`; blank where the rows are written in the mapping
    columns : by name of ours
    rows : written out, for what no file says
    exclude : rows that are left out; the first that holds is the reason
    skip_zero : columns of ours whose zero or less leaves the row out
    only_in : column of ours -> table.column that was made before; rows whose value is not there
        are left out
    once : of several rows with one key the first is kept
    add_up : columns that are added over rows with one key
    mean : columns of which the mean is taken, weighted by the first of `add_up`
    merge : how rows meet those of a base scenario: replace the table, fill in keys that it lacks,
        or upsert by key
    """

    table: str
    source: Annotated[str, Field(alias="from")] = ""
    columns: dict[str, ColumnRule] = Field(default_factory=dict)
    rows: Annotated[tuple[dict[str, Constant], ...], Field(max_length=MOST_ROWS_WRITTEN)] = ()
    exclude: tuple[Condition, ...] = ()
    skip_zero: tuple[str, ...] = ()
    only_in: dict[str, Annotated[str, Field(pattern=r"^\w+\.\w+$")]] = Field(default_factory=dict)
    once: bool = False
    add_up: tuple[str, ...] = ()
    mean: tuple[str, ...] = ()
    merge: Literal["replace", "fill", "upsert"] = "replace"


class ImportMapping(Part):
    """A whole mapping.

    Attributes
    ----------
    name, help, sources : what it is for, and where its headings were learnt
    settings : of the scenario, where there is no base; `start_date = "after orders.placed_at"` is
        the day after the last moment of that column
    """

    name: str
    help: str = ""
    sources: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)
    files: Annotated[dict[str, FileRule], Field(min_length=1)]
    joins: dict[str, JoinRule] = Field(default_factory=dict)
    tables: Annotated[tuple[TableRule, ...], Field(min_length=1)]

    def with_values(self, values: Mapping[str, str]) -> ImportMapping:
        """Return the mapping with columns set to a value, as in {"products.weight_kg": "0.3"}.

        Raises
        ------
        InputError
            No table of the mapping has the column.
        """
        changed = list(self.tables)
        for place, value in values.items():
            table, _, column = place.partition(".")
            hits = [at for at, rule in enumerate(changed) if rule.table == table and rule.source]
            if not hits or column not in TABLES[table].by_name:
                made = ", ".join(sorted({rule.table for rule in self.tables if rule.source}))
                raise InputError(f"{place}: no such column in the tables that are made: {made}")
            for at in hits:
                columns = {**changed[at].columns, column: ColumnRule(value=value)}
                changed[at] = changed[at].model_copy(update={"columns": columns})
        return self.model_copy(update={"tables": tuple(changed)})


def ready_names() -> tuple[str, ...]:
    """Return the mappings that are packaged."""
    return READY


def load_mapping(place: str | Path) -> ImportMapping:
    """Read a mapping: a packaged one by its name, or a file.

    Raises
    ------
    NotFound
        There is none.
    InputError
        It is wrong; the error carries every finding.
    """
    if str(place) in READY:
        text = resources.files(__package__).joinpath(f"ready/{place}.toml").read_text("utf-8")
        return read_mapping(text, str(place))
    path = Path(place)
    if not path.is_file():
        known = ", ".join(READY)
        raise NotFound(f"no mapping {str(place)!r}: name a file, or one of {known}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{path.name} is not UTF-8; save it as UTF-8") from None
    return read_mapping(text, path.name)


def read_mapping(text: str, name: str) -> ImportMapping:
    """Read the text of a mapping.

    Raises
    ------
    InputError
        It is wrong; the error carries every finding.
    """
    findings = Findings()
    try:
        mapping = ImportMapping.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name} is no TOML: {error}") from None
    except ValidationError as error:
        for part in error.errors():
            place = ".".join(str(step) for step in part["loc"])
            shown = part.get("input", "")
            value = shown if isinstance(shown, str | int | float) else ""
            findings.add(
                "mapping", Severity.ERROR, part["msg"], table=name, column=place, value=value
            )
    else:
        for place, value, hint in _troubles(mapping):
            findings.add("mapping", Severity.ERROR, hint, table=name, column=place, value=value)
    if findings.errors:
        many = len(findings.errors)
        first = findings.errors[0]
        raise InputError(
            f"{name} has {many} errors; the first: {first.column}: {first.hint}", [*findings]
        )
    return mapping


def _troubles(mapping: ImportMapping) -> Iterator[tuple[str, str, str]]:
    """Yield place, value and remedy of what is not as the contracts have it."""
    sources = {*mapping.files, *mapping.joins}
    for name, join in mapping.joins.items():
        for side in (join.left, join.right):
            if side not in sources:
                yield f"joins.{name}", side, f"no such source; there are {', '.join(sources)}"
    for at, rule in enumerate(mapping.tables):
        place = f"tables.{at}"
        if rule.table not in TABLES:
            near = table_names().near(rule.table)
            yield place, rule.table, f"{near}no such table; known are {', '.join(TABLES)}"
            continue
        if bool(rule.source) == bool(rule.rows):
            yield place, rule.table, "write `from` and `columns`, or `rows`"
        if rule.source and rule.source not in sources:
            yield f"{place}.from", rule.source, f"no such source; there are {', '.join(sources)}"
        yield from _column_troubles(rule, place)


def _column_troubles(rule: TableRule, place: str) -> Iterator[tuple[str, str, str]]:
    contract = TABLES[rule.table]
    named = {*rule.columns, *(key for row in rule.rows for key in row)}
    for name in (*sorted(named), *rule.skip_zero, *rule.only_in, *rule.add_up, *rule.mean):
        if name not in contract.by_name:
            near = column_names(rule.table).near(name)
            yield f"{place}.{name}", name, f"{near}{rule.table} has {', '.join(contract.names)}"
        elif name not in named:
            yield f"{place}.{name}", name, "the column is named, but nothing makes it"
    if rule.mean and not rule.add_up:
        yield f"{place}.mean", "", "a mean is weighted by the first column of `add_up`"
    for name, made in rule.columns.items():
        column = contract.by_name.get(name)
        if column is not None:
            yield from _unit_troubles(made, column, f"{place}.columns.{name}")


def _unit_troubles(made: ColumnRule, column: Column, place: str) -> Iterator[tuple[str, str, str]]:
    units = ", ".join(known_units(column))
    if made.unit is not None and factor(made.unit, column) is None:
        told = f"{column.name} takes {units}" if units else f"{column.name} has no unit"
        yield f"{place}.unit", made.unit, told
    if made.unit_from is not None and not units:
        yield f"{place}.unit_from", "", f"{column.name} has no unit"
    if made.place is not None and column.kind != Kind.ID:
        yield f"{place}.place", made.place, "an address becomes the id of a zone"
