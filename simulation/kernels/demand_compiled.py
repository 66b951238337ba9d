"""Loops for numba: demand drawn and thinned; same bits as `demand_reference`."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Keys, Places, Units
from simulation.kernels.mixing import (
    EXACT_THINNING,
    FIRST,
    S27,
    S30,
    S31,
    S33,
    S48,
    SECOND,
    SIXTEEN_BITS,
)
from simulation.kernels.rows import ALL

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
