"""`holdfast stress`: try a plan against what may go wrong, and judge it."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, err, out, print_json, print_table

if TYPE_CHECKING:
    from simulation.result import StressResult

SHOWN_CASES = 24


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stress")(stress)


def stress(
    scenario: Annotated[Path, typer.Argument(help="The scenario that the plan was made from.")],
    plan_dir: Annotated[Path, typer.Option("--plan", help="Folder of the plan.")],
    suite: Annotated[
        Path | None, typer.Option(help="TOML file of cases and gates; default: see the docs.")
    ] = None,
    replications: Annotated[
        int | None, typer.Option(help="How often each case is simulated.", min=1)
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the scenario's.", min=0)] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for the results; default: PLAN/stress.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Simulate a plan undisturbed and under every case of a suite; exit 1 if a gate fails."""
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.result import refuse_foreign
    from simulation.stress import stress as try_plan

    folder = refuse_foreign(plan_dir / "stress" if out_dir is None else out_dir)
    made = Plan.load(plan_dir)
    facts = Scenario.load(scenario)
    with _bar(quiet=as_json) as bar:
        task = bar.add_task("building the world", total=1.0)
        result = try_plan(
            facts,
            made,
            suite,
            replications=replications,
            seed=seed,
            progress=lambda _stage, share, case: bar.update(
                task, completed=share, description=case
            ),
        )
    result.save(folder)
    if as_json:
        print_json(stress_document(result, folder))
    else:
        print_stress(result, facts.settings.currency)
        out().print(f"\nThe results are in [bold]{folder}[/].", highlight=False)
    return Exit.FINE if result.passed else Exit.GATE_FAILED


def _bar(*, quiet: bool) -> Any:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = err()
    return Progress(
        BarColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=quiet or not console.is_terminal,
    )


def stress_document(result: StressResult, folder: Path) -> dict[str, Any]:
    """Return what `--json` prints: the verdict, and every figure of the whole network."""
    from optimizer.plan import records

    rows = result.tables["stress_results"]
    return result.document() | {
        "results": str(folder),
        "stress_results": records(rows[rows["scope"] == "all"]),
    }


def print_stress(result: StressResult, currency: str) -> None:
    """Print the summary that a planner reads: undisturbed, worst cases first, gates, limits."""
    console = out()
    console.print(
        f"[bold]Stress test[/] suite {result.suite}: {len(result.titles)} cases x"
        f" {result.replications} replications, {result.product_locations:,} product-locations,"
        f" {result.horizon_days} days; every unit accounted for. Intervals: 95 %."
    )
    rows = [
        ["fill rate (units served on the day)", _share(result, "baseline", "fill_rate")],
        ["cycle service (cycles without stockout)", _share(result, "baseline", "cycle_service")],
        ["worst day's service", _share(result, "baseline", "worst_day_service")],
        ["units short", _number(result, "baseline", "short_units")],
        [f"average stock ({currency})", _number(result, "baseline", "stock_value")],
        [f"operating cost ({currency})", _number(result, "baseline", "cost_operating")],
    ]
    rows += [
        [f"  {term}", _number(result, "baseline", f"cost_{term}")]
        for term in ("holding", "shortage", "ordering", "transport", "handling")
    ]
    rows.append([f"purchases ({currency})", _number(result, "baseline", "cost_purchase")])
    print_table("Undisturbed", ["figure", "mean and interval"], rows)
    _print_cases(result, currency)
    if result.verdicts:
        print_table(
            "Gates",
            ["case", "figure", "of", "gate", "mean", "shown", "holds"],
            [
                [v.case, v.gate.kpi, v.gate.scope, str(v.gate), f"{v.value:.4g}", f"{v.shown:.4g}",
                 "yes" if v.passed else "NO"]
                for v in result.verdicts
            ],
        )  # fmt: skip
        console.print("All gates hold." if result.passed else "[bold red]A gate failed.[/]")
    for note in result.notes:
        console.print(f"[dim]note:[/] {note}", highlight=False)


def _print_cases(result: StressResult, currency: str) -> None:
    """Print the cases, those that cost most service first."""
    from rich.markup import escape

    cases = [case for case in result.titles if case != "baseline"]
    cases.sort(key=lambda case: (result.value(case, "fill_rate_change")[0], case))
    if not cases:
        return
    rows: list[list[object]] = []
    for number, case in enumerate(cases[:SHOWN_CASES], start=1):
        lasting = result.value(case, "not_recovered")[0]
        days = f"{result.value(case, 'recovery_days')[0]:.1f}"
        rows.append(
            [
                number,
                _share(result, case, "fill_rate"),
                _points(result, case, "fill_rate_change"),
                _number(result, case, "short_units_change", sign="+"),
                _number(result, case, "cost_operating_change", sign="+"),
                f"{100 * result.value(case, 'worst_day_service')[0]:.1f} %",
                f"{days} ({100 * lasting:.0f} %)" if lasting else days,
            ]
        )
    headings = [
        "", "fill rate", "change", "units short", f"cost ({currency})", "worst day", "recovery",
    ]  # fmt: skip
    print_table("Worst cases first; changes against undisturbed, recovery in days", headings, rows)
    console = out()
    for number, case in enumerate(cases[:SHOWN_CASES], start=1):
        title = result.titles[case]
        console.print(f"{number:3}  [bold]{escape(case)}[/]  {escape(title)}", highlight=False)
    if len(cases) > SHOWN_CASES:
        console.print(f"... and {len(cases) - SHOWN_CASES} milder cases")
    if any(result.value(case, "not_recovered")[0] for case in cases):
        console.print("(%) beside recovery: replications not back by the end of the horizon")


def _share(result: StressResult, case: str, kpi: str) -> str:
    mean, low, high = result.value(case, kpi)
    return f"{100 * mean:.2f} %" + _give(50 * (high - low), 2)


def _points(result: StressResult, case: str, kpi: str) -> str:
    mean, low, high = result.value(case, kpi)
    return f"{100 * mean:+.2f}" + _give(50 * (high - low), 2)


def _number(result: StressResult, case: str, kpi: str, sign: str = "") -> str:
    mean, low, high = result.value(case, kpi)
    return format(mean, f"{sign},.0f") + _give((high - low) / 2, 0)


def _give(half: float, digits: int) -> str:
    return "" if isnan(half) else f" ± {half:,.{digits}f}"
