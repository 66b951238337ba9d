"""Cheapest flows of every product at given prices, and what they load on lanes."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from optimizer.allocation.positioning.costs import expected_short
from optimizer.allocation.positioning.multipliers import (
    Prices,
    here_cost,
    lane_costs,
    opening_charges,
)
from optimizer.allocation.positioning.problem import Floats, Ints, Moves, Problem

REACH = 8.0  # standard deviations beyond which nothing is short, or everything
STEPS = 256.0  # of the table per standard deviation
LOTS_PER_SD = 8.0


class Flows:
    """Flows of every product, kept from one set of prices to the next.

    Parameters
    ----------
    kernel : "numpy" (plain Python) or "numba"; "": numba where it is installed. Both give the
        same bits
    """

    def __init__(self, problem: Problem, kernel: str = "") -> None:
        self.problem = problem
        self.least, self.beyond = problem.across()
        self.lot = lot_sizes(problem)
        self.lots = problem.free // self.lot[:, None]
        self.fixed = problem.fixed + (problem.free - self.lots * self.lot[:, None])
        products, sites = problem.shape
        self.moved = np.zeros((products, len(problem.lanes)), np.int64)
        self.across = np.zeros((products, sites, sites), np.int64)
        self.value_here, self.value = np.zeros(problem.shape), np.zeros(problem.shape)
        self.compiled = kernel != "numpy" and importlib.util.find_spec("numba") is not None
        self.run = _compiled(compiled=self.compiled)
        grid = np.arange(-REACH * STEPS, REACH * STEPS + 2) / STEPS
        self.table = expected_short(grid, np.zeros(len(grid)), np.ones(len(grid)))

    def at(self, prices: Prices, which: Ints | None = None) -> Floats:
        """Find the cheapest flows at these prices; return their load, (3, n_lanes)."""
        problem = self.problem
        products = np.arange(problem.shape[0]) if which is None else which
        load = np.zeros((3, len(problem.lanes)))
        unit, per_kg, per_m3 = lane_costs(problem, prices)
        here = here_cost(problem, prices, self.least)
        self.run(
            products,
            self.lot,
            self.lots,
            self.fixed,
            problem.mean,
            problem.sd,
            here,
            problem.holding,
            problem.holding + problem.shortage - self.least,
            self.beyond,
            problem.wait_days,
            problem.kg,
            problem.m3,
            problem.lanes.origin,
            problem.lanes.destination,
            problem.lanes.transit_days,
            unit,
            per_kg,
            per_m3,
            opening_charges(problem, prices, here, self.least),
            self.table,
            STEPS,
            REACH,
            self.moved,
            self.across,
            self.value_here,
            self.value,
            load,
        )
        return load

    def moves(self) -> Moves:
        """Return the flows as moves."""
        product, lane = np.nonzero(self.moved)
        held, at, region = np.nonzero(self.across)
        return Moves(
            product,
            lane,
            self.moved[product, lane] * self.lot[product],
            held,
            at,
            region,
            self.across[held, at, region] * self.lot[held],
        )


def lot_sizes(problem: Problem) -> Ints:
    """Return units that are moved at a time while prices are sought, (n_products,), >= 1.

    The least standard deviation of a product's regions, of those with stock or demand, makes
    `LOTS_PER_SD` lots.
    """
    spread = np.where((problem.sd > 0.0), problem.sd, np.inf).min(axis=1)
    spread = np.where(np.isfinite(spread), spread, 0.0)
    lot: Ints = np.maximum(np.floor(spread / LOTS_PER_SD), 1.0).astype(np.int64)
    return lot


@lru_cache(maxsize=2)
def _compiled(*, compiled: bool) -> Callable[..., Any]:
    from optimizer.allocation.positioning import flows_compiled

    if not compiled:
        return flows_compiled.cheapest_flows
    from numba import njit

    made: Callable[..., Any] = njit(cache=True, nogil=True)(flows_compiled.cheapest_flows)
    return made
