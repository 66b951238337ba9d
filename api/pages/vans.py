"""Routes: where vans drive, when, and what each costs."""

from __future__ import annotations

from typing import Annotated, Any, Final

import pandas as pd
from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.pages.places import number, places
from api.pages.view import page, plan_view
from api.routes.context import Reader

router = APIRouter()
MOST_ROUTES: Final = 150  # that one map and one timeline show


@router.get("/plans/{plan_id}/routes", response_class=HTMLResponse)
def routes(
    request: Request,
    plan_id: str,
    here: Reader,
    depot: Annotated[str, Query(max_length=200)] = "",
    day: Annotated[str, Query(max_length=10)] = "",
) -> HTMLResponse:
    """Show the routes of a depot on a day: a map, and a line of time for each van."""
    view = plan_view(here, plan_id, "routes", "stops", "handed_over", "unserved")
    every = view.table("routes").assign(day=lambda table: table["start"].dt.strftime("%Y-%m-%d"))
    groups = every.groupby(["depot_id", "day"]).size()
    choices = [(str(site), str(date), int(count)) for (site, date), count in groups.items()]
    if (depot, day) not in {(site, date) for site, date, _ in choices} and choices:
        depot, day, _ = max(choices, key=lambda choice: choice[2])
    shown = every[(every["depot_id"] == depot) & (every["day"] == day)].head(MOST_ROUTES)
    revision = here.scenarios.revision(view.row.scenario_id, view.row.revision)
    known = places(here.scenarios.load(revision))
    stops = view.table("stops")
    stops = stops[stops["route_id"].isin(shown["route_id"])]
    left = view.table("unserved")
    return page(
        request,
        "routes.html",
        here,
        current="routes",
        view=view,
        choices=choices,
        depot=depot,
        day=day,
        routes=shown.to_dict("records"),
        hidden=len(every[(every["depot_id"] == depot) & (every["day"] == day)]) - len(shown),
        unserved=left[left["kind"] == "stop"].head(100).to_dict("records"),
        handed=view.table("handed_over").head(200).to_dict("records"),
        drawing={
            "depot": known.get(depot),
            "routes": [_route(row, stops) for row in shown.to_dict("records")],
        },
    )


def _route(route: dict[str, Any], stops: pd.DataFrame) -> dict[str, Any]:
    """Return a route for the map and the timeline; times in minutes of its day."""
    start: pd.Timestamp = route["start"]
    midnight = start.normalize()

    def minute(at: pd.Timestamp) -> float:
        return float((at - midnight).total_seconds()) / 60.0

    own = stops[stops["route_id"] == route["route_id"]].sort_values("seq")
    return {
        "id": str(route["route_id"]),
        "van": str(route["vehicle_type"]),
        "start": minute(start),
        "end": minute(route["end"]),
        "stops": [
            {
                "seq": int(stop["seq"]),
                "kind": str(stop["kind"]),
                "order": stop["order_id"] if isinstance(stop["order_id"], str) else "",
                "arrive": minute(stop["arrive"]),
                "begin": minute(stop["begin"]),
                "depart": minute(stop["depart"]),
                "lat": number(stop["lat"]),
                "lon": number(stop["lon"]),
            }
            for stop in own.to_dict("records")
        ],
    }
