"""The books of a placement as loops for numba: what :class:`Ledger` does, piece by piece.

Plain Python where numba is not installed; the results are the same. The arrays of `Books` are the
ledger's own: whoever changes one changes both.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.allocation.sourcing.compiling import loop
from optimizer.allocation.sourcing.tariff import Floats, Ints

SLACK = 1e-9  # units that are rounding, not demand


class Books(NamedTuple):
    """What is free, where pieces are, and what every parcel costs.

    Attributes
    ----------
    stock, lent : (n_sites * n_columns,); room : (n_sites * n_days,); parcels : (n_groups * n_days,)
    site, label, group : (n_pieces,), as in `Placement`
    shared : (n_columns,); first : (n_orders + 1,); order : (n_pieces,); day : (n_orders,)
    units, penalty, column, qty : (n_pieces,), column and quantity of the first part
    more : (n_pieces + 1,), where further parts of a piece begin in more_column, more_qty
    money : flat; an order's begins at money_at (-1: it has none), as [group, subset - 1, site]
    """

    stock: Floats
    lent: Floats
    room: Floats
    parcels: Floats
    site: Ints
    label: Ints
    group: Ints
    shared: Ints
    first: Ints
    order: Ints
    day: Ints
    units: Floats
    penalty: Floats
    column: Ints
    qty: Floats
    more: Ints
    more_column: Ints
    more_qty: Floats
    money: Floats
    money_at: Ints
    sites: int
    columns: int
    days: int
    groups: int


@loop
def price_of(books: Books, order: int, limit: int, subset: int, place: int) -> float:
    """Return the money of one parcel; 0 of none."""
    if not subset:
        return 0.0
    full = (1 << (books.first[order + 1] - books.first[order])) - 1
    at = (limit * full + subset - 1) * books.sites + place
    return float(books.money[books.money_at[order] + at])


@loop
def free_at(books: Books, place: int, column: int) -> float:
    """Return the units that a piece of a column may still take at a site."""
    free = float(books.stock[place * books.columns + column])
    other = books.shared[column]
    if other != column:
        free += float(books.stock[place * books.columns + other])
    return free


@loop
def draw(books: Books, place: int, column: int, qty: float) -> bool:
    """Take units of a column, borrowing from the shared one; say whether they were there."""
    at = place * books.columns + column
    left = books.stock[at]
    if left >= qty - SLACK:
        books.stock[at] = left - qty
        return True
    other = books.shared[column]
    lender = place * books.columns + other
    if other == column or books.stock[lender] < qty - left - SLACK:
        return False
    books.stock[at] = 0.0
    books.stock[lender] -= qty - left
    books.lent[at] += qty - left
    return True


@loop
def put(books: Books, place: int, column: int, qty: float) -> None:
    """Give units of a column back; what was borrowed first."""
    at = place * books.columns + column
    back = min(qty, books.lent[at])
    if back > 0.0:
        books.lent[at] -= back
        books.stock[place * books.columns + books.shared[column]] += back
    books.stock[at] += qty - back


@loop
def take_piece(books: Books, piece: int, place: int) -> bool:
    """Book stock and room of a piece, all or nothing."""
    room = place * books.days + books.day[books.order[piece]]
    if books.room[room] < books.units[piece] - SLACK:
        return False
    if not draw(books, place, books.column[piece], books.qty[piece]):
        return False
    for at in range(books.more[piece], books.more[piece + 1]):
        if not draw(books, place, books.more_column[at], books.more_qty[at]):
            put(books, place, books.column[piece], books.qty[piece])
            for back in range(books.more[piece], at):
                put(books, place, books.more_column[back], books.more_qty[back])
            return False
    books.room[room] -= books.units[piece]
    return True


@loop
def give_piece(books: Books, piece: int) -> None:
    """Give back stock and room of a piece that is placed."""
    place = books.site[piece]
    put(books, place, books.column[piece], books.qty[piece])
    for at in range(books.more[piece], books.more[piece + 1]):
        put(books, place, books.more_column[at], books.more_qty[at])
    books.room[place * books.days + books.day[books.order[piece]]] += books.units[piece]


@loop
def release(books: Books, order: int) -> None:
    """Give back all that an order holds; its pieces are left."""
    first = books.first[order]
    for piece in range(first, books.first[order + 1]):
        if books.site[piece] < 0:
            continue
        if books.label[piece] == piece - first:
            books.parcels[books.group[piece] * books.days + books.day[order]] += 1.0
        give_piece(books, piece)
        books.site[piece] = -1
    for piece in range(first, books.first[order + 1]):
        books.label[piece] = piece - first
        books.group[piece] = 0


@loop
def take(books: Books, order: int, site: Ints, label: Ints, group: Ints) -> bool:
    """Place an order that holds nothing, all or nothing; say whether it fitted."""
    first = books.first[order]
    for rank in range(books.first[order + 1] - first):
        if site[rank] < 0:
            continue
        fits = True
        at = group[rank] * books.days + books.day[order]
        if label[rank] == rank:
            fits = books.parcels[at] >= 1.0
        if not fits or not take_piece(books, first + rank, site[rank]):
            release(books, order)
            return False
        books.site[first + rank] = site[rank]
        books.label[first + rank] = label[rank]
        books.group[first + rank] = group[rank]
        if label[rank] == rank:
            books.parcels[at] -= 1.0
    return True


@loop
def parcel_with(books: Books, order: int, head: int) -> int:
    """Return the pieces of the parcel of an order that a piece of rank `head` leads, as bits."""
    first, subset = books.first[order], 0
    for piece in range(first, books.first[order + 1]):
        if books.site[piece] >= 0 and books.label[piece] == head:
            subset |= 1 << (piece - first)
    return subset


@loop
def paid_for(books: Books, order: int) -> float:
    """Return the money of an order as it is placed."""
    first, money = books.first[order], 0.0
    for piece in range(first, books.first[order + 1]):
        if books.site[piece] < 0:
            money += books.penalty[piece]
        elif books.label[piece] == piece - first:
            subset = parcel_with(books, order, piece - first)
            money += price_of(books, order, books.group[piece], subset, books.site[piece])
    return money


@loop
def saved_without(books: Books, piece: int) -> float:
    """Return the money that an order saves if a placed piece leaves its parcel."""
    order = books.order[piece]
    limit, place = books.group[piece], books.site[piece]
    subset = parcel_with(books, order, books.label[piece])
    rest = subset & ~(1 << (piece - books.first[order]))
    return price_of(books, order, limit, subset, place) - price_of(books, order, limit, rest, place)


@loop
def cheapest_seat(books: Books, piece: int, place: int) -> tuple[float, int, int]:
    """Find how a piece travels from a site most cheaply, the rest of its order as it is.

    Returns
    -------
    money : more than now, the piece being left; inf where nothing goes
    head : rank of the piece that leads the parcel that it joins; -1: a parcel of its own
    limit : carrier limit of that parcel
    """
    order = books.order[piece]
    first = books.first[order]
    bit = 1 << (piece - first)
    least, head, limit, served = np.inf, -1, 0, False
    for one in range(books.groups):
        money = price_of(books, order, one, bit, place)
        served = served or money < np.inf
        if money < least and books.parcels[one * books.days + books.day[order]] >= 1.0:
            least, limit = money, one
    if not served:  # then no parcel with the piece has a rate either
        return least, head, limit
    for other in range(first, books.first[order + 1]):
        if other == piece or books.site[other] != place or books.label[other] != other - first:
            continue
        subset = parcel_with(books, order, other - first) & ~bit
        if not subset:
            continue
        one = books.group[other]
        money = price_of(books, order, one, subset | bit, place)
        money -= price_of(books, order, one, subset, place)
        if money < least:
            least, head, limit = money, other - first, one
    return least, head, limit


@loop
def unseat(books: Books, piece: int) -> None:
    """Take a placed piece out of its parcel and leave it."""
    order = books.order[piece]
    first = books.first[order]
    rank, head = piece - first, books.label[piece]
    give_piece(books, piece)
    rest = parcel_with(books, order, head) & ~(1 << rank)
    books.site[piece] = -1
    if not rest:
        books.parcels[books.group[piece] * books.days + books.day[order]] += 1.0
    elif head == rank:
        leads = -1
        for other in range(first, books.first[order + 1]):
            if rest >> (other - first) & 1:
                leads = other - first if leads < 0 else leads
                books.label[other] = leads
    books.label[piece], books.group[piece] = rank, 0


@loop
def seat(books: Books, piece: int, place: int) -> bool:
    """Send a piece that is left from a site, in its cheapest seat; say whether it fitted."""
    order = books.order[piece]
    first = books.first[order]
    rank = piece - first
    money, head, limit = cheapest_seat(books, piece, place)
    if money == np.inf or not take_piece(books, piece, place):
        return False
    books.site[piece], books.group[piece] = place, limit
    if head < 0:
        books.label[piece] = rank
        books.parcels[limit * books.days + books.day[order]] -= 1.0
        return True
    leads = min(head, rank)
    for other in range(first, books.first[order + 1]):
        if books.site[other] >= 0 and other != piece and books.label[other] == head:
            books.label[other] = leads
    books.label[piece] = leads
    return True
