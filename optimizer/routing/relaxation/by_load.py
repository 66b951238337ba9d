"""The relaxation by load: every stop's fair part of its best route, given prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from optimizer.routing.problem import Floats
from optimizer.routing.relaxation import load_paths
from optimizer.routing.relaxation.layers import Paths, Picks, empty_paths, empty_picks
from optimizer.routing.relaxation.networks import Network
from optimizer.routing.relaxation.rooms import LoadRoom
from optimizer.routing.relaxation.shares import Shares


@dataclass(frozen=True, slots=True)
class ByLoad:
    """Networks, rooms and scratch paper, one of each per van type.

    Paths out and back are one where costs are symmetric.
    """

    settles: ClassVar[int] = 0
    networks: tuple[Network, ...]
    rooms: tuple[LoadRoom, ...]
    out: tuple[Paths, ...]
    back: tuple[Paths, ...]
    picks: tuple[Picks, ...]

    @classmethod
    def of(cls, networks: list[Network], rooms: list[LoadRoom]) -> ByLoad:
        """Lay out scratch paper."""
        n = len(networks[0].can)
        out = tuple(empty_paths(room.room + 1, n) for room in rooms)
        back = tuple(
            paths if network.symmetric else empty_paths(room.room + 1, n)
            for network, room, paths in zip(networks, rooms, out, strict=True)
        )
        picks = tuple(empty_picks(n) for _ in rooms)
        return cls(tuple(networks), tuple(rooms), out, back, picks)

    def shares(self, prices: Floats, capped: Floats, reach: int, *, every: bool) -> Shares:
        """Return what each stop pays: its price and its part of what its best route lacks.

        The part of a stop in a route is its share of the route's load. So no route is paid more
        than it costs, whatever the prices (Baldacci, Christofides and Mingozzi 2008, Mathematical
        Programming 115, 351-385, theorem 1).
        """
        n, tried = len(prices), 0
        least, best = np.full(n, np.inf), np.full(n, -1)
        for at, (network, room) in enumerate(zip(self.networks, self.rooms, strict=True)):
            gain = np.where(network.can, prices - network.visit, -np.inf)
            out, back, picks = self.out[at], self.back[at], self.picks[at]
            tried += load_paths.fill(network.into, room.weight, gain, reach, every, out)
            if not network.symmetric:
                tried += load_paths.fill(network.out_of, room.weight, gain, reach, every, back)
            tried += load_paths.share(room.weight, gain, network.fixed, out, back, picks)
            mine = np.where(np.isfinite(picks.value), picks.value * room.weight, np.inf)
            better = mine < least
            least[better], best[better] = mine[better], at
        paid = prices + least
        visits = np.zeros(n)
        counted = paid < capped
        for at, room in enumerate(self.rooms):
            load_paths.count_visits(
                room.weight, self.out[at], self.back[at], self.picks[at],
                counted & (best == at), visits,
            )  # fmt: skip
        return Shares(paid, paid, visits, counted, tried)
