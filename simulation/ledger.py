"""What a case came to: daily service and sums of units and money, one value per replication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulation.arrays import Floats, Places, Sums
from simulation.conditions import Blow
from simulation.daily import daily_books
from simulation.kernels import rows as at
from simulation.kernels.fulfilment import TALLIES
from simulation.responses import Responses
from simulation.state import State
from simulation.watching import Watching
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Record:
    """Figures of one case over R replications, T ticks, S sites, P products.

    Attributes
    ----------
    demand, served : (T, R) units, all sites
    site_rows : (S, 16, R) int64, rows of :mod:`simulation.kernels.rows` summed over the ticks;
        units and fixed-point money
    product_demand, product_short : (P, R) units, all sites
    purchase, transport, ordering : (R,) money
    departures : (L, R) units per lane
    onset : (R,) first tick of any disruption, -1 where none strikes
    backlog, ordered : (T, R) units owed to customers at the end, and ordered, all sites
    response : (R,) money that playbooks cost
    destroyed_value : (S, R) int64, goods destroyed at cost, money in fixed point
    orders : (6, R) int64, tallies of orders; 0 without an order book
    channels : (C, 2, R) int64, units that customers of each channel asked for, and were granted
    days : (D, T, R) float64, rows of :data:`simulation.daily.DAILY`
    acted : (P, R) how often each step of the playbooks took effect
    watched : (M, 3, W, R) int64, what :class:`simulation.watching.Watch` asks for
    went_short : (C, S, T, R) int64, units of watched goods that went short, by cause
    """

    demand: Sums
    served: Sums
    site_rows: Sums
    product_demand: Sums
    product_short: Sums
    purchase: Floats
    transport: Floats
    ordering: Floats
    departures: Sums
    onset: Places
    backlog: Sums
    ordered: Sums
    destroyed_value: Sums
    response: Floats
    days: Floats
    orders: Sums
    channels: Sums
    acted: Places
    watched: Sums = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    went_short: Sums = field(default_factory=lambda: np.zeros((0, 0), np.int64))

    @property
    def n_replications(self) -> int:
        """Number of replications."""
        return int(self.demand.shape[1])


def close_books(
    world: World,
    state: State,
    blows: Sequence[Blow],
    responses: Responses | None = None,
    watching: Watching | None = None,
) -> Record:
    """Return the figures of a finished run."""
    n = len(state.replications)
    books = [held.ledger for held in state.sites]
    demand = np.zeros((world.n_ticks, n), np.int64)
    served = np.zeros((world.n_ticks, n), np.int64)
    backlog = np.zeros((world.n_ticks, n), np.int64)
    ordered = np.zeros((world.n_ticks, n), np.int64)
    product_demand = np.zeros((len(world.product_ids), n), np.int64)
    product_short = np.zeros((len(world.product_ids), n), np.int64)
    rows = np.zeros((len(world.sites), at.SITE_ROWS, n), np.int64)
    destroyed = np.zeros((len(world.sites), n), np.int64)
    for i, (site, held, book) in enumerate(zip(world.sites, state.sites, books, strict=True)):
        demand += book[:, at.DEMAND]
        served += book[:, at.SERVED]
        backlog += book[:, at.BACKLOG]
        ordered += book[:, at.ORDERED]
        rows[i] = book.sum(axis=0)
        worth = np.rint(site.value * world.money_scales[i][at.BY_VALUE]).astype(np.int64)
        destroyed[i] = held.totals[at.T_DESTROYED].astype(np.int64) @ worth
        # a cycle that is still open at the end counts as one
        asked = held.totals[at.T_DEMAND] > 0
        rows[i, at.CYCLES] += asked.sum(axis=1)
        rows[i, at.SHORT_CYCLES] += (asked & held.exposed).sum(axis=1)
        product_demand[site.product] += held.totals[at.T_DEMAND].T
        product_short[site.product] += held.totals[at.T_SHORT].T
    onset = np.full(n, -1, np.int64)
    for replication in range(n):
        begins = [row[0].begin for row in (blow.strikes[replication] for blow in blows) if row]
        if begins:
            onset[replication] = min(begins)
    return Record(
        demand=demand,
        served=served,
        site_rows=rows,
        product_demand=product_demand,
        product_short=product_short,
        purchase=_over_ticks(state.purchase),
        transport=_over_ticks(state.transport),
        ordering=_over_ticks(state.ordering),
        departures=np.stack([line.departures.sum(axis=0) for line in state.lanes])
        if state.lanes
        else np.zeros((0, n), np.int64),
        onset=onset,
        backlog=backlog,
        ordered=ordered,
        destroyed_value=destroyed,
        days=daily_books(world, state),
        orders=state.orders.sum(axis=0) if len(state.orders) else np.zeros((TALLIES, n), np.int64),
        channels=_by_channel(world, state),
        response=np.zeros(n) if responses is None else responses.spent,
        acted=np.stack(responses.times)
        if responses is not None and responses.times
        else np.zeros((0, n), np.int64),
        watched=np.zeros((0, 3, 0, n), np.int64) if watching is None else watching.close(),
        went_short=np.zeros((0, 0, 0, n), np.int64) if watching is None else watching.short,
    )


def _by_channel(world: World, state: State) -> Sums:
    names = world.channel_names
    units = np.zeros((len(names), 2, len(state.replications)), np.int64)
    for c, name in enumerate(names):
        for i in range(len(world.sites)):
            for row, what in enumerate(("asked", "granted")):
                units[c, row] += state.count_of(f"{what}:{name}", i).sum(axis=0)
    return units


def _over_ticks(money: Floats) -> Floats:
    """Add up tick after tick, so that the order, and so the last bit, is the same for any R."""
    total: Floats = np.add.accumulate(money, axis=0)[-1]
    return total


def join(parts: Sequence[Record]) -> Record:
    """Return the figures of several chunks as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    names = Record.__dataclass_fields__
    return Record(
        **{name: np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names}
    )
