"""What the loss of a node can touch: which product-locations hang together, and who lies below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from simulation.arrays import Flags, Places
from simulation.targets import Reach
from simulation.world import World


@dataclass(frozen=True)
class Cells:
    """Product-locations of a world, numbered site by site.

    Goods of one component never touch another: they share no shelf, and where docks, room, weight,
    the value of an order or a supplier's week are limited, none of these.
    """

    world: World

    @cached_property
    def begins(self) -> Places:
        """(S + 1,) number of the first cell of each site, and the number of cells."""
        return np.cumsum([0, *(site.n_skus for site in self.world.sites)])

    @cached_property
    def component(self) -> Places:
        """(n,) number of the component of each cell."""
        ends: list[tuple[Places, Places]] = []
        for lane in self.world.lanes:
            if lane.origin >= 0:
                starts = self.begins[lane.origin] + lane.out_of
                ends.append((starts, self.begins[lane.destination] + lane.into))
        for one, *others in self._coupled():
            ends.append((np.full(len(others), one), np.array(others, np.int64)))
        n = int(self.begins[-1])
        if not ends:
            return np.arange(n)
        rows, columns = (np.concatenate(side) for side in zip(*ends, strict=True))
        graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n))
        found: Places = connected_components(graph, directed=False)[1].astype(np.int64)
        return found

    def _coupled(self) -> list[list[int]]:
        """Cells that share a dock, a room, a lane's weight, a least order or a supplier's week."""
        world, begins = self.world, self.begins
        shared: list[list[int]] = []
        for i, site in enumerate(world.sites):
            if site.dock is not None or site.store is not None:
                shared.append(list(range(int(begins[i]), int(begins[i + 1]))))
        weeks: dict[tuple[int, int], list[int]] = {}
        for lane in world.lanes:
            into = begins[lane.destination] + lane.into
            if lane.load is not None or lane.minimum > 0.0:
                shared.append(into.tolist())
            if lane.quota_of is not None:
                for row, cell in zip(lane.quota_of.tolist(), into.tolist(), strict=True):
                    if row >= 0:
                        weeks.setdefault((lane.supplier, row), []).append(cell)
        return shared + list(weeks.values())

    def below(self, reach: Reach) -> Flags:
        """(n,) cells that get goods from what is struck, directly or through other sites."""
        world, begins = self.world, self.begins
        struck = np.zeros(int(begins[-1]), np.bool_)
        for i in reach.sites:
            struck[begins[i] : begins[i + 1]] = True
        for j, lane in enumerate(world.lanes):
            if j in reach.lanes or (lane.supplier >= 0 and lane.supplier in reach.suppliers):
                struck[begins[lane.destination] + lane.into] = True
        feeding = [lane for lane in world.lanes if lane.origin >= 0]
        feeding.sort(key=lambda lane: -world.sites[lane.origin].depth)
        for lane in feeding:
            into = begins[lane.destination] + lane.into
            struck[into] |= struck[begins[lane.origin] + lane.out_of]
        return struck


def share_rows(touched: Sequence[Places], n_components: int) -> tuple[list[int], int]:
    """Return a row for each node such that no two nodes of a row share a component.

    Nodes with many components choose first, each the first row that is free for it (greedy
    colouring): one row then stands for the loss of all its nodes, each felt only by its own goods.

    Parameters
    ----------
    touched : components that each node touches
    """
    order = sorted(range(len(touched)), key=lambda node: (-len(touched[node]), node))
    taken: list[Flags] = []
    row_of = [0] * len(touched)
    for node in order:
        free = (row for row, used in enumerate(taken) if not used[touched[node]].any())
        row = next(free, len(taken))
        if row == len(taken):
            taken.append(np.zeros(n_components, np.bool_))
        taken[row][touched[node]] = True
        row_of[node] = row
    return row_of, len(taken)
