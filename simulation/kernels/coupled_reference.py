"""The coupling kernels in NumPy: the reference that the compiled twin must meet bit for bit.

Shapes: R replications, C SKUs, S sources in order of preference, M SKUs with several sources.
"""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Sums, Units
from simulation.kernels.mixing import DRAWN_APART
from simulation.streams import mix_all

LOW = np.uint64(0xFFFF)
NARROW = 1 << 31  # totals up to here are divided exactly


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
    """Grant what fits into a budget that all SKUs share, in proportion or one after another.

    Where the total fits all is granted. Else SKUs are gone through from `start` on in `order`, and
    the allowance up to a SKU is the budget, or in proportion floor(budget x weight wanted so far /
    total); it gets what is left of that in whole units, rounded down, or up with `overhang` (a
    unit that begins within the allowance goes). What is left over passes to the next SKU.

    Parameters
    ----------
    wants : (R, C) units; what is not above 0 is granted as it is
    weight : (C,) of a unit; 0 for one that takes none of the budget
    budget, total : (R,) weight that there is, and that all parts want
    before, used : (R,) weight wanted and granted in earlier parts, added to
    order : (C,) SKUs
    granted : (R, C) units, written
    """
    granted[...] = wants
    positive = np.maximum(wants, 0).astype(np.int64)
    mine = positive @ weight
    fits = total <= budget
    before[fits] += mine[fits]
    used[fits] += mine[fits]
    tight = np.flatnonzero(~fits)
    if not len(tight):
        return
    some = positive[tight].any(axis=0) & (weight > 0)
    shift = np.zeros(len(tight), np.int64)
    while ((total[tight] >> shift) >= NARROW).any():
        shift += (total[tight] >> shift) >= NARROW
    whole = np.maximum(total[tight] >> shift, 1)
    most = np.maximum(budget[tight], 0)
    so_far, gone = before[tight], used[tight]
    for c in np.roll(order, -start):
        if not some[c]:
            continue
        want, each = positive[tight, c], weight[c]
        so_far = so_far + want * each
        allowed = most
        if in_proportion:
            allowed = (((most >> shift) * (so_far >> shift)) // whole) << shift
        room = np.maximum(allowed - gone + (each - 1 if overhang else 0), 0)
        units = np.where(allowed > gone, np.minimum(want, room // each), 0)
        gone = gone + units * each
        granted[tight, c] = np.where(want > 0, units, wants[tight, c])
    before[tight], used[tight] = so_far, gone


def split_orders(
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
    """Split each SKU's order over its sources by share, by largest remainder.

    The share of a source that is out passes to the first that is not; when all are out, shares
    stay. Of w units source s gets floor(w x share / 65,536); the units left over go one each to the
    largest remainders, earlier sources first. Each part is then raised to the source's least and
    multiple, and what that adds is on order, too.

    Parameters
    ----------
    orders : (R, K) units; those of the SKUs split are emptied
    columns : (M,) SKUs
    source : (S, M) place of each source in `out`; -1 for none
    share : (S, M) in 1/65,536, adding up to 65,536
    least, multiple : (S, M) units
    out : (L, R) whether a source is to be passed over
    parts : (S, R, M) units, written
    on_order : (R, K) units, added to
    """
    n_sources = len(source)
    wanted = orders[:, columns].astype(np.int64)
    known = source >= 0
    down = out[np.maximum(source, 0)].transpose(0, 2, 1) | ~known[:, None, :]  # (S, R, M)
    shares = np.broadcast_to(share[:, None, :], down.shape).copy()
    stands = ~down.all(axis=0)
    moved = np.where(down, shares, 0).sum(axis=0)
    heir = np.argmin(down, axis=0)
    for s in range(n_sources):
        left = np.where(down[s], 0, shares[s]) + np.where(heir == s, moved, 0)
        shares[s] = np.where(stands, left, shares[s])
    weighed = wanted[None] * shares
    got = weighed >> 16
    remainder = weighed & 0xFFFF
    spare = wanted - got.sum(axis=0)
    for s in range(n_sources):
        ahead = (remainder > remainder[s]).sum(axis=0)
        ahead = ahead + (remainder[:s] == remainder[s]).sum(axis=0)
        parts[s] = got[s] + (ahead < spare)
    for s in range(n_sources):
        pack = multiple[s]
        raised = np.maximum(parts[s], least[s])
        raised = ((raised + pack - 1) // pack) * pack
        parts[s] = np.where(parts[s] > 0, raised, 0)
    on_order[:, columns] += (parts.sum(axis=0) - wanted).astype(np.int32)
    orders[:, columns] = 0


def issue_oldest(ages: Units, gone: Units, tick: int) -> None:
    """Take units from the lots that end first.

    Parameters
    ----------
    ages : (H, R, M) units by the tick at which they end, modulo H, none before `tick`; reduced
    gone : (R, M) units to take; emptied
    """
    for step in range(len(ages)):
        slot = ages[(tick + step) % len(ages)]
        taken = np.minimum(slot, gone)
        slot -= taken
        gone -= taken
        if not gone.any():
            return


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
    """Share a site's stock out among its lanes, the oldest orders first.

    Of the units ordered on the one tick at which the stock runs out each is as likely to be left
    as any other; above 256 units they are left in proportion, floor(x (b + w) / c) -
    floor(x b / c) of the w units of a lane after lanes with b, of c in all, where x are left.

    Parameters
    ----------
    asked : (T, J, R, K) units that were ordered at each tick, by lane; each lane's queue is the
        last of them
    held : (J, R, K) units at the end of each queue that may not go now
    wants : (J, R, K) units before them, that may
    stock : (R, K)
    granted : (J, R, K) units, written
    """
    granted[...] = wants
    over_all = wants.sum(axis=0, dtype=np.int64) - stock
    line, column = np.nonzero(over_all > 0)
    over = over_all[line, column]
    skip = held[:, line, column].astype(np.int64)
    left = wants[:, line, column].astype(np.int64)
    behind = np.zeros_like(left)
    todo = np.arange(len(line))
    for day in range(tick, -1, -1):  # newest first: these are left
        if not len(todo):
            break
        units = asked[day][:, line[todo], column[todo]].astype(np.int64)
        past = np.minimum(units, skip[:, todo])
        skip[:, todo] -= past
        mine = np.minimum(units - past, left[:, todo])
        left[:, todo] -= mine
        there = mine.sum(axis=0)
        part = np.flatnonzero(there > over[todo])
        if len(part):
            cells = todo[part]
            bits = mix_all(row_keys[line[cells]] + sku_keys[column[cells]])
            mine[:, part] = _left(mine[:, part], over[cells], bits)
        behind[:, todo] += mine
        over[todo] -= mine.sum(axis=0)
        todo = todo[over[todo] > 0]
    granted[:, line, column] -= behind.astype(np.int32)


def _left(mine: Sums, over: Sums, bits: Keys) -> Sums:
    """(J, N) units that are left of those of one tick, `over` in all."""
    there = mine.sum(axis=0)
    ends = mine.cumsum(axis=0)
    left: Sums = over * ends // there - over * (ends - mine) // there
    few = np.flatnonzero(there <= DRAWN_APART)
    left[:, few] = 0
    unit = 0
    rest = mine.copy()
    while len(few):
        unit += 1
        drawn = (mix_all(bits[few] + np.uint64(unit)) >> np.uint64(33)).astype(np.int64)
        place = (drawn * (there[few] - unit + 1)) >> 31
        lane = (rest[:, few].cumsum(axis=0) <= place).sum(axis=0)
        rest[lane, few] -= 1
        left[lane, few] += 1
        few = few[over[few] > unit]
    return left


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
    """Set stock aside for channels, deal the demand out to them, and grant what they may take.

    A channel takes from what is kept for it, then what nobody keeps once old debts are paid, of
    which a channel that wants w after channels that want b, of c in all, gets floor(h (b + w) / c)
    - floor(h b / c) of h units.

    Parameters
    ----------
    on_hand, slot, backlog, demand : (R, K) units; `slot` comes in today
    stopped : (R,) nothing leaves the site
    begins : a bucket begins: reserves are set anew
    share, before : (C, R) of the shelf that is kept, in 1/65,536, today and on the tick before
    free : (C, R) whether the reserve is open to all
    up_to : (C, K) share of the demand that channels up to this one ask for, in 1/65,536
    row_keys, sku_keys : (R,), (K,) of the random number that deals the demand out
    kept : (C, R, K) units kept, brought up to date
    allowed : (R, K) units that may leave to customers, written
    tally : (2, C, R) units asked for and granted, written
    """
    there = (on_hand + slot).astype(np.int64)
    of_shelf = (there[None] * share[:, :, None]) >> 16
    held = kept + ((slot.astype(np.int64)[None] * share[:, :, None]) >> 16)
    held = np.where((share < before)[:, :, None], np.minimum(held, of_shelf), held)
    held = np.where((share > before)[:, :, None] | begins, of_shelf, held)
    held[free] = 0
    open_stock = there.copy()
    for each in held:  # goods may have left otherwise
        np.minimum(each, open_stock, out=each)
        open_stock -= each
    phase = (mix_all(row_keys[:, None] + sku_keys[None, :]) & LOW).astype(np.int64)
    so_far = (demand.astype(np.int64)[None] * up_to[:, None, :] + phase) >> 16
    asked = np.diff(so_far, axis=0, prepend=np.zeros_like(so_far[:1]))
    asked[:, stopped] = 0
    own = np.minimum(asked, held)
    kept[...] = held - own
    debts = np.minimum(open_stock, backlog)
    open_stock -= debts
    wants = asked - own
    total = wants.sum(axis=0)
    earlier = np.cumsum(wants, axis=0) - wants
    of_all = np.maximum(total, 1)
    part = open_stock * (earlier + wants) // of_all - open_stock * earlier // of_all
    part = np.where(total <= open_stock, wants, part)
    allowed[...] = debts + (own + part).sum(axis=0)
    tally[0] = asked.sum(axis=2)
    tally[1] = (own + part).sum(axis=2)
