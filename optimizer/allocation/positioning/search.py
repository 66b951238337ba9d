"""The search: prices from above, plans from below, until limits or gap say stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.allocation.positioning.ascent import CHEAP_PASS, Ascent
from optimizer.allocation.positioning.costs import objective
from optimizer.allocation.positioning.effort import Effort
from optimizer.allocation.positioning.fill import fill
from optimizer.allocation.positioning.flows import Flows
from optimizer.allocation.positioning.multipliers import Bound, Prices, here_cost
from optimizer.allocation.positioning.open_trips import open_trips
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Floats, Moves, Problem
from optimizer.allocation.positioning.repair import drop_trips, settle
from optimizer.allocation.positioning.sample import restricted, sample_products
from optimizer.outcome import Limits, Outcome, Termination, proven_status

ENGINE = "lagrangian flows"
STEPS_ON_SAMPLE = 80
OPENING_ROUNDS = 4
STEPS_OF_OPENING = 40
STEPS_BEFORE_OPENING = 120
KEPT_TO_OPEN = 0.6  # of the limits
MOST_OPENED = 400_000  # products x lanes with trips up to which the charge for opening is sought


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
    effort.begin()
    climb = Ascent(problem, flows, effort, least_cost, improve, start)
    if not few_lanes(problem):
        climb.climb()
    else:
        effort.kept = KEPT_TO_OPEN
        climb.climb(STEPS_BEFORE_OPENING)
        effort.kept = 0.0
        for _ in range(OPENING_ROUNDS):
            climb.open_lanes(STEPS_OF_OPENING)
            climb.climb(STEPS_OF_OPENING)
            if effort.one_pass < CHEAP_PASS and not effort.time_to_plan():
                flows.at(climb.prices)
                climb.upper = min(climb.upper, improve(climb.prices))
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


def few_lanes(problem: Problem) -> bool:
    """Say whether lanes have trips to open, and products are few enough to weigh each."""
    with_trips = int((problem.lanes.trip_cost > 0.0).sum())
    return 0 < problem.shape[0] * with_trips <= MOST_OPENED


def stay_put() -> Moves:
    """Return the plan that moves nothing."""
    none = np.zeros(0, np.int64)
    return Moves(none, none, none, none, none, none, none)


def plan_at(problem: Problem, flows: Flows, prices: Prices) -> Moves:
    """Return a plan that keeps every limit, from the flows as they stand.

    Where trips are few, it is also tried from no transfers at all, and trips are opened one by one.

    Parameters
    ----------
    prices : those of the flows
    """
    here = here_cost(problem, prices, flows.least)
    few = few_lanes(problem)
    best, least_cost = stay_put(), objective(problem, stay_put())
    for without in (False, True) if few else (False,):
        state = PlanState(problem, flows.moves())
        if without:
            product, lane = np.nonzero(state.moved)
            state.cut(product, lane, state.moved[product, lane])
        settle(state, here, flows.least)
        for may_open in (False, few):
            drop_trips(state, here, flows.least)
            if may_open:
                open_trips(state, here, flows.least)
            _refill(state, flows, here, prices)
            settle(state, here, flows.least)
            moves = state.moves()
            cost = objective(problem, moves)
            if cost < least_cost:
                best, least_cost = moves, cost
    return best


def _refill(state: PlanState, flows: Flows, here: Floats, prices: Prices) -> None:
    """Fill what room is left: at the prices of rows, then without, then with finer lots."""
    nothing = np.zeros(len(prices.row))
    finer = np.maximum(flows.lot // 8, 1)
    fill(state, flows, here, prices.row, flows.lot)
    fill(state, flows, here, nothing, flows.lot)
    if (finer < flows.lot).any():
        fill(state, flows, here, nothing, finer)
