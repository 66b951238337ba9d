"""Small random buyers' problems with everything that can bind."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from optimizer.replenishment.buyer.problem import (
    Groups,
    Items,
    Options,
    Problem,
    Rules,
    Storage,
)


def random_problem(seed: int, *, losses: bool = False) -> Problem:
    """Return 2-3 items, 3-4 periods, 2 suppliers: packs, MOQ, breaks, minimum, trucks, limits."""
    draw = np.random.default_rng(seed)
    count, periods, n_groups = int(draw.integers(2, 4)), int(draw.integers(3, 5)), 2
    demand = draw.integers(0, 7, (count, periods))
    receipts = np.where(draw.random((count, periods)) < 0.15, draw.integers(1, 4), 0)
    opening = draw.integers(0, 5, count)
    pairs = [(i, g) for i in range(count) for g in range(n_groups) if draw.random() < 0.7 or g == 0]
    item, group = (np.array(part, np.int64) for part in zip(*pairs, strict=True))
    n = len(pairs)
    multiple = draw.integers(1, 4, n)
    low = multiple * draw.integers(1, 3, n)
    base = draw.uniform(1.0, 3.0, n)
    lows, highs, prices, offsets, start = [], [], [], [], [0]
    for option in range(n):
        cut, end = low[option] + 2 * multiple[option], low[option] + 5 * multiple[option]
        kind = draw.integers(3)
        cheap = base[option] * draw.uniform(0.8, 0.95)
        if kind == 0:
            parts = [(low[option], end, base[option], 0.0)]
        else:
            offset = (base[option] - cheap) * cut if kind == 1 else 0.0
            parts = [
                (low[option], cut - multiple[option], base[option], 0.0),
                (cut, end, cheap, offset),
            ]
        for least, most, price, begin in parts:
            lows.append(least)
            highs.append(most)
            prices.append(price)
            offsets.append(begin)
        start.append(len(lows))
    usable = np.where(draw.random(n) < 0.5, 0.8, 1.0) if losses else np.ones(n)
    lead = draw.integers(0, 2, n_groups)
    arrival = np.arange(periods)[None, :] + lead[group][:, None]
    arrival = np.where(arrival < periods, arrival, -1)
    m3 = draw.uniform(0.5, 2.0, n)
    truck = draw.random(n_groups) < 0.5
    volume = draw.uniform(0.5, 1.5, count)
    stock, bare = opening.copy(), np.empty((count, periods))
    peak = opening.copy()
    for period in range(periods):
        stock = stock + receipts[:, period]
        peak = np.maximum(peak, stock)
        stock = np.maximum(stock - demand[:, period], 0)
        bare[:, period] = stock
    spend = float(demand.mean(axis=1).sum() * base.mean())
    room = np.maximum((volume[:, None] * (bare + 2.0)).sum(axis=0), volume @ bare)
    return Problem(
        Items(
            demand, receipts, opening, draw.uniform(0.02, 0.2, count),
            draw.uniform(6.0, 12.0, count), draw.integers(0, 3, count),
            draw.uniform(0.0, 0.3, count), draw.uniform(0.0, 0.8, count),
            np.maximum(demand.sum(axis=1) + 8, peak),
        ),
        Options(
            item, group, multiple, usable,
            arrival, draw.uniform(0.0, 0.5, n), draw.uniform(0.0, 0.2, n), m3 * 2.0, m3,
            np.array(start, np.int64), np.array(lows, np.int64), np.array(highs, np.int64),
            np.array(prices), np.array(offsets),
        ),
        Groups(
            draw.uniform(0.5, 5.0, n_groups), draw.uniform(0.0, 0.5, n_groups) * spend,
            np.where(truck, draw.uniform(0.5, 3.0, n_groups), 0.0),
            np.full(n_groups, np.inf), np.where(truck, 8.0, np.inf),
            np.where(truck, draw.uniform(0.0, 0.6, n_groups), 0.0),
        ),
        Rules(np.ones((1, n)), np.zeros((1, n)), np.full((1, periods), 1.6 * spend)),
        Storage(volume[None, :], room[None, :]),
    )  # fmt: skip


@pytest.fixture
def problems() -> Callable[..., Problem]:
    """Return the maker of small random problems."""
    return random_problem
