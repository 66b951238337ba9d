"""Order-level fulfilment: orders drawn to match the day's demand, served by the sourcing rule.

The units that the sites' customers ask for (surges and collapses included) say how many orders
there are: units / units of an average order, rounded at random. Each is one of the scenario's
orders with equal chances. Orders are served in turn from all sites
(:func:`simulation.kernels.fulfilment.fulfil`); shares kept for channels are not looked at.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Sums, Units
from simulation.docks import Docks
from simulation.kernels import rows as at
from simulation.kernels.fulfilment import TALLIES, fulfilment
from simulation.returning import Returning
from simulation.run import Run
from simulation.shelves import Shelves, site_weights
from simulation.streams import item_keys, mix_all, name_key, row_keys

LOW_BITS = np.uint64(0x7FFFFFFF)


class Ordering:
    """Orders of customers during one run.

    Attributes
    ----------
    asked : (R,) units that are asked for today
    """

    def __init__(self, run: Run, docks: Docks, shelves: Shelves, returning: Returning) -> None:
        self.run = run
        self.docks, self.shelves, self.returning = docks, shelves, returning
        self.book = run.world.orders
        self.asked: Sums = np.zeros(run.n_replications, np.int64)
        self.kernel = fulfilment(run.kernels.name)
        self.stream = name_key(run.seed, "orders")
        self.keys = item_keys([])
        if self.book is not None:
            run.state.orders = np.zeros((run.world.n_ticks, TALLIES, run.n_replications), np.int64)

    def collect(self, demand: Units) -> Units:
        """Note what customers of a site ask for; return the (R, K) demand that is left for it."""
        if self.book is None:
            return demand
        self.asked += demand.sum(axis=1, dtype=np.int64)
        return np.zeros_like(demand)

    def serve(self, tick: int) -> None:
        """Draw the orders of a tick and serve them."""
        book, run = self.book, self.run
        assert book is not None
        state, world = run.state, run.world
        counts, picks = self._drawn(tick)
        n_sites, n = len(world.sites), run.n_replications
        shape = (n_sites, n, len(world.product_ids))
        stock = np.full(shape, -1, np.int32)
        at_work = np.zeros((n_sites, n), np.bool_)
        room, parcels = np.zeros((2, n_sites, n), np.int64)
        for i, (site, held) in enumerate(zip(world.sites, state.sites, strict=True)):
            stock[i][:, site.product] = held.on_hand
            at_work[i] = ~run.conditions.stopped[i]
            room[i] = self.docks.outbound_left(i, tick)
            parcels[i] = self.docks.parcels_left(i, tick)
        issued, short = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
        self.kernel(
            counts, picks, book.begin, book.product, book.units, book.place, book.splits,
            book.ranks, book.punctual, at_work, room, parcels, stock, issued, short,
            np.zeros(n_sites, np.bool_), state.orders[tick],
        )  # fmt: skip
        for i, site in enumerate(world.sites):
            out = np.ascontiguousarray(issued[i][:, site.product])
            missing = np.ascontiguousarray(short[i][:, site.product])
            self._book(i, tick, out, missing)
        self.asked[...] = 0

    def _drawn(self, tick: int) -> tuple[Sums, Sums]:
        """Return the number of orders (R,) and which template each is (R, N)."""
        book = self.book
        assert book is not None
        keys = row_keys(self.stream, tick, self.run.state.replications)
        phase = (mix_all(keys) & LOW_BITS).astype(np.int64) % book.mean_units
        counts: Sums = ((self.asked << 16) + phase) // book.mean_units
        most = int(counts.max(initial=0))
        if most > len(self.keys):
            self.keys = item_keys([f"order {n}" for n in range(2 * most)])
        bits = mix_all(keys[:, None] + self.keys[None, :most]) & LOW_BITS
        picks: Sums = ((bits.astype(np.int64) * book.n_orders) >> 31).astype(np.int64)
        return counts, picks

    def _book(self, site: int, tick: int, out: Units, missing: Units) -> None:
        run = self.run
        held = run.state.sites[site]
        ledger = held.ledger[tick]
        sold, lacking = out.sum(axis=1, dtype=np.int64), missing.sum(axis=1, dtype=np.int64)
        held.on_hand -= out
        held.totals[at.T_DEMAND] += out + missing
        held.totals[at.T_SHORT] += missing
        held.exposed |= missing > 0
        ledger[at.DEMAND] += sold + lacking
        ledger[at.SERVED] += sold
        ledger[at.ISSUED] += sold
        ledger[at.SHORT] += lacking
        sums = np.empty((3, len(out)), np.int64)
        run.kernels.weigh(missing, site_weights(run.world, site), sums)
        ledger[at.SHORTAGE] += sums[at.BY_SHORTAGE]
        if not run.world.lost:
            held.backlog += missing
            ledger[at.BACKLOG] += lacking
        self.shelves.book(site, tick, out, -1)
        self.shelves.sell(site, tick, out)
        self.returning.send_back(site, tick, out)
