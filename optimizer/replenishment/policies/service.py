"""Service of a reorder rule, averaged over the positions that it keeps after a review."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.policies.bands import renewals
from optimizer.replenishment.policies.intervals import Intervals
from optimizer.replenishment.policies.laws import Flags, Floats, smallest_level
from optimizer.replenishment.policies.levels import cycle_shortage
from optimizer.replenishment.targets import MOST_SERVICE

SERVICE_CELLS = 32  # positions that a band is averaged over; up to here every unit counts
CHUNK = 50_000  # pairs at once


@dataclass(frozen=True, slots=True)
class Positions:
    """Positions after a review, under the highest one, and how often each is taken.

    Attributes
    ----------
    below : (n, k) units under the highest position
    share : (n, k), rows add up to 1
    """

    below: Floats
    share: Floats


def positions(intervals: Intervals, rows: NDArray[np.intp], gap: Floats, even: Flags) -> Positions:
    """Return the positions of rules whose highest and lowest positions are gap - 1 apart.

    Parameters
    ----------
    rows : pairs
    gap : (len(rows),) units: S - s, Q, or 1
    even : (len(rows),) each position as often as another (r, Q); else as demand steps through
        them (s, S)
    """
    step = np.maximum(np.ceil(gap / SERVICE_CELLS), 1.0)
    cells = np.maximum(np.ceil(gap / step), 1.0)
    width = int(cells.max(initial=1.0))
    place = np.arange(width, dtype=np.float64)
    period = intervals.period.take(rows)
    share = np.ones((len(rows), width))
    stepped = np.flatnonzero(~even & (cells > 1.0) & (period.mean > 0.0))
    if len(stepped):
        share[stepped] = renewals(period.take(stepped), step[stepped], width)
    share = np.where(place < cells[:, None], share, 0.0)
    below: Floats = place * step[:, None]
    return Positions(below, share / share.sum(axis=1, keepdims=True))


@dataclass(frozen=True, slots=True)
class Service:
    """Cycle service and fill rate of each pair, (n,); NaN fill rate without demand."""

    cycle: Floats
    fill: Floats


def service(intervals: Intervals, top: Floats, gap: Floats, even: Flags) -> Service:
    """Return the service of rules that keep positions top - gap + 1 .. top."""
    count = len(top)
    cycle, fill = np.empty(count), np.full(count, np.nan)
    order = np.argsort(gap, kind="stable")  # narrow rules share batches of few columns
    for at in range(0, count, CHUNK):
        rows = order[at : at + CHUNK]
        taken = positions(intervals, rows, gap[rows], even[rows])
        law, lead = intervals.law.take(rows), intervals.lead.take(rows)
        level = top[rows][:, None] - taken.below
        cycle[rows] = 1.0 - (law.above(level) * taken.share).sum(axis=1)
        short = (cycle_shortage(law, lead, level) * taken.share).sum(axis=1)
        demand = law.mean - lead.mean
        rate = np.full(len(rows), np.nan)
        np.divide(demand - short, demand, out=rate, where=demand > 0.0)
        fill[rows] = rate
    return Service(np.clip(cycle, 0.0, 1.0), np.clip(fill, 0.0, 1.0))


def lowest_top(
    intervals: Intervals,
    gap: Floats,
    even: Flags,
    fill_target: Floats,
    cycle_target: Floats,
    rows: NDArray[np.intp],
) -> Floats:
    """Return the lowest highest position at which the targets are reached, (len(rows),) units.

    Parameters
    ----------
    gap, even, fill_target, cycle_target : (n,) by pair; NaN: no such target
    """
    result = np.empty(len(rows))
    for at in range(0, len(rows), CHUNK):
        part = rows[at : at + CHUNK]
        taken = positions(intervals, part, gap[part], even[part])
        law, lead = intervals.law.take(part), intervals.lead.take(part)
        allowed = (1.0 - np.minimum(fill_target[part], MOST_SERVICE)) * (law.mean - lead.mean)
        allowed = np.where(np.isnan(allowed), np.inf, allowed) + 1e-12 * np.maximum(law.mean, 1.0)
        empty = 1.0 - np.minimum(cycle_target[part], MOST_SERVICE)
        empty = np.where(np.isnan(empty), 1.0, empty) + 1e-12
        lowest = taken.below.max(axis=1, initial=0.0, where=taken.share > 0.0)

        def reached(
            level: Floats,
            some: NDArray[np.intp],
            taken: Positions = taken,
            lowest: Floats = lowest,
            allowed: Floats = allowed,
            empty: Floats = empty,
            part: NDArray[np.intp] = part,
        ) -> Flags:
            law, lead = intervals.law.take(part[some]), intervals.lead.take(part[some])
            share = taken.share[some]
            at = (level + lowest[some])[:, None] - taken.below[some]
            short = (cycle_shortage(law, lead, at) * share).sum(axis=1)
            out = (law.above(at) * share).sum(axis=1)
            enough: Flags = (short <= allowed[some]) & (out <= empty[some])
            return enough

        guess = law.mean - 0.5 * lowest
        result[at : at + CHUNK] = smallest_level(reached, guess) + lowest
    return result
