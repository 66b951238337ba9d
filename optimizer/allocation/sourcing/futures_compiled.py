"""Futures played out unit by unit, as a loop for numba."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.compiling import loop
from optimizer.allocation.sourcing.tariff import Floats, Ints


@loop
def worth(
    stock: Floats,
    now: float,
    first: Ints,
    at: Floats,
    zone: Ints,
    cost: Floats,
    rank: Ints,
    penalty: float,
    value: Floats,
) -> None:
    """Write into value what futures cost more on average with a unit less at each site.

    With a unit less at a site a future is the same but for a hole that moves: who would have taken
    the last unit there takes the next-cheapest one, and the hole is there from then on.

    Parameters
    ----------
    stock : (n_sites,) units
    now : arrivals up to this part of the span have been
    first, at, zone, cost, rank, penalty : as in `futures`
    value : (n_sites,), changed
    """
    sites, futures = len(stock), len(first) - 1
    left = stock.copy()
    hole = np.full(sites, -1)  # of a unit less at each site, where it is now; -1: nowhere
    for future in range(futures):
        for site in range(sites):
            left[site] = stock[site]
            hole[site] = site if stock[site] >= 1.0 else -1
        for one in range(first[future], first[future + 1]):
            if at[one] <= now:
                continue
            to, taken, other = zone[one], -1, -1
            for place in range(sites):
                site = rank[to, place]
                if cost[to, site] >= penalty:
                    break
                if left[site] >= 1.0:
                    if taken < 0:
                        taken = site
                        if left[site] >= 2.0:
                            break
                    else:
                        other = site
                        break
            if taken < 0:
                continue
            if left[taken] < 2.0:
                more = (cost[to, other] if other >= 0 else penalty) - cost[to, taken]
                for site in range(sites):
                    if hole[site] == taken:
                        value[site] += more / futures
                        hole[site] = other
            left[taken] -= 1.0
