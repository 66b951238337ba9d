"""What a site gains at best from whole customers: a 0-1 knapsack for every site."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from optimizer.allocation.network.problem import FacilityProblem, Flags, Floats, Ints

MOST_CELLS = 3e8  # of the tables of all sites if every customer were in all of them


@dataclass(frozen=True, slots=True)
class Filling:
    """The best filling of each site by itself.

    Attributes
    ----------
    gain : (m,) min sum_j worth_ij x_j, sum_j demand_j x_j <= room_i, x 0 or 1; at most 0.
        Exact but for rounding
    taken : (m, n) bool, x
    joining : (m, n) by how much the gain rises at least where the customer must be in; 0 where
        it is, infinite where it does not fit
    cells : table steps that it took
    """

    gain: Floats
    taken: Flags
    joining: Floats
    cells: int


def fits_tables(problem: FacilityProblem) -> bool:
    """Whether demand comes in whole units, few enough for tables."""
    m, n = problem.shape
    whole = bool((problem.demand == np.rint(problem.demand)).all())
    return whole and n * float(problem.capacity.sum() + m) <= MOST_CELLS


def whole_units(problem: FacilityProblem) -> tuple[Ints, Ints]:
    """Return whole demand, and capacity rounded down."""
    room = np.floor(problem.capacity * (1.0 + 1e-9) + 1e-9)
    return problem.demand.astype(np.int64), room.astype(np.int64)


def fill(worth: Floats, demand: Ints, room: Ints, kernel: str = "") -> Filling:
    """Fill each site with the customers that gain most (Bellman's table over units).

    Parameters
    ----------
    worth : (m, n) money; only negative ones are taken
    kernel : "numpy" or "numba"; "": numba where it is installed. Both give the same bits
    """
    wanted = (worth < 0.0) & (demand[None, :] <= room[:, None])
    tight = (wanted @ demand) > room
    cells = int((wanted.sum(axis=1) * (room + 1))[tight].sum())
    gain = np.where(wanted, worth, 0.0).sum(axis=1)
    taken = wanted.copy()
    joining = np.where(wanted, 0.0, worth)
    joining[demand[None, :] > room[:, None]] = np.inf
    sites = np.flatnonzero(tight)
    if len(sites):
        _kernel(kernel)(sites, worth, wanted, demand, room, gain, taken, joining)
    return Filling(gain, taken, joining, cells)


def fill_by_rows(
    sites: Ints,
    worth: Floats,
    wanted: Flags,
    demand: Ints,
    room: Ints,
    gain: Floats,
    taken: Flags,
    joining: Floats,
) -> None:
    """Fill sites in which not all wanted customers fit; the last three arrays are written."""
    for site in sites:
        items, most = np.flatnonzero(wanted[site]), int(room[site])
        table = np.zeros((len(items) + 1, most + 1))
        for row, item in enumerate(items):
            size, now = int(demand[item]), table[row]
            table[row + 1] = now
            moved = now[: most + 1 - size] + worth[site, item]
            np.minimum(now[size:], moved, out=table[row + 1, size:])
        best = table[-1]
        gain[site] = best[most]
        left = most
        for row in range(len(items) - 1, -1, -1):
            item = items[row]
            taken[site, item] = table[row + 1, left] != table[row, left]
            if taken[site, item]:
                left -= int(demand[item])
        out = np.flatnonzero(~taken[site] & (demand <= most))
        joining[site, out] = worth[site, out] + best[most - demand[out]] - best[most]


def fill_by_cells(
    sites: Ints,
    worth: Floats,
    wanted: Flags,
    demand: Ints,
    room: Ints,
    gain: Floats,
    taken: Flags,
    joining: Floats,
) -> None:
    """Do the same cell by cell, for numba."""
    customers = len(demand)
    items = np.zeros(customers, np.int64)
    for site in sites:
        most, count = room[site], 0
        for item in range(customers):
            if wanted[site, item]:
                items[count] = item
                count += 1
        table = np.zeros((count + 1, most + 1))
        for row in range(count):
            size, value = demand[items[row]], worth[site, items[row]]
            for units in range(size):
                table[row + 1, units] = table[row, units]
            for units in range(size, most + 1):
                moved = table[row, units - size] + value
                table[row + 1, units] = min(table[row, units], moved)
        gain[site] = table[count, most]
        left = most
        for row in range(count - 1, -1, -1):
            inside = table[row + 1, left] != table[row, left]
            taken[site, items[row]] = inside
            if inside:
                left -= demand[items[row]]
        for item in range(customers):
            if not taken[site, item] and demand[item] <= most:
                rest = table[count, most - demand[item]]
                joining[site, item] = worth[site, item] + rest - table[count, most]


@lru_cache(maxsize=3)
def _kernel(name: str) -> Callable[..., Any]:
    if not name:
        name = "numba" if importlib.util.find_spec("numba") is not None else "numpy"
    if name == "numpy":
        return fill_by_rows
    from numba import njit

    compiled: Callable[..., Any] = njit(cache=True, nogil=True)(fill_by_cells)
    return compiled
