"""Lists every plan of an item that is at most so much dearer than its cheapest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.replenishment.buyer.item_plans import Prices
from optimizer.replenishment.buyer.problem import TINY, Floats, Ints, Problem, line_money

CELLS_PER_WORK = 2e7  # states x lots of about a second of one core


@dataclass(frozen=True, slots=True)
class _Lots:
    """What a slot may order: 0 first. All (n_lots,): units, usable units, money at the prices."""

    units: Ints
    bring: Ints
    pay: Floats


def listing_work(problem: Problem) -> float:
    """Return the work of the programs behind the lists, about seconds of one core."""
    return _cells(problem) / CELLS_PER_WORK


def list_plans(
    problem: Problem, prices: Prices, item: int, margin: float, most: int
) -> Ints | None:
    """Return the plans of an item within a margin of its cheapest, or None if they are too many.

    Parameters
    ----------
    prices : of lines and stock; their `most` and `room` are not used
    margin : money
    most : plans

    Returns
    -------
    plans : (n_plans, slots of the item) int64

    Notes
    -----
    Costs to go from every stock are exact, so a plan begun is kept only if it can be ended within
    the margin: there are never more plans begun than there are in the end.
    """
    slots, items = problem.slots, problem.items
    first, last = int(slots.start[item]), int(slots.start[item + 1])
    lots = [_lots(problem, prices, slot) for slot in range(first, last)]
    arrival = slots.arrival[first:last]
    after, ahead = _costs_to_go(problem, prices, item, lots, arrival)
    opening = int(items.opening[item])
    limit = float(ahead[opening]) + margin + TINY * (1.0 + abs(float(ahead[opening])))
    stock, cost = np.array([opening]), np.zeros(1)
    plans = np.zeros((1, last - first), np.int64)
    period = 0
    for at, lot in enumerate(lots):
        for ended in range(period, int(arrival[at])):
            stock, paid = _end(problem, prices, item, ended, stock)
            cost = cost + paid
        period = int(arrival[at])
        then = np.minimum(stock[:, None] + lot.bring, len(after[at]))
        total = cost[:, None] + lot.pay + np.append(after[at], np.inf)[then]
        begun, chosen = np.nonzero(total <= limit)
        if len(begun) > most:
            return None
        plans = plans[begun]
        plans[:, at] = lot.units[chosen]
        stock, cost = then[begun, chosen], cost[begun] + lot.pay[chosen]
    return plans


def _cells(problem: Problem) -> float:
    options, slots = problem.options, problem.slots
    owner = np.repeat(np.arange(len(options.item)), np.diff(options.segment_start))
    each = (options.high - options.low) // options.multiple[owner] + 1
    count = np.bincount(owner, each, minlength=len(options.item)) + 1.0
    return float((count[slots.option] * (problem.items.most_stock[slots.item] + 1.0)).sum())


def _lots(problem: Problem, prices: Prices, slot: int) -> _Lots:
    options = problem.options
    option = int(problem.slots.option[slot])
    step = int(options.multiple[option])
    parts = range(int(options.segment_start[option]), int(options.segment_start[option + 1]))
    ranges = [np.arange(options.low[at], options.high[at] + 1, step) for at in parts]
    units = np.concatenate([np.zeros(1, np.int64), *ranges]).astype(np.int64)
    money = line_money(options, np.full(len(units), option), units)
    pay = prices.fixed[slot] + prices.money[slot] * money + prices.unit[slot] * units
    bring = np.floor(units * options.brings[option] + TINY).astype(np.int64)
    return _Lots(units, bring, np.where(units > 0, pay, 0.0))


def _end(
    problem: Problem, prices: Prices, item: int, period: int, stock: Ints
) -> tuple[Ints, Floats]:
    """Return stock after a period and what the period costs; inf where stock is too much."""
    items = problem.items
    come = stock + items.receipts[item, period]
    left = come - items.demand[item, period]
    over = np.maximum(left, 0)
    cost = (
        items.lost[item] * np.maximum(-left, 0)
        + prices.holding[item, period] * over
        + items.floor_price[item] * np.maximum(items.floor[item] - over, 0)
    )
    return over, np.where(come > items.most_stock[item], np.inf, cost)


def _costs_to_go(
    problem: Problem, prices: Prices, item: int, lots: list[_Lots], arrival: Ints
) -> tuple[list[Floats], Floats]:
    """Return the least cost to go by stock: after each slot, and from the beginning."""
    top = int(problem.items.most_stock[item])
    levels = np.arange(top + 1)
    ahead = -problem.items.end_value[item] * levels
    after = [ahead] * len(lots)
    slot = len(lots)
    for period in range(problem.n_periods - 1, -1, -1):
        over, cost = _end(problem, prices, item, period, levels)
        ahead = cost + ahead[np.minimum(over, top)]
        while slot and arrival[slot - 1] == period:
            slot -= 1
            after[slot] = ahead
            then = np.append(ahead, np.inf)
            ahead = ahead.copy()
            for bring, pay in zip(lots[slot].bring.tolist(), lots[slot].pay.tolist(), strict=True):
                np.minimum(ahead, pay + then[np.minimum(levels + bring, top + 1)], out=ahead)
    return after, ahead
