"""What pieces pay, as a loop for numba; its NumPy twin has the same bits."""

from __future__ import annotations

from optimizer.allocation.sourcing.compiling import loop
from optimizer.allocation.sourcing.tariff import Floats, Ints


@loop
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
