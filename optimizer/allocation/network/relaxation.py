"""The strong linear relaxation over few arcs, in HiGHS: it proposes prices and split solutions.

Nothing that it says is believed: prices go through :mod:`duals`, solutions are priced anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from optimizer.allocation.network.covers import Cover
from optimizer.allocation.network.duals import Prices
from optimizer.allocation.network.problem import FacilityProblem, Flags, Floats, Ints
from optimizer.outcome import Limits


@dataclass(frozen=True, slots=True)
class Split:
    """What the relaxation would do.

    Attributes
    ----------
    prices : multipliers of its rows
    objective : of the relaxation over its arcs; None where it was broken off
    opened : (m,) float64, y
    share : (n_arcs,) float64, x of the arcs in it
    unserved : largest share of a customer that it leaves
    """

    prices: Prices
    objective: float
    opened: Floats
    share: Floats
    unserved: float


class Relaxation:
    """Facility location without integrality over a growing set of arcs and covers.

    Rows: customers (n), site capacities (m), total capacity, count of sites, then x_ij <= y_i of
    each arc and the covers, in the order in which they came. Columns: y (m), unserved (n), x.

    Attributes
    ----------
    site, customer : (n_arcs,) int64, of the arcs in it
    has : (m, n) bool, which arcs are in it
    covers : in it
    iterations : simplex iterations so far
    """

    def __init__(self, problem: FacilityProblem, unserved_price: float, seed: int) -> None:
        import highspy

        self._problem = problem
        m, n = problem.shape
        self._m, self._n, self._rows = m, n, n + m + 2
        self.site = np.empty(0, np.int64)
        self.customer = np.empty(0, np.int64)
        self._cover_row: list[int] = []
        self.has = np.zeros((m, n), bool)
        self.iterations = 0
        self.covers: list[Cover] = []
        self._column = np.full((m, n), -1, np.int64)
        self._infinity = highspy.kHighsInf
        self._optimal = highspy.HighsModelStatus.kOptimal
        self._infeasible = highspy.HighsModelStatus.kInfeasible
        self._infinite_steps = int(highspy.kHighsIInf)
        self._solver: Any = highspy.Highs()
        for name, value in {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "random_seed": seed % (2**31 - 1),
        }.items():
            self._solver.setOptionValue(name, value)
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = m + n, self._rows
        lp.col_cost_ = np.concatenate([problem.fixed_cost, np.full(n, unserved_price)])
        lp.col_lower_ = np.concatenate([problem.must_open.astype(np.float64), np.zeros(n)])
        lp.col_upper_ = np.concatenate([1.0 - problem.must_close, np.ones(n)])
        lp.row_lower_ = np.concatenate(
            [
                np.ones(n),
                np.full(m, -self._infinity),
                [problem.total_demand, float(problem.fewest_sites())],
            ]
        )
        lp.row_upper_ = np.concatenate(
            [np.ones(n), np.zeros(m), [self._infinity, float(problem.most_sites)]]
        )
        ordinal = np.arange(m)
        index = np.column_stack([n + ordinal, np.full(m, n + m), np.full(m, n + m + 1)])
        value = np.column_stack([-problem.capacity, problem.capacity, np.ones(m)])
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.num_col_, lp.a_matrix_.num_row_ = lp.num_col_, lp.num_row_
        starts = np.concatenate([3 * ordinal, 3 * m + np.arange(n + 1)])
        lp.a_matrix_.start_ = starts.astype(np.int32)
        lp.a_matrix_.index_ = np.concatenate([index.ravel(), np.arange(n)]).astype(np.int32)
        lp.a_matrix_.value_ = np.concatenate([value.ravel(), np.ones(n)])
        self._solver.passModel(lp)

    def add_arcs(self, site: Ints, customer: Ints) -> None:
        """Add arcs that are not in it yet, each with its row x_ij <= y_i."""
        fresh = ~self.has[site, customer]
        site, customer = site[fresh], customer[fresh]
        count = len(site)
        if not count:
            return
        self.has[site, customer] = True
        self._column[site, customer] = self._m + self._n + len(self.site) + np.arange(count)
        rows = self._rows + np.arange(count)
        self._rows += count
        self._solver.addRows(
            count,
            np.full(count, -self._infinity),
            np.zeros(count),
            count,
            np.arange(count, dtype=np.int32),
            site.astype(np.int32),
            np.full(count, -1.0),
        )
        index = np.column_stack([customer, self._n + site, rows])
        value = np.column_stack([np.ones(count), self._problem.demand[customer], np.ones(count)])
        entry = np.repeat(np.arange(count), 3)
        index, value = index.ravel(), value.ravel()
        for cover, row in zip(self.covers, self._cover_row, strict=True):
            inside = np.flatnonzero((site == cover.site) & np.isin(customer, cover.customers))
            entry = np.concatenate([entry, inside])
            index = np.concatenate([index, np.full(len(inside), row)])
            value = np.concatenate([value, np.ones(len(inside))])
        order = np.argsort(entry, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(entry, minlength=count))[:-1]])
        self._solver.addCols(
            count,
            self._problem.serve_cost[site, customer],
            np.zeros(count),
            np.full(count, self._infinity),
            len(entry),
            starts.astype(np.int32),
            index[order].astype(np.int32),
            value[order],
        )
        self.site = np.concatenate([self.site, site])
        self.customer = np.concatenate([self.customer, customer])

    def add_covers(self, covers: Sequence[Cover]) -> None:
        """Add rows sum_j x_ij <= most y_i; later arcs join them."""
        for cover in covers:
            columns = self._column[cover.site, cover.customers]
            columns = np.concatenate([[cover.site], columns[columns >= 0]])
            value = np.ones(len(columns))
            value[0] = -float(cover.most)
            self._solver.addRow(-self._infinity, 0.0, len(columns), columns.astype(np.int32), value)
            self.covers.append(cover)
            self._cover_row.append(self._rows)
            self._rows += 1

    def fix_sites(self, lower: Floats, upper: Floats) -> None:
        """Set the box of y, (m,) each."""
        self._solver.changeColsBounds(
            self._m, np.arange(self._m, dtype=np.int32), lower.astype(float), upper.astype(float)
        )

    def bar(self, barred: Flags) -> None:
        """Hold the arcs that are barred, (m, n), at 0 and free all others."""
        count = len(self.site)
        columns = (self._m + self._n + np.arange(count)).astype(np.int32)
        upper = np.where(barred[self.site, self.customer], 0.0, self._infinity)
        self._solver.changeColsBounds(count, columns, np.zeros(count), upper)

    def spread(self, split: Split) -> Floats:
        """Return the shares of a split solution as (m, n)."""
        share = np.zeros((self._m, self._n))
        share[self.site, self.customer] = split.share
        return share

    def probe(self, sites: Ints, iterations: int, limits: Limits) -> Floats:
        """Return how far the objective rises if each site is closed, or opened, (n_sites, 2).

        The dual simplex method takes a few steps only, and the basis is put back. Hints of where
        to branch, not bounds.
        """
        solver = self._solver
        basis, columns = solver.getBasis(), solver.getLp().col_lower_
        upper = solver.getLp().col_upper_
        before = float(solver.getInfo().objective_function_value)
        rise = np.zeros((len(sites), 2))
        solver.setOptionValue("simplex_iteration_limit", iterations)
        for row, site in enumerate(sites):
            for value in (0, 1):
                if limits.remaining <= 0.0 or limits.cancelled():
                    break
                solver.changeColBounds(int(site), float(value), float(value))
                solver.run()
                info = solver.getInfo()
                self.iterations += max(int(info.simplex_iteration_count), 0)
                if solver.getModelStatus() == self._infeasible:
                    rise[row, value] = np.inf
                else:
                    rise[row, value] = max(float(info.objective_function_value) - before, 0.0)
                solver.changeColBounds(int(site), columns[site], upper[site])
                solver.setBasis(basis)
        solver.setOptionValue("simplex_iteration_limit", self._infinite_steps)
        return rise

    def solve(self, limits: Limits) -> Split | None:
        """Solve it; None where a limit broke it off or the engine gave up."""
        if limits.seconds is not None:
            self._solver.setOptionValue(
                "time_limit", self._solver.getRunTime() + max(limits.remaining, 0.01)
            )
        self._solver.run()
        info = self._solver.getInfo()
        self.iterations += max(int(info.simplex_iteration_count), 0)
        if self._solver.getModelStatus() != self._optimal:
            return None
        solution = self._solver.getSolution()
        price = np.asarray(solution.row_dual)
        column = np.asarray(solution.col_value)
        m, n = self._m, self._n
        prices = Prices(
            customer=price[:n],
            site=np.maximum(-price[n : n + m], 0.0),
            total=max(float(price[n + m]), 0.0),
            count=float(price[n + m + 1]),
            cover=np.maximum(-price[self._cover_row], 0.0) if self.covers else np.empty(0),
        )
        return Split(
            prices,
            float(info.objective_function_value),
            np.clip(column[:m], 0.0, 1.0),
            np.clip(column[m + n :], 0.0, 1.0),
            float(column[m : m + n].max(initial=0.0)),
        )
