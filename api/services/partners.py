"""What a supplier or carrier sees of one scenario: its own forecast, orders and figures.

All of it comes from the plan that is published - drafts are nobody's business outside - and, for
suppliers, from the open orders of the newest revision. Every read is cut to the partner's own rows
before anything else is done with it; another partner's order is not there.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
import pyarrow.parquet as pq
from sqlalchemy import select

from api.schemas.partners import (
    ConfirmRequest,
    PartnerForecastRow,
    PartnerOrder,
)
from api.security.keys import Partner
from api.security.trail import record
from api.services.approvals import ApprovalService
from api.services.confirmations import PENDING, confirmation_model, supersede
from api.services.publishing import published_plan
from api.services.scenarios import ScenarioService
from api.store.blobs import BlobStore
from api.store.database import TenantDatabase
from api.store.documents import table_file
from api.store.rows import ConfirmationRow, PlanRow, new_id
from optimizer.plan import conform
from scenarios import Finding, InputError, NotFound, Severity

SUPPLIER_FIGURES: Final = (
    "on_time_rate", "fill_rate", "in_full_rate", "defect_rate", "lead_time_mean_days",
    "lead_time_cv", "promised_mean_days", "receipt_lines",
)  # fmt: skip
CARRIER_FIGURES: Final = ("on_time_rate", "damage_rate", "exception_rate")
LATEST: Final = dt.timedelta(days=730)  # a confirmed day is at most so long after the ordered one


class PartnerService:
    """One partner's view.

    Parameters
    ----------
    database : of the tenant; its actor is the partner's key
    partner : whose rows are seen
    key_id : that asks
    """

    def __init__(
        self,
        database: TenantDatabase,
        blobs: BlobStore,
        scenarios: ScenarioService,
        partner: Partner,
        key_id: str,
    ) -> None:
        self.database = database
        self.blobs = blobs
        self.scenarios = scenarios
        self.partner = partner
        self.key_id = key_id

    def plan(self) -> PlanRow:
        """Return the plan that is published.

        Raises
        ------
        NotFound
            None is.
        """
        with self.database.session() as session:
            found = published_plan(session, self.partner.scenario_id)
        if found is None:
            raise NotFound("no plan is published yet; ask again later")
        return found

    def forecast(self) -> tuple[PlanRow, list[PartnerForecastRow]]:
        """Return what the plan will order from the supplier, or hand to the carrier, by day.

        Raises
        ------
        NotFound
            No plan is published.
        """
        plan = self.plan()
        if self.partner.kind == "supplier":
            lines = self._own(plan, "purchase_orders", "supplier_id")
            groups = lines.groupby(["order_on", "site_id", "product_id"])["qty"].sum()
            return plan, [
                PartnerForecastRow(
                    bucket=day.date(), product_id=product, site_id=site, service=None,
                    qty=float(qty), parcels=None, weight_kg=None,
                )
                for (day, site, product), qty in groups.items()
            ]  # fmt: skip
        parcels = self._own(plan, "shipments", "carrier_id").fillna({"service": ""})
        days = parcels.groupby(["ship_on", "site_id", "service"])
        table = days.agg(parcels=("shipment_id", "count"), weight_kg=("weight_kg", "sum"))
        return plan, [
            PartnerForecastRow(
                bucket=row.ship_on.date(), product_id=None, site_id=row.site_id,
                service=row.service, qty=None, parcels=int(row.parcels),
                weight_kg=float(row.weight_kg),
            )
            for row in table.reset_index().itertuples()
        ]  # fmt: skip

    def performance(self) -> tuple[PlanRow, dict[str, float | None]]:
        """Return the partner's own figures.

        Raises
        ------
        NotFound
            No plan is published.
        """
        plan = self.plan()
        supplier = self.partner.kind == "supplier"
        table, column = ("supplier_scores", "supplier_id") if supplier else (
            "carrier_scores", "carrier_id")  # fmt: skip
        scores = self._own(plan, table, column)
        names = SUPPLIER_FIGURES if supplier else CARRIER_FIGURES
        return plan, {name: _figure(scores, name) for name in names}

    def orders(self) -> list[PartnerOrder]:
        """Return the partner's orders: approved lines of the plan, and those that are open."""
        found = self._parcels() if self.partner.kind == "carrier" else self._lines()
        said = self._said()
        return [
            order.model_copy(update={"confirmation": said[order.order_id, order.line]})
            if (order.order_id, order.line) in said
            else order
            for order in found
        ]

    def confirm(self, order_id: str, request: ConfirmRequest) -> list[ConfirmationRow]:
        """Take the partner's word about an order, all lines or none.

        Raises
        ------
        NotFound
            The partner has no such order.
        InputError
            A line is not of the order, stands twice, or cannot come so.
        """
        own = {order.line: order for order in self.orders() if order.order_id == order_id}
        if not own:
            raise NotFound(f"no order {order_id!r}")
        wanted = {line.line: line for line in request.lines}
        _refuse(request, own)
        rows = [
            self._row(order, wanted[line].qty, wanted[line].due_on, request.note)
            if line in wanted
            else self._row(order, None, None, request.note)
            for line, order in own.items()
            if line in wanted or not wanted
        ]
        with self.database.begin() as session:
            supersede(session, rows)
            told = [
                {"line": row.line, "qty": row.qty, "due_on": row.due_on.isoformat()}
                for row in rows[:200]
            ]
            detail = {"scenario": self.partner.scenario_id, "partner": self.partner.id,
                      "kind": self.partner.kind, "lines": told, "count": len(rows)}  # fmt: skip
            record(session, "order.confirmed", order_id, detail)
        return rows

    def _row(
        self, order: PartnerOrder, qty: float | None, due_on: dt.date | None, note: str
    ) -> ConfirmationRow:
        supplier = self.partner.kind == "supplier"
        return ConfirmationRow(
            id=new_id("cfm"),
            scenario_id=self.partner.scenario_id,
            partner_kind=self.partner.kind,
            partner_id=self.partner.id,
            key_id=self.key_id,
            order_id=order.order_id,
            line=order.line,
            product_id=order.product_id or "",
            site_id=order.site_id,
            ordered_on=order.ordered_on,
            ordered_qty=order.qty,
            ordered_due_on=order.due_on,
            qty=order.qty if qty is None else qty,
            due_on=due_on or order.due_on,
            note=note,
            state=PENDING if supplier else "noted",
        )

    def _own(self, plan: PlanRow, table: str, column: str) -> pd.DataFrame:
        """Return the partner's rows of a table of a plan, and no others."""
        path = table_file(self.blobs, plan.manifest, table)
        if path is None:
            return conform(table, pd.DataFrame())
        part = pq.read_table(path, filters=[(column, "=", self.partner.id)], use_threads=False)
        return conform(table, part.to_pandas())

    def _lines(self) -> list[PartnerOrder]:
        """Return a supplier's lines; one that is open stands once, as the scenario has it."""
        open_lines = [
            PartnerOrder(
                order_id=row.order_id, line=row.line, product_id=row.product_id,
                site_id=row.site_id, ordered_on=_day(row.ordered_on), due_on=row.due_on.date(),
                qty=float(row.qty), unit_cost=None, weight_kg=None, service=None, state="open",
                confirmation=None,
            )
            for row in self._open_orders().itertuples()
        ]  # fmt: skip
        known = {(order.order_id, order.line) for order in open_lines}
        with self.database.session() as session:
            plan = published_plan(session, self.partner.scenario_id)
        if plan is None:
            return open_lines
        lines = ApprovalService(self.database, self.blobs).purchase_orders(plan.id, "approved")
        lines = lines[lines["supplier_id"] == self.partner.id]
        planned = [
            PartnerOrder(
                order_id=row.order_id, line=str(int(row.line)), product_id=row.product_id,
                site_id=row.site_id, ordered_on=_day(row.order_on), due_on=row.due_on.date(),
                qty=float(row.qty), unit_cost=float(row.unit_cost), weight_kg=None, service=None,
                state="to_confirm", confirmation=None,
            )
            for row in lines.itertuples()
            if (row.order_id, str(int(row.line))) not in known
        ]  # fmt: skip
        return [*planned, *open_lines]

    def _open_orders(self) -> pd.DataFrame:
        revision = self.scenarios.revision(self.partner.scenario_id)
        path = table_file(self.blobs, revision.manifest, "open_orders")
        if path is None:
            return pd.DataFrame()
        own = [("source_id", "=", self.partner.id), ("kind", "=", "purchase")]
        frame: pd.DataFrame = pq.read_table(path, filters=own, use_threads=False).to_pandas()
        return frame

    def _parcels(self) -> list[PartnerOrder]:
        """Return a carrier's parcels of the plan that is published."""
        return [
            PartnerOrder(
                order_id=row.shipment_id, line="", product_id=None, site_id=row.site_id,
                ordered_on=_day(row.ship_on), due_on=row.promised_on.date(), qty=None,
                unit_cost=None, weight_kg=float(row.weight_kg),
                service=row.service if isinstance(row.service, str) else None,
                state="to_confirm", confirmation=None,
            )
            for row in self._own(self.plan(), "shipments", "carrier_id").itertuples()
        ]  # fmt: skip

    def _said(self) -> dict[tuple[str, str], Any]:
        """Return the partner's confirmations that stand, by order and line."""
        query = select(ConfirmationRow).where(
            ConfirmationRow.scenario_id == self.partner.scenario_id,
            ConfirmationRow.partner_kind == self.partner.kind,
            ConfirmationRow.partner_id == self.partner.id,
            ConfirmationRow.state != "superseded",
        )
        with self.database.session() as session:
            rows = session.scalars(query.order_by(ConfirmationRow.created_at, ConfirmationRow.id))
            return {(row.order_id, row.line): confirmation_model(row) for row in rows}


