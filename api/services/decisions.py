"""Online decisions: one after the other, each reserving what it promises."""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from api.schemas.sourcing import DecideRequest, DecisionModel, OrderRequest
from api.services.scenarios import ScenarioService
from api.store.blobs import BlobStore
from api.store.database import Sessions
from api.store.documents import get_plan, plan_rows
from api.store.rows import BookRow, DecisionRow, PlanRow, utc_now
from optimizer.allocation.sourcing.arrivals import expected_arrivals
from optimizer.allocation.sourcing.desk import Desk
from optimizer.allocation.sourcing.online import decide
from optimizer.allocation.sourcing.online_orders import Decision, OnlineLine, OnlineOrder
from scenarios import Conflict, Finding, InputError, NotFound, Scenario, Severity

TABLES = ("shipments", "shipment_lines", "marginal_prices")
MOST_DESKS = 2  # plans whose stock is kept in memory


@dataclass(slots=True)
class _Open:
    """A desk that is open: what is left after the decisions up to a number."""

    desk: Desk
    scenario: Scenario
    planned: frozenset[str]
    number: int = 0


class Desks:
    """Plans whose stock is kept in memory, shared by all requests of a process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open: OrderedDict[str, _Open] = OrderedDict()
        self.ships: dict[str, bool] = {}


class DecisionService:
    """Promises orders.

    Decisions of a scenario follow each other: a transaction first takes the scenario's book, then
    reads what others have decided since, decides, and writes. So several processes never
    promise the same unit twice, and what was promised is there after a restart. An earlier
    decision holds its stock in a newer plan too, until the plan's scenario has the order.
    """

    def __init__(
        self, database: Sessions, scenarios: ScenarioService, blobs: BlobStore, desks: Desks
    ) -> None:
        self.database = database
        self.scenarios = scenarios
        self.blobs = blobs
        self._desks = desks

    def decide(self, request: DecideRequest) -> DecisionModel:
        """Promise an order, or return what it was promised before.

        Raises
        ------
        NotFound
            No such plan or scenario, or the scenario has no plan with parcels.
        Conflict
            The plan is not the newest, its horizon is over, or it ships the order.
        InputError
            The order names what the scenario does not have, or its id was used for another one.
        """
        plan = self._plan(request)
        body_hash = hashlib.sha256(request.order.model_dump_json().encode()).hexdigest()
        earlier = self._earlier(plan.scenario_id, request.order.order_id, body_hash)
        if earlier is not None:
            return earlier
        with self._desks.lock:
            opened = self._desk(plan)
            order = _order(opened.scenario, opened.desk, request.order)
            self._check(plan, opened, order)
            self._make_book(plan.scenario_id)
            with self.database.begin() as session:
                number = self._take_book(session, plan.scenario_id)
                row = session.get(DecisionRow, (plan.scenario_id, order.order_id))
                if row is not None:  # another process was faster
                    return _replayed(row, body_hash)
                self._catch_up(session, plan.scenario_id, opened)
                decision = decide(opened.desk, order)
                ready_on = order.ready_on(opened.desk.start)
                answer = _answer(plan, decision, number)
                session.add(
                    DecisionRow(
                        scenario_id=plan.scenario_id,
                        order_id=order.order_id,
                        number=number,
                        plan_id=plan.id,
                        channel_id=order.channel_id,
                        ready_on=ready_on,
                        body_hash=body_hash,
                        answer=answer.model_dump(mode="json"),
                    )
                )
            for parcel in decision.parcels:
                opened.desk.set_aside(
                    parcel.site_id,
                    parcel.carrier_id,
                    ready_on,
                    parcel.lines,
                    order.channel_id,
                    parcel.g_co2e,
                )
            opened.number = number
        return answer

    def _plan(self, request: DecideRequest) -> PlanRow:
        """Return the plan that was asked for; Conflict where a newer one has taken its place."""
        scenario_id = request.scenario if request.plan is None else self._named(request.plan)
        self.scenarios.row(str(scenario_id))
        with self.database.session() as session:
            rows = session.scalars(
                select(PlanRow)
                .where(PlanRow.scenario_id == scenario_id)
                .order_by(PlanRow.created_at.desc(), PlanRow.id.desc())
            )
            newest = next((row for row in rows if self._has_parcels(row)), None)
        if newest is None:
            raise NotFound(f"scenario {scenario_id!r} has no plan with parcels: run sourcing first")
        if request.plan is not None and newest.id != request.plan:
            raise Conflict(f"plan {request.plan} has expired: plan {newest.id} is newer")
        return newest

    def _named(self, plan_id: str) -> str:
        """Return the scenario of a plan that has parcels."""
        with self.database.session() as session:
            row = session.get(PlanRow, plan_id)
        if row is None:
            raise NotFound(f"no plan {plan_id!r}")
        if not self._has_parcels(row):
            raise InputError(f"plan {plan_id} has no parcels: sourcing was not among its stages")
        return row.scenario_id

    def _has_parcels(self, row: PlanRow) -> bool:
        if row.id not in self._desks.ships:
            self._desks.ships[row.id] = plan_rows(self.blobs, row.manifest).get("shipments", 0) > 0
        return self._desks.ships[row.id]

    def _earlier(self, scenario_id: str, order_id: str, body_hash: str) -> DecisionModel | None:
        with self.database.session() as session:
            row = session.get(DecisionRow, (scenario_id, order_id))
        return None if row is None else _replayed(row, body_hash)

    def _desk(self, plan: PlanRow) -> _Open:
        """Return the desk of a plan, from memory or built from its tables."""
        if plan.id not in self._desks.open:
            revision = self.scenarios.revision(plan.scenario_id, plan.revision)
            scenario = self.scenarios.load(revision)
            made = get_plan(self.blobs, plan.manifest, TABLES)
            planned = frozenset(scenario.table("orders")["order_id"].astype(str))
            counts = made.provenance.options.get("stock_value") == "yes"
            tables = {name: made.table(name) for name in TABLES}
            desk = Desk(scenario, tables, expected_arrivals(scenario), stock_value=counts)
            self._desks.open[plan.id] = _Open(desk, scenario, planned)
        self._desks.open.move_to_end(plan.id)
        while len(self._desks.open) > MOST_DESKS:
            self._desks.open.popitem(last=False)
        return self._desks.open[plan.id]

    @staticmethod
    def _check(plan: PlanRow, opened: _Open, order: OnlineOrder) -> None:
        if order.order_id in opened.planned:
            raise Conflict(
                f"order {order.order_id} is in the scenario of plan {plan.id}: its parcels are in"
                " the plan's shipments"
            )
        settings = opened.scenario.settings
        end = settings.start_date + dt.timedelta(days=settings.horizon_days)
        if order.placed_at.date() >= end:
            raise Conflict(
                f"plan {plan.id} has expired: it ends before {end}, the order is placed at"
                f" {order.placed_at:%Y-%m-%d %H:%M}; plan again, or state placed_at"
            )

    def _make_book(self, scenario_id: str) -> None:
        with self.database.session() as session:
            if session.get(BookRow, scenario_id) is not None:
                return
        try:
            with self.database.begin() as session:
                session.add(BookRow(scenario_id=scenario_id, decided=0))
        except IntegrityError:  # another process has just made it
            return

    @staticmethod
    def _take_book(session: Session, scenario_id: str) -> int:
        """Lock the scenario's book by writing to it first; return the number of this decision."""
        session.execute(
            update(BookRow)
            .where(BookRow.scenario_id == scenario_id)
            .values(decided=BookRow.decided + 1)
        )
        number = session.scalar(select(BookRow.decided).where(BookRow.scenario_id == scenario_id))
        assert number is not None
        return number

    @staticmethod
    def _catch_up(session: Session, scenario_id: str, opened: _Open) -> None:
        """Set aside what was promised since the desk last looked, by whatever process or plan."""
        rows = session.scalars(
            select(DecisionRow)
            .where(DecisionRow.scenario_id == scenario_id, DecisionRow.number > opened.number)
            .order_by(DecisionRow.number)
        ).all()
        for row in rows:
            if row.order_id not in opened.planned:
                for parcel in row.answer["parcels"]:
                    opened.desk.set_aside(
                        parcel["site_id"],
                        parcel["carrier_id"],
                        row.ready_on,
                        [OnlineLine(**line) for line in parcel["lines"]],
                        row.channel_id,
                        parcel.get("g_co2e") or 0.0,
                    )
            opened.number = row.number


