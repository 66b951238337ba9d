"""Which stops are near each other in space and time.

Source: Vidal, Crainic, Gendreau and Prins (2013), A hybrid genetic algorithm with adaptive
diversity management for vehicle routing problems with time windows, Computers and Operations
Research 40(1), 475-489, section 4.2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.lengths import Lengths
from optimizer.routing.nearest import nearest
from optimizer.routing.problem import Ints, Windows

POOL = 1_000  # stops near in space of which those near in time are chosen
WAIT, LATE = 0.2, 1.0  # of a second that one must wait or is late, against one driven
CHUNK = 1_000_000  # pairs looked at at once


def near_in_time(
    metres: Lengths,
    seconds: Lengths,
    places: Ints,
    service: Ints,
    windows: list[Windows],
    width: int,
) -> NDArray[np.int32]:
    """Return for each stop the others from the nearest on, one of the two served after the other.

    Apart are two stops by the metres between them and what one must wait at the second, or is
    late there, whenever one serves the first: the lesser of both directions.

    Parameters
    ----------
    places : (n,) of the stops; they may repeat
    windows : of each stop, one at least

    Returns
    -------
    near : (n, min(width, n - 1)) int32
    """
    pool = nearest(metres, places, POOL)
    if not pool.shape[1]:
        return pool
    opens = np.array([w[0][0] for w in windows], dtype=np.float64)
    closes = np.array([w[-1][1] for w in windows], dtype=np.float64)
    far = places[:, None], places[pool[:, -1:]]
    speed = float(metres[far].sum()) / max(float(seconds[far].sum()), 1.0)

    def apart(a: NDArray[np.int32], b: NDArray[np.int32]) -> NDArray[np.float64]:
        gone = service[a] + seconds[places[a], places[b]]
        wait = np.maximum(opens[b] - gone - closes[a], 0.0)
        late = np.maximum(opens[a] + gone - closes[b], 0.0)
        between: NDArray[np.float64] = metres[places[a], places[b]] + speed * (
            WAIT * wait + LATE * late
        )
        return between

    near = np.empty((len(places), min(width, pool.shape[1])), np.int32)
    rows = max(1, CHUNK // pool.shape[1])
    for at in range(0, len(places), rows):
        there = pool[at : at + rows]
        here = np.broadcast_to(np.arange(at, at + len(there), dtype=np.int32)[:, None], there.shape)
        both = np.minimum(apart(here, there), apart(there, here))
        order = np.argsort(both, axis=1, kind="stable")[:, : near.shape[1]]
        near[at : at + rows] = np.take_along_axis(there, order, axis=1)
    return near
