"""`holdfast replay`: the last recorded days again, planned night by night."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.words import as_is


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("replay")(replay)


def replay(
    scenario: Annotated[str, typer.Argument(help="A scenario, or the name of a built-in one.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the report.")],
    days: Annotated[int, typer.Option(help="Days to live again.", min=1, max=730)] = 60,
    seed: Annotated[int | None, typer.Option(help="Default: the scenario's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Plan each night, live the recorded day, load it, plan again; against rules and foresight."""
    from optimizer.replay import replay as live
    from scenarios import Scenario
    from scenarios.library import demo_scenario

    facts = Scenario.load(Path(scenario)) if Path(scenario).exists() else demo_scenario(scenario)
    report = live(facts, days, seed=seed)
    out_dir.mkdir(parents=True, exist_ok=True)
    document = {"scenario": facts.settings.name, **report.document()}
    text = json.dumps(document, ensure_ascii=False, indent=2)
    (out_dir / "replay.json").write_text(text + "\n", encoding="utf-8")
    report.table().to_csv(out_dir / "days.csv", index=False)
    if as_json:
        print_json(document)
        return Exit.FINE
    currency = facts.settings.currency
    names = [arm.name for arm in report.arms]
    rows: list[list[object]] = [
        ["fill rate", *(f"{arm.fill_rate:.4f}" for arm in report.arms)],
        [f"cost ({currency})", *(arm.cost for arm in report.arms)],
    ]
    rows += [[f"  {t}", *(arm.terms[t] for arm in report.arms)] for t in report.arms[0].terms]
    rows += [
        [f"mean stock value ({currency})", *(arm.stock_value for arm in report.arms)],
        ["turnover days", *(_known(arm.turnover_days) for arm in report.arms)],
        ["nights audited", *(arm.nights_audited for arm in report.arms)],
    ]
    print_table(f"{report.days} days from {report.start:%Y-%m-%d}", ["", *names], rows)
    for note in report.notes:
        print_line(note)
    print_line(f"\nThe report is in {as_is(out_dir)}.")
    return Exit.FINE


def _known(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f}"
