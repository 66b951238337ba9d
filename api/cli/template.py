"""`holdfast template`: an empty workbook to fill in."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, print_json, print_line
from api.cli.words import as_is
from api.cli.words import language as spoken_language


class Language(StrEnum):
    """Languages of headings and help."""

    EN = "en"
    ZH = "zh"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("template")(template)


def template(
    to: Annotated[Path, typer.Argument(metavar="OUT.xlsx", help="Workbook to write.")],
    language: Annotated[
        Language | None,
        typer.Option(help="Of headings and help; default: --lang, and en beside --json."),
    ] = None,
    tables: Annotated[
        str, typer.Option(help="Tables to offer, separated by commas; default: all.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a workbook.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write an empty workbook: a sheet per table, with help, headings and drop-down lists.

    Only products, sites, inventory and one of demand_history, forecasts, orders are needed to
    start; each further table switches on what it feeds.
    """
    from scenarios.errors import Conflict, InputError
    from scenarios.files.template import write_template
    from scenarios.tables import TABLES

    if to.suffix.lower() != ".xlsx":
        raise InputError(f"{to} must end in .xlsx")
    if to.exists() and not force:
        raise Conflict(f"{to} exists; name another file, or replace it with --force")
    chosen = [name.strip() for name in tables.replace("，", ",").split(",") if name.strip()]
    spoken = spoken_language(language and language.value, as_json=as_json)
    written = write_template(to, chosen or None, spoken)
    offered = len(set(chosen)) or len(TABLES)
    if as_json:
        print_json({"path": str(written), "language": spoken, "tables": offered})
        return Exit.FINE
    what = "1 table" if offered == 1 else f"{offered} tables"
    print_line(f"Wrote {as_is(written)}: the settings and {what}.")
    print_line("Fill in the settings first; green headings are required. Sheets may stay empty.")
    print_line(f"Then: holdfast validate {as_is(written)}")
    return Exit.FINE
