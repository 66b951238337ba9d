"""One run of PyVRP's iterated local search: its budget, its memory, its prices of broken rules.

Source: Wouda, Lan and Kool (2024), PyVRP, INFORMS Journal on Computing 36(4), 943-955; acceptance
by Burke and Bykov (2017), European Journal of Operational Research 258(1), 70-78.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.outcome import Limits
from optimizer.routing.problem import FOREVER, RoutingProblem
from optimizer.routing.pyvrp_data import Translation

if TYPE_CHECKING:
    import pyvrp

TAIL_SHARE = 0.04  # of the wall time, kept for the last iteration and for pricing the routes
ITERATIONS_PER_MEMORY = 100  # late acceptance remembers one cost per so many iterations
SHORTEST_MEMORY, LONGEST_MEMORY = 10, 300
ASK_EVERY = 16  # iterations between two questions whether to stop
LONG_SEARCH = 5  # iterations per stop from which a search counts as long
SOFT, STRICT = 3.0, 1_000.0  # first price of a broken rule, in costs of a stop
UPDATES_LONG, UPDATES_SHORT = 50, 500  # iterations between two changes of these prices
PATIENCE = (5_000, 100)  # iterations without a better plan that end a search: fixed, per stop


@dataclass(frozen=True, slots=True)
class Found:
    """What a search came to.

    Attributes
    ----------
    cost : scaled money, prizes not collected included; None if it is not feasible
    """

    solution: pyvrp.Solution
    cost: int | None
    iterations: int


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may spend: iterations, wall time, or until someone cancels.

    Attributes
    ----------
    iterations : at most; None without a work limit
    deadline : value of the clock; inf without a time limit
    expected : iterations that are likely to fit, for the length of the memory
    """

    iterations: int | None
    deadline: float
    expected: int
    limits: Limits

    @classmethod
    def of(cls, limits: Limits, rate: float) -> Budget:
        """Turn limits into a budget; `rate` is the iterations of one unit of work."""
        iterations = None if limits.work is None else max(1, round(rate * limits.work))
        deadline = math.inf
        if limits.seconds is not None:
            deadline = limits.started + (1.0 - TAIL_SHARE) * limits.seconds
        by_time = math.inf if limits.seconds is None else rate * limits.remaining
        most = min(by_time, math.inf if iterations is None else iterations, 1e6)
        return cls(iterations, deadline, max(1, int(most)), limits)

    def share(self, fraction: float) -> Budget:
        """Return a part of it, from now."""
        now = self.limits.clock()
        deadline = (
            now + fraction * (self.deadline - now) if math.isfinite(self.deadline) else math.inf
        )
        iterations = None if self.iterations is None else max(1, round(fraction * self.iterations))
        return Budget(iterations, deadline, max(1, int(fraction * self.expected)), self.limits)


def search(
    translation: Translation,
    start: pyvrp.Solution | None,
    seed: int,
    budget: Budget,
    patience_iterations: float = math.inf,
) -> Found:
    """Run PyVRP's iterated local search once.

    Parameters
    ----------
    start : None: a random one
    patience_iterations : without a better plan, after which it ends
    """
    import pyvrp
    from pyvrp.search import OPERATORS, LocalSearch, PerturbationManager, compute_neighbours

    data = translation.data
    rng = pyvrp.RandomNumberGenerator(seed=seed % 2**32)
    local = LocalSearch(data, rng, compute_neighbours(data), PerturbationManager())
    for operator in OPERATORS:
        if operator.supports(data):
            local.add_operator(operator(data))
    manager = _penalties(translation, budget)
    if start is None:
        random = pyvrp.Solution.make_random(data, rng)
        start = local(random, manager.max_cost_evaluator(), exhaustive=True)
    memory = budget.expected // ITERATIONS_PER_MEMORY
    params = pyvrp.IteratedLocalSearchParams(
        history_length=min(max(memory, SHORTEST_MEMORY), LONGEST_MEMORY)
    )
    search = pyvrp.IteratedLocalSearch(data, manager, local, start, params)
    result = search.run(_Stop(budget, patience_iterations), collect_stats=False, display=False)
    return Found(result.best, cost_of(result.best), result.num_iterations)


def cost_of(solution: pyvrp.Solution) -> int | None:
    """Return scaled money of a solution, or None if it breaks a rule."""
    if not solution.is_feasible():
        return None
    routes = solution.distance_cost() + solution.duration_cost() + solution.fixed_vehicle_cost()
    return int(routes + solution.uncollected_prizes())


def iterations_per_work(problem: RoutingProblem, n_stops: int) -> float:
    """Return the iterations that count as one unit of work: about a second of one core.

    Measured: 350,000 / (n + 200) a second with capacity alone; windows, hours that cost and
    further dimensions of load each slow an iteration down.
    """
    vans = problem.vans
    dims = int(np.isfinite(vans.capacity).any(axis=0).sum() + (vans.max_stops < FOREVER).any())
    windows = any(len(w) > 1 or (w and w[0][1] < FOREVER - 1) for w in problem.stops.windows)
    slower = 1.0 + 0.5 * windows + 3.0 * bool(vans.cost_per_hour.any()) + 0.5 * max(dims - 1, 0)
    return max(20.0, 350_000.0 / (n_stops + 200.0) / slower)


def patience(n_stops: int) -> int:
    """Return how many iterations without a better plan end a search."""
    return PATIENCE[0] + PATIENCE[1] * n_stops


# ---- inside ---------------------------------------------------------------------------------


class _Stop:
    """PyVRP's stopping criterion: iterations, wall time, cancellation, stagnation."""

    def __init__(self, budget: Budget, patience_iterations: float) -> None:
        self.budget = budget
        self.patience = patience_iterations
        self.iterations = 0
        self.since_better = 0
        self.best = math.inf

    def __call__(self, best_cost: int) -> bool:
        budget = self.budget
        if best_cost < self.best:
            self.best, self.since_better = best_cost, 0
        over = self.since_better >= self.patience or (
            budget.iterations is not None and self.iterations >= budget.iterations
        )
        if not over and self.iterations % ASK_EVERY == 0:
            over = budget.limits.clock() >= budget.deadline or budget.limits.cancelled()
        elif not over and math.isfinite(budget.deadline):
            over = budget.limits.clock() >= budget.deadline
        self.iterations += 1
        self.since_better += 1
        return over


def _penalties(translation: Translation, budget: Budget) -> pyvrp.PenaltyManager:
    """Return prices for broken rules, set in the problem's own proportions.

    A unit of load, a second and a metre are worth what a stop costs over what a stop takes of
    them. A long search starts soft and adapts often; a short one cannot afford to look at plans
    that break rules. The highest price can outweigh the prize of any stop.
    """
    import pyvrp

    data = translation.data
    clients = data.clients()
    load = np.array([np.maximum(c.delivery, c.pickup) for c in clients], dtype=np.float64)
    taken = [*np.maximum(load.mean(axis=0), 1.0), *translation.mean_arc]
    base = [max(translation.mean_cost, 1.0) / max(float(value), 1.0) for value in taken]
    long = budget.expected >= LONG_SEARCH * len(clients)
    start = [(SOFT if long else STRICT) * value for value in base]
    params = pyvrp.PenaltyParams(
        solutions_between_updates=UPDATES_LONG if long else UPDATES_SHORT,
        min_penalty=min(0.1, 0.02 * min(base)),
        max_penalty=max(2.0 * STRICT * max(base), translation.highest_loss / 100.0),
    )
    return pyvrp.PenaltyManager((start[:-2], start[-2], start[-1]), params)
