"""What routes work with: the parts of one application, as one tenant may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.concurrency import run_in_threadpool

from api.errors import NotAllowed, NotKnown
from api.operations.metrics import Metrics
from api.operations.readiness import Readiness
from api.runs.queue import RunQueue
from api.security.keys import KEY, VISITOR, Keys, Principal, Scope
from api.services.decisions import DecisionService, Desks
from api.services.explanations import Explainers
from api.services.following import Following
from api.services.partners import PartnerService
from api.services.runs import RunService
from api.services.scenarios import ScenarioService
from api.services.table_rows import TableRows
from api.settings import ServiceSettings
from api.store.blobs import BlobStore
from api.store.database import Database, TenantDatabase
from api.store.documents import table_file
from api.store.held_tables import HeldTables
from api.store.rows import PlanRow
from scenarios import NotFound
from scenarios.tables import Table

COOKIE: Final = "holdfast_visit"
_bearer = HTTPBearer(auto_error=False, description="an API key: `holdfast keys make`")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="a browser's visit")


@dataclass(frozen=True, slots=True)
class House:
    """The parts of one application, which all requests share."""

    settings: ServiceSettings
    database: Database
    blobs: BlobStore
    queue: RunQueue
    keys: Keys
    desks: Desks
    metrics: Metrics
    readiness: Readiness
    tables: HeldTables
    explainers: Explainers
    following: Following

    def as_seen_by(self, who: Principal) -> Context:
        """Return what somebody may see and use."""
        database = self.database.of(who.tenant_id, f"{who.name} ({who.key_id})")
        scenarios = ScenarioService(database, self.blobs)
        runs = RunService(database, scenarios, self.queue, self.settings)
        decisions = DecisionService(database, scenarios, self.blobs, self.desks)
        return Context(self, who, database, scenarios, runs, decisions)


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one application, as the one who asks may see them."""

    house: House
    who: Principal
    database: TenantDatabase
    scenarios: ScenarioService
    runs: RunService
    decisions: DecisionService

    @property
    def settings(self) -> ServiceSettings:
        """Settings of the service."""
        return self.house.settings

    @property
    def blobs(self) -> BlobStore:
        """Where tables are kept; reached through rows only."""
        return self.house.blobs

    def table(self, contracts: Mapping[str, Table], manifest: str, name: str) -> TableRows:
        """Return the rows of a table of a scenario or plan.

        Raises
        ------
        NotFound
            There is no table of this name.
        """
        if name not in contracts:
            raise NotFound(f"no table {name!r}; there are {', '.join(contracts)}")
        path = table_file(self.blobs, manifest, name)
        return TableRows(contracts[name], path, self.house.tables)

    def plan(self, plan_id: str) -> PlanRow:
        """Return a plan's row; NotFound if there is none."""
        with self.database.session() as session:
            row = session.get(PlanRow, plan_id)
        if row is None:
            raise NotFound(f"no plan {plan_id!r}")
        return row


def house_of(request: Request) -> House:
    """Return the parts of the application that a request came to."""
    house: House = request.app.state.house
    return house


async def _who(request: Request, _key: Annotated[object, Depends(_bearer)] = None,
               _visit: Annotated[object, Depends(_cookie)] = None) -> Principal:  # fmt: skip
    """Return who asks.

    Raises
    ------
    NotKnown
        There is no key, or it is not good.
    """
    keys = house_of(request).keys
    word, _, secret = request.headers.get("authorization", "").partition(" ")
    if word.lower() == "bearer" and secret:
        who = await _asked(keys, KEY, secret.strip())
    else:
        who = await _asked(keys, VISITOR, request.cookies.get(COOKIE, ""))
    if who is None:
        raise NotKnown("this needs a key: send `Authorization: Bearer hf_...` or sign in")
    return who


async def _asked(keys: Keys, sort: str, secret: str) -> Principal | None:
    """Return whose key or cookie it is, at once where it was good a moment ago."""
    who = keys.seen(sort, secret)
    if who is None and secret:
        who = await run_in_threadpool(keys.known if sort == KEY else keys.visitor, secret)
    return who


def _with(scope: Scope) -> Callable[..., Awaitable[Context]]:
    async def context(request: Request, who: Annotated[Principal, Depends(_who)]) -> Context:
        if not who.may(scope):
            raise NotAllowed(f"key {who.name!r} is not good for this; it needs scope {scope}")
        return house_of(request).as_seen_by(who)

    return context


async def _partner(request: Request, who: Annotated[Principal, Depends(_who)]) -> PartnerService:
    """Return what a supplier or carrier may see; nobody else has that."""
    if who.partner is None:
        raise NotAllowed(
            f"key {who.name!r} is no key of a supplier or carrier: `holdfast keys add`"
        )
    here = house_of(request).as_seen_by(who)
    return PartnerService(here.database, here.blobs, here.scenarios, who.partner, who.key_id)


AsPartner = Annotated[PartnerService, Depends(_partner)]
Reader = Annotated[Context, Depends(_with(Scope.READ))]
Planner = Annotated[Context, Depends(_with(Scope.PLAN))]
Approver = Annotated[Context, Depends(_with(Scope.APPROVE))]
Admin = Annotated[Context, Depends(_with(Scope.ADMIN))]
