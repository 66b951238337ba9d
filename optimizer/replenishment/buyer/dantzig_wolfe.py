"""Column generation between exact item plans and the master, and branching on orders.

At every iteration the item plans at the tried prices prove a bound by our own arithmetic; the
linear program only proposes prices.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace

import numpy as np

from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.item_plans import (
    FREE,
    Prices,
    own_prices,
    plan_items,
    planning_work,
)
from optimizer.replenishment.buyer.master import Master
from optimizer.replenishment.buyer.pool import Pool
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem

INWARD = 0.5  # share of the best prices so far in the tried ones (Ben-Ameur and Neto 2007)
CLOSE = 2e-6  # relative distance of bound and master at which a node is done
WHOLE = 1e-6  # an order this near to placed or not placed is so
ITERATIONS_PER_WORK = 8000.0  # simplex iterations of about a second of one core


@dataclass(frozen=True, slots=True)
class Node:
    """Orders that must (lower 1) or must not (upper 0) be placed, and what they prove.

    Attributes
    ----------
    bound : proven for the plans of this node; price: (n_rows,) that proves it
    lower, upper : (n_extras,)
    orders : (n_groups x n_periods,) how far each order is placed in the mixture
    done : the bound met the master
    """

    bound: float
    price: Floats
    lower: Floats
    upper: Floats
    orders: Floats
    done: bool


@dataclass(frozen=True, slots=True)
class Relaxation:
    """What column generation found.

    Attributes
    ----------
    bound : proven
    price : (n_rows,) prices of the coupling rows at the root; root: the bound that they prove
    pool : plans
    done : the bound met the master at the root
    """

    bound: float
    price: Floats
    root: float
    pool: Pool
    done: bool


class Relaxer:
    """The master and its plans, for one node after another.

    Parameters
    ----------
    starts : plans (n_slots,) to begin with; the plan without orders is added
    """

    def __init__(
        self, problem: Problem, coupling: Coupling, starts: list[Ints], budget: Budget
    ) -> None:
        self.problem, self.coupling, self.budget = problem, coupling, budget
        self.everything = np.arange(len(problem.items.opening))
        self.master = Master(
            len(self.everything),
            coupling.room,
            coupling.extra_cost,
            coupling.extra_upper,
            coupling.extra_row,
            coupling.extra_column,
            coupling.extra_value,
        )
        self.pool = Pool(problem)
        self.work = float(planning_work(problem).sum())
        group = problem.options.group[problem.slots.option]
        self.cell = group * problem.n_periods + problem.slots.period
        free, _ = plan_items(problem, own_prices(problem))
        for start in (np.zeros(len(problem.slots.item), np.int64), free, *starts):
            self._take(start)

    def root(self) -> Node:
        """Return the node without any branching, its bound not yet raised."""
        extras = len(self.coupling.extra_cost)
        price = first_prices(self.problem, self.coupling)
        orders = np.zeros(extras // 2)
        upper = self.coupling.extra_upper
        return Node(-np.inf, price, np.zeros(extras), upper, orders, done=False)

    def raise_bound(self, node: Node, enough: float, share: float) -> Node:
        """Raise a node's bound until it meets the master, reaches `enough` or the limits end."""
        budget, master = self.budget, self.master
        lower, upper = node.lower, node.upper
        master.fence(lower, upper)
        best_price, orders = node.price, node.orders
        best = max(node.bound, self._try(best_price, lower, upper)[0])
        inward, done = INWARD, False
        while best < enough and not budget.over(share):
            if not master.solve(budget.seconds_to(share)):
                break
            budget.spend(master.iterations / ITERATIONS_PER_WORK)
            orders = master.extras()[: len(orders)]
            goal = master.objective
            if goal - best <= CLOSE * abs(goal):
                done = True
                break
            tried = inward * best_price + (1.0 - inward) * master.prices()[0]
            bound, fresh = self._try(tried, lower, upper)
            if bound > best:
                best, best_price, inward = bound, tried, INWARD
            elif inward == 0.0 and not fresh:
                done = True  # the master is optimal: only rounding is left between them
                break
            else:
                inward = inward / 2.0 if inward > 0.1 else 0.0
        return Node(best, best_price, lower, upper, orders, done)

    def _try(self, price: Floats, lower: Floats, upper: Floats) -> tuple[float, int]:
        """Return the bound that prices prove, and how many plans they bring."""
        prices = self._within(self.coupling.prices(price), upper)
        qty, value = plan_items(self.problem, prices)
        self.budget.spend(self.work)
        return self.coupling.lagrangian(price, value, lower, upper), self._take(qty)

    def _within(self, prices: Prices, upper: Floats) -> Prices:
        """Bar the slots of orders that must not be placed."""
        barred = upper[self.cell] < 0.5
        return replace(prices, most=np.where(barred, 0, FREE)) if barred.any() else prices

    def _take(self, qty: Ints) -> int:
        fresh = self.pool.add(qty, self.everything)
        if len(fresh):
            columns = self.coupling.columns(qty, fresh)
            self.master.add(columns.item, columns.cost, columns.column, columns.row, columns.value)
        return len(fresh)


def relax(
    problem: Problem,
    coupling: Coupling,
    start: Ints,
    cost: float,
    budget: Budget,
    shares: tuple[float, float],
) -> Relaxation:
    """Raise the bound by column generation, then by branching on orders, the lowest node first.

    Parameters
    ----------
    start : (n_slots,) a feasible plan; cost: its money
    shares : of the limits, until which the root and the tree may run
    """
    relaxer = Relaxer(problem, coupling, [start], budget)
    root = relaxer.raise_bound(relaxer.root(), np.inf, shares[0])
    bound = _branch(relaxer, root, cost, budget, shares[1]) if root.done else root.bound
    return Relaxation(bound, root.price, root.bound, relaxer.pool, root.done)


def _branch(relaxer: Relaxer, root: Node, cost: float, budget: Budget, share: float) -> float:
    """Return the least bound over the leaves of a tree of orders; at most `cost`."""
    heap: list[tuple[float, int, Node]] = [(root.bound, 0, root)]
    made = 1
    while heap and heap[0][0] < cost and not budget.over(share):
        node = heap[0][2]
        children = _split(relaxer.coupling, node)
        if not children:
            break
        heapq.heappop(heap)
        for child in children:
            raised = relaxer.raise_bound(child, cost, share)
            heapq.heappush(heap, (raised.bound, made, raised))
            made += 1
    return min(heap[0][0], cost) if heap else cost


def _split(coupling: Coupling, node: Node) -> list[Node]:
    """Return a node with its most doubtful order placed, and with it left out."""
    cost = coupling.extra_cost[: len(node.orders)] + coupling.extra_cost[len(node.orders) :]
    doubt = np.minimum(node.orders, 1.0 - node.orders)
    at = int(np.argmax(doubt * np.maximum(cost, 1e-9)))
    if doubt[at] <= WHOLE:
        return []
    lower, upper = node.lower.copy(), node.upper.copy()
    lower[at], upper[at] = 1.0, 0.0
    return [replace(node, upper=upper), replace(node, lower=lower)]


def first_prices(problem: Problem, coupling: Coupling) -> Floats:
    """Return prices that spread each order's cost evenly over the items that may share it."""
    price = np.zeros(len(coupling.room))
    periods = problem.n_periods
    cost = np.repeat(problem.groups.order_cost + problem.groups.per_shipment, periods)
    members = max(len(problem.items.opening), 1)
    price[: coupling.first[1]] = np.tile(cost / members, coupling.n_blocks)
    return price
