"""Orders of many pieces: a valid lower bound, and a good way to send them."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import Catalogue, quotes_for
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints

SHARE_STEP = 0.3  # how fast the pieces' shares of a parcel's fixed money follow the choice


class LargeOrders:
    """Orders that are too large for all their subsets to be priced.

    A parcel from a site costs at least ``fixed + sum of linear`` of its pieces. For the bound, the
    fixed money is shared out among the pieces that could be in the parcel (shares add up to it), so
    that each piece can choose for itself; the shares follow the choices, as in the dual ascent of
    facility location (Erlenkotter 1978).

    Parameters
    ----------
    problem, catalogue : the orders in `catalogue.large` are taken
    """

    def __init__(self, problem: SourcingProblem, catalogue: Catalogue) -> None:
        self.problem = problem
        self.orders = catalogue.large
        first = problem.orders.first_piece
        self.first_piece = int(first[self.orders[0]]) if len(self.orders) else problem.n_pieces
        self.starts = first[self.orders] - self.first_piece
        self.size = np.diff(first)[self.orders]
        self.of_piece = np.repeat(np.arange(len(self.orders)), self.size)
        pieces = problem.pieces
        self.pieces = np.arange(self.first_piece, problem.n_pieces)
        quotes = quotes_for(problem, self.orders[self.of_piece])
        alone = quotes.by_group(
            pieces.kg[self.pieces], pieces.m3[self.pieces], pieces.loss[self.pieces], 1
        )[0]
        able = catalogue.able[:, self.first_piece :] & np.isfinite(alone)
        self.fixed, slope = self._lower_rates()
        units, kg = pieces.units[self.pieces], pieces.kg[self.pieces]
        self.linear = slope[:, self.of_piece] * kg + problem.handling[:, None] * units
        if problem.goods is not None:
            self.linear += problem.goods[:, self.first_piece :]
        self.linear[~able] = np.inf
        self.share = self._normal(able.astype(np.float64))
        self.chosen = np.full(len(self.pieces), LEFT, np.int64)

    def _lower_rates(self) -> tuple[Floats, Floats]:
        """Return fixed money and money per kg that no parcel of an order undercuts.

        With what stands beside it, a row costs at least its base, and at least base - per_kg x
        included + per_kg x kg; the least of the latter over rows is concave in kg, hence above its
        chord from 0 to all kg of the order.

        Returns
        -------
        fixed, slope : (n_sites, n_large) float64
        """
        problem, tariff = self.problem, self.problem.tariff
        quotes = quotes_for(problem, self.orders)
        kg = problem.pieces.kg
        total = np.array(
            [kg[first : first + size].sum() for first, size in self._spans()], np.float64
        )
        shape = (problem.n_sites, len(self.orders))
        base, at_none, at_all = (np.full(shape, np.inf) for _ in range(3))
        aside = quotes.beside if quotes.tolls is None else quotes.beside + quotes.tolls
        for row, beside in zip(quotes.rows, aside, strict=True):
            none = tariff.base[row] - tariff.per_kg[row] * tariff.included_kg[row] + beside
            np.minimum(base, tariff.base[row] + beside, out=base)
            np.minimum(at_none, none, out=at_none)
            np.minimum(at_all, none + tariff.per_kg[row] * total, out=at_all)
        served = np.isfinite(base)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = np.where(served & (total > 0.0), (at_all - at_none) / total, 0.0)
            middle = at_none + slope * total / 2.0
        chord = served & (at_none >= 0.0) & (middle >= base)
        return np.where(chord, at_none, base), np.where(chord, slope, 0.0)

    def _spans(self) -> list[tuple[int, int]]:
        return list(zip((self.starts + self.first_piece).tolist(), self.size.tolist(), strict=True))

    def _normal(self, weight: Floats) -> Floats:
        """Scale weights so that the shares of each order and site add up to its fixed money."""
        if not len(self.orders):
            return weight
        total = np.add.reduceat(weight, self.starts, axis=1)
        fixed = np.where(np.isfinite(self.fixed), self.fixed, 0.0)
        factor = fixed / np.where(total > 0.0, total, 1.0)
        result: Floats = weight * factor[:, self.of_piece]
        return result

    def relaxed(self, price: Floats, placement: Placement) -> Floats:
        """Return a lower bound on each order's money at given prices of its pieces.

        Parameters
        ----------
        price : (n_sites, n_pieces) float64
        placement : its large pieces are set to the sites that they choose
        """
        if not len(self.orders):
            return np.empty(0)
        cost = self.linear + self.share + price[:, self.first_piece :]
        site = cost.argmin(axis=0)
        least = np.take_along_axis(cost, site[None], axis=0)[0]
        drop = self.problem.pieces.penalty[self.pieces]
        ships = least < drop
        placement.site[self.pieces] = np.where(ships, site, LEFT)
        value: Floats = np.add.reduceat(np.where(ships, least, drop), self.starts)
        self.chosen = np.where(ships, site, LEFT)
        return value

    def learn(self) -> None:
        """Let the shares follow the last choices: a piece that chose a site bears more there."""
        chosen = np.flatnonzero(self.chosen != LEFT)
        if len(chosen):
            weight = self.share.copy()
            weight[self.chosen[chosen], chosen] *= 1.0 + SHARE_STEP
            self.share = self._normal(weight)

    def send(
        self, number: int, price: Floats, toll: Floats | None
    ) -> tuple[float, Ints, Ints, Ints]:
        """Find a good way to send one order.

        Sites are added one by one, the one that saves most first; a site that has become
        superfluous is dropped; what one site ships is packed first-fit decreasing into as few
        parcels as its heaviest rate allows; a parcel that costs more than its penalties stays.

        Parameters
        ----------
        number : position in `orders`
        price : (n_sites, size) float64; inf bars a site
        toll : (n_groups,) float64, inf bars a carrier limit; None: nothing to pay

        Returns
        -------
        value, site, label, group : as in `Choice`, for this order
        """
        first, size = self._spans()[number]
        span = slice(first - self.first_piece, first - self.first_piece + size)
        drop = self.problem.pieces.penalty[first : first + size]
        cost = self.linear[:, span] + price
        opened = _open_sites(cost, self.fixed[:, number], drop)
        site = np.full(size, LEFT, np.int64)
        label = np.arange(size)
        group = np.zeros(size, np.int64)
        value = 0.0
        least = np.full(size, np.inf)
        for place in opened:
            better = cost[place] < least
            least[better], site[better] = cost[place][better], place
        site[least >= drop] = LEFT
        for place in opened:
            for parcel in self._pack(number, first, np.flatnonzero(site == place), place):
                money, of_group = self._parcel(number, first + parcel, place, toll)
                paid = money + float(price[place, parcel].sum())
                if paid >= drop[parcel].sum():
                    site[parcel] = LEFT
                    continue
                value += paid
                label[parcel], group[parcel] = parcel.min(), of_group
        return value + float(drop[site == LEFT].sum()), site, label, group

    def paid(
        self,
        number: int,
        now: tuple[list[int], list[int], list[int]],
        price: Floats,
        toll: Floats,
    ) -> float:
        """Return what one order costs as it is placed, prices included.

        Parameters
        ----------
        now : site, label and group of its pieces
        price : (n_sites, size) float64
        toll : (n_groups,) float64
        """
        first, size = self._spans()[number]
        drop = self.problem.pieces.penalty[first : first + size]
        site, label, group = (np.array(part) for part in now)
        value = float(drop[site == LEFT].sum())
        for head in np.unique(label[site != LEFT]).tolist():
            parcel = np.flatnonzero((label == head) & (site != LEFT))
            place, limit = int(site[head]), int(group[head])
            only = np.full(len(toll), np.inf)
            only[limit] = toll[limit]
            money, _ = self._parcel(number, first + parcel, place, only)
            value += money + float(price[place, parcel].sum())
        return value

    def _pack(self, number: int, first: int, members: Ints, place: int) -> list[Ints]:
        """Pack pieces first-fit decreasing into parcels that some rate holds."""
        quotes = quotes_for(self.problem, self.orders[number : number + 1])
        row = quotes.rows[:, place, 0]
        open_rows = row[(row >= 0) & np.isfinite(quotes.beside[:, place, 0])]
        if not len(members) or not len(open_rows):
            return []
        most = float(self.problem.tariff.upto_kg[open_rows].max())
        kg = self.problem.pieces.kg[first + members]
        parcels: list[list[int]] = []
        load: list[float] = []
        for member in np.lexsort((members, -kg)).tolist():
            weight = float(kg[member])
            for at, so_far in enumerate(load):
                if so_far + weight <= most:
                    parcels[at].append(int(members[member]))
                    load[at] += weight
                    break
            else:
                parcels.append([int(members[member])])
                load.append(weight)
        return [np.array(sorted(parcel)) for parcel in parcels]

    def _parcel(
        self, number: int, pieces: Ints, place: int, toll: Floats | None
    ) -> tuple[float, int]:
        """Return all money of one parcel, toll included, and its carrier limit."""
        problem = self.problem
        quotes = quotes_for(problem, self.orders[number : number + 1])
        kg = problem.pieces.kg[pieces].sum(keepdims=True)
        m3 = problem.pieces.m3[pieces].sum(keepdims=True)
        goods = 0.0 if problem.goods is None else float(problem.goods[place, pieces].sum())
        loss = problem.pieces.loss[pieces].sum(keepdims=True) - goods
        money = quotes.by_group(kg, m3, loss, problem.n_groups)[:, place, 0]
        if toll is not None:
            money = money + toll
        group = int(money.argmin())
        units = float(problem.pieces.units[pieces].sum())
        return float(money[group]) + float(problem.handling[place]) * units + goods, group


def _open_sites(cost: Floats, fixed: Floats, drop: Floats) -> list[int]:
    """Choose the sites that an order uses: add the best saving, drop what became superfluous."""
    least = drop.copy()
    opened: list[int] = []
    while True:
        saving = np.maximum(0.0, least - cost).sum(axis=1) - fixed
        saving[opened] = -np.inf
        best = int(saving.argmax())
        if not saving[best] > 0.0:
            break
        opened.append(best)
        least = np.minimum(least, cost[best])
    for place in opened.copy():
        others = [other for other in opened if other != place]
        without = np.minimum(drop, cost[others].min(axis=0)) if others else drop
        if (without - least).sum() <= fixed[place]:
            opened.remove(place)
            least = without
    return sorted(opened)
