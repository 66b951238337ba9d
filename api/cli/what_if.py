"""`holdfast what-if`: what a decision on one stop of the routes would cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, out, print_json, print_table

MOST_MOVES = 20


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("what-if")(what_if)


def what_if(
    scenario: Annotated[Path, typer.Argument(help="The scenario of the plan.")],
    plan: Annotated[Path, typer.Argument(help="Folder of a plan with routes.")],
    decision: Annotated[str, typer.Argument(help="serve, leave, onto or off.")],
    order: Annotated[str, typer.Argument(help="The stop's order.")],
    route: Annotated[str, typer.Option(help="With onto and off: a route of the plan.")] = "",
    seconds: Annotated[
        float | None, typer.Option(help="Wall seconds; default: a fixed amount of work.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Force a stop onto a route or off it, serve it or leave it: cost, and what else moves."""
    from optimizer.outcome import Limits
    from optimizer.plan import Plan
    from optimizer.routing.what_if import what_if as ask
    from scenarios import Scenario
    from scenarios.gazetteer import fill_coordinates

    facts, _ = fill_coordinates(Scenario.load(scenario))
    limits = None if seconds is None else Limits(seconds=seconds)
    answer = ask(facts, Plan.load(plan), decision, order, route, limits)
    if as_json:
        print_json(answer.document())
        return Exit.FINE if answer.possible else Exit.GATE_FAILED
    if not answer.possible:
        proof = "no plan whatever can" if answer.proven else "the search found no plan that can"
        out().print(f"Not possible, {proof}: {answer.reason}.", markup=False)
        return Exit.GATE_FAILED
    currency = facts.settings.currency
    out().print(
        f"It costs {answer.extra_cost:,.2f} {currency} more:"
        f" {answer.cost_before:,.2f} before, {answer.cost_after:,.2f} after.\n"
        f"Not served: {answer.unserved_before} before, {answer.unserved_after} after."
        f" {len(answer.moves)} other stops change their route.",
        markup=False,
    )
    if answer.moves:
        print_table(
            "What else moves",
            ["order", "before", "after"],
            [[m.order_id, m.before or "nobody", m.after or "nobody"] for m in answer.moves][
                :MOST_MOVES
            ],
        )
    return Exit.FINE
