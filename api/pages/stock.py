"""Stock: what lies where, for how long it lasts, how old it is, and what is to come of it."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.pages.grids import grid_columns
from api.pages.view import PlanView, language_of, page, plan_view
from api.routes.context import Reader
from optimizer.plan_tables import PLAN_TABLES

router = APIRouter()
AGES: Final = (0.0, 30.0, 60.0, 90.0, 180.0, 365.0, np.inf)
COLUMNS: Final = (
    "product_id", "site_id", "abc", "xyz", "on_hand", "cover_days", "turnover_days", "age_days",
    "oldest_days", "excess_units", "excess_value", "dead_value", "action_kind",
)  # fmt: skip


@router.get("/plans/{plan_id}/stock", response_class=HTMLResponse)
def stock(request: Request, plan_id: str, here: Reader) -> HTMLResponse:
    """Show stock by class and age, and each product's way to come."""
    view = plan_view(here, plan_id, "stock_health", "stock_frontier")
    health = view.table("stock_health")
    return page(
        request,
        "stock.html",
        here,
        current="stock",
        view=view,
        totals=_totals(health),
        matrix=_matrix(health),
        ages=_ages(here, view, health),
        frontier=_frontier(view.table("stock_frontier")),
        columns=grid_columns(language_of(request), PLAN_TABLES["stock_health"], COLUMNS)
        if view.has("stock_health")
        else [],
    )


@router.get("/plans/{plan_id}/stock/bands")
def bands(
    plan_id: str,
    here: Reader,
    product_id: Annotated[str, Query(max_length=200)] = "",
    site_id: Annotated[str, Query(max_length=200)] = "",
) -> dict[str, Any]:
    """Return a product's stock to come at a site, with its policy."""
    view = plan_view(here, plan_id, "inventory_projection", "policies")

    def of(name: str) -> pd.DataFrame:
        table = view.table(name)
        return table[(table["product_id"] == product_id) & (table["site_id"] == site_id)]

    rows = of("inventory_projection").sort_values("bucket")
    shown = {
        name: [None if np.isnan(value) else float(value) for value in rows[name]]
        for name in ("opening", "receipts", "demand", "closing", "p10", "p90", "p_stockout")
    }
    policy = of("policies")
    levels = {}
    if len(policy):
        row = policy.iloc[0]
        levels = {n: float(row[n]) for n in ("s", "S", "safety_stock") if not np.isnan(row[n])}
    return {"buckets": [f"{day:%Y-%m-%d}" for day in rows["bucket"]], **shown, "levels": levels}


def _totals(health: pd.DataFrame) -> dict[str, float]:
    return {
        name: float(health[name].sum()) for name in ("excess_value", "aged_value", "dead_value")
    }


def _matrix(health: pd.DataFrame) -> dict[str, dict[str, tuple[int, float]]]:
    """Return (product-locations, excess money) by ABC and XYZ class."""
    known = health[health["abc"].notna() & health["xyz"].notna()]
    found: dict[str, dict[str, tuple[int, float]]] = {}
    for (abc, xyz), rows in known.groupby(["abc", "xyz"]):
        found.setdefault(str(abc), {})[str(xyz)] = (len(rows), float(rows["excess_value"].sum()))
    return found


def _ages(here: Reader, view: PlanView, health: pd.DataFrame) -> list[dict[str, Any]]:
    """Return units and money of stock by its mean age; of unknown age last."""
    revision = here.scenarios.revision(view.row.scenario_id, view.row.revision)
    products = here.scenarios.load(revision).table("products").set_index("product_id")["unit_cost"]
    worth = health["on_hand"] * health["product_id"].map(products)
    band = pd.cut(health["age_days"], AGES, right=False, labels=False)
    found = []
    for at, (low, high) in enumerate(pairwise(AGES)):
        inside = band == at
        label = f"{low:.0f}+" if np.isinf(high) else f"{low:.0f}–{high:.0f}"
        found.append(
            {
                "label": label,
                "units": float(health.loc[inside, "on_hand"].sum()),
                "money": float(worth[inside].sum()),
            }
        )
    blank = health["age_days"].isna() & (health["on_hand"] > 0)
    if blank.any():
        units = float(health.loc[blank, "on_hand"].sum())
        found.append({"label": "", "units": units, "money": float(worth[blank].sum())})
    return found


def _frontier(frontier: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the points of all stock: money in it against the share of demand served from it."""
    points = frontier[(frontier["scope"] == "all") & frontier["fill_rate"].notna()]
    return [
        {"value": float(row.stock_value), "fill": float(row.fill_rate), "chosen": bool(row.chosen)}
        for row in points.itertuples()
    ]
