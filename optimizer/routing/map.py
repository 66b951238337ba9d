"""Draws the routes of a plan on maps, one per region of depots; matplotlib is optional.

`python -m optimizer.routing.map SCENARIO PLAN --out FILE.png`
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from optimizer.routing.problem import Floats
from scenarios import InputError, Scenario, Unsupported

INK, GREY = "#22313f", "#9aa5b1"
COLOURS = ("#1f78b4", "#33a02c", "#e31a1c", "#ff7f00", "#6a3d9a", "#b15928")
CORE = 0.6  # share of the stops, those nearest to the middle, that a map is sure to show
COLUMNS = 3


def draw_routes(scenario: Scenario, plan: Plan, path: str | Path) -> Path:
    """Draw every route: a line from its depot through its stops, coloured by vehicle type.

    A map shows the middle of its region; the stops outside are counted below it.

    Raises
    ------
    Unsupported
        matplotlib is not installed.
    InputError
        The plan has no routes.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise Unsupported("pictures need matplotlib: pip install 'holdfast[pictures]'")
    routes, stops = plan.table("routes"), plan.table("stops")
    if not len(routes):
        raise InputError("the plan has no routes to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    sites = scenario.table("sites").set_index("site_id")
    region = routes["depot_id"].map(sites["region"]).fillna("")
    names = sorted(set(region))
    kinds = sorted(set(routes["vehicle_type"]))
    colour_of = {kind: COLOURS[k % len(COLOURS)] for k, kind in enumerate(kinds)}
    by_route = dict(iter(stops.sort_values(["route_id", "seq"]).groupby("route_id")))
    columns = min(COLUMNS, len(names))
    rows = -(-(len(names) + 1) // columns)
    figure = Figure(figsize=(3.4 * columns, 3.3 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for panel, name in zip(panels, names):
        _draw_region(panel, name, routes[region == name], by_route, sites, colour_of)
    for panel in panels[len(names) :]:
        panel.set_axis_off()
    handles = [
        panels[0].plot([], [], color=colour_of[kind], linewidth=2, label=kind)[0] for kind in kinds
    ]
    handles.append(panels[0].plot([], [], "s", color=INK, markersize=4, label="depot")[0])
    panels[len(names)].legend(handles=handles, loc="center", frameon=False, labelcolor=INK)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return path


def main(arguments: list[str]) -> int:
    """Draw the routes of a plan; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m optimizer.routing.map", description=__doc__)
    parser.add_argument("scenario", type=Path)
    parser.add_argument("plan", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    draw_routes(Scenario.load(given.scenario), Plan.load(given.plan), given.out)
    return 0


# ---- inside ---------------------------------------------------------------------------------


def _draw_region(
    panel: Any,
    name: str,
    routes: pd.DataFrame,
    by_route: dict[str, pd.DataFrame],
    sites: pd.DataFrame,
    colour_of: dict[str, str],
) -> None:
    """Draw the routes of one region."""
    depots: Floats = sites.loc[routes["depot_id"], ["lon", "lat"]].to_numpy(np.float64)
    served = []
    for depot, route_id, kind in zip(depots, routes["route_id"], routes["vehicle_type"]):
        stops = by_route[route_id]
        way = np.vstack([depot, stops[["lon", "lat"]].to_numpy(np.float64)])
        panel.plot(way[:, 0], way[:, 1], color=colour_of[kind], linewidth=0.5, alpha=0.8)
        served.append(stops.loc[stops["order_id"].notna(), ["lon", "lat"]].to_numpy(np.float64))
    places = np.vstack(served)
    panel.plot(places[:, 0], places[:, 1], ".", color=INK, markersize=1.0)
    panel.plot(depots[:, 0], depots[:, 1], "s", color=INK, markersize=3.0)
    middle = np.median(places, axis=0)
    round_earth = np.array([np.cos(np.radians(middle[1])), 1.0])
    half = 1e-3 + float(np.quantile(np.abs((places - middle) * round_earth).max(axis=1), CORE))
    low, high = middle - half / round_earth, middle + half / round_earth
    outside = int(((places < low) | (places > high)).any(axis=1).sum())
    panel.set_xlim(low[0], high[0])
    panel.set_ylim(low[1], high[1])
    panel.set_aspect(1.0 / round_earth[0])
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_color(GREY)
    panel.set_title(name, loc="left", fontsize=10, fontweight="bold", color=INK)
    told = f"{len(places):,} stops, {len(routes):,} routes"
    told += f"; {outside:,} stops lie outside" if outside else ""
    panel.set_xlabel(told, fontsize=7, color=INK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
