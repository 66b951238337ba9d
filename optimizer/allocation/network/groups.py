"""What flows cost by product group once shared limits have prices: cuts on the sites.

Products share nothing but sites and limits. At prices of the limits each finds its own cheapest
chain, and what that says about every set of sites is one linear cut (Benders 1962; Geoffrion 1972).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from optimizer.allocation.network.model import Model, case_costs
from optimizer.allocation.network.problem import Flags, Floats, Ints

PASSABLE = 1e-6  # a site opened that far passes goods on to others
SURE = 1.0 - 1e-12


@dataclass(frozen=True, slots=True)
class Cut:
    """What all flows cost at least: `constant` - `slope` y, for every y in 0..1.

    Attributes
    ----------
    slope : (s,) money that opening a site saves at most
    flow : (n_ways,) units at the point where the cut was made; they may break limits
    over : (n_limits,) by how much they do, in shares of each limit
    """

    constant: float
    slope: Floats
    flow: Floats
    over: Floats

    def at(self, y: Floats) -> float:
        """Return its value, money."""
        return self.constant - float(self.slope @ y)


class Groups:
    """The flows of one future, product by product; all arrays stay as read.

    Attributes
    ----------
    load : (n_limits, n_ways) sparse; what a unit on a way takes of each limit
    room : (n_limits,) what there is, of an open site where `site` (n_limits,) names one, else -1
    most : (n_ways,) units that a way carries at most
    penalty : (n_wants,) money per unit not served, and `unit` (n_ways,) per unit shipped, both
        times the future's probability
    """

    def __init__(self, model: Model, case: int) -> None:
        network = model.network
        self.network, self.ways, self.case = network, network.ways, case
        self.demand = network.demand[case]
        share = float(network.weight[case] / network.weight.sum())
        self.unit: Floats = share * case_costs(network)
        self.penalty: Floats = share * network.wants["penalty"].to_numpy(np.float64)
        self.s, self.p = len(network.sites.site_id), len(network.period)
        self._rounds = self.s + len(network.periods) - 1
        self.load, self.room, self.site = _limits(model, case)
        ways = self.ways
        usable = network.sites.may_open
        alive = ((ways.origin < 0) | usable[ways.origin]) & (
            (ways.destination < 0) | usable[ways.destination]
        )
        serving = np.flatnonzero((ways.want >= 0) & alive)
        cell = ways.want[serving] * self.s + ways.origin[serving]
        order = np.argsort(cell, kind="stable")
        self._serving, cell = serving[order], cell[order]
        self._first = np.flatnonzero(np.diff(cell, prepend=-1))
        self._cell = cell[self._first]
        self._group = np.cumsum(np.diff(cell, prepend=-1) > 0) - 1
        self.inward = np.flatnonzero((ways.destination >= 0) & alive)
        self._from = ways.origin[self.inward]
        self._to_key = ways.destination[self.inward] * self.p + ways.into[self.inward]
        self._from_key = np.maximum(self._from, 0) * self.p + ways.product[self.inward]
        self.most: Floats = network.most_units(self.demand)
        worth = np.zeros(self.p)
        np.maximum.at(worth, network.wants["product"].to_numpy(), self.penalty)
        later = worth.reshape(len(network.periods), -1)[::-1]  # goods may wait to be worth it
        worth = np.maximum.accumulate(later, axis=0)[::-1].ravel()
        self._most = np.where(network.free, 0.0, worth[None, :]).ravel()

    def costs(self, y: Floats, price: Floats) -> tuple[Floats, Floats, Floats]:
        """Return money per unit at prices of the limits, with chains over the open sites.

        Returns
        -------
        unit : (n_ways,)
        value : (s * p,) of a unit of a product at a site; at most its penalty
        serve : (n_wants, s + 1) of serving from each site, all modes; the last of not serving
        """
        unit = self.unit + self.load.T @ price
        value = self._values(unit, y > PASSABLE)
        serving = self._serving
        origin_key = self.ways.origin[serving] * self.p + self.ways.product[serving]
        serve = np.full((len(self.demand), self.s + 1), np.inf)
        if len(serving):
            least = np.minimum.reduceat(unit[serving] + value[origin_key], self._first)
            serve[self._cell // self.s, self._cell % self.s] = least
        serve[:, -1] = self.penalty
        return unit, value, serve

    def cut(self, y: Floats, price: Floats) -> Cut:
        """Return the best cut at a point for given prices of the limits.

        Each demand is served from the cheapest sites, each no further than it is open; what the
        last one costs is the value of the demand, and sites that would be cheaper save the rest.

        Parameters
        ----------
        y : (s,) 0..1, how far each site is open
        price : (n_limits,) at least 0, money per unit of the limit
        """
        unit, value, serve = self.costs(y, price)
        order = np.argsort(serve, axis=1, kind="stable")
        opened = np.append(y, 1.0)[order]
        reached = np.cumsum(opened, axis=1)
        last = np.argmax(reached >= SURE, axis=1)
        rows = np.arange(len(serve))
        worth = serve[rows, order[rows, last]]
        saving = np.maximum(worth[:, None] - serve[:, :-1], 0.0)
        slope = self.demand @ saving
        inner = self._from >= 0
        pull = np.maximum(
            value[self._to_key] - value[self._from_key] - unit[self.inward], 0.0
        ) * np.where(inner, self.most[self.inward], 0.0)
        slope += np.bincount(self._from[inner], pull[inner], minlength=self.s)
        own = self.site >= 0
        slope += np.bincount(self.site[own], (price * self.room)[own], minlength=self.s)
        constant = float(self.demand @ worth) - float((price * self.room)[~own].sum())
        share = np.clip(1.0 - (reached - opened), 0.0, opened)
        served = np.zeros_like(serve)
        np.put_along_axis(served, order, share, axis=1)
        flow = self._flow(unit, value, serve, served * self.demand[:, None], y > PASSABLE)
        room = self.room * np.where(own, y[np.maximum(self.site, 0)], 1.0)
        over = (self.load @ flow - room) / np.maximum(self.room, 1e-9)
        return Cut(constant, slope, flow, over)

    def _values(self, unit: Floats, passes: Flags) -> Floats:
        """Return the cheapest chain of each product to each site, by rounds (Bellman 1958)."""
        value = self._most.copy()
        cost = unit[self.inward]
        bought = self._from < 0
        np.minimum.at(value, self._to_key[bought], cost[bought])
        inner = np.flatnonzero(~bought & passes[np.maximum(self._from, 0)])
        for _ in range(self._rounds):
            before = value.copy()
            np.minimum.at(value, self._to_key[inner], before[self._from_key[inner]] + cost[inner])
            if (value == before).all():
                break
        return value

    def _flow(
        self, unit: Floats, value: Floats, serve: Floats, served: Floats, passes: Flags
    ) -> Floats:
        """Return units on each way when every product takes its cheapest chain."""
        flow = np.zeros(len(unit))
        ways, serving = self.ways, self._serving
        if not len(serving):
            return flow
        key = ways.origin[serving] * self.p + ways.product[serving]
        cell = self._cell[self._group]
        is_least = unit[serving] + value[key] <= serve[cell // self.s, cell % self.s]
        chosen = np.flatnonzero(is_least)
        chosen = chosen[np.diff(self._group[chosen], prepend=-1) > 0]
        at = self._cell[self._group[chosen]]
        flow[serving[chosen]] = served[at // self.s, at % self.s]
        need = np.bincount(key, flow[serving], minlength=self.s * self.p).astype(np.float64)
        able = np.flatnonzero((self._from < 0) | passes[np.maximum(self._from, 0)])
        reach = unit[self.inward[able]] + np.where(
            self._from[able] >= 0, value[self._from_key[able]], 0.0
        )
        order = np.lexsort((reach, self._to_key[able]))
        first = order[np.diff(self._to_key[able][order], prepend=-1) > 0]
        feeder = np.full(self.s * self.p, -1, np.int64)
        feeder[self._to_key[able][first]] = able[first]
        feeder[self.network.free.ravel()] = -1
        for _ in range(self._rounds):
            short = np.flatnonzero((need > 0.0) & (feeder >= 0))
            if not len(short):
                break
            way, units = feeder[short], need[short]
            flow[self.inward[way]] += units
            need = np.zeros_like(need)
            again = self._from[way] >= 0
            np.add.at(need, self._from_key[way[again]], units[again])
        return flow


def _limits(model: Model, case: int) -> tuple[csr_array, Floats, Ints]:
    """Read what the futures' limits load, and how much room they have, off the problem's rows."""
    problem, many = model.problem, len(model.limit_rows) // len(model.x)
    s, first, ways = len(model.y), int(model.x[case, 0]), model.x.shape[1]
    room, site = np.zeros(many), np.full(many, -1, np.int64)
    rows, columns, values = [], [], []
    for at, limit in enumerate(model.limit_rows[case * many : (case + 1) * many]):
        row = limit.row
        entries = slice(int(problem.row_start[row]), int(problem.row_start[row + 1]))
        column, value = problem.column[entries], problem.value[entries]
        flows = column >= first
        rows.append(np.full(int(flows.sum()), at))
        columns.append(column[flows] - first)
        values.append(value[flows])
        room[at] = problem.row_upper[row]
        if (column < s).any():
            site[at], room[at] = int(column[column < s][0]), -float(value[column < s][0])
    if not many:
        return csr_array((0, ways)), room, site
    at_cells = (np.concatenate(rows), np.concatenate(columns))
    return csr_array((np.concatenate(values), at_cells), shape=(many, ways)), room, site
