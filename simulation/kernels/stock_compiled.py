"""Loops for numba: what a site receives, serves and orders; same bits as `stock_reference`."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Places, Sums, Units


def serve(  # noqa: PLR0915 - one pass over the cells, written out
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    arrivals: Units,
    demand: Units,
    stopped: Flags,
    lost: bool,
    weights: Sums,
    exposed: Flags,
    totals: Units,
    ledger: Sums,
) -> None:
    """Receive what has come, pay old debts, meet the demand, and write the tick's row."""
    for r in range(on_hand.shape[0]):
        wanted = np.int64(0)
        sold = np.int64(0)
        issued = np.int64(0)
        received = np.int64(0)
        owing = np.int64(0)
        shelf = np.int64(0)
        cycles = np.int64(0)
        short_cycles = np.int64(0)
        value = np.int64(0)
        holding = np.int64(0)
        shortage = np.int64(0)
        stop = stopped[r]
        for k in range(on_hand.shape[1]):
            stock = on_hand[r, k]
            came = arrivals[r, k]
            if came != 0:
                stock += came
                on_order[r, k] -= came
                arrivals[r, k] = 0
                totals[2, r, k] += came
                received += came
                if came > 0:
                    cycles += 1
                    if exposed[r, k]:
                        short_cycles += 1
                        exposed[r, k] = False
            debt = backlog[r, k]
            if debt > 0 and not stop:
                paid = min(stock, debt)
                stock -= paid
                debt -= paid
                issued += paid
            asked = demand[r, k]
            if asked > 0:
                served = np.int32(0) if stop else min(stock, asked)
                stock -= served
                wanted += asked
                sold += served
                totals[0, r, k] += asked
                short = asked - served
                if short > 0:
                    exposed[r, k] = True
                    totals[1, r, k] += short
                    shortage += short * weights[2, k]
                    if not lost:
                        debt += short
            backlog[r, k] = debt
            on_hand[r, k] = stock
            owing += debt
            shelf += stock
            value += stock * weights[0, k]
            holding += stock * weights[1, k]
        ledger[0, r] = wanted
        ledger[1, r] = sold
        ledger[2, r] = wanted - sold
        ledger[3, r] = owing
        ledger[4, r] = shelf
        ledger[5, r] = received
        ledger[6, r] = issued + sold
        ledger[10, r] = cycles
        ledger[11, r] = short_cycles
        ledger[12, r] = value
        ledger[13, r] = holding
        ledger[14, r] = shortage


