"""Who serves whom at least cost when the open sites are given: a transportation problem.

One linear programme in HiGHS, warm-started from set to set; arcs come in where prices ask for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    Ints,
    broken_rule,
    cost_of,
)
from optimizer.outcome import Limits

FIRST_ARCS = 6  # per customer, from the cheapest open sites
MORE_ARCS = 3  # per customer and round
SMALLEST_SHARE = 1e-9


@dataclass(frozen=True, slots=True)
class Shipped:
    """A least-cost assignment to given sites.

    Attributes
    ----------
    cost : money, fixed cost of the open sites included; recomputed
    customer_price : (n,) money of serving the customer once more
    site_price : (m,) money per unit of capacity, at least 0
    """

    solution: FacilitySolution
    cost: float
    customer_price: Floats
    site_price: Floats


class Transport:
    """The transportation problem of one set of open sites after another.

    Attributes
    ----------
    solved : how many sets so far
    iterations : simplex iterations so far
    """

    def __init__(self, problem: FacilityProblem, seed: int = 0) -> None:
        import highspy

        self._problem = problem
        m, n = problem.shape
        self.solved = self.iterations = 0
        self._has = np.zeros((m, n), bool)
        self._site = np.empty(0, np.int64)
        self._customer = np.empty(0, np.int64)
        self._optimal = highspy.HighsModelStatus.kOptimal
        self._solver: Any = highspy.Highs()
        for name, value in {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "presolve": "off",
            "random_seed": seed % (2**31 - 1),
        }.items():
            self._solver.setOptionValue(name, value)
        self._infinity = highspy.kHighsInf
        finite = problem.serve_cost[np.isfinite(problem.serve_cost)]
        self._penalty = 10.0 * float(np.abs(finite).max(initial=1.0)) + 1.0
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = n, n + m
        lp.col_cost_ = np.full(n, self._penalty)
        lp.col_lower_, lp.col_upper_ = np.zeros(n), np.full(n, self._infinity)
        lp.row_lower_ = np.concatenate([np.ones(n), np.full(m, -self._infinity)])
        lp.row_upper_ = np.concatenate([np.ones(n), problem.capacity])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = n, n + m
        lp.a_matrix_.start_ = np.arange(n + 1, dtype=np.int32)
        lp.a_matrix_.index_ = np.arange(n, dtype=np.int32)
        lp.a_matrix_.value_ = np.ones(n)
        self._solver.passModel(lp)

    def ship(self, is_open: Flags, limits: Limits | None = None) -> Shipped | None:
        """Return the least-cost assignment to open sites, or None where they cannot serve all."""
        problem = self._problem
        m, n = problem.shape
        if float(problem.capacity[is_open].sum()) < problem.total_demand * (1.0 - 1e-12):
            return None
        if not is_open.any():
            return None
        self.solved += 1
        cost = np.where(is_open[:, None], problem.serve_cost, np.inf)
        nearest = min(FIRST_ARCS, int(is_open.sum()))
        cheapest = np.argpartition(cost, nearest - 1, axis=0)[:nearest]
        self._add(cheapest, cost)
        self._solver.changeRowsBounds(
            m,
            np.arange(n, n + m, dtype=np.int32),
            np.full(m, -self._infinity),
            np.where(is_open, problem.capacity, 0.0),
        )
        while True:
            if limits is not None and limits.seconds is not None:
                spent = self._solver.getRunTime()
                self._solver.setOptionValue("time_limit", spent + max(limits.remaining, 0.01))
            self._solver.run()
            self.iterations += max(int(self._solver.getInfo().simplex_iteration_count), 0)
            if self._solver.getModelStatus() != self._optimal:
                return None
            answer = self._solver.getSolution()
            price = np.asarray(answer.row_dual)
            customer_price, site_price = price[:n], np.maximum(-price[n:], 0.0)
            reduced = cost - customer_price[None, :] + site_price[:, None] * problem.demand
            scale = 1e-7 * max(1.0, float(np.abs(customer_price).mean()))
            missing = np.where(self._has, 0.0, reduced)
            if not (missing < -scale).any():
                break
            worst = np.argpartition(missing, min(MORE_ARCS, m) - 1, axis=0)[:MORE_ARCS]
            self._add(worst, np.where(missing < -scale, cost, np.inf))
        x = np.asarray(answer.col_value)
        if x[:n].max(initial=0.0) > 1e-7:
            return None
        solution = self._tidy(is_open, x[n:])
        if solution is None:
            return None
        return Shipped(solution, cost_of(problem, solution), customer_price, site_price)

    def _add(self, sites: Ints, cost: Floats) -> None:
        """Add arcs given as (k, n) sites per customer where their cost is finite."""
        n = self._problem.shape[1]
        customer = np.tile(np.arange(n), len(sites))
        site = sites.ravel()
        fresh = np.isfinite(cost[site, customer]) & ~self._has[site, customer]
        site, customer = site[fresh], customer[fresh]
        count = len(site)
        if not count:
            return
        self._has[site, customer] = True
        index = np.column_stack([customer, n + site])
        value = np.column_stack([np.ones(count), self._problem.demand[customer]])
        self._solver.addCols(
            count,
            self._problem.serve_cost[site, customer],
            np.zeros(count),
            np.full(count, self._infinity),
            2 * count,
            (2 * np.arange(count)).astype(np.int32),
            index.ravel().astype(np.int32),
            value.ravel(),
        )
        self._site = np.concatenate([self._site, site])
        self._customer = np.concatenate([self._customer, customer])

    def _tidy(self, is_open: Flags, x: Floats) -> FacilitySolution | None:
        share = np.zeros(self._problem.shape)
        share[self._site, self._customer] = np.where(x > SMALLEST_SHARE, x, 0.0)
        return tidy(self._problem, is_open, share)


def tidy(problem: FacilityProblem, is_open: Flags, share: Floats) -> FacilitySolution | None:
    """Make columns add up to 1 exactly; None if the sum was not 1 or a rule breaks."""
    share = np.where(is_open[:, None], share, 0.0)
    total = share.sum(axis=0)
    if (np.abs(total - 1.0) > 1e-6).any():
        return None
    solution = FacilitySolution(is_open.copy(), share / total[None, :])
    if problem.single_source:
        return solution
    return None if broken_rule(problem, solution) else solution
