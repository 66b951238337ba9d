"""In NumPy, the reference: demand drawn and thinned."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Units
from simulation.kernels import rows as at
from simulation.kernels.mixing import EXACT_THINNING
from simulation.streams import mix_all

IN_CACHE = 8192  # numbers drawn in one stroke


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
