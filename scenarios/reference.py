"""The reference of tables, written from their contracts: `python -m scenarios.reference PAGE`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path

from scenarios.settings import DEFAULT_SERVICE_TARGETS, SETTING_DEFAULTS, Settings
from scenarios.tables import NUMERIC, TABLES, Column, Kind, Table

HEADINGS = (
    "Column",
    "Heading (中文)",
    "Type",
    "Unit",
    "Required",
    "Blank stands for",
    "Allowed",
    "Refers to",
    "Meaning",
)
TYPES = {
    Kind.ID: "id",
    Kind.TEXT: "text",
    Kind.NUMBER: "number",
    Kind.INTEGER: "whole number",
    Kind.FLAG: "yes / no",
    Kind.DATE: "date",
    Kind.MOMENT: "date and time",
    Kind.CLOCK: "time of day",
    Kind.CHOICE: "choice",
}
INTRODUCTION = """\
# The scenario: tables, columns, units

A scenario is a set of tables and a few settings. It comes as a folder of CSV or Parquet files, a
zip of it, an Excel workbook with one sheet a table, or one JSON document; all hold the same.
`products`, `sites`, `inventory` and one of `demand_history`, `forecasts`, `orders` are enough to
start; each further table switches on what it feeds.

Headings may be English or Chinese. Units are fixed: they stand in the column's name and below.
Quantities are base selling units; money is in the scenario's currency, major units; times are
local to its time zone. Ids are text and kept exactly. **Bold** columns make up the table's key;
a key column that is not required may be blank. A blank is not known, or no limit, unless the
column "Blank stands for" says what it means; missing is never zero.

This page is written from the contracts by `python -m scenarios.reference docs/scenario.md`.
"""


def page(introduction: str, tables: Iterable[Table], after: str = "") -> str:
    """Return the reference of some tables as Markdown.

    Parameters
    ----------
    introduction : Markdown with the page's heading
    tables : in the order in which they are to stand; those of one group follow each other
    after : Markdown that stands at the end
    """
    listed = list(tables)
    parts = [introduction.rstrip() + "\n", _contents(listed)]
    for group, members in groupby(listed, key=lambda table: table.group):
        parts.append(f"## {group[:1].upper()}{group[1:]}\n")
        parts += [section(table) for table in members]
    if after:
        parts.append(after.rstrip() + "\n")
    return "\n".join(parts)


def _contents(tables: Sequence[Table]) -> str:
    lines = []
    for group, members in groupby(tables, key=lambda table: table.group):
        names = ", ".join(f"[{table.name}](#{table.name})" for table in members)
        lines.append(f"- {group[:1].upper()}{group[1:]}: {names}")
    return "\n".join(lines) + "\n"


def section(table: Table) -> str:
    """Return the reference of one table as Markdown."""
    key = ", ".join(f"`{name}`" for name in table.key) or "none: rows are not told apart"
    lines = [
        f"### {table.name}",
        "",
        f"{table.zh} - {table.help}",
        "",
        f"Key: {key}",
        "",
        _row(HEADINGS),
        _row(["---"] * len(HEADINGS)),
    ]
    lines += [_row(_cells(column)) for column in table.columns]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _cells(column: Column) -> list[str]:
    name = f"**`{column.name}`**" if column.key else f"`{column.name}`"
    also = f" ({', '.join(column.also)})" if column.also else ""
    return [
        name,
        column.zh + also,
        TYPES[column.kind],
        column.unit,
        "yes" if column.required else "",
        _blank(column),
        _allowed(column),
        " or ".join(f"`{place}`" for place in column.references),
        column.help,
    ]


def _blank(column: Column) -> str:
    if column.default is None:
        return column.rule
    if isinstance(column.default, bool):
        return "yes" if column.default else "no"
    return f"{column.default:g}" if isinstance(column.default, float) else str(column.default)


def _allowed(column: Column) -> str:
    from scenarios.validation.cells import allowed_range

    if column.kind == Kind.CHOICE:
        return ", ".join(f"`{choice}`" for choice in column.choices)
    if column.kind not in NUMERIC:
        return ""
    told = allowed_range(column)
    if column.plausible is not None:
        low, high = column.plausible
        told += f"; plausible {low:g} to {high:g}"
    return told


def settings_section() -> str:
    """Return the reference of the settings as Markdown."""
    from scenarios.files.settings_form import SETTING_COLUMNS, TARGET_COLUMN

    schema = Settings.model_json_schema()["properties"]
    place = (
        "A file `settings.toml`, the first sheet (key, value), or the object `settings` of a JSON"
        " document; a service target is written `service_targets.A`."
    )
    headings = ["Setting", "Heading (中文)", "Required", "Blank stands for", "Allowed", "Meaning"]
    lines = ["## Settings", "", place, "", _row(headings), _row(["---"] * len(headings))]
    targets = ", ".join(f"{name} {value:g}" for name, value in DEFAULT_SERVICE_TARGETS.items())
    for column in (*SETTING_COLUMNS, TARGET_COLUMN):
        blank = SETTING_DEFAULTS.get(column.name, "")
        cells = [
            f"`{column.name}`",
            column.zh,
            "yes" if column.required else "",
            f"{blank:g}" if isinstance(blank, float) else str(blank),
            _allowed_setting(schema[column.name]),
            column.help,
        ]
        if column is TARGET_COLUMN:
            cells[3:5] = [targets, "above 0, below 1"]
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def _allowed_setting(told: dict[str, object]) -> str:
    if "anyOf" in told:
        told = told["anyOf"][0]  # type: ignore[index]
    if "enum" in told:
        return ", ".join(f"`{choice}`" for choice in told["enum"])  # type: ignore[attr-defined]
    bounds = [
        f"{word} {told[name]:,.15g}"
        for name, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if name in told and told[name] < 2**53  # type: ignore[operator]
    ]
    return ", ".join(bounds)


def rules_section() -> str:
    """Return what validation may say, as Markdown."""
    from scenarios.validation import GROUPS

    told = (
        "`holdfast validate PATH` reads a scenario and lists everything at once; it exits 0 without"
        " errors and 2 with. An error stops a plan: a duplicate key, a broken reference, an"
        " impossible value. A warning is planned around, and what it names may end up in"
        " `unserved`. `--mark COPY.xlsx` writes a workbook with the cells marked."
    )
    lines = ["## What validation says", "", told, ""]
    for group in GROUPS:
        lines += [f"### Rules on {group.protects}", "", _row(["Code", "Severity", "What is wrong"])]
        lines.append(_row(["---"] * 3))
        lines += [_row([f"`{n.code}`", str(n.severity), n.what]) for n in group.notices]
        lines.append("")
    return "\n".join(lines)


def scenario_page() -> str:
    """Return the reference of scenarios: settings, tables, rules."""
    introduction = INTRODUCTION + "\n" + settings_section()
    return page(introduction, TABLES.values(), rules_section())


def main(arguments: Sequence[str]) -> None:
    """Write the reference of scenarios to the path given."""
    if len(arguments) != 1:
        raise SystemExit("usage: python -m scenarios.reference docs/scenario.md")
    path = Path(arguments[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(scenario_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
