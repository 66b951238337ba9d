"""Design by product group: sites by cuts, flows group by group at prices of shared limits.

Benders' decomposition (Benders 1962). A cut holds whatever prices it was made at, so prices need
not be right, only good; the sites' problem over the cuts is bounded by `certify`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.network.certify import certify
from optimizer.allocation.network.effort import CELLS_PER_WORK, Effort
from optimizer.allocation.network.groups import Cut, Groups
from optimizer.allocation.network.model import Model, first_costs, holding_cost, site_rows
from optimizer.allocation.network.problem import Flags, Floats
from optimizer.allocation.network.ship_groups import SOURCES, ship
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import TOLERANCE, LinearProblem, Rows
from optimizer.outcome import OPTIMAL_GAP

ROUNDING = 1e-9  # of the bound; what sums and small reduced costs may add
ROOT_ROUNDS, SETS = 80, 500  # cuts at points in 0..1, and sets of sites that are shipped
CLOSE = 1e-4  # relative; the relaxation is done
PRICE_STEPS = 3  # of the limits' prices at each point
STEP, SHRINK = 0.1, 0.8  # of a mean unit's worth
CENTRE = 0.5  # weight of the steady point in where cuts are made
SORTS = 4.0  # passes over all sites and demands that one cut takes
SHARE_FOR_FLIPS = 0.5  # of what is left, for closing and opening sites one at a time
SHARE_FOR_SITES = 0.2  # of what is left of the limits, for the sites' problem


@dataclass(frozen=True, slots=True)
class Found:
    """Best solution, bound (infinite: no sites keep the limits), whether all was searched."""

    x: Floats | None
    bound: float
    finished: bool


def decompose(model: Model, start: Floats | None, effort: Effort, *, today: bool) -> Found:
    """Search sets of sites until the cuts prove the best of them, or a limit strikes.

    Parameters
    ----------
    model : by expected cost, without single sources
    start : (n_columns,) a solution that keeps all rows, or None
    today : sites are as they are; limits on them are left out
    """
    search = _Search(model, start, effort, today=today)
    if search.is_free.any():
        search.relax()
    finished = search.run()
    bound = search.bound if finished or np.isfinite(search.bound) else search.least()
    return Found(search.best, bound, finished)


class _Search:
    def __init__(self, model: Model, start: Floats | None, effort: Effort, *, today: bool) -> None:
        self._model, self._effort, self._today = model, effort, today
        self._groups = [Groups(model, case) for case in range(len(model.x))]
        self._prices = [np.zeros(len(group.room)) for group in self._groups]
        self._sizes = [_money_per_limit(group) for group in self._groups]
        self._cuts: list[tuple[float, Floats]] = []
        self._lower = model.problem.lower[model.y]
        self._upper = model.problem.upper[model.y]
        self.is_free: Flags = self._upper > self._lower
        self.best = start
        self.cost = np.inf if start is None else model.problem.objective(start)
        self.bound = -np.inf
        self._step = STEP
        self._cells = SORTS * sum(len(g.demand) * (g.s + 1) for g in self._groups)
        self._cut(self._upper, self._prices)

    def relax(self) -> None:
        """Cut where the relaxed sites' problem leans, drawn towards a steady point."""
        centre, best = 0.5 * (self._lower + self._upper), np.inf
        for done in range(ROOT_ROUNDS):
            if self._effort.over():
                return
            problem, scale = self._sites_problem()
            outcome = solve_linear(problem.relaxed(), self._effort.part(SHARE_FOR_SITES))
            self._effort.add(outcome.work)
            if outcome.solution is None or outcome.objective is None:
                return
            y = np.clip(outcome.solution.x[: len(self._upper)], self._lower, self._upper)
            point = CENTRE * centre + (1.0 - CENTRE) * y if done % 4 else y
            first = first_costs(self._model.network)[0]
            flows = scale * outcome.solution.x[-1]
            others = scale * outcome.objective - flows + float(first @ (point - y))
            reached = self._step_prices(point) + others
            if reached < best:
                best, centre = reached, point
            self._effort.limits.progress("network", 0.5 * done / ROOT_ROUNDS, "cuts")
            if best - outcome.objective * scale <= CLOSE * abs(best):
                return

    def run(self) -> bool:
        """Ship the sets of sites that the cuts propose; return whether the best is proven."""
        shipped: dict[bytes, int] = {}
        while True:
            if self._effort.over():
                return False
            problem, scale = self._sites_problem()
            inner = Effort(self._effort.part(SHARE_FOR_SITES))
            x, bound, searched = certify(problem, None, inner)
            self._effort.add(inner.spent)
            if x is None and searched and not np.isfinite(bound):
                self.bound = np.inf
                return True
            self.bound = max(self.bound, bound * scale - ROUNDING * abs(bound * scale))
            if self._proven():
                return True
            if x is None:
                return False
            is_open = x[: len(self._upper)] > 0.5
            times = shipped.get(is_open.tobytes(), 0)
            if times == 2 or len(shipped) >= SETS:
                return False
            shipped[is_open.tobytes()] = times + 1
            # asked for again, its cut was not tight: ship over all ways
            before = self.cost
            if not self._ship(is_open, SOURCES if times == 0 else len(is_open)):
                return False
            if len(self._model.network.periods) > 1 and self.cost < before:
                self._flip()
            if self._proven():
                return True

    def _flip(self) -> None:
        """Open or close one site at a time while that pays; cuts rule out most flips unseen.

        By period, capacities bind in some and not in others: cuts made at sets that nobody would
        open say little of the good ones, and those made here do.
        """
        over = self._effort.spell(SHARE_FOR_FLIPS)
        tried: set[bytes] = set()
        while self.best is not None and not over():
            cost = self.cost
            here = self.best[self._model.y] > 0.5
            sets = [here ^ (np.arange(len(here)) == site) for site in np.flatnonzero(self.is_free)]
            for least, is_open in sorted(
                ((self._least_with(is_open), is_open) for is_open in sets), key=lambda pair: pair[0]
            ):
                if least >= cost or over():
                    return
                if is_open.tobytes() in tried:
                    continue
                tried.add(is_open.tobytes())
                if not self._ship(is_open, SOURCES):
                    return
                if self.cost < cost:
                    break
            else:
                return

    def _least_with(self, is_open: Flags) -> float:
        """Return what the cuts prove that a set of sites costs at least."""
        network = self._model.network
        site_cost, closing = first_costs(network)
        y = is_open.astype(np.float64)
        flows = max(constant - float(slope @ y) for constant, slope in self._cuts)
        points = int((is_open & network.sites.stocks).sum())
        holding = holding_cost(network, points) if len(self._model.z) else 0.0
        return closing + float(site_cost @ y) + holding + flows

    def least(self) -> float:
        """Return what single cuts prove where there was no time for the sites' problem."""
        site_cost, closing = first_costs(self._model.network)
        worth = []
        for constant, slope in self._cuts:
            opening = site_cost - slope
            at = np.where(opening > 0.0, self._lower, self._upper)
            worth.append(closing + constant + float(opening @ at))
        best = max(worth)
        return best - ROUNDING * abs(best)

    def _proven(self) -> bool:
        gap = self.cost - self.bound
        return bool(np.isfinite(self.cost)) and gap <= OPTIMAL_GAP * abs(self.cost)

    def _ship(self, is_open: Flags, sources: int) -> bool:
        """Ship every future from a set of sites, keep what is best, and cut there."""
        model, network = self._model, self._model.network
        x = np.zeros(len(model.problem.cost))
        x[model.y] = is_open
        if len(model.z):
            x[model.z[int((is_open & network.sites.stocks).sum())]] = 1.0
        prices = []
        for case, group in enumerate(self._groups):
            found = ship(group, is_open, self._prices[case], self._effort, sources)
            if found is None:
                return False
            x[model.x[case]], x[model.u[case]], price = found
            prices.append(price)
        self._cut(is_open.astype(np.float64), prices)
        self._prices = prices
        x = np.clip(x, model.problem.lower, model.problem.upper)
        cost = model.problem.objective(x)
        if cost < self.cost and model.problem.violation(x) <= TOLERANCE:
            self.best, self.cost = x, cost
        return True

    def _step_prices(self, y: Floats) -> float:
        """Raise prices of limits that are broken, lower the others; return the best cut's value."""
        value = -np.inf
        prices = self._prices
        for _ in range(PRICE_STEPS):
            made = self._cut(y, prices)
            worth = sum(cut.at(y) for cut in made)
            if worth > value:
                value, self._prices = worth, prices
            else:
                self._step *= SHRINK
            if all((cut.over <= 0.0).all() for cut in made) and not any(p.any() for p in prices):
                break
            prices = [
                np.maximum(price + self._step * size * np.clip(cut.over, -1.0, 1.0), 0.0)
                for price, size, cut in zip(prices, self._sizes, made, strict=True)
            ]
        return value

    def _cut(self, y: Floats, prices: list[Floats]) -> list[Cut]:
        made = [group.cut(y, price) for group, price in zip(self._groups, prices, strict=True)]
        slope: Floats = np.sum([cut.slope for cut in made], axis=0)
        self._cuts.append((sum(cut.constant for cut in made), slope))
        self._effort.add(self._cells / CELLS_PER_WORK)
        return made

    def _sites_problem(self) -> tuple[LinearProblem, float]:
        """Return the problem over y, z and what all flows cost at least, and its unit of money."""
        model, network = self._model, self._model.network
        s, nz = len(model.y), len(model.z)
        constants = np.array([constant for constant, _ in self._cuts])
        slopes = np.array([slope for _, slope in self._cuts])
        site_cost, closing = first_costs(network)
        scale = max(1.0, float(np.abs(constants).max())) / 1000.0
        least = float((constants - slopes.clip(min=0.0).sum(axis=1)).max()) / scale
        steps = np.array([holding_cost(network, points) for points in range(nz)])
        n = s + nz + 1
        rows = Rows()
        site_rows(network, rows, s + np.arange(nz), today=self._today)
        many = len(constants)
        rows.add(
            np.repeat(np.arange(many), s + 1),
            np.tile(np.append(np.arange(s), n - 1), many),
            np.column_stack([slopes / scale, np.ones(many)]).ravel(),
            constants / scale,
            np.full(many, np.inf),
        )
        problem = rows.problem(
            np.concatenate([site_cost / scale, steps / scale, [1.0]]),
            np.concatenate([self._lower, np.zeros(nz), [least]]),
            np.concatenate([self._upper, np.ones(nz), [np.inf]]),
            np.append(np.ones(n - 1, bool), False),
            closing / scale,
        )
        return problem, scale


def _money_per_limit(groups: Groups) -> Floats:
    """Return what a unit of each limit may be worth: mean cost of a unit over mean load."""
    serving = groups.ways.want >= 0
    mean = float(groups.unit[serving].mean()) if serving.any() else 0.0
    count = np.diff(groups.load.indptr)
    total = groups.load.sum(axis=1)
    used = total > 0.0
    size: Floats = np.where(used, mean * count / np.where(used, total, 1.0), 0.0)
    return size
