"""Promotions: what one would do at each uplift, stock and capacity, asked for in a form."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

import pandas as pd
from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from api.pages.gains import answer_shown
from api.pages.view import language_of, page, plan_view
from api.routes.context import Context, Planner, Reader
from api.routes.promotions import ANSWER
from api.runs.states import ENDED
from api.schemas.runs import PromotionOptions, RunOptions, RunRequest
from api.services.promotion_words import WAYS
from api.services.run_answers import answer_kept, runs_about
from api.store.rows import RunRow
from api.words.language import Language
from api.words.said import said
from scenarios import InputError, NotFound, Scenario

router = APIRouter()
RUNS_SHOWN: Final = 12
NEW: Final = PromotionOptions().promotion  # name of one that the scenario does not have
MOST_CHOICES: Final = 1000  # products and places that a field proposes
TABLES: Final = ("promotions", "products", "sites", "zones", "channels")
Text = Annotated[str, Field(max_length=80)]
Percent = Annotated[float | None, Field(ge=0, le=100)]
Stock = Literal["as planned", "none extra", "ordered for expected", "ordered for high"]
STOCKS: Final = get_args(Stock)
Uplift = Annotated[float | None, Field(ge=-100, le=10_000)]


class Asked(BaseModel):
    """The form: what is blank is as the scenario has it, or not known."""

    promotion: Text = NEW
    cancel: bool = False
    kind: Text = ""
    product: Text = ""
    category: Text = ""
    location: Text = ""
    channel: Text = ""
    start: dt.date | None = None
    end: dt.date | None = None
    discount: Percent = None
    low: Uplift = None
    expected: Uplift = None
    high: Uplift = None
    limit: Annotated[float | None, Field(ge=0, le=1e9)] = None
    takes_from: Text = ""
    taken: Percent = None
    pulled: Percent = None
    pulled_days: Annotated[int, Field(ge=1, le=366)] = 14
    more_capacity: Annotated[float, Field(ge=0, le=1000)] = 25.0
    capacity_cost: Annotated[float | None, Field(ge=0, le=1e9)] = None
    replications: Annotated[int, Field(ge=2, le=10_000)] = 30
    stocks: list[Stock] = Field(default_factory=lambda: list(STOCKS))

    def options(self) -> PromotionOptions:
        """Return what the run is asked for; InputError where uplifts are neither one nor three."""
        uplifts = [self.low, self.expected, self.high]
        given = [uplift for uplift in uplifts if uplift is not None]
        if len(given) not in (0, 3) and uplifts != [None, self.expected, None]:
            raise InputError("state one uplift, or three: low, expected, high")
        texts = ("kind", "product", "category", "location", "channel", "takes_from")
        return PromotionOptions(
            promotion=self.promotion,
            cancel=self.cancel,
            start=None if self.start is None else self.start.isoformat(),
            end=None if self.end is None else self.end.isoformat(),
            discount_pct=self.discount,
            uplifts_pct=given,
            qty_limit=self.limit,
            taken_pct=self.taken,
            pulled_forward_pct=self.pulled,
            pulled_days=self.pulled_days,
            more_capacity_pct=self.more_capacity,
            capacity_cost_per_day=self.capacity_cost,
            stocks=self.stocks,
            **{name: getattr(self, name) or None for name in texts},
        )

    @classmethod
    def of(cls, run: RunRow) -> Asked:
        """Return the form as it was filled in for a run."""
        told = PromotionOptions.model_validate(run.request["promotion"]).model_dump()
        uplifts = told["uplifts_pct"]
        low, expected, high = (
            uplifts if len(uplifts) == 3 else [None, uplifts[0] if uplifts else None, None]
        )
        names = ("promotion", "cancel", "kind", "product", "category", "location", "channel",
                 "start", "end", "takes_from", "pulled_days")  # fmt: skip
        stocks = told["stocks"] or list(STOCKS)
        return cls(
            discount=told["discount_pct"], low=low, expected=expected, high=high,
            limit=told["qty_limit"], taken=told["taken_pct"], pulled=told["pulled_forward_pct"],
            more_capacity=told["more_capacity_pct"], capacity_cost=told["capacity_cost_per_day"],
            replications=run.request["options"].get("replications") or 30, stocks=stocks,
            **{name: told[name] for name in names if told[name] is not None},
        )  # fmt: skip


@router.get("/plans/{plan_id}/promotions", response_class=HTMLResponse)
def promotions(
    request: Request,
    plan_id: str,
    here: Reader,
    run: Annotated[str, Query(max_length=80)] = "",
    cell: Annotated[int | None, Query(ge=0)] = None,
) -> HTMLResponse:
    """Show the form, and what the newest promotion tried, or the named run, found."""
    return _page(request, here, plan_id, run, cell)


@router.post("/plans/{plan_id}/promotions")
def simulate(
    request: Request, plan_id: str, here: Planner, asked: Annotated[Asked, Form()]
) -> Response:
    """Start the run that tries a promotion, and show it; the form again where it makes no sense."""
    plan = here.plan(plan_id)
    try:
        wanted = RunRequest(
            kind="promotion",
            scenario=plan.scenario_id,
            revision=plan.revision,
            plan=plan.id,
            promotion=asked.options(),
            options=RunOptions(replications=asked.replications),
        )
        row = here.runs.submit(wanted)
    except InputError as error:
        return _page(request, here, plan_id, "", None, asked=asked, wrong=str(error))
    return RedirectResponse(f"/runs/{row.id}", 303)


@router.post("/plans/{plan_id}/promotions/changes")
def take(
    plan_id: str, here: Planner, run: Annotated[str, Form(min_length=1, max_length=80)]
) -> Response:
    """Make the promotion that was tried a change of the scenario, and show its new version."""
    plan = here.plan(plan_id)
    found = answer_of(here, _named(here, plan_id, run))
    if found is None or not found["deltas"]:
        raise NotFound(f"run {run!r} changes no promotion of plan {plan_id!r}")
    here.scenarios.revise(plan.scenario_id, plan.revision, found["deltas"])
    return RedirectResponse(f"/scenarios/{plan.scenario_id}?table=promotions", 303)


def answer_of(here: Context, run: RunRow | None) -> dict[str, Any] | None:
    """Return what a promotion's run found; None while it is not there."""
    if run is None or run.plan_id is None:
        return None
    return answer_kept(here.blobs, here.plan(run.plan_id), ANSWER)


