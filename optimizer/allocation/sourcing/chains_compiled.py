"""Ejection chains as loops for numba; plain Python without it, with the same results.

A unit at a full site becomes free when a piece there moves to another site, where again a piece
moves on, until one finds free stock or is left behind. For every column the cheapest such chains
are shortest paths (Dijkstra 1959) over the states (site, units asked for), as steps that would save
money count as free. Orders then choose anew, with what a chain costs as the price of a full site
(Glover 1996: ejection chains). A step that does not lower the true money is taken back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from optimizer.allocation.sourcing.books_compiled import (
    SLACK,
    Books,
    cheapest_seat,
    free_at,
    paid_for,
    release,
    saved_without,
    seat,
    take,
    unseat,
)
from optimizer.allocation.sourcing.choices_compiled import choose
from optimizer.allocation.sourcing.compiling import loop
from optimizer.allocation.sourcing.tariff import Floats, Ints

MOST_STEPS = 12  # pieces that move in one chain
STALE_SHARE = 32  # a column is priced anew when one in so many of its pieces moved
LEAST_GAIN = 1e-7  # money; less is rounding


class Chains(NamedTuple):
    """What freeing units costs, column by column.

    Attributes
    ----------
    start, user : pieces of a column, user[start[column]:start[column + 1]], that chains may move
    class_start : (n_columns + 1,), where the quantities of a column begin in class_qty, ascending
    class_of : (n_pieces,), class of the piece's quantity within its column
    cost : flat, money of freeing that quantity at a site: [class, site]
    mover, goes_to : as cost; piece that moves, -1 for none, and where to, -1 to be left
    """

    start: Ints
    user: Ints
    class_start: Ints
    class_qty: Floats
    class_of: Ints
    cost: Floats
    mover: Ints
    goes_to: Ints


class Room(NamedTuple):
    """Where chains of one column are worked out: (classes, sites, sites + 1) and (classes, sites).

    The last destination stands for being left.
    """

    step: Floats
    who: Ints
    settled: Ints


class Docks(NamedTuple):
    """Pieces that could leave full docks, the cheapest to move first.

    Attributes
    ----------
    next, end : (n_sites * n_days,), where the list of a dock begins and ends
    piece, to : (n,), to: the site where it finds stock and room; -1: it is left
    money : (n,), what its leaving costs
    """

    next: Ints
    end: Ints
    piece: Ints
    to: Ints
    money: Floats


class Journal(NamedTuple):
    """Orders that a step touches, as they were before it, and the pieces of a chain.

    Attributes
    ----------
    noted : (1,); order, paid : (n,); site, label, group : (n, most pieces of an order)
    hop, hop_to : (MOST_STEPS,)
    """

    noted: Ints
    order: Ints
    paid: Floats
    site: Ints
    label: Ints
    group: Ints
    hop: Ints
    hop_to: Ints


@loop
def price_leaving(books: Books, dock_full: Ints, money: Floats, to: Ints) -> None:
    """Write what it costs if a piece leaves a full dock for free stock and room elsewhere.

    Parameters
    ----------
    dock_full : (n_sites * n_days,), 1 where it is
    money, to : (n_pieces,), changed where a piece is at such a dock; to -1: it is left
    """
    for piece in range(len(money)):
        place, order = books.site[piece], books.order[piece]
        if place < 0 or books.money_at[order] < 0 or books.more[piece] < books.more[piece + 1]:
            continue
        if not dock_full[place * books.days + books.day[order]]:
            continue
        saved, column = saved_without(books, piece), books.column[piece]
        money[piece], to[piece] = books.penalty[piece] - saved, -1
        for other in range(books.sites):
            room = books.room[other * books.days + books.day[order]]
            if other == place or room < books.units[piece] - SLACK:
                continue
            if free_at(books, other, column) < books.qty[piece] - SLACK:
                continue
            seat_money, _, _ = cheapest_seat(books, piece, other)
            if seat_money - saved < money[piece]:
                money[piece], to[piece] = seat_money - saved, other


@loop
def dock_price(books: Books, docks: Docks, dock: int, units: float) -> float:
    """Return what room for units costs; inf where nobody can leave."""
    need, money = units - books.room[dock], 0.0
    at = docks.next[dock]
    while need > SLACK and at < docks.end[dock]:
        piece = docks.piece[at]
        place = books.site[piece]
        if place >= 0 and place * books.days + books.day[books.order[piece]] == dock:
            money += max(docks.money[at], 0.0)
            need -= books.units[piece]
        elif at == docks.next[dock]:
            docks.next[dock] += 1
        at += 1
    return money if need <= SLACK else np.inf


@loop
def note(books: Books, order: int, journal: Journal) -> bool:
    """Write down how an order is placed, once; say whether there was room to."""
    count = journal.noted[0]
    for at in range(count):
        if journal.order[at] == order:
            return True
    if count == len(journal.order):
        return False
    first = books.first[order]
    journal.order[count], journal.paid[count] = order, paid_for(books, order)
    for piece in range(first, books.first[order + 1]):
        journal.site[count, piece - first] = books.site[piece]
        journal.label[count, piece - first] = books.label[piece]
        journal.group[count, piece - first] = books.group[piece]
    journal.noted[0] = count + 1
    return True


@loop
def take_back(books: Books, journal: Journal) -> None:
    """Place all noted orders as they were."""
    for at in range(journal.noted[0]):
        release(books, journal.order[at])
    for at in range(journal.noted[0]):
        take(books, journal.order[at], journal.site[at], journal.label[at], journal.group[at])


@loop
def make_room(books: Books, docks: Docks, dock: int, units: float, journal: Journal) -> bool:
    """Let pieces leave a dock until there is room for units; say whether that went."""
    while books.room[dock] < units - SLACK:
        at = docks.next[dock]
        if at >= docks.end[dock]:
            return False
        docks.next[dock] += 1
        piece, to = docks.piece[at], docks.to[at]
        place, order = books.site[piece], books.order[piece]
        if place < 0 or place * books.days + books.day[order] != dock:
            continue
        if not note(books, order, journal):
            return False
        unseat(books, piece)
        if to >= 0 and not seat(books, piece, to):
            return False
    return True


@loop
def cheapest_dock(books: Books, docks: Docks, place: int, units: float) -> float:
    """Return what room for units costs at a site on its best day."""
    least = np.inf
    for day in range(books.days):
        least = min(least, dock_price(books, docks, place * books.days + day, units))
    return least


@loop
def gather_steps(books: Books, chains: Chains, column: int, room: Room) -> int:
    """Find the cheapest step of a piece from each site to each other; return pieces looked at."""
    classes = chains.class_start[column + 1] - chains.class_start[column]
    sites = books.sites
    room.step[:classes] = np.inf
    seen = 0
    for at in range(chains.start[column], chains.start[column + 1]):
        piece = chains.user[at]
        here = books.site[piece]
        if here < 0:
            continue
        seen += 1
        of_class = chains.class_of[piece]
        saved = saved_without(books, piece)
        money = max(books.penalty[piece] - saved, 0.0)
        if money < room.step[of_class, here, sites]:
            room.step[of_class, here, sites] = money
            room.who[of_class, here, sites] = piece
        for place in range(sites):
            if place == here:
                continue
            seat_money, _, _ = cheapest_seat(books, piece, place)
            money = max(seat_money - saved, 0.0)
            if money < room.step[of_class, here, place]:
                room.step[of_class, here, place] = money
                room.who[of_class, here, place] = piece
    return seen


@loop
def price_column(books: Books, chains: Chains, docks: Docks, column: int, room: Room) -> int:
    """Work out what freeing units of a column costs at every site; return pieces looked at."""
    base = chains.class_start[column]
    classes, sites = chains.class_start[column + 1] - base, books.sites
    if not classes:
        return 0
    seen = gather_steps(books, chains, column, room)
    for one in range(classes):
        asked = chains.class_qty[base + one]
        for place in range(sites):
            at = (base + one) * sites + place
            room.settled[one, place] = 0
            chains.cost[at], chains.mover[at], chains.goes_to[at] = np.inf, -1, -1
            if free_at(books, place, column) >= asked - SLACK:
                chains.cost[at] = cheapest_dock(books, docks, place, asked)
            if chains.cost[at] == 0.0:
                continue
            for mine in range(classes):
                if chains.class_qty[base + mine] < asked - free_at(books, place, column) - SLACK:
                    continue
                money = room.step[mine, place, sites]
                if money < chains.cost[at]:
                    chains.cost[at], chains.mover[at] = money, room.who[mine, place, sites]
    link_steps(books, chains, column, room)
    return seen


@loop
def link_steps(books: Books, chains: Chains, column: int, room: Room) -> None:
    """Make chains out of steps, the cheapest first."""
    base = chains.class_start[column]
    classes, sites = chains.class_start[column + 1] - base, books.sites
    for _ in range(classes * sites):
        least, one, place = np.inf, -1, -1
        for some in range(classes):
            for where in range(sites):
                money = chains.cost[(base + some) * sites + where]
                if not room.settled[some, where] and money < least:
                    least, one, place = money, some, where
        if one < 0:
            break
        room.settled[one, place] = 1
        for where in range(sites):  # pieces of this quantity may move here from there
            money = least + room.step[one, where, place]
            if where == place or money == np.inf:
                continue
            most = chains.class_qty[base + one] + free_at(books, where, column)
            for asking in range(classes):
                at = (base + asking) * sites + where
                if chains.class_qty[base + asking] > most + SLACK or money >= chains.cost[at]:
                    continue
                chains.cost[at], chains.mover[at] = money, room.who[one, where, place]
                chains.goes_to[at] = place


@loop
def free_up(
    books: Books,
    chains: Chains,
    docks: Docks,
    column: int,
    one: int,
    place: int,
    day: int,
    journal: Journal,
) -> bool:
    """Move the pieces of a chain, the last first; say whether all of them could."""
    hops = 0
    base = chains.class_start[column]
    while True:
        at = (base + one) * books.sites + place
        piece = chains.mover[at]
        if piece < 0:
            units = chains.class_qty[base + one]
            if not make_room(books, docks, place * books.days + day, units, journal):
                return False
            break
        if books.site[piece] != place or hops == MOST_STEPS:
            return False
        journal.hop[hops], journal.hop_to[hops] = piece, chains.goes_to[at]
        hops += 1
        if chains.goes_to[at] < 0:
            break
        place, one = chains.goes_to[at], chains.class_of[piece]
        day = books.day[books.order[piece]]
    for hop in range(hops - 1, -1, -1):
        piece, to = journal.hop[hop], journal.hop_to[hop]
        if not note(books, books.order[piece], journal):
            return False
        unseat(books, piece)
        if to >= 0 and not seat(books, piece, to):
            return False
    return True


@loop
def ask_price(books: Books, chains: Chains, docks: Docks, piece: int, place: int) -> float:
    """Return what a piece pays at a site that it does not hold: 0 if free, else its chain."""
    column = books.column[piece]
    for at in range(books.more[piece], books.more[piece + 1]):
        if free_at(books, place, books.more_column[at]) < books.more_qty[at] - SLACK:
            return np.inf
    if free_at(books, place, column) >= books.qty[piece] - SLACK:
        dock = place * books.days + books.day[books.order[piece]]
        return dock_price(books, docks, dock, books.units[piece])
    if books.more[piece] < books.more[piece + 1] or chains.class_of[piece] < 0:
        return np.inf
    at = chains.class_start[column] + chains.class_of[piece]
    return float(chains.cost[at * books.sites + place])


@loop
def wish(books: Books, chains: Chains, docks: Docks, order: int) -> tuple[float, Ints, Ints, Ints]:
    """Return what an order would do, chains at their price: money, site, label, group."""
    first = books.first[order]
    size = books.first[order + 1] - first
    full = (1 << size) - 1
    price = np.empty((1, size, books.sites))
    for rank in range(size):
        for place in range(books.sites):
            price[0, rank, place] = ask_price(books, chains, docks, first + rank, place)
        if books.site[first + rank] >= 0:
            price[0, rank, books.site[first + rank]] = 0.0
    toll = np.zeros((books.groups, 1))
    for limit in range(books.groups):
        if books.parcels[limit * books.days + books.day[order]] < 1.0:
            toll[limit, 0] = np.inf
            for piece in range(first, first + size):
                if books.site[piece] >= 0 and books.group[piece] == limit:
                    toll[limit, 0] = 0.0
    count = books.groups * full * books.sites
    money = books.money[books.money_at[order] : books.money_at[order] + count]
    drop = np.empty((size, 1))
    for rank in range(size):
        drop[rank, 0] = books.penalty[first + rank]
    value = np.empty(1)
    site, label = np.empty((1, size), np.int64), np.empty((1, size), np.int64)
    group = np.empty((1, size), np.int64)
    shape = (1, books.groups, full, books.sites)
    choose(money.reshape(shape), drop, price, toll, value, site, label, group)
    return value[0], site[0], label[0], group[0]


@loop
def improve_order(
    books: Books,
    chains: Chains,
    docks: Docks,
    journal: Journal,
    room: Room,
    stale: Ints,
    order: int,
) -> tuple[float, int]:
    """Let one order choose anew, chains at their price; return money gained and pieces seen."""
    first, seen = books.first[order], 0
    size = books.first[order + 1] - first
    for piece in range(first, first + size):
        column = books.column[piece]
        users = chains.start[column + 1] - chains.start[column]
        if stale[column] > users // STALE_SHARE:
            stale[column] = 0
            seen += price_column(books, chains, docks, column, room)
    worth, site, label, group = wish(books, chains, docks, order)
    paid = paid_for(books, order)
    if paid - worth <= LEAST_GAIN:
        return 0.0, seen
    journal.noted[0] = 0
    fits = note(books, order, journal)
    release(books, order)
    for rank in range(size):
        piece, place = first + rank, site[rank]
        if not fits or place < 0:
            continue
        column, one = books.column[piece], chains.class_of[piece]
        if free_at(books, place, column) < books.qty[piece] - SLACK:
            fits = one >= 0 and free_up(
                books, chains, docks, column, one, place, books.day[order], journal
            )
        dock = place * books.days + books.day[order]
        fits = fits and make_room(books, docks, dock, books.units[piece], journal)
    fits = fits and take(books, order, site, label, group)
    gain = 0.0
    for at in range(journal.noted[0]):
        gain += journal.paid[at] - paid_for(books, journal.order[at])
    for at in range(journal.noted[0]):
        other = journal.order[at]
        for piece in range(books.first[other], books.first[other + 1]):
            stale[books.column[piece]] += 1
    if not fits or gain <= LEAST_GAIN:
        take_back(books, journal)
        for piece in range(first, first + size):
            stale[books.column[piece]] += 1 << 20
        return 0.0, seen
    return gain, seen


@loop
def improve_orders(
    books: Books,
    chains: Chains,
    docks: Docks,
    journal: Journal,
    room: Room,
    stale: Ints,
    orders: Ints,
) -> tuple[float, int, int]:
    """Let orders choose anew, one after the other; return money gained, moves, pieces looked at."""
    gained, moves, seen = 0.0, 0, 0
    for order in orders:
        gain, looked = improve_order(books, chains, docks, journal, room, stale, order)
        gained += gain
        seen += looked
        moves += gain > 0.0
    return gained, moves, seen
