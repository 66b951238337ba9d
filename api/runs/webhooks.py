"""Telling other services how runs end: signed, at least once, with longer and longer waits.

What is to be told is written in the transaction that ends the run. Any worker sends it. The
body names and links, and holds no data. The receiver checks the signature

    HMAC-SHA256(secret, timestamp + "." + body)

in `Holdfast-Signature: t=TIMESTAMP,v1=HEX`, and knows a repetition by `id`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from api.operations.logs import tell
from api.security.trail import record
from api.settings import ServiceSettings
from api.store.database import Database, TenantDatabase
from api.store.rows import DeliveryRow, RunRow, WebhookRow, new_id, utc_now
from scenarios import InputError, NotFound

EVENTS: Final = (
    "run.succeeded",
    "run.failed",
    "run.cancelled",
    "gates.failed",  # a night's plan is held
    "plan.published",
)
FIRST_WAIT: Final = dt.timedelta(seconds=10)
LAST_WAIT: Final = dt.timedelta(hours=6)
MOST_TRIES: Final = 12  # the last about a day after the first
SEND_SECONDS: Final = 10.0
AT_ONCE: Final = 20


class Webhooks:
    """A tenant's webhooks.

    Parameters
    ----------
    database : of the tenant
    settings : which hosts may be told
    """

    def __init__(self, database: TenantDatabase, settings: ServiceSettings) -> None:
        self.database = database
        self.settings = settings

    def make(self, url: str, events: Sequence[str]) -> tuple[WebhookRow, str]:
        """Make a webhook; return it with the secret of its signatures, shown this once.

        Raises
        ------
        InputError
            The address or an event is not one that may be used.
        """
        self._check(url)
        unknown = sorted(set(events) - set(EVENTS))
        if unknown or not events:
            raise InputError(f"events are among {', '.join(EVENTS)}; given: {list(events)}")
        row = WebhookRow(id=new_id("hook"), url=url, events=sorted(set(events)))
        with self.database.begin() as session:
            session.add(row)
            session.flush()
            record(session, "webhook.made", row.id, {"url": url, "events": row.events})
        return row, secret_of(self.settings, row.id)

    def listed(self) -> list[WebhookRow]:
        """Return all webhooks, oldest first."""
        with self.database.session() as session:
            return list(session.scalars(select(WebhookRow).order_by(WebhookRow.created_at)))

    def delete(self, webhook_id: str) -> None:
        """Delete a webhook and what it was still to be told.

        Raises
        ------
        NotFound
        """
        with self.database.begin() as session:
            row = session.get(WebhookRow, webhook_id)
            if row is None:
                raise NotFound(f"no webhook {webhook_id!r}")
            session.execute(delete(DeliveryRow).where(DeliveryRow.webhook_id == webhook_id))
            session.delete(row)
            record(session, "webhook.deleted", webhook_id, {"url": row.url})

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.username or not parts.hostname:
            raise InputError(f"{url!r} is no address as in https://example.org/holdfast")
        if parts.hostname not in self.settings.webhook_hosts:
            allowed = ", ".join(self.settings.webhook_hosts) or "none"
            raise InputError(
                f"host {parts.hostname!r} may not be told anything; HOLDFAST_WEBHOOK_HOSTS allows:"
                f" {allowed}"
            )


def announce(session: Session, row: RunRow, event: str = "") -> None:
    """Write down what webhooks are to be told, in the transaction that makes it true.

    Parameters
    ----------
    event : blank: how the run has ended
    """
    event = event or f"run.{row.state}"
    hooks = session.scalars(select(WebhookRow).where(WebhookRow.tenant_id == row.tenant_id))
    for hook in hooks:
        if event not in hook.events:
            continue
        name = new_id("told")
        links = {"run": f"/v1/runs/{row.id}"}
        if row.plan_id:
            links["plan"] = f"/v1/plans/{row.plan_id}"
        at = utc_now()
        body = {"id": name, "event": event, "at": at.isoformat(), "run": row.id, "links": links}
        session.add(
            DeliveryRow(id=name, tenant_id=row.tenant_id, webhook_id=hook.id, body=body, next_at=at)
        )


def send_due(
    database: Database,
    settings: ServiceSettings,
    clock: Callable[[], dt.datetime] = utc_now,
    transport: httpx.BaseTransport | None = None,
) -> int:
    """Send what is due, some at once; return how many were taken.

    A delivery is put off before it is sent, so that no two workers send the same try.
    """
    now = clock()
    with database.begin() as session:
        due = select(DeliveryRow).where(DeliveryRow.state == "waiting", DeliveryRow.next_at <= now)
        due = due.order_by(DeliveryRow.next_at).limit(AT_ONCE).with_for_update(skip_locked=True)
        taken = []
        for row in session.scalars(due):
            hook = session.get(WebhookRow, row.webhook_id)
            row.tries += 1
            row.next_at = now + min(FIRST_WAIT * 2 ** (row.tries - 1), LAST_WAIT)
            url = "" if hook is None else hook.url
            taken.append((row.id, row.tries, url, row.body, secret_of(settings, row.webhook_id)))
    with httpx.Client(timeout=SEND_SECONDS, transport=transport, follow_redirects=False) as client:
        for name, tries, url, body, secret in taken:
            if urlsplit(url).hostname in settings.webhook_hosts:
                told, answer = _send(client, url, body, secret, now)
            else:
                told, answer = False, "its host may not be told anything any more"
            _note(database, name, tries, told=told, answer=answer)
    return len(taken)


def signature(secret: str, timestamp: int, content: bytes) -> str:
    """Return the header that signs a body."""
    signed = f"{timestamp}.".encode() + content
    return f"t={timestamp},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def secret_of(settings: ServiceSettings, webhook_id: str) -> str:
    """Return a webhook's secret; it is derived from the service's own and kept nowhere."""
    return hmac.new(_own_secret(settings), webhook_id.encode(), hashlib.sha256).hexdigest()


def _own_secret(settings: ServiceSettings) -> bytes:
    """Return the service's secret: of a file that only its owner reads, made when missing."""
    place: Path = settings.secret_file or settings.home / "secret"
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return place.read_bytes().strip()
    made = secrets.token_hex(32).encode()
    with os.fdopen(handle, "wb") as file:
        file.write(made)
    return made


def _send(
    client: httpx.Client, url: str, body: dict[str, Any], secret: str, now: dt.datetime
) -> tuple[bool, str]:
    content = json.dumps(body, ensure_ascii=False).encode()
    headers = {
        "Content-Type": "application/json",
        "Holdfast-Signature": signature(secret, int(now.timestamp()), content),
    }
    try:
        answer = client.post(url, content=content, headers=headers)
    except httpx.HTTPError as error:
        return False, f"{type(error).__name__}: {error}"[:300]
    return answer.is_success, f"{answer.status_code}"


def _note(database: Database, name: str, tries: int, *, told: bool, answer: str) -> None:
    with database.begin() as session:
        row = session.get(DeliveryRow, name, with_for_update=True)
        if row is None:
            return
        row.answer = answer
        if told:
            row.state = "told"
        elif tries >= MOST_TRIES:
            row.state = "given up"
            tell("webhook given up", delivery=name, answer=answer)
