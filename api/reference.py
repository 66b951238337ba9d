"""The reference of commands, routes and settings: `python -m api.reference docs`.

Writes `cli.md`, `http.md`, `settings.md` and `openapi.json`. A change of the OpenAPI document that
would break a caller is refused; `--break` writes it all the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from api.compatibility import METHODS, breaking_changes

OPENAPI = "openapi.json"
CLI_INTRODUCTION = """\
# Commands

Exit codes: 0 fine, 1 a gate failed or there is no feasible plan, 2 bad input, 3 interrupted,
4 internal error; of `nightly` and `publish` also 5: another night is running; 141 whoever read the
output has gone, as with `| head`.
On a terminal, `plan`, `stress`, `harden`, `compare` and `nightly` show a bar for each stage, with
the best plan so far, on standard error; beside `--json` and into a pipe they do not. Tables take
the width of the terminal.

Sentences, stages and findings are told in English, or in Chinese with `--lang zh`, with
`HOLDFAST_LANG=zh`, or in a Chinese locale such as `LANG=zh_CN.UTF-8`; JSON is the same in all.
`--lang` and `--debug` (the traceback of an error) may stand anywhere.

Completion of commands and options: `holdfast --install-completion` sets it up for the shell that it
is called from (bash, zsh, fish, PowerShell); begin a new shell afterwards.
`holdfast --show-completion` prints it, to be kept elsewhere.

This page is written from the commands by `python -m api.reference docs`.
"""
HTTP_INTRODUCTION = """\
# HTTP routes

`holdfast serve` starts the service; every call but those of health carries
`Authorization: Bearer hf_...`. A running service has the same document at `/openapi.json`; here
it is [as a file](openapi.json). Errors are problem documents (RFC 9457).

This page is written from the routes by `python -m api.reference docs`.
"""
SETTINGS_INTRODUCTION = """\
# Settings of the service

`holdfast serve`, `api` and `worker` read them from environment variables; `keys`, `backup`,
`restore`, `tenants` and `audit` read those that say where the data lies. Lists are separated by
commas. A variable that cannot be read stops the start, and all of them are named. A secret is best
kept in a file: {files}.

The client (`from holdfast import Client`) reads its key from `HOLDFAST_KEY`.

This page is written from `api/settings.py` by `python -m api.reference docs`.

| variable | default | meaning |
|---|---|---|
"""


def settings_page() -> str:
    """Return the reference of the service's settings as Markdown."""
    from api.settings import FROM_FILES, PREFIX, ServiceSettings

    files = ", ".join(
        f"`{PREFIX}{name.upper()}_FILE` in the place of `{PREFIX}{name.upper()}`"
        for name in FROM_FILES
    )
    rows = []
    for name, field in ServiceSettings.model_fields.items():
        default = field.default
        shown = ",".join(default) if isinstance(default, tuple) else str(default or "")
        shown = f"{default:g}" if isinstance(default, int | float) else shown
        told = (field.description or name).replace("|", "\\|")
        rows.append(f"| `{PREFIX}{name.upper()}` | {f'`{shown}`' if shown else ''} | {told} |\n")
    return SETTINGS_INTRODUCTION.format(files=files) + "".join(rows)


def cli_page() -> str:
    """Return the reference of commands as Markdown."""
    import typer.main

    from api.cli.app import app

    return CLI_INTRODUCTION + "".join(_command(typer.main.get_command(app), "holdfast"))


def _command(command: Any, name: str) -> Iterator[str]:
    """Tell of a command and of those below it."""
    below = getattr(command, "commands", {})
    if not below:
        text = " ".join(line.strip() for line in (command.help or "").strip().splitlines())
        yield f"\n## {name}\n\n{text.replace('<', '&lt;')}\n"
        rows = [row for row in map(_parameter, command.params) if row]
        if rows:
            yield "\n| | meaning |\n|---|---|\n" + "".join(rows)
    for each in below.values():
        if not each.hidden:
            yield from _command(each, f"{name} {each.name}")


def _parameter(parameter: Any) -> str:
    """Return one row of a command's table; "" for help itself."""
    if parameter.name == "help":
        return ""
    told = str(getattr(parameter, "help", "") or "")
    if parameter.param_type_name == "argument":
        shown = parameter.metavar or parameter.name.upper()
        shown = shown if parameter.required else f"[{shown}]"
    else:
        shown = ", ".join([*parameter.opts, *parameter.secondary_opts])
        told += " Required." if parameter.required else ""
        again = parameter.multiple and "may be repeated" not in told.lower()
        told += " May be repeated." if again else ""
    cells = (f"`{shown}`", told.strip())
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of the service, without the version of the code."""
    from api.app import create_app
    from api.settings import ServiceSettings

    with tempfile.TemporaryDirectory() as home:
        app = create_app(ServiceSettings(home=Path(home)), works=False)
        document: dict[str, Any] = json.loads(json.dumps(app.openapi()))
        app.state.house.queue.close()
        app.state.house.database.close()
    document["info"]["version"] = "1"
    return document


def http_page(document: dict[str, Any]) -> str:
    """Return the routes of an OpenAPI document as Markdown."""
    rows = []
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                told = item[method]
                text = (told.get("description") or told.get("summary", "")).split("\n\n")[0]
                text = " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
                rows.append(f"| `{method.upper()} {path}` | {text} |\n")
    return HTTP_INTRODUCTION + "\n| route | what it does |\n|---|---|\n" + "".join(rows)


def main(arguments: Sequence[str]) -> None:
    """Write the references to the folder given."""
    folders = [argument for argument in arguments if argument != "--break"]
    if len(folders) != 1:
        raise SystemExit("usage: python -m api.reference [--break] docs")
    folder = Path(folders[0])
    folder.mkdir(parents=True, exist_ok=True)
    document = openapi_document()
    kept = folder / OPENAPI
    if kept.exists() and "--break" not in arguments:
        broken = breaking_changes(json.loads(kept.read_text(encoding="utf-8")), document)
        if broken:
            listed = "\n  ".join(broken)
            raise SystemExit(f"callers would break (--break writes it anyway):\n  {listed}")
    kept.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "http.md").write_text(http_page(document), encoding="utf-8")
    (folder / "cli.md").write_text(cli_page(), encoding="utf-8")
    (folder / "settings.md").write_text(settings_page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
