"""What a process that does chunks does: read work and chunk, do it, keep the result.

It does chunks of one work, one after another, so that what loading takes is paid once; it ends
when no more come for a while, and when the worker is gone.
"""

from __future__ import annotations

import contextlib
import os
import resource
import threading
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from api.runs.child import MIB
from api.runs.parcels import pack, unpack
from api.store.blobs import FolderBlobs
from optimizer.executor import function_of, reason_of
from optimizer.processes import end_with_parent

IDLE_SECONDS: Final = 10.0


def main(pipe: Connection, folder: Path, work: str, memory_mib: int, nice: int) -> None:
    """Do chunks; say of each the hash of its result, or why there is none.

    Parameters
    ----------
    pipe : brings hashes of chunks, takes (hash or None, reason)
    folder : of the blobs
    work : hash of the work's blob
    memory_mib : the process may take so much; 0: no limit
    nice : it steps back so far behind the processes that answer
    """
    os.nice(nice)
    threading.Thread(target=end_with_parent, daemon=True).start()
    if memory_mib:
        limit = memory_mib * MIB
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    blobs = FolderBlobs(folder)
    function, common = None, None
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll(IDLE_SECONDS):
            chunk = pipe.recv()
            try:
                if function is None:
                    name, common = unpack(blobs.get(work))
                    function = function_of(name)
                result = function(common, unpack(blobs.get(chunk)))
                answer: tuple[str | None, str] = blobs.put(pack(result)), ""
            except MemoryError:
                answer = None, "the chunk needs more memory than there is"
            except Exception as error:  # noqa: BLE001 - told to the run, with its reason
                answer = None, reason_of(error)
            pipe.send(answer)