def _replayed(row: DecisionRow, body_hash: str) -> DecisionModel:
    if row.body_hash != body_hash:
        raise InputError(f"order {row.order_id!r} was promised with other contents before")
    return DecisionModel.model_validate(row.answer)


def _order(scenario: Scenario, desk: Desk, asked: OrderRequest) -> OnlineOrder:
    """Return the order in the scenario's local time; InputError lists all that is not known."""
    findings = []

    def unknown(code: str, column: str, value: str, hint: str, row: int | None = None) -> None:
        findings.append(
            Finding(
                code=code, severity=Severity.ERROR, table="order", row=row, column=column,
                value=value, hint=hint,
            )
        )  # fmt: skip

    if asked.zone_id not in desk.zone_ids:
        unknown("unknown_zone", "zone_id", asked.zone_id, "no such zone in the scenario")
    channels = set(scenario.table("channels")["channel_id"])
    if asked.channel_id and channels and asked.channel_id not in channels:
        unknown("unknown_channel", "channel_id", asked.channel_id, "no such channel")
    lines = [
        OnlineLine(line.line_id or str(number), line.product_id, line.qty)
        for number, line in enumerate(asked.lines, 1)
    ]
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not desk.goods.knows(line.product_id):
            hint = "no such product in the scenario"
            unknown("unknown_product", "product_id", line.product_id, hint, number)
        if line.line_id in seen:
            unknown("duplicate_line", "line_id", line.line_id, "give each line its own id", number)
        seen.add(line.line_id)
    if findings:
        raise InputError(f"the order has {len(findings)} errors; nothing was promised", findings)
    zone = scenario.settings.zone

    def local(moment: dt.datetime) -> dt.datetime:
        return moment if moment.tzinfo is None else moment.astimezone(zone).replace(tzinfo=None)

    return OnlineOrder(
        order_id=asked.order_id,
        zone_id=asked.zone_id,
        placed_at=local(asked.placed_at or dt.datetime.now(dt.UTC)),
        lines=tuple(lines),
        due_to=None if asked.due_to is None else local(asked.due_to),
        late_cost_per_h=asked.late_cost_per_h,
        channel_id=asked.channel_id,
        allow_split=asked.allow_split,
        priority=asked.priority,
    )


