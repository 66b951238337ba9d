"""Shortest paths over computed lengths, compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

from optimizer.routing.lengths import Computed, Floats
from optimizer.routing.ruin.compiling import compiled
from optimizer.routing.ruin.roads import make_roads, metres_of


def shortest(lengths: Computed, source: int) -> Floats:
    """Return the length of the shortest path from a place to every place, (p,) float64."""
    best: Floats = np.array(lengths[source], dtype=np.float64)
    best[source] = 0.0
    p = len(best)
    roads = make_roads(lengths, [lengths], np.arange(p))
    left = np.delete(np.arange(p), source)
    _settle_all(roads, left, best, lengths.chord_of(0.0), lengths.chord_of(1.0))
    return best


@compiled
def _settle_all(roads: Any, left: Any, best: Any, chord: Any, next_chord: Any) -> None:
    """Settle places from the nearest on; `left` are those still open, overwritten."""
    per_length = next_chord - chord
    n_left = left.shape[0]
    while n_left > 0:
        at = 0
        for k in range(1, n_left):
            if best[left[k]] < best[left[at]]:
                at = k
        place = left[at]
        n_left -= 1
        left[at] = left[n_left]
        now = best[place]
        some_known = roads.known_at[place + 1] > roads.known_at[place]
        for k in range(n_left):
            other = left[k]
            reach = chord + per_length * (best[other] - now)
            squared = 0.0
            for axis in range(roads.points.shape[1]):
                step = roads.points[other, axis] - roads.points[place, axis]
                squared += step * step
            if squared <= reach * reach or some_known:
                best[other] = min(best[other], now + float(metres_of(roads, place, other)))
