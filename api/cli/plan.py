"""`holdfast plan`: plan a scenario and say what came out."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, err, out, print_json, print_line, print_table
from api.cli.progress import StageBars
from api.cli.words import as_is, named, told, variant

if TYPE_CHECKING:
    from types import FrameType

    from optimizer.plan import Plan
    from scenarios import Scenario


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    scenario: Annotated[Path, typer.Argument(help="Folder, zip, workbook or JSON document.")],
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for the plan.")],
    stages: Annotated[
        str, typer.Option(help="Stages, joined by commas; default: all that have their tables.")
    ] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Wall seconds for the solving of all stages together.")
    ] = None,
    work: Annotated[
        float | None, typer.Option(help="Deterministic work for all stages together.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed; default: the scenario's.")] = None,
    scope: Annotated[str, typer.Option(help="Of stage buyer: supplier:ID or category:NAME.")] = "",
    measure: Annotated[
        str, typer.Option(help="Of stage network, over futures: expected, worst or regret.")
    ] = "",
    single_source: Annotated[
        bool, typer.Option("--single-source", help="Of stage network: one site serves each place.")
    ] = False,
    periods: Annotated[
        str, typer.Option(help="Of stage network: plan flows by bucket, month or quarter.")
    ] = "",
    solver: Annotated[
        str, typer.Option(help="Of stage network: cbc, highs, scip, gurobi, cplex, xpress, copt.")
    ] = "",
    export: Annotated[
        str, typer.Option(help="Of stage network: write the problem to this .lp or .mps file.")
    ] = "",
    until: Annotated[
        str, typer.Option(help="Of stage positioning: day through which stock is to last.")
    ] = "",
    stock_value: Annotated[
        bool,
        typer.Option("--stock-value", help="Of stage sourcing: shipped stock counts at its cost."),
    ] = False,
    previous: Annotated[
        str, typer.Option(help="Of stage rerouting: folder of the plan that is being driven.")
    ] = "",
    move_price: Annotated[
        str, typer.Option(help="Of stage rerouting: money for a stop that changes its van.")
    ] = "",
    form: Annotated[str, typer.Option("--format", help="parquet or csv.")] = "parquet",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> int:
    """Plan a scenario: forecast, replenish, source, route; audited, with a bound."""
    from optimizer import pipeline
    from optimizer.plan import prepare_folder
    from scenarios import InputError, Scenario

    if form not in ("parquet", "csv"):
        raise InputError(f"--format is parquet or csv, not {form!r}")
    names = [part.strip() for part in stages.split(",") if part.strip()] or None
    facts = Scenario.load(scenario)
    _refuse_errors(facts)
    prepare_folder(out_dir)  # what cannot be written is told before the planning, not after it
    options = {
        "scope": scope,
        "measure": measure,
        "single_source": "yes" if single_source else "",
        "periods": periods,
        "solver": solver,
        "export": export,
        "until": until,
        "previous": str(Path(previous).resolve()) if previous else "",
        "move_price": move_price,
        "stock_value": "yes" if stock_value else "",
    }
    stop = stop_on_interrupt()
    with StageBars(quiet=as_json) as bars:
        made = pipeline.plan(
            facts,
            names,
            seconds=seconds,
            work=work,
            seed=seed,
            options={name: value for name, value in options.items() if value} or None,
            progress=bars.show,
            cancelled=stop.is_set,
        )
    made = made.from_place(os.path.relpath(scenario.resolve(), out_dir.resolve()))
    made.save(out_dir, form)
    if as_json:
        print_json(plan_document(made, out_dir))
    else:
        print_plan(facts, made)
        out().print()
        print_line(f"The plan is in {as_is(out_dir)}.")
    if stop.is_set():
        return Exit.INTERRUPTED
    return Exit.FINE if made.feasible else Exit.GATE_FAILED


def _refuse_errors(facts: Scenario) -> None:
    """Stop before planning if the scenario has errors."""
    from scenarios import InputError
    from scenarios.findings import Severity
    from scenarios.validation import validate

    findings = validate(facts)
    errors = findings.total(Severity.ERROR)
    if errors:
        raise InputError(f"the scenario has {errors} errors; see `holdfast validate`", [*findings])


def stop_on_interrupt() -> threading.Event:
    """Turn the first Ctrl-C into "stop with what there is"; the second one ends at once."""
    stop = threading.Event()

    def note(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        err().print(told("Stopping with what there is; press Ctrl-C again to end at once."))

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, note)
    return stop


def plan_document(made: Plan, folder: Path) -> dict[str, Any]:
    """Return what `--json` prints of a plan."""
    from optimizer.plan import records

    return {
        "plan": str(folder),
        "scenario_hash": made.provenance.scenario_hash,
        "feasible": made.feasible,
        "certificates": records(made.table("certificates")),
        "kpis": records(made.table("kpis")),
        "tables": {name: len(frame) for name, frame in made.tables.items()},
        "notes": made.notes,
    }


def print_plan(facts: Scenario, made: Plan) -> None:
    """Print the summary that a planner reads: stages, costs, figures, what is unserved."""
    currency = facts.settings.currency
    print_line(
        f"{as_is(facts.settings.name)}  start {facts.settings.start_date}  {currency}", bold=True
    )
    certificates = made.table("certificates")
    print_table(
        "Stages",
        ["stage", "status", "ended by", "objective", "bound", "gap %", "seconds", "audited"],
        [
            [named(row.stage), named(row.status), named(row.termination), row.objective, row.bound,
             row.gap_pct, row.wall_seconds, bool(row.audited)]
            for row in certificates.itertuples()
        ],
    )  # fmt: skip
    kpis = made.table("kpis")
    terms = kpis["variant"].fillna("").str.endswith("objective")
    if terms.any():
        print_table(
            f"What the objectives are made of ({currency})",
            ["stage", "term", "value"],
            [
                [named(row.variant.removesuffix(" objective")), named(row.kpi), row.value]
                for row in kpis[terms].itertuples()
            ],
        )
    # by span and by level they stand in the table `kpis`; a screen has room for the main ones
    of = kpis["variant"].fillna("")
    detail = of.str.contains("totals of") | of.str.contains("ties shared out")
    plain = kpis[~terms & ~detail & (kpis["scope"] == "all")]
    if len(plain):
        print_table(
            "Key figures",
            ["figure", "value", "unit"],
            [
                [" ".join(part for part in (named(row.kpi), variant(row.variant)) if part),
                 _whole(row.value), currency if row.unit == "money" else named(row.unit)]
                for row in plain.itertuples()
            ],
        )  # fmt: skip
    _print_orders(made, currency)
    _print_unserved(made)
    for stage, lines in made.notes.items():
        for line in lines:
            print_line(line, label=named(stage))


def _whole(value: float) -> float | int:
    """Return a whole number as such, so that it prints without decimals."""
    return int(value) if float(value).is_integer() else float(value)


def _print_orders(made: Plan, currency: str) -> None:
    orders = made.table("purchase_orders")
    if not len(orders):
        return
    by_order = (
        orders.groupby(["order_id", "supplier_id", "site_id", "order_on"], sort=False)
        .agg(
            due_on=("due_on", "max"),
            lines=("line", "size"),
            units=("qty", "sum"),
            cost=("cost", "sum"),
        )
        .reset_index()
        .sort_values("cost", ascending=False, kind="stable")
    )
    print_table(
        f"Largest of {len(by_order):,} purchase orders, {orders['cost'].sum():,.2f} {currency}",
        ["order", "supplier", "site", "order on", "all due by", "lines", "units", "cost"],
        [
            [row.order_id, row.supplier_id, row.site_id, f"{row.order_on:%Y-%m-%d}",
             f"{row.due_on:%Y-%m-%d}", row.lines, _whole(row.units), row.cost]
            for row in by_order.head(8).itertuples()
        ],
    )  # fmt: skip


def _print_unserved(made: Plan) -> None:
    unserved = made.table("unserved")
    if not len(unserved):
        return
    groups = unserved.groupby(["kind", "code", "proof"], sort=True)
    print_table(
        f"Not served: {len(unserved):,}",
        ["kind", "code", "proof", "rows", "units", "first", "what would help"],
        [
            [*map(named, key), len(rows), _whole(rows["qty"].sum()), rows["id"].iloc[0],
             told(rows["cheapest_relaxation"].fillna("").iloc[0])]
            for key, rows in groups
        ],
    )  # fmt: skip
