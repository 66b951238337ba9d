"""What partners confirm, and what planners make of it.

A supplier's word changes no scenario by itself: it waits until a planner applies it. So nobody
outside changes what tonight's plan rests on, and a revision never changes under a planner's hands;
what is applied becomes rows of `open_orders` in a new revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.schemas.partners import ConfirmationModel
from api.security.trail import record
from api.services.scenarios import ScenarioService
from api.store.database import TenantDatabase
from api.store.rows import ConfirmationRow, RevisionRow, ScenarioRow, utc_now
from scenarios import Conflict, NotFound

PENDING: Final = "pending"
MOST_IN_TRAIL: Final = 200


class ConfirmationService:
    """A tenant's list of what partners confirmed."""

    def __init__(self, database: TenantDatabase, scenarios: ScenarioService) -> None:
        self.database = database
        self.scenarios = scenarios

    def listed(
        self, scenario_id: str, state: str | None = None, most: int = 1000
    ) -> list[ConfirmationRow]:
        """Return what was confirmed about a scenario's orders, newest first.

        Raises
        ------
        NotFound
        """
        self.scenarios.row(scenario_id)
        query = select(ConfirmationRow).where(ConfirmationRow.scenario_id == scenario_id)
        if state is not None:
            query = query.where(ConfirmationRow.state == state)
        newest = query.order_by(ConfirmationRow.created_at.desc(), ConfirmationRow.id.desc())
        with self.database.session() as session:
            return list(session.scalars(newest.limit(most)))

    def apply(
        self, scenario_id: str, ids: Sequence[str] | None
    ) -> tuple[RevisionRow, list[ConfirmationRow]]:
        """Make a revision in which open orders are as they were confirmed.

        A line that does not come (0 units) is no open order; one that is not open yet becomes so.
        Applying again what a broken connection left half told gives the same revision.

        Returns
        -------
        revision : the newest now
        confirmations : that were applied

        Raises
        ------
        NotFound
            No such scenario, or an id is none of its pending confirmations.
        Conflict
            Nothing is pending, or the scenario was changed meanwhile.
        """
        rows = self._pending(scenario_id, ids)
        head = self.scenarios.row(scenario_id).head
        made = self.scenarios.revise(scenario_id, head, _deltas(rows))
        with self.database.begin() as session:
            told = self._close(session, rows, "applied", made.content_hash)
            detail = {"revision": made.content_hash, "before": head, **_told(told)}
            record(session, "confirmations.applied", scenario_id, detail)
        return made, told

    def reject(self, scenario_id: str, ids: Sequence[str] | None) -> list[ConfirmationRow]:
        """Put confirmations aside; the orders stay as they are.

        Raises
        ------
        NotFound
        Conflict
        """
        rows = self._pending(scenario_id, ids)
        with self.database.begin() as session:
            told = self._close(session, rows, "rejected", None)
            record(session, "confirmations.rejected", scenario_id, _told(told))
        return told

    def _pending(self, scenario_id: str, ids: Sequence[str] | None) -> list[ConfirmationRow]:
        rows = self.listed(scenario_id, PENDING, 100_000)
        if ids is not None:
            known = {row.id for row in rows}
            lost = [name for name in ids if name not in known]
            if lost:
                raise NotFound(f"no pending confirmation {lost[0]!r} of scenario {scenario_id!r}")
            rows = [row for row in rows if row.id in set(ids)]
        if not rows:
            raise Conflict(f"no confirmation of scenario {scenario_id} is pending")
        return rows

    def _close(
        self, session: Session, rows: Sequence[ConfirmationRow], state: str, revision: str | None
    ) -> list[ConfirmationRow]:
        told = []
        for row in rows:
            held = session.get(ConfirmationRow, row.id, with_for_update=True)
            if held is None or held.state != PENDING:
                raise Conflict(f"confirmation {row.id} was decided about meanwhile")
            held.state, held.revision = state, revision
            held.decided_at, held.decided_by = utc_now(), self.database.actor
            told.append(held)
        return told


def confirmation_model(row: ConfirmationRow) -> ConfirmationModel:
    """Return a confirmation as it goes over the wire."""
    return ConfirmationModel.model_validate(
        {name: getattr(row, name) for name in ConfirmationModel.model_fields}
    )


def supersede(session: Session, rows: Sequence[ConfirmationRow]) -> None:
    """Keep new confirmations; pending ones about the same lines give way to them."""
    first = rows[0]
    session.get(ScenarioRow, first.scenario_id, with_for_update=True)
    held = session.scalars(
        select(ConfirmationRow).where(
            ConfirmationRow.scenario_id == first.scenario_id,
            ConfirmationRow.partner_kind == first.partner_kind,
            ConfirmationRow.order_id == first.order_id,
            ConfirmationRow.state.in_((PENDING, "noted")),
        )
    )
    lines = {row.line for row in rows}
    for earlier in held:
        if earlier.line in lines:
            earlier.state = "superseded"
    session.add_all(rows)


def _deltas(rows: Sequence[ConfirmationRow]) -> list[dict[str, Any]]:
    come = [row for row in rows if row.qty]
    stay = [row for row in rows if not row.qty]
    deltas: list[dict[str, Any]] = []
    if come:
        value = [
            {
                "order_id": row.order_id,
                "line": row.line,
                "kind": "purchase",
                "source_id": row.partner_id,
                "site_id": row.site_id,
                "product_id": row.product_id,
                "qty": row.qty,
                "ordered_on": None if row.ordered_on is None else row.ordered_on.isoformat(),
                "due_on": row.due_on.isoformat(),
            }
            for row in come
        ]
        deltas.append({"table": "open_orders", "op": "upsert", "value": value})
    if stay:
        keys = [{"order_id": row.order_id, "line": row.line} for row in stay]
        deltas.append({"table": "open_orders", "op": "delete", "value": keys})
    return deltas


def _told(rows: Sequence[ConfirmationRow]) -> dict[str, Any]:
    listed = [
        {"id": row.id, "order": f"{row.order_id}/{row.line}", "qty": row.qty,
         "due_on": row.due_on.isoformat(), "partner": row.partner_id}
        for row in rows[:MOST_IN_TRAIL]
    ]  # fmt: skip
    return {"confirmations": listed, "count": len(rows)}
