"""Lists of item plans are complete, and hold nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.replenishment.buyer.item_plans import own_prices, plan_items
from optimizer.replenishment.buyer.plan_lists import list_plans
from optimizer.replenishment.buyer.problem import Ints, Problem

ITEM = 0


def few_slots(problem: Problem) -> Problem:
    """Return the problem with orders in the first two periods only, so that all can be tried."""
    arrival = problem.options.arrival.copy()
    arrival[:, 2:] = -1
    return Problem(
        problem.items, replace(problem.options, arrival=arrival), problem.groups, problem.rules,
        problem.storage,
    )  # fmt: skip


def lots(problem: Problem, slot: int) -> list[int]:
    """Return 0 and all that a slot may order."""
    options, option = problem.options, int(problem.slots.option[slot])
    step = int(options.multiple[option])
    found = [0]
    for part in range(options.segment_start[option], options.segment_start[option + 1]):
        found += range(int(options.low[part]), int(options.high[part]) + 1, step)
    return found


def every_plan(problem: Problem) -> dict[tuple[int, ...], float]:
    """Return each plan of the first item that stays under its most stock, with its own cost."""
    slots = problem.slots
    first, last = int(slots.start[ITEM]), int(slots.start[ITEM + 1])
    result = {}
    for plan in product(*(lots(problem, slot) for slot in range(first, last))):
        qty: Ints = np.zeros(len(slots.item), np.int64)
        qty[first:last] = plan
        closing, lost = problem.stock(qty)
        after = (closing + problem.items.demand - lost)[ITEM]
        if (after <= problem.items.most_stock[ITEM]).all():
            result[plan] = float(problem.item_cost(qty)[ITEM])
    return result


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("margin", [0.0, 5.0])
def test_lists_are_complete(problems: Callable[..., Problem], seed: int, margin: float) -> None:
    """All plans within the margin of the cheapest are listed, and no others, losses included."""
    problem = few_slots(problems(seed, losses=True))
    cost = every_plan(problem)
    least = min(cost.values())
    listed = list_plans(problem, own_prices(problem), ITEM, margin, 10**6)
    assert listed is not None
    found = [tuple(plan) for plan in listed.tolist()]
    assert len(found) == len(set(found))
    assert set(found) == {plan for plan, own in cost.items() if own <= least + margin + 1e-8}


@pytest.mark.parametrize("seed", range(6))
def test_the_cheapest_is_that_of_the_program(problems: Callable[..., Problem], seed: int) -> None:
    """With no margin, the list holds the plan that the compiled program finds."""
    problem = problems(seed, losses=True)
    prices = own_prices(problem)
    qty, _ = plan_items(problem, prices)
    listed = list_plans(problem, prices, ITEM, 0.0, 10**6)
    assert listed is not None
    start = problem.slots.start
    assert (listed == qty[start[ITEM] : start[ITEM + 1]]).all(axis=1).any()


def test_too_many_are_not_listed(problems: Callable[..., Problem]) -> None:
    """Above the most that are wanted there is no list: it would not be complete."""
    problem = problems(0)
    assert list_plans(problem, own_prices(problem), ITEM, 1e6, 10) is None
