"""What the compiled relaxation reads and writes, as tuples of arrays.

A path starts at the depot and uses a resource up, layer by layer: whole parts of the room of a van
(load, stops or hours), or steps of time. n stops; only those that the van might serve have arcs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DEPOT, SOMEWHERE = -1, -2  # predecessors that are no stop; SOMEWHERE beyond the arcs that are kept


class Arcs(NamedTuple):
    """Arcs into every stop, of one van type in one direction.

    Attributes
    ----------
    near : (n, w) int32, the stops that they come from, cheapest first
    cost : (n, w) float64, money; inf from where there is no other stop
    beyond : (n,) float64, money of the cheapest arc that is not kept; inf if all are
    ends : (n,) float64, money of the arc from the depot
    steps : (n, w) int32, layers that each arc takes; (n, 0) where only the stop counts
    """

    near: NDArray[np.int32]
    cost: Floats
    beyond: Floats
    ends: Floats
    steps: NDArray[np.int32]


class Paths(NamedTuple):
    """Cheapest paths from the depot to every stop, by layer, and the cheapest that come otherwise.

    Attributes
    ----------
    money : (2, layers, n) float64, less prices; first the cheapest, then the cheapest with another
        predecessor
    before : (2, layers, n) int32, their predecessors
    least : (layers,) float64, over the stops
    """

    money: Floats
    before: NDArray[np.int32]
    least: Floats


class Picks(NamedTuple):
    """The best route through every stop.

    Attributes
    ----------
    value : (n,) float64; what it means is said where it is filled
    ahead, behind : (n,) int64, layer of the path up to the stop and of the path back
    which_ahead, which_behind : (n,) int64, 0 the first of its layer, 1 the second
    """

    value: Floats
    ahead: Ints
    behind: Ints
    which_ahead: Ints
    which_behind: Ints


def empty_paths(layers: int, n: int) -> Paths:
    """Return room for paths."""
    return Paths(
        np.full((2, layers, n), np.inf),
        np.full((2, layers, n), DEPOT, np.int32),
        np.full(layers, np.inf),
    )


def empty_picks(n: int) -> Picks:
    """Return room for picks."""
    return Picks(np.zeros(n), *(np.zeros(n, np.int64) for _ in range(4)))
