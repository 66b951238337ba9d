"""Who follows a run is woken when something has happened in it; one look serves all who follow."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from api.operations.logs import tell
from api.schemas.wire import as_wire
from api.store.database import Database
from api.store.rows import EventRow

POLL_SECONDS: Final = 0.25
AT_ONCE: Final = 500  # runs of one query
MOST_HELD: Final = 200  # events of a followed run; who is further behind reads the database


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a run, as all who follow are told of it: `data` is JSON."""

    number: int
    kind: str
    data: str


class Following:
    """Looks for new events of the runs that are followed, in each event loop once for all.

    Parameters
    ----------
    database : the whole; only events are read, of runs that the caller may see
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._lookers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Looker] = WeakKeyDictionary()

    @contextlib.asynccontextmanager
    async def run(self, run_id: str) -> AsyncIterator[News]:
        """Follow a run; give what tells of news of it."""
        loop = asyncio.get_running_loop()
        looker = self._lookers.setdefault(loop, _Looker(self.database))
        run = looker.add(run_id)
        try:
            yield News(run)
        finally:
            looker.leave(run_id)


class News:
    """News of one run."""

    def __init__(self, run: _Followed) -> None:
        self._run = run

    @property
    def newest(self) -> int:
        """Number of the newest event that is known of; 0: none."""
        return self._run.newest

    def after(self, number: int) -> list[Happening] | None:
        """Return the events above a number; None where the database must be asked for them."""
        held = self._run.held
        if not held or number + 1 < held[0].number:
            return None
        return [event for event in held if event.number > number]

    async def beyond(self, number: int, seconds: float) -> bool:
        """Wait for an event above a number, at most for so long; say whether there is one."""
        try:
            async with asyncio.timeout(seconds):
                while self.newest <= number:
                    await self._run.changed.wait()
        except TimeoutError:
            return False
        return True


class _Followed:
    """A run that is followed, and its events since."""

    def __init__(self) -> None:
        self.followers = 0
        self.newest = 0
        self.held: deque[Happening] = deque(maxlen=MOST_HELD)
        self.changed = asyncio.Event()

    def add(self, events: list[Happening]) -> None:
        """Take new events, in order, and wake who follows."""
        self.held.extend(events)
        self.newest = events[-1].number
        self.changed.set()
        self.changed = asyncio.Event()


class _Looker:
    """The one who looks, while anybody follows."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._runs: dict[str, _Followed] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, run_id: str) -> _Followed:
        run = self._runs.setdefault(run_id, _Followed())
        run.followers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        return run

    def leave(self, run_id: str) -> None:
        run = self._runs[run_id]
        run.followers -= 1
        if not run.followers:
            del self._runs[run_id]
        if not self._runs and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _look(self) -> None:
        while True:
            known = {name: run.newest for name, run in self._runs.items()}
            try:
                found = await run_in_threadpool(self._new, known)
            except Exception as error:  # noqa: BLE001 - the database may come back
                tell("looking for events failed", error_kind=type(error).__name__)
            else:
                for name, events in found.items():
                    run = self._runs.get(name)
                    if run is not None and run.newest == known[name]:
                        run.add(events)
            await asyncio.sleep(POLL_SECONDS)

    def _new(self, known: dict[str, int]) -> dict[str, list[Happening]]:
        """Return the events above those that are known; of a run that is new, the last one."""
        found: dict[str, list[Happening]] = {}
        names = list(known)
        with self.database.session() as session:
            for first in range(0, len(names), AT_ONCE):
                part = names[first : first + AT_ONCE]
                query = select(EventRow.run_id, func.max(EventRow.number))
                query = query.where(EventRow.run_id.in_(part)).group_by(EventRow.run_id)
                for name, newest in session.execute(query).all():
                    if newest > known[name]:
                        after = known[name] or newest - 1
                        found[name] = read_events(session, name, after, MOST_HELD)
        return found


def read_events(session: Session, run_id: str, after: int, most: int) -> list[Happening]:
    """Return events of a run above a number, in order; whoever calls it may see the run."""
    query = select(EventRow.number, EventRow.kind, EventRow.data, EventRow.at)
    query = query.where(EventRow.run_id == run_id, EventRow.number > after)
    rows = session.execute(query.order_by(EventRow.number).limit(most))
    return [
        Happening(number, kind, json.dumps({**data, "at": as_wire(at)}, ensure_ascii=False))
        for number, kind, data, at in rows
    ]
