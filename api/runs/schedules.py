"""Runs by the clock: each time of a schedule starts its run once, whoever looks and however often.

A time that was missed, because nothing ran or a clock was wrong, is caught up once: of all times
that have passed, the last one is run. A clock that is set back starts nothing again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from sqlalchemy import select

from api.nightly.calendar import last_time
from api.operations.logs import tell
from api.runs.backend import JobBackend
from api.schemas.runs import RunRequest
from api.security.trail import record
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.settings import ServiceSettings
from api.store.blobs import BlobStore
from api.store.database import Database, TenantDatabase
from api.store.rows import ScheduleRow, new_id, utc_now
from scenarios import HoldfastError, NotFound


class Schedules:
    """A tenant's schedules.

    Parameters
    ----------
    database : of the tenant
    clock : the time now, UTC
    """

    def __init__(
        self, database: TenantDatabase, clock: Callable[[], dt.datetime] = utc_now
    ) -> None:
        self.database = database
        self.clock = clock

    def make(self, name: str, cron: str, timezone: str, request: RunRequest) -> ScheduleRow:
        """Make a schedule; its first time is the first after now.

        Raises
        ------
        InputError
            The times make no sense, or the zone is not known.
        """
        last_time(cron, timezone, self.clock())
        row = ScheduleRow(
            id=new_id("sched"),
            name=name,
            cron=cron,
            timezone=timezone,
            request=request.model_dump(mode="json"),
            done_until=self.clock(),
        )
        with self.database.begin() as session:
            session.add(row)
            session.flush()
            record(session, "schedule.made", row.id, {"cron": cron, "timezone": timezone})
        return row

    def listed(self) -> list[ScheduleRow]:
        """Return all schedules, oldest first."""
        with self.database.session() as session:
            return list(session.scalars(select(ScheduleRow).order_by(ScheduleRow.created_at)))

    def delete(self, schedule_id: str) -> None:
        """Delete a schedule; runs that it started stay.

        Raises
        ------
        NotFound
        """
        with self.database.begin() as session:
            row = session.get(ScheduleRow, schedule_id)
            if row is None:
                raise NotFound(f"no schedule {schedule_id!r}")
            session.delete(row)
            record(session, "schedule.deleted", schedule_id, {"name": row.name})


def start_due(
    database: Database,
    blobs: BlobStore,
    queue: JobBackend,
    settings: ServiceSettings,
    clock: Callable[[], dt.datetime] = utc_now,
) -> int:
    """Start the runs whose time has come; return how many.

    Several workers may do so at once: a run is submitted under the schedule's id and the time
    as its idempotency key before the time is marked as done.
    """
    now = clock()
    with database.session() as session:
        rows = list(session.scalars(select(ScheduleRow).where(ScheduleRow.paused.is_(False))))
    started = 0
    for row in rows:
        due = last_time(row.cron, row.timezone, now)
        if due <= row.done_until.replace(tzinfo=dt.UTC):
            continue
        own = database.of(row.tenant_id, f"schedule {row.name} ({row.id})")
        runs = RunService(own, ScenarioService(own, blobs), queue, settings)
        reason = ""
        try:
            request = RunRequest.model_validate(row.request)
            request.labels = {**request.labels, "schedule": row.name[:60]}
            run = runs.submit(request, f"{row.id}:{due.isoformat()}")
            tell("schedule started", schedule=row.id, run=run.id, due=due.isoformat())
        except HoldfastError as error:
            reason = f"{due:%Y-%m-%d %H:%M} UTC: {error}"
            tell("schedule failed", schedule=row.id, reason=reason)
        with database.begin() as session:
            held = session.get(ScheduleRow, row.id, with_for_update=True)
            if held is not None and held.done_until.replace(tzinfo=dt.UTC) < due:
                held.done_until, held.reason = due, reason
                started += not reason
    return started
