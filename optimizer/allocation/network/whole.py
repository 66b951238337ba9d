"""Branch and bound on whole customers: sites are filled by 0-1 knapsacks at prices of customers.

Where the sites are all but decided, the linear relaxation has little left to say; the Lagrangian
bound whose sites are filled with whole customers is much nearer to the truth (Geoffrion 1974).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.network.assign import assign
from optimizer.allocation.network.duals import ROUNDING, Prices
from optimizer.allocation.network.effort import TABLE_CELLS_PER_WORK, Effort
from optimizer.allocation.network.knapsack import Filling, fill, whole_units
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
)

FIRST_STEPS, LATER_STEPS = 60, 15
HARD_STEPS = 200  # of the first node, while the bound keeps rising
PATIENCE, SHRINK = 4, 0.6  # steps without a better bound before the step shrinks, and how far
MEMORY = 0.8  # of the running mean of what is served
DEFLECT = 0.6  # weight of the newest slope in the direction
STEP_WORK = 1e-4  # of one step besides its tables
ROUND_EVERY = 40  # parts between two attempts to make a solution


@dataclass(frozen=True, slots=True)
class Part:
    """Part of the problem; `bound` is proven for it.

    Attributes
    ----------
    price : (n,) money of serving each customer
    barred : (m, n) arcs that are not used in it
    opened, closed : (m,) sites held so
    """

    bound: float
    price: Floats
    barred: Flags
    opened: Flags
    closed: Flags


@dataclass(frozen=True, slots=True)
class Ascended:
    """A part after its ascent: sharper bound and bars, and where it leans.

    Attributes
    ----------
    part : with a better bound, better prices and more bars
    share : (m, n) running mean of what each site serves
    proven : what one step's prices prove by themselves; the part's bound may come from elsewhere
    adding : (m, n) by how much serving an arc lifts `proven`, at least
    worth : (m,) what opening each site costs at those prices
    """

    part: Part
    share: Floats
    proven: float
    adding: Floats
    worth: Floats


class WholeSearch:
    """The search for whole customers below a node whose sites are all but decided."""

    def __init__(self, problem: FacilityProblem, effort: Effort) -> None:
        self._problem, self._effort = problem, effort
        self._demand, self._room = whole_units(problem)
        self._fewest = problem.fewest_sites()
        finite = problem.serve_cost[np.isfinite(problem.serve_cost)]
        self._heavy = float(np.abs(finite).max(initial=0.0) + np.abs(problem.fixed_cost).max())
        self._cost = np.where(np.isfinite(problem.serve_cost), problem.serve_cost, 0.0)

    def run(
        self,
        start: Part,
        prices: Prices,
        cutoff: Callable[[], float],
        keep: Callable[[FacilitySolution | None], None],
        most_parts: int,
    ) -> tuple[float, bool]:
        """Search a part until it is closed, a limit strikes, or so many parts were seen.

        Parameters
        ----------
        prices : of room and of the count of sites; those of the customers stand in `start`
        cutoff : the bound at which a part is closed; sinks as solutions are kept

        Returns
        -------
        bound : proven for the part
        finished : whether all of it is closed
        """
        waiting: list[tuple[float, int, Part]] = []
        closed_bound, order = np.inf, 0
        part: Part | None = start
        for seen in range(most_parts):
            while part is None and waiting:
                bound, _, part = heapq.heappop(waiting)
                if bound >= cutoff():
                    closed_bound, part = min(closed_bound, bound), None
            if part is None or self._effort.over():
                break
            steps = FIRST_STEPS if seen == 0 else LATER_STEPS
            ascended = self.ascend(part, prices, cutoff(), steps, keep)
            part = ascended.part
            if part.bound >= cutoff():
                closed_bound, part = min(closed_bound, part.bound), None
                continue
            if seen % ROUND_EVERY == 0:
                is_open = ascended.part.opened | (ascended.share.max(axis=1) > 0.5)
                keep(assign(self._problem, is_open, ascended.share, self._effort.over))
            children = self._split(ascended)
            if not children:
                closed_bound = min(closed_bound, self._close(part, keep))
                part = None
            else:
                part = min(children, key=lambda child: child.bound)
            for child in children:
                if child is not part:
                    order += 1
                    heapq.heappush(waiting, (child.bound, order, child))
        left = [] if part is None else [part.bound]
        bound = min([closed_bound, *left, *(entry[0] for entry in waiting[:1])])
        return bound, part is None and not waiting

    def ascend(
        self,
        part: Part,
        prices: Prices,
        cutoff: float,
        steps: int,
        keep: Callable[[FacilitySolution | None], None],
    ) -> Ascended:
        """Step along deflected slopes (Camerini, Fratta and Maffioli 1975), barring arcs."""
        problem = self._problem
        price, barred = part.price.copy(), part.barred.copy()
        best = replace(part, barred=barred)
        share = np.zeros(problem.shape)
        direction: Floats | None = None
        scale, stuck = 1.0, 0
        proven, adding, worth = -np.inf, share, np.zeros(len(share))
        aim = cutoff if np.isfinite(cutoff) else part.bound + 0.01 * abs(part.bound) + 1.0
        for step in range(steps):
            left = (~barred).sum(axis=0)
            if (left == 0).any():
                return Ascended(replace(best, bound=np.inf), share, np.inf, adding, worth)
            only = np.where((left == 1)[None, :] & ~barred, self._cost, 0.0).sum(axis=0)
            forced = left == 1
            lam = np.where(forced, only + self._heavy, price)
            reduced = np.where(barred, 0.0, self._cost - lam[None, :])
            filled = fill(reduced, self._demand, self._room)
            self._effort.add(STEP_WORK + filled.cells / TABLE_CELLS_PER_WORK)
            bound, site_worth = self._bound(part, lam, prices, filled)
            rise = filled.joining + np.where(part.opened, 0.0, np.maximum(site_worth, 0.0))[:, None]
            if bound > best.bound:
                best = replace(best, bound=bound, price=price.copy())
                stuck = 0
            else:
                stuck += 1
                if stuck >= PATIENCE:
                    scale, stuck = SHRINK * scale, 0
            if bound > proven:
                proven, adding, worth = bound, rise, site_worth
            if best.bound >= cutoff:
                break
            barred |= bound + rise >= cutoff
            chosen = (part.opened | (site_worth < 0.0)) & ~part.closed
            served = filled.taken & chosen[:, None]
            weight = 1.0 if step == 0 else 1.0 - MEMORY
            share += weight * (served - share)
            slope = 1.0 - served.sum(axis=0)
            if not slope.any():
                keep(FacilitySolution(chosen, served.astype(np.float64)))
                break
            newest = np.where(forced, 0.0, slope)
            direction = (
                newest if direction is None else DEFLECT * newest + (1.0 - DEFLECT) * direction
            )
            size = float(direction @ direction)
            if size <= 1e-12 or self._effort.over():
                break
            price = price + scale * 1.1 * max(aim - bound, 1e-6 * abs(bound)) / size * direction
        return Ascended(best, share, proven, adding, worth)

    def _bound(
        self, part: Part, lam: Floats, prices: Prices, filled: Filling
    ) -> tuple[float, Floats]:
        """Return the bound at prices, and what opening each site costs at them."""
        problem = self._problem
        rate = prices.total * problem.capacity + prices.count
        worth = problem.fixed_cost - rate + filled.gain
        count = self._fewest if prices.count > 0.0 else problem.most_sites
        constant = prices.total * problem.total_demand + prices.count * count
        chosen = np.where(part.closed, 0.0, np.where(part.opened, worth, np.minimum(worth, 0.0)))
        size = np.abs(lam).sum() + abs(constant) + np.abs(filled.gain).sum()
        size += np.abs(problem.fixed_cost).sum() + np.abs(rate).sum()
        value = math.fsum(lam) + constant + math.fsum(chosen)
        return value - ROUNDING * float(size), worth

    def _split(self, ascended: Ascended) -> list[Part]:
        """Split on the site of the customer that is least settled, else on a free site."""
        part, share = ascended.part, ascended.share
        undecided = np.flatnonzero((~part.barred).sum(axis=0) > 1)
        if len(undecided):
            doubt = (1.0 - share[:, undecided].max(axis=0)) * (1.0 + self._demand[undecided])
            customer = int(undecided[int(np.argmax(doubt))])
            children = []
            for site in np.flatnonzero(~part.barred[:, customer]).tolist():
                barred = part.barred.copy()
                barred[:, customer] = True
                barred[site, customer] = False
                opened = part.opened.copy()
                opened[site] = True
                bound = ascended.proven + max(float(ascended.adding[site, customer]), 0.0)
                children.append(
                    Part(max(part.bound, bound), part.price, barred, opened, part.closed)
                )
            return children
        free = np.flatnonzero(~part.opened & ~part.closed)
        if not len(free):
            return []
        site = int(free[int(np.argmin(np.abs(ascended.worth[free])))])
        opened, closed, barred = part.opened.copy(), part.closed.copy(), part.barred.copy()
        opened[site], closed[site] = True, True
        barred[site] = True
        return [replace(part, opened=opened), replace(part, closed=closed, barred=barred)]

    def _close(self, part: Part, keep: Callable[[FacilitySolution | None], None]) -> float:
        """Return the cost of a part in which all is decided; infinite where it breaks a rule."""
        problem = self._problem
        share = (~part.barred).astype(np.float64)
        number = int(part.opened.sum())
        if (share @ self._demand > self._room).any():
            return np.inf
        if not problem.least_sites <= number <= problem.most_sites:
            return np.inf
        solution = FacilitySolution(part.opened, share)
        keep(solution)
        return float(problem.fixed_cost[part.opened].sum() + (share * self._cost).sum())
