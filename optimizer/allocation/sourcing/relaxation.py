"""What would let a piece ship that stays: the fewest limits, then the least of them, then money."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.blocks import quotes_for, whole_stock
from optimizer.allocation.sourcing.ledger import UNITS, Ledger
from optimizer.allocation.sourcing.placement import parcels_of
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints

ALONE, BEYOND, JOINED = 0, 1, 2  # in a parcel of its own, by a carrier that is full, with its order
CENT = 0.005  # money up to which a cost counts as its penalty


def missing_units(problem: SourcingProblem, left: Ints, stock: Floats) -> Floats:
    """Return the units that each site lacks for each piece, (n_sites, n_left).

    Parameters
    ----------
    stock : (n_sites, n_columns) float64, what a line may use of each column
    """
    missing = np.zeros((problem.n_sites, len(left)))
    for parts in problem.pieces.parts:
        found = np.minimum(np.searchsorted(parts.piece, left), len(parts.piece) - 1)
        at = np.flatnonzero(parts.piece[found] == left)
        found = found[at]
        missing[:, at] += np.maximum(0.0, parts.qty[found] - stock[:, parts.column[found]])
    return np.where(missing > UNITS, missing, 0.0)


class Relaxation:
    """Looks, out of what all orders left, for the smallest change that lets a piece ship.

    A piece lacks stock or room at a site, a carrier that has room for its parcel, or a penalty
    that is worth what sending it costs. Of all sites and ways the one counts for which the fewest
    of these have to give way (another one rather than the penalty), then by the fewest units, then
    the cheapest.

    Parameters
    ----------
    ledger : after all orders are placed
    left : (n,) int64, pieces that stay

    Attributes
    ----------
    money : (n_groups, n_sites, n) float64, what a parcel of each alone costs; inf: no way
    missing, narrow : (n_sites, n) float64, units of stock and of room that the site lacks
    site, way : (n,) int64, the smallest change: where, and ALONE, BEYOND or JOINED
    steps : (n,) int64, how many limits have to give way; 0: it could ship
    cost : (3, n_sites, n) float64, money of sending it by each way; inf where it cannot be
    mate : (n_sites, n) int64, a piece of the parcel that it would join; -1 for none
    """

    def __init__(self, ledger: Ledger, left: Ints) -> None:
        problem, pieces = ledger.problem, ledger.problem.pieces
        self.ledger, self.problem, self.left = ledger, problem, left
        order, units = pieces.order[left], pieces.units[left]
        goods = problem.goods_of(left, np.arange(len(left)), len(left))
        money = quotes_for(problem, order).by_group(
            pieces.kg[left], pieces.m3[left], pieces.loss[left] - goods, problem.n_groups
        )
        self.money = money = money + problem.handling[:, None] * units + goods
        self.missing = missing = missing_units(problem, left, whole_stock(problem, ledger.stock))
        self.day = problem.orders.day[order]
        self.narrow = units - ledger.room[:, self.day]
        self.narrow[self.narrow <= UNITS] = 0.0
        full = ledger.parcels[:, self.day] < 1.0
        beyond = np.where(full[:, None], money, np.inf)
        self.carrier = beyond.argmin(axis=0)
        alone = np.where(full[:, None], np.inf, money).min(axis=0)
        self.cost = np.stack([alone, beyond.min(axis=0), self._joining(order)])
        self.way = self.site = self.steps = np.zeros(len(left), np.int64)
        if not problem.n_sites:
            return
        self.dear = self.cost >= pieces.penalty[left] - CENT
        lacks = (missing > 0.0).astype(np.int64) + (self.narrow > 0.0)
        steps = np.where(np.isfinite(self.cost), lacks + self.dear, len(self.cost) + 2)
        steps[BEYOND] += 1
        units = np.broadcast_to(missing + self.narrow, steps.shape)
        best = np.ones(steps.shape, bool)
        for key in (steps, self.dear, units, self.cost):
            least = np.where(best, key, np.inf)
            best &= least <= least.min(axis=(0, 1))
        self.way, self.site = np.divmod(best.reshape(-1, len(left)).argmax(axis=0), problem.n_sites)
        self.steps = steps[self.way, self.site, np.arange(len(left))]

    def _joining(self, order: Ints) -> Floats:
        """Return what each piece adds to the cheapest parcel of its order, (n_sites, n)."""
        problem, pieces = self.problem, self.problem.pieces
        parcels = parcels_of(problem, self.ledger.placement)
        by_order = np.argsort(parcels.order, kind="stable")
        first = np.searchsorted(parcels.order[by_order], order)
        count = np.searchsorted(parcels.order[by_order], order, side="right") - first
        at = np.repeat(np.arange(len(order)), count)
        rank = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
        parcel = by_order[first[at] + rank]
        piece, site, pair = self.left[at], parcels.site[parcel], np.arange(len(at))
        goods = problem.goods_of(piece, pair, len(at), site)
        after = quotes_for(problem, order[at]).by_group(
            parcels.kg[parcel] + pieces.kg[piece],
            parcels.m3[parcel] + pieces.m3[piece],
            parcels.loss[parcel] + pieces.loss[piece] - parcels.goods[parcel] - goods,
            problem.n_groups,
        )[problem.tariff.group[parcels.row[parcel]], site, pair]
        before = parcels.money + parcels.late + parcels.co2 + parcels.risk
        more = after - before[parcel] + problem.handling[site] * pieces.units[piece] + goods
        result = np.full((problem.n_sites, len(order)), np.inf)
        np.minimum.at(result, (site, at), more)
        self.mate = np.full(result.shape, -1, np.int64)
        cheapest = more <= result[site, at]
        inside = np.full(len(parcels.order), -1, np.int64)
        shipped = np.flatnonzero(parcels.of_piece >= 0)
        inside[parcels.of_piece[shipped]] = shipped
        self.mate[site[cheapest], at[cheapest]] = inside[parcel[cheapest]]
        return result

    def here(self, at: int) -> tuple[float, bool]:
        """Return the least cost of sending a piece that lacks but money, and if it joins."""
        lacks = (self.missing[:, at] > 0.0) | (self.narrow[:, at] > 0.0)
        cost = np.where(lacks, np.inf, self.cost[[ALONE, JOINED], :, at]).min(axis=1)
        return float(cost.min()), bool(cost[1] < cost[0])

    def asked(self, at: int) -> float:
        """Return money of sending a piece by its smallest change; NaN where no way has a price."""
        cost = float(self.cost[self.way[at], self.site[at], at])
        return cost if np.isfinite(cost) else float("nan")

    def told(self, at: int, what: str) -> str:
        """Say what has to change for a piece to ship.

        Parameters
        ----------
        what : the goods, as in "of P"
        """
        site, way = int(self.site[at]), int(self.way[at])
        cost, dear = float(self.cost[way, site, at]), bool(self.dear[way, site, at])
        steps = self.lacking(at, site, what)
        if way == BEYOND:
            carrier = self.problem.resources.carrier_id[self.carrier[site, at]]
            steps.append(f"one more parcel by {carrier} on {self._day(at)}")
        if dear:
            steps.append(f"a penalty above {cost:.2f}")
        told = ", ".join(steps)
        if dear or not self.missing[site, at] > 0.0:
            return told
        return f"{told} (ships for {cost:.2f}{' with its order' if way == JOINED else ''})"

    def lacking(self, at: int, site: int, what: str) -> list[str]:
        """Say what stock and which room a site lacks for a piece."""
        name = self.problem.site_ids[site]
        stock, room = float(self.missing[site, at]), float(self.narrow[site, at])
        steps = [f"{stock:g} more {what} at {name}"] if stock > 0.0 else []
        if room > 0.0:
            units = f"{room:g} more unit{'' if room == 1.0 else 's'}"
            steps.append(f"room for {units} at {name} on {self._day(at)}")
        return steps

    def nearest(self, at: int, sites: Ints, days: Floats | None = None) -> int:
        """Return which of some sites lacks the fewest things, is soonest, and lacks least.

        Parameters
        ----------
        days : (n_sites,) float64, that each site takes; None: does not matter
        """
        stock, room = self.missing[sites, at], self.narrow[sites, at]
        lacks = (stock > 0.0).astype(np.int64) + (room > 0.0)
        soon = np.zeros(len(sites)) if days is None else days[sites]
        return int(sites[np.lexsort((sites, stock + room, soon, lacks))[0]])

    def _day(self, at: int) -> str:
        return str(self.problem.days[self.day[at]])
