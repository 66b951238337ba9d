"""Pieces that stay although what is left would do: shipped one by one."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.relaxation import JOINED, Relaxation


def ship_leftovers(ledger: Ledger) -> int:
    """Ship every piece that lacks nothing, alone or with its order; return how many.

    An order that chooses all at once may want what fits one by one and not together (lines of one
    product, two parcels of a carrier that takes one more), and then keeps what it has.
    """
    shipped = 0
    while True:
        left = np.flatnonzero(ledger.placement.site == LEFT)
        if not len(left):
            return shipped
        relaxation = Relaxation(ledger, left)
        able = np.flatnonzero(relaxation.steps == 0)
        way, site = relaxation.way[able], relaxation.site[able]
        saved = ledger.problem.pieces.penalty[left[able]] - relaxation.cost[way, site, able]
        moved: set[int] = set()  # orders: what the next piece of one costs is known anew
        for at in able[np.argsort(-saved, kind="stable")].tolist():
            order = int(ledger.problem.pieces.order[left[at]])
            if order not in moved and _ship(ledger, relaxation, at, order):
                moved.add(order)
        if not moved:
            return shipped
        shipped += len(moved)


def _ship(ledger: Ledger, relaxation: Relaxation, at: int, order: int) -> bool:
    """Ship one piece as the relaxation says, if it still fits; say whether it did."""
    piece, place = int(relaxation.left[at]), int(relaxation.site[at])
    first = int(ledger.problem.orders.first_piece[order])
    site, label, group = ledger.held(order)
    rank = piece - first
    site[rank] = place
    if relaxation.way[at] == JOINED:
        mate = int(relaxation.mate[place, at]) - first
        if site[mate] != place:
            return False
        group[rank] = group[mate]
        head = min(rank, label[mate])
        mates = [other for other in range(len(site)) if label[other] == label[mate]]
        for other in (*(other for other in mates if site[other] == place), rank):
            label[other] = head
    else:
        free = ledger.parcels[:, int(relaxation.day[at])] >= 1.0
        label[rank] = rank
        group[rank] = int(np.where(free, relaxation.money[:, place, at], np.inf).argmin())
    return ledger.move(order, site, label, group)
