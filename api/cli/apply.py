"""`holdfast apply`: a scenario with changes, as its next revision."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.console import Exit, print_json, print_line
from api.cli.words import as_is


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply")(apply)


def apply(
    scenario: Annotated[Path, typer.Argument(help="The scenario that the changes were made for.")],
    changes: Annotated[
        Path, typer.Argument(help="JSON of `holdfast harden`, `holdfast diff`, or of a variant.")
    ],
    to: Annotated[Path, typer.Option("--out", help="Where the changed scenario goes.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write the scenario with the changes; the one that they were made for stays as it is."""
    from scenarios import Conflict
    from scenarios.scenario import Scenario

    if to.exists():
        raise Conflict(f"{to} exists; name another place for the changed scenario")
    parent = Scenario.load(scenario)
    variant = read_variant(changes)
    child = variant.build(parent)
    written = child.save(to)
    if as_json:
        print_json(
            {"path": str(written), "parent": parent.content_hash, "hash": child.content_hash,
             "deltas": len(variant.deltas)}
        )  # fmt: skip
        return Exit.FINE
    print_line(
        f"{len(variant.deltas)} changes. Written to {as_is(written)},"
        f" hash {child.content_hash[:12]}.\n"
        f"Next: holdfast plan {as_is(written)} --out plan"
    )
    return Exit.FINE


def read_variant(path: Path) -> Any:
    """Return the variant that a document holds.

    Raises
    ------
    InputError
        The file cannot be read, is no JSON, or holds no changes to a scenario.
    """
    from pydantic import ValidationError

    from scenarios import InputError
    from scenarios.deltas import Variant

    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is no JSON: {error}") from error
    if isinstance(document, dict):
        if "variant" in document:
            document = document["variant"]
        elif "deltas" in document and "a" in document:
            document = {"parent_hash": document["a"], "deltas": document["deltas"]}
    try:
        return Variant.model_validate(document)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InputError(
            f"{path} holds no changes to a scenario ({where}: {error.errors()[0]['msg']}): give it"
            " what `holdfast harden` or `holdfast diff --json` wrote"
        ) from error
