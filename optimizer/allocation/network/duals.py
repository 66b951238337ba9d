"""What any prices prove: a lower bound by weak duality, and what follows for each site and arc."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizer.allocation.network.covers import Cover
from optimizer.allocation.network.problem import FacilityProblem, Flags, Floats

ROUNDING = 1e-11  # of the sum of absolute terms: what summing in floating point may be off by


@dataclass(frozen=True, slots=True)
class Prices:
    """Multipliers; any values give a valid bound, so it does not matter who found them.

    Attributes
    ----------
    customer : (n,) money of serving customer j in whole (lambda)
    site : (m,) money per unit of capacity, at least 0 (u)
    total : money per unit of the capacity of all open sites together, at least 0 (alpha)
    count : money per open site; positive leans on the fewest, negative on the most (beta)
    cover : (n_covers,) money per customer in the cover, at least 0 (mu)
    """

    customer: Floats
    site: Floats
    total: float
    count: float
    cover: Floats = field(default_factory=lambda: np.empty(0))


@dataclass(frozen=True, slots=True)
class Dual:
    """What prices prove.

    Attributes
    ----------
    bound : money; no solution is cheaper
    site_reduced : (m,) what opening adds to the bound (negative: what closing adds)
    arc_reduced : (m, n) what serving the customer from there adds, given that the site is open;
        negative where the site would like to serve it
    opened : (m,) sites that were held open: what they cost is in the bound whatever its sign
    """

    bound: float
    site_reduced: Floats
    arc_reduced: Floats
    opened: Flags


def dual(
    problem: FacilityProblem,
    prices: Prices,
    opened: Flags,
    closed: Flags,
    barred: Flags | None = None,
    covers: Sequence[Cover] = (),
) -> Dual:
    """Return the bound for the problem with some sites held open, some closed, some arcs barred.

    L = sum_j lambda_j + alpha D + beta K + sum_i min(0, t_i) (t_i itself for sites held open),
    t_i = f_i - (u_i + alpha) s_i - beta - sum_c mu_c most_c + sum_j min(0, r_ij),
    r_ij = c_ij - lambda_j + u_i d_j + sum of mu_c over the covers of i that hold j.
    K is the fewest sites for beta > 0, the most for beta < 0. Weak duality of the strong
    formulation, so valid for every lambda and beta and for u, alpha, mu >= 0.
    """
    lam, site = prices.customer, prices.site
    arc = problem.serve_cost - lam[None, :] + site[:, None] * problem.demand[None, :]
    sites = problem.fixed_cost - (site + prices.total) * problem.capacity - prices.count
    size = float(
        np.abs(problem.fixed_cost).sum() + ((site + prices.total) * problem.capacity).sum()
    )
    for cover, price in zip(covers, prices.cover, strict=True):
        if price > 0.0:
            arc[cover.site, cover.customers] += price
            sites[cover.site] -= price * cover.most
            size += price * cover.most
    if barred is not None:
        arc[barred] = np.inf
    gain = np.minimum(arc, 0.0).sum(axis=1)
    sites += gain
    count = problem.fewest_sites() if prices.count > 0.0 else problem.most_sites
    chosen = np.where(closed, 0.0, np.where(opened, sites, np.minimum(sites, 0.0)))
    constant = prices.total * problem.total_demand + prices.count * count
    bound = math.fsum(lam) + constant + math.fsum(chosen)
    size += float(np.abs(lam).sum()) + abs(constant) + float(np.abs(gain).sum())
    return Dual(bound - ROUNDING * size, sites, arc, opened)
