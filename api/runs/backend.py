"""The seam between the service and whatever runs its jobs."""

from __future__ import annotations

from typing import Protocol


class JobBackend(Protocol):
    """Takes run ids, never data; a run's row in the database says what to do."""

    def start(self) -> None:
        """Begin to take runs; what was left over from before is taken up again."""

    def stop(self) -> None:
        """Stop taking runs; those under way go back to the queue."""

    def enqueue(self, run_id: str) -> None:
        """Say that a run was queued."""

    def cancel(self, run_id: str) -> None:
        """Ask for a run under way to end with what it has; harmless for any other run."""