def _answer(plan: PlanRow, decision: Decision, number: int) -> DecisionModel:
    parcels: list[dict[str, Any]] = [
        {
            "shipment_id": f"{decision.order_id}.{count}",
            "site_id": parcel.site_id,
            "carrier_id": parcel.carrier_id,
            "service": parcel.service,
            "ship_on": parcel.ship_on,
            "promised_on": parcel.promised_on,
            "weight_kg": parcel.weight_kg,
            "cost": parcel.cost,
            "handling": parcel.handling,
            "late": parcel.late,
            "co2": parcel.co2,
            "risk": parcel.risk,
            "stock_value": parcel.stock_value,
            "priced": parcel.priced,
            "g_co2e": parcel.g_co2e,
            "lines": [
                {"line_id": line.line_id, "product_id": line.product_id, "qty": line.qty}
                for line in parcel.lines
            ],
        }
        for count, parcel in enumerate(decision.parcels, 1)
    ]
    return DecisionModel.model_validate(
        {
            "scenario": plan.scenario_id,
            "plan": plan.id,
            "revision": plan.revision,
            "order_id": decision.order_id,
            "number": number,
            "promised_on": decision.promised_on,
            "cost": decision.cost,
            "parcels": parcels,
            "unserved": [
                {
                    "line_id": line.line_id,
                    "qty": line.qty,
                    "code": line.code,
                    "detail": line.detail,
                }
                for line in decision.unserved
            ],
            "reason": {
                "terms": dict(decision.terms),
                "priced": decision.priced,
                "alternative": decision.alternative,
                "extra_cost": decision.extra_cost,
                "binding": dict(decision.binding),
                "exact": decision.exact,
            },
            "co2_limits": [
                {
                    "limit_id": cap.limit_id,
                    "scope": cap.scope,
                    "bucket": cap.bucket,
                    "limit_g": cap.grams,
                    "used_g": cap.used,
                }
                for cap in decision.caps
            ],
            "notes": list(decision.notes),
            "decided_at": utc_now(),
        }
    )
