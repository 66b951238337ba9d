"""HTML by which scenarios, plans and results show themselves in a notebook: small and escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from numbers import Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

MOST_ROWS = 12
BLANK = "–"
_NUMBER = ' style="text-align:right"'


def shown(value: object) -> str:
    """Return a cell as a reader sees it: blanks as a dash, numbers with at most two decimals."""
    if value is None or value != value or value == "":  # noqa: PLR0124 - NaN, NaT
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Real):
        number = float(value)
        if math.isinf(number):
            return BLANK
        return f"{number:,.0f}" if number == round(number) else f"{number:,.2f}"
    return str(value)


def html_table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[object]], most: int = MOST_ROWS
) -> str:
    """Return a table as HTML, every text escaped; of more than `most` rows the rest is counted."""
    listed = list(rows)
    head = "".join(f'<th style="text-align:left">{escape(name)}</th>' for name in headings)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{_NUMBER if isinstance(cell, Real) else ''}>{escape(shown(cell))}</td>"
            for cell in row
        )
        + "</tr>"
        for row in listed[:most]
    )
    more = f"<p>and {len(listed) - most:,} more</p>" if len(listed) > most else ""
    caption = f"<caption><b>{escape(title)}</b></caption>" if title else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def html_block(title: str, line: str, *parts: str) -> str:
    """Return a heading, a line of text and parts that are HTML already."""
    return f"<div><b>{escape(title)}</b><br>{escape(line)}{''.join(part for part in parts)}</div>"


def html_notes(notes: Iterable[str]) -> str:
    """Return notes as a list."""
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return f"<ul>{items}</ul>" if items else ""


def scenario_html(scenario: Scenario) -> str:
    """Return what a scenario holds: settings in a line, rows by table, what was noticed."""
    settings = scenario.settings
    line = (
        f"{settings.horizon_buckets} {settings.bucket}s from {settings.start_date},"
        f" {settings.currency}; {scenario.content_hash[:12]}"
    )
    tables = sorted(scenario.tables.items(), key=lambda item: (-len(item[1]), item[0]))
    rows = [(name, len(frame), len(frame.columns)) for name, frame in tables]
    found = [str(finding) for finding in scenario.findings][:5]
    return html_block(
        f"Scenario {settings.name}",
        line,
        html_table("", ["table", "rows", "columns"], rows),
        html_notes(found),
    )
