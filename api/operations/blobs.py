"""Which blobs are needed, and removal of those that are not."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Final

from sqlalchemy import select
from sqlalchemy.engine import Connection

from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import ChunkRow, PlanRow, RevisionRow, RunRow

YOUNG_SECONDS: Final = 24 * 3600.0  # a blob may be written long before a row names it


def referenced(connection: Connection, blobs: FolderBlobs) -> set[str]:
    """Return the hashes of all blobs that rows name, directly or through a manifest.

    Raises
    ------
    NotFound
        A manifest is missing or damaged.
    """
    manifests = set(connection.scalars(select(RevisionRow.manifest)))
    manifests |= set(connection.scalars(select(PlanRow.manifest)))
    partial = connection.scalars(select(RunRow.partial).where(RunRow.partial.is_not(None)))
    manifests |= {part["manifest"] for part in partial if part}
    steps = connection.scalars(select(RunRow.steps).where(RunRow.steps.is_not(None)))
    made = (step["manifest"] for each in steps for step in (each or {}).values())
    manifests |= {manifest for manifest in made if manifest}
    needed = set(manifests)
    for digest in manifests:
        document = json.loads(blobs.get(digest))
        needed |= {*document["tables"].values(), *document.get("files", {}).values()}
    for chunk in connection.execute(select(ChunkRow.work, ChunkRow.chunk, ChunkRow.result)):
        needed |= {digest for digest in chunk if digest}
    return needed


def sweep(database: Database, blobs: FolderBlobs) -> int:
    """Remove blobs that nothing names and that are older than a day; return how many."""
    old = time.time() - YOUNG_SECONDS
    found = [path for path in blobs.folder.glob("??/*") if path.stat().st_mtime < old]
    with database.engine.connect() as connection:
        needed = referenced(connection, blobs)
    gone = [path for path in found if path.name not in needed]
    for path in gone:
        Path(path).unlink(missing_ok=True)
    return len(gone)
