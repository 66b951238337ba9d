"""What pieces pay and what they take, as loops for numba; NumPy twins with the same bits stand in
:mod:`optimizer.allocation.sourcing.prices`.
"""

from __future__ import annotations

from optimizer.allocation.sourcing.tariff import Floats, Ints


def price_pieces(
    stock: Floats,
    room: Floats,
    column: Ints,
    qty: Floats,
    units: Floats,
    day: Ints,
    order: Ints,
    out: Floats,
) -> None:
    """Write what each piece pays at each site into out.

    Parameters
    ----------
    stock : (n_columns, n_sites), the lower of the prices of a column and of its shared one
    room : (n_days, n_sites)
    column, qty, units, order : (n_pieces,)
    day : (n_orders,)
    out : (n_pieces, n_sites), changed
    """
    for piece in range(len(column)):
        at, when = column[piece], day[order[piece]]
        much, many = qty[piece], units[piece]
        for site in range(stock.shape[1]):
            out[piece, site] = stock[at, site] * much + room[when, site] * many


def add_up(site: Ints, column: Ints, qty: Floats, taken: Floats) -> None:
    """Add what pieces take at their sites to taken, (n_sites, n_columns)."""
    for piece in range(len(site)):
        if site[piece] >= 0:
            taken[site[piece], column[piece]] += qty[piece]