def serve_and_review(  # noqa: C901, PLR0912, PLR0915 - one pass over the cells, written out
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    arrivals: Units,
    demand: Units,
    stopped: Flags,
    lost: bool,
    weights: Sums,
    exposed: Flags,
    totals: Units,
    ledger: Sums,
    reorder_point: Units,
    order_up_to: Units,
    fixed_quantity: Units,
    least: Units,
    multiple: Units,
    orders: Units,
    waiting: Units,
    out_of: Places,
    owed: Units,
) -> bool:
    """Serve, then review every SKU, in one pass."""
    some = False
    direct = waiting.shape[0] > 0
    owes = owed.shape[0] > 0
    last_point = reorder_point.shape[0] - 1
    last_level = order_up_to.shape[0] - 1
    for r in range(on_hand.shape[0]):
        wanted = np.int64(0)
        missed = np.int64(0)
        settled = np.int64(0)
        received = np.int64(0)
        owing = np.int64(0)
        shelf = np.int64(0)
        cycles = np.int64(0)
        short_cycles = np.int64(0)
        value = np.int64(0)
        holding = np.int64(0)
        shortage = np.int64(0)
        ordered = np.int64(0)
        open_now = not stopped[r]
        points = reorder_point[min(r, last_point)]
        levels = order_up_to[min(r, last_level)]
        for k in range(on_hand.shape[1]):
            stock = on_hand[r, k]
            coming = on_order[r, k]
            debt = backlog[r, k]
            asked = demand[r, k]
            came = arrivals[r, k]
            if came != 0:
                stock += came
                coming -= came
                arrivals[r, k] = 0
                totals[2, r, k] += came
                received += came
                if came > 0:
                    cycles += 1
                    if exposed[r, k]:
                        short_cycles += 1
                        exposed[r, k] = False
            if debt > 0 and stock > 0 and open_now:
                paid = min(stock, debt)
                stock -= paid
                debt -= paid
                settled += paid
            if asked > 0:
                served = min(stock, asked) if open_now else np.int32(0)
                stock -= served
                wanted += asked
                totals[0, r, k] += asked
                short = asked - served
                if short > 0:
                    exposed[r, k] = True
                    totals[1, r, k] += short
                    missed += short
                    shortage += short * weights[2, k]
                    if not lost:
                        debt += short
            on_hand[r, k] = stock
            backlog[r, k] = debt
            owing += debt
            shelf += stock
            value += stock * weights[0, k]
            holding += stock * weights[1, k]
            position = stock + coming - debt
            point = points[k]
            gap = np.int32(0)
            if position <= point:
                batch = fixed_quantity[k]
                gap = levels[k] - position
                if batch > 0:
                    gap = ((point - position) // batch + 1) * batch
                if gap > 0:
                    gap = max(gap, least[k])
                    pack = multiple[k]
                    if pack > 1:
                        gap = ((gap + pack - 1) // pack) * pack
                    coming += gap
                    ordered += gap
                    some = True
                else:
                    gap = np.int32(0)
            on_order[r, k] = coming
            if not direct:
                orders[r, k] = gap
            elif gap != 0:
                waiting[r, k] += gap
                if owes:
                    owed[r, out_of[k]] += gap
        ledger[0, r] = wanted
        ledger[1, r] = wanted - missed
        ledger[2, r] = missed
        ledger[3, r] = owing
        ledger[4, r] = shelf
        ledger[5, r] = received
        ledger[6, r] = settled + wanted - missed
        ledger[9, r] = ordered
        ledger[10, r] = cycles
        ledger[11, r] = short_cycles
        ledger[12, r] = value
        ledger[13, r] = holding
        ledger[14, r] = shortage
    return some


def review(
    on_hand: Units,
    backlog: Units,
    on_order: Units,
    beside: Units,
    due: Places,
    reorder_point: Units,
    order_up_to: Units,
    fixed_quantity: Units,
    least: Units,
    multiple: Units,
    signed: bool,
    orders: Units,
) -> None:
    """Order for the SKUs that are due, by their policy, from the inventory position."""
    adds = beside.shape[0] > 0
    last_point = reorder_point.shape[0] - 1
    last_level = order_up_to.shape[0] - 1
    for r in range(on_hand.shape[0]):
        for place in range(due.shape[0]):
            k = due[place]
            position = on_hand[r, k] + on_order[r, k] - backlog[r, k]
            if adds:
                position += beside[r, k]
            gap = order_up_to[min(r, last_level), k] - position
            if not signed:
                point = reorder_point[min(r, last_point), k]
                if position > point:
                    orders[r, k] = 0
                    continue
                batch = fixed_quantity[k]
                if batch > 0:
                    gap = ((point - position) // batch + 1) * batch
                if gap <= 0:
                    orders[r, k] = 0
                    continue
                gap = max(gap, least[k])
                pack = multiple[k]
                gap = ((gap + pack - 1) // pack) * pack
            orders[r, k] = gap
            on_order[r, k] += gap


def ask(
    orders: Units, columns: Places, into: Places, out_of: Places, waiting: Units, owed: Units
) -> bool:
    """Put orders of a site down at the start of one of its lanes."""
    some = False
    owes = owed.shape[0] > 0
    for r in range(orders.shape[0]):
        for place in range(columns.shape[0]):
            c = columns[place]
            units = orders[r, into[c]]
            if units != 0:
                waiting[r, c] += units
                some = True
                if owes:
                    owed[r, out_of[c]] += units
    return some


def take_off(on_hand: Units, loaded: Units, out_of: Places, weights: Sums, ledger: Sums) -> None:
    """Take what a lane has loaded off the shelf and out of the tick's figures."""
    for r in range(loaded.shape[0]):
        gone = np.int64(0)
        value = np.int64(0)
        holding = np.int64(0)
        for c in range(loaded.shape[1]):
            units = loaded[r, c]
            if units != 0:
                k = out_of[c]
                on_hand[r, k] -= units
                gone += units
                value += units * weights[0, k]
                holding += units * weights[1, k]
        ledger[7, r] += gone
        ledger[4, r] -= gone
        ledger[12, r] -= value
        ledger[13, r] -= holding
