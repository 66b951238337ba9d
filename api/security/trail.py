"""The audit trail: append-only, each record hashed over the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.store.blobs import BlobStore
from api.store.database import Database
from api.store.rows import PlanRow, TenantRow, TrailRow, utc_now
from scenarios import NotFound

FIRST: Final = "0" * 64


def record(
    session: Session, action: str, target: str, detail: dict[str, Any], *, locked: bool = False
) -> None:
    """Write down what the session's actor does, in the transaction that does it.

    Parameters
    ----------
    session : of a tenant; its row is locked, so that records follow each other
    action : as in run.submitted
    target : id of what it was done to
    detail : what else should be known; no secrets
    locked : the session has locked the tenant's row already
    """
    tenant_id, actor = session.info["tenant"], session.info.get("actor", "")
    record_of(session, tenant_id, actor, action, target, detail, locked=locked)


def record_of(
    session: Session,
    tenant_id: str,
    actor: str,
    action: str,
    target: str,
    detail: dict[str, Any],
    *,
    locked: bool = False,
) -> None:
    """Write down what somebody, or the service itself, does for a tenant, as :func:`record`."""
    if not locked:
        session.execute(select(TenantRow.id).where(TenantRow.id == tenant_id).with_for_update())
    own = select(TrailRow).where(TrailRow.tenant_id == tenant_id)
    before = session.scalar(own.order_by(TrailRow.number.desc()).limit(1))
    row = TrailRow(
        tenant_id=tenant_id,
        at=utc_now().isoformat(timespec="milliseconds"),
        actor=actor,
        action=action,
        target=target,
        detail=detail,
    )
    session.add(chained(row, before))
    session.flush()


def chained(row: TrailRow, before: TrailRow | None) -> TrailRow:
    """Number a record and hash it over the one before; None: it is the first."""
    row.number = 1 if before is None else before.number + 1
    row.hash_before = FIRST if before is None else before.hash
    row.hash = _hash(row)
    return row


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check of one tenant's records found."""

    tenant: str
    records: int
    newest: str
    breaks: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return asdict(self)


def verified(database: Database, blobs: BlobStore | None = None) -> list[Verified]:
    """Check the records of every tenant, in order of their names.

    Parameters
    ----------
    blobs : also read the plans that records name, and hold their content against its hash
    """
    results = []
    with database.session() as session:
        tenants = session.execute(select(TenantRow.id, TenantRow.name).order_by(TenantRow.name))
        for tenant_id, name in tenants.all():
            own = select(TrailRow).where(TrailRow.tenant_id == tenant_id).order_by(TrailRow.number)
            rows = list(session.scalars(own))
            newest = rows[-1].hash if rows else FIRST
            found = [*breaks(rows), *_plans(session, rows, blobs)]
            results.append(Verified(name, len(rows), newest, tuple(found)))
    return results


def _plans(session: Session, rows: Iterable[TrailRow], blobs: BlobStore | None) -> Iterator[str]:
    """Yield plans that are not what records say; plans that were deleted with their runs are none.

    A record's `plan_hash` is the hash of the plan's manifest, which has that of every table.
    """
    read: dict[str, str] = {}
    for row in rows:
        stated = row.detail.get("plan_hash")
        if not stated:
            continue
        plan = session.get(PlanRow, row.target)
        if plan is None:
            continue
        if plan.manifest != stated:
            yield f"record {row.number}: plan {row.target} has another content than it had then"
        if blobs is not None and stated not in read:
            read[stated] = _damage(blobs, str(stated))
            if read[stated]:
                yield f"record {row.number}: plan {row.target}: {read[stated]}"


def _damage(blobs: BlobStore, manifest: str) -> str:
    """Return what is wrong with the content of a plan; nothing where all of it is there."""
    try:
        held = json.loads(blobs.get(manifest))
        for digest in (*held["tables"].values(), *held.get("files", {}).values()):
            blobs.get(digest)
    except NotFound as error:
        return str(error)
    return ""


def breaks(rows: Iterable[TrailRow]) -> Iterator[str]:
    """Yield what is wrong with a tenant's records in order; nothing where the chain holds.

    A changed, removed or moved record breaks the chain at it or behind it. Records cut off at
    the end leave no trace in the chain itself: compare the newest number and hash with a copy
    kept elsewhere.
    """
    number, before = 0, FIRST
    for row in rows:
        number += 1
        if row.number != number:
            yield f"record {number} is missing: {row.number} follows {number - 1}"
            number = row.number
        elif row.hash_before != before:
            yield f"record {row.number} does not follow the record before it"
        if row.hash != _hash(row):
            yield f"record {row.number} was changed"
        before = row.hash


def _hash(row: TrailRow) -> str:
    told = [
        row.tenant_id, row.number, row.at, row.actor, row.action, row.target, row.detail,
        row.hash_before,
    ]  # fmt: skip
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
