"""What the service knows of orders on their way when a night is handed in.

Approved lines of published plans count as on order until an import shows them, confirmations that
a planner has applied hold until an import says otherwise, and pending ones are applied where the
night asks for it. The result is a revision of its own: it is what the night plans, and the
scenario's newest revision stays what was imported.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.nightly.on_order import TOLD_DAYS, Published, Word, placed, shown, with_orders
from api.operations.logs import tell
from api.security.trail import record
from api.services.approvals import ApprovalService
from api.services.confirmations import PENDING, ConfirmationService
from api.services.scenarios import ScenarioService
from api.store.database import TenantDatabase
from api.store.documents import put_scenario, table_file
from api.store.rows import (
    ConfirmationRow,
    PlanRow,
    PublicationRow,
    RevisionRow,
    RunRow,
    utc_now,
)
from scenarios import Findings, HoldfastError, Severity

FIELD: Final = "on_order"  # of a run's request: what was found when it was handed in
COLUMNS: Final = ["order_id", "line", "kind", "source_id", "site_id", "product_id", "qty",
                  "ordered_on", "due_on"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class NightFacts:
    """What a night plans.

    Attributes
    ----------
    revision : what was imported, or a new row with what is on order
    told : document and findings, for the run's request
    is_new : the revision has to be kept
    """

    revision: RevisionRow
    told: dict[str, Any]
    is_new: bool

    def keep(self, session: Session) -> None:
        """Keep the revision, in the transaction that hands the run in."""
        row = self.revision
        if not self.is_new:
            return
        name = (row.scenario_id, row.content_hash)
        held: RevisionRow | None = session.get(RevisionRow, name)
        if held is not None:
            return
        session.add(row)
        session.flush()
        counts = {name: self.told["document"][name] for name in ("lines", "orders", "value",
                                                                 "confirmed")}  # fmt: skip
        detail = {"revision": row.content_hash, "before": row.parent, **counts}
        record(session, "orders.counted", row.scenario_id, detail)


class NightOrders:
    """A tenant's orders on their way.

    Parameters
    ----------
    database : of the tenant; its actor is who hands the night in
    """

    def __init__(self, database: TenantDatabase, scenarios: ScenarioService) -> None:
        self.database = database
        self.scenarios = scenarios
        self.blobs = scenarios.blobs

    def apply_confirmations(self, scenario_id: str) -> str:
        """Apply what is pending, as a planner would; return why it was put off, else blank.

        A confirmation that makes no sound scenario waits on: it must not keep the night from
        being planned.
        """
        service = ConfirmationService(self.database, self.scenarios)
        if not service.listed(scenario_id, PENDING, 1):
            return ""
        try:
            service.apply(scenario_id, None)
        except HoldfastError as error:
            tell("confirmations put off", scenario=scenario_id, why=str(error)[:300])
            return str(error)
        return ""

    def facts(self, revision: RevisionRow, days: int, put_off: str = "") -> NightFacts:
        """Return what a night plans: a revision with what is on order and not in the import yet.

        Parameters
        ----------
        revision : what was imported
        days : that approved lines count while the import lacks them; 0: not at all
        put_off : why pending confirmations were not applied
        """
        scenario_id = revision.scenario_id
        today = self.scenarios.settings(revision).start_date
        published = self._published(scenario_id, today, days) if days else []
        words = self._words(scenario_id)
        lines = placed(published, today, days)
        waiting = self._waiting(scenario_id)
        findings = Findings()
        if waiting:
            _tell_waiting(findings, waiting, put_off)
        if lines.empty and not words:
            document = {"days": days, "lines": 0, "orders": 0, "value": 0.0, "in_import": 0,
                        "aged_out": 0, "unknown": 0, "confirmed": 0, "first": []}  # fmt: skip
            return NightFacts(revision, _told(document, waiting, findings), is_new=False)
        scenario = self.scenarios.load(revision)
        known = self._known(scenario_id, lines, words, days)
        found = with_orders(scenario, published, days=days, known=known, words=words)
        findings.extend(found.findings)
        told = _told(found.document, waiting, findings)
        if not found.deltas:
            return NightFacts(revision, told, is_new=False)
        row = RevisionRow(
            scenario_id=scenario_id,
            content_hash=found.scenario.content_hash,
            manifest=put_scenario(self.blobs, found.scenario),
            parent=revision.content_hash,
            deltas=found.deltas,
            findings=revision.findings,
        )
        return NightFacts(row, told, is_new=True)

    def _published(self, scenario_id: str, today: dt.date, days: int) -> list[Published]:
        """Return approved lines of published plans, in the order of publication."""
        first = today - dt.timedelta(days=days + TOLD_DAYS)
        query = (
            select(PlanRow)
            .join(PublicationRow, PublicationRow.plan_id == PlanRow.id)
            .where(PublicationRow.scenario_id == scenario_id, PublicationRow.number.is_not(None))
            .order_by(PublicationRow.number.desc())
        )
        with self.database.session() as session:
            plans = list(session.scalars(query))
        approvals = ApprovalService(self.database, self.blobs)
        found: list[Published] = []
        for plan in plans:
            own = self.scenarios.revision(scenario_id, plan.revision)
            start = self.scenarios.settings(own).start_date
            lines = approvals.purchase_orders(plan.id, "approved")
            found.append(Published(plan.id, start, lines))
            if start <= first:
                break
        return found[::-1]

    def _words(self, scenario_id: str) -> list[Word]:
        """Return the words of suppliers that planners have applied, oldest first."""
        query = select(ConfirmationRow).where(
            ConfirmationRow.scenario_id == scenario_id,
            ConfirmationRow.partner_kind == "supplier",
            ConfirmationRow.state == "applied",
        )
        query = query.order_by(ConfirmationRow.decided_at, ConfirmationRow.created_at,
                               ConfirmationRow.id)  # fmt: skip
        with self.database.session() as session:
            return [
                Word(row.order_id, row.line, float(row.qty or 0.0), row.due_on, row.ordered_qty,
                     row.ordered_due_on)
                for row in session.scalars(query)
            ]  # fmt: skip

    def _waiting(self, scenario_id: str) -> int:
        query = select(func.count()).select_from(ConfirmationRow)
        query = query.where(ConfirmationRow.scenario_id == scenario_id,
                            ConfirmationRow.state == PENDING)  # fmt: skip
        with self.database.session() as session:
            return int(session.scalar(query) or 0)

    def _known(
        self, scenario_id: str, lines: pd.DataFrame, words: list[Word], days: int
    ) -> set[str]:
        """Return the lines that any revision of these days has shown, those of nights left out."""
        since = utc_now() - dt.timedelta(days=days + TOLD_DAYS)
        nights = select(RunRow).where(RunRow.scenario_id == scenario_id, RunRow.kind == "nightly",
                                      RunRow.created_at >= since)  # fmt: skip
        revisions = select(RevisionRow).where(
            RevisionRow.scenario_id == scenario_id, RevisionRow.created_at >= since
        )
        with self.database.session() as session:
            own = {
                row.revision
                for row in session.scalars(nights)
                if row.request.get(FIELD, {}).get("is_new")
            }
            rows = [row for row in session.scalars(revisions) if row.content_hash not in own]
        paths = {table_file(self.blobs, row.manifest, "open_orders") for row in rows}
        none = pd.DataFrame({"order_id": pd.Series(dtype=object)})
        found: set[str] = set()
        for path in sorted(path for path in paths if path is not None):
            found |= shown(lines, pd.read_parquet(path, columns=COLUMNS), none, words)
        return found


def _told(document: dict[str, Any], waiting: int, findings: Findings) -> dict[str, Any]:
    """Return what a run's request keeps; the first finding of a rule stands for those cut off."""
    left = dict(findings.counts)
    kept = Counter((f.code, f.table, f.column, f.severity) for f in findings)
    listed = []
    for finding in findings:
        key = (finding.code, finding.table, finding.column, finding.severity)
        count = left.pop(key) - kept[key] + 1 if key in left else 1
        listed.append({**finding.document(), "count": count})
    return {"document": {**document, "waiting": waiting}, "findings": listed}


def _tell_waiting(findings: Findings, waiting: int, put_off: str) -> None:
    if put_off:
        findings.add(
            "confirmations_put_off",
            Severity.WARNING,
            f"{waiting} confirmations of suppliers could not be applied and wait on: {put_off}",
            table="open_orders",
            count=waiting,
        )
        return
    findings.add(
        "confirmations_waiting",
        Severity.INFO,
        f"{waiting} confirmations of suppliers wait for a planner; the night plans without them",
        table="open_orders",
        count=waiting,
    )
