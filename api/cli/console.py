"""What every command prints with: text for people, JSON for programs, errors for both."""

from __future__ import annotations

import json
import math
import sys
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TextIO

from api.cli.words import column, hint, labelled, named, told

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
    CLOSED_PIPE = 141  # whoever read the output has gone, as of `| head`; shells know it so


def out() -> Console:
    """Return a console on standard output."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, width=_width(sys.stdout))


def _width(stream: TextIO) -> int | None:
    """Return the columns to print in: the terminal's, or plenty where there is none."""
    return None if stream.isatty() else PLAIN_WIDTH


def err() -> Console:
    """Return a console on standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, width=_width(sys.stderr))


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    plain = not str(getattr(sys.stdout, "encoding", None) or "utf-8").lower().startswith("utf")
    sys.stdout.write(json.dumps(document, ensure_ascii=plain, indent=2, default=str) + "\n")


def print_line(text: str, *, bold: bool = False, label: str = "") -> None:
    """Print a sentence in the language of the command.

    Parameters
    ----------
    bold : print it in bold letters
    label : what is printed before it in dim ones, as a stage or "note"
    """
    from rich.text import Text

    line = Text(told(text), style="bold" if bold else "")
    out().print(Text.assemble((labelled(label, ""), "dim"), line) if label else line)


def print_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table that fits the terminal; numbers are set flush right."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(told(title)), title_justify="left", header_style="bold")
    held = [list(row) for row in rows]
    for place, heading in enumerate(headings):
        numeric = bool(held) and all(isinstance(row[place], (int, float)) for row in held)
        table.add_column(told(heading), justify="right" if numeric else "left", overflow="fold")
    for row in held:
        table.add_row(*(escape(_shown(cell)) for cell in row))
    out().print(table)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return told("yes" if cell else "no")
    if isinstance(cell, float):
        return "" if math.isnan(cell) else f"{cell:,.2f}"
    if isinstance(cell, int):
        return f"{cell:,}"
    return str(cell)


def print_findings(findings: Findings, *, most: int = 40) -> int:
    """Print findings, worst first, those alike in one line; return how many are not shown."""
    from scenarios.findings import Severity

    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    kept = _together(sorted(findings, key=lambda finding: order[finding.severity]))
    if not kept:
        print_line("No findings.")
        return 0
    out().print(_findings_table(kept[:most]))
    error, warning, info = (findings.total(severity) for severity in order)
    print_line(f"{error:,} error, {warning:,} warning, {info:,} info")
    return sum(len(rest) + 1 for _, rest in kept[most:])


def _together(findings: Iterable[Finding]) -> list[tuple[Finding, list[int]]]:
    """Return findings, of those alike in several rows the first with the rows of the others."""
    seen: dict[tuple[str, ...], tuple[Finding, list[int]]] = {}
    for finding in findings:
        what = (finding.code, finding.table, finding.column, finding.value, finding.hint)
        if what in seen and finding.row is not None:
            seen[what][1].append(finding.row)
        else:
            seen[what] = (finding, [])
    return list(seen.values())


def place(finding: Finding) -> str:
    """Say where a finding is: products.unit_cost row 7."""
    where = column(finding.table, finding.column) or told("scenario")
    return where if finding.row is None else f"{where} {told(f'row {finding.row}')}"


def _findings_table(findings: Sequence[tuple[Finding, list[int]]]) -> Table:
    """Return findings in three columns, so that they fit a terminal of 80."""
    from rich.markup import escape
    from rich.table import Table

    colours = {"error": "red", "warning": "yellow", "info": "cyan"}
    table = Table(header_style="bold", expand=False, show_lines=True)
    for heading, widest in (("finding", 26), ("where", 26), ("what to do", None)):
        table.add_column(told(heading), overflow="fold", max_width=widest)
    for finding, rows in findings:
        severity = str(finding.severity)
        where = place(finding)
        if rows:
            where += "\n" + told(f"and {len(rows):,} more rows, as {rows[0]}")
        if finding.value:
            where += f"\n{labelled(told('given'), finding.value)}"
        table.add_row(
            f"[{colours[severity]}]{named(severity)}[/]\n{finding.code}",
            escape(where),
            escape(hint(finding)),
        )
    return table
