"""The kernels in NumPy: the reference that the compiled twin must meet bit for bit.

Shapes: R replications, K SKUs of a site, C of them on a lane; T is a row of ticks. Shares are in
1/65,536, factors in 1/256. Every random number is `mix(row_keys[r] + sku_keys[k])`.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units
from simulation.kernels import rows as at
from simulation.streams import mix_all

IN_CACHE = 8192  # numbers drawn in one stroke
EXACT_THINNING = 256  # demand above it is thinned in one stroke


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
    """Add a variate of each SKU's distribution to the demand of the active rows.

    Parameters
    ----------
    row_keys, bucket : (N,) a row is a replication at a tick; its line of `table_rows`
    sku_keys : (K,)
    table_rows : (B, K) rows of the tables, -1 for no demand
    base, step, offset, thresholds, guide : :class:`simulation.variates.DemandTables`
    active : (N,)
    demand : (N, K) units, added to
    """
    lines = np.flatnonzero(active)
    if not len(lines):
        return
    width = max(1, IN_CACHE // len(lines))
    for first in range(0, demand.shape[1], width):
        skus = slice(first, first + width)
        line = table_rows[bucket[lines], skus].ravel()
        bits = mix_all(row_keys[lines][:, None] + sku_keys[skus][None, :])
        draw = (bits >> np.uint64(33)).astype(np.int32).ravel()
        start = offset[line]
        place = start + guide[line, draw >> 26]
        todo = np.flatnonzero(draw > thresholds[place])
        while len(todo):
            place[todo] += 1
            todo = todo[draw[todo] > thresholds[place[todo]]]
        drawn = base[line] + step[line] * (place - start).astype(np.int32)
        drawn[line < 0] = 0
        demand[lines, skus] += drawn.reshape(len(lines), -1)


def thin_demand(
    row_keys: Keys, sku_keys: Keys, keep: Units, affected: Flags, demand: Units
) -> None:
    """Keep each unit of demand with a probability of its own.

    Parameters
    ----------
    keep : (R,) probability in 1/65,536; 65,536 leaves the replication alone
    affected : (K,)
    demand : (R, K) units, thinned in place; above 256 units the expected number is kept,
        rounded at random
    """
    line, column = np.nonzero((demand > 0) & affected & (keep < at.ALL)[:, None])
    if not len(line):
        return
    asked = demand[line, column]
    share = keep[line]
    bits = mix_all(row_keys[line] + sku_keys[column])
    low = (bits & np.uint64(0xFFFF)).astype(np.int64)
    kept = ((asked.astype(np.int64) * share + low) >> 16).astype(np.int32)
    todo = np.flatnonzero(asked <= EXACT_THINNING)
    kept[todo] = 0
    unit = 0
    while len(todo):
        unit += 1
        chance = mix_all(bits[todo] + np.uint64(unit)) >> np.uint64(48)
        kept[todo] += chance.astype(np.int32) < share[todo]
        todo = todo[asked[todo] > unit]
    demand[line, column] = kept


def serve(
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
    """Receive what has come, pay old debts, meet the demand, and write the tick's row.

    Parameters
    ----------
    on_hand, backlog, on_order, arrivals, demand : (R, K) units; arrivals are emptied
    stopped : (R,) nothing leaves the site
    lost : unmet demand is lost, else it is owed
    weights : (3, K) money per unit in fixed point: value, holding, shortage
    exposed : (R, K) whether demand went short in the running cycle
    totals : (5, R, K) units so far
    ledger : (16, R) the tick's row, written
    """
    if arrivals.any():
        came = arrivals > 0
        np.add(on_hand, arrivals, out=on_hand)
        np.subtract(on_order, arrivals, out=on_order)
        totals[at.T_RECEIVED] += arrivals
        ledger[at.RECEIVED] = arrivals.sum(axis=1, dtype=np.int64)
        ledger[at.CYCLES] = came.sum(axis=1)
        ledger[at.SHORT_CYCLES] = (came & exposed).sum(axis=1)
        exposed &= ~came
        arrivals[...] = 0
    issued = np.zeros(len(on_hand), np.int64)
    if not lost and backlog.any():
        paid = np.minimum(on_hand, backlog)
        paid[stopped] = 0
        on_hand -= paid
        backlog -= paid
        issued += paid.sum(axis=1, dtype=np.int64)
    served = np.minimum(on_hand, demand)
    served[stopped] = 0
    on_hand -= served
    short = demand - served
    exposed |= short > 0
    totals[at.T_DEMAND] += demand
    totals[at.T_SHORT] += short
    if not lost:
        backlog += short
    sold = served.sum(axis=1, dtype=np.int64)
    ledger[at.DEMAND] = demand.sum(axis=1, dtype=np.int64)
    ledger[at.SERVED] = sold
    ledger[at.SHORT] = ledger[at.DEMAND] - sold
    ledger[at.ISSUED] = issued + sold
    ledger[at.BACKLOG] = backlog.sum(axis=1, dtype=np.int64)
    ledger[at.ON_HAND] = on_hand.sum(axis=1, dtype=np.int64)
    ledger[at.VALUE] = np.einsum("rk,k->r", on_hand, weights[at.BY_VALUE])
    ledger[at.HOLDING] = np.einsum("rk,k->r", on_hand, weights[at.BY_HOLDING])
    ledger[at.SHORTAGE] = np.einsum("rk,k->r", short, weights[at.BY_SHORTAGE])


def serve_and_review(
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
    """Serve, then review every SKU: the short way of a site that feeds no other.

    The other parameters are those of :func:`serve` and :func:`review`.

    Parameters
    ----------
    orders : (R, K) units, written unless there is a `waiting`
    waiting : (R, K) units at the start of the one lane that brings all SKUs, added to; (0, 0)
        where several lanes do
    out_of, owed : of that lane, as for :func:`ask`

    Returns
    -------
    some : whether anything was ordered
    """
    serve(
        on_hand, backlog, on_order, arrivals, demand, stopped, lost, weights, exposed, totals,
        ledger,
    )  # fmt: skip
    every = np.arange(on_hand.shape[1])
    review(
        on_hand, backlog, on_order, orders[:0, :0], every, reorder_point, order_up_to,
        fixed_quantity, least, multiple, False, orders,
    )  # fmt: skip
    ledger[at.ORDERED] = orders.sum(axis=1, dtype=np.int64)
    if waiting.shape[0]:
        ask(orders, every, every, out_of, waiting, owed)
    return bool(ledger[at.ORDERED].any())


def ask(
    orders: Units, columns: Places, into: Places, out_of: Places, waiting: Units, owed: Units
) -> bool:
    """Put orders of a site down at the start of one of its lanes.

    Parameters
    ----------
    orders : (R, K) units at the destination
    columns : (n,) SKUs of the lane, each at most once; into : (C,) where they are in `orders`
    waiting : (R, C) units, added to
    owed : (R, K) units that the origin owes, added to; (0, 0) for a supplier

    Returns
    -------
    some : whether anything was asked for
    """
    units = orders[:, into[columns]]
    if not units.any():
        return False
    waiting[:, columns] += units
    if owed.shape[0]:
        owed[:, out_of[columns]] += units
    return True


def take_off(on_hand: Units, loaded: Units, out_of: Places, weights: Sums, ledger: Sums) -> None:
    """Take what a lane has loaded off the shelf and out of the tick's figures.

    Parameters
    ----------
    on_hand : (R, K) units, reduced; loaded : (R, C); out_of : (C,)
    weights : (3, K) money per unit in fixed point: value, holding, shortage
    ledger : (16, R) the tick's row
    """
    on_hand[:, out_of] -= loaded
    gone = loaded.sum(axis=1, dtype=np.int64)
    ledger[at.SHIPPED] += gone
    ledger[at.ON_HAND] -= gone
    ledger[at.VALUE] -= np.einsum("rc,c->r", loaded, weights[at.BY_VALUE, out_of])
    ledger[at.HOLDING] -= np.einsum("rc,c->r", loaded, weights[at.BY_HOLDING, out_of])


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
    """Order for the SKUs that are due, by their policy, from the inventory position.

    position = on hand + on order - owed to customers + what the caller adds

    Parameters
    ----------
    beside : (R, K) units to add to the position (less what other sites wait for, plus their
        positions under an echelon policy), or (0, 0) for none
    due : (D,) SKUs reviewed at this tick
    reorder_point, order_up_to : (1 or R, K) units
    fixed_quantity : (K,) Q of an r,Q policy, 0 for an order-up-to policy
    least, multiple : (K,) units
    signed : order the exact difference, even a negative one
    orders : (R, K) units, written for the SKUs due
    """
    skus: Places | slice = slice(None) if len(due) == on_hand.shape[1] else due
    position = on_hand[:, skus] + on_order[:, skus]
    position -= backlog[:, skus]
    if beside.shape[0]:
        position += beside[:, skus]
    point = reorder_point[:, skus]
    wanted = order_up_to[:, skus] - position
    if signed:
        orders[:, skus] = wanted
        on_order[:, skus] += wanted
        return
    batch = fixed_quantity[skus]
    if batch.any():
        lots = (point - position) // np.maximum(batch, 1) + 1
        wanted = np.where(batch > 0, lots * batch, wanted)
    np.maximum(wanted, 0, out=wanted)
    wanted *= position <= point
    if least[skus].any():
        wanted = np.where(wanted > 0, np.maximum(wanted, least[skus]), 0)
    pack = multiple[skus]
    if (pack > 1).any():
        wanted = ((wanted + pack - 1) // pack) * pack
    orders[:, skus] = wanted
    on_order[:, skus] += wanted


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
