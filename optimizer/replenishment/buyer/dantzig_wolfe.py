"""Column generation between exact item plans and the master, with in-out prices.

At every iteration the item plans at the tried prices prove a bound by our own arithmetic; the
linear program only proposes prices.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.item_plans import own_prices, plan_items, planning_work
from optimizer.replenishment.buyer.master import Master
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem

INWARD = 0.5  # share of the best prices so far in the tried ones (Ben-Ameur and Neto 2007)
CLOSE = 2e-5  # relative distance of bound and master at which to stop
ITERATIONS_PER_WORK = 8000.0  # simplex iterations of about a second of one core


@dataclass(slots=True)
class Pool:
    """Every item plan seen.

    Attributes
    ----------
    item : item of each plan
    qty : its quantities on the item's slots
    cost : its own cost
    """

    problem: Problem
    item: list[int] = field(default_factory=list)
    qty: list[Ints] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)

    def add(self, qty: Ints, which: Ints) -> Ints:
        """Add the plans of some items; return the items whose plan is new."""
        start = self.problem.slots.start
        cost = self.problem.item_cost(qty)
        fresh = []
        for item in which.tolist():
            plan = qty[start[item] : start[item + 1]]
            key = item.to_bytes(4, "little") + plan.tobytes()
            if key in self.seen:
                continue
            self.seen.add(key)
            self.item.append(item)
            self.qty.append(plan.copy())
            self.cost.append(float(cost[item]))
            fresh.append(item)
        return np.array(fresh, np.int64)


@dataclass(slots=True)
class Relaxation:
    """What column generation found.

    Attributes
    ----------
    bound : proven; price: the prices of the coupling rows that prove it
    pool : plans; weight: (n_plans,) in the last mixture
    orders : (n_groups, n_periods) how far each order is placed in the mixture
    """

    bound: float
    price: Floats
    pool: Pool
    weight: Floats
    orders: Floats
    converged: bool


def relax(
    problem: Problem, coupling: Coupling, starts: list[Ints], budget: Budget, share: float
) -> Relaxation:
    """Ascend the bound until it meets the master or a share of the limits is used.

    Parameters
    ----------
    starts : plans (n_slots,) to begin the master with; the plan without orders is added
    """
    everything = np.arange(len(problem.items.opening))
    master = Master(
        len(everything),
        coupling.room,
        coupling.extra_cost,
        coupling.extra_upper,
        coupling.extra_row,
        coupling.extra_column,
        coupling.extra_value,
    )
    pool = Pool(problem)
    work = float(planning_work(problem).sum())

    def take(qty: Ints) -> int:
        fresh = pool.add(qty, everything)
        if len(fresh):
            columns = coupling.columns(qty, fresh)
            master.add(columns.item, columns.cost, columns.column, columns.row, columns.value)
        return len(fresh)

    for start in (np.zeros(len(problem.slots.item), np.int64), *starts):
        take(start)
    best, best_price = -np.inf, first_prices(problem, coupling)
    qty, value = plan_items(problem, coupling.prices(best_price))
    best = coupling.lagrangian(best_price, value)
    take(qty)
    free, _ = plan_items(problem, own_prices(problem))
    take(free)
    budget.spend(2.0 * work)
    inward, converged = INWARD, False
    weight, orders = np.zeros(0), np.zeros((len(problem.groups.order_cost), problem.n_periods))
    while not budget.over(share):
        if not master.solve(budget.seconds_to(share)):
            break
        budget.spend(master.iterations / ITERATIONS_PER_WORK)
        weight = master.weights()
        orders = master.extras()[: orders.size].reshape(orders.shape)
        goal = master.objective
        if goal - best <= CLOSE * abs(goal):
            converged = True
            break
        price, _ = master.prices()
        tried = inward * best_price + (1.0 - inward) * price
        qty, value = plan_items(problem, coupling.prices(tried))
        budget.spend(work)
        bound = coupling.lagrangian(tried, value)
        improved = bound > best
        if improved:
            best, best_price = bound, tried
        fresh = take(qty)
        if fresh == 0 and not improved:
            if inward == 0.0:
                break
            inward = 0.0 if inward < 0.1 else inward / 2.0
        elif improved:
            inward = INWARD
    weight = np.r_[weight, np.zeros(len(pool.item) - len(weight))]
    return Relaxation(best, best_price, pool, weight, orders, converged)


def first_prices(problem: Problem, coupling: Coupling) -> Floats:
    """Return prices that spread each order's cost evenly over the items that may share it."""
    price = np.zeros(len(coupling.room))
    periods = problem.n_periods
    cost = np.repeat(problem.groups.order_cost + problem.groups.per_shipment, periods)
    members = max(len(problem.items.opening), 1)
    price[: coupling.first[1]] = np.tile(cost / members, coupling.n_blocks)
    return price
