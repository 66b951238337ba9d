"""`holdfast stress`: try a plan against what may go wrong, and judge it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, out, print_json, print_line
from api.cli.progress import StageBars
from api.cli.stress_report import print_scan, print_stress
from api.cli.words import as_is

if TYPE_CHECKING:
    from optimizer.plan import Plan
    from scenarios import Scenario
    from simulation.result import StressResult


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
        typer.Option(
            help="As 5%: replicate until mean units short of every case are so sure, 2,000 times at"
            " most. Default: 5%, at most four times the usual number; none with --replications."
        ),
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
    with StageBars(quiet=as_json) as bars:
        bars.show("stress", 0.0, "building the world")
        result = try_plan(
            facts,
            made,
            suite,
            replications=replications,
            seed=seed,
            precision=_share_of(precision),
            only=only or (),
            drill=drill or (),
            progress=bars.show,
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
        _tell_places(folder, drawn)
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

    with StageBars(quiet=as_json) as bars:
        bars.show("scan", 0.0, "building the world")
        found = scan_plan(
            facts, made, products=products, seed=seed,
            progress=bars.show,
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
    _tell_places(folder, drawn)
    return Exit.FINE


def _tell_places(folder: Path, drawn: list[Path]) -> None:
    out().print()
    print_line(f"The results are in {as_is(folder)}.")
    for path in drawn:
        print_line(f"Drawn: {as_is(path)}")


def stress_document(result: StressResult, folder: Path) -> dict[str, Any]:
    """Return what `--json` prints: the verdict, and every figure of the whole network."""
    from optimizer.plan import records

    rows = result.tables["stress_results"]
    return result.document() | {
        "results": str(folder),
        "stress_results": records(rows[rows["scope"] == "all"]),
    }
