"""Decisions about single rows of a plan, and its purchase orders with them applied.

A plan never changes. What somebody decides about a row stands beside it: the row is approved as
planned, approved with another quantity, or rejected. Once the plan as a whole is approved, rows
that nobody decided about count as approved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, Literal

import pandas as pd
from sqlalchemy import select

from api.schemas.publishing import RowDecisionRequest
from api.security.trail import record
from api.services.publishing import refuse_older
from api.store.blobs import BlobStore
from api.store.database import TenantDatabase
from api.store.documents import get_plan
from api.store.rows import PlanRow, PublicationRow, RowDecisionRow, ScenarioRow, utc_now
from optimizer.plan_tables import PLAN_TABLES
from scenarios import InputError, NotFound
from scenarios.findings import Finding, Severity
from scenarios.scenario import column_dtype
from scenarios.tables.column import Table, number, text

KEYS: Final = {"purchase_orders": ("order_id", "line"), "transfers": ("transfer_id",)}
MOST_IN_TRAIL: Final = 200
_LINES = PLAN_TABLES["purchase_orders"]
DECIDED_ORDERS: Final = Table(
    "purchase_orders",
    _LINES.zh,
    _LINES.group,
    "What to order after decisions about its lines.",
    (
        *_LINES.columns,
        number("planned_qty", "计划数量", "Units that the plan has.", required=True),
        text("key", "行键", "order_id/line.", required=True),
        text("verdict", "审批结果", "approved, rejected or undecided.", required=True),
        text("decided_by", "审批人", "Who decided; blank: nobody."),
        text("decided_at", "审批时间", "When, UTC."),
        text("note", "备注", "Why."),
    ),
)
Rows = Literal["approved", "all"]


class ApprovalService:
    """A tenant's decisions about rows.

    Parameters
    ----------
    database : of the tenant; its actor is who decides
    blobs : where plans are kept
    """

    def __init__(self, database: TenantDatabase, blobs: BlobStore) -> None:
        self.database = database
        self.blobs = blobs

    def decide(
        self, plan_id: str, table: str, decisions: Sequence[RowDecisionRequest]
    ) -> list[RowDecisionRow]:
        """Take decisions about rows of a plan, all or none; the last one about a row stands.

        Raises
        ------
        NotFound
        InputError
            A row does not exist, is named twice, or a rejected one is given a quantity.
        Conflict
            A newer plan of the scenario was published.
        """
        plan = self._plan(plan_id)
        known = set(row_keys(table, get_plan(self.blobs, plan.manifest, (table,)).table(table)))
        _refuse(table, decisions, known)
        now, actor = utc_now(), self.database.actor
        with self.database.begin() as session:
            session.get(ScenarioRow, plan.scenario_id, with_for_update=True)
            refuse_older(session, plan)
            for told in decisions:
                name = (plan_id, table, told.key)
                row = session.get(RowDecisionRow, name, with_for_update=True)
                if told.verdict == "undecided":
                    if row is not None:
                        session.delete(row)
                    continue
                if row is None:
                    row = RowDecisionRow(plan_id=plan_id, table_name=table, row_key=told.key)
                    session.add(row)
                row.verdict, row.qty, row.note = told.verdict, told.qty, told.note
                row.decided_by, row.decided_at = actor, now
            listed = [told.model_dump() for told in decisions[:MOST_IN_TRAIL]]
            detail = {"table": table, "rows": len(decisions), "decisions": listed,
                      "plan_hash": plan.manifest}  # fmt: skip
            record(session, "rows.decided", plan_id, detail)
        return self.decisions(plan_id, table)

    def decisions(self, plan_id: str, table: str | None = None) -> list[RowDecisionRow]:
        """Return what stands of the decisions about a plan, in the order of keys.

        Raises
        ------
        NotFound
        """
        self._plan(plan_id)
        query = select(RowDecisionRow).where(RowDecisionRow.plan_id == plan_id)
        if table is not None:
            query = query.where(RowDecisionRow.table_name == table)
        query = query.order_by(RowDecisionRow.table_name, RowDecisionRow.row_key)
        with self.database.session() as session:
            return list(session.scalars(query))

    def purchase_orders(self, plan_id: str, rows: Rows) -> pd.DataFrame:
        """Return a plan's purchase orders with decisions applied.

        `cost` follows an edited `qty` at the planned price of a unit; a price break that the edit
        crosses is not looked up.

        Parameters
        ----------
        rows : only what is approved, or all with their verdicts

        Raises
        ------
        NotFound
        """
        plan = self._plan(plan_id)
        lines = get_plan(self.blobs, plan.manifest, ("purchase_orders",)).table("purchase_orders")
        with self.database.session() as session:
            publication = session.get(PublicationRow, plan_id)
        decisions = self.decisions(plan_id, "purchase_orders")
        whole = publication if publication is not None and publication.approved_at else None
        table = applied(lines, decisions, whole)
        if rows == "approved":
            table = table[table["verdict"] == "approved"]
        return table.reset_index(drop=True)

    def _plan(self, plan_id: str) -> PlanRow:
        with self.database.session() as session:
            row = session.get(PlanRow, plan_id)
        if row is None:
            raise NotFound(f"no plan {plan_id!r}")
        return row


def row_keys(table: str, frame: pd.DataFrame) -> list[str]:
    """Return the keys of rows, as in PO-1/1."""
    parts = [
        frame[column].astype("int64").astype(str) if column == "line" else frame[column].astype(str)
        for column in KEYS[table]
    ]
    return ["/".join(row) for row in zip(*parts, strict=True)]


def applied(
    lines: pd.DataFrame, decisions: Sequence[RowDecisionRow], approved: PublicationRow | None
) -> pd.DataFrame:
    """Return purchase lines with decisions applied; `planned_qty` and who decided are added.

    Parameters
    ----------
    approved : the plan's approval as a whole; None: there is none
    """
    by_key = {row.row_key: row for row in decisions}
    table = lines.copy()
    keys = row_keys("purchase_orders", table)
    found = [by_key.get(key) for key in keys]
    left = "undecided" if approved is None else "approved"
    name = None if approved is None else approved.approved_by
    at = None if approved is None else approved.approved_at
    planned = table["qty"].tolist()
    edited = [row is not None and row.qty is not None for row in found]
    table["qty"] = [
        planned[place] if row is None or row.qty is None else row.qty
        for place, row in enumerate(found)
    ]
    table["cost"] = table["cost"].where(~pd.Series(edited, index=table.index, dtype=bool),
                                        table["qty"] * table["unit_cost"])  # fmt: skip
    verdicts = [left if row is None else row.verdict for row in found]
    is_approved = pd.Series([v == "approved" for v in verdicts], index=table.index, dtype=bool)
    frozen = table["status"].isin(["released", "frozen"])
    table["status"] = table["status"].mask(is_approved & ~frozen, "approved")
    added = {
        "planned_qty": planned,
        "key": keys,
        "verdict": verdicts,
        "decided_by": [name if row is None else row.decided_by for row in found],
        "decided_at": [_moment(at if row is None else row.decided_at) for row in found],
        "note": [None if row is None else row.note or None for row in found],
    }
    for column, cells in added.items():
        contract: Any = column_dtype(DECIDED_ORDERS.by_name[column])
        table[column] = pd.Series(cells, index=table.index, dtype=contract)
    return table


def _moment(at: dt.datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _refuse(table: str, decisions: Sequence[RowDecisionRequest], known: set[str]) -> None:
    """Refuse decisions that make no sense, all at once."""
    findings, seen = [], set()
    for place, told in enumerate(decisions, start=1):
        hint = ""
        if told.key not in known:
            code, hint = "unknown_row", f"the plan's {table} have no row of this key"
        elif told.key in seen:
            code, hint = "named_twice", "decide about each row once in a request"
        elif told.qty is not None and told.verdict != "approved":
            code, hint = "bad_value", "only an approved row has a quantity"
        seen.add(told.key)
        if hint:
            findings.append(Finding(code, Severity.ERROR, table, place, "key", told.key, hint))
    if findings:
        raise InputError(f"{len(findings)} decisions cannot be taken; none was", findings)
