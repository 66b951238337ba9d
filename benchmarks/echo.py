"""A chunk in which nothing is done, to see what a chunk costs besides."""

from __future__ import annotations

from optimizer.executor import does_chunks


@does_chunks
def echo(_common: None, chunk: bytes) -> bytes:
    """Return the chunk."""
    return chunk
