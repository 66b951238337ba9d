"""`holdfast audit`: what was done in the service, and whether its record is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line
from api.cli.opened import opened


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Check the service's record of who did what.", no_args_is_help=True)
    group.callback()(lambda: None)  # keeps `verify` a word of its own
    group.command("verify")(verify)
    app.add_typer(group, name="audit")


def verify(
    home: Annotated[
        Path | None, typer.Option(help="Folder of the service; or HOLDFAST_HOME.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check the chain of every tenant's records, and every plan that they name.

    Exit 1 where a record or a plan was changed or is gone.
    """
    from api.security.trail import verified

    with opened(home) as (database, blobs):
        results = verified(database, blobs)
    whole = not any(result.breaks for result in results)
    if as_json:
        print_json({"whole": whole, "tenants": [result.document() for result in results]})
    else:
        for result in results:
            state = "whole" if not result.breaks else "[bold red]broken[/]"
            print_line(f"{result.tenant}: {result.records} records, {state}; {result.newest}")
            for text in result.breaks:
                print_line(f"  {text}")
    return Exit.FINE if whole else Exit.GATE_FAILED
