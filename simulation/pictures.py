"""Pictures of stress tests and scans: service curves, heat map, tornado; matplotlib is optional."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scenarios import Unsupported
from simulation.exposure import Scan
from simulation.lettering import Lettering, find_lettering
from simulation.result import StressResult

INK, GREY, BAD, GOOD = "#22313f", "#9aa5b1", "#c0392b", "#1f78b4"
STYLE: Any = {
    "font.size": 9, "axes.titlesize": 10, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": INK, "ytick.color": INK,
    "figure.facecolor": "white", "savefig.dpi": 110, "figure.constrained_layout.use": True,
}  # fmt: skip
PANELS = 6
BARS = 16
LONGEST_NAME = 34


def draw_stress(result: StressResult, currency: str, folder: str | Path) -> list[Path]:
    """Draw service_curve.png and tornado.png; return the files.

    A case whose name no installed font can draw is called by its title, else by its place among
    the cases, the worst first.

    Raises
    ------
    Unsupported
        matplotlib is not installed.
    """
    need_matplotlib()
    cases = [case for case in result.titles if case != "baseline"]
    if not cases:
        return []
    cases.sort(key=lambda case: (result.value(case, "fill_rate_change")[0], case))
    letters = find_lettering(cases)
    names = {
        case: letters.label(case, result.titles[case], f"case {number}")
        for number, case in enumerate(cases, start=1)
    }
    return _draw(
        folder,
        letters,
        {
            "service_curve.png": lambda plot: _service_curve(plot, result, names),
            "tornado.png": lambda plot: _tornado(plot, result, names, currency),
        },
    )


def draw_scan(found: Scan, currency: str, folder: str | Path) -> list[Path]:
    """Draw exposure.png and heat_map.png; return the files.

    A node whose id no installed font can draw is called by its kind and its rank.

    Raises
    ------
    Unsupported
        matplotlib is not installed.
    """
    need_matplotlib()
    if not len(found.table):
        return []
    nodes = [str(node) for node in found.table["node"]]
    letters = find_lettering(nodes)
    names = {
        node: letters.label(node, f"{node.partition(':')[0]} {number}")
        for number, node in enumerate(nodes, start=1)
    }
    drawings: dict[str, Callable[[Any], Any]] = {
        "exposure.png": lambda plot: _exposure(plot, found.table, names, currency)
    }
    if len(found.grid):
        drawings["heat_map.png"] = lambda plot: _heat_map(plot, found.grid, names, currency)
    return _draw(folder, letters, drawings)


def need_matplotlib() -> None:
    """Refuse where matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise Unsupported("pictures need matplotlib: pip install 'holdfast[pictures]'")


