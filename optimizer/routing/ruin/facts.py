"""What the compiled search reads and writes, as tuples of arrays.

n stops come first among the nodes, then the places of depots. A slot is a van, used or not; it
keeps one trip. NONE stands for no stop and no slot.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.ruin.roads import Roads

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NONE = -1
BROKEN = 1 << 60  # change in money of a step that broke a rule
OUT, TOUCHED, CHANGES, USED, RETYPED = range(5)  # places in `Part.tally`
COST, AT_WINDOW, BEHIND, INTO = range(4)  # places in `Part.place`
TOOK, EARLY, LATE, RELEASED = range(4)  # columns of times, seconds


class Facts(NamedTuple):
    """The rules and prices.

    Attributes
    ----------
    roads : how far the nodes are from each other
    near : (n, w) int32, other stops from the nearest in space and time on
    load : (n, d) int64, whole units
    backhaul : (n,) bool; fetched after the last delivery
    service, release, loss : (n,) int64, seconds, seconds, scaled money
    window_at : (n + 1,) int64, where the windows of a stop begin among all
    opens, closes : (windows,) int64, seconds
    allowed : (n, types) bool
    start, end, profile : (types,) int64; nodes, whose seconds
    room : (types, d) int64
    per_metre, per_second, fixed : (types,) int64, scaled money
    longest_m, longest_s, most_stops : (types,) int64, per route
    shift_opens, shift_closes, latest_start : (types,) int64, seconds
    type_of : (slots,) int64
    timed, mixed, choosy, typed : whether there are rules of time, backhauls, stops that not every
        type may serve, several types
    """

    roads: Roads
    near: NDArray[np.int32]
    load: Ints
    backhaul: Flags
    service: Ints
    release: Ints
    loss: Ints
    window_at: Ints
    opens: Ints
    closes: Ints
    allowed: Flags
    start: Ints
    end: Ints
    profile: Ints
    room: Ints
    per_metre: Ints
    per_second: Ints
    fixed: Ints
    longest_m: Ints
    longest_s: Ints
    most_stops: Ints
    shift_opens: Ints
    shift_closes: Ints
    latest_start: Ints
    type_of: Ints
    timed: bool
    mixed: bool
    choosy: bool
    typed: bool


class Book(NamedTuple):
    """A plan: what a step changes and can take back, and the times that follow from it.

    Attributes
    ----------
    cells : all of what can be taken back, in one array; the next nine are views of it, in order
    following, previous : (n,) int64, stops
    route : (n,) int64, slot
    window : (n,) int64, the window in which the stop is served
    first, last : (slots,) int64, stops
    size, metres : (slots,) int64
    left : (2 d, slots) int64, room left for deliveries, then for backhauls
    before, after : (n, 3) int64, seconds: duration, earliest and latest start of the part of the
        route up to the stop, and from it on
    whole : (slots, 4) int64, the same of the route; the latest release on it
    """

    cells: Ints
    following: Ints
    previous: Ints
    route: Ints
    window: Ints
    first: Ints
    last: Ints
    size: Ints
    metres: Ints
    left: Ints
    before: Ints
    after: Ints
    whole: Ints


class Part(NamedTuple):
    """What a run may touch, what it keeps at the end, and its scratch paper.

    Attributes
    ----------
    stops : (k,) int64
    mine : (n,) bool, the same
    slots : (s,) int64
    missing : (l,) int64, its stops on no route that must be served
    state : (1,) uint64, random numbers
    best_following, best_first : (n,), (slots,) int64, the best plan of the run; only its own
        stops and slots are written; NONE for the first stop of an unused slot
    free : (types, s) int64, unused slots of each type, as a stack; n_free, free_before : (types,)
    where, what : cells that the step changed, and what stood there
    out, key : stops taken out, in what order they come back
    touched : slots that the step changed
    tally, place : (5,), (4,) int64
    """

    stops: Ints
    mine: Flags
    slots: Ints
    missing: Ints
    state: NDArray[np.uint64]
    best_following: Ints
    best_first: Ints
    free: Ints
    n_free: Ints
    free_before: Ints
    where: Ints
    what: Ints
    out: Ints
    key: NDArray[np.float64]
    touched: Ints
    tally: Ints
    place: Ints


def empty_book(facts: Facts) -> Book:
    """Return a plan without routes."""
    n, d = facts.load.shape
    m = len(facts.type_of)
    cells = np.full(4 * n + (4 + 2 * d) * m, NONE, np.int64)
    by_stop = cells[: 4 * n].reshape(4, n)
    by_slot = cells[4 * n :].reshape(4 + 2 * d, m)
    by_stop[3] = facts.window_at[:-1]
    by_slot[2:4] = 0
    by_slot[4 : 4 + d] = by_slot[4 + d :] = facts.room[facts.type_of].T
    times = np.zeros((2, n, 3), np.int64)
    return Book(
        cells,
        *(by_stop[0], by_stop[1], by_stop[2], by_stop[3]),
        *(by_slot[0], by_slot[1], by_slot[2], by_slot[3]),
        by_slot[4:],
        *(times[0], times[1]),
        np.zeros((m, 4), np.int64),
    )


def make_part(facts: Facts, mine: Flags, slots: Ints, missing: Flags, state: int) -> Part:
    """Return a part of a plan with clean paper."""
    n, m, types = len(facts.service), len(facts.type_of), len(facts.start)
    d = facts.load.shape[1]
    return Part(
        stops=np.flatnonzero(mine),
        mine=mine,
        slots=slots,
        missing=np.flatnonzero(mine & missing),
        state=np.array([state], np.uint64),
        best_following=np.full(n, NONE, np.int64),
        best_first=np.full(m, NONE, np.int64),
        free=np.zeros((types, len(slots) + 1), np.int64),
        n_free=np.zeros(types, np.int64),
        free_before=np.zeros(types, np.int64),
        where=np.zeros((24 + 4 * d) * (n + 8), np.int64),
        what=np.zeros((24 + 4 * d) * (n + 8), np.int64),
        out=np.zeros(n + 1, np.int64),
        key=np.zeros(n + 1),
        touched=np.zeros(m + n + 1, np.int64),
        tally=np.zeros(5, np.int64),
        place=np.zeros(4, np.int64),
    )
