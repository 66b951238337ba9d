"""The database and blobs of a service, open for one command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from api.store.blobs import FolderBlobs
    from api.store.database import Database


@contextmanager
def opened(home: Path | None) -> Iterator[tuple[Database, FolderBlobs]]:
    """Give the database and blobs of a service, and close all connections afterwards.

    Parameters
    ----------
    home : folder of the service; None: as its settings say
    """
    from api.cli.serve import settings_with
    from api.store.blobs import FolderBlobs
    from api.store.database import Database

    settings = settings_with(home=home)
    settings.home.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        yield database, FolderBlobs(settings.home / "blobs")
    finally:
        database.close()
