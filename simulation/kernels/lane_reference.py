"""In NumPy, the reference: what is handed over, shared out and sent away."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units
from simulation.kernels import rows as at
from simulation.kernels.stock_reference import take_off
from simulation.streams import mix_all


def release(
    waiting: Units,
    eligible: Flags,
    takes: Flags,
    share: Units,
    flow: Sums,
    tick: int,
    loaded: Units,
) -> int:
    """Let a supplier hand over what it can of the orders that wait for it.

    A supplier whose share is below 65,536 hands over at most that share of its normal flow,
    flow x (tick + 1) less flow x tick, each rounded down.

    Parameters
    ----------
    waiting : (R, C) units, reduced
    eligible : (R,) supplier up and lane open
    takes : (C,) the SKU is handled on this day
    share : (R,) in 1/65,536; 65,536 has no limit
    flow : (C,) normal units per tick, in 1/256
    loaded : (R, C) units, written

    Returns
    -------
    some : 1 where anything was loaded, plus 2 where anything still waits
    """
    loaded[...] = waiting
    loaded[~eligible] = 0
    loaded[:, ~takes] = 0
    part = np.flatnonzero(share < at.ALL)
    if len(part):
        rate = flow[None, :] * share[part][:, None].astype(np.int64)
        limit = ((rate * (tick + 1)) >> 24) - ((rate * tick) >> 24)
        loaded[part] = np.minimum(loaded[part], limit).astype(np.int32)
    waiting -= loaded
    return int(loaded.any()) + 2 * int(waiting.any())


def claim(waiting: Units, eligible: Flags, out_of: Places, claimed: Units) -> None:
    """Add up what the lanes of a site may take from it.

    Parameters
    ----------
    waiting : (R, C) units that the lane waits for
    eligible : (R,) lane open and origin at work
    out_of : (C,) SKUs at the origin
    claimed : (R, K) units, added to
    """
    claimed[:, out_of] += waiting * eligible[:, None].astype(np.int32)


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
    """Ration a site's stock to one of its lanes in proportion to what each waits for.

    Of the stock h, the lane that waits for w after lanes that wait for b, of c in all, gets
    floor(h (b + w) / c) - floor(h b / c); all of w when c <= h. The stock itself is reduced by
    the caller, after the last lane.

    Parameters
    ----------
    on_hand, claimed : (R, K) units at the origin
    before : (R, K) units of the lanes before, added to
    waiting : (R, C) units, reduced
    owed : (R, K) units that lanes wait for at the origin, reduced
    totals : (5, R, K) of the origin
    loaded : (R, C) units, written

    Returns
    -------
    some : 1 where anything was loaded, plus 2 where anything still waits
    """
    wants = np.where(eligible[:, None], waiting, 0)
    stock = on_hand[:, out_of]
    total = claimed[:, out_of]
    loaded[...] = wants
    line, column = np.nonzero((total > stock) & (wants != 0))
    if len(line):
        held, of = stock[line, column].astype(np.int64), total[line, column].astype(np.int64)
        wide = wants[line, column].astype(np.int64)
        earlier = before[line, out_of[column]].astype(np.int64)
        part = (held * (earlier + wide)) // of - (held * earlier) // of
        loaded[line, column] = np.minimum(part, wide)
    before[:, out_of] += wants
    waiting -= loaded
    owed[:, out_of] -= loaded
    totals[at.T_SHIPPED][:, out_of] += loaded
    return int(loaded.any()) + 2 * int(waiting.any())


def ship(
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
    """Allot, take off the shelf and dispatch: the short way of a lane that carries all it gets.

    The parameters are those of :func:`allot`, :func:`take_off` and :func:`dispatch`.

    Parameters
    ----------
    stock : (R, K) units at the origin before any lane took some; on_hand : now, reduced

    Returns
    -------
    twice : the ticks of the slowest line, plus 1 where anything still waits
    """
    loaded = np.empty_like(waiting)
    some = allot(stock, claimed, before, waiting, eligible, out_of, owed, totals, loaded)
    take_off(on_hand, loaded, out_of, shelf_weights, ledger)
    longest = dispatch(
        row_keys, sku_keys, loaded, into, lead_rows, lead_table, transit, factor, delay,
        days_until, accepted, tick, ring, on_order, weights, sums,
    )  # fmt: skip
    return 2 * longest + some // 2


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
    """Put loaded goods on the road, each order line with a lead time of its own.

    lead = days_until[lead_table[row, top 10 bits] x factor] + transit[next 10 bits] x factor
    + delay, at least 1 tick. Of q units (q x accepted + low 16 bits) >> 16 arrive.

    Parameters
    ----------
    loaded : (R, C) units
    into : (C,) SKUs at the destination
    lead_rows : (C,) rows of lead_table (n, 1024); transit : (1024,)
    factor : (R,) in 1/256; delay : (R,) ticks
    days_until : (n,) ticks until so many working ticks have passed
    accepted : (C,) share that arrives, in 1/65,536
    ring : (H, R, K) units to come by tick modulo H, added to
    on_order : (R, K) units, reduced by what will not arrive
    weights : (4, C) what a unit adds to the charges; sums : (4, R), written

    Returns
    -------
    longest : ticks under way of the slowest line; the caller checks it against H
    """
    weigh(loaded, weights, sums)
    line, column = np.nonzero(loaded)
    if not len(line):
        return 0
    units = loaded[line, column]
    bits = mix_all(row_keys[line] + sku_keys[column])
    first = (bits >> np.uint64(54)).astype(np.int64)
    second = ((bits >> np.uint64(44)) & np.uint64(1023)).astype(np.int64)
    low = (bits & np.uint64(0xFFFF)).astype(np.int64)
    scale = factor[line]
    lead = days_until[(lead_table[lead_rows[column], first] * scale) >> 8]
    lead = np.maximum(lead + ((transit[second] * scale) >> 8) + delay[line], 1)
    arriving = ((units.astype(np.int64) * accepted[column] + low) >> 16).astype(np.int32)
    target = into[column]
    # a lane brings a SKU to one place only, so that no cell is written twice
    ring[(tick + lead) % ring.shape[0], line, target] += arriving
    if (accepted != at.ALL).any():
        on_order[line, target] -= units - arriving
    return int(lead.max())


def weigh(loaded: Units, weights: Sums, sums: Sums) -> None:
    """Add up units times weights over the SKUs: (W, C) weights into (W, R) sums, written."""
    sums[...] = np.einsum("rc,wc->wr", loaded, weights)
