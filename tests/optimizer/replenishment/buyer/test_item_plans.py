"""Plans of single items are the cheapest there are, with and without numba."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from optimizer.replenishment.buyer.coupling import Coupling
from optimizer.replenishment.buyer.item_plans import Prices, own_prices, plan_items
from optimizer.replenishment.buyer.problem import Problem


def random_prices(problem: Problem, seed: int) -> Prices:
    """Return the prices of single items under random prices of the coupling rows."""
    draw = np.random.default_rng(seed)
    coupling = Coupling(problem)
    price = draw.uniform(0.0, 0.6, len(coupling.room)) * (draw.random(len(coupling.room)) < 0.5)
    prices = coupling.prices(price)
    return replace(prices, most=np.where(draw.random(len(prices.most)) < 0.2, 4, prices.most))


def cheapest(problem: Problem, prices: Prices, item: int) -> float:
    """Return the least cost of an item by trying every quantity of every slot."""
    options, slots, items = problem.options, problem.slots, problem.items
    part = range(int(slots.start[item]), int(slots.start[item + 1]))
    choices = []
    for slot in part:
        option = slots.option[slot]
        quantities = {0}
        for at in range(options.segment_start[option], options.segment_start[option + 1]):
            quantities |= set(
                range(options.low[at], options.high[at] + 1, options.multiple[option])
            )
        choices.append(sorted(q for q in quantities if q <= prices.most[slot]))
    best = np.inf
    for plan in product(*choices):
        qty = np.zeros(len(slots.item), np.int64)
        qty[list(part)] = plan
        coming = items.receipts[item].copy()
        np.add.at(coming, slots.arrival[list(part)], problem.brought(qty)[list(part)])
        lines = prices.fixed + prices.money * problem.money(qty) + prices.unit * qty
        cost = float(lines[qty > 0].sum())
        stock = int(items.opening[item])
        for period, come in enumerate(coming.tolist()):
            stock += come
            if stock > items.most_stock[item]:
                cost = np.inf
            left = stock - int(items.demand[item, period])
            stock = max(left, 0)
            cost += prices.holding[item, period] * stock + items.lost[item] * max(-left, 0)
            cost += items.floor_price[item] * max(int(items.floor[item]) - stock, 0)
        best = min(best, cost + items.end_value[item] * (items.supply[item] - stock))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_plans_are_the_cheapest(problems: Callable[..., Problem], seed: int) -> None:
    """At any prices the program finds what trying every quantity finds, losses on the way too."""
    problem = problems(seed, losses=True)
    item = 0
    kept = np.flatnonzero(problem.slots.item == item)[:4]
    prices = random_prices(problem, seed)
    closed = np.ones(len(prices.most), bool)
    closed[kept] = False
    prices = replace(prices, most=np.where(closed, 0, prices.most))
    _, value = plan_items(problem, prices, np.array([item]), kernel="numpy")
    assert value[item] == pytest.approx(cheapest(problem, prices, item), abs=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.slow
def test_twins_have_the_same_bits(problems: Callable[..., Problem], seed: int) -> None:
    """The compiled loops and the NumPy twin give the same plans and the same values."""
    pytest.importorskip("numba")
    problem = problems(seed, losses=seed % 2 == 0)
    prices = random_prices(problem, seed)
    one = plan_items(problem, prices, kernel="numpy")
    other = plan_items(problem, prices, kernel="numba")
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


@pytest.mark.parametrize("seed", range(10))
def test_value_is_the_cost_of_the_plan(problems: Callable[..., Problem], seed: int) -> None:
    """At its own prices an item's value is what the problem says that its plan costs."""
    problem = problems(seed, losses=True)
    qty, value = plan_items(problem, own_prices(problem), kernel="numpy")
    assert problem.item_cost(qty) == pytest.approx(value, abs=1e-9)