def _refuse(request: ConfirmRequest, own: dict[str, PartnerOrder]) -> None:
    """Refuse lines that make no sense, all at once."""
    findings: list[Finding] = []

    def wrong(row: int, column: str, value: object, hint: str) -> None:
        findings.append(
            Finding("confirmation", Severity.ERROR, "lines", row, column, str(value), hint)
        )

    seen: set[str] = set()
    for place, line in enumerate(request.lines, start=1):
        order = own.get(line.line)
        if order is None:
            wrong(place, "line", line.line, f"the order has lines {', '.join(own)}")
            continue
        if line.line in seen:
            wrong(place, "line", line.line, "confirm each line once")
        seen.add(line.line)
        if line.qty is not None and order.qty is None:
            wrong(place, "qty", line.qty, "a parcel has no quantity; confirm its day")
        elif line.qty is not None and order.qty is not None and line.qty > order.qty:
            hint = f"{order.qty:g} units are ordered; more of it needs an order of its own"
            wrong(place, "qty", line.qty, hint)
        first = order.ordered_on or order.due_on
        if line.due_on is not None and not first <= line.due_on <= order.due_on + LATEST:
            last = order.due_on + LATEST
            wrong(place, "due_on", line.due_on, f"name a day from {first} to {last}")
    if findings:
        raise InputError(f"{len(findings)} lines cannot be confirmed so", findings)


def _day(moment: Any) -> dt.date | None:
    return None if pd.isna(moment) else moment.date()


def _figure(scores: pd.DataFrame, name: str) -> float | None:
    if scores.empty:
        return None
    value = float(scores[name].iloc[0])
    return value if math.isfinite(value) else None


def page_of(rows: Sequence[Any], first: int, size: int) -> tuple[list[Any], int | None]:
    """Return some of a list, and where the next page begins."""
    return list(rows[first : first + size]), first + size if first + size < len(rows) else None
