"""The choice of single orders as loops for numba.

Sums are written in the order of the NumPy twin in :mod:`optimizer.allocation.sourcing.assign`, so
that both have the same bits.
"""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.compiling import loop
from optimizer.allocation.sourcing.tariff import Floats, Ints


@loop
def choose(  # noqa: C901, PLR0912 - one loop nest, written out for the compiler
    money: Floats,
    drop: Floats,
    price: Floats,
    toll: Floats,
    value: Floats,
    site: Ints,
    label: Ints,
    group: Ints,
) -> None:
    """Write each order's cheapest choice into value, site, label and group.

    Parameters
    ----------
    money : (n_orders, n_groups, 2**size - 1, n_sites)
    drop : (size, n_orders)
    price : (n_orders, size, n_sites)
    toll : (n_groups, n_orders); (0, 0) for none
    value : (n_orders,), changed
    site, label, group : (n_orders, size), changed
    """
    orders, groups, full, sites = money.shape
    size = drop.shape[0]
    tolled = toll.shape[0] > 0
    paid = np.empty((full + 1, sites))
    least = np.empty(full + 1)
    best = np.empty(full + 1)
    taken = np.empty(full + 1, np.int64)
    best[0] = 0.0
    for order in range(orders):
        for subset in range(1, full + 1):
            lowest = 0
            while not subset >> lowest & 1:
                lowest += 1
            rest = subset & (subset - 1)
            for place in range(sites):
                own = price[order, lowest, place]
                paid[subset, place] = paid[rest, place] + own if rest else own
            lowest_money = np.inf
            for limit in range(groups):
                fee = toll[limit, order] if tolled else 0.0
                for place in range(sites):
                    cost = (money[order, limit, subset - 1, place] + fee) + paid[subset, place]
                    lowest_money = min(lowest_money, cost)
            least[subset] = lowest_money
            # the pieces of this subset: which parcel holds the lowest of them, if any
            cheapest = float(drop[lowest, order] + best[rest])
            parcel_of, part = 0, rest
            while True:
                parcel = part | (subset ^ rest)
                cost = least[parcel] + best[subset ^ parcel]
                if cost < cheapest:
                    cheapest, parcel_of = cost, parcel
                if not part:
                    break
                part = (part - 1) & rest
            best[subset], taken[subset] = cheapest, parcel_of
        value[order] = best[full]
        left = full
        while left:
            lowest = 0
            while not left >> lowest & 1:
                lowest += 1
            parcel = int(taken[left])
            if not parcel:
                site[order, lowest], label[order, lowest], group[order, lowest] = -1, lowest, 0
                left &= left - 1
                continue
            at, of_group = -1, 0
            for limit in range(groups):
                fee = toll[limit, order] if tolled else 0.0
                for place in range(sites):
                    cost = (money[order, limit, parcel - 1, place] + fee) + paid[parcel, place]
                    if at < 0 and cost == least[parcel]:
                        at, of_group = place, limit
            for piece in range(lowest, size):
                if parcel >> piece & 1:
                    site[order, piece], label[order, piece] = at, lowest
                    group[order, piece] = of_group
            left &= ~parcel