def _draw(
    folder: str | Path, letters: Lettering, drawings: dict[str, Callable[[Any], Any]]
) -> list[Path]:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(STYLE | {"font.family": list(letters.fonts)}):
        for name, drawing in drawings.items():
            figure = Figure()
            FigureCanvasAgg(figure)
            drawing(figure)
            path = folder / name
            figure.savefig(path, metadata={"Software": None})
            written.append(path)
    return written


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _service_curve(figure: Any, result: StressResult, names: Mapping[str, str]) -> None:
    """One panel a case, those that cost most service first: mean, P5 to P95, undisturbed."""
    curve = result.tables["service_curve"]
    shown = list(names)[:PANELS]
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    figure.set_size_inches(4.2 * columns, 0.5 + 1.9 * rows)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for place, panel in enumerate(axes.flat):
        if place >= len(shown):
            panel.set_visible(False)
            continue
        part = curve[curve["case"] == shown[place]]
        panel.fill_between(part["day"], 100 * part["p5"], 100 * part["p95"], color=BAD, alpha=0.18,
                           linewidth=0)  # fmt: skip
        panel.plot(part["day"], 100 * part["baseline"], color=GREY, linewidth=1.4)
        panel.plot(part["day"], 100 * part["mean"], color=BAD, linewidth=1.6)
        panel.set_title(_short(names[shown[place]]))
        panel.set_ylim(0, 102)
        panel.margins(x=0)
        panel.grid(axis="y", color="#e6e9ed", linewidth=0.7)
        panel.set_axisbelow(True)
    for column in range(columns):
        lowest = axes[(len(shown) - 1 - column) // columns, column]
        lowest.set_xlabel("day")
        lowest.tick_params(labelbottom=True)
    for panel in axes[:, 0]:
        panel.set_ylabel("served on the day, %")
    figure.suptitle(
        f"Service by day: undisturbed (grey), disturbed mean and P5 to P95 of"
        f" {result.replications} replications (red)",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip


def _bars(
    figure: Any, names: list[str], values: list[float], halves: list[float], label: str, title: str
) -> None:
    """Horizontal bars, the longest on top, with intervals."""
    figure.set_size_inches(7.4, 1.1 + 0.27 * len(names))
    panel = figure.subplots()
    place = np.arange(len(names))[::-1]
    colours = [BAD if value > 0 else GOOD for value in values]
    panel.barh(place, values, color=colours, height=0.62)
    shown = [half if np.isfinite(half) else 0.0 for half in halves]
    panel.errorbar(values, place, xerr=shown, fmt="none", ecolor=INK, elinewidth=1.1, capsize=2)
    panel.set_yticks(place, [_short(name) for name in names])
    panel.tick_params(axis="y", length=0)
    panel.axvline(0.0, color=INK, linewidth=0.8)
    panel.grid(axis="x", color="#e6e9ed", linewidth=0.7)
    panel.set_axisbelow(True)
    panel.xaxis.set_major_formatter(lambda value, _place: _money(value))
    panel.set_xlabel(label)
    panel.set_title(title)


def _money(value: float) -> str:
    for size, unit in ((1e9, " bn"), (1e6, " m"), (1e3, " k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _tornado(figure: Any, result: StressResult, names: Mapping[str, str], currency: str) -> None:
    figures = {case: result.value(case, "cost_operating_change") for case in names}
    order = sorted(names, key=lambda case: (-abs(figures[case][0]), case))[:BARS]
    _bars(
        figure, [names[case] for case in order], [figures[case][0] for case in order],
        [(figures[case][2] - figures[case][1]) / 2 for case in order],
        f"change of operating cost against undisturbed, {currency}, with 95 % intervals",
        "What drives the cost",
    )  # fmt: skip


def _exposure(figure: Any, table: pd.DataFrame, names: Mapping[str, str], currency: str) -> None:
    part = table.head(BARS)
    _bars(
        figure,
        [f"{names[row.node]} ({row.recovery_days:g} d)" for row in part.itertuples(index=False)],
        list(part["impact"]), list((part["high"] - part["low"]) / 2),
        f"cost of losing the node for the days in brackets, {currency}, with 95 % intervals",
        "Most exposed nodes",
    )  # fmt: skip


def _heat_map(figure: Any, grid: pd.DataFrame, names: Mapping[str, str], currency: str) -> None:
    """Nodes by days lost; colour and number are money."""
    wide = grid.pivot_table(index="node", columns="days", values="money", sort=False)
    figure.set_size_inches(7.4, 1.2 + 0.3 * len(wide))
    panel = figure.subplots()
    values = wide.to_numpy(np.float64)
    drawn = panel.imshow(np.maximum(values, 0.0), cmap="OrRd", aspect="auto")
    panel.set_xticks(range(len(wide.columns)), [f"{days:g}" for days in wide.columns])
    panel.set_yticks(range(len(wide)), [_short(names[str(node)]) for node in wide.index])
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    dark = 0.55 * max(float(values.max()), 1e-9)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            panel.text(
                column, row, _money(float(f"{value:.3g}")), ha="center", va="center", fontsize=8,
                color="white" if value > dark else INK,
            )  # fmt: skip
    panel.set_xlabel("days lost")
    panel.set_title(f"Lost margin and costs by node and length of the loss, {currency}")
    figure.colorbar(drawn, ax=panel, fraction=0.03, pad=0.02).ax.yaxis.set_major_formatter(
        lambda value, _place: _money(value)
    )
