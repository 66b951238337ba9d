"""Exact cheapest plans of single items at given prices."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from optimizer.replenishment.buyer.problem import Floats, Ints, Problem

FREE = np.int64(2**40)  # units; no limit


@dataclass(frozen=True, slots=True)
class Prices:
    """What lines and stock cost, and how much of each there may be.

    Attributes
    ----------
    money, unit, fixed : (n_slots,) a line costs fixed + money x (its purchase cost) + unit x qty
    most : (n_slots,) int64, units
    holding : (n_items, n_periods) money per unit of closing stock
    room : (n_items, n_periods) int64, most closing stock, units
    """

    money: Floats
    unit: Floats
    fixed: Floats
    most: Ints
    holding: Floats
    room: Ints


def own_prices(problem: Problem) -> Prices:
    """Return prices at which only an item's own costs count."""
    options, slots = problem.options, problem.slots
    count, shape = len(slots.item), problem.items.demand.shape
    return Prices(
        np.ones(count),
        options.unit_cost[slots.option],
        options.line_cost[slots.option],
        np.full(count, FREE),
        np.repeat(problem.items.holding[:, None], shape[1], axis=1),
        np.full(shape, FREE),
    )


def plan_items(
    problem: Problem, prices: Prices, which: Ints | None = None, kernel: str = ""
) -> tuple[Ints, Floats]:
    """Return the cheapest plan of each item by itself, and its cost.

    Parameters
    ----------
    which : items to plan; None: all
    kernel : "numpy" or "numba"; "": numba where it is installed. Both give the same bits

    Returns
    -------
    qty : (n_slots,) int64, 0 for other items
    value : (n_items,) money; 0 for others
    """
    items, options, slots = problem.items, problem.options, problem.slots
    qty, value = np.zeros(len(slots.item), np.int64), np.zeros(len(items.opening))
    chosen = np.arange(len(items.opening)) if which is None else np.asarray(which, np.int64)
    _kernel(kernel)(
        chosen,
        items.demand,
        items.receipts,
        items.opening,
        items.lost,
        items.floor,
        items.floor_price,
        items.end_value,
        items.most_stock,
        prices.holding,
        prices.room,
        slots.start,
        slots.arrival,
        slots.option,
        prices.money,
        prices.unit,
        prices.fixed,
        prices.most,
        options.multiple,
        options.brings,
        options.segment_start,
        options.low,
        options.high,
        options.price,
        options.offset,
        qty,
        value,
    )
    value[chosen] += items.end_value[chosen] * items.supply[chosen]
    return qty, value


def planning_work(problem: Problem) -> Floats:
    """Return the work of planning each item once, (n_items,), about seconds of one core."""
    lines = np.diff(problem.slots.start) * 3.0 + problem.n_periods
    work: Floats = lines * (problem.items.most_stock + 1.0) * 4e-9 + 2e-6
    return work


@lru_cache(maxsize=3)
def _kernel(name: str) -> Callable[..., Any]:
    if not name:
        name = "numba" if importlib.util.find_spec("numba") is not None else "numpy"
    if name == "numpy":
        from optimizer.replenishment.buyer import plans_reference

        return plans_reference.plan_items
    from numba import njit

    from optimizer.replenishment.buyer import plans_compiled

    compiled: Callable[..., Any] = njit(cache=True, nogil=True)(plans_compiled.plan_items)
    return compiled
