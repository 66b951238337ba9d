"""Nightly runs: a month of them at a glance, and what starts them."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select

from api.pages.view import language_of, page
from api.routes.context import Context, Reader
from api.runs.schedules import Schedules
from api.services.publishing import PublishingService, Standing
from api.store.rows import RunRow, utc_now

router = APIRouter()
MOST_HELD: Final = 20
MOST_PLANS: Final = 500  # whose state the calendar shows


@router.get("/nightly", response_class=HTMLResponse)
def nightly(
    request: Request,
    here: Reader,
    month: Annotated[str, Query(pattern=r"^(\d{4}-(0[1-9]|1[0-2]))?$")] = "",
) -> HTMLResponse:
    """Show the runs of a month by day, UTC, and the schedules."""
    today = utc_now().date()
    first = dt.date.fromisoformat(f"{month}-01") if month else today.replace(day=1)
    after = (first + dt.timedelta(days=32)).replace(day=1)
    runs = _between(here, first, after)
    by_day: dict[dt.date, list[RunRow]] = {}
    for row in runs:
        by_day.setdefault(row.created_at.date(), []).append(row)
    weeks: list[list[dict[str, Any]]] = [
        [
            {"day": day, "runs": by_day.get(day, []), "inside": day.month == first.month}
            for day in week
        ]
        for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]
    publishing = PublishingService(here.database, here.blobs)
    held = publishing.listed(MOST_HELD, None, "held", None)
    standings = publishing.listed(MOST_PLANS, None, None, None)
    names = {row.scenario_id for row in runs} | {found.plan.scenario_id for found in held}
    language = language_of(request)
    return page(
        request,
        "nightly.html",
        here,
        title=f"{first.year}年{first.month}月" if language.code == "zh" else f"{first:%B %Y}",
        weekdays=["周" + day for day in "一二三四五六日"]
        if language.code == "zh"
        else list(calendar.day_abbr),
        weeks=weeks,
        today=today,
        before=f"{first - dt.timedelta(days=1):%Y-%m}",
        after=f"{after:%Y-%m}",
        states={found.plan.id: found.state for found in standings},
        held=[{"plan": found.plan, "gates": _holding(publishing, found)} for found in held],
        nights=[row for row in reversed(runs) if row.kind == "nightly"],
        schedules=Schedules(here.database).listed(),
        names={scenario_id: here.scenarios.row(scenario_id).name for scenario_id in names},
        failed=[row for row in runs if row.state == "failed"][:20],
    )


def _holding(publishing: PublishingService, standing: Standing) -> list[dict[str, Any]]:
    """Return the gates that hold a plan, as they were judged."""
    document = publishing.judgement(standing).document()
    return [gate for gate in document["results"] if gate["gate"] in document["holding"]]


def _between(here: Context, first: dt.date, after: dt.date) -> list[RunRow]:
    """Return runs that were asked for between two days, oldest first."""
    low, high = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (first, after))
    query = select(RunRow).where(RunRow.created_at >= low, RunRow.created_at < high)
    with here.database.session() as session:
        return list(session.scalars(query.order_by(RunRow.created_at)))
