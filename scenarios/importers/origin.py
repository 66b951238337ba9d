"""Where every column of an imported scenario comes from, and the tables that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Origin(StrEnum):
    """How a column came to be."""

    REAL = "real"  # stands in the file, or is a public fact
    DERIVED = "derived"  # calculated from the file alone
    ASSUMED = "assumed"  # a documented rule, seeded where it draws


@dataclass(frozen=True, slots=True)
class Source:
    """Where one column comes from, and how."""

    origin: Origin
    rule: str


Provenance = Mapping[str, Mapping[str, Source]]


def real(rule: str) -> Source:
    """Return the source of a column that stands in the file."""
    return Source(Origin.REAL, rule)


def derived(rule: str) -> Source:
    """Return the source of a column that is calculated from the file alone."""
    return Source(Origin.DERIVED, rule)


def assumed(rule: str) -> Source:
    """Return the source of a column that a rule fills."""
    return Source(Origin.ASSUMED, rule)


def markdown_table(headings: list[str], rows: list[list[str]], flush: str) -> str:
    """Return a Markdown table; `flush` has l or r for each column."""
    marks = {"l": "---", "r": "---:"}
    lines = [headings, [marks[side] for side in flush], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def provenance_pages(provenance: Provenance) -> str:
    """Return how many columns are of which origin, and a Markdown table per table."""
    kinds = [source.origin for columns in provenance.values() for source in columns.values()]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in Origin)
    parts = [f"\n{len(provenance)} tables, {len(kinds)} columns: {counts}.\n"]
    for name, columns in provenance.items():
        rows = [[f"`{c}`", str(source.origin), source.rule] for c, source in columns.items()]
        parts.append(f"\n### {name}\n\n" + markdown_table(["column", "", "how"], rows, "lll"))
    return "".join(parts)
