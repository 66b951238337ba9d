"""What a night's run is given, and what becomes of its plan in the commit that ends it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy.orm import Session

from api.runs.nights import Before, NightOrder
from api.security.trail import record_of
from api.services.publishing import newer_published, next_number, published_plan, trail_detail
from api.store.rows import PlanRow, PublicationRow, RevisionRow, RunRow, ScenarioRow, utc_now
from optimizer.gates import Judgement


def night_order(session: Session, row: RunRow) -> NightOrder:
    """Return what a run of kind nightly is to do, with the plan that is published now."""
    before = None
    published = published_plan(session, row.scenario_id)
    if published is not None:
        revision = session.get(RevisionRow, (published.scenario_id, published.revision))
        assert revision is not None, "a plan's revision is never deleted before the plan"
        before = Before(published.id, published.manifest, revision.manifest)
    asked_at = row.created_at.replace(tzinfo=row.created_at.tzinfo or dt.UTC)
    steps, coming = row.steps or {}, row.request.get("on_order")
    return NightOrder(row.request.get("gates"), asked_at, before, steps, coming)


def publish_night(
    session: Session, row: RunRow, plan: PlanRow, judged: dict[str, Any] | None
) -> tuple[str, str]:
    """Publish a night's plan or hold it, in the transaction that ends its run.

    Parameters
    ----------
    judged : what the gates said; None: the run is no night, or was cancelled

    Returns
    -------
    event, reason : what webhooks are told besides the run's end, and the run's reason
    """
    if judged is None:
        return "", ""
    judgement = Judgement.read(judged)
    plan.decision = judgement.decision
    if judgement.decision == "hold":
        return "gates.failed", f"the plan is held by gates: {', '.join(judgement.holding)}"
    session.get(ScenarioRow, row.scenario_id, with_for_update=True)
    session.flush()
    newer = newer_published(session, plan)
    if newer is not None:
        return "", f"the plan is not published: plan {newer} is newer"
    actor = f"nightly run {row.id}"
    publication = PublicationRow(
        plan_id=plan.id,
        tenant_id=row.tenant_id,
        scenario_id=plan.scenario_id,
        plan_hash=plan.manifest,
        judgement=judged,
        number=next_number(session, plan.scenario_id),
        published_at=utc_now(),
        published_by=actor,
    )
    session.add(publication)
    session.flush()
    detail = trail_detail(plan, judgement)
    record_of(session, row.tenant_id, actor, "plan.published", plan.id, detail)
    return "plan.published", ""
