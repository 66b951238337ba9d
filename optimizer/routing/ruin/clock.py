"""When a route can start and how long it takes, part by part, compiled.

A part of a route is told by its duration and its earliest and latest start at that duration; two
parts make one in a few steps. No part ever breaks a window.

Source: Vidal, Crainic, Gendreau and Prins (2013), A hybrid genetic algorithm with adaptive
diversity management for vehicle routing problems with time windows, Computers and Operations
Research 40(1), 475-489.
"""

from __future__ import annotations

from typing import Any

from optimizer.routing.ruin.compiling import compiled, inlined
from optimizer.routing.ruin.facts import EARLY, LATE, NONE, RELEASED, TOOK
from optimizer.routing.ruin.roads import seconds_of


@compiled
def refresh(facts: Any, book: Any, slot: Any) -> Any:
    """Recompute the times of a route; False if a window, the shift or its length is not kept."""
    van = facts.type_of[slot]
    roads, profile = facts.roads, facts.profile[van]
    at = facts.start[van]
    took, early, late = 0, facts.shift_opens[van], facts.latest_start[van]
    released = 0
    stop = book.first[slot]
    while stop != NONE:
        gone = took + seconds_of(roads, profile, at, stop)
        opens, closes = facts.opens[book.window[stop]], facts.closes[book.window[stop]]
        if early + gone > closes:
            return False
        wait = max(opens - gone - late, 0)
        took = gone + facts.service[stop] + wait
        early = max(opens - gone, early) - wait
        late = min(closes - gone, late)
        book.before[stop, TOOK] = took
        book.before[stop, EARLY] = early
        book.before[stop, LATE] = late
        released = max(released, facts.release[stop])
        at = stop
        stop = book.following[stop]
    took += seconds_of(roads, profile, at, facts.end[van])
    if early + took > facts.shift_closes[van]:
        return False
    late = min(facts.shift_closes[van] - took, late)
    book.whole[slot, TOOK] = took
    book.whole[slot, EARLY] = early
    book.whole[slot, LATE] = late
    book.whole[slot, RELEASED] = released
    return took <= facts.longest_s[van] and released <= late and _from_behind(facts, book, slot)


@compiled
def _from_behind(facts: Any, book: Any, slot: Any) -> Any:
    """Recompute the times from each stop of a route to its end."""
    van = facts.type_of[slot]
    roads, profile = facts.roads, facts.profile[van]
    at = facts.end[van]
    took, early, late = 0, facts.shift_opens[van], facts.shift_closes[van]
    stop = book.last[slot]
    while stop != NONE:
        gone = facts.service[stop] + seconds_of(roads, profile, stop, at)
        opens, closes = facts.opens[book.window[stop]], facts.closes[book.window[stop]]
        if opens + gone > late:
            return False
        wait = max(early - gone - closes, 0)
        early = max(early - gone, opens) - wait
        late = min(late - gone, closes)
        took += gone + wait
        book.after[stop, TOOK] = took
        book.after[stop, EARLY] = early
        book.after[stop, LATE] = late
        at = stop
        stop = book.previous[stop]
    return True


@compiled
def refresh_all(facts: Any, book: Any) -> Any:
    """Recompute the times of every route; False if one is not kept."""
    kept = True
    for slot in range(facts.type_of.shape[0]):
        if book.size[slot] > 0:
            kept &= refresh(facts, book, slot)
    return kept


@inlined
def duration_with(
    facts: Any, book: Any, stop: Any, window: Any, p: Any, x: Any, slot: Any, van: Any
) -> Any:
    """Return the seconds of a route with a stop between p and x; NONE if it cannot be.

    Parameters
    ----------
    slot : NONE for a van that is not used yet
    """
    roads, profile = facts.roads, facts.profile[van]
    if p == NONE:
        early, late = facts.shift_opens[van], facts.latest_start[van]
        gone = 0 + seconds_of(roads, profile, facts.start[van], stop)
    else:
        early, late = book.before[p, EARLY], book.before[p, LATE]
        gone = book.before[p, TOOK] + seconds_of(roads, profile, p, stop)
    opens, closes = facts.opens[window], facts.closes[window]
    if early + gone > closes:
        return NONE
    wait = max(opens - gone - late, 0)
    took = gone + facts.service[stop] + wait
    early = max(opens - gone, early) - wait
    late = min(closes - gone, late)
    if x == NONE:
        gone = took + seconds_of(roads, profile, stop, facts.end[van])
        then, opens, closes = 0, facts.shift_opens[van], facts.shift_closes[van]
    else:
        gone = took + seconds_of(roads, profile, stop, x)
        then, opens, closes = book.after[x, TOOK], book.after[x, EARLY], book.after[x, LATE]
    if early + gone > closes:
        return NONE
    wait = max(opens - gone - late, 0)
    took = gone + then + wait
    released = facts.release[stop]
    if slot != NONE:
        released = max(released, book.whole[slot, RELEASED])
    if took > facts.longest_s[van] or released > min(closes - gone, late):
        return NONE
    return took
