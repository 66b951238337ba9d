"""`holdfast actuals`: what happened, loaded into a scenario, and measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.words import as_is


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="What happened: load it, measure it.", no_args_is_help=True)
    group.command("load")(load)
    group.command("measure")(measure)
    app.add_typer(group, name="actuals")


def load(
    scenario: Annotated[Path, typer.Argument(help="The scenario that was planned.")],
    actuals: Annotated[
        Path,
        typer.Argument(
            help="Folder, zip or workbook of receipts, deliveries, demand_history, returns,"
            " stock_counts."
        ),
    ],
    to: Annotated[Path, typer.Option("--out", help="Where the scenario goes.")],
    start: Annotated[str, typer.Option(help="First day of the next plan, as 2026-03-02.")] = "",
    lead_times: Annotated[
        bool,
        typer.Option("--lead-times", help="Set lead times that receipts contradict beyond chance."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write the scenario with what happened, so that the next plan begins from it."""
    import datetime as dt

    from scenarios import Conflict, InputError, Scenario
    from scenarios.actuals import load_actuals, refuse_wrong_rows, with_observed_lead_times
    from scenarios.files.reading import read_tables

    if to.exists():
        raise Conflict(f"{to} exists; name another place for the scenario")
    try:
        first = dt.date.fromisoformat(start) if start else None
    except ValueError:
        raise InputError(f"--start is a day as 2026-03-02, not {start!r}") from None
    parent = Scenario.load(scenario)
    happened = read_tables(actuals, parent.settings.zone)
    found = load_actuals(parent, happened, first)
    refuse_wrong_rows(parent, happened)
    if not found.rows:
        raise InputError(f"{actuals} holds none of the tables that tell what happened")
    if lead_times:
        found = with_observed_lead_times(found)
    written = found.scenario.save(to)
    if as_json:
        document = {"path": str(written), "rows": dict(found.rows), "notes": list(found.notes)}
        print_json({**document, "hash": found.scenario.content_hash})
        return Exit.FINE
    told = ", ".join(f"{count:,} of {name}" for name, count in found.rows.items())
    print_line(f"Loaded {told}. Written to {as_is(written)}.")
    for note in found.notes:
        print_line(note)
    return Exit.FINE


def measure(
    scenario: Annotated[Path, typer.Argument(help="The scenario, with what happened.")],
    plan: Annotated[
        Path | None, typer.Argument(help="Folder of the plan that came before.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure logistics, suppliers, forecasts, stock and cash; raise alarms on drift."""
    from optimizer.actuals import measure as ask
    from optimizer.plan import Plan, records
    from scenarios import Scenario

    made = None if plan is None else Plan.load(plan)
    found = ask(Scenario.load(scenario), made)
    if as_json:
        alarms = [
            {"series": a.series, "direction": a.direction, "since": a.since.date().isoformat(),
             "statistic": a.statistic}
            for a in found.alarms
        ]  # fmt: skip
        print_json({"measures": records(found.table()), "alarms": alarms})
        return Exit.FINE
    print_table(
        "What happened",
        ["measure", "scope", "value", "unit", "records"],
        [[r.measure, r.scope, f"{r.value:,.4g}", r.unit, r.n] for r in found.rows],
    )
    if found.alarms:
        print_table(
            "Drift (two-sided CUSUM, k 0.5, h 5)",
            ["series", "direction", "since", "statistic"],
            [[a.series, a.direction, f"{a.since:%Y-%m-%d}", a.statistic] for a in found.alarms],
        )
    return Exit.FINE
