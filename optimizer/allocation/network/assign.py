"""One site per customer: a split shipment made whole, then shifts and swaps between open sites."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    Ints,
)

TOUGHER = 4.0  # by how much the price of overload grows when the search is stuck
TRIES = 12


def assign(
    problem: FacilityProblem, is_open: Flags, share: Floats, stop: Callable[[], bool]
) -> FacilitySolution | None:
    """Return a single-source solution near a split one, or None where none was found.

    Overload is allowed at a price that grows until there is none; then cost alone decides.
    A site that nobody uses is closed where it may be.

    Parameters
    ----------
    share : (m, n) how the relaxation or the transport would split each customer
    stop : asked often; True ends the search, without a solution unless one is at hand
    """
    if not is_open.any():
        return None
    sites = np.flatnonzero(is_open)
    cost = problem.serve_cost[sites]
    if not np.isfinite(cost).any(axis=0).all():
        return None
    hint = np.where(np.isfinite(cost), share[sites], -1.0)
    served = share[sites].sum(axis=0) > 0.0
    place = np.where(served, hint.argmax(axis=0), cost.argmin(axis=0)).astype(np.int64)
    state = _State(cost, problem.demand, problem.capacity[sites], place)
    price = float(np.median(np.abs(cost[np.isfinite(cost)]) / max(problem.demand.mean(), 1e-9)))
    price = max(price, 1e-6)
    for _ in range(TRIES):
        state.descend(price, stop)
        if state.overload() <= 0.0:
            break
        if stop():
            return None
        price *= TOUGHER
    else:
        return None
    state.descend(np.inf, stop)
    used = np.bincount(state.place, minlength=len(sites)) > 0
    kept = is_open.copy()
    idle = sites[~used & ~problem.must_open[sites]]
    saving = idle[np.argsort(-problem.fixed_cost[idle], kind="stable")]
    for site in saving:
        if problem.fixed_cost[site] > 0.0 and int(kept.sum()) > problem.least_sites:
            kept[site] = False
    whole = np.zeros(problem.shape)
    whole[sites[state.place], np.arange(len(problem.demand))] = 1.0
    return FacilitySolution(kept, whole)


class _State:
    """Which open site serves each customer, and how full the sites are."""

    def __init__(self, cost: Floats, demand: Floats, room: Floats, place: Ints) -> None:
        self.cost, self.demand, self.room, self.place = cost, demand, room * (1.0 + 1e-9), place
        self.load = np.bincount(place, demand, minlength=len(room)).astype(np.float64)

    def overload(self) -> float:
        """Return by how much the sites are over-full together."""
        return float(np.maximum(self.load - self.room, 0.0).sum())

    def descend(self, price: float, stop: Callable[[], bool]) -> None:
        """Shift and swap while the cost, overload at its price included, falls."""
        for _ in range(20 * len(self.place)):
            if stop() or not (self._shift(price) or self._swap(price)):
                return

    def _excess(self, load: Floats, room: Floats, price: float) -> Floats:
        over = np.maximum(load - room, 0.0)
        if np.isfinite(price):
            return price * over
        return np.where(over > 0.0, np.inf, 0.0)

    def _shift(self, price: float) -> bool:
        customers = np.arange(len(self.place))
        now = self.cost[self.place, customers]
        base = self._excess(self.load, self.room, price)
        taken = self.load[:, None] + self.demand[None, :]
        arriving = self._excess(taken, self.room[:, None], price) - base[:, None]
        source = self.load[self.place] - self.demand
        leaving = self._excess(source, self.room[self.place], price) - base[self.place]
        change = self.cost - now[None, :] + arriving + leaving[None, :]
        change[self.place, customers] = 0.0
        at = int(change.argmin())
        if not change.flat[at] < -1e-9 * max(1.0, float(np.abs(now).mean())):
            return False
        site, customer = divmod(at, len(customers))
        self._move(customer, site)
        return True

    def _swap(self, price: float) -> bool:
        n = len(self.place)
        customers = np.arange(n)
        now = self.cost[self.place, customers]
        other = self.cost[self.place]  # (n, n): customer k served where customer j is
        gain = other + other.T - now[:, None] - now[None, :]
        difference = self.demand[:, None] - self.demand[None, :]
        base = self._excess(self.load, self.room, price)[self.place]
        load, room = self.load[self.place], self.room[self.place]
        there = self._excess(load[None, :] + difference, room[None, :], price) - base[None, :]
        here = self._excess(load[:, None] - difference, room[:, None], price) - base[:, None]
        change = gain + there + here
        change[self.place[:, None] == self.place[None, :]] = 0.0
        at = int(change.argmin())
        if not change.flat[at] < -1e-9 * max(1.0, float(np.abs(now).mean())):
            return False
        first, second = divmod(at, n)
        to_first, to_second = int(self.place[second]), int(self.place[first])
        self._move(first, to_first)
        self._move(second, to_second)
        return True

    def _move(self, customer: int, site: int) -> None:
        self.load[self.place[customer]] -= self.demand[customer]
        self.load[site] += self.demand[customer]
        self.place[customer] = site
