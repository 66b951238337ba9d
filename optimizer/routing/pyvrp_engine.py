"""PyVRP wrapped: iterated local search from the better of a cold and a warm start.

Source: Wouda, Lan and Kool (2024), PyVRP, INFORMS Journal on Computing 36(4), 943-955; acceptance
by Burke and Bykov (2017), European Journal of Operational Research 258(1), 70-78.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from optimizer.outcome import Limits, Outcome, Status, Termination
from optimizer.routing.finish import untold
from optimizer.routing.pieces import solve_in_pieces
from optimizer.routing.problem import FOREVER, Routes, RoutingProblem, with_matrices
from optimizer.routing.pyvrp_data import Translation, from_pyvrp, to_pyvrp, translate
from optimizer.routing.schedule import Timed

if TYPE_CHECKING:
    import pyvrp

LARGEST_WHOLE = 3_000  # stops; a larger plan is solved in pieces
TAIL_SHARE = 0.04  # of the wall time, kept for the last iteration and for pricing the routes
TRIAL_SHARE = 0.1  # of the budget, for each of the two starts
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


class PyVrpEngine:
    """Vehicle routing by PyVRP 0.14."""

    name = "pyvrp"

    @staticmethod
    def versions() -> dict[str, str]:
        """Return the version of the library."""
        return {"pyvrp": version("pyvrp")}

    @staticmethod
    def supports(problem: RoutingProblem) -> str | None:
        """Return None if PyVRP can say every rule of the problem, else what it cannot say.

        What it cannot say is planned without and repaired afterwards by our own schedule.
        """
        vans = problem.vans
        missing = []
        if ((vans.max_stops < FOREVER) & (vans.max_trips > 1)).any():
            missing.append("max_stops over several trips (counted per trip)")
        return "; ".join([*missing, *untold(problem)]) or None

    def solve(
        self,
        problem: RoutingProblem,
        limits: Limits,
        start: Sequence[Timed],
        chosen: Sequence[int],
        *,
        on_better: Callable[[float], None] = lambda _cost: None,
    ) -> Outcome[Routes]:
        """Improve a start as long as the limits allow.

        Parameters
        ----------
        start : feasible routes; may leave stops out
        chosen : the stops to plan
        on_better : told the money of every better plan, in PyVRP's reckoning

        Returns
        -------
        outcome : routes and the iterations done; no objective, for the caller prices the routes
        """
        if len(chosen) > LARGEST_WHOLE and len(start) > 1:
            return solve_in_pieces(self.solve, problem, limits, start, chosen, on_better)
        problem = with_matrices(problem)
        served = {stop for timed in start for stop in timed.route.stops}
        complete = all(problem.stops.optional[s] or s in served for s in chosen)
        n = len(chosen)
        per_stop = sum(timed.cost for timed in start) / max(len(served), 1)
        translation = translate(problem, chosen, complete=complete, cost_per_stop=per_stop)
        budget = Budget.of(limits, iterations_per_work(problem, n))

        def better(solution: pyvrp.Solution) -> None:
            cost = _cost(solution)
            if cost is not None:
                on_better(cost / translation.scale)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # penalties at their limit are normal when crowded
            warm = to_pyvrp(translation, start) if start else None
            trial = budget.share(TRIAL_SHARE)
            first = _search(translation, warm, limits.seed, trial, better, patience(n))
            found = first
            if warm is not None:
                second = _search(translation, None, limits.seed + 1, trial, better, patience(n))
                found = min(first, second, key=lambda f: math.inf if f.cost is None else f.cost)
                spent = first.iterations + second.iterations
            else:
                spent = first.iterations
            rest = budget.rest(spent, limits)
            last = _search(
                translation, found.solution, limits.seed + 2, rest, better, patience=patience(n)
            )
            spent += last.iterations
            if last.cost is not None and (found.cost is None or last.cost <= found.cost):
                found = last
        return Outcome(
            Status.NO_SOLUTION_FOUND if found.cost is None else Status.FEASIBLE,
            _why(limits, spent, budget),
            self.name,
            solution=None if found.cost is None else from_pyvrp(translation, found.solution),
            wall_seconds=limits.elapsed,
            work=spent / iterations_per_work(problem, n),
        )


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

    def rest(self, spent: int, limits: Limits) -> Budget:
        """Return what is left after so many iterations, its length re-estimated by their speed."""
        iterations = None if self.iterations is None else max(0, self.iterations - spent)
        expected = self.expected - spent if iterations is None else iterations
        if math.isfinite(self.deadline) and limits.elapsed > 0:
            left = spent / limits.elapsed * (self.deadline - limits.clock())
            expected = int(left if iterations is None else min(left, iterations))
        return Budget(iterations, self.deadline, max(1, expected), limits)


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


def _search(
    translation: Translation,
    start: pyvrp.Solution | None,
    seed: int,
    budget: Budget,
    better: Callable[[pyvrp.Solution], None],
    patience: float = math.inf,
) -> Found:
    """Run PyVRP's iterated local search once."""
    import pyvrp
    from pyvrp.search import OPERATORS, LocalSearch, PerturbationManager, compute_neighbours

    class Callbacks(pyvrp.IteratedLocalSearchCallbacks):
        def on_best(self, best: pyvrp.Solution) -> None:
            better(best)

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
        history_length=min(max(memory, SHORTEST_MEMORY), LONGEST_MEMORY), callbacks=Callbacks()
    )
    search = pyvrp.IteratedLocalSearch(data, manager, local, start, params)
    result = search.run(_Stop(budget, patience), collect_stats=False, display=False)
    return Found(result.best, _cost(result.best), result.num_iterations)


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


def _cost(solution: pyvrp.Solution) -> int | None:
    """Return scaled money of a solution, or None if it breaks a rule."""
    if not solution.is_feasible():
        return None
    routes = solution.distance_cost() + solution.duration_cost() + solution.fixed_vehicle_cost()
    return int(routes + solution.uncollected_prizes())


def _why(limits: Limits, spent: int, budget: Budget) -> Termination:
    if limits.cancelled():
        return Termination.CANCELLED
    if limits.clock() >= budget.deadline:
        return Termination.TIME_LIMIT
    if budget.iterations is not None and spent >= budget.iterations:
        return Termination.WORK_LIMIT
    return Termination.CONVERGED
