"""The search: prices first, then a plan that follows them, then a better one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib.metadata import version

import numpy as np

from optimizer.allocation.sourcing.ascent import Ascent, ascend, typical_parcel
from optimizer.allocation.sourcing.blocks import MOST_EXACT, Catalogue, build_catalogue
from optimizer.allocation.sourcing.budget import Budget
from optimizer.allocation.sourcing.chains import Ejection
from optimizer.allocation.sourcing.improve import reassign
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.leftovers import ship_leftovers
from optimizer.allocation.sourcing.linear_prices import sharpen
from optimizer.allocation.sourcing.placement import Placement, objective_of
from optimizer.allocation.sourcing.polish import polish
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.repair import construct
from optimizer.outcome import OPTIMAL_GAP, Limits, Termination

ENGINE = "prices+highs"
DUAL_SHARE, DUAL_SHARE_OF_MANY = 0.4, 0.6  # of the limits, for the prices
MANY = 2_000_000  # parcels priced ahead from which good prices do more than neighbourhoods
CELLS_PER_WORK = 2.0e8  # parcels priced in about a second of one core
ITERATION_WORK = 0.004  # about what an iteration costs however few orders there are
MOST_ITERATIONS = 400
PROBE_ITERATIONS = 40
PROBE_SHARE = 0.1
SMALL = 2000  # pieces up to which a plan is tried after the first iterations
FALLING = (0.95, 0.9, 0.8, 0.6, 0.3)  # of the prices, at which orders choose again before none
PASSES = 6
CHAIN_PASSES = 4
CHUNK = 4096  # orders between two looks at the clock
CHAIN_GAIN = 2e-4  # of the objective: a pass of chains that brings less is the last
CHAIN_WORK, LOOK_WORK = 1.7e-5, 1.6e-6  # of an order that chooses, of a piece that is looked at
RESERVE = 1.5  # of the seconds of a pass: kept for the last one
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


def search(
    problem: SourcingProblem,
    limits: Limits,
    start: Placement | None = None,
    prices: Prices | None = None,
) -> Found:
    """Find prices, a plan and a bound within the limits.

    Parameters
    ----------
    start : a plan that keeps every limit, from which the search also goes on
    prices : of a problem much like this one, from which the search for prices begins

    Without seconds the result depends on the work limit and the seed alone.
    """
    catalogue = build_catalogue(problem, MOST_EXACT)
    large = LargeOrders(problem, catalogue)
    cost = ITERATION_WORK + catalogue.cells / CELLS_PER_WORK
    hunt = _Hunt(problem, catalogue, large, limits, cost)
    typical = typical_parcel(problem, catalogue, large)
    known = None if prices is None else Ascent(prices, -math.inf, 0)
    dual = hunt.prices(PROBE_SHARE, PROBE_ITERATIONS, known)
    ledger, termination = None, Termination.CONVERGED
    if dual.placement is not None:
        ledger = Ledger(problem, dual.placement)
    elif problem.n_pieces <= SMALL:
        ledger = hunt.plan(dual.prices)
    if ledger is None or hunt.gap(ledger, dual.bound) > 0.0:
        dual, settled = hunt.sharper(dual, typical)
        if not settled:
            share = DUAL_SHARE if catalogue.cells < MANY else DUAL_SHARE_OF_MANY
            better = hunt.prices(share, MOST_ITERATIONS, dual)
            dual = better if better.bound > dual.bound else dual
        limits.progress("sourcing", 0.45, f"no plan costs less than {dual.bound:.2f}")
        ledger = hunt.plan(dual.prices)
    if start is not None and hunt.gap(ledger, dual.bound) > 0.0:
        ledger = hunt.better(ledger, start)
    hunt.tell(0.5, ledger)
    gap, bound = hunt.gap(ledger, dual.bound), dual.bound
    versions: dict[str, str] = {}
    work = hunt.work
    if gap > 0.0:
        polished = polish(ledger, catalogue, dual.prices, typical, hunt.left(), gap=gap)
        work += polished.work
        bound = max(bound, polished.bound)
        termination = polished.termination
        if polished.solved:
            versions = {"highspy": version("highspy")}
        if polished.solved or not hunt.pressed():
            hunt.settle(ledger)
        hunt.tell(0.95, ledger)
    bound = min(bound, max(dual.bound, objective_of(problem, ledger.placement)))
    return Found(ledger, catalogue, dual.prices, bound, termination, work, ENGINE, versions)


class _Hunt:
    """Prices and plans within shares of the limits; counts the work."""

    def __init__(
        self,
        problem: SourcingProblem,
        catalogue: Catalogue,
        large: LargeOrders,
        limits: Limits,
        cost: float,
    ) -> None:
        self.problem, self.catalogue, self.large = problem, catalogue, large
        self.limits = limits
        self.cost = cost
        self.work = 0.0
        self.pass_seconds = 0.0

    def tell(self, share: float, ledger: Ledger) -> None:
        """Tell what the plan that is held now costs."""
        cost = objective_of(self.problem, ledger.placement)
        self.limits.progress("sourcing", share, f"plan {cost:,.2f}")

    def prices(self, share: float, most: int, start: Ascent | None) -> Ascent:
        """Climb within a share of the limits, from prices found before."""
        budget = Budget(
            self.limits,
            share * self.limits.remaining,
            math.inf if self.limits.work is None else share * self.limits.work,
            self.cost,
            most,
        )
        found = ascend(self.problem, self.catalogue, self.large, budget, start)
        self.work += budget.work
        return found

    def sharper(self, found: Ascent, typical: float) -> tuple[Ascent, bool]:
        """Improve prices by linear programmes, where they are small; say if that settles them."""
        limits = self.limits.share(DUAL_SHARE)
        if limits.work is not None:
            limits = replace(limits, work=max(0.0, limits.work - self.work))
        found, work, settled = sharpen(
            self.problem, self.catalogue, self.large, found, typical, limits
        )
        self.work += work
        return found, settled

    def plan(self, prices: Prices) -> Ledger:
        """Make a plan that follows prices, then let orders choose again while these fall to 0."""
        ledger = construct(self.problem, self.catalogue, self.large, prices)
        self.work += PASS_COST * self.cost
        for share in FALLING:
            if self.pressed():
                return ledger
            self.again(ledger, prices.scaled(share))
        for _ in range(PASSES):
            if self.pressed() or not self.again(ledger, Prices.zero(self.problem)):
                break
        self.chase(ledger)
        return ledger

    def better(self, ledger: Ledger, start: Placement) -> Ledger:
        """Return the better of a plan and what becomes of another one."""
        other = Ledger(self.problem, start)
        self.again(other, Prices.zero(self.problem))
        self.chase(other)
        plans = [(objective_of(self.problem, one.placement), one) for one in (ledger, other)]
        return min(plans, key=lambda plan: plan[0])[1]

    def pressed(self) -> bool:
        """Say whether there is no time left for another pass."""
        return self.limits.cancelled() or self.limits.remaining <= RESERVE * self.pass_seconds

    def chase(self, ledger: Ledger) -> None:
        """Let orders choose again by ejection chains, while that brings enough."""
        ejection = Ejection(ledger, self.catalogue)
        orders = np.arange(ejection.small)
        least = CHAIN_GAIN * abs(objective_of(self.problem, ledger.placement))
        for _ in range(CHAIN_PASSES):
            ejection.open_docks()
            gained = 0.0
            for some in np.split(orders, range(CHUNK, len(orders), CHUNK)):
                spent = self.limits.work is not None and self.work >= self.limits.work
                if spent or self.pressed():
                    return
                more, seen = ejection.improve(some)
                self.work += CHAIN_WORK * len(some) + LOOK_WORK * seen
                gained += more
            if gained <= least:
                break

    def again(self, ledger: Ledger, prices: Prices) -> int:
        """Let all orders choose again at given prices; return how many moved."""
        self.work += PASS_COST * self.cost
        begun = self.limits.elapsed
        moved = reassign(ledger, self.catalogue, self.large, prices)
        self.pass_seconds = self.limits.elapsed - begun
        return moved

    def settle(self, ledger: Ledger) -> None:
        """Let all orders choose again out of what is left, until none moves."""
        for _ in range(PASSES):
            moved = self.again(ledger, Prices.zero(self.problem)) + ship_leftovers(ledger)
            if not moved or self.pressed():
                break

    def left(self) -> Limits:
        """Return what is left of the limits, less a last pass."""
        limits = self.limits
        if limits.seconds is not None:
            limits = replace(limits, seconds=limits.seconds - RESERVE * self.pass_seconds)
        if limits.work is not None:
            limits = replace(limits, work=max(0.0, limits.work - self.work))
        return limits

    def gap(self, ledger: Ledger, bound: float) -> float:
        """Return by how much a plan misses its bound; 0 where it may be called optimal."""
        objective = objective_of(self.problem, ledger.placement)
        gap = objective - bound
        return gap if gap > 0.5 * OPTIMAL_GAP * max(abs(objective), 1e-9) else 0.0
