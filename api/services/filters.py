"""Filters of tables: `site_id = DC1 and qty >= 10 and due_on is not blank`; never code."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from fastapi import Query
from numpy.typing import NDArray

from scenarios import Finding, InputError, Severity
from scenarios.deltas.cell import allowed
from scenarios.tables import NUMERIC, TEMPORAL, Column, Kind, Table

FilterText = Annotated[
    str | None,
    Query(
        alias="filter",
        max_length=2000,
        description=(
            "`column operator value`, joined by `and`; operators =, !=, <, <=, >, >=, in (a, b),"
            " contains, starts with, is blank, is not blank; values with spaces in quotes"
        ),
    ),
]
SortText = Annotated[
    str | None,
    Query(
        alias="sort",
        max_length=200,
        description="columns, most important first, a minus before a falling one: `-cost,due_on`",
    ),
]
MOST_TERMS: Final = 20
MOST_VALUES: Final = 500
MOST_SORTS: Final = 4
TEXTS: Final = ("=", "!=", "in", "contains", "starts with", "is blank", "is not blank")
ORDERED: Final = ("=", "!=", "<", "<=", ">", ">=", "in", "is blank", "is not blank")
FLAGS: Final = ("=", "!=", "is blank", "is not blank")
YES: Final = {"true": True, "yes": True, "false": False, "no": False}
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*')|(?P<sign><=|>=|!=|[=<>])|(?P<mark>[(),])
    |(?P<word>[^\s"'(),<>=!]+))""",
    re.VERBOSE,
)
_COMPARE: Final = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Term:
    """One comparison of a column with values of its kind."""

    column: Column
    operator: str
    values: tuple[Any, ...] = ()

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Return (n_rows,) bool; on a blank cell nothing holds but `is blank`."""
        if self.column.name not in table.column_names:
            return np.full(len(table), self.operator == "is blank")
        cells = table.column(self.column.name)
        mask: NDArray[np.bool_] = self._found(cells).to_numpy()
        return mask

    def _found(self, cells: pa.ChunkedArray) -> pa.ChunkedArray:
        if self.operator == "is blank":
            return pc.is_null(cells, nan_is_null=True)
        if self.operator == "is not blank":
            return pc.invert(pc.is_null(cells, nan_is_null=True))
        if self.operator == "in":
            return pc.is_in(cells, value_set=pa.array(self.values, type=cells.type))
        if self.operator == "contains":
            found = pc.match_substring(cells, self.values[0])
        elif self.operator == "starts with":
            found = pc.starts_with(cells, self.values[0])
        else:
            found = _COMPARE[self.operator](cells, pa.scalar(self.values[0], type=cells.type))
        return pc.fill_null(found, False)


@dataclass(frozen=True, slots=True)
class Filter:
    """Terms that must all hold.

    Attributes
    ----------
    text : as it was given, by which what it came to is remembered
    """

    text: str
    terms: tuple[Term, ...]

    def mask(self, table: pa.Table) -> NDArray[np.bool_]:
        """Return (n_rows,) bool: the rows for which all terms hold."""
        mask = self.terms[0].mask(table)
        for term in self.terms[1:]:
            mask &= term.mask(table)
        return mask


@dataclass(frozen=True, slots=True)
class Sort:
    """One column to sort by."""

    column: str
    falling: bool


def read_filter(text: str | None, table: Table) -> Filter | None:
    """Read a filter of a table; None where there is none.

    Raises
    ------
    InputError
        Every term that cannot be read, with its column and the operators that it allows.
    """
    if text is None or not text.strip():
        return None
    tokens = list(_tokens(text, table))
    findings: list[Finding] = []
    terms: list[Term] = []
    place = 0
    while place < len(tokens):
        if terms or findings:
            if not _is_word(tokens[place], "and"):
                _refuse(table, tokens[place][1], "terms are joined by `and`")
            place += 1
        part: list[Token] = []
        while place < len(tokens) and not (part and _is_word(tokens[place], "and")):
            part.append(tokens[place])
            place += 1
        try:
            terms.append(_term(part, table))
        except _Wrong as wrong:
            findings.append(wrong.finding)
    if len(terms) > MOST_TERMS:
        _refuse(table, f"{len(terms)} terms", f"a filter may have {MOST_TERMS}")
    if findings:
        raise InputError(f"the filter has {len(findings)} errors: {findings[0].hint}", findings)
    return Filter(text.strip(), tuple(terms))


def read_sort(text: str | None, table: Table) -> tuple[Sort, ...]:
    """Read the columns to sort by.

    Raises
    ------
    InputError
        A column is not in the table, or stands twice.
    """
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    sorts = tuple(Sort(word.lstrip("-"), word.startswith("-")) for word in words)
    names = [sort.column for sort in sorts]
    for name in names:
        if name not in table.by_name:
            hint = f"sort by one of {', '.join(table.names)}; a minus before it: falling"
            _refuse(table, name, hint, what="sort")
    if len(set(names)) < len(names) or len(names) > MOST_SORTS:
        _refuse(table, str(text), f"name up to {MOST_SORTS} columns, each once", what="sort")
    return sorts


def operators(column: Column) -> tuple[str, ...]:
    """Return the operators that a column allows in filters."""
    if column.kind == Kind.FLAG:
        return FLAGS
    return ORDERED if column.kind in NUMERIC | TEMPORAL | {Kind.CLOCK} else TEXTS


class _Wrong(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


Token = tuple[str, str]  # its kind (quoted, sign, mark, word) and its text


def _tokens(text: str, table: Table) -> Iterator[Token]:
    place = 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            _refuse(table, text[place : place + 40], "a quote is not closed, or a sign is unknown")
        kind, found = str(match.lastgroup), str(match.group(match.lastgroup or 0))
        if kind == "quoted":
            found = found[1:-1].replace(found[0] * 2, found[0])
        yield kind, found
        place = match.end()


def _is_word(token: Token, word: str) -> bool:
    return token[0] == "word" and token[1].casefold() == word


def _term(part: list[Token], table: Table) -> Term:
    """Read `column operator values`."""
    if not part:
        raise _wrong(table, "", "", "a term is missing behind `and`")
    name = part[0][1]
    column = table.by_name.get(name)
    if column is None:
        hint = f"{table.name} has no column {name!r}; it has {', '.join(table.names)}"
        raise _wrong(table, name, name, hint)
    words = [text.casefold() if kind in ("word", "sign") else text for kind, text in part[1:]]
    allows = f"column {name} ({column.kind}) allows {', '.join(operators(column))}"
    shown = " ".join(text for _, text in part)
    operator, used = _operator(words)
    if operator not in operators(column):
        raise _wrong(table, name, shown, f"{allows}; write `{name} operator value`")
    rest = part[1 + used :]
    if operator.endswith("blank"):
        given = []
        if rest:
            raise _wrong(table, name, shown, f"`{operator}` takes no value; {allows}")
    elif operator == "in":
        given = _listed(rest)
        if not given or len(given) > MOST_VALUES:
            hint = f"write `{name} in (a, b)` with 1 to {MOST_VALUES} values"
            raise _wrong(table, name, shown, hint)
    else:
        if len(rest) != 1 or rest[0][0] == "mark":
            hint = f"`{operator}` takes one value, in quotes where it has spaces; {allows}"
            raise _wrong(table, name, shown, hint)
        given = [rest[0][1]]
    try:
        return Term(column, operator, tuple(_value(column, text) for text in given))
    except ValueError:
        hint = f"{name} holds {allowed(column)}; {allows}"
        raise _wrong(table, name, shown, hint) from None


def _operator(words: list[str]) -> tuple[str, int]:
    """Return the operator that words begin with, and how many of them it takes."""
    for operator in (*ORDERED, *TEXTS):
        parts = operator.split()
        if words[: len(parts)] == parts:
            return operator, len(parts)
    return "", 0


def _listed(tokens: list[Token]) -> list[str]:
    """Return the values of `(a, b)`; none where it is written otherwise."""
    marks = [text for kind, text in tokens if kind == "mark"]
    values = [text for kind, text in tokens if kind != "mark"]
    wanted = ["(", *[","] * (len(values) - 1), ")"]
    outside = tokens[0][1:] + tokens[-1][1:] if tokens else ()
    in_turn = all((kind == "mark") == (at % 2 == 0) for at, (kind, _) in enumerate(tokens))
    return values if marks == wanted and outside == ("(", ")") and in_turn else []


def _value(column: Column, text: str) -> Any:
    """Return a value as the column holds it; ValueError where it is of another kind."""
    if column.kind in NUMERIC:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError(text)
        return number
    if column.kind == Kind.FLAG:
        if text.casefold() not in YES:
            raise ValueError(text)
        return YES[text.casefold()]
    if column.kind in TEMPORAL:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            raise ValueError(text)
        return moment
    return text


def _wrong(table: Table, column: str, value: str, hint: str) -> _Wrong:
    return _Wrong(Finding("filter", Severity.ERROR, table.name, None, column, value[:200], hint))


def _refuse(table: Table, value: str, hint: str, what: str = "filter") -> NoReturn:
    finding = Finding(what, Severity.ERROR, table.name, None, "", value[:200], hint)
    raise InputError(f"{what}: {hint}", [finding])
