"""What all pages share: templates, language, theme, navigation, and a plan with its neighbours."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pandas as pd
from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

from api.routes.context import Context
from api.security.keys import Scope
from api.store.documents import get_plan, plan_rows
from api.store.rows import PlanRow, ScenarioRow
from api.words.language import LANGUAGES, Language, preferred
from api.words.said import said
from optimizer.plan import Plan
from scenarios import Settings

LANGUAGE_COOKIE: Final = "holdfast_language"
THEME_COOKIE: Final = "holdfast_theme"
THEMES: Final = ("auto", "light", "dark")
# page of a plan -> tables, any of which must have rows for the page to say something
PLAN_PAGES: Final = {
    "overview": (),
    "orders": ("purchase_orders",),
    "stock": ("inventory_projection", "stock_health", "policies"),
    "network": ("network", "flows", "shipments", "transfers"),
    "sourcing": ("shipments", "unserved", "held_orders"),
    "routes": ("routes",),
    "promotions": ("policies",),
    "stress": ("stress_results", "exposure"),
    "tables": (),
}
PAGE_TITLES: Final = {
    "overview": "Overview",
    "orders": "Orders to place",
    "stock": "Stock",
    "network": "Network",
    "sourcing": "Sourcing",
    "routes": "Routes",
    "promotions": "Promotions",
    "stress": "Stress",
    "tables": "All tables",
}

templates = Jinja2Templates(directory=Path(__file__).parent / "templates")
templates.env.trim_blocks = True
templates.env.lstrip_blocks = True
templates.env.filters["quoted"] = lambda text: quote(str(text), safe="")


def language_of(request: Request) -> Language:
    """Return the language that a visitor chose, or that the browser asks for."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen not in LANGUAGES:
        chosen = preferred(request.headers.get("accept-language", ""))
    return Language(chosen)


def page(
    request: Request,
    name: str,
    here: Context | None = None,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """Render a page in the visitor's language and theme."""
    language = language_of(request)
    theme = request.cookies.get(THEME_COOKIE, "auto")
    shared = {
        "language": language,
        "t": language.t,
        "said": partial(said, language),
        "theme": theme if theme in THEMES else "auto",
        "themes": THEMES,
        "place": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
        "who": None if here is None else here.who,
        "may_plan": here is not None and here.who.may(Scope.PLAN),
        "may_approve": here is not None and here.who.may(Scope.APPROVE),
        "may_admin": here is not None and here.who.may(Scope.ADMIN),
        "tiles": "" if here is None else here.settings.map_tiles,
    }
    return templates.TemplateResponse(request, name, {**shared, **values}, status_code=status)


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, where it comes from, and which of its pages say something."""

    row: PlanRow
    scenario: ScenarioRow
    settings: Settings
    rows: dict[str, int]
    plan: Plan

    @property
    def id(self) -> str:
        """The plan's id."""
        return self.row.id

    @property
    def currency(self) -> str:
        """Currency of all money in it."""
        return self.settings.currency

    @property
    def start(self) -> dt.date:
        """First day of the plan."""
        return self.settings.start_date

    @property
    def pages(self) -> list[tuple[str, str]]:
        """Return (name, title) of the pages that have something to show."""
        return [
            (name, PAGE_TITLES[name])
            for name, tables in PLAN_PAGES.items()
            if not tables or any(self.rows.get(table) for table in tables)
        ]

    def table(self, name: str) -> pd.DataFrame:
        """Return a table that was asked for."""
        return self.plan.table(name)

    def has(self, name: str) -> bool:
        """Say whether a table has rows."""
        return bool(self.rows.get(name))


def plan_view(here: Context, plan_id: str, *tables: str) -> PlanView:
    """Return a plan with some of its tables; NotFound if there is none."""
    row = here.plan(plan_id)
    revision = here.scenarios.revision(row.scenario_id, row.revision)
    return PlanView(
        row,
        here.scenarios.row(row.scenario_id),
        here.scenarios.settings(revision),
        plan_rows(here.blobs, row.manifest),
        get_plan(here.blobs, row.manifest, tables),
    )


def error_page(request: Request, status: int, detail: str) -> HTMLResponse:
    """Tell a person what went wrong, in words rather than as a document."""
    return page(request, "error.html", None, status, code=status, detail=detail)
