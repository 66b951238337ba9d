"""Which parcels make which departure where not all can make their own."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.waves.line import Schedule, run_line
from optimizer.allocation.waves.problem import WORK, Bools, Floats, Ints, SiteWork
from optimizer.outcome import Limits

AMPLE = 1e7  # units or parcels of a slot without a limit
MOST_ROUNDS = 400
MOST_RETURNS = 24  # parcels that are tried on an earlier departure in the end


def first_chances(work: SiteWork) -> Ints:
    """Return the first departure that each parcel could make alone; `chances` where none is."""
    n = work.n_parcels
    earliest = alone(work)
    chance = np.full(n, work.departures.chances, np.int64)
    for at in range(work.departures.chances - 1, -1, -1):
        chance[earliest <= work.departures.last_slot[work.group, at]] = at
    return chance


def alone(work: SiteWork) -> Ints:
    """Return the slot in which each parcel would be loaded if it were alone; n_slots for never."""
    slots = work.slots
    n_slots = len(slots)
    picked = _filled(slots.pick)
    loaded = _filled(slots.dock)
    release = np.minimum(work.release, n_slots)
    ready = np.searchsorted(picked[1:], picked[release] + work.units - WORK)
    ready = np.maximum(ready, release)
    begin = np.minimum(ready, n_slots)
    done = np.searchsorted(loaded[1:], loaded[begin] + 1.0 - WORK)
    result: Ints = np.minimum(np.maximum(done, begin), n_slots)
    return result


def _filled(capacity: Floats) -> Floats:
    """Return capacity added up before each slot, (n_slots + 1,); no limit counts as very much."""
    return np.concatenate([[0.0], np.cumsum(np.where(np.isinf(capacity), AMPLE, capacity))])


def choose(
    work: SiteWork, start: Ints, worth: Floats | None, limits: Limits
) -> tuple[Ints, Schedule, int]:
    """Choose a departure for each parcel so that all make it, at little cost.

    Where the departures to start from do not fit, those parcels whose delay costs least per unit
    of what is short move on (after Moore 1968), until all fit; the dearest are then tried
    on an earlier departure once more.

    Parameters
    ----------
    start : (n_parcels,) int64, departures to try
    worth : (n_parcels,) float64, what a parcel's share of the hours is worth; None: not known

    Returns
    -------
    chance : (n_parcels,) int64
    schedule : in which every parcel makes its departure
    runs : of the line
    """
    chance = start
    schedule, runs = run_line(work, chance), 1
    while True:
        due = work.due_slot(chance)
        missed = (due >= 0) & ((schedule.load_to < 0) | (schedule.load_to > due))
        if not missed.any():
            break
        hurried = runs > MOST_ROUNDS or limits.cancelled() or limits.remaining <= 0.0
        back = (
            np.flatnonzero(missed)
            if hurried
            else _stand_back(work, chance, schedule, missed, worth)
        )
        chance = chance.copy()
        chance[back] = _next_chance(work, chance[back], back)
        schedule, runs = run_line(work, chance), runs + 1
    return _try_earlier(work, chance, schedule, runs, limits)


def _next_chance(work: SiteWork, chance: Ints, parcels: Ints) -> Ints:
    """Return the next departure that some slot makes."""
    result = chance + 1
    last = work.departures.last_slot[work.group[parcels]]
    for _ in range(work.departures.chances):
        known = np.minimum(result, work.departures.chances - 1)
        none = (result < work.departures.chances) & (last[np.arange(len(parcels)), known] < 0)
        result = result + none
    return result


def _stand_back(
    work: SiteWork, chance: Ints, schedule: Schedule, missed: Bools, worth: Floats | None
) -> Ints:
    """Return parcels to move on, so that those due at the first missed slot fit."""
    due = work.due_slot(chance)
    slot = int(due[missed].min())
    late = missed & (due == slot)
    unpicked = late & ((schedule.pick_to < 0) | (schedule.pick_to > slot))
    by_pick = bool(unpicked.any())
    if by_pick:
        weight = work.units
        used, full, at = schedule.picked, work.slots.pick, schedule.pick_to
        short = float(weight[unpicked].sum())
    else:
        weight = np.ones(work.n_parcels)
        used, full, at = schedule.loaded, work.slots.dock, schedule.load_to
        short = float(late.sum())
    idle = np.flatnonzero(used[: slot + 1] < full[: slot + 1] - WORK)
    begin = int(idle[-1]) + 1 if len(idle) else 0
    inside = (due >= 0) & (due <= slot) & (at >= begin) & (at <= slot)
    candidates = np.flatnonzero(inside | late)
    now = chance[candidates]
    later = _next_chance(work, now, candidates)
    extra = work.cost(later, candidates) - work.cost(now, candidates)
    per = weight if worth is None else np.maximum(worth, 1e-9)
    order = candidates[np.lexsort((candidates, extra / per[candidates]))]
    upto = np.cumsum(weight[order])
    count = int(np.searchsorted(upto, short - WORK)) + 1
    taken = order[:count]
    spare = float(weight[taken].sum()) - short
    keep = np.ones(len(taken), bool)
    for place in range(len(taken) - 1, -1, -1):  # the dearest that is not needed may stay
        if weight[taken[place]] <= spare + WORK and keep.sum() > 1:
            keep[place] = False
            spare -= float(weight[taken[place]])
    result: Ints = taken[keep]
    return result


def _try_earlier(
    work: SiteWork, chance: Ints, schedule: Schedule, runs: int, limits: Limits
) -> tuple[Ints, Schedule, int]:
    """Try the dearest late parcels one by one on the first departure that they could make."""
    first = first_chances(work)
    saved = work.cost(chance) - work.cost(first)
    late = np.flatnonzero(saved > 0.0)
    late = late[np.lexsort((late, -saved[late]))][:MOST_RETURNS]
    for parcel in late.tolist():
        if limits.cancelled() or limits.remaining <= 0.0:
            break
        tried = chance.copy()
        tried[parcel] = first[parcel]
        outcome, runs = run_line(work, tried), runs + 1
        due = work.due_slot(tried)
        if not ((due >= 0) & ((outcome.load_to < 0) | (outcome.load_to > due))).any():
            chance, schedule = tried, outcome
    return chance, schedule, runs
