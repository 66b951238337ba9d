"""The seam between the service and whatever runs its jobs."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from api.store.rows import RunRow


class JobBackend(Protocol):
    """Takes run ids, never data; a run's row in the database says what to do."""

    def enqueue(self, session: Session, row: RunRow) -> None:
        """Queue a run's next attempt within the caller's transaction.

        The run and its place in the queue become visible in one commit, or neither does.
        """
