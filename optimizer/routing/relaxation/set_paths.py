"""Cheapest trips over every set of a few stops, compiled; and the cheapest way to cover all.

A set is a number whose bits are its stops. Money and time are least apart from each other: no trip
over the set is cheaper, none is over sooner.

Source: Held and Karp (1962), Journal of SIAM 10(1), 196-210; with windows as Dumas, Desrosiers,
Gelinas and Solomon (1995), Operations Research 43(2), 367-371.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.ruin.compiling import compiled

OVER = np.iinfo(np.int64).max // 4  # a time that no shift has


@compiled
def cheapest_trips(
    money: Any, seconds: Any, room: Any, service: Any, opens: Any, closes: Any, taken: Any,
    fixed: float, shift: Any, states: Any, cost: Any,
) -> None:  # fmt: skip
    """Find what the cheapest trip over each set costs, at least.

    Parameters
    ----------
    money, seconds : (n + 1, n + 1), from row to column; index n leaves or ends
    room : (r,) float64, of the van
    service : (n,) int64, seconds
    opens, closes : (n, w) int64, windows in order; blank ones close at -1
    taken : (n, r) float64, of the room by a stop; inf where the van cannot serve it
    fixed : money of every trip
    shift : start and end of it, seconds
    states : ((2^n, n) money, (2^n, n) int64 seconds, (2^n, r) room), scratch paper
    cost : (2^n,) float64, lowered
    """
    least, ready, used = states
    n = service.shape[0]
    begins, ends = shift
    for r in range(room.shape[0]):
        used[0, r] = 0.0
    for subset in range(1, 1 << n):
        fits, first = True, 0
        while not (subset >> first) & 1:
            first += 1
        for r in range(room.shape[0]):
            used[subset, r] = used[subset ^ (1 << first), r] + taken[first, r]
            if used[subset, r] > room[r]:
                fits = False
        best = np.inf
        for j in range(n):
            least[subset, j], ready[subset, j] = np.inf, OVER
            if not fits or not (subset >> j) & 1:
                continue
            rest = subset ^ (1 << j)
            if rest == 0:
                done = _served(begins + seconds[n, j], j, service, opens, closes)
                if done < OVER:
                    least[subset, j], ready[subset, j] = money[n, j], done
            for i in range(n):
                if (rest >> i) & 1 and ready[rest, i] < OVER:
                    done = _served(ready[rest, i] + seconds[i, j], j, service, opens, closes)
                    if done < OVER:
                        ready[subset, j] = min(ready[subset, j], done)
                        least[subset, j] = min(least[subset, j], least[rest, i] + money[i, j])
            if ready[subset, j] < OVER and ready[subset, j] + seconds[j, n] <= ends:
                best = min(best, least[subset, j] + money[j, n])
        cost[subset] = min(cost[subset], best + fixed)


@compiled
def cover(cost: Any, loss: Any, fewer: Any, best: Any, trips: Any) -> None:
    """Cover every set by disjoint trips, or leave stops out, for the least money.

    Parameters
    ----------
    cost : (2^n,) float64, of one trip over the set
    loss : (n,) float64, of a stop that is left out
    fewer : (2^n,) float64, the same as `best` with one trip less; `best` itself for any number
    best : (2^n,) float64, written
    trips : (2^n,) int64, written: how many of them, where any number may drive
    """
    best[0], trips[0] = 0.0, 0
    for subset in range(1, best.shape[0]):
        first = 0
        while not (subset >> first) & 1:
            first += 1
        rest = subset ^ (1 << first)
        least, count = best[rest] + loss[first], trips[rest]
        part = rest
        while True:
            way = cost[part | (1 << first)] + fewer[rest ^ part]
            if way < least:
                least, count = way, trips[rest ^ part] + 1
            if part == 0:
                break
            part = (part - 1) & rest
        best[subset], trips[subset] = least, count


@compiled
def _served(arrives: int, j: int, service: Any, opens: Any, closes: Any) -> Any:
    """Return when the earliest service of a stop is over, OVER where no window is left."""
    for w in range(opens.shape[1]):
        if arrives <= closes[j, w]:
            return max(arrives, opens[j, w]) + service[j]
    return OVER
