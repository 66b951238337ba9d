"""`holdfast demo-scenario`: write a built-in scenario to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.words import as_is

if TYPE_CHECKING:
    from scenarios.scenario import Scenario

FORMS = ("csv", "parquet", "xlsx", "json", "zip")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo-scenario")(demo_scenario)


def demo_scenario(
    name: Annotated[str, typer.Argument(help="corner-shop or double-eleven; see --list.")] = "",
    out_path: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write: a folder for csv and parquet, else a file."),
    ] = None,
    form: Annotated[
        str,
        typer.Option("--format", help="csv, parquet, xlsx, json, zip; default: by --out's ending."),
    ] = "",
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw another one; default: the documented seed.")
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the scenarios and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Write a built-in scenario: one to check by hand, one worth planning."""
    from scenarios import library
    from scenarios.errors import InputError

    if listed:
        _print_list(as_json=as_json)
        return Exit.FINE
    if not name:
        raise InputError(f"name a scenario: {', '.join(library.DESCRIPTIONS)}")
    if out_path is None:
        raise InputError("say where to write it, as in --out shop (a folder) or --out shop.xlsx")
    if form and form not in FORMS:
        raise InputError(f"--format is one of {', '.join(FORMS)}, not {form!r}")
    scenario = library.demo_scenario(name, seed)
    written = scenario.save(out_path, form)
    document = scenario_document(scenario, written)
    if as_json:
        print_json(document)
        return Exit.FINE
    _print_summary(scenario, written)
    return Exit.FINE


def scenario_document(scenario: Scenario, written: Path) -> dict[str, Any]:
    """Return what `--json` prints of a scenario that was written."""
    return {
        "name": scenario.settings.name,
        "path": str(written),
        "content_hash": scenario.content_hash,
        "seed": scenario.settings.seed,
        "tables": {table: len(frame) for table, frame in scenario.tables.items()},
    }


def _print_list(*, as_json: bool) -> None:
    from scenarios.library import DESCRIPTIONS

    if as_json:
        print_json([{"name": name, "about": about} for name, about in DESCRIPTIONS.items()])
        return
    print_table("Built-in scenarios", ["name", "what it is"], DESCRIPTIONS.items())


def _print_summary(scenario: Scenario, written: Path) -> None:
    from scenarios.tables import TABLES

    settings = scenario.settings
    print_line(
        f"{as_is(settings.name)}  start {settings.start_date}, {settings.horizon_buckets}"
        f" {settings.bucket}s, {settings.currency}, seed {settings.seed}",
        bold=True,
    )
    groups: dict[str, list[str]] = {}
    for table, frame in scenario.tables.items():
        groups.setdefault(TABLES[table].group, []).append(f"{table} {len(frame):,}")
    rows = sum(len(frame) for frame in scenario.tables.values())
    title = f"{len(scenario.tables)} tables, {rows:,} rows"
    print_table(title, ["group", "tables and rows"], [(g, ", ".join(t)) for g, t in groups.items()])
    print_line(f"\nWritten to {as_is(written)}, hash {scenario.content_hash[:12]}.")
    print_line(f"Next: holdfast plan {as_is(written)} --out plan")
