"""Shares chunks of a run out over all workers, through the queue and the blob store."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from api.runs.chunks import Chunks, Told, forget_chunks, name_of
from api.runs.parcels import pack, unpack
from api.store.blobs import BlobStore
from optimizer.executor import Cancel, Cancelled, Work, chunk_failed, function_of

LOOK_SECONDS: Final = 0.1


class Desk(Protocol):
    """Where a run's chunks are asked for; hashes go over it, never data."""

    def ask(self, work: str, chunks: Sequence[str]) -> None:
        """Ask for chunks of a work, by the hashes of their blobs."""

    def ended(self) -> Sequence[Told]:
        """Return the chunks of the run that have ended since the last call, or more of them."""

    def drop(self) -> None:
        """Forget all chunks of the run."""


class QueueExecutor:
    """Lets the workers of a service do the chunks of one run.

    Parameters
    ----------
    blobs : where work, chunks and results are kept
    desk : where chunks are asked for
    width : chunks that a run is cut into
    least : steps of work below which a run is not shared
    """

    def __init__(self, blobs: BlobStore, desk: Desk, width: int, least: float) -> None:
        self.blobs = blobs
        self.desk = desk
        self._width = width
        self._least = least

    @property
    def width(self) -> int:
        """The same whatever workers there are, so that a second attempt finds the same chunks."""
        return self._width

    @property
    def least(self) -> float:
        """Steps of work below which a run is not shared."""
        return self._least

    def run(
        self,
        work: Work,
        chunks: Sequence[Any],
        *,
        done: Callable[[int], None] | None = None,
        found: Callable[[int, Any], None] | None = None,
        cancelled: Cancel | None = None,
    ) -> list[Any]:
        """Return the result of every chunk, in order; see :class:`optimizer.executor.Executor`."""
        function_of(work.function)
        whole = self.blobs.put(pack((work.function, work.common)))
        parts = [self.blobs.put(pack(chunk)) for chunk in chunks]
        places: dict[str, list[int]] = {}
        for place, part in enumerate(parts):
            places.setdefault(name_of(whole, part), []).append(place)
        self.desk.ask(whole, parts)
        results: dict[int, Any] = {}
        try:
            while len(results) < len(parts):
                if cancelled is not None and cancelled():
                    raise Cancelled("cancelled while workers shared the work")
                told = len(results)
                for chunk in self.desk.ended():
                    for place in places.get(chunk.key, ()):
                        if chunk.result is None:
                            raise chunk_failed(place, len(parts), chunk.reason)
                        if place in results:
                            continue
                        results[place] = unpack(self.blobs.get(chunk.result))
                        if found is not None:
                            found(place, results[place])
                if len(results) > told and done is not None:
                    done(len(results))
                if len(results) < len(parts):
                    time.sleep(LOOK_SECONDS)
        except BaseException:
            self.desk.drop()
            raise
        return [results[place] for place in range(len(parts))]


class DirectDesk:
    """The desk of a process that reaches the database itself.

    Parameters
    ----------
    chunks : of all runs
    run_id : whose they are
    """

    def __init__(self, chunks: Chunks, run_id: str) -> None:
        self.chunks = chunks
        self.run_id = run_id

    def ask(self, work: str, chunks: Sequence[str]) -> None:
        """Queue the chunks."""
        self.chunks.ask(self.run_id, work, chunks)

    def ended(self) -> Sequence[Told]:
        """Return all chunks that have ended."""
        return self.chunks.ended(self.run_id)

    def drop(self) -> None:
        """Forget the chunks."""
        with self.chunks.database.begin() as session:
            forget_chunks(session, self.run_id)
