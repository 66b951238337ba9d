"""`holdfast what-if`: what forcing or forbidding one decision of a plan would change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, print_json, print_line, print_table
from api.cli.words import column, named, told

if TYPE_CHECKING:
    from optimizer.what_if.answer import Answer

MOST_MOVES = 20
OF_STOPS = ("serve", "leave", "onto", "off")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("what-if")(what_if)


def what_if(
    scenario: Annotated[Path, typer.Argument(help="The scenario of the plan.")],
    plan: Annotated[Path, typer.Argument(help="Folder of the plan.")],
    decision: Annotated[
        str,
        typer.Argument(
            help='As in "purchase P1 S2 W1 = 500", "supplier S2 out", "transfer P1 W1 W2 = 20",'
            ' "ship O1 from W2", "ship O1 not from W2", "leave O1", "site W1 closed"; of routes:'
            " serve, leave, onto, off with an order."
        ),
    ],
    order: Annotated[str, typer.Argument(help="Of serve, leave, onto, off: the stop.")] = "",
    route: Annotated[str, typer.Option(help="With onto and off: a route of the plan.")] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Wall seconds; default: a fixed amount of work.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Force or forbid one decision: change of cost, service and CO2e, and what else moves."""
    from optimizer.outcome import Limits
    from optimizer.plan import Plan
    from optimizer.what_if import Decision, read_decision
    from optimizer.what_if import what_if as ask
    from scenarios import InputError, Scenario

    facts, made = Scenario.load(scenario), Plan.load(plan)
    if made.provenance.scenario_hash != facts.content_hash:
        raise InputError("the plan was made for another scenario, or for another state of it")
    asked = (
        Decision("stop", order_id=order, action=decision, route_id=route)
        if order and decision in OF_STOPS
        else read_decision(decision)
    )
    limits = None if seconds is None else Limits(seconds=seconds)
    answer = ask(facts, made, asked, limits)
    if as_json:
        print_json(answer.document())
        return Exit.FINE if answer.possible else Exit.GATE_FAILED
    if not answer.possible:
        proof = "no plan whatever can" if answer.proven else "the search found no plan that can"
        print_line(f"Not possible, {proof}: {' '.join(told(each) for each in answer.reasons)}")
        return Exit.GATE_FAILED
    _show(answer, facts.settings.currency)
    return Exit.FINE


def _show(answer: Answer, currency: str) -> None:
    """Print what a planner reads."""
    low, high = answer.extra_cost_range
    if low is None or high is None:
        print_line(
            f"It costs {answer.extra_cost:,.2f} {currency} more:"
            f" {answer.cost_before:,.2f} before, {answer.cost_after:,.2f} after."
        )
    else:
        print_line(
            f"It costs {answer.extra_cost:,.2f} {currency} more"
            f" (proven: {low:,.2f} to {high:,.2f}):"
            f" {answer.cost_before:,.2f} before, {answer.cost_after:,.2f} after."
        )
    print_table(
        f"What changes ({currency})",
        ["stage", "term", "before", "after", "change"],
        [
            [named(stage.stage), named(term), before, after, after - before]
            for stage in answer.stages
            for term, before, after in stage.terms
            if before or after
        ],
    )
    figures = [*answer.service, *answer.co2]
    if figures:
        print_table(
            "Service and CO2e",
            ["figure", "unit", "before", "after"],
            [[named(m.name), named(m.unit), _known(m.before), _known(m.after)] for m in figures],
        )
    if answer.moves:
        print_table(
            f"What moves: {len(answer.moves)}",
            ["table", "what", "before", "after"],
            [
                [column(m.table), told(m.what), told(m.before or "-"), told(m.after or "-")]
                for m in answer.moves
            ][:MOST_MOVES],
        )
    for note in answer.notes:
        print_line(note)


def _known(value: float | None) -> str:
    return told("not known") if value is None else f"{value:,.4g}"
