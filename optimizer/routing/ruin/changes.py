"""Changes of a plan that can be taken back: strings out, stops in, another van, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.ruin.chance import below, uniform
from optimizer.routing.ruin.compiling import compiled, inlined
from optimizer.routing.ruin.facts import CHANGES, NONE, OUT, RETYPED, TOOK, TOUCHED, USED
from optimizer.routing.ruin.roads import metres_of

SPLIT = 0.5  # chance that a string leaves a stop in its middle where it is
LONGER_SPLIT = 0.01  # chance that it leaves one more


@inlined
def put_cell(book: Any, part: Any, index: Any, value: Any) -> None:
    """Write a number into a cell and remember the old one."""
    count = part.tally[CHANGES]
    part.where[count] = index
    part.what[count] = book.cells[index]
    part.tally[CHANGES] = count + 1
    book.cells[index] = value


@inlined
def follow(book: Any, part: Any, slot: Any, p: Any, x: Any) -> None:
    """Let x follow p; NONE for p is the front of the route."""
    n = book.following.shape[0]
    put_cell(book, part, 4 * n + slot if p == NONE else p, x)


@inlined
def precede(book: Any, part: Any, slot: Any, p: Any, x: Any) -> None:
    """Let p precede x; NONE for x is the end of the route."""
    n, m = book.following.shape[0], book.first.shape[0]
    put_cell(book, part, 4 * n + m + slot if x == NONE else n + x, p)


@inlined
def _carry(facts: Any, book: Any, part: Any, slot: Any, stop: Any, sign: Any) -> None:
    """Take room for a stop (-1), or give it back (+1)."""
    n, m, d = book.following.shape[0], book.first.shape[0], facts.load.shape[1]
    begin = d if facts.mixed and facts.backhaul[stop] else 0
    for k in range(d):
        left = book.left[begin + k, slot] + sign * facts.load[stop, k]
        put_cell(book, part, 4 * n + (4 + begin + k) * m + slot, left)


@inlined
def _extent(book: Any, part: Any, slot: Any, size: Any, metres: Any) -> None:
    """Write how many stops and metres a route has."""
    n, m = book.following.shape[0], book.first.shape[0]
    put_cell(book, part, 4 * n + 2 * m + slot, size)
    put_cell(book, part, 4 * n + 3 * m + slot, metres)


@inlined
def touch(part: Any, slot: Any) -> Any:
    """Add a slot to those that the step changes; False if it is one already."""
    for k in range(part.tally[TOUCHED]):
        if part.touched[k] == slot:
            return False
    part.touched[part.tally[TOUCHED]] = slot
    part.tally[TOUCHED] += 1
    return True


@compiled
def fill_free(facts: Any, book: Any, part: Any) -> None:
    """Put every unused slot on the stack of its type, and count the used ones."""
    for van in range(part.n_free.shape[0]):
        part.n_free[van] = 0
    part.tally[USED] = 0
    for k in range(part.slots.shape[0] - 1, -1, -1):
        slot = part.slots[k]
        if book.size[slot] == 0:
            release(facts, part, slot)
        else:
            part.tally[USED] += 1


@compiled
def measure(facts: Any, book: Any) -> None:
    """Recompute the metres of every route."""
    for slot in range(facts.type_of.shape[0]):
        van = facts.type_of[slot]
        at, metres = facts.start[van], np.int64(0)
        stop = book.first[slot]
        while stop != NONE:
            metres += metres_of(facts.roads, at, stop)
            at = stop
            stop = book.following[stop]
        if book.size[slot] > 0:
            book.metres[slot] = metres + metres_of(facts.roads, at, facts.end[van])


@inlined
def release(facts: Any, part: Any, slot: Any) -> None:
    """Put a slot back among the unused ones."""
    van = facts.type_of[slot]
    part.free[van, part.n_free[van]] = slot
    part.n_free[van] += 1


@inlined
def _string(book: Any, part: Any, stop: Any, length: Any) -> Any:
    """Return where a string of so many stops begins that holds a stop, drawn by chance."""
    back = below(part.state, length)
    begin = stop
    while back > 0 and book.previous[begin] != NONE:
        begin = book.previous[begin]
        back -= 1
    end, found = begin, 1
    while found < length and book.following[end] != NONE:
        end = book.following[end]
        found += 1
    while found < length:
        begin = book.previous[begin]
        found += 1
    return begin


@compiled
def take_out(facts: Any, book: Any, part: Any, stop: Any, longest: Any) -> None:
    """Take a string around a stop out of its route; its stops join those that are out."""
    slot, state = book.route[stop], part.state
    members = book.size[slot]
    length = min(1 + below(state, min(float(members), longest)), members)
    kept = 0
    if 1 < length < members and uniform(state) < SPLIT:
        kept = 1
        while length + kept < members and uniform(state) < LONGER_SPLIT:
            kept += 1
    begin = _string(book, part, stop, length + kept)
    keep_from = 1 + below(state, length - 1) if kept > 0 else length
    van, n = facts.type_of[slot], book.following.shape[0]
    linked = book.previous[begin]
    old_at = facts.start[van] if linked == NONE else linked
    new_at, change = old_at, 0
    stop = begin
    for k in range(length + kept):
        behind = book.following[stop]
        change -= metres_of(facts.roads, old_at, stop)
        old_at = stop
        if keep_from <= k < keep_from + kept:
            change += metres_of(facts.roads, new_at, stop)
            follow(book, part, slot, linked, stop)
            precede(book, part, slot, linked, stop)
            linked = new_at = stop
        else:
            put_cell(book, part, 2 * n + stop, NONE)
            _carry(facts, book, part, slot, stop, 1)
            part.out[part.tally[OUT]] = stop
            part.tally[OUT] += 1
        stop = behind
    arrive = facts.end[van] if stop == NONE else stop
    change += metres_of(facts.roads, new_at, arrive) - metres_of(facts.roads, old_at, arrive)
    follow(book, part, slot, linked, stop)
    precede(book, part, slot, linked, stop)
    if members == length:
        _extent(book, part, slot, 0, 0)
        release(facts, part, slot)
        part.tally[USED] -= 1
    else:
        _extent(book, part, slot, members - length, book.metres[slot] + change)


@compiled
def put_in(facts: Any, book: Any, part: Any, stop: Any, window: Any, p: Any, slot: Any) -> None:
    """Put a stop behind p, NONE for the front of a route or for a van that is not used yet."""
    van, n = facts.type_of[slot], book.following.shape[0]
    if book.size[slot] == 0:
        part.n_free[van] -= 1
        part.tally[USED] += 1
    x = book.first[slot] if p == NONE else book.following[p]
    a = facts.start[van] if p == NONE else p
    b = facts.end[van] if x == NONE else x
    change = metres_of(facts.roads, a, stop) + metres_of(facts.roads, stop, b)
    if book.size[slot] > 0:
        change -= metres_of(facts.roads, a, b)
    put_cell(book, part, stop, x)
    put_cell(book, part, n + stop, p)
    put_cell(book, part, 2 * n + stop, slot)
    put_cell(book, part, 3 * n + stop, window)
    follow(book, part, slot, p, stop)
    precede(book, part, slot, stop, x)
    _carry(facts, book, part, slot, stop, -1)
    _extent(book, part, slot, book.size[slot] + 1, book.metres[slot] + change)


@inlined
def route_cost(facts: Any, book: Any, slot: Any) -> Any:
    """Return the scaled money of a used van."""
    van = facts.type_of[slot]
    cost = facts.fixed[van] + facts.per_metre[van] * book.metres[slot]
    if facts.per_second[van] > 0:
        cost += facts.per_second[van] * book.whole[slot, TOOK]
    return cost


@inlined
def load_from(facts: Any, book: Any, stop: Any, k: Any, back: Any) -> Any:
    """Return what is delivered from a stop on to the end of its route, or what is fetched."""
    total = 0
    while stop != NONE:
        if not facts.mixed or facts.backhaul[stop] == back:
            total += facts.load[stop, k]
        stop = book.following[stop]
    return total


@compiled
def recount(facts: Any, book: Any, part: Any, slot: Any) -> Any:
    """Write the stops, metres and room left of a route; False if a rule but time is not kept."""
    van, stop, size, kept = facts.type_of[slot], book.first[slot], 0, True
    metres = np.int64(0)
    at = facts.start[van]
    while stop != NONE:
        metres += metres_of(facts.roads, at, stop)
        size += 1
        kept &= not facts.choosy or facts.allowed[stop, van]
        at = stop
        stop = book.following[stop]
    if size > 0:
        metres += metres_of(facts.roads, at, facts.end[van])
    _extent(book, part, slot, size, metres)
    n, m, d = book.following.shape[0], book.first.shape[0], facts.load.shape[1]
    for k in range(2 * d if facts.mixed else d):
        left = facts.room[van, k % d] - load_from(facts, book, book.first[slot], k % d, k >= d)
        put_cell(book, part, 4 * n + (4 + k) * m + slot, left)
        kept &= left >= 0
    return kept and size <= facts.most_stops[van] and metres <= facts.longest_m[van]


@inlined
def _can_drive(facts: Any, book: Any, slot: Any, van: Any) -> Any:
    """Say whether a van of another type could drive a route, and the change in metres."""
    old, d = facts.type_of[slot], facts.load.shape[1]
    fits = book.size[slot] <= facts.most_stops[van]
    for k in range(2 * d if facts.mixed else d):
        fits &= book.left[k, slot] + facts.room[van, k % d] - facts.room[old, k % d] >= 0
    begin, end = book.first[slot], book.last[slot]
    change = metres_of(facts.roads, facts.start[van], begin) - metres_of(
        facts.roads, facts.start[old], begin
    )
    change += metres_of(facts.roads, end, facts.end[van]) - metres_of(
        facts.roads, end, facts.end[old]
    )
    fits &= book.metres[slot] + change <= facts.longest_m[van]
    if facts.choosy and fits:
        stop = begin
        while stop != NONE:
            fits &= facts.allowed[stop, van]
            stop = book.following[stop]
    return fits, change


@compiled
def change_van(facts: Any, book: Any, part: Any, slot: Any) -> Any:
    """Move a route to an unused van of another type, drawn by chance, if that keeps its rules.

    Returns
    -------
    slot : the new one; NONE where nothing was changed
    """
    van = below(part.state, facts.start.shape[0])
    old = facts.type_of[slot]
    if van == old or part.n_free[van] == 0:
        return NONE
    fits, change = _can_drive(facts, book, slot, van)
    if not fits:
        return NONE
    n, m, d = book.following.shape[0], book.first.shape[0], facts.load.shape[1]
    part.n_free[van] -= 1
    new = part.free[van, part.n_free[van]]
    stop = book.first[slot]
    while stop != NONE:
        put_cell(book, part, 2 * n + stop, new)
        stop = book.following[stop]
    follow(book, part, new, NONE, book.first[slot])
    precede(book, part, new, book.last[slot], NONE)
    _extent(book, part, new, book.size[slot], book.metres[slot] + change)
    for k in range(2 * d if facts.mixed else d):
        more = facts.room[van, k % d] - facts.room[old, k % d]
        put_cell(book, part, 4 * n + (4 + k) * m + new, book.left[k, slot] + more)
        put_cell(book, part, 4 * n + (4 + k) * m + slot, facts.room[old, k % d])
    follow(book, part, slot, NONE, NONE)
    precede(book, part, slot, NONE, NONE)
    _extent(book, part, slot, 0, 0)
    release(facts, part, slot)
    part.tally[RETYPED] = 1
    return new
