"""`holdfast compare`: scenarios and their plans side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.progress import StageBars
from api.cli.words import column, driver, named, told

if TYPE_CHECKING:
    from api.services.comparison import Side
    from optimizer.plan import Plan

MOST_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    base: Annotated[Path, typer.Argument(help="The baseline: a scenario, or a plan's folder.")],
    candidates: Annotated[list[Path], typer.Argument(help="Scenarios or plans' folders.")],
    stages: Annotated[
        str, typer.Option(help="Stages of plans that are made here, joined by commas.")
    ] = "",
    work: Annotated[
        float | None, typer.Option(help="Deterministic work of each plan that is made here.")
    ] = None,
    replications: Annotated[int, typer.Option(help="Of each simulation.")] = 30,
    shapley: Annotated[
        bool, typer.Option("--shapley", help="Drivers' mean over all orders; at most six groups.")
    ] = False,
    waterfall: Annotated[
        bool, typer.Option(help="Plan after every group of changes, to say what drives the cost.")
    ] = True,
    weights: Annotated[
        str, typer.Option(help="Probability of each scenario, joined by commas, baseline first.")
    ] = "",
    seed: Annotated[int | None, typer.Option(help="Of the simulation.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Compare scenarios: inputs, key figures, what drives the cost, which plan is robust."""
    from api.services.comparison import compare as ask
    from scenarios import InputError

    names = [part.strip() for part in stages.split(",") if part.strip()] or None
    try:
        shares = [float(part) for part in weights.split(",")] if weights else None
    except ValueError:
        raise InputError(f"--weights are numbers joined by commas, not {weights!r}") from None
    sides = [_side(base, names, work, None)]
    sides += [_side(path, names, work, sides[0].plan) for path in candidates]
    with StageBars(quiet=as_json) as bars:
        document = ask(
            sides,
            replications=replications,
            shapley=shapley,
            waterfall=waterfall,
            weights=shares,
            seed=seed,
            progress=bars.show,
        )
    if as_json:
        print_json(document)
    else:
        _show(document, sides[0].scenario.settings.currency)
    return Exit.FINE


def _side(path: Path, stages: list[str] | None, work: float | None, like: Plan | None) -> Side:
    """Read a scenario and its plan, which is made where it is not there."""
    from api.services.comparison import Side, plan_like
    from optimizer.pipeline import plan
    from optimizer.plan import Plan
    from scenarios import InputError, Scenario

    if (path / "plan.json").exists():
        made = Plan.load(path)
        place = made.provenance.scenario_path
        if not place:
            raise InputError(f"{path} does not say where its scenario lies: name the scenario")
        scenario = Scenario.load(path / place)
        if scenario.content_hash != made.provenance.scenario_hash:
            raise InputError(f"the scenario of {path} has changed since it was planned")
        return Side(path.name, scenario, made)
    scenario = Scenario.load(path)
    if like is not None and stages is None and work is None:
        return Side(path.stem, scenario, plan_like(like)(scenario))
    return Side(path.stem, scenario, plan(scenario, stages, work=work))


def _show(document: dict[str, Any], currency: str) -> None:
    """Print what a planner reads."""
    for name, inputs in document["inputs"].items():
        print_table(
            f"Inputs of {name} that differ: {inputs['changes']:,}",
            ["table", "change", "column", "cells or rows"],
            [
                [
                    column(row["table"]),
                    named(row["change"]),
                    column(row["table"], row["column"]).rpartition(".")[2],
                    row["count"],
                ]
                for row in inputs["by_column"][:MOST_SHOWN]
            ],
        )
    print_table(
        f"Simulated under the same demand, 95 % intervals, {document['replications']} replications",
        ["figure", "unit", "plan", "mean", "from", "to", "against the baseline", "from", "to"],
        [
            [named(row["kpi"]), currency if row["unit"] == "money" else named(row["unit"]),
             row["side"],
             *(row["value"][part] for part in ("mean", "low", "high")),
             *(row["difference"][part] for part in ("mean", "low", "high"))]
            for row in document["kpis"]
        ],
    )  # fmt: skip
    for name, fall in document["waterfalls"].items():
        print_table(
            f"What drives the cost of {name} ({named(fall['method'])}, {currency})",
            ["driver", "changes", "change of cost", "uncertain by", "purchases"],
            [
                [told("before"), "", fall["before"], "", ""],
                *([driver(bar["driver"]), bar["changes"], bar["change"], _known(bar["uncertain"]),
                   bar["purchases"]] for bar in fall["bars"]),
                [told("after"), "", fall["after"], "", ""],
            ],
        )  # fmt: skip
    robust = document["robust"]
    print_table(
        f"Every plan in every scenario: operating cost ({currency})",
        ["plan", *robust["scenarios"], "expected", "worst", "regret"],
        [
            [plan, *map(_known, costs), *map(_known, (expected, worst, regret))]
            for plan, costs, expected, worst, regret in zip(
                robust["plans"], robust["cost"], robust["expected"], robust["worst"],
                robust["regret"], strict=True,
            )
        ],
    )  # fmt: skip
    best = [robust[f"best_{by}"] or told("not known") for by in ("expected", "worst", "regret")]
    average, worst, regret = best
    print_line(f"Best on average: {average}; at worst: {worst}; by regret: {regret}.")
    for note in (*document["notes"], *robust["notes"]):
        print_line(note)


def _known(value: float | None) -> str:
    return told("not known") if value is None else f"{value:,.2f}"
