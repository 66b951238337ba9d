"""A facility location problem as arrays, and what a solution of it must satisfy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIT = 1e-9  # by how much a load may exceed its capacity, relative to it


@dataclass(frozen=True, slots=True)
class FacilityProblem:
    """Which sites to open, and which of them serves which customer.

    minimise sum_i fixed_cost_i y_i + sum_ij serve_cost_ij x_ij, every customer served in whole,
    the load of an open site within its capacity; with `single_source` x is 0 or 1.

    Attributes
    ----------
    fixed_cost : (m,) float64, money of an open site
    capacity : (m,) float64, units; infinite for no limit
    demand : (n,) float64, units, at least 0
    serve_cost : (m, n) float64, money of serving the customer's whole demand from the site;
        infinite where it cannot
    single_source : every customer is served by one site
    must_open, must_close : (m,) bool
    least_sites, most_sites : how many sites may be open
    """

    fixed_cost: Floats
    capacity: Floats
    demand: Floats
    serve_cost: Floats
    single_source: bool
    must_open: Flags
    must_close: Flags
    least_sites: int
    most_sites: int

    @classmethod
    def of(
        cls,
        fixed_cost: Floats,
        capacity: Floats,
        demand: Floats,
        serve_cost: Floats,
        *,
        single_source: bool = False,
        must_open: Flags | None = None,
        must_close: Flags | None = None,
        least_sites: int = 0,
        most_sites: int | None = None,
    ) -> FacilityProblem:
        """Return the problem with what is not said left free."""
        m = len(fixed_cost)
        return cls(
            np.asarray(fixed_cost, np.float64),
            np.minimum(np.asarray(capacity, np.float64), float(np.sum(demand))),
            np.asarray(demand, np.float64),
            np.asarray(serve_cost, np.float64),
            single_source,
            np.zeros(m, bool) if must_open is None else np.asarray(must_open, bool),
            np.zeros(m, bool) if must_close is None else np.asarray(must_close, bool),
            int(least_sites),
            m if most_sites is None else int(most_sites),
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Sites and customers."""
        m, n = self.serve_cost.shape
        return m, n

    @property
    def total_demand(self) -> float:
        """Units that all customers want together."""
        return float(self.demand.sum())

    def fewest_sites(self) -> int:
        """Return how many sites it takes at least: the largest ones just hold all demand."""
        room = np.sort(self.capacity[~self.must_close])[::-1]
        enough = np.cumsum(room) >= self.total_demand * (1.0 - FIT)
        by_room = int(np.argmax(enough)) + 1 if enough.any() else len(room) + 1
        return max(self.least_sites, int(self.must_open.sum()), by_room if len(self.demand) else 0)


def restrict(problem: FacilityProblem, sites: Ints) -> FacilityProblem:
    """Return the problem over some of its sites; all others are closed and gone."""
    return replace(
        problem,
        fixed_cost=problem.fixed_cost[sites],
        capacity=problem.capacity[sites],
        serve_cost=problem.serve_cost[sites],
        must_open=problem.must_open[sites],
        must_close=problem.must_close[sites],
        most_sites=min(problem.most_sites, len(sites)),
    )


@dataclass(frozen=True, slots=True)
class FacilitySolution:
    """Which sites are open, and what share of each customer each serves.

    Attributes
    ----------
    is_open : (m,) bool
    share : (m, n) float64, 0..1; columns add up to 1
    """

    is_open: Flags
    share: Floats


def widen(problem: FacilityProblem, sites: Ints, solution: FacilitySolution) -> FacilitySolution:
    """Return a solution over some sites as one of the whole problem."""
    is_open, share = np.zeros(problem.shape[0], bool), np.zeros(problem.shape)
    is_open[sites], share[sites] = solution.is_open, solution.share
    return FacilitySolution(is_open, share)


def cost_of(problem: FacilityProblem, solution: FacilitySolution) -> float:
    """Return the fixed cost of the open sites and the cost of serving."""
    used = solution.share > 0.0
    serving = np.where(used, problem.serve_cost, 0.0) * solution.share
    return float(problem.fixed_cost[solution.is_open].sum() + serving.sum())


def broken_rule(problem: FacilityProblem, solution: FacilitySolution) -> str | None:
    """Return the first rule that a solution breaks, in words, or None."""
    share, is_open = solution.share, solution.is_open
    if (share < 0.0).any() or (np.abs(share.sum(axis=0) - 1.0) > 1e-7).any():
        return "a customer is not served in whole"
    if (share[~is_open] > 0.0).any():
        return "a closed site serves"
    if (share[~np.isfinite(problem.serve_cost)] > 0.0).any():
        return "a site serves a customer that it cannot reach"
    room = problem.capacity * (1.0 + 1e-7) + 1e-7
    if (share @ problem.demand > room).any():
        return "a site is over its capacity"
    if (problem.must_open & ~is_open).any() or (problem.must_close & is_open).any():
        return "a site is not open or closed as it must be"
    if not problem.least_sites <= int(is_open.sum()) <= problem.most_sites:
        return "too few or too many sites are open"
    if problem.single_source and ((share > 0.0).sum(axis=0) != 1).any():
        return "a customer is served by several sites"
    return None
