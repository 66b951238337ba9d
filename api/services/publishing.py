"""Publishing: which plan of a scenario holds, who said so, and what its gates said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from api.errors import GatesFailed
from api.runs.nights import JUDGEMENT_FILE
from api.runs.webhooks import announce
from api.schemas.publishing import OverrideRequest, PlanState
from api.security.trail import record
from api.store.blobs import BlobStore
from api.store.database import TenantDatabase
from api.store.documents import get_plan, plan_files
from api.store.rows import PlanRow, PublicationRow, RevisionRow, RunRow, ScenarioRow, utc_now
from optimizer.gates import (
    Dated,
    Evidence,
    Judgement,
    Override,
    finding_counts,
    judge,
    overridden,
    usual_gates,
)
from scenarios import Conflict, NotFound, Settings
from scenarios.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan and where it stands."""

    plan: PlanRow
    publication: PublicationRow | None
    state: PlanState


class PublishingService:
    """A tenant's plans as they are judged, approved and published.

    Parameters
    ----------
    database : of the tenant; its actor is who publishes
    blobs : where plans are kept
    """

    def __init__(self, database: TenantDatabase, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs

    def standing(self, plan_id: str) -> Standing:
        """Return where a plan stands.

        Raises
        ------
        NotFound
        """
        with self.database.session() as session:
            return self._standing(session, plan_id)

    def judgement(self, standing: Standing) -> Judgement:
        """Return what the plan's gates said: at its publication, in its night, or the usual ones.

        The usual gates are judged here and now where no run has judged any.
        """
        if standing.publication is not None:
            return Judgement.read(standing.publication.judgement)
        return judged(self.database, self.blobs, standing.plan)

    def publish(self, plan_id: str, overrides: Sequence[OverrideRequest] = ()) -> Standing:
        """Make a plan the one that holds for its scenario; publishing it again changes nothing.

        Raises
        ------
        NotFound
        GatesFailed
            Gates hold the plan that are not overridden.
        Conflict
            A newer plan of the scenario was published.
        """
        return self._sign(plan_id, overrides, publishes=True)

    def approve(self, plan_id: str, overrides: Sequence[OverrideRequest] = ()) -> Standing:
        """Put somebody's name under a plan; approving it again changes nothing.

        Raises
        ------
        NotFound
        GatesFailed
        Conflict
        """
        return self._sign(plan_id, overrides, publishes=False)

    def _sign(
        self, plan_id: str, overrides: Sequence[OverrideRequest], *, publishes: bool
    ) -> Standing:
        before = self.standing(plan_id)
        judgement = self.judgement(before)
        now = utc_now()
        at = now.isoformat(timespec="seconds")
        if overrides and judgement.holding:
            told = [Override(o.gate, self.database.actor, o.reason, at) for o in overrides]
            judgement = overridden(judgement, told)
        if judgement.decision == "hold":
            raise GatesFailed(
                f"plan {plan_id} is held by gates {', '.join(judgement.holding)}; pass them, or"
                " override them with a reason",
                gate_findings(judgement),
            )
        with self.database.begin() as session:
            scenario_id = before.plan.scenario_id
            session.get(ScenarioRow, scenario_id, with_for_update=True)
            refuse_older(session, before.plan)
            row = session.get(PublicationRow, plan_id, with_for_update=True)
            if row is None:
                row = PublicationRow(
                    plan_id=plan_id,
                    scenario_id=scenario_id,
                    plan_hash=before.plan.manifest,
                    judgement=judgement.document(),
                )
                session.add(row)
            elif (row.published_at if publishes else row.approved_at) is not None:
                return self._standing(session, plan_id)
            if publishes:
                row.number = next_number(session, scenario_id)
                row.published_at, row.published_by = now, self.database.actor
            else:
                row.approved_at, row.approved_by = now, self.database.actor
            session.flush()
            action = "plan.published" if publishes else "plan.approved"
            record(session, action, plan_id, trail_detail(before.plan, judgement))
            run = session.get(RunRow, before.plan.run_id)
            if publishes and run is not None:
                announce(session, run, "plan.published")
            return self._standing(session, plan_id)

    def _standing(self, session: Session, plan_id: str) -> Standing:
        plan = session.get(PlanRow, plan_id)
        if plan is None:
            raise NotFound(f"no plan {plan_id!r}")
        row = session.get(PublicationRow, plan_id)
        return Standing(plan, row, _state(plan, row, newest_number(session, plan.scenario_id)))

    def listed(
        self, most: int, before: str | None, state: str | None, scenario_id: str | None
    ) -> list[Standing]:
        """Return plans, newest first, that come after `before` in that order."""
        newest = (
            select(PublicationRow.scenario_id, func.max(PublicationRow.number).label("number"))
            .group_by(PublicationRow.scenario_id)
            .subquery()
        )
        query = (
            select(PlanRow, PublicationRow, newest.c.number)
            .outerjoin(PublicationRow, PublicationRow.plan_id == PlanRow.id)
            .outerjoin(newest, newest.c.scenario_id == PlanRow.scenario_id)
            .order_by(PlanRow.created_at.desc(), PlanRow.id.desc())
        )
        if state is not None:
            query = query.where(_WHERE[state](newest.c.number))
        if scenario_id is not None:
            query = query.where(PlanRow.scenario_id == scenario_id)
        with self.database.session() as session:
            if before is not None:
                mark = session.get(PlanRow, before)
                if mark is None:
                    return []
                query = query.where(
                    or_(
                        PlanRow.created_at < mark.created_at,
                        and_(PlanRow.created_at == mark.created_at, PlanRow.id < mark.id),
                    )
                )
            rows = session.execute(query.limit(most)).all()
        return [Standing(plan, row, _state(plan, row, number)) for plan, row, number in rows]


def judged(database: TenantDatabase, blobs: BlobStore, plan: PlanRow) -> Judgement:
    """Return what a plan's own run said of its gates; else what the usual gates say now."""
    files = plan_files(blobs, plan.manifest)
    if JUDGEMENT_FILE in files:
        return Judgement.read(json.loads(blobs.get(files[JUDGEMENT_FILE])))
    with database.session() as session:
        revision = session.get(RevisionRow, (plan.scenario_id, plan.revision))
    assert revision is not None, "a plan's revision is never deleted before the plan"
    settings = Settings.model_validate(json.loads(blobs.get(revision.manifest))["settings"])
    read = get_plan(blobs, plan.manifest, ("certificates",))
    counts = finding_counts(revision.findings)
    return judge(usual_gates(), Evidence(Dated.of(read, settings), findings=counts))


def newest_number(session: Session, scenario_id: str) -> int | None:
    """Return the number of a scenario's last publication; None: nothing was published."""
    newest = select(func.max(PublicationRow.number)).where(
        PublicationRow.scenario_id == scenario_id
    )
    found: int | None = session.scalar(newest)
    return found


def next_number(session: Session, scenario_id: str) -> int:
    """Return the number of a scenario's next publication; its row is locked by the caller."""
    return (newest_number(session, scenario_id) or 0) + 1


def published_plan(session: Session, scenario_id: str) -> PlanRow | None:
    """Return the plan of a scenario that holds; None: nothing was published."""
    query = (
        select(PlanRow)
        .join(PublicationRow, PublicationRow.plan_id == PlanRow.id)
        .where(PublicationRow.scenario_id == scenario_id, PublicationRow.number.is_not(None))
        .order_by(PublicationRow.number.desc())
        .limit(1)
    )
    found: PlanRow | None = session.scalar(query)
    return found


def newer_published(session: Session, plan: PlanRow) -> str | None:
    """Return the id of a published plan of the same scenario that was made later."""
    query = (
        select(PlanRow.id)
        .join(PublicationRow, PublicationRow.plan_id == PlanRow.id)
        .where(
            PublicationRow.scenario_id == plan.scenario_id,
            PublicationRow.number.is_not(None),
            PlanRow.created_at > plan.created_at,
        )
        .limit(1)
    )
    found: str | None = session.scalar(query)
    return found


def refuse_older(session: Session, plan: PlanRow) -> None:
    """Refuse a plan that is older than one that was published.

    Raises
    ------
    Conflict
    """
    newer = newer_published(session, plan)
    if newer is not None:
        raise Conflict(f"plan {plan.id} is older than plan {newer}, which was published")


def trail_detail(plan: PlanRow, judgement: Judgement) -> dict[str, Any]:
    """Return what the audit trail keeps of a publication or approval."""
    return {
        "plan_hash": plan.manifest,
        "scenario": plan.scenario_id,
        "revision": plan.revision,
        "gates": judgement.gates,
        "overrides": [
            {"gate": result.name, "reason": result.override.reason}
            for result in judgement.results
            if result.override is not None
        ],
    }


def gate_findings(judgement: Judgement) -> list[Finding]:
    """Return the gates that hold a plan, as findings."""
    return [
        Finding(
            f"gate_{result.outcome}",
            Severity.ERROR,
            "gates",
            None,
            result.name,
            "" if result.value is None else f"{result.value:.10g}",
            result.en,
        )
        for result in judgement.results
        if result.name in judgement.holding
    ]


def _state(plan: PlanRow, row: PublicationRow | None, newest: int | None) -> PlanState:
    if row is not None and row.number is not None:
        return "published" if row.number == newest else "superseded"
    if row is not None:
        return "approved"
    return "held" if plan.decision == "hold" else "draft"


_WHERE: Final[dict[str, Any]] = {
    "published": lambda newest: PublicationRow.number == newest,
    "superseded": lambda newest: PublicationRow.number < newest,
    "approved": lambda _: and_(
        PublicationRow.plan_id.is_not(None), PublicationRow.number.is_(None)
    ),
    "held": lambda _: and_(PublicationRow.plan_id.is_(None), PlanRow.decision == "hold"),
    "draft": lambda _: and_(
        PublicationRow.plan_id.is_(None),
        or_(PlanRow.decision.is_(None), PlanRow.decision != "hold"),
    ),
}
