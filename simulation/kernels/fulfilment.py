"""Orders of customers, one after another: the sourcing rule in plain loops.

Stock decides order by order, so there is nothing to do at once: the reference is this loop in plain
Python, its twin the same loop compiled, and so they give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from simulation.arrays import Flags, Places, Sums, Units

# tallies of a tick
ORDERS = 0  # orders placed
IN_FULL = 1  # all of it shipped on the day
ON_TIME = 2  # in full, and every parcel arrives within the promise
SHIPPED = 3  # orders of which something was shipped
SPLIT = 4  # of them, in more than one parcel
PARCELS = 5
TALLIES = 6


def fulfil(  # noqa: C901 - one order after another, written out
    counts: Places,
    picks: Places,
    begin: Places,
    product: Places,
    units: Places,
    place: Places,
    splits: Flags,
    ranks: Places,
    punctual: Flags,
    at_work: Flags,
    room: Sums,
    parcels: Sums,
    stock: Units,
    issued: Units,
    short: Units,
    used: Flags,
    tallies: Sums,
) -> None:
    """Serve orders in turn: whole from the first site that has all, else line by line if allowed.

    A line ships whole. What no site can ship is short at the first site that keeps the product.

    Parameters
    ----------
    counts : (R,) orders; picks : (R, N) which template each is
    begin : (T + 1,) first line of each template; product, units : (L,) of the lines
    place : (T,) where it goes; splits : (T,) it may go in several parcels
    ranks : (Z, S) sites by preference; punctual : (Z, S) by site, it arrives within the promise
    at_work : (S, R) goods leave the site; room : (S, R) units that may leave it, reduced
    parcels : (S, R) parcels that may leave it, reduced
    stock : (S, R, P) units on the shelf, reduced; -1 where the site does not keep the product
    issued, short : (S, R, P) units, added to
    used : (S,) scratch
    tallies : (6, R), added to
    """
    n_sites = ranks.shape[1]
    for r in range(counts.shape[0]):
        for n in range(counts[r]):
            order = picks[r, n]
            first, last = begin[order], begin[order + 1]
            z = place[order]
            tallies[ORDERS, r] += 1
            whole = -1
            for rank in range(n_sites):
                s = ranks[z, rank]
                if not at_work[s, r] or parcels[s, r] < 1:
                    continue
                total = 0
                enough = True
                for line in range(first, last):
                    total += units[line]
                    if stock[s, r, product[line]] < units[line]:
                        enough = False
                        break
                if enough and total <= room[s, r]:
                    whole = s
                    break
            used[:] = False
            full = True
            on_time = True
            for line in range(first, last):
                p, wanted = product[line], units[line]
                chosen = whole
                if whole < 0 and splits[order]:
                    for rank in range(n_sites):
                        s = ranks[z, rank]
                        fits = stock[s, r, p] >= wanted and room[s, r] >= wanted
                        if at_work[s, r] and fits and (used[s] or parcels[s, r] > 0):
                            chosen = s
                            break
                if chosen >= 0:
                    stock[chosen, r, p] -= wanted
                    room[chosen, r] -= wanted
                    issued[chosen, r, p] += wanted
                    if not used[chosen]:
                        parcels[chosen, r] -= 1
                    used[chosen] = True
                    on_time = on_time and punctual[z, chosen]
                    continue
                full = False
                for rank in range(n_sites):
                    s = ranks[z, rank]
                    if stock[s, r, p] >= 0:
                        short[s, r, p] += wanted
                        break
            n_parcels = 0
            for s in range(n_sites):
                n_parcels += used[s]
            tallies[IN_FULL, r] += full
            tallies[ON_TIME, r] += full and on_time
            tallies[SHIPPED, r] += n_parcels > 0
            tallies[SPLIT, r] += n_parcels > 1
            tallies[PARCELS, r] += n_parcels


@lru_cache(maxsize=2)
def fulfilment(name: str) -> Callable[..., Any]:
    """Return the loop "numpy" (plain) or "numba" (compiled)."""
    if name == "numpy":
        return fulfil
    from numba import njit

    compiled: Callable[..., Any] = njit(cache=True, nogil=True)(fulfil)
    return compiled
