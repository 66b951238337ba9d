"""Paths by time, compiled: a layer is a step of time at which service has begun, at the latest.

Times are whole steps, rounded down: a real route's times, each rounded down, keep every rule here.
Without the cycle i, j, i, as by load.

Source: Kolen, Rinnooy Kan and Trienekens (1987), Operations Research 35(2), 266-273.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.relaxation.layers import DEPOT, SOMEWHERE
from optimizer.routing.ruin.compiling import compiled


@compiled
def fill(arcs: Any, may: Any, begins: Any, gain: Any, reach: int, every: bool, paths: Any) -> Any:
    """Fill the paths of all layers.

    Parameters
    ----------
    arcs : into every stop, one step long or longer
    may : (layers, n) bool, service may begin
    begins : (n,) int64, the earliest layer straight from the depot
    gain : (n,) float64, money for a visit; -inf where the van cannot serve the stop
    reach : arcs per stop to try at most
    every : no arc may be left out: beyond reach the cheapest is offered from everywhere

    Returns
    -------
    tried : arcs
    """
    money, before, least = paths
    _, layers, n = money.shape
    tried = layers * n // 4
    money[:] = np.inf
    before[:] = DEPOT
    lowest = np.inf
    for layer in range(layers):
        if layer > 0:
            for which in range(2):
                for i in range(n):
                    money[which, layer, i] = money[which, layer - 1, i]
                    before[which, layer, i] = before[which, layer - 1, i]
        for i in range(n):
            if may[layer, i] and gain[i] > -np.inf:
                if layer >= begins[i]:
                    _offer(money, before, layer, i, arcs.ends[i] - gain[i], DEPOT)
                tried += _try_arcs(arcs, layer, i, gain[i], lowest, reach, every, paths)
        for i in range(n):
            lowest = min(lowest, money[0, layer, i])
        least[layer] = lowest
    return tried


@compiled
def cheapest(gain: Any, fixed: float, out: Any, back: Any, picks: Any) -> Any:
    """Find the cheapest route through each stop: money less gains, inf where there is none.

    Parameters
    ----------
    fixed : money of every route
    out, back : paths from the depot and to it, the latter by time before the end

    Returns
    -------
    tried : pairs of paths
    """
    value, ahead, behind, which_ahead, which_behind = picks
    _, layers, n = out[0].shape
    for i in range(n):
        value[i] = np.inf
        if gain[i] == -np.inf:
            continue
        best = np.inf
        for k in range(layers):
            late = layers - 1 - k
            apart = out[1][0, k, i] < 0 or out[1][0, k, i] != back[1][0, late, i]
            for which in range(1 if apart else 2):
                other = 0 if apart else 1 - which
                way = out[0][which, k, i] + back[0][other, late, i]
                if way < best:
                    best, ahead[i], behind[i] = way, k, late
                    which_ahead[i], which_behind[i] = which, other
        value[i] = best + fixed + gain[i]
    return layers * n


@compiled
def count_visits(
    into: Any, out_of: Any, weight: Any, out: Any, back: Any, picks: Any, mine: Any, seen: Any,
    visits: Any, part: Any,
) -> None:  # fmt: skip
    """Add up how often the picked routes of some stops visit each stop, by the part of the stop.

    Parameters
    ----------
    into, out_of : arcs of the paths out and back
    weight : (n,) float64, how a route is shared out among its stops
    mine : (n,) bool, whose routes
    seen : (s,) int64, scratch paper
    visits : (n,) float64, added to
    part : (n,) float64, of its own route; written for `mine`
    """
    for i in range(weight.shape[0]):
        if mine[i]:
            count = _walk(into, out, i, picks.ahead[i], picks.which_ahead[i], seen, 0)
            count = _walk(out_of, back, i, picks.behind[i], picks.which_behind[i], seen, count)
            total = weight[i]
            for a in range(count):
                total += weight[seen[a]]
            part[i] = weight[i] / total
            visits[i] += part[i]
            for a in range(count):
                visits[seen[a]] += part[i]


# ---- inside ---------------------------------------------------------------------------------


@compiled
def _offer(money: Any, before: Any, layer: int, i: int, way: float, origin: int) -> None:
    """Take a path to stop i if it is one of the two cheapest, by different predecessors."""
    if origin == before[0, layer, i] and money[0, layer, i] < np.inf:
        money[0, layer, i] = min(way, money[0, layer, i])
    elif way < money[0, layer, i]:
        money[1, layer, i], before[1, layer, i] = money[0, layer, i], before[0, layer, i]
        money[0, layer, i], before[0, layer, i] = way, origin
    elif way < money[1, layer, i]:
        money[1, layer, i], before[1, layer, i] = way, origin


@compiled
def _try_arcs(
    arcs: Any, layer: int, i: int, gain: float, lowest: float, reach: int, every: bool, paths: Any
) -> Any:
    """Offer stop i the paths over its arcs, and return how many were tried."""
    money, before, _ = paths
    near, cost, beyond, _, steps = arcs
    reach = min(reach, near.shape[1])
    a = 0
    while a < reach and lowest + cost[i, a] - gain < money[1, layer, i]:
        row = layer - steps[i, a]
        if row >= 0:
            j = near[i, a]
            way = cost[i, a] - gain + money[int(before[0, row, j] == i), row, j]
            if way < money[1, layer, i]:
                _offer(money, before, layer, i, way, j)
        a += 1
    if every and a == reach:
        way = lowest + (cost[i, a] if a < near.shape[1] else beyond[i]) - gain
        for which in range(2):
            if way < money[which, layer, i]:
                money[which, layer, i], before[which, layer, i] = way, SOMEWHERE
    return a + 1


@compiled
def _walk(arcs: Any, paths: Any, stop: int, layer: int, which: int, seen: Any, count: int) -> Any:
    """Write the stops on a path before `stop` behind the first `count`; return how many now."""
    money, before, _ = paths
    while count < seen.shape[0]:
        j = before[which, layer, stop]
        if j < 0:
            break
        paid = money[which, layer, stop]
        while (
            layer > 0
            and money[which, layer - 1, stop] == paid
            and before[which, layer - 1, stop] == j
        ):
            layer -= 1
        a = 0
        while arcs.near[stop, a] != j:
            a += 1
        layer = max(layer - arcs.steps[stop, a], 0)
        which = int(before[0, layer, j] == stop)
        stop = j
        seen[count] = stop
        count += 1
    return count
