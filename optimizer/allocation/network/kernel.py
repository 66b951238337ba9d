"""The problem on its promising sites and arcs alone, as a mixed-integer programme in HiGHS.

What it finds is a solution of the whole problem; what it proves holds for the part only and is
not used.
"""

from __future__ import annotations

import numpy as np

from optimizer.allocation.network.assign import assign
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    Ints,
    broken_rule,
)
from optimizer.allocation.network.transport import tidy
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem, Rows
from optimizer.outcome import Limits


def strong_formulation(
    problem: FacilityProblem, site: Ints, customer: Ints, opened: Flags, closed: Flags
) -> LinearProblem:
    """Return the strong formulation over some arcs: columns y (m), then x.

    sum_i x_ij = 1; sum_j d_j x_ij <= s_i y_i; x_ij <= y_i; sum_i s_i y_i >= D; the count of sites.
    """
    m, n = problem.shape
    arcs = len(site)
    x = m + np.arange(arcs)
    rows = Rows()
    rows.add(customer, x, np.ones(arcs), np.ones(n), np.ones(n))
    rows.add(
        np.concatenate([site, np.arange(m)]),
        np.concatenate([x, np.arange(m)]),
        np.concatenate([problem.demand[customer], -problem.capacity]),
        np.full(m, -np.inf),
        np.zeros(m),
    )
    ordinal = np.arange(arcs)
    rows.add(
        np.concatenate([ordinal, ordinal]),
        np.concatenate([x, site]),
        np.concatenate([np.ones(arcs), -np.ones(arcs)]),
        np.full(arcs, -np.inf),
        np.zeros(arcs),
    )
    sites = np.arange(m)
    one = np.zeros(m, np.int64)
    rows.add(one, sites, problem.capacity, np.array([problem.total_demand]), np.array([np.inf]))
    rows.add(
        one,
        sites,
        np.ones(m),
        np.array([float(problem.fewest_sites())]),
        np.array([float(problem.most_sites)]),
    )
    return rows.problem(
        np.concatenate([problem.fixed_cost, problem.serve_cost[site, customer]]),
        np.concatenate([opened.astype(np.float64), np.zeros(arcs)]),
        np.concatenate([1.0 - closed, np.ones(arcs)]),
        np.concatenate([np.ones(m, bool), np.full(arcs, problem.single_source)]),
    )


def solve_part(
    problem: FacilityProblem,
    opened: Flags,
    closed: Flags,
    arcs: Flags,
    start: FacilitySolution | None,
    limits: Limits,
) -> tuple[FacilitySolution | None, float]:
    """Solve over some sites and arcs; return a solution, if any, and the work that it took.

    Parameters
    ----------
    arcs : (m, n) which arcs to look at; those of the start are added
    """
    if start is not None:
        arcs = arcs | (start.share > 0.0)
        closed = closed & ~start.is_open
        opened = opened & start.is_open
    arcs = arcs & np.isfinite(problem.serve_cost) & ~closed[:, None]
    site, customer = np.nonzero(arcs)
    part = strong_formulation(problem, site, customer, opened, closed)
    given = None
    if start is not None:
        given = np.concatenate([start.is_open.astype(np.float64), start.share[site, customer]])
    outcome = solve_linear(part, limits, given, gap=1e-7)
    if outcome.solution is None:
        return None, outcome.work
    m = problem.shape[0]
    share = np.zeros(problem.shape)
    share[site, customer] = outcome.solution.x[m:]
    is_open = outcome.solution.x[:m] > 0.5
    if problem.single_source:
        whole = FacilitySolution(is_open, np.rint(share))
        if broken_rule(problem, whole) is None:
            return whole, outcome.work
        return assign(problem, is_open, share, limits.cancelled), outcome.work
    share = np.where(share > 1e-9, share, 0.0)
    return tidy(problem, is_open, share), outcome.work


def near(reduced: Floats, usable: Flags, most: int) -> Flags:
    """Return the arcs with the least reduced cost, some per customer, among usable sites."""
    value = np.where(usable[:, None], reduced, np.inf)
    most = min(most, len(value))
    best = np.argpartition(value, most - 1, axis=0)[:most]
    chosen = np.zeros(reduced.shape, bool)
    chosen[best.ravel(), np.tile(np.arange(reduced.shape[1]), most)] = True
    return chosen & np.isfinite(value)
