"""Cools a plan down, its parts side by side, and keeps the best that was seen."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from optimizer.outcome import Limits
from optimizer.routing.ruin.anneal import anneal
from optimizer.routing.ruin.facts import NONE, TOOK, Book, Ints, Part, make_part
from optimizer.routing.ruin.layout import Layout

HOT, COLD = 2.0, 0.01  # how much dearer a plan may become, in hops, at the start and the end
LARGE = 2_000  # stops; above, plans of long routes begin hotter
LARGE_HOT = 0.13  # hops for each stop of a mean route
PARTS = 2  # of a plan at least, searched side by side
LARGEST_PART = 6_000  # stops, about: what a core keeps close to it
SMALLEST_PART = 50  # stops
STEPS = 10_000  # of each part between two cuts, at most
CUTS = 40  # so many cuts at least
HURRY = 0.5  # share of the time limit from which it cools a search that also has a work limit
FIRST_STEPS = 500  # of each part before the first cut where time is limited
FEWEST_STEPS = 5  # per stop, taken even if the time is over
TAIL_SHARE = 0.03  # of the wall time, kept for what follows
TAIL_S_PER_STOP = 1e-4  # seconds, kept at least


@dataclass(frozen=True, slots=True)
class Cooled:
    """The best plan.

    Attributes
    ----------
    following : (n,) int64, the stop behind each stop, NONE at the end of a route
    first : (slots,) int64, the first stop of each van, NONE if it is not used
    cost : scaled money
    steps : of all parts together
    """

    following: Ints
    first: Ints
    cost: int
    steps: int


def cost_of(layout: Layout, book: Book) -> int:
    """Return the scaled money of a plan, losses included."""
    facts, used = layout.facts, np.flatnonzero(book.size > 0)
    van = facts.type_of[used]
    money = facts.fixed[van] + facts.per_metre[van] * book.metres[used]
    if facts.timed:
        money = money + facts.per_second[van] * book.whole[used, TOOK]
    return int(money.sum()) + int(facts.loss[book.route == NONE].sum())


def cool(
    layout: Layout,
    book: Book,
    limits: Limits,
    steps: int,
    *,
    on_better: Callable[[int], None] = lambda _cost: None,
) -> Cooled:
    """Search from a plan until the steps are done, the time is over or someone cancels.

    The plan is the same on any number of cores, and where work is limited and half of the time
    suffices the clock has no say.

    Parameters
    ----------
    book : the plan at the start; it is changed
    steps : of all parts together
    """
    random = np.random.Generator(np.random.Philox(limits.seed % 2**63))
    cost = best = cost_of(layout, book)
    following = book.following.copy()
    first = np.where(book.size > 0, book.first, NONE)
    begin, end = _temperatures(layout, book)
    n_parts = PARTS * max(1, round(layout.n_stops / (PARTS * LARGEST_PART)))
    done, most = 0, max(1, min(STEPS, steps // (CUTS * n_parts)))
    began, seconds = limits.elapsed, math.inf
    if limits.seconds is not None:
        tail = max(TAIL_SHARE * limits.seconds, TAIL_S_PER_STOP * layout.n_stops)
        seconds = limits.seconds - tail - began
    fewest = min(steps, FEWEST_STEPS * layout.n_stops)
    clocked = limits.work is None and math.isfinite(seconds)
    if clocked:
        most = min(most, FIRST_STEPS)
    share = 0.0 if seconds > 0.0 else 1.0
    with ThreadPoolExecutor(PARTS) as threads:
        while (share < 1.0 or done < fewest) and not limits.cancelled():
            parts = _cut(layout, book, random, n_parts)
            each = max(1, min(most, (steps - done) // len(parts)))
            ahead = max(each * len(parts) / steps, share / done * each * len(parts) if done else 0)
            hot, cold = (begin * (end / begin) ** min(at, 1.0) for at in (share, share + ahead))
            tasks = [threads.submit(anneal, layout.facts, book, p, each, hot, cold) for p in parts]
            found = [task.result() for task in tasks]
            done += each * len(parts)
            lowest = cost + sum(int(lower) for _, lower in found)
            cost += sum(int(change) for change, _ in found)
            if lowest < best:
                best = lowest
                for part in parts:
                    following[part.stops] = part.best_following[part.stops]
                    first[part.slots] = part.best_first[part.slots]
                on_better(best)
            by_time = (limits.elapsed - began) / seconds if seconds > 0.0 else 1.0
            hurried = clocked or by_time > HURRY
            share = max(by_time if hurried else 0.0, done / steps)
            if (
                clocked and 0.0 < by_time < 1.0
            ):  # as many cuts as there would be if the time were counted in steps
                most = max(1, min(STEPS, int(done / by_time / (CUTS * n_parts))))
    return Cooled(following, first, best, done)


# ---- inside ---------------------------------------------------------------------------------


def _temperatures(layout: Layout, book: Book) -> tuple[float, float]:
    """Return scaled money, at the start and at the end."""
    per_route = float(book.size.sum()) / max(int((book.size > 0).sum()), 1)
    hot = max(HOT, LARGE_HOT * per_route) if layout.n_stops > LARGE else HOT
    return layout.hop * hot, layout.hop * COLD


def _cut(layout: Layout, book: Book, random: np.random.Generator, n_parts: int) -> list[Part]:
    """Cut the plan along a line in a random direction, by where its routes are."""
    facts, n, m = layout.facts, layout.n_stops, layout.n_slots
    on = book.route != NONE
    used = np.flatnonzero(book.size > 0)
    angle = random.uniform(0.0, math.pi)
    states = random.integers(1, 2**63, size=n_parts)
    key = layout.xy @ np.array([math.cos(angle), math.sin(angle)])
    side, side_of_slot = np.zeros(n, np.int64), np.zeros(m, np.int64)
    count = n_parts if n >= PARTS * SMALLEST_PART and len(used) >= 2 * n_parts else 1
    if count > 1:
        middle = np.bincount(book.route[on], key[on], m) / np.maximum(book.size, 1)
        order = used[np.lexsort((used, middle[used]))]
        before = np.cumsum(book.size[order]) - 0.5 * book.size[order]
        side_of_slot[order] = np.minimum(before * count // int(on.sum()), count - 1)
        unused = np.flatnonzero(book.size == 0)
        side_of_slot[unused] = np.arange(len(unused)) % count
        side[on] = side_of_slot[book.route[on]]
        edges = np.quantile(key, np.arange(1, count) / count)
        side[~on] = np.searchsorted(edges, key[~on])
    missing = ~on & layout.must
    parts = [
        make_part(facts, side == k, np.flatnonzero(side_of_slot == k), missing, int(states[k]))
        for k in range(count)
    ]
    return [part for part in parts if len(part.stops)]
