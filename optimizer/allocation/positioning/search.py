"""The search: prices from above, plans from below, until limits or gap say stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.allocation.positioning.ascent import Ascent
from optimizer.allocation.positioning.costs import objective
from optimizer.allocation.positioning.effort import Effort
from optimizer.allocation.positioning.fill import fill
from optimizer.allocation.positioning.flows import Flows
from optimizer.allocation.positioning.multipliers import Bound, Prices, here_cost
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Moves, Problem
from optimizer.allocation.positioning.repair import drop_trips, settle
from optimizer.allocation.positioning.sample import restricted, sample_products
from optimizer.outcome import Limits, Outcome, Termination, proven_status

ENGINE = "lagrangian flows"
TRIP_ROUNDS = 2
STEPS_ON_SAMPLE = 80
OPENING_ROUNDS = 2
STEPS_OF_OPENING = 40


class Answer:
    """A plan, the prices, and the bound that they prove."""

    def __init__(self, moves: Moves, prices: Prices, bound: Bound) -> None:
        self.moves = moves
        self.prices = prices
        self.bound = bound


def search(problem: Problem, limits: Limits, kernel: str = "") -> Outcome[Answer]:
    """Position stock.

    Parameters
    ----------
    limits : one unit of work is about a second of one core; the same work gives the same plan
    kernel : as in :class:`Flows`
    """
    effort = Effort(limits, problem)
    flows = Flows(problem, kernel)
    best = stay_put()
    least_cost = objective(problem, best)

    def improve(prices: Prices) -> float:
        nonlocal best, least_cost
        began = limits.elapsed
        found = plan_at(problem, flows, prices)
        cost = objective(problem, found)
        effort.add_plan(limits.elapsed - began)
        if cost < least_cost:
            best, least_cost = found, cost
        return least_cost

    start = learned(problem, effort, kernel, limits.seed)
    climb = Ascent(problem, flows, effort, least_cost, improve, start)
    climb.climb()
    if (problem.lanes.trip_cost > 0.0).any():
        flows.at(climb.prices)
        climb.upper = min(climb.upper, improve(climb.prices))
        for _ in range(OPENING_ROUNDS):
            climb.open_lanes(STEPS_OF_OPENING)
            climb.climb(STEPS_OF_OPENING)
    stopped = effort.why_stopped()
    flows.at(climb.prices)
    improve(climb.prices)
    bound = min(climb.bound.value, least_cost)
    if climb.converged:
        stopped = Termination.CONVERGED
    return Outcome(
        proven_status(least_cost, bound),
        stopped,
        ENGINE,
        Answer(best, climb.prices, climb.bound),
        least_cost,
        bound,
        limits.elapsed,
        effort.spent,
        f"{climb.steps} steps of prices",
    )


def learned(problem: Problem, effort: Effort, kernel: str, seed: int) -> Prices:
    """Return prices learned on a sample of the products; zero where the products are few."""
    prices = Prices.zero(problem)
    which = sample_products(problem, seed)
    if which is None:
        return prices
    part = restricted(problem, which)
    cost = objective(part, stay_put())
    climb = Ascent(
        part, Flows(part, kernel), effort.part(part), cost, lambda _: cost, Prices.zero(part)
    )
    climb.climb(STEPS_ON_SAMPLE)
    effort.add_pass(climb.steps * part.shape[0] / problem.shape[0])
    return replace(prices, row=climb.prices.row, by_kg=climb.prices.by_kg)


def stay_put() -> Moves:
    """Return the plan that moves nothing."""
    none = np.zeros(0, np.int64)
    return Moves(none, none, none, none, none, none, none)


def plan_at(problem: Problem, flows: Flows, prices: Prices) -> Moves:
    """Return a plan that keeps every limit, from the flows as they stand.

    Parameters
    ----------
    prices : those of the flows
    """
    state = PlanState(problem, flows.moves())
    here = here_cost(problem, prices, flows.least)
    settle(state, here, flows.least)
    nothing = np.zeros(len(prices.row))
    finer = np.maximum(flows.lot // 8, 1)
    best, least_cost = None, np.inf
    for _ in range(TRIP_ROUNDS):
        dropped = drop_trips(state, here, flows.least)
        fill(state, flows, here, prices.row, flows.lot)
        fill(state, flows, here, nothing, flows.lot)
        if (finer < flows.lot).any():
            fill(state, flows, here, nothing, finer)
        settle(state, here, flows.least)
        moves = state.moves()
        cost = objective(problem, moves)
        if cost < least_cost:
            best, least_cost = moves, cost
        if not dropped:
            break
    assert best is not None
    return best
