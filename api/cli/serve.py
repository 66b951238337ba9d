"""`holdfast serve`, `api`, `worker`: the service on this machine, or its parts on several."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.cli.console import Exit, print_line
from api.cli.words import as_is

if TYPE_CHECKING:
    from fastapi import FastAPI

    from api.settings import ServiceSettings

KEEP_ALIVE_SECONDS = 75  # longer than a proxy or client keeps a connection that it may use again

Home = Annotated[Path | None, typer.Option(help="Folder of the database and the blobs.")]
Host = Annotated[str | None, typer.Option(help="Address to listen on.")]
Port = Annotated[int | None, typer.Option(help="Port to listen on.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve")(serve)
    app.command("api")(answer)
    app.command("worker")(worker)


def serve(home: Home = None, host: Host = None, port: Port = None) -> int:
    """Start the service: one process that answers, one that works. Stop it with Ctrl-C.

    Settings: HOLDFAST_HOME, HOLDFAST_PORT, HOLDFAST_DATABASE_URL ...
    """
    return _listen(settings_with(home=home, host=host, port=port), works=True)


def answer(home: Home = None, host: Host = None, port: Port = None) -> int:
    """Answer requests only; runs are taken by `holdfast worker`, here or elsewhere."""
    return _listen(settings_with(home=home, host=host, port=port), works=False)


def worker(
    home: Home = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether a worker of this machine beats.")
    ] = False,
) -> int:
    """Take runs until told to stop; any number of workers may share a database and blobs."""
    from api.runs.worker import work

    settings = settings_with(home=home)
    if check:
        from api.cli.opened import opened
        from api.runs.workers import beats_here

        with opened(home) as (database, _):
            alive = beats_here(database, settings.beat_seconds)
        print_line("A worker of this machine beats." if alive else "No worker beats here.")
        return Exit.FINE if alive else Exit.INTERNAL
    settings.home.mkdir(parents=True, exist_ok=True)
    print_line(f"A worker takes runs of {as_is(settings.home)}. Stop it with Ctrl-C.")
    work(settings)
    return Exit.FINE


def settings_with(**given: object) -> ServiceSettings:
    """Return the settings of the environment, with those that were given in their place."""
    from api.settings import ServiceSettings, settings_from

    named = {name: value for name, value in given.items() if value is not None}
    return ServiceSettings.model_validate(settings_from().model_dump() | named)


def _listen(settings: ServiceSettings, *, works: bool) -> int:
    import gc

    import uvicorn

    from api.app import create_app
    from api.operations.logs import configure

    _refuse_taken(settings.host, settings.port)
    app = create_app(settings, works=works)
    configure(settings.log_format)
    print_line(
        f"Holdfast listens on http://{settings.host}:{settings.port}"
        f" and keeps its data in {as_is(settings.home)}. Stop it with Ctrl-C."
    )
    _tell_first_key(app)
    gc.freeze()  # what is there now stays: no collection need look at it again
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    return Exit.FINE


def _refuse_taken(host: str, port: int) -> None:
    """Tell of a port that another program has, before anything else is made or said."""
    import socket

    from scenarios import Conflict

    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            raise Conflict(
                f"{host} port {port} cannot be listened on ({error.strerror}): name another --port"
            ) from error


def _tell_first_key(app: FastAPI) -> None:
    """Print the first key, once: it is good for everything."""
    key = app.state.house.keys.first()
    if key is not None:
        print_line(
            f"\nThe first key, good for everything; it is shown this once:\n\n  {key.secret}\n\n"
            "Sign in with it in a browser; send it as `Authorization: Bearer ...`, or set"
            " HOLDFAST_KEY for the client.\nMore keys: holdfast keys make --help"
        )
