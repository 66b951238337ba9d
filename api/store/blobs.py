"""Blobs by the SHA-256 of their content: written once, never changed."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from pathlib import Path
from typing import Protocol

import pandas as pd

from scenarios import NotFound


class BlobStore(Protocol):
    """Keeps bytes by the hash of their content."""

    def put(self, content: bytes) -> str:
        """Keep bytes; return their SHA-256 in hex. The same bytes are kept once."""

    def get(self, digest: str) -> bytes:
        """Return the bytes of a hash; NotFound if there are none."""

    def path(self, digest: str) -> Path:
        """Return a file with the bytes of a hash, to read from; NotFound if there are none."""


class FolderBlobs:
    """Blobs as files of one folder, two levels deep; a blob appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, content: bytes) -> str:
        """Write to a temporary file, flush it to disk, then rename it into place."""
        digest = hashlib.sha256(content).hexdigest()
        place = self._place(digest)
        if place.exists():
            return digest
        if not place.parent.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            flush_folder(self.folder)
        handle, name = tempfile.mkstemp(dir=place.parent, prefix=".part-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        flush_folder(place.parent)
        return digest

    def probe(self, content: bytes) -> None:
        """Write, flush and remove a file; OSError where that cannot be done."""
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".probe-") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def get(self, digest: str) -> bytes:
        """Read a blob and hold it against its name."""
        content = self.path(digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise NotFound(f"blob {digest} is damaged: its content has another hash")
        return content

    def path(self, digest: str) -> Path:
        """Return the file of a blob."""
        place = self._place(digest)
        if not place.exists():
            raise NotFound(f"no blob {digest}")
        return place

    def _place(self, digest: str) -> Path:
        if len(digest) != 64 or not all(letter in "0123456789abcdef" for letter in digest):
            raise NotFound(f"{digest!r} is no SHA-256")
        return self.folder / digest[:2] / digest


GROUP_ROWS = 16_384  # so that a page reads a small part of the file


def flush_folder(folder: Path) -> None:
    """Flush a folder's names to disk, so that a renamed file is there after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def put_frame(blobs: BlobStore, frame: pd.DataFrame) -> str:
    """Keep a table as Parquet; return its hash."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd", row_group_size=GROUP_ROWS)
    return blobs.put(buffer.getvalue())


def get_frame(blobs: BlobStore, digest: str) -> pd.DataFrame:
    """Read a table back."""
    return pd.read_parquet(blobs.path(digest))
