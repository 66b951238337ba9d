"""The relaxation by time: every stop's part of its cheapest route, given prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optimizer.routing.problem import Flags, Floats, Ints
from optimizer.routing.relaxation import time_paths
from optimizer.routing.relaxation.layers import Paths, Picks, empty_paths, empty_picks
from optimizer.routing.relaxation.networks import Network
from optimizer.routing.relaxation.rooms import TimeRoom
from optimizer.routing.relaxation.shares import Shares


@dataclass(frozen=True, slots=True)
class ByTime:
    """Networks, rooms and scratch paper, one of each per van type.

    Attributes
    ----------
    backwards : (layers, n) bool per van type, when service may begin, from the end on
    """

    settles: ClassVar[int] = 5
    networks: tuple[Network, ...]
    rooms: tuple[TimeRoom, ...]
    backwards: tuple[Flags, ...]
    out: tuple[Paths, ...]
    back: tuple[Paths, ...]
    picks: tuple[Picks, ...]
    seen: Ints

    @classmethod
    def of(cls, networks: Sequence[Network], rooms: Sequence[TimeRoom]) -> ByTime:
        """Lay out scratch paper."""
        n = rooms[0].may.shape[1]
        layers = [len(room.may) for room in rooms]
        return cls(
            tuple(networks),
            tuple(rooms),
            tuple(np.ascontiguousarray(room.may[::-1]) for room in rooms),
            tuple(empty_paths(k, n) for k in layers),
            tuple(empty_paths(k, n) for k in layers),
            tuple(empty_picks(n) for _ in layers),
            np.zeros(2 * max(layers), np.int64),
        )

    def shares(self, prices: Floats, capped: Floats, reach: int, *, every: bool) -> Shares:
        """Return what each stop pays: its price and, in hope, its part of what a route lacks.

        Proven is only the price less all that its cheapest route lacks: a stop of a route
        gives up as much as the route lacks, or more.
        """
        n, tried = len(prices), 0
        least, best = np.full(n, np.inf), np.full(n, -1)
        for at, (network, room) in enumerate(zip(self.networks, self.rooms, strict=True)):
            gain = np.where(network.can, prices - network.visit, -np.inf)
            out, back, picks = self.out[at], self.back[at], self.picks[at]
            into, out_of = network.into, network.out_of
            tried += time_paths.fill(into, room.may, room.begins, gain, reach, every, out)
            tried += time_paths.fill(
                out_of, self.backwards[at], room.ends, gain, reach, every, back
            )
            tried += time_paths.cheapest(gain, network.fixed, out, back, picks)
            better = picks.value < least
            least[better], best[better] = picks.value[better], at
        visits, part = np.zeros(n), np.ones(n)
        counted = prices + least < capped
        for at, network in enumerate(self.networks):
            time_paths.count_visits(
                network.into, network.out_of, np.ones(n), self.out[at], self.back[at],
                self.picks[at], counted & (best == at), self.seen, visits, part,
            )  # fmt: skip
        proven = prices + np.minimum(least, 0.0)
        proven[~np.isfinite(least)] = np.inf
        return Shares(prices + part * least, proven, visits, counted, tried)
