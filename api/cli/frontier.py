"""`holdfast frontier`: plans of one scenario, from the cheapest to the one that emits least."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.words import language as spoken_language
from api.cli.words import told


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("frontier")(frontier)


def frontier(
    scenario: Annotated[Path, typer.Argument(help="Folder, zip, workbook or JSON.")],
    co2: Annotated[bool, typer.Option("--co2", help="Cost against CO2e.")] = False,
    points: Annotated[int, typer.Option(help="Plans to make, at least 2.")] = 6,
    stages: Annotated[str, typer.Option(help="Stages, joined by commas.")] = "",
    work: Annotated[float | None, typer.Option(help="Deterministic work of each plan.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every random choice.")] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Write a picture (SVG) to this file.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the picture: en or zh; default: --lang.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Show what emitting less costs: plans that no other one beats, and a proven floor."""
    from optimizer.frontier import co2_frontier
    from optimizer.frontier_chart import WORDS, frontier_svg
    from scenarios import InputError, Scenario

    if not co2:
        raise InputError("say what to hold against cost: --co2")
    language = spoken_language(language)
    if language not in WORDS:
        raise InputError(f"--language is en or zh, not {language}")
    names = [part.strip() for part in stages.split(",") if part.strip()] or None
    found = co2_frontier(Scenario.load(scenario), points, names, work=work, seed=seed)
    if picture is not None:
        picture.write_text(frontier_svg(found, language), encoding="utf-8")
    if as_json:
        print_json(found.document())
        return Exit.FINE
    print_table(
        f"Cost against CO2e ({found.currency}): {len(found.points)} plans that no other one beats",
        ["price per tonne", "cost", "at least", "gap %", "CO2e, kg", "a kg less costs"],
        [
            [
                f"{point.price_per_tonne:,.2f}",
                f"{point.cost:,.2f}",
                told("not known") if point.cost_at_least is None else f"{point.cost_at_least:,.2f}",
                "" if point.gap_pct is None else f"{point.gap_pct:.2f}",
                f"{point.co2_kg:,.3f}",
                "" if before is None
                else f"{(point.cost - before.cost) / (before.co2_kg - point.co2_kg):,.2f}",
            ]
            for before, point in zip((None, *found.points), found.points, strict=False)
        ],
    )  # fmt: skip
    if found.beaten:
        print_line(f"{len(found.beaten)} more plans are beaten by these.")
    for note in found.notes:
        print_line(note)
    return Exit.FINE
