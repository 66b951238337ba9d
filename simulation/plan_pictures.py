"""Pictures of a plan in the house style: stock bands, stock against service, drivers of cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from optimizer.plan import Plan
from scenarios import NotFound
from simulation.lettering import Lettering, find_lettering
from simulation.pictures import BAD, GOOD, GREY, INK, STYLE, need_matplotlib


def draw_stock(plan: Plan, product_id: str, site_id: str) -> Any:
    """Return a figure of the stock to come of a product at a site, with its P10 to P90.

    Raises
    ------
    NotFound
        The plan projects no such stock.
    Unsupported
        matplotlib is not installed.
    """
    rows = plan.table("inventory_projection")
    rows = rows[(rows["product_id"] == product_id) & (rows["site_id"] == site_id)]
    if not len(rows):
        raise NotFound(f"the plan projects no stock of {product_id} at {site_id}")

    def paint(panel: Any) -> None:
        days = rows["bucket"].to_numpy()
        panel.fill_between(days, rows["p10"], rows["p90"], color=GOOD, alpha=0.2, linewidth=0)
        panel.plot(days, rows["closing"], color=GOOD, linewidth=1.6, marker="o", markersize=3)
        panel.bar(days, rows["receipts"], width=1.5, color=GREY)
        panel.set_ylim(bottom=0)
        panel.tick_params(axis="x", rotation=30)
        panel.set_ylabel("units")
        panel.set_title(f"{name}: closing stock, P10 to P90; receipts (grey)")

    need_matplotlib()
    letters = find_lettering([product_id, site_id])
    name = letters.label(f"{product_id} at {site_id}", "one product at a site")
    return _figure(paint, letters)


def draw_frontier(plan: Plan, currency: str, scope: str = "all") -> Any:
    """Return a figure of mean stock against fill rate; the plan's own point is filled.

    Raises
    ------
    NotFound
        The plan has no frontier of that scope.
    Unsupported
        matplotlib is not installed.
    """
    rows = plan.table("stock_frontier")
    rows = rows[rows["scope"] == scope].sort_values("point")
    if not len(rows):
        raise NotFound(f"the plan has no stock_frontier of {scope!r}")

    def paint(panel: Any) -> None:
        service = 100 * rows["fill_rate"].to_numpy(np.float64)
        panel.plot(rows["stock_value"], service, color=GOOD, linewidth=1.4, marker="o",
                   markersize=4, markerfacecolor="white")  # fmt: skip
        own = rows["chosen"].to_numpy(bool)
        panel.plot(rows["stock_value"][own], service[own], "o", color=BAD, markersize=7)
        panel.set_xlabel(f"mean stock on hand, {currency}")
        panel.set_ylabel("fill rate, %")
        panel.set_title("Stock against service; the plan's own costs (red)")

    return _figure(paint)


def draw_waterfall(fall: Mapping[str, Any], currency: str) -> Any:
    """Return a figure of what drives a change of cost, bar by bar from before to after.

    Parameters
    ----------
    fall : one of the `waterfalls` of a comparison

    Raises
    ------
    Unsupported
        matplotlib is not installed.
    """
    bars = list(fall["bars"])
    change = np.array([bar["change"] for bar in bars], np.float64)
    begin = fall["before"] + np.concatenate([[0.0], np.cumsum(change)[:-1]])
    names = ["before", *(bar["driver"] for bar in bars), "after"]

    def paint(panel: Any) -> None:
        place = np.arange(len(names))[::-1]
        panel.barh(place[[0, -1]], [fall["before"], fall["after"]], color=GREY, height=0.62)
        colours = [BAD if value > 0 else GOOD for value in change]
        panel.barh(place[1:-1], change, left=begin, color=colours, height=0.62)
        panel.set_yticks(place, names)
        panel.axvline(0.0, color=INK, linewidth=0.8)
        panel.set_xlabel(f"cost of all stages, {currency}")
        panel.set_title("What drives the change of cost")

    return _figure(paint)


def _figure(paint: Callable[[Any], None], letters: Lettering | None = None) -> Any:
    need_matplotlib()
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    fonts = {} if letters is None else {"font.family": list(letters.fonts)}
    with mpl.rc_context(STYLE | fonts):
        figure = Figure(figsize=(6.4, 3.2), dpi=80)
        FigureCanvasAgg(figure)
        panel = figure.subplots()
        panel.grid(color="#e6e9ed", linewidth=0.7)
        panel.set_axisbelow(True)
        paint(panel)
    return figure
