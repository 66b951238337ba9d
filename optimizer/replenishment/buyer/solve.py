"""Solves a buyer's problem: a plan at once, a bound, then better plans to the end of the limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.outcome import Limits, Outcome, proven_status
from optimizer.replenishment.buyer.budget import Budget
from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.dantzig_wolfe import Relaxation, first_prices, relax
from optimizer.replenishment.buyer.item_plans import Prices
from optimizer.replenishment.buyer.ledger import Ledger
from optimizer.replenishment.buyer.plan_lists import list_plans, listing_work
from optimizer.replenishment.buyer.polish import polish
from optimizer.replenishment.buyer.pool import Pool
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem
from optimizer.replenishment.buyer.search import Search, first_plan, worse

STAGE = "buyer"
ENGINE = "Dantzig-Wolfe over item plans (GLOP), HiGHS, local search"
ENOUGH = 1e-6  # relative gap at which the search stops
RELAX_UNTIL = (0.45, 0.3)  # shares of the limits: root, tree
ROUNDS = ((0.5, 0.35), (0.6, 0.4), (0.6, 0.4), (0.6, 0.4), (0.6, 1.0))
"""Local search and program by turns: the shares that they take of what is left."""
WHEN_LISTED = 0.9  # share of what is left for a program that can prove the plan
LISTING = 0.05  # share of the work left that listing plans may take
MOST_LISTING = 1.0  # work
MOST_LISTED = 5000  # plans


@dataclass(frozen=True, slots=True)
class BuyersPlan:
    """A plan and the prices that prove its bound.

    Attributes
    ----------
    qty : (n_slots,) int64, units
    coupling : the rows; price: (n_rows,) money per unit of each
    """

    qty: Ints
    coupling: Coupling
    price: Floats


def solve(problem: Problem, limits: Limits) -> Outcome[BuyersPlan]:
    """Plan all items over all periods.

    Parameters
    ----------
    limits : seconds, work (about a second of one core a unit), seed, progress, cancelled; the
        first plan is always made

    Returns
    -------
    outcome : the bound is a Lagrangian bound of our own arithmetic, or, where every item plan that
        could be in a cheaper plan was listed, that of the program which chooses among them
    """
    budget = Budget(limits)
    coupling = Coupling(problem)
    search = Search(problem, budget, limits.seed)
    best = first_plan(search, coupling, first_prices(problem, coupling))
    if not problem.feasible(best.qty):
        best = Ledger(problem)  # without orders
    limits.progress(STAGE, 0.1, f"first plan {best.objective:,.0f}")
    relaxation = relax(problem, coupling, best.qty, best.objective, budget, RELAX_UNTIL)
    limits.progress(STAGE, 0.4, f"bound {relaxation.bound:,.0f}")
    priced = first_plan(search, coupling, relaxation.price)
    best = priced if worse(best, priced) and problem.feasible(priced.qty) else best
    best, proven = _rounds(search, coupling, relaxation, best)
    objective = problem.objective(best.qty)
    bound = min(proven, objective)
    return Outcome(
        proven_status(objective, bound),
        budget.termination,
        ENGINE,
        BuyersPlan(best.qty, coupling, relaxation.price),
        objective,
        bound,
        limits.elapsed,
        budget.work,
        "" if relaxation.done else "The bound was still rising when its time was up.",
    )


def _rounds(
    search: Search, coupling: Coupling, relaxation: Relaxation, best: Ledger
) -> tuple[Ledger, float]:
    """Improve by local search and by choosing among plans, in turns; return plan and bound."""
    problem, budget, pool = search.problem, search.budget, relaxation.pool
    prices = coupling.prices(relaxation.price)
    everything = np.arange(len(problem.items.opening))
    bound = relaxation.bound
    for local, program in ROUNDS:
        found = search.improve(best.copy(), prices, budget.share_at(local))
        best = found if problem.feasible(found.qty) else best
        gap = best.objective - bound
        if budget.over() or gap <= ENOUGH * abs(best.objective):
            break
        pool.add(best.qty, everything)
        margin = best.objective - relaxation.root
        listed = _list_all(search, prices, pool, margin)
        chosen = polish(
            coupling,
            pool,
            relaxation.price,
            best.qty,
            margin if listed else gap,
            budget.part(budget.share_at(WHEN_LISTED if listed else program)),
        )
        budget.spend(chosen.work)
        if chosen.qty is not None:
            found = Ledger(problem, chosen.qty)
            best = found if worse(best, found) else best
        if listed:
            bound = max(bound, chosen.bound)
        budget.limits.progress(STAGE, budget.used, f"plan {best.objective:,.0f}")
    return best, bound


def _list_all(search: Search, prices: Prices, pool: Pool, margin: float) -> bool:
    """Add every plan that is within the margin of its item's cheapest; say whether that was done.

    At prices that prove a bound, a plan as cheap as the incumbent holds no item plan that is
    dearer, by more than the incumbent is above the bound, than the item's cheapest.
    """
    problem, budget = search.problem, search.budget
    work = listing_work(problem)
    if budget.limits.work is not None and work > LISTING * (budget.limits.work - budget.work):
        return False
    if work > MOST_LISTING:
        return False
    left, plans = MOST_LISTED, []
    budget.spend(work)
    for item in range(len(problem.items.opening)):
        own = list_plans(problem, prices, item, margin, left)
        if own is None:
            return False
        left -= len(own)
        plans.append(own)
    pool.add_lists(plans)
    return True
