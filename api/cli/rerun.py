"""`holdfast rerun`: make a plan again from its provenance, bit for bit, or say what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, out, print_json
from api.cli.words import told

MOST_DIFFERENCES = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rerun")(rerun)


def rerun(
    plan: Annotated[Path, typer.Argument(help="Folder of a plan.")],
    scenario: Annotated[
        Path | None, typer.Option(help="The plan's scenario, if it has been moved.")
    ] = None,
    out_dir: Annotated[
        Path | None, typer.Option("--out", help="Write the plan as it comes out now here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Make a plan again; exit 1 where it does not come out bit for bit, with the causes."""
    from api.cli.explain import place_of_scenario
    from api.cli.plan import stop_on_interrupt
    from optimizer.plan import Plan
    from optimizer.rerun import refuse_without_provenance
    from optimizer.rerun import rerun as again
    from scenarios import Scenario

    made = Plan.load(plan)
    refuse_without_provenance(made)
    facts = Scenario.load(place_of_scenario(made, plan, scenario))
    stop = stop_on_interrupt()
    found = again(made, facts, cancelled=stop.is_set)
    if out_dir is not None and found.made is not None:
        found.made.save(out_dir)
    if as_json:
        print_json({"plan": str(plan), **found.document()})
    else:
        _print(found.same, found.made is None, [str(cause) for cause in found.causes],
               list(found.differences))  # fmt: skip
    if stop.is_set():
        return Exit.INTERRUPTED
    return Exit.FINE if found.same else Exit.GATE_FAILED


def _print(same: bool, not_made: bool, causes: list[str], differences: list[str]) -> None:
    def say(text: str) -> None:
        out().print(told(text), markup=False, soft_wrap=True)

    if same:
        say("The plan came out again, bit for bit.")
    elif not_made:
        say("The plan was not made again: it could not come out the same.")
    else:
        say(f"The plan came out otherwise: {len(differences)} columns or tables differ.")
    for cause in causes:
        say(f"  {cause}")
    if not same and not not_made and not causes:
        say("  Nothing that is recorded differs: data, code, solvers, options and machine.")
        say("  Please report it: this should not be, unless the plan's files were edited.")
    for difference in differences[:MOST_DIFFERENCES]:
        say(f"    {difference}")
    if len(differences) > MOST_DIFFERENCES:
        say(f"    ... and {len(differences) - MOST_DIFFERENCES} more")
