"""The network: which sites are open, and what moves between places."""

from __future__ import annotations

from typing import Any, Final

import pandas as pd
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.pages.places import number, places
from api.pages.view import PlanView, page, plan_view
from api.routes.context import Reader
from scenarios import Scenario

router = APIRouter()
MOST_EDGES: Final = 400


@router.get("/plans/{plan_id}/network", response_class=HTMLResponse)
def network(request: Request, plan_id: str, here: Reader) -> HTMLResponse:
    """Show sites on a map and what flows between them, by width."""
    view = plan_view(here, plan_id, "network", "flows", "transfers", "shipments")
    revision = here.scenarios.revision(view.row.scenario_id, view.row.revision)
    scenario = here.scenarios.load(revision)
    known = places(scenario)
    design = view.table("network")
    for row in design.to_dict("records"):
        if row["site_id"] in known:
            known[row["site_id"]] |= {
                "status": row["status"],
                "utilisation": number(row["utilisation"]),
                "throughput": number(row["throughput_units"]),
            }
    layers = _layers(view, scenario)
    return page(
        request,
        "network.html",
        here,
        current="network",
        view=view,
        design=design.to_dict("records"),
        names={place: told["name"] for place, told in known.items()},
        layers=layers,
        drawing={"places": known, "layers": layers},
    )


def _layers(view: PlanView, scenario: Scenario) -> dict[str, list[dict[str, Any]]]:
    """Return the kinds of movement that the plan has, largest first, each by its two ends."""
    tables = {
        "flows": view.table("flows"),
        "transfers": view.table("transfers"),
        "parcels": _parcels(view, scenario),
    }
    found = {}
    for name, table in tables.items():
        if not len(table):
            continue
        ends = table.groupby(["origin_id", "destination_id"])[["qty", "cost"]].sum()
        ends = ends.sort_values("qty", ascending=False).head(MOST_EDGES).reset_index()
        found[name] = [
            {
                "from": str(row.origin_id),
                "to": str(row.destination_id),
                "qty": float(row.qty),
                "cost": float(row.cost),
            }
            for row in ends.itertuples()
        ]
    return found


def _parcels(view: PlanView, scenario: Scenario) -> pd.DataFrame:
    """Return parcels by site and the zone of their order."""
    shipments, orders = view.table("shipments"), scenario.table("orders")
    zone = orders.drop_duplicates("order_id").set_index("order_id")["zone_id"]
    table = pd.DataFrame(
        {
            "origin_id": shipments["site_id"],
            "destination_id": shipments["order_id"].map(zone),
            "qty": 1.0,
            "cost": shipments["cost"],
        }
    )
    return table[table["destination_id"].notna()]
