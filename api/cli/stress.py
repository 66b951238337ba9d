"""`holdfast stress`: try a plan against what may go wrong, and judge it."""

from __future__ import annotations

from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, err, out, print_json, print_table

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.exposure import Scan
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
    precision: Annotated[
        str,
        typer.Option(help="As 5%: replicate until the mean lost margin of every case is so sure."),
    ] = "",
    seed: Annotated[int | None, typer.Option(help="Seed; default: the scenario's.", min=0)] = None,
    only: Annotated[
        list[str] | None, typer.Option("--case", help="Only this case; may be repeated.")
    ] = None,
    drill: Annotated[
        list[str] | None,
        typer.Option(help="Run every case without and with this playbook; may be repeated."),
    ] = None,
    scan: Annotated[
        bool, typer.Option("--scan", help="Lose every supplier, site and lane in turn instead.")
    ] = False,
    products: Annotated[
        int,
        typer.Option(help="Of --scan: simulate at most so many products.", min=1),
    ] = 1000,
    pictures: Annotated[
        Path | None, typer.Option(help="Folder for pictures (needs matplotlib).")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="File for the gates as JUnit XML.")] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Folder for the results; default: PLAN/stress.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Simulate a plan undisturbed and under every case of a suite; exit 1 if a gate fails."""
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.junit import write_junit
    from simulation.result import refuse_foreign
    from simulation.stress import stress as try_plan

    folder = refuse_foreign(plan_dir / "stress" if out_dir is None else out_dir)
    made = Plan.load(plan_dir)
    facts = Scenario.load(scenario)
    if scan:
        return _scan(facts, made, products, seed, folder, pictures, as_json=as_json)
    with progress_bar(quiet=as_json) as bar:
        task = bar.add_task("building the world", total=1.0)
        result = try_plan(
            facts,
            made,
            suite,
            replications=replications,
            seed=seed,
            precision=_share_of(precision),
            only=only or (),
            drill=drill or (),
            progress=lambda _stage, share, case: bar.update(
                task, completed=share, description=case
            ),
        )
    result.save(folder)
    if junit is not None:
        write_junit(junit, result.suite, result.verdicts)
    if pictures is not None:
        from simulation.pictures import draw_stress

        drawn = draw_stress(result, facts.settings.currency, pictures)
    else:
        drawn = []
    if as_json:
        print_json(stress_document(result, folder))
    else:
        print_stress(result, facts.settings.currency)
        out().print(f"\nThe results are in [bold]{folder}[/].", highlight=False)
        for path in drawn:
            out().print(f"Drawn: {path}", highlight=False)
    return Exit.FINE if result.passed else Exit.GATE_FAILED


def _share_of(text: str) -> float | None:
    """Read a share as 5% or 0.05; None where nothing is given."""
    from scenarios import InputError

    if not text.strip():
        return None
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        raise InputError(f"--precision is a share as 5% or 0.05, not {text!r}") from None
    return number / 100.0 if text.strip().endswith("%") else number


def _scan(
    facts: Scenario, made: Plan, products: int, seed: int | None, folder: Path,
    pictures: Path | None, *, as_json: bool,
) -> int:  # fmt: skip
    """Lose every node in turn; print, save and draw the ranking."""
    from simulation.resilience import save_scan, scan_document, scan_plan

    with progress_bar(quiet=as_json) as bar:
        task = bar.add_task("building the world", total=1.0)
        found = scan_plan(
            facts, made, products=products, seed=seed,
            progress=lambda _stage, share, message: bar.update(
                task, completed=share, description=message
            ),
        )  # fmt: skip
    save_scan(found, facts.content_hash, folder)
    drawn = []
    if pictures is not None:
        from simulation.pictures import draw_scan

        drawn = draw_scan(found, facts.settings.currency, pictures)
    if as_json:
        print_json(scan_document(found) | {"results": str(folder)})
        return Exit.FINE
    print_scan(found, facts.settings.currency)
    out().print(f"\nThe results are in [bold]{folder}[/].", highlight=False)
    for path in drawn:
        out().print(f"Drawn: {path}", highlight=False)
    return Exit.FINE


def print_scan(found: Scan, currency: str) -> None:
    """Print the most exposed nodes."""
    rows: list[list[object]] = []
    for row in found.table.head(SHOWN_CASES).itertuples(index=False):
        give = _give((row.high - row.low) / 2, 0)
        rows.append(
            [row.node, f"{row.recovery_days:g}", _days(row.noticed_days, "never"),
             _days(row.tts_days, ""), _days(row.service_recovery_days, "not back"),
             f"{row.short_units:,.0f}", f"{row.impact:,.0f}{give}", f"{row.index:.2f}"]
        )  # fmt: skip
    headings = [
        "node lost", "for days", "noticed after", "outage survived", "service back after",
        "units short", f"impact ({currency})", "index",
    ]  # fmt: skip
    print_table(f"{len(found.table)} nodes lost in turn, the worst first", headings, rows)
    for note in found.notes:
        out().print(f"[dim]note:[/] {note}", highlight=False)


def _days(days: float, blank: str) -> str:
    return blank if isnan(days) else f"{days:.0f}"


def progress_bar(*, quiet: bool) -> Any:
    """Return a progress bar on standard error; silent where that is no terminal."""
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
    _print_tails(result, currency)
    _print_drills(result)
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


def _print_tails(result: StressResult, currency: str) -> None:
    """Print how lost margin is spread, the worst tail first."""
    cases = sorted(
        result.titles, key=lambda case: (-result.value(case, "lost_margin_cvar95")[0], case)
    )
    rows: list[list[object]] = [
        [case,
         *(f"{result.value(case, f'lost_margin_{figure}')[0]:,.0f}" for figure in ("p5", "p50")),
         _number(result, case, "lost_margin_p95"), _number(result, case, "lost_margin_cvar95"),
           f"{100 * result.value(case, 'service_miss')[0]:.0f} %"]
        for case in cases[:SHOWN_CASES]
    ]  # fmt: skip
    headings = ["case", "P5", "median", "P95 (VaR)", "mean of worst 5 % (CVaR)", "misses target"]
    print_table(f"Lost margin over replications ({currency})", headings, rows)


def _print_drills(result: StressResult) -> None:
    """Print what playbooks saved."""
    drills = result.tables["drills"]
    if not len(drills):
        return
    rows: list[list[object]] = []
    for row in drills.itertuples(index=False):
        without, helped, saved, low, high = row[3:8]
        digits = 4 if row.kpi == "fill_rate" else 1 if row.kpi == "recovery_days" else 0
        shown = [f"{each:,.{digits}f}" for each in (without, helped)]
        give = _give((high - low) / 2, digits)
        figure = row.kpi if row.scope == "all" else f"{row.kpi} {row.scope}"
        rows.append([row.case, row.playbooks, figure, *shown, f"{saved:+,.{digits}f}{give}",
                     f"{100 * row.acted:.0f} %"])  # fmt: skip
    print_table(
        "Drills: what playbooks saved, + is better",
        ["case", "playbook", "figure", "without", "with", "saved", "acted"], rows,
    )  # fmt: skip


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