def _page(
    request: Request,
    here: Context,
    plan_id: str,
    run_id: str,
    cell: int | None,
    *,
    asked: Asked | None = None,
    wrong: str = "",
) -> HTMLResponse:
    language = language_of(request)
    view = plan_view(here, plan_id)
    revision = here.scenarios.revision(view.row.scenario_id, view.row.revision)
    content = here.scenarios.load(revision, *TABLES)
    runs = runs_about(here.database, "promotion", plan_id)
    newest = runs[0] if runs else None
    shown = _named(here, plan_id, run_id) if run_id else None
    if shown is None:
        shown = next((run for run in runs if run.plan_id), None)
    found = answer_of(here, shown)
    told = shown or newest
    if asked is None:
        asked = Asked() if told is None else Asked.of(told)
    return page(
        request,
        "promotions.html",
        here,
        422 if wrong else 200,
        current="promotions",
        view=view,
        asked=asked,
        wrong=said(language, wrong),
        choices=_choices(language, content),
        newest=newest,
        under_way=newest is not None and newest.state not in ENDED,
        runs=runs[:RUNS_SHOWN],
        shown=shown,
        changes=[] if found is None else found["deltas"],
        answer=None if found is None else answer_shown(language, found, cell),
    )


def _named(here: Context, plan_id: str, run_id: str) -> RunRow:
    run = here.runs.row(run_id)
    if run.kind != "promotion" or run.request.get("plan") != plan_id:
        raise NotFound(f"no promotion run {run_id!r}")
    return run


def _choices(language: Language, content: Scenario) -> Mapping[str, Any]:
    """Return what the fields of the form propose, and the days that the plan looks at."""
    settings = content.settings
    first = settings.start_date
    last = first + dt.timedelta(days=settings.horizon_days - 1)
    planned = content.table("promotions")
    ahead = planned[
        (planned["end"] >= pd.Timestamp(first)) & (planned["start"] <= pd.Timestamp(last))
    ]
    products = content.table("products")
    places = [
        *content.table("sites")["site_id"].tolist(), *content.table("zones")["zone_id"].tolist()
    ]  # fmt: skip
    return {
        "stocks": [(name, language.t(WAYS[name])) for name in STOCKS[1:]],
        "first": first,
        "last": last,
        "promotions": [
            {
                "id": row["promotion_id"],
                "goods": row["product_id"] if pd.notna(row["product_id"]) else row["category"],
                "start": row["start"].date().isoformat(),
                "end": row["end"].date().isoformat(),
            }
            for row in ahead.to_dict("records")
        ],
        "products": [
            (row["product_id"], row["name"] if pd.notna(row["name"]) else "")
            for row in products[["product_id", "name"]].head(MOST_CHOICES).to_dict("records")
        ],
        "categories": sorted(products["category"].dropna().unique()),
        "kinds": sorted(planned["kind"].dropna().unique()),
        "places": places[:MOST_CHOICES],
        "channels": content.table("channels")["channel_id"].tolist(),
    }
