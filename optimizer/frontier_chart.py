"""A picture of cost against CO2e, as SVG: no library draws it, the same bits everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from optimizer.frontier import Frontier, Point

WIDTH: Final = 640
HEIGHT: Final = 400
LEFT: Final = 90
RIGHT: Final = 20
TOP: Final = 60
BOTTOM: Final = 50
TICKS: Final = 4
WORDS: Final = {
    "en": ("Cost against CO2e", "CO2e, kg", "cost, {}", "plans", "no plan lies below"),
    "zh": ("成本与碳排放", "碳排放，千克", "成本，{}", "方案", "没有方案低于此线"),
}


def frontier_svg(frontier: Frontier, language: str = "en") -> str:
    """Return a picture: plans as dots, those beaten hollow, the proven floor dashed.

    Parameters
    ----------
    language : en or zh
    """
    title, across, up, plans, floor = WORDS[language]
    every = [*frontier.points, *frontier.beaten]
    floors = [p.cost_at_least for p in frontier.points if p.cost_at_least is not None]
    x = _Scale([p.co2_kg for p in every], LEFT, WIDTH - RIGHT)
    y = _Scale([*(p.cost for p in every), *floors], HEIGHT - BOTTOM, TOP)
    parts = [
        (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="12">'),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        *_axis(x, y),
        f'<text x="{(LEFT + WIDTH) / 2:.0f}" y="{HEIGHT - 10}">{escape(across)}</text>',
        f'<text x="8" y="{TOP - 8}">{escape(up.format(frontier.currency))}</text>',
        _line(
            [(x.at(p.co2_kg), y.at(p.cost_at_least)) for p in frontier.points
             if p.cost_at_least is not None],
            'stroke="#8a94a3" stroke-dasharray="5 4"',
        ),
        _line([(x.at(p.co2_kg), y.at(p.cost)) for p in frontier.points], 'stroke="#1f6f8b"'),
        *(_dot(p, x, y, 'fill="#1f6f8b"') for p in frontier.points),
        *(_dot(p, x, y, 'fill="white" stroke="#8a94a3"') for p in frontier.beaten),
        f'<text x="{WIDTH - 250}" y="{TOP}" fill="#1f6f8b">● {escape(plans)}</text>',
        f'<text x="{WIDTH - 170}" y="{TOP}" fill="#8a94a3">- - {escape(floor)}</text>',
        "</svg>",
    ]  # fmt: skip
    return "\n".join(part for part in parts if part) + "\n"


class _Scale:
    """Values to places on one axis."""

    def __init__(self, values: Sequence[float], first: float, last: float) -> None:
        self.low, self.high = min(values), max(values)
        spare = 0.05 * (self.high - self.low) or abs(self.high) * 0.05 or 1.0
        self.low, self.high = self.low - spare, self.high + spare
        self.first, self.last = first, last

    def at(self, value: float) -> float:
        """Return the place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)


def _axis(x: _Scale, y: _Scale) -> list[str]:
    parts = []
    for step in range(TICKS + 1):
        across = x.low + step / TICKS * (x.high - x.low)
        up = y.low + step / TICKS * (y.high - y.low)
        parts += [
            (
                f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(up):.1f}" y2="{y.at(up):.1f}"'
                ' stroke="#e6e9ed"/>'
            ),
            f'<text x="{LEFT - 6}" y="{y.at(up) + 4:.1f}" text-anchor="end">{up:,.0f}</text>',
            (
                f'<text x="{x.at(across):.1f}" y="{HEIGHT - 30}" text-anchor="middle">'
                f"{across:,.4g}</text>"
            ),
        ]
    return parts


def _line(places: Sequence[tuple[float, float]], style: str) -> str:
    if len(places) < 2:
        return ""
    text = " ".join(f"{across:.1f},{up:.1f}" for across, up in places)
    return f'<polyline points="{text}" fill="none" {style}/>'


def _dot(point: Point, x: _Scale, y: _Scale, style: str) -> str:
    told = f"{point.price_per_tonne:,.2f} / t: {point.cost:,.2f}, {point.co2_kg:,.3f} kg"
    return (
        f'<circle cx="{x.at(point.co2_kg):.1f}" cy="{y.at(point.cost):.1f}" r="4" {style}>'
        f"<title>{escape(told)}</title></circle>"
    )
