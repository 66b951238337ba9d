"""Tonight in figures: what a planner must see of a plan at one look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from api.pages.view import PlanView, plan_view
from api.routes.context import Context
from api.services.publishing import PublishingService
from api.words.sentences import alert_place

TABLES = (
    "alerts", "purchase_orders", "certificates", "stress_results", "shipments", "unserved",
    "routes",
)  # fmt: skip
MOST_ALERTS = 8
MOST_SUPPLIERS = 8


@dataclass(frozen=True, slots=True)
class Tonight:
    """What is wrong with a plan, what to order, and what its gates say."""

    view: PlanView
    alerts: list[dict[str, Any]]
    at_risk: float
    suppliers: list[dict[str, Any]]
    spend: float
    lines: int
    certificates: list[dict[str, Any]]
    stressed: list[dict[str, Any]]
    state: str
    gates: list[dict[str, Any]]
    parcels: int
    unserved: int
    routes: int
    routes_cost: float

    @property
    def broken(self) -> list[dict[str, Any]]:
        """Gates that the plan does not pass."""
        return [gate for gate in self.gates if gate["outcome"] != "passed"]

    @property
    def overstressed(self) -> list[dict[str, Any]]:
        """Gates of the stress test that do not hold."""
        return [row for row in self.stressed if not row["passed"]]

    @property
    def unproven(self) -> list[dict[str, Any]]:
        """Stages without a plan."""
        bad = ("infeasible", "no_solution_found")
        return [row for row in self.certificates if row["status"] in bad]


def tonight(here: Context, plan_id: str) -> Tonight:
    """Gather what the first page shows of a plan."""
    view = plan_view(here, plan_id, *TABLES)
    alerts = view.table("alerts").sort_values("value", ascending=False, kind="stable")
    worst = alerts[alerts["severity"].isin(("critical", "warning"))]
    orders = tonights_orders(view)
    by_supplier = orders.groupby("supplier_id").agg(
        lines=("line", "size"), qty=("qty", "sum"), cost=("cost", "sum"),
        due_on=("due_on", "min"),
    ).sort_values("cost", ascending=False)  # fmt: skip
    results = view.table("stress_results")
    publishing = PublishingService(here.database, here.blobs)
    standing = publishing.standing(plan_id)
    shipments, routes = view.table("shipments"), view.table("routes")
    unserved = view.table("unserved")
    return Tonight(
        view=view,
        alerts=[
            row | {"place": alert_place(row["entity"])}
            for row in alerts.head(MOST_ALERTS).to_dict("records")
        ],
        at_risk=float(worst["value"].sum()),
        suppliers=by_supplier.head(MOST_SUPPLIERS).reset_index().to_dict("records"),
        spend=float(orders["cost"].sum()),
        lines=len(orders),
        certificates=view.table("certificates").to_dict("records"),
        stressed=results[results["passed"].notna()].to_dict("records"),
        state=standing.state,
        gates=list(publishing.judgement(standing).document()["results"]),
        parcels=len(shipments),
        unserved=int((unserved["kind"] == "order_line").sum()),
        routes=len(routes),
        routes_cost=float(routes["cost"].sum()),
    )


def tonights_orders(view: PlanView) -> pd.DataFrame:
    """Return the purchase order lines that are to be placed on the plan's first day."""
    orders = view.table("purchase_orders")
    return orders[orders["order_on"] == pd.Timestamp(view.start)]
