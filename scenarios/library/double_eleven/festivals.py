"""The dates that shape demand: festivals, how hard each pulls, and holidays."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np

from scenarios.library.double_eleven.streams import Floats

START = dt.date(2026, 10, 12)
WEEKS_OF_HISTORY = 104
FIRST_WEEK = START - dt.timedelta(weeks=WEEKS_OF_HISTORY)
HORIZON_WEEKS = 8


class Festival(NamedTuple):
    """A shopping festival: its pull by date, 1 being the whole uplift of its class for a week."""

    code: str
    name: str
    start: dt.date
    end: dt.date
    strength: float
    spans: tuple[tuple[dt.date, dt.date, float], ...]  # first day, last day, pull of each day


def _double_eleven(year: int, strength: float) -> Festival:
    spans = (
        (dt.date(year, 10, 20), dt.date(year, 10, 31), 0.25),
        (dt.date(year, 11, 1), dt.date(year, 11, 3), 0.9),
        (dt.date(year, 11, 4), dt.date(year, 11, 9), 0.4),
        (dt.date(year, 11, 10), dt.date(year, 11, 11), 2.6),
    )
    first, last = dt.date(year, 11, 1), dt.date(year, 11, 11)
    return Festival(f"D11-{year}", "双11", first, last, strength, spans)


def _mid_year(year: int, strength: float) -> Festival:
    spans = (
        (dt.date(year, 6, 1), dt.date(year, 6, 3), 0.6),
        (dt.date(year, 6, 4), dt.date(year, 6, 15), 0.3),
        (dt.date(year, 6, 16), dt.date(year, 6, 18), 2.0),
    )
    return Festival(
        f"618-{year}", "618", dt.date(year, 6, 1), dt.date(year, 6, 18), strength, spans
    )


FESTIVALS = (
    _double_eleven(2024, 0.9),
    _mid_year(2025, 0.6),
    _double_eleven(2025, 1.0),
    _mid_year(2026, 0.65),
    _double_eleven(2026, 1.0),
)

# event, first day, last day, what a week inside it sells against a normal one
HOLIDAYS = (
    ("国庆节", dt.date(2024, 10, 1), dt.date(2024, 10, 7), 1.0),
    ("年货节", dt.date(2025, 1, 6), dt.date(2025, 1, 19), 1.15),
    ("春节", dt.date(2025, 1, 27), dt.date(2025, 2, 4), 0.45),
    ("女神节", dt.date(2025, 3, 5), dt.date(2025, 3, 8), 1.1),
    ("国庆中秋", dt.date(2025, 10, 1), dt.date(2025, 10, 8), 0.9),
    ("年货节", dt.date(2026, 1, 26), dt.date(2026, 2, 8), 1.15),
    ("春节", dt.date(2026, 2, 15), dt.date(2026, 2, 23), 0.45),
    ("女神节", dt.date(2026, 3, 5), dt.date(2026, 3, 8), 1.1),
    ("国庆节", dt.date(2026, 10, 1), dt.date(2026, 10, 7), 0.9),
)


def week_starts(weeks: int = WEEKS_OF_HISTORY) -> list[dt.date]:
    """Return the Mondays of the history, oldest first."""
    return [FIRST_WEEK + dt.timedelta(weeks=week) for week in range(weeks)]


def _overlap(monday: dt.date, first: dt.date, last: dt.date) -> int:
    """Count the days of a week that lie in a span, both ends included."""
    sunday = monday + dt.timedelta(days=6)
    return max(0, (min(sunday, last) - max(monday, first)).days + 1)


def festival_pull(mondays: list[dt.date]) -> Floats:
    """Return the pull of festivals in each week, and the lull of the two weeks after one.

    Returns
    -------
    pull : (n_weeks,) float64; 0 in a normal week, about 1 in the week of 11 November, negative
        after
    """
    pull = np.zeros(len(mondays))
    for festival in FESTIVALS:
        for place, monday in enumerate(mondays):
            days = sum(_overlap(monday, a, b) * weight for a, b, weight in festival.spans)
            pull[place] += festival.strength * days / 7.0
            since = (monday - festival.end).days
            pull[place] -= 0.10 * festival.strength if 0 < since <= 14 else 0.0
    return np.round(pull, 4)


def holiday_factor(mondays: list[dt.date]) -> Floats:
    """Return what holidays make of each week's demand, 1 for none."""
    factor = np.ones(len(mondays))
    for _, first, last, effect in HOLIDAYS:
        for place, monday in enumerate(mondays):
            factor[place] += (effect - 1.0) * min(1.0, _overlap(monday, first, last) / 7.0)
    return np.round(factor, 4)


def season(months: tuple[float, ...], mondays: list[dt.date]) -> Floats:
    """Return a category's seasonal index of each week, between the middles of the months."""
    index = []
    for monday in mondays:
        thursday = monday + dt.timedelta(days=3)
        place = thursday.month - 1
        share = (thursday.day - 15) / 30.0
        other = (place + (1 if share > 0 else -1)) % 12
        index.append(months[place] * (1.0 - abs(share)) + months[other] * abs(share))
    return np.round(np.array(index), 4)
