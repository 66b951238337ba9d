"""API keys: made once, shown once, kept as hashes only."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.security.trail import record
from api.store.database import Database, TenantDatabase
from api.store.rows import ApiKeyRow, TenantRow, VisitRow, new_id, utc_now
from scenarios import Conflict, InputError, NotFound

PREFIX: Final = "hf_"
VISIT: Final = dt.timedelta(days=14)
KNOWN_SECONDS: Final = 1.0  # a key that was good is not looked up again
MOST_KNOWN: Final = 1024  # keys and cookies
KEY, VISITOR = "key", "visitor"  # sorts of secrets
PartnerKind = Literal["supplier", "carrier"]
LOCAL: Final = "local"  # the tenant that is there from the start


class Scope(StrEnum):
    """What a key is good for; none includes another but admin, which includes all."""

    READ = "read"
    PLAN = "plan"
    APPROVE = "approve"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Partner:
    """A supplier or carrier, as one scenario knows it.

    Attributes
    ----------
    kind : of the two
    id : in the table `suppliers` or `carriers` of the scenario
    scenario_id : whose published plan and open orders it may see a part of
    """

    kind: PartnerKind
    id: str
    scenario_id: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, after the key was found good; a partner's key has no scopes."""

    tenant_id: str
    key_id: str
    name: str
    scopes: frozenset[Scope]
    partner: Partner | None = None

    def may(self, scope: Scope) -> bool:
        """Say whether the key is good for this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; the only time that its secret can be read."""

    id: str
    secret: str


