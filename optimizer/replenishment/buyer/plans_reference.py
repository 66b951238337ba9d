"""The dynamic program over the stock of each item in NumPy: says what is right.

Backwards over periods, V(s) is the least cost from stock s on. Within a period the slots that
arrive are asked one after the other; buying q units of a segment costs begin + slope x q, so that

    V(s) = min(V'(s), begin - slope s + min over x = s + low .. s + high by multiples of
               (V'(x) + slope x)),

a minimum over a sliding window. Where an order brings less than it states (losses on the way),
quantities are tried one by one.
"""

from __future__ import annotations

import numpy as np

from optimizer.replenishment.buyer.problem import Floats, Ints


def plan_items(
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
    """Write the cheapest plan of each item of `which` into `qty`, its cost into `value`.

    Parameters
    ----------
    which : items to plan
    demand ... most_stock : as in Items
    holding : (n_items, n_periods) money per unit of closing stock
    room : (n_items, n_periods) int64, most closing stock
    slot_start, slot_arrival, slot_option : as in Slots
    money, unit, fixed, most : (n_slots,) a line of q units costs fixed + money x (what it costs to
        buy) + unit x q; q is at most `most`
    multiple ... offset : as in Options
    qty : (n_slots,) int64, written for the slots of `which`
    value : (n_items,) written for `which`; inf where nothing keeps the limits
    """
    parts = [
        [
            (int(low[at]), int(high[at]), float(price[at]), float(offset[at]))
            for at in range(segment_start[option], segment_start[option + 1])
        ]
        for option in range(len(multiple))
    ]

    def lines(slot: int) -> list[tuple[int, int, float, float]]:
        option = slot_option[slot]
        step = int(multiple[option])
        return [
            (
                least,
                min(largest, int(most[slot])) // step * step,
                fixed[slot] + from_ * money[slot],
                cost * money[slot] + unit[slot],
            )
            for least, largest, cost, from_ in parts[option]
        ]

    for item in which:
        top = int(most_stock[item])
        levels = np.arange(top + 1)
        first, slot = int(slot_start[item]), int(slot_start[item + 1])
        ahead = 0.0 - end_value[item] * levels
        after: dict[int, Floats] = {}
        for period in range(demand.shape[1] - 1, -1, -1):
            come = int(receipts[item, period])
            left = levels + come - int(demand[item, period])
            over, short = np.minimum(np.maximum(left, 0), top), np.maximum(-left, 0)
            under = np.maximum(int(floor[item]) - over, 0)
            cost = lost[item] * short + holding[item, period] * over
            cost = cost + floor_price[item] * under + ahead[over]
            now = np.where((levels + come > top) | (over > room[item, period]), np.inf, cost)
            while slot > first and slot_arrival[slot - 1] == period:
                slot -= 1
                after[slot] = now.copy()
                option = slot_option[slot]
                for least, largest, begin, slope in lines(slot):
                    if largest >= least:
                        now = _with_lots(
                            now, after[slot], (least, largest, int(multiple[option])),
                            begin, slope, float(brings[option]),
                        )  # fmt: skip
            ahead = now
        value[item] = ahead[opening[item]]
        stock = int(opening[item])
        slot = first
        for period in range(demand.shape[1]):
            while slot < slot_start[item + 1] and slot_arrival[slot] == period:
                then, option = after[slot], slot_option[slot]
                best, chosen, brought = float(then[stock]), 0, 0
                for least, largest, begin, slope in lines(slot):
                    units = np.arange(least, largest + 1, int(multiple[option]))
                    bring = np.floor(units * brings[option] + 1e-9).astype(np.int64)
                    fits = stock + bring <= top
                    if not fits.any():
                        continue
                    cost = (begin + slope * units[fits]) + then[stock + bring[fits]]
                    at = int(np.argmin(cost))
                    if cost[at] < best:
                        best, chosen, brought = float(cost[at]), int(units[at]), int(bring[at])
                qty[slot] = chosen
                stock += brought
                slot += 1
            stock = max(stock + int(receipts[item, period]) - int(demand[item, period]), 0)


def _with_lots(
    now: Floats,
    then: Floats,
    lots: tuple[int, int, int],
    begin: float,
    slope: float,
    brings: float,
) -> Floats:
    """Return the least cost from each stock when one line of these lots may be bought."""
    least, largest, step = lots
    top = len(now) - 1
    best = now.copy()
    if brings != 1.0:
        for units in range(least, largest + 1, step):
            bring = int(np.floor(units * brings + 1e-9))
            if bring <= top:
                cost = (begin + slope * units) + then[bring:]
                best[: top + 1 - bring] = np.minimum(best[: top + 1 - bring], cost)
        return best
    if least > top:
        return best
    levels = np.arange(top + 1)
    tilted = then + slope * levels
    reach = tilted[least:]
    rows = -(-len(reach) // step)
    padded = np.full(rows * step, np.inf)
    padded[: len(reach)] = reach
    window = min((largest - least) // step + 1, rows)
    lowest = _window_minimum(padded.reshape(rows, step), window).ravel()[: len(reach)]
    stock = levels[: len(reach)]
    best[: len(reach)] = np.minimum(best[: len(reach)], (begin - slope * stock) + lowest)
    return best


def _window_minimum(rows: Floats, window: int) -> Floats:
    """Return the minimum of each row and the window - 1 rows after it, column by column."""
    padded = np.full((len(rows) + window - 1, rows.shape[1]), np.inf)
    padded[: len(rows)] = rows
    span = 1
    while 2 * span <= window:
        padded = np.minimum(padded[:-span], padded[span:])
        span *= 2
    rest = window - span
    count = len(rows)
    result: Floats = np.minimum(padded[:count], padded[rest : rest + count])
    return result
