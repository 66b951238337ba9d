"""`holdfast diff`: what differs between two scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line, print_table

if TYPE_CHECKING:
    from scenarios.deltas import Diff

MOST_SHOWN = 60


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("diff")(diff)


def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="Scenario before.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Scenario after.")],
    most: Annotated[int, typer.Option(min=1, help="Differences to print.")] = MOST_SHOWN,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON document, with deltas from A to B."),
    ] = False,
) -> int:
    """Show which settings, rows and cells differ between two scenarios."""
    from scenarios import deltas
    from scenarios.scenario import Scenario

    before, after = Scenario.load(first), Scenario.load(second)
    found = deltas.diff(before, after)
    if as_json:
        hashes = {"a": before.content_hash, "b": after.content_hash}
        print_json(hashes | _document(found))
    else:
        _print(found, same=before.content_hash == after.content_hash, most=most)
    return Exit.FINE


def _document(found: Diff) -> dict[str, Any]:
    from scenarios.deltas.compare import records

    return {
        "settings": [{"name": name, "old": old, "new": new} for name, old, new in found.settings],
        "tables": {
            name: {
                "added": records(part.added, blanks=False),
                "removed": records(part.removed, blanks=False),
                "changed": [
                    {"key": key, "column": column, "old": old, "new": new}
                    for key, column, old, new in zip(
                        records(part.changed[part.key]),
                        part.changed["_column"],
                        part.changed["_old"],
                        part.changed["_new"],
                        strict=True,
                    )
                ],
                "reordered": part.reordered,
            }
            for name, part in found.tables.items()
        },
        "deltas": [delta.document() for delta in found.deltas()],
    }


def _print(found: Diff, *, same: bool, most: int) -> None:
    if same:
        print_line("The scenarios are the same.")
        return
    counts = [
        [name, len(part.added), len(part.removed), len(part.changed), part.reordered]
        for name, part in found.tables.items()
    ]
    if found.settings:
        counts.insert(0, ["settings", 0, 0, len(found.settings), False])
    headings = ["table", "rows added", "rows removed", "cells changed", "other order"]
    print_table("Differences", headings, counts)
    frame = found.frame()
    rows = [
        [row.table, row.key, row.change, row.column, _shown(row.old), _shown(row.new)]
        for row in frame.head(most).itertuples()
    ]
    if rows:
        print_table("Details", ["table", "key", "change", "column", "before", "after"], rows)
    if len(frame) > most:
        print_line(f"{len(frame) - most:,} more are not shown; --json lists them all.")


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.10g}" if isinstance(value, float) else str(value)
