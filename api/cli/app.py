"""The command tree, and the one place where errors become exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, cast

import typer

from api.cli.console import Exit, err, print_json

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
    debug: Annotated[bool, typer.Option(help="Show the traceback of an internal error.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None: ...


for _name in COMMANDS:
    importlib.import_module(_name).register(app)


def run() -> None:
    """Run the command line and leave the process with one of the codes of :class:`Exit`."""
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: list[str]) -> int:
    """Run one command and return its exit code; nothing on purpose escapes as a traceback."""
    from scenarios.errors import EngineError, HoldfastError, InputError

    as_json = "--json" in arguments
    debug = "--debug" in arguments
    try:
        result = app(args=arguments, prog_name="holdfast", standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.FINE
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        return Exit.INTERRUPTED
    except USAGE_ERROR as wrong:
        wrong.show()
        return Exit.BAD_INPUT
    except KeyboardInterrupt:
        err().print("Interrupted.")
        return Exit.INTERRUPTED
    except HoldfastError as error:
        code = Exit.INTERNAL if isinstance(error, EngineError) else Exit.BAD_INPUT
        _report(error, error.findings if isinstance(error, InputError) else (), as_json)
        if debug:
            raise
        return code
    except OSError as error:
        _report(error, (), as_json)
        if debug:
            raise
        return Exit.BAD_INPUT
    except Exception as error:
        if debug:
            raise
        err().print(
            f"[bold red]Internal error:[/] {type(error).__name__}: {error}\n"
            "Run it again as `holdfast --debug ...` and report what it shows.",
            markup=True,
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
    err().print(f"[bold red]{escape(type(error).__name__)}:[/] {escape(str(error))}")
    for finding in listed[:40]:
        err().print(f"  {escape(str(finding))}")
    if len(listed) > 40:
        err().print(f"  ... and {len(listed) - 40} more")
