"""The queue of attempts at runs: DBOS beside the runs' rows, in the same database.

Each attempt at a run is one workflow of one step, named after the run and the attempt's number.
It is queued in the transaction that makes the run's row say that it waits. The row is the truth:
an attempt whose turn it is not does nothing. DBOS is never asked to recover an attempt; when its
worker is dead, the row is put back and a new attempt queued (`workers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from api.runs.chunks import attempt_id
from api.store.rows import ChunkRow, RunRow

APPLICATION: Final = "holdfast"
QUEUE: Final = "runs"
WORKFLOW: Final = "attempt"
CHUNK_QUEUE: Final = "chunks"
CHUNK_WORKFLOW: Final = "chunk"
TURNS: Final = 100_000_000  # within one priority
# What a workflow is given (a run id and a number) has been the same since the first release, so
# that workers of any release take attempts queued by any other: an upgrade strands nothing.
ARGUMENTS_VERSION: Final = "1"


class RunQueue:
    """Queues attempts, and tells of them; it takes none.

    Parameters
    ----------
    url : of the database of the runs' rows
    """

    def __init__(self, url: str) -> None:
        from dbos import DBOS, DBOSClient

        DBOS.migrate(dbos_url(url))
        self._client: Any = DBOSClient(
            system_database_url=dbos_url(url),
            serializer=plain_json(),
            application_name=APPLICATION,
            retry_connection_errors=False,
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.destroy()

    def enqueue(self, session: Session, row: RunRow) -> None:
        """Queue a run's next attempt within the caller's transaction."""
        number = row.attempt + 1
        options = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": workflow_id(row.id, number),
            "app_version": ARGUMENTS_VERSION,
            "priority": row.priority * TURNS + min(row.turn, TURNS - 1),
        }
        session.flush()
        self._client.enqueue_in_transaction(session, options, row.id, number)

    def enqueue_chunk(self, session: Session, row: ChunkRow) -> None:
        """Queue a chunk's next attempt within the caller's transaction."""
        session.flush()  # a new row has its number then
        number = row.attempt + 1
        options = {
            "workflow_name": CHUNK_WORKFLOW,
            "queue_name": CHUNK_QUEUE,
            "workflow_id": attempt_id(row.run_id, row.key, number),
            "app_version": ARGUMENTS_VERSION,
            "priority": row.turn + 1,
        }
        self._client.enqueue_in_transaction(session, options, row.run_id, row.key, number)

    def waiting(self, names: Iterable[str]) -> set[str]:
        """Return which of these attempts are queued or have been taken, and have not ended."""
        found = self._client.list_workflows(
            workflow_ids=list(names), status=["ENQUEUED", "PENDING", "DELAYED"], load_input=False
        )
        return {status.workflow_id for status in found}

    def taken_by(self, worker_id: str) -> list[str]:
        """Return the attempts that a worker has taken from the queue and not ended."""
        found = self._client.list_workflows(
            executor_id=worker_id, status="PENDING", load_input=False
        )
        return [status.workflow_id for status in found]

    def drop(self, names: list[str]) -> None:
        """Take attempts off the queue for good."""
        if names:
            self._client.cancel_workflows(names)


def workflow_id(run_id: str, number: int) -> str:
    """Return the name of an attempt in the queue."""
    return f"{run_id}/{number}"


def dbos_url(url: str) -> str:
    """Return the URL as DBOS wants it: without the name of a driver."""
    parsed = make_url(url)
    plain = parsed.set(drivername=parsed.drivername.partition("+")[0])
    return plain.render_as_string(hide_password=False)


def plain_json() -> Any:
    """Return plain JSON: what lies in the queue can be read by eye, and runs no code."""
    from dbos import DBOSPortableJSONSerializer

    return DBOSPortableJSONSerializer()
