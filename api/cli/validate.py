"""`holdfast validate`: everything that is wrong with a scenario, at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, print_findings, print_json, print_line
from api.cli.words import as_is, hint, language

if TYPE_CHECKING:
    from scenarios.findings import Findings
    from scenarios.scenario import Scenario

MOST_SHOWN = 40


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("validate")(validate)


def validate(
    path: Annotated[
        Path, typer.Argument(metavar="SCENARIO", help="Folder, zip, Excel workbook or JSON.")
    ],
    mark: Annotated[
        Path | None,
        typer.Option(metavar="OUT.xlsx", help="Write an Excel copy with the cells marked."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Findings to print.")] = MOST_SHOWN,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is no unchanged marked copy.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """List everything that is wrong with a scenario; exit 0 without errors, 2 with.

    An error stops a plan: something unreadable, a duplicate key, a broken reference, an impossible
    value. What merely cannot be served is a warning, and is planned around.
    """
    from scenarios.errors import Conflict, InputError
    from scenarios.validation.examine import examine

    if mark is not None and mark.suffix.lower() != ".xlsx":
        raise InputError(f"{mark} must end in .xlsx")
    if mark is not None and mark.exists() and not force:
        from scenarios.validation.marked import is_unchanged_copy

        if not is_unchanged_copy(mark):
            raise Conflict(
                f"{mark} is not as a marked copy was written here: name another file, or replace it"
                " with --force"
            )
    examined = examine(path)
    if mark is not None:
        from scenarios.validation.marked import marked_workbook

        book = marked_workbook(examined.scenario, examined.findings, language(), hint)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_bytes(book)
    if as_json:
        print_json(_document(path, examined.scenario, examined.findings, mark))
    else:
        _print(path, examined.scenario, examined.findings, mark, most)
    return Exit.FINE if examined.is_fit else Exit.BAD_INPUT


def _document(
    path: Path, scenario: Scenario | None, findings: Findings, mark: Path | None
) -> dict[str, object]:
    from scenarios.findings import Severity

    return {
        "scenario": str(path),
        "hash": scenario.content_hash if scenario is not None else None,
        "tables": {name: len(frame) for name, frame in scenario.tables.items()} if scenario else {},
        "fit": scenario is not None and not findings.total(Severity.ERROR),
        "counts": {str(severity): findings.total(severity) for severity in reversed(Severity)},
        "rules": [
            {
                "code": code,
                "severity": str(severity),
                "table": table,
                "column": column,
                "count": count,
            }
            for (code, table, column, severity), count in findings.counts.items()
        ],
        "findings": [
            finding.document() | {"parameters": dict(finding.parameters)} for finding in findings
        ],
        "marked": str(mark) if mark is not None else None,
    }


def _print(
    path: Path, scenario: Scenario | None, findings: Findings, mark: Path | None, most: int
) -> None:
    from scenarios.findings import Severity

    if scenario is not None:
        rows = sum(len(frame) for frame in scenario.tables.values())
        print_line(f"{as_is(scenario.settings.name)}: {len(scenario.tables)} tables, {rows:,} rows")
    unseen = print_findings(findings, most=most)
    if unseen:
        print_line(
            f"{unseen:,} more are not shown; --json lists them, --mark shows them in a workbook."
        )
    if mark is not None:
        print_line(f"Marked copy: {as_is(mark)}")
    if findings.total(Severity.ERROR):
        print_line(f"{as_is(path)} cannot be planned until its errors are gone.")
        if scenario is None:
            print_line("Checks beyond these wait for what cannot be read: then validate again.")
    else:
        print_line(f"{as_is(path)} can be planned.")
