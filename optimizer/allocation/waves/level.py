"""Level work: no hour fuller than it must be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.waves.line import Schedule, run_line
from optimizer.allocation.waves.problem import WORK, Floats, Ints, SiteWork
from optimizer.outcome import Limits

USUAL_FILL = 0.8  # of an hour's capacity; below it fewer waves do more good than level ones
HALVINGS = 7


@dataclass(frozen=True, slots=True)
class Levelled:
    """A schedule with a low peak.

    Attributes
    ----------
    peak : largest share of a slot's capacity that is picked; 0 without a limit
    peak_bound : no schedule with these departures has a lower peak
    runs : of the line
    """

    schedule: Schedule
    peak: float
    peak_bound: float
    runs: int


def level(work: SiteWork, chance: Ints, schedule: Schedule, limits: Limits) -> Levelled:
    """Lower the share of every hour that may be filled, as far as all still make their departure.

    Not below USUAL_FILL; between it and the full hour by halving the interval.

    Parameters
    ----------
    schedule : in which all make it with full hours
    """
    runs, best, low, high = 1, schedule, USUAL_FILL, 1.0
    tried = run_line(work, chance, USUAL_FILL)
    if makes_it(work, chance, tried):
        best, low = tried, high
    while low < high and runs <= HALVINGS and not limits.cancelled() and limits.remaining > 0.0:
        fill = 0.5 * (low + high)
        tried, runs = run_line(work, chance, fill), runs + 1
        if makes_it(work, chance, tried):
            best, high = tried, fill
        else:
            low = fill
    limited = np.isfinite(work.slots.pick) & (work.slots.pick > WORK)
    share = best.picked[limited] / work.slots.pick[limited]
    return Levelled(best, float(share.max(initial=0.0)), peak_bound(work, chance), runs)


def makes_it(work: SiteWork, chance: Ints, schedule: Schedule) -> bool:
    """Say whether every parcel is loaded by the departure that it is to make."""
    due = work.due_slot(chance)
    goes = due >= 0
    in_time = (schedule.load_to >= 0) & (schedule.load_to <= due)
    return bool(in_time[goes].all())


def peak_bound(work: SiteWork, chance: Ints) -> float:
    """Return the largest share of any stretch of slots that must be picked within it."""
    due = work.due_slot(chance)
    goes = due >= 0
    must = within(work.release[goes], due[goes], work.units[goes], len(work.slots))
    there = stretches(work.slots.pick)
    share = must / np.where(there > WORK, there, np.inf)
    return float(share.max(initial=0.0))


def within(release: Ints, due: Ints, work: Floats, n_slots: int) -> Floats:
    """Return the work that is released in or after slot s and due by slot t: (n_slots, n_slots)."""
    cells = np.zeros((n_slots, n_slots))
    inside = (release < n_slots) & (due >= 0)
    np.add.at(cells, (release[inside], due[inside]), work[inside])
    from_slot = np.cumsum(cells[::-1], axis=0)[::-1]
    result: Floats = np.cumsum(from_slot, axis=1)
    return result


def stretches(capacity: Floats) -> Floats:
    """Return what slots s to t together hold, (n_slots, n_slots); 0 where t is before s."""
    after = np.cumsum(np.where(np.isinf(capacity), 0.0, capacity))
    total = after[None, :] - np.concatenate([[0.0], after[:-1]])[:, None]
    endless = np.cumsum(np.isinf(capacity))
    any_endless = endless[None, :] - np.concatenate([[0], endless[:-1]])[:, None] > 0
    result: Floats = np.triu(np.where(any_endless, np.inf, total))
    return result
