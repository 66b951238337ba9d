"""The dynamic program over the stock of each item as loops, for numba.

Plain Python; :mod:`optimizer.replenishment.buyer.item_plans` compiles it. What the arguments mean
stands with the NumPy twin, which has the same bits.
"""

from __future__ import annotations

import numpy as np

from optimizer.replenishment.buyer.problem import Floats, Ints


def plan_items(  # noqa: C901, PLR0912, PLR0915 - one loop nest, written out for the compiler
    which: Ints,
    demand: Ints,
    receipts: Ints,
    opening: Ints,
    lost: Floats,
    floor: Ints,
    floor_price: Floats,
    end_value: Floats,
    most_stock: Ints,
    holding: Floats,
    room: Ints,
    slot_start: Ints,
    slot_arrival: Ints,
    slot_option: Ints,
    money: Floats,
    unit: Floats,
    fixed: Floats,
    most: Ints,
    multiple: Ints,
    brings: Floats,
    segment_start: Ints,
    low: Ints,
    high: Ints,
    price: Floats,
    offset: Floats,
    qty: Ints,
    value: Floats,
) -> None:
    """Write the cheapest plan of each item of `which` into `qty`, its cost into `value`."""
    periods = demand.shape[1]
    width, depth = 1, 1
    for item in which:
        width = max(width, most_stock[item] + 1)
        depth = max(depth, slot_start[item + 1] - slot_start[item])
    after = np.empty((depth, width))
    ahead = np.empty(width)
    now = np.empty(width)
    tilted = np.empty(width)
    queue = np.empty(width, np.int64)
    for item in which:
        top = most_stock[item]
        first, slot = slot_start[item], slot_start[item + 1]
        for stock in range(top + 1):
            ahead[stock] = 0.0 - end_value[item] * stock
        for period in range(periods - 1, -1, -1):
            come, wanted = receipts[item, period], demand[item, period]
            keep = holding[item, period]
            for stock in range(top + 1):
                left = stock + come - wanted
                over, short = max(left, 0), max(-left, 0)
                under = max(floor[item] - over, 0)
                if stock + come > top or over > room[item, period]:
                    now[stock] = np.inf
                else:
                    cost = lost[item] * short + keep * over
                    now[stock] = cost + floor_price[item] * under + ahead[over]
            while slot > first and slot_arrival[slot - 1] == period:
                slot -= 1
                then = after[slot - first]
                for stock in range(top + 1):
                    then[stock] = now[stock]
                option = slot_option[slot]
                step = multiple[option]
                for part in range(segment_start[option], segment_start[option + 1]):
                    least = low[part]
                    largest = min(high[part], most[slot]) // step * step
                    if largest < least:
                        continue
                    slope = price[part] * money[slot] + unit[slot]
                    begin = fixed[slot] + offset[part] * money[slot]
                    if brings[option] != 1.0:
                        for units in range(least, largest + 1, step):
                            bring = int(np.floor(units * brings[option] + 1e-9))
                            pay = begin + slope * units
                            for stock in range(top + 1 - bring):
                                cost = pay + then[stock + bring]
                                now[stock] = min(now[stock], cost)
                        continue
                    for level in range(top + 1):
                        tilted[level] = then[level] + slope * level
                    for residue in range(min(step, top + 1 - least)):
                        head, tail = 0, 0
                        stock = (top - least - residue) // step * step + residue
                        while stock >= 0:
                            level = stock + least
                            while tail > head and tilted[queue[tail - 1]] >= tilted[level]:
                                tail -= 1
                            queue[tail] = level
                            tail += 1
                            while queue[head] > stock + largest:
                                head += 1
                            cost = (begin - slope * stock) + tilted[queue[head]]
                            now[stock] = min(now[stock], cost)
                            stock -= step
            for stock in range(top + 1):
                ahead[stock] = now[stock]
        value[item] = ahead[opening[item]]
        stock = opening[item]
        slot = first
        for period in range(periods):
            while slot < slot_start[item + 1] and slot_arrival[slot] == period:
                then = after[slot - first]
                option = slot_option[slot]
                step = multiple[option]
                best, chosen, brought = then[stock], 0, 0
                for part in range(segment_start[option], segment_start[option + 1]):
                    largest = min(high[part], most[slot]) // step * step
                    slope = price[part] * money[slot] + unit[slot]
                    begin = fixed[slot] + offset[part] * money[slot]
                    for units in range(low[part], largest + 1, step):
                        bring = int(np.floor(units * brings[option] + 1e-9))
                        if stock + bring > top:
                            break
                        cost = (begin + slope * units) + then[stock + bring]
                        if cost < best:
                            best, chosen, brought = cost, units, bring
                qty[slot] = chosen
                stock += brought
                slot += 1
            stock = max(stock + receipts[item, period] - demand[item, period], 0)
