"""Lower bounds of lot sizing with set-up times: Lagrangian, raised by branching on set-ups.

Capacity is priced; what is left are Wagner and Whitin's plans, item by item, for any set-ups that
a node forces or bars. Many nodes are evaluated at once. The least bound of the open nodes is a
bound of the problem, whatever prices were tried; no solver is asked.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.master import Master
from optimizer.replenishment.buyer.problem import Flags, Floats
from optimizer.replenishment.buyer.setup_times import SetupProblem, lot_plans, lot_quantities

BATCH = 48  # nodes split at a time
STEPS = 12  # price steps per batch of children
CLOSE = 1e-6  # relative distance of bound and master at which to stop
WORK_OF_CELL = 2e-7  # of one case x item x period, about seconds of one core


@dataclass(slots=True)
class Node:
    """An open node: prices (n_periods,), mean set-ups of its ascent, what it forces and bars."""

    bound: float
    price: Floats
    often: Floats
    forced: Flags
    barred: Flags


@dataclass(frozen=True, slots=True)
class RootBound:
    """Bound without branching, the prices (n_periods,) that prove it, and the mean set-ups."""

    bound: float
    price: Floats
    often: Floats


def root_bound(problem: SetupProblem, budget: Budget, share: float) -> RootBound:
    """Return the Dantzig-Wolfe bound over item plans."""
    items, periods = problem.demand.shape
    total = float((problem.setup_cost[:, None] * (problem.demand > 0.0)).sum()) + 1.0
    dear = 10.0 * total / max(float(problem.capacity.mean()), 1e-9)  # a time unit of overtime
    each = np.arange(periods)
    master = Master(
        items, problem.capacity, np.full(periods, dear), np.full(periods, 1e9),
        each, each, np.full(periods, -1.0),
    )  # fmt: skip
    seen: list[Flags] = []
    known: set[bytes] = set()

    def take(setups: Flags) -> bool:
        fresh = setups.tobytes() not in known
        known.add(setups.tobytes())
        made = lot_quantities(problem.demand, setups)
        stock = np.maximum(np.cumsum(made - problem.demand, axis=1), 0.0)
        cost = setups @ np.ones(periods) * problem.setup_cost + problem.holding * stock.sum(axis=1)
        use = problem.unit_time[:, None] * made + problem.setup_time[:, None] * setups
        item, period = np.nonzero(use)
        master.add(np.arange(items), cost, item, period, use[item, period])
        seen.append(setups)
        return fresh

    take(problem.demand > 0.0)
    best_price, inward = np.zeros(periods), 0.5
    free = lot_plans(problem, best_price[None])  # as if capacity had no limit
    best = float(_value(problem, free.value, best_price[None])[0])
    take(free.setups[0])
    often = np.zeros(problem.demand.shape)
    while not budget.over(share) and master.solve(budget.seconds_to(share)):
        weight = master.weights().reshape(len(seen), items)
        often = np.einsum("ki,kit->it", weight, np.array(seen))
        if master.objective - best <= CLOSE * abs(master.objective):
            break
        price, _ = master.prices()
        tried = inward * best_price + (1.0 - inward) * price
        plans = lot_plans(problem, tried[None])
        budget.spend(WORK_OF_CELL * plans.setups.size)
        bound = _value(problem, plans.value, tried[None])[0]
        fresh = take(plans.setups[0])
        if bound > best:
            best, best_price, inward = float(bound), tried, 0.5
        elif inward == 0.0 and not fresh:
            break
        else:
            inward = 0.0 if inward < 0.1 else inward / 2.0
    return RootBound(best, best_price, often)


def branch(
    problem: SetupProblem, root: RootBound, target: float, budget: Budget, share: float
) -> float:
    """Raise the root's bound by branching, the lowest node first.

    Parameters
    ----------
    target : cost of some plan; nodes above it are closed, and price steps aim at it

    Returns
    -------
    bound : at most `target`
    """
    nothing = np.zeros(problem.demand.shape, bool)
    start = Node(root.bound, root.price, root.often, nothing, nothing)
    heap: list[tuple[float, int, Node]] = [(root.bound, 0, start)]
    made = 1
    while heap and heap[0][0] < target and not budget.over(share):
        taken = [heapq.heappop(heap)[2] for _ in range(min(BATCH, len(heap)))]
        children = [child for node in taken for child in _split(problem, node)]
        if not children:
            return min(taken[0].bound, target)
        for child in _ascend(problem, children, target, budget):
            if child.bound < target:
                heapq.heappush(heap, (child.bound, made, child))
                made += 1
    return min(heap[0][0], target) if heap else target


def _split(problem: SetupProblem, node: Node) -> list[Node]:
    """Return a node with its most doubtful set-up forced, and with it barred."""
    free = ~(node.forced | node.barred)
    worth = problem.setup_cost[:, None] + problem.setup_time[:, None] * node.price
    doubt = np.where(free, np.minimum(node.often, 1.0 - node.often) * worth, -1.0)
    at = np.unravel_index(int(np.argmax(doubt)), doubt.shape)
    if not free[at]:
        return []
    forced, barred = node.forced.copy(), node.barred.copy()
    forced[at] = barred[at] = True
    return [
        Node(node.bound, node.price, node.often, forced, node.barred),
        Node(node.bound, node.price, node.often, node.forced, barred),
    ]


def _ascend(problem: SetupProblem, nodes: list[Node], target: float, budget: Budget) -> list[Node]:
    """Raise the bounds of some nodes by a few price steps each, all at once (Polyak 1969)."""
    forced = np.array([node.forced for node in nodes])
    barred = np.array([node.barred for node in nodes])
    price = np.array([node.price for node in nodes])
    best = np.array([node.bound for node in nodes])
    best_price = price.copy()
    often = np.zeros(forced.shape)
    direction = np.zeros_like(price)
    length = np.full(len(nodes), 0.6)
    last = np.full(len(nodes), -np.inf)
    for step in range(STEPS):
        plans = lot_plans(problem, price, forced, barred)
        value = _value(problem, plans.value, price)
        often += plans.setups
        better = value > best
        best = np.where(better, value, best)
        best_price = np.where(better[:, None], price, best_price)
        length = np.where(value < last, length * 0.6, length)
        last = value
        if step == STEPS - 1:
            break
        made = _lots(problem.demand, plans.setups)
        used = np.einsum("i,kit->kt", problem.unit_time, made) + np.einsum(
            "i,kit->kt", problem.setup_time, plans.setups
        )
        slope = np.where((price <= 0.0) & (used < problem.capacity), 0.0, used - problem.capacity)
        direction = slope + 0.5 * direction
        norm = np.maximum((direction**2).sum(axis=1), 1e-12)
        reach = np.where(np.isfinite(value), np.maximum(1.02 * target - value, 0.0), 0.0)
        price = np.maximum(price + (length * reach / norm)[:, None] * direction, 0.0)
    budget.spend(WORK_OF_CELL * STEPS * forced.size)
    return [
        Node(float(bound), prices, mean / STEPS, node.forced, node.barred)
        for node, bound, prices, mean in zip(nodes, best, best_price, often, strict=True)
    ]


def _lots(demand: Floats, setups: Flags) -> Floats:
    """Return production up to the next set-up in many cases, (n_cases, n_items, n_periods)."""
    made = np.zeros(setups.shape)
    waiting = np.zeros(setups.shape[:2])
    for period in range(demand.shape[1] - 1, -1, -1):
        waiting = waiting + demand[:, period]
        made[:, :, period] = np.where(setups[:, :, period], waiting, 0.0)
        waiting = np.where(setups[:, :, period], 0.0, waiting)
    return made


def _value(problem: SetupProblem, value: Floats, price: Floats) -> Floats:
    """Return the Lagrangian bound of each case, less what rounding may have added."""
    total = value.sum(axis=1)
    possible = np.isfinite(total)  # else demand that only barred set-ups could serve
    total = np.where(possible, total, 0.0)
    paid = price @ problem.capacity
    bound: Floats = np.where(possible, total - paid - 1e-11 * (total + paid), np.inf)
    return bound
