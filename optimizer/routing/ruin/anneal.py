"""Ruin and recreate with simulated annealing, compiled: strings of stops out, greedily back in.

One step takes strings of neighbouring stops out of neighbouring routes and puts them back one by
one where they cost least, each place overlooked with a chance of 1 / 128; or it lets two routes
exchange their ends. The changed plan is kept if it costs less than before - T ln u. Every rule is
hard: no step breaks one.

A run works on the stops and slots of its part and reads nothing of the others', so that several
may run at once on parts of one plan.

Source: Christiaens and Vanden Berghe (2020), Slack induction by string removals for vehicle
routing problems, Transportation Science 54(2), 417-433.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from optimizer.routing.ruin.chance import below, uniform
from optimizer.routing.ruin.changes import (
    change_van,
    fill_free,
    put_in,
    route_cost,
    take_out,
    touch,
)
from optimizer.routing.ruin.clock import refresh
from optimizer.routing.ruin.compiling import compiled, inlined
from optimizer.routing.ruin.facts import (
    AT_WINDOW,
    BEHIND,
    BROKEN,
    CHANGES,
    COST,
    INTO,
    NONE,
    OUT,
    RETYPED,
    TOUCHED,
    USED,
)
from optimizer.routing.ruin.places import find_place
from optimizer.routing.ruin.roads import metres_of
from optimizer.routing.ruin.tails import swap_tails

LONGEST_STRING = 6.0  # stops
MEAN_OUT = 6.0  # stops taken out in a step, about
TAILS = 0.3  # share of the steps in which two routes exchange their ends instead
MOST_ABSENT = 10  # stops on no route that a step tries to bring in
MISSING_FIRST = 0.1  # chance that a step begins at a stop that must be served and is not
OTHER_VAN = 0.2  # chance that a ruined route is offered another type of van


@compiled
def anneal(facts: Any, book: Any, part: Any, steps: int, hot: float, cold: float) -> Any:
    """Take steps while it cools.

    Parameters
    ----------
    hot, cold : scaled money; how much dearer a plan may become, about, at the start and the end

    Returns
    -------
    change, best : scaled money, of the plan now and of the best plan of the run against the start
    """
    tally, state = part.tally, part.state
    cost, best, at_best = 0, 0, True
    fill_free(facts, book, part)
    cooling = (cold / hot) ** (1.0 / max(steps, 1))
    for _ in range(steps):
        hot *= cooling
        tally[OUT] = tally[TOUCHED] = tally[CHANGES] = tally[RETYPED] = 0
        used = tally[USED]
        for van in range(part.n_free.shape[0]):
            part.free_before[van] = part.n_free[van]
        if uniform(state) < TAILS:
            change = swap_tails(facts, book, part)
        else:
            change = _ruin(facts, book, part)
            if change < BROKEN >> 1:
                _order(facts, part)
                change += _recreate(facts, book, part)
        if change < -hot * math.log(uniform(state) + 1e-300):
            if cost + change < best:
                best, at_best = cost + change, True
            elif at_best and cost + change > best:
                _remember(book, part)
                at_best = False
            cost += change
        else:
            _take_back(facts, book, part)
            tally[USED] = used
    if at_best:
        tally[CHANGES] = 0
        _remember(book, part)
    return cost, best


@compiled
def _ruin(facts: Any, book: Any, part: Any) -> Any:
    """Take strings out around a stop drawn by chance; return the change in scaled money."""
    state, tally = part.state, part.tally
    k_stops = part.stops.shape[0]
    longest = min(LONGEST_STRING, k_stops / max(tally[USED], 1))
    strings = 1 + below(state, max(4.0 * MEAN_OUT / (1.0 + longest) - 1.0, 1.0))
    seed = part.stops[below(state, k_stops)]
    if part.missing.shape[0] > 0 and uniform(state) < MISSING_FIRST:
        other = part.missing[below(state, part.missing.shape[0])]
        seed = other if book.route[other] == NONE else seed
    change, absent = 0, 0
    for t in range(-1, facts.near.shape[1]):
        stop = seed if t < 0 else np.int64(facts.near[seed, t])
        if not part.mine[stop]:
            continue
        slot = book.route[stop]
        if slot == NONE:
            if absent < MOST_ABSENT and _is_new(part, stop):
                part.out[tally[OUT]] = stop
                tally[OUT] += 1
                absent += 1
                change -= facts.loss[stop]
            continue
        if not touch(part, slot):
            continue
        change -= route_cost(facts, book, slot)
        take_out(facts, book, part, stop, longest)
        if book.size[slot] > 0:
            change += _settle(facts, book, part, slot)
        if change >= BROKEN >> 1 or tally[TOUCHED] >= strings:
            break
    return change


@inlined
def _is_new(part: Any, stop: Any) -> Any:
    """Say whether a stop is not among those taken out."""
    fresh = True
    for k in range(part.tally[OUT]):
        fresh &= part.out[k] != stop
    return fresh


@compiled
def _settle(facts: Any, book: Any, part: Any, slot: Any) -> Any:
    """Time what is left of a route, perhaps on another van; return its money, BROKEN if late."""
    if facts.timed and not refresh(facts, book, slot):
        return BROKEN
    if facts.typed and uniform(part.state) < OTHER_VAN:
        new = change_van(facts, book, part, slot)
        if new != NONE:
            touch(part, new)
            if facts.timed and not refresh(facts, book, new):
                return BROKEN
            return route_cost(facts, book, new)
    return route_cost(facts, book, slot)


@compiled
def _order(facts: Any, part: Any) -> None:
    """Put the stops that are out in an order drawn by chance: any, most load, far or near first."""
    which = below(part.state, 11)
    out, key, n_out = part.out, part.key, part.tally[OUT]
    for k in range(n_out):
        stop = out[k]
        if which < 4:
            key[k] = uniform(part.state)
        elif which < 8:
            key[k] = -float(facts.load[stop, 0])
        elif which < 10:
            key[k] = -float(metres_of(facts.roads, facts.start[0], stop))
        else:
            key[k] = float(metres_of(facts.roads, facts.start[0], stop))
    for k in range(1, n_out):
        value, stop, at = key[k], out[k], k - 1
        while at >= 0 and key[at] > value:
            key[at + 1], out[at + 1] = key[at], out[at]
            at -= 1
        key[at + 1], out[at + 1] = value, stop


@compiled
def _recreate(facts: Any, book: Any, part: Any) -> Any:
    """Put the stops back one by one where they cost least; return the change in scaled money."""
    change = 0
    for k in range(part.tally[OUT]):
        stop = part.out[k]
        find_place(facts, book, part, stop)
        if part.place[COST] >= facts.loss[stop]:
            change += facts.loss[stop]
            continue
        slot = part.place[INTO]
        put_in(facts, book, part, stop, part.place[AT_WINDOW], part.place[BEHIND], slot)
        touch(part, slot)
        if facts.timed and not refresh(facts, book, slot):
            return BROKEN
        change += part.place[COST]
    return change


@compiled
def _take_back(facts: Any, book: Any, part: Any) -> None:
    """Undo the changes of the step."""
    for k in range(part.tally[CHANGES] - 1, -1, -1):
        book.cells[part.where[k]] = part.what[k]
    for van in range(part.n_free.shape[0]):
        part.n_free[van] = part.free_before[van]
    if part.tally[RETYPED]:
        fill_free(facts, book, part)
    if facts.timed:
        for k in range(part.tally[TOUCHED]):
            if book.size[part.touched[k]] > 0:
                refresh(facts, book, part.touched[k])


@compiled
def _remember(book: Any, part: Any) -> None:
    """Keep the plan as it was before the changes of the step as the best."""
    n, m = book.following.shape[0], book.first.shape[0]
    for k in range(part.stops.shape[0]):
        part.best_following[part.stops[k]] = book.following[part.stops[k]]
    for k in range(part.slots.shape[0]):
        part.best_first[part.slots[k]] = book.first[part.slots[k]]
    for k in range(part.tally[CHANGES] - 1, -1, -1):
        at = part.where[k]
        if at < n:
            part.best_following[at] = part.what[k]
        elif 4 * n <= at < 4 * n + m:
            part.best_first[at - 4 * n] = part.what[k]
