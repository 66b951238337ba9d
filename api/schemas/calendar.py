"""What crosses the wire about schedules and webhooks."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.schemas.runs import RunRequest
from api.schemas.wire import Moment, Wire


class ScheduleRequest(Wire):
    """A run to start again and again."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    cron: Annotated[str, Field(max_length=100, description="as in 30 2 * * *: daily at 02:30")]
    timezone: Annotated[str, Field(max_length=60, description="as in Asia/Shanghai")] = "UTC"
    run: RunRequest


class ScheduleModel(Wire):
    """A schedule: its last time that has been dealt with, and why no run came of it, if so."""

    id: str
    name: str
    cron: str
    timezone: str
    run: dict[str, Any]
    done_until: Moment
    reason: str
    created_at: Moment


class ScheduleList(Wire):
    """All schedules."""

    schedules: list[ScheduleModel]


class WebhookRequest(Wire):
    """An address to tell how runs end."""

    url: Annotated[str, Field(max_length=2000)]
    events: Annotated[list[Annotated[str, Field(max_length=40)]], Field(max_length=20)]


class WebhookModel(Wire):
    """A webhook; `secret` is told once, when it is made."""

    id: str
    url: str
    events: list[str]
    created_at: Moment
    secret: str | None = None


class WebhookList(Wire):
    """All webhooks."""

    webhooks: list[WebhookModel]
