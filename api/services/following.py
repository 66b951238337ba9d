"""Who follows a run is woken when something has happened in it; one look serves all who follow."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from starlette.concurrency import run_in_threadpool

from api.operations.logs import tell
from api.store.database import Database
from api.store.rows import EventRow

POLL_SECONDS: Final = 0.25
AT_ONCE: Final = 500  # runs of one query


class Following:
    """Looks for new events of the runs that are followed, in each event loop once for all.

    Parameters
    ----------
    database : the whole; only numbers of events are read, of runs that the caller may see
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lookers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Looker] = WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def run(self, run_id: str) -> AsyncIterator[News]:
        """Follow a run; give what tells of news of it."""
        loop = asyncio.get_running_loop()
        looker = self._lookers.setdefault(loop, _Looker(self.database))
        looker.add(run_id)
        try:
            yield News(looker, run_id)
        finally:
            looker.leave(run_id)


class News:
    """News of one run."""

    def __init__(self, looker: _Looker, run_id: str) -> None:
        self._looker = looker
        self._run_id = run_id

    @property
    def newest(self) -> int:
        """Number of the newest event that is known of; 0: none."""
        return self._looker.newest.get(self._run_id, 0)

    async def beyond(self, number: int, seconds: float) -> bool:
        """Wait for an event above a number, at most for so long; say whether there is one."""
        try:
            async with asyncio.timeout(seconds):
                while self.newest <= number:
                    await self._looker.changed.wait()
        except TimeoutError:
            return False
        return True


class _Looker:
    """The one who looks, while anybody follows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.newest: dict[str, int] = {}
        self.changed = asyncio.Event()
        self._followed: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    def add(self, run_id: str) -> None:
        self._followed[run_id] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())

    def leave(self, run_id: str) -> None:
        self._followed[run_id] -= 1
        if not self._followed[run_id]:
            del self._followed[run_id]
            self.newest.pop(run_id, None)
        if not self._followed and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            try:
                found = await run_in_threadpool(self._numbers, list(self._followed))
            except Exception as error:  # noqa: BLE001 - the database may come back
                tell("looking for events failed", error_kind=type(error).__name__)
            else:
                if any(self.newest.get(name) != number for name, number in found.items()):
                    self.newest.update(found)
                    self.changed.set()
                    self.changed = asyncio.Event()
            await asyncio.sleep(POLL_SECONDS)

    def _numbers(self, names: list[str]) -> dict[str, int]:
        """Return the newest event's number of each run."""
        numbers: dict[str, int] = {}
        with self.database.session() as session:
            for first in range(0, len(names), AT_ONCE):
                part: Iterable[str] = names[first : first + AT_ONCE]
                query = select(EventRow.run_id, func.max(EventRow.number))
                query = query.where(EventRow.run_id.in_(part)).group_by(EventRow.run_id)
                numbers.update((name, number) for name, number in session.execute(query))
        return numbers
