"""Loops for numba: what is handed over, shared out and sent away; same bits as `lane_reference`."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units
from simulation.kernels.mixing import FIRST, S27, S30, S31, S44, S54, SECOND, SIXTEEN_BITS, TEN_BITS
from simulation.kernels.rows import ALL


def release(
    waiting: Units,
    eligible: Flags,
    takes: Flags,
    share: Units,
    flow: Sums,
    tick: int,
    loaded: Units,
) -> int:
    """Let a supplier hand over what it can of the orders that wait for it."""
    some = 0
    for r in range(waiting.shape[0]):
        part = share[r] < ALL
        for c in range(waiting.shape[1]):
            units = waiting[r, c]
            if units == 0 or not eligible[r] or not takes[c]:
                loaded[r, c] = 0
                if units != 0:
                    some |= 2
                continue
            if part:
                rate = flow[c] * np.int64(share[r])
                limit = ((rate * (tick + 1)) >> 24) - ((rate * tick) >> 24)
                units = np.int32(min(np.int64(units), limit))
            loaded[r, c] = units
            waiting[r, c] -= units
            if units != 0:
                some |= 1
            if waiting[r, c] != 0:
                some |= 2
    return some


def claim(waiting: Units, eligible: Flags, out_of: Places, claimed: Units) -> None:
    """Add up what the lanes of a site may take from it."""
    for r in range(waiting.shape[0]):
        if eligible[r]:
            for c in range(waiting.shape[1]):
                claimed[r, out_of[c]] += waiting[r, c]


def allot(
    on_hand: Units,
    claimed: Units,
    before: Units,
    waiting: Units,
    eligible: Flags,
    out_of: Places,
    owed: Units,
    totals: Units,
    loaded: Units,
) -> int:
    """Ration a site's stock to one of its lanes in proportion to what each waits for."""
    some = 0
    for r in range(waiting.shape[0]):
        for c in range(waiting.shape[1]):
            wants = waiting[r, c]
            if wants == 0 or not eligible[r]:
                loaded[r, c] = 0
                if wants != 0:
                    some |= 2
                continue
            k = out_of[c]
            stock = np.int64(on_hand[r, k])
            total = np.int64(claimed[r, k])
            units = np.int64(wants)
            if total > stock:
                earlier = np.int64(before[r, k])
                part = (stock * (earlier + units)) // total - (stock * earlier) // total
                units = min(part, units)
            before[r, k] += wants
            loaded[r, c] = units
            waiting[r, c] -= units
            owed[r, k] -= units
            totals[3, r, k] += units
            if units != 0:
                some |= 1
            if units != wants:
                some |= 2
    return some


