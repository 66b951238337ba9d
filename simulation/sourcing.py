"""Several sources for one product-location: the split of its orders, and passing over who is out.

Shares are kept order by order, by largest remainder. A response may set `conditions.switching` for
a site: then a source that delivers nothing now (supplier or origin down, lane closed) is passed
over, and its share goes to the next source by rank. Orders that wait at it already stay there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulation.arrays import Flags, Places, Sums, Units
from simulation.run import Run
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Sources:
    """The SKUs of a site that have several sources.

    Attributes
    ----------
    lanes : (L,) the lanes in question
    columns : (M,) SKUs
    source : (S, M) place in `lanes` of each source by rank, -1 for none
    share : (S, M) in 1/65,536; least, multiple : (S, M) units
    cells : per lane: ranks, places in `columns`, columns on the lane
    """

    lanes: tuple[int, ...]
    columns: Places
    source: Places
    share: Sums
    least: Units
    multiple: Units
    cells: tuple[tuple[Places, Places, Places], ...]


def site_sources(world: World, site: int) -> Sources | None:
    """Return the SKUs of a site that have several sources; None where there are none."""
    lanes = tuple(j for j in world.in_lanes[site] if world.lanes[j].split is not None)
    if not lanes:
        return None
    rows: dict[int, list[tuple[int, int, int]]] = {}  # SKU -> (rank, place in lanes, column)
    for place, j in enumerate(lanes):
        lane = world.lanes[j]
        assert lane.split is not None
        for column in np.flatnonzero(lane.fed):
            rank = int(lane.split.rank[column])
            rows.setdefault(int(lane.into[column]), []).append((rank, place, int(column)))
    columns = np.array(sorted(rows), np.int64)
    shape = (max(len(listed) for listed in rows.values()), len(columns))
    source = np.full(shape, -1, np.int64)
    share = np.zeros(shape, np.int64)
    least = np.zeros(shape, np.int32)
    multiple = np.ones(shape, np.int32)
    cells: list[list[tuple[int, int, int]]] = [[] for _ in lanes]
    for m, sku in enumerate(columns.tolist()):
        for s, (_, place, at_column) in enumerate(sorted(rows[sku])):
            split = world.lanes[lanes[place]].split
            assert split is not None
            source[s, m], share[s, m] = place, split.share[at_column]
            least[s, m], multiple[s, m] = split.least[at_column], split.multiple[at_column]
            cells[place].append((s, m, at_column))
    return Sources(
        lanes, columns, source, share, least, multiple,
        tuple((*np.array(listed, np.int64).reshape(-1, 3).T,) for listed in cells),
    )  # fmt: skip


class Sourcing:
    """Splits the orders of sites over their sources during one run."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.sites = [site_sources(run.world, i) for i in range(len(run.world.sites))]
        self.parts = [
            None if each is None else np.zeros(
                (len(each.source), run.n_replications, len(each.columns)), np.int32
            )
            for each in self.sites
        ]  # fmt: skip

    def split(self, site: int) -> list[tuple[int, Places, Units]]:
        """Take the orders of SKUs with several sources and return lane, columns and units of each.

        The part of a source in an order is rounded up to its own least and multiple.
        """
        sources, parts = self.sites[site], self.parts[site]
        if sources is None or parts is None:
            return []
        held = self.run.state.sites[site]
        self.run.coupled.split_orders(
            held.orders, sources.columns, sources.source, sources.share, sources.least,
            sources.multiple, self._out(site, sources), parts, held.on_order,
        )  # fmt: skip
        return [
            (j, columns, np.ascontiguousarray(parts[ranks, :, places].T))
            for j, (ranks, places, columns) in zip(sources.lanes, sources.cells, strict=True)
        ]

    def _out(self, site: int, sources: Sources) -> Flags:
        """(L, R) sources to pass over: those that deliver nothing now, where that is a response."""
        conditions = self.run.conditions
        out = np.zeros((len(sources.lanes), self.run.n_replications), np.bool_)
        switching = conditions.switching[site]
        if not switching.any():
            return out
        for place, j in enumerate(sources.lanes):
            lane = self.run.world.lanes[j]
            if lane.supplier >= 0:
                down = conditions.supplier_share[lane.supplier] == 0
            else:
                down = conditions.stopped[lane.origin]
            out[place] = switching & (down | conditions.lane_closed[j])
        return out
