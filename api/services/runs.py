"""Runs: asked for once, followed, cancelled."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.errors import Busy
from api.operations import traces
from api.runs.backend import JobBackend
from api.runs.states import end, end_new, note
from api.runs.turns import admit, next_turn
from api.schemas.runs import RunRequest
from api.security.trail import record
from api.services.following import Happening, read_events
from api.services.night_orders import FIELD, NightFacts, NightOrders
from api.services.scenarios import ScenarioService
from api.settings import ServiceSettings
from api.store.database import TenantDatabase
from api.store.rows import EventRow, IdempotencyRow, PlanRow, RevisionRow, RunRow, TenantRow, new_id
from optimizer.gates import read_gates
from scenarios import Conflict, InputError, NotFound

MOST_EVENTS: Final = 500  # that are read at once


class RunService:
    """Takes runs in and tells how they go."""

    def __init__(
        self,
        database: TenantDatabase,
        scenarios: ScenarioService,
        backend: JobBackend,
        settings: ServiceSettings,
    ) -> None:
        self.database = database
        self.scenarios = scenarios
        self.backend = backend
        self.settings = settings

    def submit(self, request: RunRequest, key: str | None = None) -> RunRow:
        """Queue a run; the same key and request give the first run again.

        Raises
        ------
        NotFound
            No such scenario, revision or plan.
        InputError
            The key was used for another request, or the request makes no sense.
        Busy
            Too many runs wait already.
        """
        body = request.model_dump(mode="json", exclude={"options"})
        limit = request.options.time_limit
        options = request.options.model_dump(mode="json", exclude={"time_limit"})
        options["time_limit_seconds"] = None if limit is None else limit.total_seconds()
        body["options"] = options
        if trace := traces.here():
            body[traces.FIELD] = trace
        body_hash = hashlib.sha256(request.model_dump_json().encode()).hexdigest()
        if key is not None:
            with self.database.session() as session:
                earlier = self._earlier(session, key, body_hash)
            if earlier is not None:
                return earlier
        revision = self.check(request)
        night = self._night(request, revision)
        if night is not None:
            revision = night.revision
            body[FIELD] = {**night.told, "is_new": night.is_new}
        with self.database.begin() as session:
            tenant = session.get(TenantRow, self.database.tenant_id, with_for_update=True)
            earlier = None if key is None else self._earlier(session, key, body_hash)
            if earlier is not None:  # it came between
                return earlier
            waiting = session.scalar(
                select(func.count()).select_from(RunRow).where(RunRow.state == "queued")
            )
            most = None if tenant is None else tenant.max_queued
            if (waiting or 0) >= (self.settings.max_queued if most is None else most):
                raise Busy(f"{waiting} runs wait already; try again later")
            if night is not None:
                night.keep(session)
            row = RunRow(
                id=new_id("run"),
                kind=request.kind,
                state="queued",
                scenario_id=request.scenario,
                revision=revision.content_hash,
                request=body,
                labels=request.labels,
                priority=request.priority,
                tenant_id=self.database.tenant_id,
            )
            if request.options.validate_only:
                row.share = 1.0
                end_new(session, row, "succeeded", "validated only")
            else:
                row.turn = next_turn(session, row.tenant_id, request.priority)
                row.held = True
                session.add(row)
                session.flush()
                note(session, row.id, "state", {"state": "queued"})
                admit(session, row.tenant_id, self.backend, self.settings.max_running_per_tenant)
            if key is not None:
                session.add(IdempotencyRow(key=key, body_hash=body_hash, run_id=row.id))
            told = {"kind": row.kind, "scenario": row.scenario_id, "revision": row.revision}
            record(session, "run.submitted", row.id, told, locked=True)
        return row

    def _night(self, request: RunRequest, revision: RevisionRow) -> NightFacts | None:
        """Return what a night plans, confirmations applied where it asks; None: it is no night."""
        if request.kind != "nightly" or request.options.validate_only:
            return None
        orders, put_off = NightOrders(self.database, self.scenarios), ""
        if request.confirmations == "apply":
            put_off = orders.apply_confirmations(request.scenario)
            revision = self.scenarios.revision(request.scenario)
        return orders.facts(revision, request.ordered_days, put_off)

    def _earlier(self, session: Session, key: str, body_hash: str) -> RunRow | None:
        seen = session.get(IdempotencyRow, (self.database.tenant_id, key))
        if seen is None:
            return None
        if seen.body_hash != body_hash:
            raise InputError("this Idempotency-Key was used for another request before")
        found: RunRow | None = session.get(RunRow, seen.run_id)
        return found

    def check(self, request: RunRequest) -> RevisionRow:
        """Refuse what can be seen to be wrong before anything runs; return what would be run.

        Raises
        ------
        NotFound, InputError
            As `submit`.
        """
        limit = request.options.time_limit
        if limit is not None and limit.total_seconds() <= 0:
            raise InputError("options.time_limit must be longer than 0 s, as in PT5M")
        found = self.scenarios.revision(request.scenario, request.revision)
        self._check_names(request, found.content_hash)
        return found

    def _check_names(self, request: RunRequest, revision: str) -> None:
        from optimizer.stages import choose_stages

        if request.plan is not None:
            if request.kind not in ("stress", "harden", "what_if", "comparison", "promotion"):
                raise InputError(
                    "`plan` goes with kinds stress, harden, what_if, comparison and promotion only"
                )
            with self.database.session() as session:
                plan = session.get(PlanRow, request.plan)
            if plan is None or plan.scenario_id != request.scenario:
                raise NotFound(f"no plan {request.plan!r} of scenario {request.scenario!r}")
            if plan.revision != revision or request.overrides:
                raise InputError(f"plan {request.plan} was made for another revision")
        self._check_decision(request)
        if request.risk is not None and (request.kind != "stress" or request.plan is None):
            raise InputError("`risk` goes with kind stress and `plan`, whose risk it is")
        self._check_comparison(request)
        self._check_promotion(request, revision)
        self._check_hardening(request, revision)
        self._check_previous(request)
        if request.gates is not None:
            if request.kind != "nightly":
                raise InputError("`gates` goes with kind nightly only")
            read_gates(request.gates)
        self._check_orders(request)
        if request.stages is not None and request.kind not in ("pipeline", "nightly"):
            raise InputError("`stages` goes with kinds pipeline and nightly only")
        if request.stages and not request.overrides:
            scenario = self.scenarios.load(self.scenarios.revision(request.scenario, revision))
            choose_stages(scenario, request.stages)

    @staticmethod
    def _check_orders(request: RunRequest) -> None:
        """Refuse what only nights do of others, and confirmations on a revision of old."""
        usual = type(request).model_fields
        for name in ("ordered_days", "confirmations"):
            if getattr(request, name) != usual[name].default and request.kind != "nightly":
                raise InputError(f"`{name}` goes with kind nightly only")
        if request.confirmations == "apply" and request.revision is not None:
            raise InputError("confirmations are applied to the newest revision: name none")

    @staticmethod
    def _check_decision(request: RunRequest) -> None:
        """Refuse a what-if without a plan or a decision, and a decision without a what-if."""
        asks = request.kind == "what_if"
        if asks != (request.decision is not None):
            raise InputError("`decision` goes with kind what_if, which needs it")
        if asks and request.plan is None:
            raise InputError("kind what_if needs `plan`, the plan that the decision is about")

    def _check_comparison(self, request: RunRequest) -> None:
        """Refuse a comparison without a baseline, or with plans that are not there."""
        asks = request.kind == "comparison"
        if asks != (request.comparison is not None) or (asks and request.plan is None):
            raise InputError(
                "kind comparison needs `plan`, the baseline, and `comparison`; no other takes it"
            )
        if request.comparison is None:
            return
        with self.database.session() as session:
            for name in request.comparison.candidates:
                if session.get(PlanRow, name) is None:
                    raise NotFound(f"no plan {name!r}")

    def _check_promotion(self, request: RunRequest, revision: str) -> None:
        """Refuse a promotion without a plan, or one that makes no sense in the scenario."""
        asks = request.kind == "promotion"
        if asks != (request.promotion is not None) or (asks and request.plan is None):
            raise InputError("kind promotion needs `plan` and `promotion`; no other takes it")
        if request.promotion is None:
            return
        from api.services.promotion_question import read_ask

        scenario = self.scenarios.load(self.scenarios.revision(request.scenario, revision))
        read_ask(request.promotion.model_dump()).deltas(scenario)

    def _check_hardening(self, request: RunRequest, revision: str) -> None:
        """Refuse a hardening without a plan or gates, and a suite that is wrong."""
        told = request.hardening
        asks = request.kind == "harden"
        if asks != (told is not None) or (asks and request.plan is None):
            raise InputError("kind harden needs `plan` and `hardening`; no other takes it")
        if told is None:
            return
        if (told.suite is None) == (told.fill_rate is None):
            raise InputError("`hardening` takes either `suite` or `fill_rate`")
        if told.suite is not None:
            from simulation.suites import read_suite

            scenario = self.scenarios.load(self.scenarios.revision(request.scenario, revision))
            if not read_suite(told.suite, scenario).gates:
                raise InputError(
                    "the suite has no gates: add [[gate]] tables that a plan must hold"
                )

    def _check_previous(self, request: RunRequest) -> None:
        """Refuse a plan to go on from that is not the scenario's, or that no stage would read."""
        asked, previous = "rerouting" in (request.stages or ()), request.options.previous
        if asked and previous is None:
            raise InputError("stage rerouting needs options.previous, a plan that is being driven")
        if previous is None:
            return
        if not asked:
            raise InputError("options.previous goes with stage rerouting only")
        with self.database.session() as session:
            plan = session.get(PlanRow, previous)
        if plan is None or plan.scenario_id != request.scenario:
            raise NotFound(f"no plan {previous!r} of scenario {request.scenario!r}")

    def row(self, run_id: str) -> RunRow:
        """Return a run; NotFound if there is none."""
        with self.database.session() as session:
            row = session.get(RunRow, run_id)
        if row is None:
            raise NotFound(f"no run {run_id!r}")
        return row

    def cancel(self, run_id: str) -> RunRow:
        """Ask for a run to end; asking again changes nothing.

        Raises
        ------
        Conflict
            The run has ended already, and was not cancelled.
        """
        with self.database.begin() as session:
            row = session.get(RunRow, run_id, with_for_update=True)
            if row is None:
                raise NotFound(f"no run {run_id!r}")
            if row.state in ("succeeded", "failed"):
                raise Conflict(f"run {run_id} has {row.state} already")
            if row.state == "queued":
                end(session, row, "cancelled", "before it began")
                admit(session, row.tenant_id, self.backend, self.settings.max_running_per_tenant)
            elif row.state == "running":
                row.state = "cancelling"
                note(session, run_id, "state", {"state": "cancelling"})
            record(session, "run.cancelled", run_id, {"state": row.state})
        cancelled: RunRow = row
        return cancelled

    def events(self, run_id: str, after: int, most: int = 500) -> list[EventRow]:
        """Return events of a run whose number is above `after`, in order."""
        query = select(EventRow).join(RunRow, RunRow.id == EventRow.run_id)
        query = query.where(EventRow.run_id == run_id, EventRow.number > after)
        with self.database.session() as session:
            return list(session.scalars(query.order_by(EventRow.number).limit(most)))

    def told(self, run_id: str, after: int, most: int = MOST_EVENTS) -> list[Happening]:
        """Return events above `after` as those who follow are told of them, in order."""
        with self.database.session() as session:
            own = session.scalar(select(RunRow.id).where(RunRow.id == run_id))
            return [] if own is None else read_events(session, run_id, after, most)

    def newest(self, most: int, before: str | None, **equal: Any) -> list[RunRow]:
        """Return runs, newest first, filtered by column values."""
        query = select(RunRow).order_by(RunRow.created_at.desc(), RunRow.id.desc())
        for column, value in equal.items():
            if value is not None:
                query = query.where(getattr(RunRow, column) == value)
        with self.database.session() as session:
            if before is not None:
                mark = session.get(RunRow, before)
                if mark is None:
                    return []
                earlier = (RunRow.created_at < mark.created_at) | (
                    (RunRow.created_at == mark.created_at) & (RunRow.id < mark.id)
                )
                query = query.where(earlier)
            return list(session.scalars(query.limit(most)))
