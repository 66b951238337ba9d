"""Where a stop costs least among the places that are looked at, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import uint64

from optimizer.routing.ruin.chance import bits
from optimizer.routing.ruin.clock import duration_with
from optimizer.routing.ruin.compiling import inlined
from optimizer.routing.ruin.facts import AT_WINDOW, BEHIND, COST, INTO, NONE, TOOK
from optimizer.routing.ruin.roads import metres_of

MOST_TRIED = 20  # stops with room in their routes beside which a stop is tried
BLINK, OTHER_BLINK = uint64(127), uint64(127 << 7)  # all zero: the place is overlooked
FAR_AWAY = 1 << 60


@inlined
def _note(part: Any, cost: Any, window: Any, p: Any, slot: Any) -> None:
    part.place[COST] = cost
    part.place[AT_WINDOW] = window
    part.place[BEHIND] = p
    part.place[INTO] = slot


@inlined
def _try(
    facts: Any, book: Any, part: Any, stop: Any, p: Any, x: Any, slot: Any, van: Any, more_m: Any
) -> None:
    """Note a place between two stops of a route if its rules hold there and it costs less."""
    if facts.mixed:
        back = facts.backhaul[stop]
        if back and x != NONE and not facts.backhaul[x]:
            return
        if not back and p != NONE and facts.backhaul[p]:
            return
    if book.metres[slot] + more_m > facts.longest_m[van]:
        return
    least = facts.per_metre[van] * more_m
    if not facts.timed:
        _note(part, least, facts.window_at[stop], p, slot)
        return
    for window in range(facts.window_at[stop], facts.window_at[stop + 1]):
        took = duration_with(facts, book, stop, window, p, x, slot, van)
        asked = least + facts.per_second[van] * (took - book.whole[slot, TOOK])
        if took >= 0 and asked < part.place[COST]:
            _note(part, asked, window, p, slot)


@inlined
def _has_room(facts: Any, book: Any, stop: Any, slot: Any, side: Any) -> Any:
    fits = True
    for k in range(facts.load.shape[1]):
        fits &= facts.load[stop, k] <= book.left[side + k, slot]
    return fits


@inlined
def _may(facts: Any, stop: Any, van: Any) -> Any:
    return not facts.choosy or facts.allowed[stop, van]


@inlined
def find_place(facts: Any, book: Any, part: Any, stop: Any) -> None:
    """Write the place where a stop costs least into `part.place`.

    Scaled money, window, the stop before it (NONE at the front), slot; FAR_AWAY without a place.
    """
    _note(part, FAR_AWAY, 0, NONE, NONE)
    roads, near, following, previous = facts.roads, facts.near, book.following, book.previous
    route, mine = book.route, part.mine
    side = facts.load.shape[1] if facts.mixed and facts.backhaul[stop] else 0
    tried = 0
    for t in range(near.shape[1]):
        other = np.int64(near[stop, t])
        if not mine[other] or route[other] == NONE:
            continue
        slot = route[other]
        if not _has_room(facts, book, stop, slot, side):
            continue
        van = facts.type_of[slot]
        if book.size[slot] >= facts.most_stops[van] or not _may(facts, stop, van):
            continue
        tried += 1
        if tried > MOST_TRIED:
            break
        seen = bits(part.state)
        price, by_time = facts.per_metre[van], facts.per_second[van] > 0
        x = following[other]
        b = facts.end[van] if x == NONE else x
        more_m = (
            metres_of(roads, other, stop) + metres_of(roads, stop, b) - metres_of(roads, other, b)
        )
        if seen & BLINK and (by_time or price * more_m < part.place[COST]):
            _try(facts, book, part, stop, other, x, slot, van, more_m)
        p = previous[other]
        a = facts.start[van] if p == NONE else p
        more_m = (
            metres_of(roads, a, stop) + metres_of(roads, stop, other) - metres_of(roads, a, other)
        )
        if seen & OTHER_BLINK and (by_time or price * more_m < part.place[COST]):
            _try(facts, book, part, stop, p, other, slot, van, more_m)
    _try_unused(facts, book, part, stop)


@inlined
def _try_unused(facts: Any, book: Any, part: Any, stop: Any) -> None:
    """Note an unused van if it costs less to send it to the stop alone."""
    for van in range(facts.start.shape[0]):
        if part.n_free[van] == 0 or not _may(facts, stop, van):
            continue
        fits = True
        for k in range(facts.load.shape[1]):
            fits &= facts.load[stop, k] <= facts.room[van, k]
        metres = metres_of(facts.roads, facts.start[van], stop) + metres_of(
            facts.roads, stop, facts.end[van]
        )
        least = facts.fixed[van] + facts.per_metre[van] * metres
        if not fits or metres > facts.longest_m[van] or least >= part.place[COST]:
            continue
        slot = part.free[van, part.n_free[van] - 1]
        if not facts.timed:
            _note(part, least, facts.window_at[stop], NONE, slot)
            continue
        for window in range(facts.window_at[stop], facts.window_at[stop + 1]):
            took = duration_with(facts, book, stop, window, NONE, NONE, NONE, van)
            if took >= 0 and least + facts.per_second[van] * took < part.place[COST]:
                _note(part, least + facts.per_second[van] * took, window, NONE, slot)
