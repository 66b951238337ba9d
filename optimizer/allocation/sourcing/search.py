"""The search: prices first, then a plan that follows them, then a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import version

from optimizer.allocation.sourcing.ascent import ascend, typical_parcel
from optimizer.allocation.sourcing.blocks import Catalogue, build_catalogue
from optimizer.allocation.sourcing.budget import Budget
from optimizer.allocation.sourcing.improve import reassign
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.placement import objective_of
from optimizer.allocation.sourcing.polish import polish
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.repair import construct
from optimizer.outcome import OPTIMAL_GAP, Limits, Termination

ENGINE = "prices+highs"
DUAL_SHARE = 0.4  # of the limits, for the prices
CELLS_PER_WORK = 3.0e7  # parcels priced in about a second of one core
ITERATION_WORK = 0.004  # about what an iteration costs however few orders there are
MOST_ITERATIONS = 400
PASSES = 6
PASS_COST = 4.0  # of a pass of choosing again, in iterations of the dual ascent


@dataclass(frozen=True, slots=True)
class Found:
    """What the search hands to the tables.

    Attributes
    ----------
    ledger : the plan, and what it leaves of every limit
    bound : money; no plan is cheaper
    work : units of about a second of one core
    """

    ledger: Ledger
    catalogue: Catalogue
    prices: Prices
    bound: float
    termination: Termination
    work: float
    engine: str
    solver_versions: dict[str, str]


def search(problem: SourcingProblem, limits: Limits) -> Found:
    """Find prices, a plan and a bound within the limits.

    Without seconds the result depends on the work limit and the seed alone.
    """
    catalogue = build_catalogue(problem)
    large = LargeOrders(problem, catalogue)
    cost = ITERATION_WORK + catalogue.cells / CELLS_PER_WORK
    budget = Budget(
        limits,
        DUAL_SHARE * limits.remaining,
        math.inf if limits.work is None else DUAL_SHARE * limits.work,
        cost,
        MOST_ITERATIONS,
    )
    dual = ascend(problem, catalogue, large, budget)
    limits.progress("sourcing", 0.45, f"no plan costs less than {dual.bound:.2f}")
    ledger = construct(problem, catalogue, large, dual.prices)
    work = budget.work + PASS_COST * cost
    for _ in range(PASSES):
        work += PASS_COST * cost
        if not reassign(ledger, catalogue, large, Prices.zero(problem)):
            break
        if limits.cancelled() or limits.remaining <= 0.0:
            break
    objective = objective_of(problem, ledger.placement)
    limits.progress("sourcing", 0.6, f"a plan of {objective:.2f}")
    tolerance = OPTIMAL_GAP * max(abs(objective), 1e-9)
    versions: dict[str, str] = {}
    termination = Termination.CONVERGED
    if objective - dual.bound > tolerance:
        left = None if limits.work is None else max(0.0, limits.work - work)
        polished = polish(
            ledger,
            catalogue,
            dual.prices,
            typical_parcel(catalogue, large),
            replace(limits, work=left),
            enough=objective - dual.bound - 0.5 * tolerance,
        )
        work += polished.work
        termination = polished.termination
        if polished.solved:
            versions = {"highspy": version("highspy")}
            reassign(ledger, catalogue, large, Prices.zero(problem))
    return Found(ledger, catalogue, dual.prices, dual.bound, termination, work, ENGINE, versions)
