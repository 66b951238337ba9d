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
    nights: Annotated[
        Path | None,
        typer.Option(help="Folder of `holdfast nightly`: check what it has published instead."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check the chain of every tenant's records, and every plan that they name.

    Exit 1 where a record or a plan was changed or is gone.
    """
    if nights is not None:
        return _verify_nights(nights, as_json=as_json)
    from api.security.trail import verified

    with opened(home) as (database, blobs):
        results = verified(database, blobs)
    whole = not any(result.breaks for result in results)
    if as_json:
        print_json({"whole": whole, "tenants": [result.document() for result in results]})
    else:
        for result in results:
            state = "whole" if not result.breaks else "broken"
            print_line(f"{result.tenant}: {result.records} records, {state}; {result.newest}")
            for text in result.breaks:
                print_line(f"  {text}")
    return Exit.FINE if whole else Exit.GATE_FAILED


def _verify_nights(home: Path, *, as_json: bool) -> int:
    """Check the record of what nights have published, and the plans that it names."""
    from api.nightly.publications import FIRST, breaks, publications
    from scenarios import NotFound

    if not (home / "nights").is_dir():
        raise NotFound(f"{home} is no folder of nights: `holdfast nightly --home` makes one")
    found = list(breaks(home))
    entries = publications(home) if not found else []
    newest = entries[-1]["hash"] if entries else FIRST
    if as_json:
        print_json({"whole": not found, "entries": len(entries), "newest": newest, "breaks": found})
    else:
        print_line(f"{len(entries)} publications, whole; {newest}" if not found else "broken")
        for text in found:
            print_line(f"  {text}")
    return Exit.FINE if not found else Exit.GATE_FAILED
