"""What the service is told from outside: environment variables with the prefix HOLDFAST_."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scenarios import InputError

PREFIX = "HOLDFAST_"
MIB = 1024 * 1024
FROM_FILES = ("database_url",)  # or the file that HOLDFAST_..._FILE names
LISTS = ("allowed_hosts", "webhook_hosts")


class ServiceSettings(BaseModel):
    """Settings of one service process.

    Each is read from the environment variable of its name in capitals after HOLDFAST_.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Annotated[Path, Field(description="folder of the database and the blobs")] = Path(
        "holdfast-data"
    )
    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port to listen on")] = 8000
    database_url: Annotated[str, Field(description="SQLAlchemy URL; blank: SQLite in home")] = ""
    allowed_hosts: Annotated[
        tuple[str, ...], Field(description="host names by which it may be called")
    ] = ("127.0.0.1", "localhost", "[::1]", "testserver")
    max_running: Annotated[int, Field(ge=1, le=64, description="runs at the same time")] = 1
    max_queued: Annotated[int, Field(ge=1, description="runs that may wait")] = 1000
    max_upload_mib: Annotated[float, Field(gt=0, description="largest upload")] = 200.0
    table_memory_mib: Annotated[
        int, Field(ge=1, description="tables that are filtered or sorted may take so much")
    ] = 512
    max_run_seconds: Annotated[float, Field(gt=0, description="a run is ended after it")] = 3600.0
    cancel_grace_seconds: Annotated[
        float, Field(ge=0, description="a cancelled run may hand over what it has")
    ] = 5.0
    max_run_memory_mib: Annotated[
        int, Field(ge=0, description="a run's process may take so much; 0: no limit")
    ] = 0
    run_nice: Annotated[
        int,
        Field(
            ge=0, le=19, description="a run's process steps back so far behind those that answer"
        ),
    ] = 10
    beat_seconds: Annotated[
        float, Field(gt=0, description="a worker says so often that it lives")
    ] = 2.0
    queue_poll_seconds: Annotated[
        float,
        Field(
            gt=0, description="how often a worker looks for runs; for chunks, a quarter as often"
        ),
    ] = 0.25
    webhook_hosts: Annotated[
        tuple[str, ...], Field(description="hosts that webhooks may name; blank: none")
    ] = ()
    secret_file: Annotated[
        Path | None, Field(description="file of the service's secret; blank: made in home")
    ] = None
    map_tiles: Annotated[
        str,
        Field(
            pattern=r"^$|^https?://[^\s;,'\"/]+/\S*\{z\}\S*$",
            description="URL of map tiles with {z}, {x}, {y}; blank: country outlines only",
        ),
    ] = ""
    log_format: Annotated[
        Literal["json", "text"], Field(description="of lines on stderr: text or json")
    ] = "text"
    max_chunks: Annotated[
        int, Field(ge=0, le=64, description="chunks of runs at the same time, beside the runs")
    ] = 1
    chunks_per_run: Annotated[
        int, Field(ge=0, le=1000, description="a large run is cut into so many; 0: into none")
    ] = 16
    share_from: Annotated[
        float, Field(ge=0, description="product-location-days from which a run is large")
    ] = 1e9
    max_running_per_tenant: Annotated[
        int, Field(ge=0, description="runs of a tenant at the same time; 0: no limit")
    ] = 0
    traces_endpoint: Annotated[
        str, Field(description="address for OpenTelemetry over HTTP; blank: no traces")
    ] = ""
    min_free_mib: Annotated[
        int, Field(ge=0, description="with less free disk the service is not ready")
    ] = 64
    stuck_seconds: Annotated[
        float, Field(gt=0, description="a queue from which nothing begins so long stands still")
    ] = 300.0
    visit_days: Annotated[
        int, Field(ge=0, description="visits of browsers that ended so long ago are forgotten")
    ] = 1
    drain_seconds: Annotated[
        int, Field(ge=0, description="a stopping API lets requests end so long")
    ] = 10
    max_attempts: Annotated[int, Field(ge=1, description="starts of a run that keeps dying")] = 3

    @property
    def max_upload_bytes(self) -> int:
        """Largest upload in bytes."""
        return int(self.max_upload_mib * MIB)

    @property
    def url(self) -> str:
        """SQLAlchemy URL of the database."""
        return self.database_url or f"sqlite:///{(self.home / 'holdfast.sqlite').resolve()}"


def settings_from(environment: Mapping[str, str] | None = None) -> ServiceSettings:
    """Read the settings from environment variables.

    Raises
    ------
    InputError
        A value cannot be read; all of them are named.
    """
    from pydantic import ValidationError

    environment = os.environ if environment is None else environment
    given: dict[str, object] = {}
    for name in ServiceSettings.model_fields:
        value = environment.get(PREFIX + name.upper())
        file = environment.get(f"{PREFIX}{name.upper()}_FILE")
        if value is None and file and name in FROM_FILES:
            value = _secret(name, Path(file))
        if value is not None:
            given[name] = [part for part in value.split(",") if part] if name in LISTS else value
    try:
        return ServiceSettings.model_validate(given)
    except ValidationError as error:
        told = "; ".join(
            f"{PREFIX}{str(part['loc'][0]).upper()}: {part['msg']} (given: {part['input']})"
            for part in error.errors()
        )
        raise InputError(f"settings of the service: {told}") from error


def _secret(name: str, file: Path) -> str:
    """Return what a file of one secret holds."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"settings of the service: {PREFIX}{name.upper()}_FILE names {file}, which cannot be"
            f" read: {type(error).__name__}"
        ) from error