class Keys:
    """Makes keys, knows them again, takes them back.

    Parameters
    ----------
    database : the whole; who asks is not known yet
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self._seen = _Seen()

    def first(self) -> NewKey | None:
        """Make the first tenant and its key, if there is no tenant yet."""
        with self.database.begin() as session:
            if session.scalar(select(TenantRow.id).limit(1)) is not None:
                return None
            tenant = TenantRow(id=new_id("tenant"), name=LOCAL)
            session.add(tenant)
        return self.make(self.database.of(tenant.id, "first start"), "first key", list(Scope))

    def tenant(self, name: str) -> str:
        """Return a tenant's id.

        Raises
        ------
        NotFound
        """
        with self.database.session() as session:
            found = session.scalar(select(TenantRow.id).where(TenantRow.name == name))
            if found is None:
                names = ", ".join(session.scalars(select(TenantRow.name).order_by(TenantRow.name)))
                raise NotFound(f"no tenant {name!r}; there are: {names or 'none yet'}")
            return found

    def new_tenant(self, name: str) -> str:
        """Make a tenant and return its id.

        Raises
        ------
        Conflict
            There is one of this name.
        """
        with self.database.begin() as session:
            if session.scalar(select(TenantRow.id).where(TenantRow.name == name)) is not None:
                raise Conflict(f"there is a tenant {name!r} already")
            row = TenantRow(id=new_id("tenant"), name=name)
            session.add(row)
            return row.id

    def make(self, database: TenantDatabase, name: str, scopes: Sequence[Scope]) -> NewKey:
        """Make a key for a tenant.

        Raises
        ------
        InputError
            It would be good for nothing.
        """
        if not scopes:
            raise InputError(f"a key needs one of the scopes {', '.join(Scope)}")
        return self._keep(database, name, scopes, None)

    def make_partner(self, database: TenantDatabase, name: str, partner: Partner) -> NewKey:
        """Make a key for a supplier or carrier; that the scenario has it is the caller's care."""
        return self._keep(database, name, (), partner)

    def _keep(
        self, database: TenantDatabase, name: str, scopes: Sequence[Scope], partner: Partner | None
    ) -> NewKey:
        secret = PREFIX + secrets.token_urlsafe(32)
        with database.begin() as session:
            row = ApiKeyRow(
                id=new_id("key"),
                name=name,
                secret_hash=_hash(secret),
                scopes=[str(scope) for scope in scopes],
            )
            told: dict[str, object] = {"name": name, "scopes": row.scopes}
            if partner is not None:
                row.partner_kind, row.partner_id = partner.kind, partner.id
                row.partner_scenario = partner.scenario_id
                told["partner"] = f"{partner.kind} {partner.id} of {partner.scenario_id}"
            session.add(row)
            record(session, "key.made", row.id, told)
        return NewKey(row.id, secret)

    def listed(self, database: TenantDatabase) -> list[ApiKeyRow]:
        """Return a tenant's keys, oldest first."""
        with database.session() as session:
            return list(session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at)))

    def revoke(self, database: TenantDatabase, key_id: str) -> None:
        """Take a key back; visits that began with it end, too.

        Raises
        ------
        NotFound
        Conflict
            It was taken back before.
        """
        with database.begin() as session:
            row = session.get(ApiKeyRow, key_id, with_for_update=True)
            if row is None:
                raise NotFound(f"no key {key_id!r}")
            if row.revoked_at is not None:
                raise Conflict(f"key {key_id} was revoked on {row.revoked_at:%Y-%m-%d}")
            row.revoked_at = utc_now()
            record(session, "key.revoked", key_id, {"name": row.name})
        self._seen.forget()

    def known(self, secret: str) -> Principal | None:
        """Return whose key it is; None where it is no key, or no good one any more."""
        digest = _hash(secret)

        def look(session: Session) -> Principal | None:
            row = session.scalar(select(ApiKeyRow).where(ApiKeyRow.secret_hash == digest))
            return _principal(row)

        return self._looked_up((KEY, digest), look)

    def visit(self, secret: str) -> str | None:
        """Begin a browser's visit; return the token for its cookie, None where the key is bad.

        A partner's key is no key for the pages.
        """
        who = self.known(secret)
        if who is None or who.partner is not None:
            return None
        token = secrets.token_urlsafe(32)
        with self.database.of(who.tenant_id, who.name).begin() as session:
            ends_at = utc_now() + VISIT
            session.add(VisitRow(token_hash=_hash(token), key_id=who.key_id, ends_at=ends_at))
        return token

    def visitor(self, token: str) -> Principal | None:
        """Return who visits with a cookie's token; None where the visit has ended."""
        digest = _hash(token)

        def look(session: Session) -> Principal | None:
            visit = session.get(VisitRow, digest)
            if visit is None or visit.ends_at.replace(tzinfo=dt.UTC) < utc_now():
                return None
            return _principal(session.get(ApiKeyRow, visit.key_id))

        return self._looked_up((VISITOR, digest), look)

    def seen(self, kind: str, secret: str) -> Principal | None:
        """Return who was found good within KNOWN_SECONDS, without asking the database.

        None says nothing: ask `known` or `visitor`.

        Parameters
        ----------
        kind : KEY or VISITOR, of which neither is good in the other's place
        """
        return self._seen.get((kind, _hash(secret)))

    def _looked_up(
        self, name: tuple[str, str], look: Callable[[Session], Principal | None]
    ) -> Principal | None:
        turn = self._seen.turn
        with self.database.session() as session:
            who = look(session)
        if who is not None:
            self._seen.put(name, who, turn)
        return who

    def leave(self, token: str) -> None:
        """End a visit."""
        with self.database.begin() as session:
            visit = session.get(VisitRow, _hash(token))
            if visit is not None:
                session.delete(visit)
        self._seen.forget()


class _Seen:
    """Whom keys and cookies were good for a moment ago, by kind and hash of the secret.

    What another process takes back is known here until KNOWN_SECONDS are over; what this one
    takes back, until it has.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], tuple[float, Principal]] = OrderedDict()
        self.turn = 0  # goes up whenever something is taken back

    def get(self, name: tuple[str, str]) -> Principal | None:
        found = self._held.get(name)
        return None if found is None or found[0] < time.monotonic() else found[1]

    def put(self, name: tuple[str, str], who: Principal, turn: int) -> None:
        """Keep what was looked up in a turn, unless something was taken back meanwhile."""
        with self._lock:
            if turn != self.turn:
                return
            self._held[name] = time.monotonic() + KNOWN_SECONDS, who
            self._held.move_to_end(name)
            while len(self._held) > MOST_KNOWN:
                self._held.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self.turn += 1
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)


def _principal(row: ApiKeyRow | None) -> Principal | None:
    if row is None or row.revoked_at is not None:
        return None
    scopes = frozenset(map(Scope, row.scopes))
    if row.partner_kind is None:
        return Principal(row.tenant_id, row.id, row.name, scopes)
    kind = cast("PartnerKind", row.partner_kind)
    partner = Partner(kind, row.partner_id or "", row.partner_scenario or "")
    return Principal(row.tenant_id, row.id, row.name, frozenset(), partner)


def _hash(secret: str) -> str:
    """Return what is kept of a secret; it is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
