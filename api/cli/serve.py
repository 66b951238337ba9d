"""`holdfast serve`: the service on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli.console import Exit, out


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    home: Annotated[Path | None, typer.Option(help="Folder of the database and the blobs.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> int:
    """Start the service; stop it with Ctrl-C. Settings: HOLDFAST_HOME, HOLDFAST_PORT ..."""
    import uvicorn

    from api.app import create_app
    from api.settings import ServiceSettings, settings_from

    given = {
        name: value
        for name, value in {"home": home, "host": host, "port": port}.items()
        if value is not None
    }
    settings = ServiceSettings.model_validate(settings_from().model_dump() | given)
    app = create_app(settings)
    out().print(
        f"Holdfast listens on [bold]http://{settings.host}:{settings.port}[/]"
        f" and keeps its data in [bold]{settings.home}[/]. Stop it with Ctrl-C."
    )
    uvicorn.run(app, host=settings.host, port=settings.port, log_level="warning")
    return Exit.FINE
