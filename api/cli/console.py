"""What every command prints with: text for people, JSON for programs, errors for both."""

from __future__ import annotations

import json
import math
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.table import Table

    from scenarios.findings import Finding, Findings


PLAIN_WIDTH = 140  # columns, where the output is no terminal


class Exit(IntEnum):
    """Exit codes of every command."""

    FINE = 0
    GATE_FAILED = 1  # a gate failed, or no feasible plan
    BAD_INPUT = 2
    INTERRUPTED = 3
    INTERNAL = 4
    BUSY = 5  # another night is running


def out() -> Console:
    """Return a console on standard output."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=_width(sys.stdout))


def _width(stream: TextIO) -> int | None:
    """Return the columns to print in: the terminal's, or plenty where there is none."""
    return None if stream.isatty() else PLAIN_WIDTH


def err() -> Console:
    """Return a console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=_width(sys.stderr))


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table that fits the terminal; numbers are set flush right."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    held = [list(row) for row in rows]
    for place, heading in enumerate(headings):
        numeric = bool(held) and all(isinstance(row[place], (int, float)) for row in held)
        table.add_column(heading, justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*(escape(_shown(cell)) for cell in row))
    out().print(table)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:,.2f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def print_findings(findings: Findings, *, most: int = 40) -> None:
    """Print findings, worst first, and how many more there are of each rule."""
    from scenarios.findings import Severity

    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    kept = sorted(findings, key=lambda finding: order[finding.severity])
    if not kept:
        out().print("No findings.")
        return
    out().print(_findings_table(kept[:most]))
    seen = {severity: findings.total(severity) for severity in order}
    out().print(", ".join(f"{count:,} {severity}" for severity, count in seen.items()))


def _findings_table(findings: Sequence[Finding]) -> Table:
    """Return findings in three columns, so that they fit a terminal of 80."""
    from rich.markup import escape
    from rich.table import Table

    colours = {"error": "red", "warning": "yellow", "info": "cyan"}
    table = Table(header_style="bold", expand=False, show_lines=True)
    for heading, widest in (("finding", 24), ("where", 26), ("what to do", None)):
        table.add_column(heading, overflow="fold", max_width=widest)
    for finding in findings:
        severity = str(finding.severity)
        place = ".".join(part for part in (finding.table, finding.column) if part) or "scenario"
        where = place if finding.row is None else f"{place} row {finding.row}"
        if finding.value:
            where += f"\ngiven: {finding.value}"
        table.add_row(
            f"[{colours[severity]}]{severity}[/]\n{finding.code}",
            escape(where),
            escape(finding.hint),
        )
    return table
