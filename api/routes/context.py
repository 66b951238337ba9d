"""What routes work with, made once per application."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from api.runs.backend import JobBackend
from api.services.decisions import DecisionService
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.settings import ServiceSettings
from api.store.blobs import BlobStore
from api.store.database import Database, PlanRow
from scenarios import NotFound


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one application."""

    settings: ServiceSettings
    database: Database
    blobs: BlobStore
    backend: JobBackend
    scenarios: ScenarioService
    runs: RunService
    decisions: DecisionService

    def plan(self, plan_id: str) -> PlanRow:
        """Return a plan's row; NotFound if there is none."""
        with self.database.session() as session:
            row = session.get(PlanRow, plan_id)
        if row is None:
            raise NotFound(f"no plan {plan_id!r}")
        return row


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Here = Annotated[Context, Depends(_context)]
