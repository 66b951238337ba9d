"""A part of tonight's orders, small enough to learn prices on before the whole is looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.problem import (
    Arms,
    Groups,
    Options,
    Pairs,
    Problem,
    Rows,
    Segments,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLE_OPTIONS = 60_000
WORTH_SAMPLING = 150_000


def sample_of(problem: Problem, free_usage: Floats, seed: int) -> tuple[Problem, Ints] | None:
    """Return a random part of the orders, rows cut in proportion to their need, and its arms.

    Parameters
    ----------
    free_usage : (n_options,) units that would be ordered if nothing were scarce
    seed : of the choice

    Returns
    -------
    part : and (n_arms of it,) the arms of the whole problem; None where a sample is not worth it
    """
    options = problem.options
    count = len(options)
    if count < WORTH_SAMPLING:
        return None
    kept = np.random.default_rng(seed).random(len(problem.groups)) < SAMPLE_OPTIONS / count
    if not kept.any():
        return None
    at = np.flatnonzero(kept[options.group])
    arms_kept = np.flatnonzero(kept[problem.arms.group])
    new_group = np.cumsum(kept) - 1
    used_pairs, pair = np.unique(options.pair[at], return_inverse=True)
    segment = np.flatnonzero(kept[options.group[problem.segments.option]])
    length = np.diff(options.segment_start)[at]
    new_option = np.repeat(np.arange(len(at)), length)
    money = problem.money_of(np.arange(count), free_usage)
    rows = problem.rows
    whole = rows.money @ money + rows.units @ free_usage
    part_money, part_units = rows.money[:, at], rows.units[:, at]
    part = part_money @ money[at] + part_units @ free_usage[at]
    fraction = np.clip(
        np.where(whole > 0.0, part / np.where(whole > 0.0, whole, 1.0), 1.0), 1e-6, 1.0
    )
    pairs, segments, arms = problem.pairs, problem.segments, problem.arms
    small = Problem(
        Pairs(
            pairs.position[used_pairs],
            pairs.mean[used_pairs],
            pairs.sd[used_pairs],
            pairs.holding[used_pairs],
            pairs.shortage[used_pairs],
        ),
        Options(
            pair.astype(np.int64),
            new_group[options.group[at]],
            options.usable[at],
            options.kg[at],
            options.m3[at],
            options.cheapest[at],
            options.low[at],
            options.high[at],
            options.multiple[at],
            np.r_[0, np.cumsum(length)].astype(np.int64),
        ),
        Segments(
            new_option,
            segments.low[segment],
            segments.high[segment],
            segments.price[segment],
            segments.offset[segment],
        ),
        Groups(problem.groups.cost[kept], problem.groups.minimum[kept]),
        Arms(
            new_group[arms.group[arms_kept]],
            arms.per_shipment[arms_kept],
            arms.per_kg[arms_kept],
            arms.per_m3[arms_kept],
            arms.per_unit[arms_kept],
            arms.shipment_kg[arms_kept],
            arms.shipment_m3[arms_kept],
            arms.g_per_kg[arms_kept],
            arms.co2_per_kg[arms_kept],
        ),
        Rows(part_money, part_units, rows.room * fraction, rows.kind, rows.entity),
    )
    return small, arms_kept