def ship(  # noqa: PLR0915 - one pass over the cells, written out
    stock: Units,
    claimed: Units,
    before: Units,
    waiting: Units,
    eligible: Flags,
    out_of: Places,
    owed: Units,
    totals: Units,
    on_hand: Units,
    shelf_weights: Sums,
    ledger: Sums,
    row_keys: Keys,
    sku_keys: Keys,
    into: Places,
    lead_rows: Units,
    lead_table: Units,
    transit: Units,
    factor: Units,
    delay: Units,
    days_until: Units,
    accepted: Units,
    tick: int,
    ring: Units,
    on_order: Units,
    weights: Sums,
    sums: Sums,
) -> int:
    """Allot, take off the shelf and dispatch, in one pass."""
    longest = 0
    left = 0
    length = ring.shape[0]
    now = tick % length
    for r in range(waiting.shape[0]):
        row_key = row_keys[r]
        scale = np.int64(factor[r])
        wait = np.int64(delay[r])
        open_now = eligible[r]
        gone = np.int64(0)
        grams = np.int64(0)
        cubic = np.int64(0)
        money = np.int64(0)
        value = np.int64(0)
        holding = np.int64(0)
        for c in range(waiting.shape[1]):
            wants = waiting[r, c]
            if wants == 0:
                continue
            if not open_now:
                left = 1
                continue
            k = out_of[c]
            here = np.int64(stock[r, k])
            total = np.int64(claimed[r, k])
            units = np.int64(wants)
            if total > here:
                earlier = np.int64(before[r, k])
                part = (here * (earlier + units)) // total - (here * earlier) // total
                units = min(part, units)
                before[r, k] += wants
                if units != wants:
                    left = 1
                if units == 0:
                    continue
            waiting[r, c] -= units
            owed[r, k] -= units
            totals[3, r, k] += units
            on_hand[r, k] -= units
            value += units * shelf_weights[0, k]
            holding += units * shelf_weights[1, k]
            gone += units
            grams += units * weights[1, c]
            cubic += units * weights[2, c]
            money += units * weights[3, c]
            z = row_key + sku_keys[c]
            z = (z ^ (z >> S30)) * FIRST
            z = (z ^ (z >> S27)) * SECOND
            z = z ^ (z >> S31)
            lead = np.int64(lead_table[lead_rows[c], np.int64(z >> S54)])
            under_way = np.int64(transit[np.int64((z >> S44) & TEN_BITS)])
            ticks = days_until[(lead * scale) >> 8] + ((under_way * scale) >> 8) + wait
            ticks = max(ticks, 1)
            low = np.int64(z & SIXTEEN_BITS)
            arriving = (units * accepted[c] + low) >> 16
            place = into[c]
            slot = now + ticks
            while slot >= length:
                slot -= length
            ring[slot, r, place] += arriving
            if arriving != units:
                on_order[r, place] -= units - arriving
            longest = max(longest, ticks)
        sums[0, r] = gone
        sums[1, r] = grams
        sums[2, r] = cubic
        sums[3, r] = money
        ledger[7, r] += gone
        ledger[4, r] -= gone
        ledger[12, r] -= value
        ledger[13, r] -= holding
    return 2 * longest + left


def dispatch(
    row_keys: Keys,
    sku_keys: Keys,
    loaded: Units,
    into: Places,
    lead_rows: Units,
    lead_table: Units,
    transit: Units,
    factor: Units,
    delay: Units,
    days_until: Units,
    accepted: Units,
    tick: int,
    ring: Units,
    on_order: Units,
    weights: Sums,
    sums: Sums,
) -> int:
    """Put loaded goods on the road, each order line with a lead time of its own."""
    longest = 0
    length = ring.shape[0]
    now = tick % length
    for r in range(loaded.shape[0]):
        row_key = row_keys[r]
        scale = np.int64(factor[r])
        wait = np.int64(delay[r])
        gone = np.int64(0)
        grams = np.int64(0)
        cubic = np.int64(0)
        money = np.int64(0)
        for c in range(loaded.shape[1]):
            units = loaded[r, c]
            if units == 0:
                continue
            gone += units * weights[0, c]
            grams += units * weights[1, c]
            cubic += units * weights[2, c]
            money += units * weights[3, c]
            z = row_key + sku_keys[c]
            z = (z ^ (z >> S30)) * FIRST
            z = (z ^ (z >> S27)) * SECOND
            z = z ^ (z >> S31)
            lead = np.int64(lead_table[lead_rows[c], np.int64(z >> S54)])
            under_way = np.int64(transit[np.int64((z >> S44) & TEN_BITS)])
            ticks = days_until[(lead * scale) >> 8] + ((under_way * scale) >> 8) + wait
            ticks = max(ticks, 1)
            low = np.int64(z & SIXTEEN_BITS)
            arriving = (np.int64(units) * accepted[c] + low) >> 16
            k = into[c]
            slot = now + ticks
            while slot >= length:
                slot -= length
            ring[slot, r, k] += arriving
            if arriving != units:
                on_order[r, k] -= units - arriving
            longest = max(longest, ticks)
        sums[0, r] = gone
        sums[1, r] = grams
        sums[2, r] = cubic
        sums[3, r] = money
    return longest


def weigh(loaded: Units, weights: Sums, sums: Sums) -> None:
    """Add up units times weights over the SKUs."""
    for w in range(weights.shape[0]):
        for r in range(loaded.shape[0]):
            total = np.int64(0)
            for c in range(loaded.shape[1]):
                total += loaded[r, c] * weights[w, c]
            sums[w, r] = total
