"""The coupling kernels as loops for numba: same arguments, same bits as the reference.

What the arguments mean stands with the reference.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units
from simulation.kernels.mixing import DRAWN_APART, FIRST, S27, S30, S31, S33, SECOND, SIXTEEN_BITS

NARROW = 1 << 31
ALL = 65536


def ration(
    wants: Units,
    weight: Sums,
    budget: Sums,
    total: Sums,
    before: Sums,
    used: Sums,
    order: Places,
    start: int,
    in_proportion: bool,
    overhang: bool,
    granted: Units,
) -> None:
    """Grant what fits into a budget that all SKUs share, in proportion or one after another."""
    n_skus = wants.shape[1]
    for r in range(wants.shape[0]):
        so_far = before[r]
        gone = used[r]
        if total[r] <= budget[r]:
            for c in range(n_skus):
                granted[r, c] = wants[r, c]
                if wants[r, c] > 0:
                    gone += wants[r, c] * weight[c]
                    so_far += wants[r, c] * weight[c]
            before[r] = so_far
            used[r] = gone
            continue
        shift = 0
        while (total[r] >> shift) >= NARROW:
            shift += 1
        whole = total[r] >> shift
        most = max(budget[r], np.int64(0))
        place = start
        for _ in range(n_skus):
            c = order[place]
            place += 1
            if place == n_skus:
                place = 0
            want = np.int64(wants[r, c])
            each = weight[c]
            if want <= 0 or each == 0:
                granted[r, c] = wants[r, c]
                continue
            so_far += want * each
            allowed = most
            if in_proportion:
                allowed = (((most >> shift) * (so_far >> shift)) // whole) << shift
            units = np.int64(0)
            if allowed > gone:
                room = allowed - gone
                if overhang:
                    room += each - 1
                units = min(want, room // each)
            gone += units * each
            granted[r, c] = units
        before[r] = so_far
        used[r] = gone


def split_orders(  # noqa: C901 - one pass over the cells, written out
    orders: Units,
    columns: Places,
    source: Places,
    share: Sums,
    least: Units,
    multiple: Units,
    out: Flags,
    parts: Units,
    on_order: Units,
) -> None:
    """Split each SKU's order over its sources by share, by largest remainder."""
    n_sources = source.shape[0]
    shares = np.zeros(n_sources, np.int64)
    remainder = np.zeros(n_sources, np.int64)
    for r in range(orders.shape[0]):
        for m in range(columns.shape[0]):
            k = columns[m]
            wanted = np.int64(orders[r, k])
            heir = -1
            moved = np.int64(0)
            for s in range(n_sources):
                shares[s] = share[s, m]
                if source[s, m] < 0 or out[source[s, m], r]:
                    moved += share[s, m]
                elif heir < 0:
                    heir = s
            if heir >= 0:
                for s in range(n_sources):
                    if source[s, m] < 0 or out[source[s, m], r]:
                        shares[s] = 0
                shares[heir] += moved
            spare = wanted
            for s in range(n_sources):
                weighed = wanted * shares[s]
                parts[s, r, m] = weighed >> 16
                remainder[s] = weighed & (ALL - 1)
                spare -= weighed >> 16
            ordered = np.int64(0)
            for s in range(n_sources):
                ahead = 0
                for other in range(n_sources):
                    if remainder[other] > remainder[s] or (
                        other < s and remainder[other] == remainder[s]
                    ):
                        ahead += 1
                units = np.int64(parts[s, r, m])
                if ahead < spare:
                    units += 1
                if units > 0:
                    units = max(units, np.int64(least[s, m]))
                    pack = np.int64(multiple[s, m])
                    units = ((units + pack - 1) // pack) * pack
                parts[s, r, m] = units
                ordered += units
            on_order[r, k] += ordered - wanted
            orders[r, k] = 0


def issue_oldest(ages: Units, gone: Units, tick: int) -> None:
    """Take units from the lots that end first."""
    length = ages.shape[0]
    for r in range(gone.shape[0]):
        for m in range(gone.shape[1]):
            left = gone[r, m]
            place = tick % length
            for _ in range(length):
                if left <= 0:
                    break
                taken = min(left, ages[place, r, m])
                ages[place, r, m] -= taken
                left -= taken
                place += 1
                if place == length:
                    place = 0
            gone[r, m] = left


def fill_oldest(
    asked: Units,
    tick: int,
    held: Units,
    wants: Units,
    stock: Units,
    row_keys: Keys,
    sku_keys: Keys,
    granted: Units,
) -> None:
    """Share a site's stock out among its lanes, the oldest orders first."""
    n_lanes = wants.shape[0]
    skip = np.zeros(n_lanes, np.int64)
    left = np.zeros(n_lanes, np.int64)
    mine = np.zeros(n_lanes, np.int64)
    for r in range(stock.shape[0]):
        for k in range(stock.shape[1]):
            over = -np.int64(stock[r, k])
            for j in range(n_lanes):
                granted[j, r, k] = wants[j, r, k]
                over += wants[j, r, k]
            if over <= 0:
                continue
            for j in range(n_lanes):
                skip[j] = held[j, r, k]
                left[j] = wants[j, r, k]
            day = tick
            while over > 0 and day >= 0:
                there = np.int64(0)
                for j in range(n_lanes):
                    units = np.int64(asked[day, j, r, k])
                    past = min(units, skip[j])
                    skip[j] -= past
                    mine[j] = min(units - past, left[j])
                    left[j] -= mine[j]
                    there += mine[j]
                day -= 1
                if there <= over:
                    for j in range(n_lanes):
                        granted[j, r, k] -= mine[j]
                    over -= there
                    continue
                if there > DRAWN_APART:
                    before = np.int64(0)
                    for j in range(n_lanes):
                        up_to = before + mine[j]
                        granted[j, r, k] -= over * up_to // there - over * before // there
                        before = up_to
                    break
                z = row_keys[r] + sku_keys[k]
                z = (z ^ (z >> S30)) * FIRST
                z = (z ^ (z >> S27)) * SECOND
                z = z ^ (z >> S31)
                for unit in range(1, over + 1):
                    y = z + np.uint64(unit)
                    y = (y ^ (y >> S30)) * FIRST
                    y = (y ^ (y >> S27)) * SECOND
                    y = y ^ (y >> S31)
                    place = (np.int64(y >> S33) * (there - unit + 1)) >> 31
                    j = 0
                    while place >= mine[j]:
                        place -= mine[j]
                        j += 1
                    mine[j] -= 1
                    granted[j, r, k] -= 1
                break


def grant_channels(
    on_hand: Units,
    slot: Units,
    backlog: Units,
    demand: Units,
    stopped: Flags,
    begins: bool,
    share: Sums,
    before: Sums,
    free: Flags,
    up_to: Sums,
    row_keys: Keys,
    sku_keys: Keys,
    kept: Units,
    allowed: Units,
    tally: Sums,
) -> None:
    """Set stock aside for channels, deal the demand out to them, and grant what they may take."""
    n_channels = kept.shape[0]
    wants = np.zeros(n_channels, np.int64)
    tally[...] = 0
    for r in range(on_hand.shape[0]):
        for k in range(on_hand.shape[1]):
            came = np.int64(slot[r, k])
            open_stock = on_hand[r, k] + came
            there = open_stock
            asked_for = np.int64(demand[r, k])
            z = row_keys[r] + sku_keys[k]
            z = (z ^ (z >> S30)) * FIRST
            z = (z ^ (z >> S27)) * SECOND
            phase = np.int64((z ^ (z >> S31)) & SIXTEEN_BITS)
            so_far = np.int64(0)
            total = np.int64(0)
            leaving = np.int64(0)
            for c in range(n_channels):
                part = share[c, r]
                held = np.int64(0)
                if not free[c, r]:
                    if begins or part > before[c, r]:
                        held = (there * part) >> 16
                    else:
                        held = kept[c, r, k] + ((came * part) >> 16)
                        if part < before[c, r]:
                            held = min(held, (there * part) >> 16)
                    held = min(held, open_stock)
                open_stock -= held
                dealt = (asked_for * up_to[c, k] + phase) >> 16
                asked = np.int64(0) if stopped[r] else dealt - so_far
                so_far = dealt
                own = min(asked, held)
                kept[c, r, k] = held - own
                wants[c] = asked - own
                total += wants[c]
                leaving += own
                tally[0, c, r] += asked
                tally[1, c, r] += own
            debts = min(open_stock, np.int64(backlog[r, k]))
            open_stock -= debts
            leaving += debts
            earlier = np.int64(0)
            for c in range(n_channels):
                granted = wants[c]
                if total > open_stock:
                    granted = (
                        open_stock * (earlier + wants[c]) // total - open_stock * earlier // total
                    )
                earlier += wants[c]
                leaving += granted
                tally[1, c, r] += granted
            allowed[r, k] = leaving
