"""The command tree, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final, cast

import typer

from api.cli.console import Exit, err, place, print_json
from api.cli.words import as_is, hint, labelled, named, options_first, speak, told

if TYPE_CHECKING:
    from scenarios.findings import Finding

MOST_FINDINGS: Final = 40
CTRL_C: Final = 130  # what the parser makes of it
COMMANDS = (
    "api.cli.template",
    "api.cli.validate",
    "api.cli.import_",
    "api.cli.diff",
    "api.cli.apply",
    "api.cli.demo_scenario",
    "api.cli.plan",
    "api.cli.explain",
    "api.cli.rerun",
    "api.cli.distances",
    "api.cli.export",
    "api.cli.what_if",
    "api.cli.compare",
    "api.cli.frontier",
    "api.cli.promotion",
    "api.cli.replay",
    "api.cli.actuals",
    "api.cli.stress",
    "api.cli.disruptions",
    "api.cli.risks",
    "api.cli.harden",
    "api.cli.nightly",
    "api.cli.serve",
    "api.cli.keys",
    "api.cli.confirmations",
    "api.cli.audit",
    "api.cli.operations",
)

# what every wrong call is, whoever raises it
USAGE_ERROR = cast("type[typer.BadParameter]", typer.BadParameter.__mro__[1])

app = typer.Typer(
    name="holdfast",
    help="Plan an e-commerce supply chain, and try to break the plan before reality does.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from optimizer.code import code_version

        typer.echo(code_version())
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    lang: Annotated[
        str, typer.Option(help="en or zh; default: HOLDFAST_LANG, else as the locale.")
    ] = "",
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    speak(lang, os.environ)


for _name in COMMANDS:
    importlib.import_module(_name).register(app)


def run() -> None:
    """Run the command line and leave the process with one of the codes of :class:`Exit`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that a terminal lacks ends no command
    code = invoke(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.CLOSED_PIPE if isinstance(error, BrokenPipeError) else Exit.BAD_INPUT
        if code == Exit.BAD_INPUT:
            _report(error, (), as_json=False)
    sys.exit(code)


def invoke(arguments: list[str]) -> int:
    """Run one command and return its exit code; nothing on purpose escapes as a traceback."""
    from scenarios.errors import EngineError, HoldfastError, InputError

    arguments = options_first(arguments)
    as_json = "--json" in arguments
    debug = "--debug" in arguments
    try:
        speak("", os.environ)
        result = app(args=arguments, prog_name="holdfast", standalone_mode=False)
        if result == CTRL_C:
            raise KeyboardInterrupt
        return int(result) if isinstance(result, int) else Exit.FINE
    except SystemExit as end:
        # libraries that print and parse end so where the output is closed, servers where they fail
        closed = isinstance(end.__context__, BrokenPipeError)
        return Exit.CLOSED_PIPE if closed else Exit.BAD_INPUT if end.code else Exit.FINE
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return Exit.INTERRUPTED
    except USAGE_ERROR as wrong:
        wrong.show()
        return Exit.BAD_INPUT
    except KeyboardInterrupt:
        err().print(told("Interrupted."))
        return Exit.INTERRUPTED
    except HoldfastError as error:
        code = Exit.INTERNAL if isinstance(error, EngineError) else Exit.BAD_INPUT
        _report(error, error.findings if isinstance(error, InputError) else (), as_json)
        if debug:
            raise
        return code
    except OSError as error:
        try:
            _report(error, (), as_json)
        except OSError:  # it is the output that cannot be written
            _report(error, (), as_json=False)
        if debug:
            raise
        return Exit.BAD_INPUT
    except Exception as error:
        if debug:
            raise
        err().print(
            f"{told('Internal error')}: {type(error).__name__}: {error}\n"
            + told("Run it again with --debug and report what it shows."),
            markup=False,
        )
        return Exit.INTERNAL


def _report(error: Exception, findings: tuple[object, ...], as_json: bool) -> None:
    from rich.markup import escape

    from scenarios.findings import Finding

    listed = [finding for finding in findings if isinstance(finding, Finding)]
    if as_json:
        errors = [finding.document() for finding in listed]
        print_json({"error": type(error).__name__, "detail": str(error), "errors": errors})
        return
    kind = escape(told(type(error).__name__))
    detail = str(error)
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or "output"
        detail = f"{as_is(where)} cannot be read or written: {error.strerror}"
    err().print(f"[bold red]{labelled(kind, '')}[/]{escape(told(detail))}")
    for finding in listed[:MOST_FINDINGS]:
        err().print(f"  {_line(finding)}", markup=False)
    if len(listed) > MOST_FINDINGS:
        err().print(told(f"... and {len(listed) - MOST_FINDINGS} more"))


def _line(finding: Finding) -> str:
    """Say a finding on one line."""
    given = f" ({labelled(told('given'), finding.value)})" if finding.value else ""
    what = labelled(f"{finding.code}: {place(finding)}", hint(finding))
    return f"{labelled(named(finding.severity), what)}{given}"
