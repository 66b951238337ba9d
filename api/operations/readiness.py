"""Whether this process can answer, and whether the work gets done.

Where the database or the disk is away, this process answers nothing well: it is not ready. Where no
worker lives or the queue stands still, requests are still answered and runs still accepted: that
is told as a problem, since taking the API away as well would help nobody.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import func, select

from api.runs.states import UNDER_WAY
from api.runs.workers import LOST_LOOKS
from api.settings import MIB, ServiceSettings
from api.store.blobs import FolderBlobs
from api.store.database import Database
from api.store.rows import RunRow, WorkerRow, utc_now

PROBE: Final = b"\0" * 65536


class NotReady(Exception):  # noqa: N818 - the name says what happened
    """The process cannot answer requests; the message says why."""


class Readiness:
    """Looks at what a service needs.

    Parameters
    ----------
    database : the whole
    blobs : where tables are kept
    settings : how often workers beat, how much disk must be free, when a queue stands still
    clock : monotonic seconds
    """

    def __init__(
        self,
        database: Database,
        blobs: FolderBlobs,
        settings: ServiceSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.settings = settings
        self.clock = clock
        self._lock = threading.Lock()
        self._beats: dict[str, tuple[int, float]] = {}  # worker: its beats, since when so many

    def problems(self) -> list[str]:
        """Return what keeps work from being done; nothing where all is well.

        Raises
        ------
        NotReady
            The database cannot be read, or nothing can be written to the disk.
        """
        try:
            with self.database.session() as session:
                rows = session.execute(select(WorkerRow.id, WorkerRow.beats)).all()
                beats = {str(worker_id): int(count) for worker_id, count in rows}
                waiting = RunRow.state == "queued", RunRow.held.is_(False)
                oldest = session.scalar(select(func.min(RunRow.created_at)).where(*waiting))
                under_way = RunRow.state.in_(UNDER_WAY)
                busy = session.scalar(select(func.count()).select_from(RunRow).where(under_way))
                newest = session.scalar(select(func.max(RunRow.started_at)))
        except Exception as error:
            raise NotReady(f"database: {type(error).__name__}") from error
        self._look_at_disk()
        found = []
        alive = self._alive(beats)
        if not alive:
            found.append("no worker is alive: runs wait")
        if oldest is not None and not busy:
            since = max(oldest, newest) if newest is not None else oldest
            now = utc_now()
            seconds = (now - since.replace(tzinfo=now.tzinfo)).total_seconds()
            if seconds > self.settings.stuck_seconds:
                found.append(f"the queue stands still: runs wait, none began for {seconds:.0f} s")
        return found

    def _look_at_disk(self) -> None:
        try:
            free = shutil.disk_usage(self.blobs.folder).free
            if free < self.settings.min_free_mib * MIB:
                raise NotReady(f"disk: {free // MIB} MiB are free")
            self.blobs.probe(PROBE)
        except OSError as error:
            raise NotReady(f"disk: {error.strerror}") from error

    def _alive(self, beats: dict[str, int]) -> int:
        """Return how many workers have beaten lately, or are seen for the first time."""
        now, patience = self.clock(), (LOST_LOOKS + 1) * self.settings.beat_seconds
        with self._lock:
            for worker_id, count in beats.items():
                if self._beats.get(worker_id, (-1, 0.0))[0] != count:
                    self._beats[worker_id] = count, now
            self._beats = {name: seen for name, seen in self._beats.items() if name in beats}
            return sum(now - since <= patience for _, since in self._beats.values())
