"""What the process of one chunk does: read work and chunk, do it, keep the result."""

from __future__ import annotations

import os
import resource
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from api.runs.child import EXIT_ORPHANED, MIB
from api.runs.parcels import pack, unpack
from api.store.blobs import FolderBlobs
from optimizer.executor import function_of, reason_of


@dataclass(frozen=True, slots=True)
class ChunkTask:
    """A chunk to do.

    Attributes
    ----------
    work, chunk : hashes of blobs
    memory_mib : the process may take so much; 0: no limit
    """

    blobs: Path
    work: str
    chunk: str
    memory_mib: int = 0


def main(pipe: Connection, task: ChunkTask) -> None:
    """Do a chunk; say the hash of its result, or why there is none."""
    threading.Thread(target=_end_with_pipe, args=(pipe,), daemon=True).start()
    if task.memory_mib:
        limit = task.memory_mib * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    blobs = FolderBlobs(task.blobs)
    try:
        function, common = unpack(blobs.get(task.work))
        result = function_of(function)(common, unpack(blobs.get(task.chunk)))
        answer: tuple[str | None, str] = blobs.put(pack(result)), ""
    except MemoryError:
        answer = None, "the chunk needs more memory than there is"
    except Exception as error:  # noqa: BLE001 - told to the run, with its reason
        answer = None, reason_of(error)
    pipe.send(answer)


def _end_with_pipe(pipe: Connection) -> None:
    """End the process when nobody waits for it any more."""
    try:
        pipe.recv()
    except (EOFError, OSError):
        os._exit(EXIT_ORPHANED)
