"""Service of a reorder rule, averaged over the positions that it keeps after a review."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.policies.bands import renewals
from optimizer.replenishment.policies.intervals import Intervals
from optimizer.replenishment.policies.laws import DemandLaw, Flags, Floats, smallest_level
from optimizer.replenishment.policies.levels import cycle_shortage
from optimizer.replenishment.targets import MOST_SERVICE

SERVICE_CELLS = 32  # positions that a band is averaged over; up to here every unit counts
ROUGH_CELLS = 4  # positions that tell about where a target is reached
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


def positions(
    intervals: Intervals,
    rows: NDArray[np.intp],
    gap: Floats,
    even: Flags,
    most_cells: int = SERVICE_CELLS,
) -> Positions:
    """Return the positions of rules whose highest and lowest positions are gap - 1 apart.

    Parameters
    ----------
    rows : pairs
    gap : (len(rows),) units: S - s, Q, or 1
    even : (len(rows),) each position as often as another (r, Q); else as demand steps through
        them (s, S)
    most_cells : wider rules are taken in steps
    """
    step = np.maximum(np.ceil(gap / most_cells), 1.0)
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
    order = np.argsort(gap[rows], kind="stable")
    for at in range(0, len(rows), CHUNK):
        place = order[at : at + CHUNK]
        part = rows[place]
        law, lead = intervals.law.take(part), intervals.lead.take(part)
        allowed = (1.0 - np.minimum(fill_target[part], MOST_SERVICE)) * (law.mean - lead.mean)
        allowed = np.where(np.isnan(allowed), np.inf, allowed) + 1e-12 * np.maximum(law.mean, 1.0)
        empty = 1.0 - np.minimum(cycle_target[part], MOST_SERVICE)
        empty = np.where(np.isnan(empty), 1.0, empty) + 1e-12
        goal = _Goal(law, lead, allowed, empty)
        # a few positions find about where it is, all of them where exactly
        rough = positions(intervals, part, gap[part], even[part], ROUGH_CELLS)
        exact = positions(intervals, part, gap[part], even[part])
        top = goal.lowest_top(rough, law.mean)
        result[place] = goal.lowest_top(exact, top) if exact.below.shape[1] > 1 else top
    return result


@dataclass(frozen=True, slots=True)
class _Goal:
    """Units short and chance of a stockout that targets allow, (n,) each."""

    law: DemandLaw
    lead: DemandLaw
    allowed: Floats
    empty: Floats

    def lowest_top(self, taken: Positions, guess: Floats) -> Floats:
        """Return the lowest highest position that reaches the goal; none is held below 0."""
        lowest = taken.below.max(axis=1, initial=0.0, where=taken.share > 0.0)

        def reached(level: Floats, rows: NDArray[np.intp]) -> Flags:
            law, lead, share = self.law.take(rows), self.lead.take(rows), taken.share[rows]
            at = (level + lowest[rows])[:, None] - taken.below[rows]
            short = (cycle_shortage(law, lead, at) * share).sum(axis=1)
            enough: Flags = short <= self.allowed[rows]
            asked = enough & (self.empty[rows] < 1.0)
            if asked.any():
                out = (law.above(at) * share).sum(axis=1)
                enough &= out <= self.empty[rows]
            return enough

        top: Floats = smallest_level(reached, guess - lowest) + lowest
        return top
