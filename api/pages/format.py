"""How cells and pictures are written on pages."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd
from markupsafe import Markup

WIDTH, HEIGHT, MARGIN = 860.0, 220.0, 34.0


def cell(value: Any) -> str:
    """Write one value for people: grouped numbers, plain dates, nothing for a blank."""
    if value is None or value is pd.NaT or value is pd.NA:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, pd.Timestamp | dt.datetime):
        midnight = value.hour == value.minute == value.second == 0
        return f"{value:%Y-%m-%d}" if midnight else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return f"{value:,.0f}" if value == round(value) else f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def chart(curve: pd.DataFrame) -> Markup:
    """Draw the service curve of each case as SVG; nothing for an empty table.

    Parameters
    ----------
    curve : the `service_curve` table of a plan
    """
    parts = [_one_chart(str(case), rows) for case, rows in curve.groupby("case", sort=False)]
    return Markup("").join(parts)


def _one_chart(case: str, rows: pd.DataFrame) -> Markup:
    rows = rows.sort_values("day")
    last = max(float(rows["day"].max()), 1.0)

    def at(day: float, service: float) -> str:
        x = MARGIN + (WIDTH - 2 * MARGIN) * day / last
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * service
        return f"{x:.1f},{y:.1f}"

    def line(column: str) -> str:
        return " ".join(at(d, s) for d, s in zip(rows["day"], rows[column], strict=True))

    back = rows.iloc[::-1]
    low = " ".join(at(d, s) for d, s in zip(back["day"], back["p5"], strict=True))
    grid = "".join(
        f'<line class="grid" x1="{MARGIN}" x2="{WIDTH - MARGIN}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text x="4" y="{y + 4:.1f}">{share:.0%}</text>'
        for share in (0.0, 0.5, 1.0)
        for y in (HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * share,)
    )
    # every part but the case's name is made of numbers; the name is escaped by Markup.format
    return Markup(  # noqa: S704
        '<figure><figcaption>{case}</figcaption><svg class="curve" role="img" aria-label="{case}"'
        f' viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}">{grid}'
        f'<polygon class="band" points="{line("p95")} {low}"/>'
        f'<polyline class="baseline" points="{line("baseline")}"/>'
        f'<polyline class="mean" points="{line("mean")}"/>'
        f'<text x="{WIDTH - MARGIN:.0f}" y="{HEIGHT - 8:.0f}" text-anchor="end">'
        f"day {last:.0f}</text>"
        "</svg></figure>"
    ).format(case=case)
