"""A copy of a service in one file: all rows and the blobs that they name, of any database.

The file is a zip: `rows/TABLE.jsonl`, `blobs/SHA-256`, and `holdfast.json`, which says at which
step the tables were and what every part hashes to. Rows are read in one transaction, so that
they belong together; blobs never change. The queue is not copied: runs that waited or were under
way are queued again by the first worker.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Date, DateTime, MetaData, Table, func, select
from sqlalchemy.engine import Connection

from api.operations.blobs import referenced
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.migrate import current, migrate
from api.store.rows import Base, TenantRow
from scenarios import Conflict, InputError

FORMAT: Final = 1
MANIFEST: Final = "holdfast.json"
AT_ONCE: Final = 1000  # rows read or written together


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds."""

    step: str
    made_at: str
    rows: dict[str, int]
    blobs: int


def make_backup(database: Database, blobs: FolderBlobs, place: Path) -> Contents:
    """Write a copy of everything; the file appears whole or not at all.

    Raises
    ------
    NotFound
        A blob that a row names is missing or damaged.
    Conflict
        There is a file already.
    """
    if place.exists():
        raise Conflict(f"{place} exists already; a copy is never written over")
    part = place.with_name(f".{place.name}.part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            contents = _write(database, blobs, archive)
        part.replace(place)
    finally:
        part.unlink(missing_ok=True)
    return contents


def check_backup(place: Path) -> Contents:
    """Read a copy through, every byte of it.

    Raises
    ------
    InputError
        It is no copy of a service, or a part of it is missing or damaged.
    """
    try:
        with zipfile.ZipFile(place) as archive:
            return _check(archive)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise InputError(f"{place} is no whole copy of a service: {error}") from error


def restore_backup(place: Path, database: Database, blobs: FolderBlobs) -> Contents:
    """Bring a copy back into a service that has nothing yet.

    Raises
    ------
    InputError
        The copy is not whole; nothing is changed.
    Conflict
        The service has tenants already; nothing is changed.
    """
    contents = check_backup(place)
    with database.session() as session:
        if session.scalar(select(func.count()).select_from(TenantRow)):
            raise Conflict("the service has tenants already; a copy comes into an empty one only")
    with zipfile.ZipFile(place) as archive:
        for name in archive.namelist():
            if name.startswith("blobs/"):
                blobs.put(archive.read(name))
        migrate(database.writer, "base")
        migrate(database.writer, contents.step)
        with database.writer.execution_options(holdfast_writes=True).begin() as connection:
            tables = MetaData()
            tables.reflect(connection, only=list(contents.rows))
            for table in tables.sorted_tables:
                _fill(connection, table, archive)
        migrate(database.writer)
    return contents


def _write(database: Database, blobs: FolderBlobs, archive: zipfile.ZipFile) -> Contents:
    rows: dict[str, int] = {}
    hashes: dict[str, str] = {}
    engine = database.engine
    if not database.is_sqlite:
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with engine.connect() as connection, connection.begin():
        step = current(connection)
        for table in Base.metadata.sorted_tables:
            digest, count = hashlib.sha256(), 0
            with archive.open(f"rows/{table.name}.jsonl", "w", force_zip64=True) as file:
                for line in _lines(connection, table):
                    file.write(line)
                    digest.update(line)
                    count += 1
            rows[table.name], hashes[table.name] = count, digest.hexdigest()
        needed = referenced(connection, blobs)
    for name in sorted(needed):
        archive.writestr(zipfile.ZipInfo(f"blobs/{name}"), blobs.get(name))
    contents = Contents(str(step), dt.datetime.now(dt.UTC).isoformat(), rows, len(needed))
    document = {"format": FORMAT, "step": contents.step, "made_at": contents.made_at, "rows": rows,
                "hashes": hashes, "blobs": sorted(needed)}  # fmt: skip
    archive.writestr(MANIFEST, json.dumps(document, indent=1))
    return contents


def _lines(connection: Connection, table: Table) -> Iterator[bytes]:
    order = list(table.primary_key.columns)
    found = connection.execution_options(yield_per=AT_ONCE).execute(select(table).order_by(*order))
    for row in found.mappings():
        text = json.dumps(dict(row), default=_told, ensure_ascii=False, separators=(",", ":"))
        yield text.encode() + b"\n"


def _told(value: Any) -> str:
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return aware.astimezone(dt.UTC).isoformat()
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(f"a column of type {type(value).__name__} cannot be copied")


def _check(archive: zipfile.ZipFile) -> Contents:
    document = json.loads(archive.read(MANIFEST))
    if document["format"] != FORMAT:
        raise ValueError(f"format {document['format']}, this version reads {FORMAT}")
    for table, expected in document["hashes"].items():
        digest = hashlib.sha256()
        with archive.open(f"rows/{table}.jsonl") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        if digest.hexdigest() != expected:
            raise ValueError(f"rows of {table} are not those that were copied")
    for name in document["blobs"]:
        if hashlib.sha256(archive.read(f"blobs/{name}")).hexdigest() != name:
            raise ValueError(f"blob {name} is damaged")
    return Contents(document["step"], document["made_at"], document["rows"], len(document["blobs"]))


def _fill(connection: Connection, table: Table, archive: zipfile.ZipFile) -> None:
    dates = {column.name: column.type for column in table.columns}
    held: list[dict[str, Any]] = []
    with archive.open(f"rows/{table.name}.jsonl") as file:
        for line in file:
            row = json.loads(line)
            held.append({name: _read(value, dates[name]) for name, value in row.items()})
            if len(held) == AT_ONCE:
                connection.execute(table.insert(), held)
                held = []
    if held:
        connection.execute(table.insert(), held)


def _read(value: Any, kind: Any) -> Any:
    if isinstance(value, str) and isinstance(kind, DateTime):
        return dt.datetime.fromisoformat(value)
    if isinstance(value, str) and isinstance(kind, Date):
        return dt.date.fromisoformat(value)
    return value
