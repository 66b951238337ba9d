"""The kernels as loops for numba: same arguments, same bits as the reference.

The functions are plain Python; :func:`simulation.kernels.kernels` compiles them. Scrambling is
written out in each loop, as a compiled function cannot call a plain one. What the arguments mean
stands with the reference.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units

FIRST = np.uint64(0xBF58476D1CE4E5B9)
SECOND = np.uint64(0x94D049BB133111EB)
S27 = np.uint64(27)
S30 = np.uint64(30)
S31 = np.uint64(31)
S33 = np.uint64(33)
S44 = np.uint64(44)
S48 = np.uint64(48)
S54 = np.uint64(54)
TEN_BITS = np.uint64(1023)
SIXTEEN_BITS = np.uint64(0xFFFF)
ALL = 65536
EXACT_THINNING = 256
SIDE_BY_SIDE = 16  # SKUs whose tables stay in the cache while all rows read them


def draw_demand(
    row_keys: Keys,
    bucket: Places,
    sku_keys: Keys,
    table_rows: Units,
    base: Units,
    step: Units,
    offset: Places,
    thresholds: Units,
    guide: Units,
    active: Flags,
    demand: Units,
) -> None:
    """Add a variate of each SKU's distribution to the demand of the active rows."""
    for first in range(0, demand.shape[1], SIDE_BY_SIDE):
        last = min(first + SIDE_BY_SIDE, demand.shape[1])
        for r in range(demand.shape[0]):
            if not active[r]:
                continue
            row_key = row_keys[r]
            lines = table_rows[bucket[r]]
            for k in range(first, last):
                line = lines[k]
                if line < 0:
                    continue
                z = row_key + sku_keys[k]
                z = (z ^ (z >> S30)) * FIRST
                z = (z ^ (z >> S27)) * SECOND
                z = z ^ (z >> S31)
                draw = np.int32(z >> S33)
                start = offset[line]
                place = start + guide[line, draw >> 26]
                while draw > thresholds[place]:
                    place += 1
                demand[r, k] += base[line] + step[line] * (place - start)


def thin_demand(
    row_keys: Keys, sku_keys: Keys, keep: Units, affected: Flags, demand: Units
) -> None:
    """Keep each unit of demand with a probability of its own."""
    for r in range(demand.shape[0]):
        share = keep[r]
        if share >= ALL:
            continue
        row_key = row_keys[r]
        for k in range(demand.shape[1]):
            asked = demand[r, k]
            if asked <= 0 or not affected[k]:
                continue
            z = row_key + sku_keys[k]
            z = (z ^ (z >> S30)) * FIRST
            z = (z ^ (z >> S27)) * SECOND
            z = z ^ (z >> S31)
            if asked > EXACT_THINNING:
                low = np.int64(z & SIXTEEN_BITS)
                demand[r, k] = (np.int64(asked) * share + low) >> 16
                continue
            kept = 0
            for unit in range(1, asked + 1):
                y = z + np.uint64(unit)
                y = (y ^ (y >> S30)) * FIRST
                y = (y ^ (y >> S27)) * SECOND
                y = y ^ (y >> S31)
                if np.int64(y >> S48) < share:
                    kept += 1
            demand[r, k] = kept


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
