"""How far the nodes of the search are from each other: looked up in matrices, or computed.

The compiled arithmetic takes the same steps as :mod:`lengths`, so the bits are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.lengths import Computed, Lengths
from optimizer.routing.problem import OPEN_END
from optimizer.routing.ruin.compiling import compiled, inlined
from scenarios.distance import EARTH_RADIUS_M, flat_arcsine

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

HALF_PI = 0.5 * np.pi
TWO_RADII = 2.0 * EARTH_RADIUS_M
METRES = 0  # row of `divisor` and `known`; the seconds of each profile follow
_arcsine = inlined(flat_arcsine)


class Roads(NamedTuple):
    """Lengths between nodes.

    Attributes
    ----------
    computed : from points; else looked up
    metres : (nodes, nodes) int32, where looked up
    seconds : (profiles, nodes, nodes) int32, where looked up
    points : (nodes, 2 or 3) float64, on a plane or on the unit sphere
    nowhere : node that is no distance from anywhere, the end of open routes; -1 without
    factor : length = factor x distance / divisor
    divisor : (1 + profiles,) float64
    truncated : rounded down, else to the nearest
    spot : (nodes,) int64, the place of a node among those with known lengths
    known_at, known_to : pairs of places with known lengths, by start: the ends of start s are
        `known_to[known_at[s]:known_at[s + 1]]`, rising
    known : (1 + profiles, pairs) int64
    """

    computed: bool
    metres: NDArray[np.int32]
    seconds: NDArray[np.int32]
    points: Floats
    nowhere: int
    factor: float
    divisor: Floats
    truncated: bool
    spot: Ints
    known_at: Ints
    known_to: Ints
    known: Ints


def make_roads(metres: Lengths, seconds: Sequence[Lengths], places: Ints) -> Roads:
    """Return the lengths between nodes.

    Parameters
    ----------
    seconds : one per profile; computed where the metres are
    places : of the nodes; they may repeat; OPEN_END is no distance from anywhere
    """
    if not isinstance(metres, Computed):
        return _looked_up(metres, seconds, places)
    every = [metres, *(s for s in seconds if isinstance(s, Computed))]
    p = len(metres.points)
    pairs = np.unique(np.concatenate([part.measured.key for part in every]))
    start, end = np.divmod(pairs, p)
    nowhere = np.flatnonzero(places == OPEN_END)
    return Roads(
        computed=True,
        metres=np.zeros((0, 0), np.int32),
        seconds=np.zeros((0, 0, 0), np.int32),
        points=np.ascontiguousarray(metres.points[places]),
        nowhere=int(nowhere[0]) if len(nowhere) else -1,
        factor=metres.factor,
        divisor=np.array([part.divisor for part in every]),
        truncated=metres.truncated,
        spot=places.astype(np.int64),
        known_at=np.searchsorted(start, np.arange(p + 1)).astype(np.int64),
        known_to=end.astype(np.int64),
        known=np.array([part[start, end] for part in every]).astype(np.int64),
    )


def _looked_up(metres: Lengths, seconds: Sequence[Lengths], places: Ints) -> Roads:
    whole = [_matrix(part, places) for part in (metres, *seconds)]
    nothing = np.zeros(0, np.int64)
    return Roads(
        computed=False,
        metres=whole[0],
        seconds=np.stack(whole[1:]),
        points=np.zeros((0, 2)),
        nowhere=-1,
        factor=1.0,
        divisor=np.ones(len(whole)),
        truncated=False,
        spot=nothing,
        known_at=nothing,
        known_to=nothing,
        known=np.zeros((len(whole), 0), np.int64),
    )


def _matrix(whole: Lengths, places: Ints) -> NDArray[np.int32]:
    """Return a matrix between places; an open end is no distance from anywhere."""
    part = whole[np.ix_(places, places)].copy()
    part[places == OPEN_END] = 0
    part[:, places == OPEN_END] = 0
    matrix: NDArray[np.int32] = np.minimum(part, 2**31 - 1).astype(np.int32)
    return matrix


@inlined
def metres_of(roads: Any, a: Any, b: Any) -> Any:
    """Return the metres from node to node."""
    length = np.int64(0)
    if roads.computed:
        length = _length(
            roads.points, roads.nowhere, roads.factor, roads.divisor[METRES], roads.truncated, a, b
        )
        if roads.known_to.shape[0] > 0:
            length = _known(roads, METRES, a, b, length)
    else:
        length = np.int64(roads.metres[a, b])
    return length


@inlined
def seconds_of(roads: Any, profile: Any, a: Any, b: Any) -> Any:
    """Return the seconds from node to node."""
    length = np.int64(0)
    if roads.computed:
        divisor = roads.divisor[1 + profile]
        length = _length(roads.points, roads.nowhere, roads.factor, divisor, roads.truncated, a, b)
        if roads.known_to.shape[0] > 0:
            length = _known(roads, 1 + profile, a, b, length)
    else:
        length = np.int64(roads.seconds[profile, a, b])
    return length


@compiled
def _length(
    points: Any, nowhere: Any, factor: Any, divisor: Any, truncated: Any, a: Any, b: Any
) -> Any:
    """Return a computed length."""
    if nowhere in (a, b):
        return np.int64(0)
    x, y = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1]
    if points.shape[1] == 3:
        z = points[b, 2] - points[a, 2]
        half = min(0.5 * math.sqrt(x * x + y * y + z * z), 1.0)
        if half > 0.5:
            straight = TWO_RADII * (HALF_PI - 2.0 * _arcsine(math.sqrt(0.5 * (1.0 - half))))
        else:
            straight = TWO_RADII * _arcsine(half)
    else:
        straight = math.sqrt(x * x + y * y)
    length = factor * straight / divisor
    return np.int64(np.floor(length)) if truncated else np.int64(np.rint(length))


@compiled
def _known(roads: Any, row: Any, a: Any, b: Any, otherwise: Any) -> Any:
    """Return the length that is known between two nodes, else another."""
    if roads.nowhere in (a, b):
        return otherwise
    low, high, end = roads.known_at[roads.spot[a]], roads.known_at[roads.spot[a] + 1], roads.spot[b]
    stop = high
    while low < high:
        middle = (low + high) >> 1
        if roads.known_to[middle] < end:
            low = middle + 1
        else:
            high = middle
    found = low < stop and roads.known_to[low] == end
    return roads.known[row, low] if found else otherwise
