"""`holdfast harden`: the cheapest changes found that make a plan pass its suite."""

from __future__ import annotations

import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, out, print_json, print_line, print_table
from api.cli.words import as_is, named, told

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.harden import Hardening


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("harden")(harden)


def harden(
    scenario: Annotated[Path, typer.Argument(help="The scenario.")],
    suite: Annotated[Path, typer.Option(help="TOML file of cases and gates.")],
    plan_dir: Annotated[
        Path | None, typer.Option("--plan", help="Folder of its plan; default: it is planned now.")
    ] = None,
    kinds: Annotated[
        str, typer.Option(help="Changes to search, joined by commas; default: all kinds.")
    ] = "",
    budget: Annotated[
        float | None, typer.Option(help="Most money that the changes may cost over the horizon.")
    ] = None,
    replications: Annotated[int | None, typer.Option(help="Of the last round.", min=2)] = None,
    trials: Annotated[
        int, typer.Option(help="Most trials of a choice: the work limit.", min=2)
    ] = 60,
    seconds: Annotated[float | None, typer.Option(help="Wall seconds for the search.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the suite's.", min=0)] = None,
    out_file: Annotated[
        Path, typer.Option("--out", help="File for the result, with the deltas to apply.")
    ] = Path("harden.json"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Search second sources, buffers, capacity and order frequency; exit 1 if nothing passes."""
    from api.cli.plan import stop_on_interrupt
    from api.cli.progress import StageBars
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.harden import harden as search
    from simulation.levers import KINDS
    from simulation.suites import load_suite

    facts = Scenario.load(scenario)
    wanted = load_suite(suite, facts)
    stop = stop_on_interrupt()
    with StageBars(quiet=as_json) as bars:
        bars.show("harden", 0.0, "planning")
        made = _planned(facts) if plan_dir is None else Plan.load(plan_dir)
        found = search(
            facts, made, wanted,
            kinds=[part.strip() for part in kinds.split(",") if part.strip()] or KINDS,
            budget=budget, replications=replications, most_trials=trials, seconds=seconds,
            seed=seed, progress=bars.show, cancelled=stop.is_set,
        )  # fmt: skip
    out_file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(found.document(), indent=2, ensure_ascii=False, allow_nan=False)
    out_file.write_text(text + "\n", encoding="utf-8")
    if as_json:
        print_json(found.document())
    else:
        print_hardening(found, facts.settings.currency)
        out().print()
        print_line(f"The result is in {as_is(out_file)}.")
        if found.deltas:
            print_line(
                f"Next: holdfast apply {as_is(scenario)} {as_is(out_file)} --out hardened; plan it."
            )
    if stop.is_set():
        return Exit.INTERRUPTED
    return Exit.FINE if found.passed else Exit.GATE_FAILED


def _planned(facts: Scenario) -> Plan:
    """Plan what hardening needs: a forecast, where there is history, and replenishment."""
    from optimizer.pipeline import plan
    from optimizer.stages import missing_tables

    stages = [name for name in ("forecasting", "replenishment") if not missing_tables(facts, name)]
    return plan(facts, stages)


def print_hardening(found: Hardening, currency: str) -> None:
    """Print the best choice, what each change adds, the frontier, and what stays out of reach."""
    rows: list[list[object]] = [
        [number, f"{trial.cost.mean:+,.0f}" + _give(trial.cost.half_width),
         f"{100 * trial.margin:+.1f} %", told("yes" if trial.passed else "NO"), trial.replications]
        for number, (trial, _titles) in enumerate(found.frontier, start=1)
    ]  # fmt: skip
    print_table(
        "Frontier: what resilience costs beyond the plan, undisturbed",
        ["", f"cost ({currency})", "tightest gate", "passes", "replications"], rows,
    )  # fmt: skip
    before: set[str] = set()
    for number, (_trial, titles) in enumerate(found.frontier, start=1):
        more = [title for title in titles if title not in before]
        less = [title for title in before if title not in titles]
        said = "; ".join(map(told, more)) or told("no more")
        left = told(f" (without {len(less)} of those before)") if less else ""
        lead = told("no change") if not titles else f"+ {said}" if before else said
        print_line(f"{number:3}  {lead}{left}")
        before = set(titles)
    if found.contributions:
        print_table(
            "Each change's own part: the choice without it",
            ["change", f"saves ({currency})", "gates missed by", "passes without"],
            [
                [told(own.title), f"{own.saves:+,.0f}", f"{100 * own.gap:.1f} %",
                 told("yes" if own.passes_without else "NO")]
                for own in found.contributions
            ],
        )  # fmt: skip
    if found.shortfalls:
        print_table(
            "Gates that the best choice misses",
            ["gate", "shown", "closest of all trials", "by"],
            [
                [own.gate, f"{own.best:.4g}", f"{own.closest:.4g}",
                 f"{len(own.titles)} {told('changes')}" if len(own.titles) != 1
                 else told(own.titles[0])]
                for own in found.shortfalls
            ],
        )  # fmt: skip
    changes = "; ".join(map(told, found.titles)) or told("none")
    cost = f"{found.best.cost.mean:+,.0f}{_give(found.best.cost.half_width)} {currency}"
    status = named(found.status).capitalize()
    print_line(f"{status} after {found.trials} trials, at {cost}. Changes: {changes}")
    for note in found.notes:
        print_line(note, label=told("note"))


def _give(half: float) -> str:
    return "" if isnan(half) or half == 0.0 else f" ± {half:,.0f}"
