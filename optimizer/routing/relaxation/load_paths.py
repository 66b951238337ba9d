"""Paths by load, compiled: a layer is what the stops of the path use of the van, exactly.

Without the cycle i, j, i: each stop of a layer keeps its cheapest path and the cheapest that comes
from another stop. Arcs are tried from the cheapest on, until none can improve on what was found.

Source: Christofides, Mingozzi and Toth (1981), Networks 11(2), 145-164 and Mathematical
Programming 20, 255-282.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.relaxation.layers import DEPOT, SOMEWHERE
from optimizer.routing.ruin.compiling import compiled

EXACT = 1e-10  # of the money of a route: how close a ratio comes
TURNS = 12  # Newton steps towards a ratio
NOWHERE = -9


@compiled
def fill(arcs: Any, weight: Any, gain: Any, reach: int, every: bool, paths: Any) -> Any:
    """Fill the paths of all layers.

    Parameters
    ----------
    arcs : into every stop
    weight : (n,) int64, layers that a stop takes, 1 or more
    gain : (n,) float64, money for a visit; -inf where the van cannot serve the stop
    reach : arcs per stop to try at most
    every : no arc may be left out: beyond reach the cheapest is offered from everywhere

    Returns
    -------
    tried : arcs
    """
    money, before, least = paths
    near, cost, beyond, ends, _ = arcs
    _, layers, n = money.shape
    reach = min(reach, near.shape[1])
    tried = 0
    _begin(weight, gain, ends, paths)
    for layer in range(layers):
        lowest = np.inf
        for j in range(n):
            lowest = min(lowest, money[0, layer, j])
        least[layer] = lowest
        if lowest == np.inf:
            continue
        for i in range(n):
            into = layer + weight[i]
            if into >= layers or gain[i] == -np.inf:
                continue
            best, runner = np.inf, np.inf
            from_best, from_runner = DEPOT, DEPOT
            a = 0
            while a < reach and lowest + cost[i, a] < runner:
                j = near[i, a]
                way = cost[i, a] + money[int(before[0, layer, j] == i), layer, j]
                if way < best:
                    runner, from_runner = best, from_best
                    best, from_best = way, j
                elif way < runner:
                    runner, from_runner = way, j
                a += 1
            tried += a + 1
            if every and a == reach:
                way = lowest + (cost[i, a] if a < near.shape[1] else beyond[i])
                if way < best:
                    best, from_best = way, SOMEWHERE
                if way < runner:
                    runner, from_runner = way, SOMEWHERE
            money[0, into, i], before[0, into, i] = best - gain[i], from_best
            money[1, into, i], before[1, into, i] = runner - gain[i], from_runner
    return tried


@compiled
def share(weight: Any, gain: Any, fixed: float, out: Any, back: Any, picks: Any) -> Any:
    """Find the route through each stop that costs least per layer: money less gains.

    Parameters
    ----------
    fixed : money of every route
    out, back : paths from the depot and to it; may be the same
    picks : value becomes a ratio that no route through the stop falls below, inf without a route

    Returns
    -------
    tried : pairs of paths
    """
    value, ahead, behind, _, _ = picks
    layers = out[0].shape[1]
    tried = 0
    for i in range(weight.shape[0]):
        value[i] = np.inf
        if weight[i] >= layers or gain[i] == -np.inf:
            continue
        ratio = 0.0
        for turn in range(TURNS):
            best = _cheapest(i, weight[i], ratio, out, back, picks)
            tried += 2 * (layers - weight[i])
            if best == np.inf:
                break
            used = ahead[i] + behind[i] - weight[i]
            best += fixed + gain[i] + ratio * weight[i]
            value[i] = ratio
            if abs(best) <= EXACT * (abs(gain[i]) + abs(ratio) * used):
                break
            if turn < TURNS - 1:
                ratio += best / used
            elif best < 0.0:
                value[i] = ratio + best / weight[i]
    return tried


@compiled
def count_visits(weight: Any, out: Any, back: Any, picks: Any, mine: Any, visits: Any) -> None:
    """Add up how often the picked routes of some stops visit each stop, by the part of the stop.

    Parameters
    ----------
    mine : (n,) bool, whose routes
    visits : (n,) float64, added to
    """
    for i in range(weight.shape[0]):
        if mine[i]:
            part = weight[i] / (picks.ahead[i] + picks.behind[i] - weight[i])
            visits[i] += part
            _walk(weight, out, i, picks.ahead[i], picks.which_ahead[i], part, visits)
            _walk(weight, back, i, picks.behind[i], picks.which_behind[i], part, visits)


# ---- inside ---------------------------------------------------------------------------------


@compiled
def _begin(weight: Any, gain: Any, ends: Any, paths: Any) -> None:
    """Empty the layers, but for the paths straight from the depot."""
    money, before, _ = paths
    money[:] = np.inf
    before[:] = DEPOT
    for i in range(weight.shape[0]):
        if weight[i] < money.shape[1] and gain[i] > -np.inf:
            money[0, weight[i], i] = ends[i] - gain[i]


@compiled
def _cheapest(i: int, mine: int, ratio: float, out: Any, back: Any, picks: Any) -> Any:
    """Pick the paths to stop i and back that fit together and cost least, less ratio x layers."""
    _, ahead, behind, which_ahead, which_behind = picks
    room = out[0].shape[1] - 1
    best, filled = np.inf, mine - 1
    one, two, to_one = np.inf, np.inf, NOWHERE  # the least ways back by different next stops
    at_one, at_two, which_one, which_two = 0, 0, 0, 0
    for k in range(room, mine - 1, -1):
        while filled < room + mine - k:
            filled += 1
            for which in range(2):
                way, to = back[0][which, filled, i] - ratio * filled, back[1][which, filled, i]
                if way < one:
                    if to != to_one:
                        two, at_two, which_two = one, at_one, which_one
                    one, to_one, at_one, which_one = way, to, filled, which
                elif way < two and to != to_one:
                    two, at_two, which_two = way, filled, which
        for which in range(2):
            from_ = out[1][which, k, i]
            apart = from_ < 0 or from_ != to_one
            way = out[0][which, k, i] - ratio * k + (one if apart else two)
            if way < best:
                best = way
                ahead[i], which_ahead[i] = k, which
                behind[i], which_behind[i] = (at_one, which_one) if apart else (at_two, which_two)
    return best


@compiled
def _walk(
    weight: Any, paths: Any, stop: int, layer: int, which: int, part: float, visits: Any
) -> None:
    """Add a part to the visits of the stops before a stop."""
    while True:
        before = paths.before[which, layer, stop]
        if before < 0:
            break
        layer -= weight[stop]
        which = int(paths.before[0, layer, before] == stop)
        stop = before
        visits[stop] += part
