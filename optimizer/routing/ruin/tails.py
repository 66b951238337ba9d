"""Two routes exchange their ends, or one is cut in two, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.ruin.chance import below, bits
from optimizer.routing.ruin.changes import (
    follow,
    load_from,
    precede,
    put_cell,
    recount,
    release,
    route_cost,
    touch,
)
from optimizer.routing.ruin.clock import refresh
from optimizer.routing.ruin.compiling import compiled, inlined
from optimizer.routing.ruin.facts import BEHIND, BROKEN, COST, EARLY, INTO, LATE, NONE, TOOK, USED
from optimizer.routing.ruin.places import BLINK
from optimizer.routing.ruin.roads import metres_of, seconds_of

PARTNERS = 20  # near stops in other routes that are looked at


@compiled
def swap_tails(facts: Any, book: Any, part: Any) -> Any:
    """Let a stop drawn by chance be followed by the end of another route, and the reverse.

    The cheapest such exchange with the routes of stops near it, or with a van that is not used
    yet, is made.

    Returns
    -------
    change : scaled money; BROKEN where there is none or where a rule would not be kept
    """
    i = part.stops[below(part.state, part.stops.shape[0])]
    slot = book.route[i]
    if slot == NONE:
        return BROKEN
    part.place[COST], part.place[INTO] = BROKEN, NONE
    _look_near(facts, book, part, i, slot)
    _look_unused(facts, book, part, i, slot)
    partner, other = part.place[BEHIND], part.place[INTO]
    if other == NONE:
        return BROKEN
    change = -route_cost(facts, book, slot)
    if partner == NONE:
        part.n_free[facts.type_of[other]] -= 1
        part.tally[USED] += 1
    else:
        change -= route_cost(facts, book, other)
    touch(part, slot)
    touch(part, other)
    _exchange(book, part, i, slot, partner, other)
    kept = recount(facts, book, part, slot) and recount(facts, book, part, other)
    if book.size[other] == 0:
        release(facts, part, other)
        part.tally[USED] -= 1
    elif kept and facts.timed:
        kept = refresh(facts, book, other)
    if kept and facts.timed:
        kept = refresh(facts, book, slot)
    if not kept:
        return BROKEN
    if book.size[other] > 0:
        change += route_cost(facts, book, other)
    return change + route_cost(facts, book, slot)


@inlined
def _note(part: Any, cost: Any, partner: Any, slot: Any) -> None:
    part.place[COST], part.place[BEHIND], part.place[INTO] = cost, partner, slot


@inlined
def _look_near(facts: Any, book: Any, part: Any, i: Any, slot: Any) -> None:
    """Note the stop near a stop that is its cheapest successor, and the slot of its route."""
    tried = 0
    for t in range(facts.near.shape[1]):
        b = np.int64(facts.near[i, t])
        other = book.route[b]
        if not part.mine[b] or other in (NONE, slot):
            continue
        tried += 1
        if tried > PARTNERS:
            break
        cost = _cost(facts, book, i, slot, b, other)
        if cost >= part.place[COST] or not bits(part.state) & BLINK:
            continue
        if _on_time(facts, book, i, b) and _have_room(facts, book, i, slot, b, other):
            _note(part, cost, b, other)


@inlined
def _look_unused(facts: Any, book: Any, part: Any, i: Any, slot: Any) -> None:
    """Note an unused van if it costs less to send it to what follows a stop."""
    for kind in range(facts.start.shape[0]):
        if part.n_free[kind] == 0 or book.following[i] == NONE:
            continue
        free = part.free[kind, part.n_free[kind] - 1]
        cost = _cost(facts, book, i, slot, NONE, free) + facts.fixed[kind]
        if cost < part.place[COST] and _have_room(facts, book, i, slot, NONE, free):
            _note(part, cost, NONE, free)


@compiled
def _cost(facts: Any, book: Any, i: Any, slot: Any, b: Any, other: Any) -> Any:
    """Return what the new arcs cost more than the old ones; other prices of a type aside."""
    van, kind, x = facts.type_of[slot], facts.type_of[other], book.following[i]
    roads = facts.roads
    end, far_end = facts.end[van], facts.end[kind]
    p = NONE if b == NONE else book.previous[b]
    before = facts.start[kind] if p == NONE else p
    own = metres_of(roads, i, end if b == NONE else b) - metres_of(
        roads, i, end if x == NONE else x
    )
    others = 0
    if p >= 0 or x >= 0:
        others += metres_of(roads, before, far_end if x == NONE else x)
    if b != NONE:
        others -= metres_of(roads, before, b)
        own += metres_of(roads, book.last[other], end)
        others -= metres_of(roads, book.last[other], far_end)
    if x != NONE:
        own -= metres_of(roads, book.last[slot], end)
        others += metres_of(roads, book.last[slot], far_end)
    cost = facts.per_metre[van] * own + facts.per_metre[kind] * others
    if p < 0 and x < 0:
        cost -= facts.fixed[kind]
    return cost


@compiled
def _on_time(facts: Any, book: Any, i: Any, b: Any) -> Any:
    """Say whether both new arcs keep the windows; types of van and their shifts aside."""
    fits = True
    if facts.timed:
        roads, profile = facts.roads, facts.profile[facts.type_of[book.route[i]]]
        p, x = book.previous[b], book.following[i]
        before, after = book.before, book.after
        fits = (
            before[i, EARLY] + before[i, TOOK] + seconds_of(roads, profile, i, b) <= after[b, LATE]
        )
        if p >= 0 and x >= 0:
            fits &= (
                before[p, EARLY] + before[p, TOOK] + seconds_of(roads, profile, p, x)
                <= after[x, LATE]
            )
    return fits


@compiled
def _have_room(facts: Any, book: Any, i: Any, slot: Any, b: Any, other: Any) -> Any:
    """Say whether both vans have room for what they would carry, and fetch after delivering."""
    x, d = book.following[i], facts.load.shape[1]
    fits = True
    if facts.mixed:
        p = NONE if b == NONE else book.previous[b]
        fits &= b == NONE or facts.backhaul[b] or not facts.backhaul[i]
        fits &= x < 0 or p < 0 or facts.backhaul[x] or not facts.backhaul[p]
    for k in range(2 * d if facts.mixed else d):
        if fits:
            own = load_from(facts, book, x, k % d, k >= d)
            others = load_from(facts, book, b, k % d, k >= d)
            fits &= others - own <= book.left[k, slot] and own - others <= book.left[k, other]
    return fits


@inlined
def _exchange(book: Any, part: Any, i: Any, slot: Any, b: Any, other: Any) -> None:
    """Link the stops anew and hand them to their new vans."""
    n, x = book.following.shape[0], book.following[i]
    p = NONE if b == NONE else book.previous[b]
    last, far_last = book.last[slot], book.last[other]
    follow(book, part, slot, i, b)
    precede(book, part, slot, i, b)
    follow(book, part, other, p, x)
    precede(book, part, other, p, x)
    if b != NONE:
        precede(book, part, slot, far_last, NONE)
    if x != NONE:
        precede(book, part, other, last, NONE)
    stop = b
    while stop != NONE:
        put_cell(book, part, 2 * n + stop, slot)
        stop = book.following[stop]
    stop = x
    while stop != NONE:
        put_cell(book, part, 2 * n + stop, other)
        stop = book.following[stop]
