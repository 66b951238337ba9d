"""Which heading of a file means which column of a contract."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from scenarios.findings import Findings, Severity
from scenarios.normalise.width import fold_width, trim
from scenarios.tables import TABLES, Table


@dataclass(frozen=True, slots=True)
class Names:
    """What a heading or a table may be called: exactly, and by its folded form.

    Attributes
    ----------
    exact : name by every way to write it, the English one first
    folded : name by folded form; "" where two names share it
    """

    exact: Mapping[str, str]
    folded: Mapping[str, str]

    def find(self, given: str) -> str | None:
        """Return the name that is meant; exact matches go before folded ones."""
        given = trim(given)
        if given in self.exact:
            return self.exact[given]
        return self.folded.get(fold_name(given)) or None

    def near(self, given: str) -> str:
        """Return a phrase that proposes the closest name, or ""."""
        close = difflib.get_close_matches(fold_name(given), list(self.folded), n=1, cutoff=0.72)
        return f"is {self.folded[close[0]]!r} meant? " if close and self.folded[close[0]] else ""


def fold_name(given: str) -> str:
    """Return a heading without case, width, joints and the star of a required column."""
    folded = fold_width(given).casefold()
    return re.sub(r"[\s_\-*:.,()\[\]/]+", "", folded)


def names_of(ways: Sequence[tuple[str, Sequence[str]]]) -> Names:
    """Return names by every way to write them; each name comes with its ways, best first."""
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    ranks = max(len(others) for _, others in ways)
    for rank in range(ranks):  # all English names, then all Chinese ones, then the others
        for name, others in ways:
            if rank < len(others):
                exact.setdefault(others[rank], name)
                key = fold_name(others[rank])
                folded[key] = name if folded.get(key, name) == name else ""
    return Names(exact, folded)


@cache
def column_names(table: str) -> Names:
    """Return what the columns of a table may be called."""
    return names_of([(c.name, (c.name, c.zh, *c.also)) for c in TABLES[table].columns])


@lru_cache(maxsize=1)
def table_names() -> Names:
    """Return what tables may be called as files and sheets."""
    return names_of([(table.name, (table.name, table.zh)) for table in TABLES.values()])


def match_headings(
    headings: Sequence[str],
    filled: Sequence[bool],
    table: Table,
    findings: Findings,
    row: int | None,
) -> dict[str, int]:
    """Match the headings of a file to the columns of a contract.

    Parameters
    ----------
    headings : as the file has them
    filled : whether the column below holds anything
    row : row of the headings as the planner counts it

    Returns
    -------
    places : position of each column that was found, in the order of the contract
    """
    names = column_names(table.name)
    found: dict[str, list[int]] = {}
    for place, heading in enumerate(headings):
        given = trim(heading)
        if not given:
            if filled[place]:
                findings.add(
                    "column_without_heading",
                    Severity.WARNING,
                    f"column {place + 1} holds values but has no heading; it is not read",
                    table=table.name,
                    row=row,
                )
            continue
        name = names.find(given)
        if name is None:
            findings.add(
                "unknown_column",
                Severity.WARNING,
                f"{names.near(given)}the column is not read",
                table=table.name,
                column=given,
                row=row,
                value=given,
            )
            continue
        found.setdefault(name, []).append(place)
        column = table.by_name[name]
        if given not in {column.name, column.zh}:
            findings.add(
                "heading_recognised",
                Severity.INFO,
                f"the heading was read as {name}",
                table=table.name,
                column=name,
                row=row,
                value=given,
            )
    for name, places in found.items():
        if len(places) > 1:
            given = " and ".join(repr(trim(headings[place])) for place in places)
            findings.add(
                "duplicate_heading",
                Severity.ERROR,
                f"{given} all mean {name}; keep one of them",
                table=table.name,
                column=name,
                row=row,
                value=trim(headings[places[1]]),
            )
    return {column.name: found[column.name][0] for column in table.columns if column.name in found}
